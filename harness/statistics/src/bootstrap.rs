//! Intervals by resampling: what would a statistic have been, had the rounds come out otherwise?
//!
//! - [`Bootstrap::interval`] and [`Bootstrap::between`]: independent values, bias-corrected and accelerated
//!   (BCa): B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987); Efron and Tibshirani, *An
//!   Introduction to the Bootstrap* (1993), chapter 14.
//! - [`Bootstrap::series`]: a series whose neighbours depend on each other, by blocks: H. R. Künsch, Annals
//!   of Statistics 17 (1989), wrapped into a circle as Politis and Romano (1992) do.

mod bca;
mod blocks;
mod distribution;
mod multisets;

pub use blocks::block_length;
pub(crate) use blocks::draw_blocks;

use crate::error::StatisticsError;

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// From 0 to 1.
    pub confidence: f64,
    /// Resamples drawn. Of a few values all that there can be are gone through instead.
    pub resamples: usize,
    /// Of the random numbers.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 95 %, 10,000 resamples.
    fn default() -> Self {
        Self { confidence: 0.95, resamples: 10_000, seed: 0x0077_6569_7221 }
    }
}

impl Bootstrap {
    fn check(&self) -> Result<(), StatisticsError> {
        let sound = self.confidence > 0.0 && self.confidence < 1.0;
        if sound { Ok(()) } else { Err(StatisticsError::Confidence(self.confidence)) }
    }

    /// The share of cases beyond either bound.
    fn tail(&self) -> f64 {
        (1.0 - self.confidence) / 2.0
    }
}
