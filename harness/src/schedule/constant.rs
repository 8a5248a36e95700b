//! Evenly spaced arrivals.

use super::quantity::Rate;

pub(super) const NS_PER_S: u64 = 1_000_000_000;

/// Record `i` is due at `floor(i * ns / records)`: the rate is `records` in `ns` nanoseconds, in
/// integers.
#[derive(Clone, Copy, Debug)]
pub(super) struct EvenArrivals {
    ns: u64,
    records: u64,
}

impl EvenArrivals {
    pub(super) fn new(rate: Rate) -> Self {
        let rate = rate.fraction();
        Self { ns: NS_PER_S * rate.denominator, records: rate.numerator }
    }

    /// `floor(x) < t` just where `x < t`, for whole `t`: so this is `ceil(t * records / ns)`.
    pub(super) fn count_before(&self, t_ns: u64) -> u64 {
        (u128::from(t_ns) * u128::from(self.records)).div_ceil(u128::from(self.ns)) as u64
    }

    pub(super) fn fill(&self, first: u64, step: u64, out: &mut [u64]) {
        let position = u128::from(first) * u128::from(self.ns);
        let stride = u128::from(step) * u128::from(self.ns);
        fill_linear(position, stride, u128::from(self.records), 0, out);
    }
}

/// Writes `offset + floor((position + k * stride) / divisor)` for `k` = 0, 1, ..., by carrying the
/// remainder along: two divisions a call, none a record.
pub(super) fn fill_linear(
    position: u128,
    stride: u128,
    divisor: u128,
    offset: u64,
    out: &mut [u64],
) {
    // What comes after the last record may overflow, and is not used.
    let mut whole = offset.wrapping_add((position / divisor) as u64);
    let whole_step = (stride / divisor) as u64;
    match (u64::try_from(position % divisor), u64::try_from(divisor)) {
        (Ok(mut rest), Ok(divisor)) if divisor <= u64::MAX / 2 => {
            let rest_step = (stride % u128::from(divisor)) as u64;
            for at in out {
                *at = whole;
                rest += rest_step;
                let carry = u64::from(rest >= divisor);
                rest -= divisor * carry;
                whole = whole.wrapping_add(whole_step + carry);
            }
        }
        _ => {
            let (mut rest, rest_step) = (position % divisor, stride % divisor);
            for at in out {
                *at = whole;
                rest += rest_step;
                let carry = u64::from(rest >= divisor);
                rest -= divisor * u128::from(carry);
                whole = whole.wrapping_add(whole_step + carry);
            }
        }
    }
}
