//! From where on a series is steady.
//!
//! MSER-5: K. P. White, "An effective truncation heuristic for bias reduction in simulation output",
//! Simulation 69 (1997); Franklin and White, Winter Simulation Conference 2008. Of all ways to cut off the
//! beginning it takes the one after which the mean of the rest is known best: each point cut makes the rest
//! fewer, and pays only if it was unlike them.

use crate::bootstrap::Bootstrap;
use crate::error::StatisticsError;
use crate::sample::{check, mean, median, spread};
use crate::trend::{LEAST_POINTS, Line, by_blocks, inflation};

/// Points that are averaged before the rule is applied.
pub const BATCH: usize = 5;

/// Averages that must be there, for the rule to have something to go by.
pub const LEAST: usize = 10;

/// A beginning shorter than so many averages cannot be told from a disturbance, and is not cut.
pub const SHORTEST: usize = 3;

/// So many standard deviations from the middle of the second half a value is taken to be this far, and no
/// further.
const FENCE: f64 = 4.5;

/// How many standard errors a beginning must be from the rest to be cut, or a drift must be long; a few
/// values do not know their errors well, so of `n` it takes more.
fn clear(n: usize) -> f64 {
    4.0 * (1.0 + 8.0 / n as f64)
}

/// How much of what neighbours have in common a few values hide, by their number ([`inflation`]).
const HIDDEN: f64 = 2.0;

/// What [`settle_averages`] takes for a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// A beginning is cut if its median differs from that of the rest by more, as a share of the latter.
    pub unlike: f64,
    /// A rest drifts if it rises or falls by more from its first value to its last, as a share of its mean.
    pub drift: f64,
    /// For the interval of the drift, which has to exclude zero.
    pub bootstrap: Bootstrap,
}

impl Default for Rule {
    /// 10 %; 30 %, and an interval of 99 % from 1,000 resamples.
    fn default() -> Self {
        let bootstrap = Bootstrap { confidence: 0.99, resamples: 1_000, ..Bootstrap::default() };
        Self { unlike: 0.1, drift: 0.3, bootstrap }
    }
}

/// Where a series settles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steadiness {
    /// From point `cut` on.
    Settled {
        /// Points before it belong to the warm-up.
        cut: usize,
        /// Mean of the rest.
        mean: f64,
    },
    /// The best cut would leave less than half: what is measured is a transient.
    StillChanging {
        /// Where the best cut would be.
        cut: usize,
    },
    /// The rest after the cut rises or falls all the way.
    Drifting {
        /// Points cut.
        cut: usize,
        /// How much the rest rises from its first point to its last, as a share of its mean.
        drift: f64,
    },
}

/// Finds out where `values` settle. A drift over the rest counts if its interval excludes zero and it
/// exceeds `tolerance`, as a share of the mean.
///
/// # Errors
///
/// Fewer than 50 points, or one that is not finite.
pub fn settle(
    values: &[f64],
    tolerance: f64,
    bootstrap: &Bootstrap,
) -> Result<Steadiness, StatisticsError> {
    check("finding the steady state", values, BATCH * LEAST)?;
    let averages: Vec<f64> = values.chunks_exact(BATCH).map(mean).collect();
    let best = best_cut(&averages, averages.len());
    let cut = best * BATCH;
    if 2 * best > averages.len() {
        return Ok(Steadiness::StillChanging { cut });
    }
    match drifting(&averages[best..], tolerance, bootstrap)? {
        Some(drift) => Ok(Steadiness::Drifting { cut, drift }),
        None => Ok(Steadiness::Settled { cut, mean: mean(&values[cut..]) }),
    }
}

