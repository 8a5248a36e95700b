//! A high rate at the start of each period and a low one in the rest.

use super::constant::{NS_PER_S, fill_linear};
use super::quantity::Rate;
use super::shape::Burst;

/// An even schedule whose time axis is stretched within each period: the first `share` of the even
/// axis becomes the first `high` of the real one. Both boundaries are whole nanoseconds, so that the
/// mapping is piecewise linear with integer coefficients and the mean rate is exact.
#[derive(Clone, Copy, Debug)]
pub(super) struct BurstArrivals {
    /// The mean rate is `records` in `ns` nanoseconds.
    ns: u128,
    records: u128,
    period: u128,
    /// Where the high part ends.
    high: u128,
    /// Where it would end if the records were evenly spaced.
    share: u128,
}

/// One part of one period. Positions are even times multiplied by `records`.
struct Segment {
    starts: u128,
    ends: u128,
    starts_ns: u128,
    /// Real time is `starts_ns + (position - starts) * stretch / divisor`.
    stretch: u128,
    divisor: u128,
}

impl BurstArrivals {
    pub(super) fn new(rate: Rate, burst: &Burst) -> Self {
        let rate = rate.fraction();
        let period = burst.period.as_nanos();
        let part = |numerator: u64, denominator: u64| {
            period * u128::from(numerator) / u128::from(denominator)
        };
        Self {
            ns: u128::from(NS_PER_S * rate.denominator),
            records: u128::from(rate.numerator),
            period,
            high: part(burst.duty.numerator, burst.duty.denominator).clamp(1, period - 1),
            share: part(burst.share.numerator, burst.share.denominator).clamp(1, period),
        }
    }

    pub(super) fn count_before(&self, t_ns: u64) -> u64 {
        let t = u128::from(t_ns);
        let (start, within) = (t - t % self.period, t % self.period);
        // The even time that `t` stands for, as a fraction.
        let (even, denominator) = if within <= self.high {
            (start * self.high + within * self.share, self.high)
        } else {
            let low = self.period - self.high;
            let rest = (within - self.high) * (self.period - self.share);
            ((start + self.share) * low + rest, low)
        };
        (even * self.records).div_ceil(self.ns * denominator) as u64
    }

    pub(super) fn fill(&self, first: u64, step: u64, out: &mut [u64]) {
        let stride = u128::from(step) * self.ns;
        let mut position = u128::from(first) * self.ns;
        let mut out = out;
        while !out.is_empty() {
            let segment = self.segment(position);
            let records = (segment.ends - position).checked_div(stride).unwrap_or(u128::MAX);
            // The last of them may be the first past the segment's end by a remainder.
            let records = match stride {
                0 => out.len(),
                _ if records * stride < segment.ends - position => records as usize + 1,
                _ => records as usize,
            };
            let (now, later) = out.split_at_mut(records.min(out.len()));
            // With a single record in the segment the stride is of no use and could overflow.
            let stretched = if now.len() > 1 { stride * segment.stretch } else { 0 };
            fill_linear(
                (position - segment.starts) * segment.stretch,
                stretched,
                segment.divisor,
                segment.starts_ns as u64,
                now,
            );
            position += stride * now.len() as u128;
            out = later;
        }
    }

    fn segment(&self, position: u128) -> Segment {
        let whole = self.period * self.records;
        let period = position / whole;
        let (starts, starts_ns) = (period * whole, period * self.period);
        let middle = starts + self.share * self.records;
        if position < middle {
            Segment {
                starts,
                ends: middle,
                starts_ns,
                stretch: self.high,
                divisor: self.share * self.records,
            }
        } else {
            Segment {
                starts: middle,
                ends: starts + whole,
                starts_ns: starts_ns + self.high,
                stretch: self.period - self.high,
                divisor: (self.period - self.share) * self.records,
            }
        }
    }
}
