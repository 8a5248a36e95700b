//! From where on a series is steady.
//!
//! MSER-5: K. P. White, "An effective truncation heuristic for bias reduction in simulation output",
//! Simulation 69 (1997); Franklin and White, Winter Simulation Conference 2008. Of all ways to cut off the
//! beginning it takes the one after which the mean of the rest is known best: each point cut makes the rest
//! fewer, and pays only if it was unlike them.

use crate::bootstrap::Bootstrap;
use crate::error::StatisticsError;
use crate::sample::{check, mean};
use crate::trend::slope;

/// Points that are averaged before the rule is applied.
pub const BATCH: usize = 5;

/// Averages that must be there, for the rule to have something to go by.
const LEAST: usize = 10;

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
    let best = best_cut(&averages);
    let cut = best * BATCH;
    if 2 * best > averages.len() {
        return Ok(Steadiness::StillChanging { cut });
    }
    let rest = &averages[best..];
    let middle = mean(rest);
    let steps = (rest.len() - 1) as f64;
    let growth = slope(rest, bootstrap)?;
    let drift = growth.estimate * steps / middle.abs();
    if !growth.contains(0.0) && drift.abs() > tolerance {
        return Ok(Steadiness::Drifting { cut, drift });
    }
    Ok(Steadiness::Settled { cut, mean: mean(&values[cut..]) })
}

/// The number of leading values without which the mean of the rest has the least standard error. The last
/// few are too few to judge by: their variance may be small by chance.
fn best_cut(values: &[f64]) -> usize {
    let error = |cut: usize| {
        let rest = &values[cut..];
        let middle = mean(rest);
        let squares: f64 = rest.iter().map(|value| (value - middle).powi(2)).sum();
        squares / (rest.len() as f64).powi(2)
    };
    let cuts = 0..=values.len() - LEAST / 2;
    cuts.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(0)
}