/// Finds out where a series settles whose values are averages (or medians) of many measurements each, and
/// which is that of a running system, with disturbances. The `cut`s of the answer count values.
///
/// It is MSER with three cautions, each against calling a disturbance a beginning, which would hide it:
///
/// - For the rule, values far from the second half's middle count as less far.
/// - The beginning that the rule would cut is cut only if its **median** is unlike the rest's: by more than
///   [`Rule::unlike`], and by more than chance. Otherwise it was a disturbance, and nothing is cut.
/// - It has to be [`SHORTEST`] values long.
///
/// The series never settles if the beginning is longer than half, or the rest drifts; a rest of fewer than
/// eight values is not asked for a drift. A change that begins in the last quarter passes for a disturbance.
///
/// Of series that are steady it refuses, whatever their length from 10 values to 200: none in 100 that vary
/// by 5 % with neighbours that do not depend on each other, up to 2 in 100 if these are correlated, and of
/// those that vary by 30 % up to 1, 3 and 10 in 100 with correlations of 0, 0.5 and 0.8; of 50 values and
/// more up to 3 in 100 at worst. `tests/steady.rs` counts them.
///
/// # Errors
///
/// Fewer than [`LEAST`] values, or one that is not finite.
pub fn settle_averages(averages: &[f64], rule: &Rule) -> Result<Steadiness, StatisticsError> {
    check("finding the steady state", averages, LEAST)?;
    let tame = fenced(averages, rule.unlike);
    // What is left after a cut in the last quarter is no level to settle at. Of a ramp it is the drift that
    // tells.
    let best = best_cut(&tame, tame.len() * 3 / 4);
    let cut = if best >= SHORTEST && unlike(tame.split_at(best), rule.unlike) { best } else { 0 };
    if 2 * cut > tame.len() {
        return Ok(Steadiness::StillChanging { cut });
    }
    match drifting(&tame[cut..], rule.drift, &rule.bootstrap)? {
        Some(drift) => Ok(Steadiness::Drifting { cut, drift }),
        None => Ok(Steadiness::Settled { cut, mean: mean(&averages[cut..]) }),
    }
}

/// How much a rest rises from its first value to its last, as a share of its mean, if it does.
fn drifting(
    rest: &[f64],
    tolerance: f64,
    bootstrap: &Bootstrap,
) -> Result<Option<f64>, StatisticsError> {
    if rest.len() < LEAST_POINTS {
        return Ok(None);
    }
    let growth = by_blocks(rest, bootstrap)?;
    let steps = (rest.len() - 1) as f64;
    let rise = growth.estimate * steps;
    let drift = rise / mean(rest).abs();
    let by_chance = growth.contains(0.0) || rise.abs() < clear(rest.len()) * rise_error(rest);
    Ok(Some(drift).filter(|drift| !by_chance && drift.abs() > tolerance))
}

/// Standard error of a rise over all of `rest`. Resampling a few values understates it.
fn rise_error(rest: &[f64]) -> f64 {
    let left = Line::through(rest).residuals(rest);
    Line::error(&left) * (rest.len() as f64 - 1.0) * inflation(&left, HIDDEN)
}

/// The values, none further from the middle of the second half than its fence.
fn fenced(values: &[f64], tolerance: f64) -> Vec<f64> {
    let second = &values[values.len() / 2..];
    let middle = median(second);
    // Equal values have no spread; what is within the tolerance is no outlier.
    let reach = (FENCE * spread(second)).max(2.0 * tolerance * middle.abs());
    values.iter().map(|value| value.clamp(middle - reach, middle + reach)).collect()
}

/// Whether a beginning as a whole differs from the rest.
fn unlike((beginning, rest): (&[f64], &[f64]), tolerance: f64) -> bool {
    let middle = median(rest);
    let of = |part: &[f64]| {
        let centre = median(part);
        part.iter().map(|value| value - centre).collect::<Vec<f64>>()
    };
    let left = [of(beginning), of(rest)].concat();
    let parts = 1.0 / beginning.len() as f64 + 1.0 / rest.len() as f64;
    let chance = clear(left.len()) * spread(&left) * parts.sqrt() * inflation(&left, HIDDEN);
    (median(beginning) - middle).abs() > chance.max(tolerance * middle.abs())
}

/// The number of leading values without which the mean of the rest has the least standard error. The last
/// few are too few to judge by: their variance may be small by chance. At most `most`.
fn best_cut(values: &[f64], most: usize) -> usize {
    let error = |cut: usize| {
        let rest = &values[cut..];
        let middle = mean(rest);
        let squares: f64 = rest.iter().map(|value| (value - middle).powi(2)).sum();
        squares / (rest.len() as f64).powi(2)
    };
    let cuts = 0..=most.min(values.len() - LEAST / 2);
    cuts.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(0)
}
