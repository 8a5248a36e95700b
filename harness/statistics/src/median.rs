//! How sure a median is, whatever the values are distributed like.

use crate::error::StatisticsError;
use crate::interval::Interval;
use crate::sample::{check, quantile_of_sorted, sorted};
use statrs::distribution::{Binomial, DiscreteCDF};

/// The median, with order statistics for bounds: each value lies above the true median as often as a coin
/// shows heads, so that the level is a binomial probability, exact for any distribution (Hollander and
/// Wolfe, *Nonparametric Statistical Methods*, chapter 3.6; R's `DescTools::MedianCI`).
///
/// Few values allow few levels. The interval is the narrowest that reaches `confidence`, and says its own
/// level. Below six values none reaches 95 %: it is the least and the largest value then, at 1 - 2^(1 - n).
///
/// # Errors
///
/// No value, one that is not finite, or a confidence that is not between 0 and 1.
pub fn interval(values: &[f64], confidence: f64) -> Result<Interval, StatisticsError> {
    check("a median", values, 1)?;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatisticsError::Confidence(confidence));
    }
    let values = sorted(values);
    let heads = Binomial::new(0.5, values.len() as u64).map_err(|_| StatisticsError::TooFew {
        what: "a median",
        needed: 1,
        got: values.len(),
    })?;
    let level = |off: usize| 1.0 - 2.0 * heads.cdf(off as u64);
    let mut off = 0;
    while 2 * (off + 1) < values.len() && level(off + 1) >= confidence {
        off += 1;
    }
    Ok(Interval {
        low: values[off],
        estimate: quantile_of_sorted(&values, 0.5),
        high: values[values.len() - 1 - off],
        confidence: level(off).max(0.0),
    })
}
