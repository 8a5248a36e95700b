//! A comparison in a word.
//!
//! Two measurements of the same thing differ. What is called a change must therefore clear two bars: its
//! interval excludes what chance does, and all of it lies beyond the **noise band**, the differences that
//! this machine shows between a program and itself.

use crate::effect::{Magnitude, dominance};
use crate::error::StatisticsError;
use crate::interval::Interval;
use crate::means;
use crate::ranks::{mann_whitney, signed_rank};
use crate::sample::logarithms;
use crate::shift;
use std::fmt;

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Better, by more than noise.
    Improved,
    /// Worse, by more than noise.
    Regressed,
    /// Whatever the difference is, it is no larger than noise.
    Unchanged,
    /// Of several measurements, some better and some worse.
    Mixed,
    /// It may be one or the other: measure more rounds.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Improved => "improved",
            Self::Regressed => "regressed",
            Self::Unchanged => "unchanged",
            Self::Mixed => "mixed",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// Which way is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Throughput.
    Higher,
    /// Latency.
    Lower,
}

/// How comparisons are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judge {
    /// Of the interval; from 0 to 1.
    pub confidence: f64,
    /// Relative differences up to this are noise: 0.02 is 2 %.
    pub band: f64,
}

impl Default for Judge {
    /// 95 %, and a band of 2 %.
    fn default() -> Self {
        Self { confidence: 0.95, band: 0.02 }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The relative change from the base: 0.1 is a tenth more.
    pub change: Interval,
    /// How often chance alone makes a change as large.
    pub p: f64,
    /// How often chance alone carries the mean so far beyond the band ([`means`]): for
    /// [`family::false_discovery`](crate::family::false_discovery), if this is one of many. 1 of a single round.
    pub chance: f64,
    /// How often a new value is larger than an old one, less how often it is smaller.
    pub dominance: f64,
    /// That, in a word.
    pub magnitude: Magnitude,
    /// What it comes to.
    pub verdict: Verdict,
}

impl Judge {
    /// Compares rounds that were run in pairs, interleaved: what was the same for both of a pair drops out.
    ///
    /// # Errors
    ///
    /// Lists of different lengths, or empty ones; values that are not positive.
    pub fn pairs(
        &self,
        better: Better,
        base: &[f64],
        new: &[f64],
    ) -> Result<Comparison, StatisticsError> {
        let ratios = shift::pairs(&logarithms(base)?, &logarithms(new)?)?;
        let change = shift::of_pairs(&ratios, self.confidence)?;
        let chance = means::of_pairs(&ratios, self.edge()).unwrap_or(1.0);
        self.judge(better, change, (signed_rank(&ratios)?.p, chance), dominance(base, new)?)
    }

    /// Compares rounds of two sessions: whatever differed between those is in the result.
    ///
    /// # Errors
    ///
    /// Empty lists, or values that are not positive.
    pub fn groups(
        &self,
        better: Better,
        base: &[f64],
        new: &[f64],
    ) -> Result<Comparison, StatisticsError> {
        let (old_logs, new_logs) = (logarithms(base)?, logarithms(new)?);
        let change = shift::between(&old_logs, &new_logs, self.confidence)?;
        let chance = means::between(&old_logs, &new_logs, self.edge()).unwrap_or(1.0);
        self.judge(better, change, (mann_whitney(new, base)?.p, chance), dominance(base, new)?)
    }

    /// Where the band ends, in logarithms: 2 % is a factor of 1.02 either way.
    fn edge(&self) -> f64 {
        self.band.ln_1p()
    }

    fn judge(
        &self,
        better: Better,
        log_ratio: Interval,
        (p, chance): (f64, f64),
        dominance: f64,
    ) -> Result<Comparison, StatisticsError> {
        let change = log_ratio.map(f64::exp_m1);
        let (up, down) = match better {
            Better::Higher => (Verdict::Improved, Verdict::Regressed),
            Better::Lower => (Verdict::Regressed, Verdict::Improved),
        };
        let edge = self.edge();
        let verdict = if log_ratio.confidence < self.confidence {
            Verdict::Inconclusive
        } else if log_ratio.is_above(edge) {
            up
        } else if log_ratio.is_below(-edge) {
            down
        } else if log_ratio.is_within(-edge, edge) {
            Verdict::Unchanged
        } else {
            Verdict::Inconclusive
        };
        Ok(Comparison {
            change,
            p,
            chance,
            dominance,
            magnitude: Magnitude::of(dominance),
            verdict,
        })
    }
}

/// What several comparisons come to. One that changed outweighs any number that did not; only if all are
/// unchanged is the whole.
#[must_use]
pub fn overall(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let (mut better, mut worse, mut open, mut any) = (false, false, false, false);
    for verdict in verdicts {
        any = true;
        match verdict {
            Verdict::Improved => better = true,
            Verdict::Regressed => worse = true,
            Verdict::Mixed => (better, worse) = (true, true),
            Verdict::Inconclusive => open = true,
            Verdict::Unchanged => {}
        }
    }
    match (better, worse) {
        (true, true) => Verdict::Mixed,
        (true, false) => Verdict::Improved,
        (false, true) => Verdict::Regressed,
        (false, false) if open || !any => Verdict::Inconclusive,
        (false, false) => Verdict::Unchanged,
    }
}
