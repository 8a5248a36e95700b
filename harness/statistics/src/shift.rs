//! By how much two lists differ, with an interval whose level is exact: Hodges and Lehmann, Annals of
//! Mathematical Statistics 34 (1963), with the bounds of Moses and of Tukey (Hollander and Wolfe,
//! *Nonparametric Statistical Methods*, chapters 3.2, 3.3, 4.2 and 4.3). R's `wilcox.test(conf.int = TRUE)` computes the same.
//!
//! The bounds are order statistics, so that few values allow few levels. The interval says which one it
//! has: the smallest that reaches what was asked for, and where none does, the largest that there is.

use crate::error::StatisticsError;
use crate::interval::Interval;
use crate::ranks::{rank_sums, signed_sums};
use crate::sample::{check, quantile_of_sorted, sorted};

/// How much larger the values of `new` are than those of `base`, where nothing ties them together: the
/// median of all differences between one of each.
///
/// # Errors
///
/// An empty list, or a value that is not finite.
pub fn between(base: &[f64], new: &[f64], confidence: f64) -> Result<Interval, StatisticsError> {
    check("a shift", base, 1)?;
    check("a shift", new, 1)?;
    let differences = new.iter().flat_map(|new| base.iter().map(move |base| new - base));
    let differences: Vec<f64> = differences.collect();
    bounds(&differences, &rank_sums(base.len(), new.len()), confidence)
}

/// About what value differences of pairs lie: the median of the means of any two of them.
///
/// # Errors
///
/// No difference, or one that is not finite.
pub fn of_pairs(differences: &[f64], confidence: f64) -> Result<Interval, StatisticsError> {
    check("a shift", differences, 1)?;
    let means = (0..differences.len()).flat_map(|one| {
        differences[one..].iter().map(move |other| f64::midpoint(differences[one], *other))
    });
    bounds(&means.collect::<Vec<_>>(), &signed_sums(differences.len()), confidence)
}

/// The differences of lists whose values belong together by place.
///
/// # Errors
///
/// Lists of different lengths.
pub fn pairs(base: &[f64], new: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    if base.len() != new.len() {
        return Err(StatisticsError::Unpaired { left: base.len(), right: new.len() });
    }
    Ok(new.iter().zip(base).map(|(new, base)| new - base).collect())
}

/// Takes off as many candidates at either end as the statistic's distribution allows. There is one
/// candidate for each value that the statistic can take, but one.
fn bounds(
    candidates: &[f64],
    probabilities: &[f64],
    confidence: f64,
) -> Result<Interval, StatisticsError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatisticsError::Confidence(confidence));
    }
    let candidates = sorted(candidates);
    let tail = (1.0 - confidence) / 2.0;
    let (mut off, mut below) = (0, probabilities[0]);
    while below + probabilities[off + 1] <= tail && 2 * (off + 1) < candidates.len() {
        off += 1;
        below += probabilities[off];
    }
    Ok(Interval {
        low: candidates[off],
        estimate: quantile_of_sorted(&candidates, 0.5),
        high: candidates[candidates.len() - 1 - off],
        confidence: 1.0 - 2.0 * below,
    })
}
