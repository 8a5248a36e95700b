//! A rate that changes linearly over the schedule.

use super::constant::NS_PER_S;
use super::quantity::Rate;

/// The count by time `t` is the integral of the rate, `(2 T a t + (b - a) t²) / (2 T)`, with the
/// rates `a` and `b` in records per nanosecond. Everything is multiplied by `scale`, which makes it
/// whole; record `i` is due at the last `t` whose integral is at most `i`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RampArrivals {
    horizon: i128,
    /// `2 T a`, scaled.
    linear: i128,
    /// `b - a`, scaled.
    square: i128,
    scale: i128,
    /// `a` and `(b - a) / T` in records per ns: for the first guess only.
    from: f64,
    slope: f64,
}

impl RampArrivals {
    /// `None` if the sums would overflow.
    pub(super) fn new(from: Rate, to: Rate, horizon_ns: u64) -> Option<Self> {
        let (a, b) = (from.fraction(), to.fraction());
        let denominator = i128::from(a.denominator) * i128::from(b.denominator);
        let first = i128::from(a.numerator) * i128::from(b.denominator);
        let last = i128::from(b.numerator) * i128::from(a.denominator);
        let horizon = i128::from(horizon_ns);
        // The largest term anywhere, with room for the sum of two and for one record more.
        let square = horizon.checked_mul(horizon)?;
        first.max(last).checked_mul(8)?.checked_mul(square)?;
        let scale = (2 * horizon * i128::from(NS_PER_S)).checked_mul(denominator)?;
        let per_ns = 1.0 / NS_PER_S as f64;
        Some(Self {
            horizon,
            linear: 2 * horizon * first,
            square: last - first,
            scale,
            from: from.as_f64() * per_ns,
            slope: (to.as_f64() - from.as_f64()) * per_ns / horizon_ns as f64,
        })
    }

    pub(super) fn count_before(&self, t_ns: u64) -> u64 {
        let integral = self.integral(i128::from(t_ns)).unsigned_abs();
        integral.div_ceil(self.scale.unsigned_abs()) as u64
    }

    pub(super) fn fill(&self, first: u64, step: u64, out: &mut [u64]) {
        let mut index = first;
        for at in out {
            *at = self.scheduled(index);
            index = index.wrapping_add(step);
        }
    }

    fn integral(&self, t: i128) -> i128 {
        (self.linear + self.square * t) * t
    }

    /// A floating-point root, then the exact one beside it: nearly always the same or the next.
    fn scheduled(&self, index: u64) -> u64 {
        let count = index as f64;
        let root = (self.from * self.from + 2.0 * self.slope * count).max(0.0).sqrt();
        let guess = (2.0 * count / (self.from + root)) as i128;
        self.last_at_most(i128::from(index) * self.scale, guess.clamp(0, self.horizon - 1)) as u64
    }

    /// The largest `t` with `integral(t) <= target`, searched for in growing steps from `guess`.
    /// It lies in `0..horizon`, where the integral grows strictly.
    fn last_at_most(&self, target: i128, guess: i128) -> i128 {
        let fits = |t| self.integral(t) <= target;
        let mut step = 1;
        let (mut low, mut high) = (guess, guess + 1);
        if fits(guess) {
            while high < self.horizon && fits(high) {
                low = high;
                step *= 2;
                high = (low + step).min(self.horizon);
            }
        } else {
            while !fits(low) {
                high = low;
                low = (low - step).max(0);
                step *= 2;
            }
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle) { low = middle } else { high = middle }
        }
        low
    }
}
