//! How large a difference is, beside how much values differ anyway.

use crate::error::StatisticsError;
use crate::sample::{check, mean, variance};
use std::fmt;

/// How often a value of `new` is larger than one of `base`, less how often it is smaller: from -1 to 1.
/// N. Cliff, Psychological Bulletin 114 (1993).
///
/// # Errors
///
/// An empty list, or a value that is not finite.
pub fn dominance(base: &[f64], new: &[f64]) -> Result<f64, StatisticsError> {
    check("an effect size", base, 1)?;
    check("an effect size", new, 1)?;
    let sign = |new: f64, base: f64| f64::from(i8::from(new > base) - i8::from(new < base));
    let pairs = new.iter().flat_map(|new| base.iter().map(move |base| sign(*new, *base)));
    Ok(pairs.sum::<f64>() / (base.len() * new.len()) as f64)
}

/// How probable it is that a value of `new` is the larger one: from 0 to 1, half of what is equal
/// included. Vargha and Delaney, Journal of Educational and Behavioral Statistics 25 (2000).
///
/// # Errors
///
/// Those of [`dominance`].
pub fn superiority(base: &[f64], new: &[f64]) -> Result<f64, StatisticsError> {
    Ok(f64::midpoint(dominance(base, new)?, 1.0))
}

/// The difference of the means in standard deviations, corrected for few values. L. V. Hedges, Journal of
/// Educational Statistics 6 (1981).
///
/// # Errors
///
/// Fewer than two values in a list, or one that is not finite.
pub fn hedges_g(base: &[f64], new: &[f64]) -> Result<f64, StatisticsError> {
    check("an effect size", base, 2)?;
    check("an effect size", new, 2)?;
    let freedom = (base.len() + new.len() - 2) as f64;
    let squares = (base.len() - 1) as f64 * variance(base) + (new.len() - 1) as f64 * variance(new);
    let difference = mean(new) - mean(base);
    if difference == 0.0 {
        return Ok(0.0);
    }
    Ok(difference / (squares / freedom).sqrt() * (1.0 - 3.0 / (4.0 * freedom - 1.0)))
}

/// How large a [`dominance`] is, in a word. The bounds are those of Romano and others (2006): 0.147, 0.33
/// and 0.474.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Magnitude {
    /// Nobody would notice.
    Negligible,
    /// Seen by measuring.
    Small,
    /// Seen by looking.
    Medium,
    /// Hardly a value of one list among those of the other.
    Large,
}

impl Magnitude {
    /// Of a [`dominance`].
    #[must_use]
    pub fn of(dominance: f64) -> Self {
        match dominance.abs() {
            size if size < 0.147 => Self::Negligible,
            size if size < 0.33 => Self::Small,
            size if size < 0.474 => Self::Medium,
            _ => Self::Large,
        }
    }
}

impl fmt::Display for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negligible => "negligible",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        })
    }
}
