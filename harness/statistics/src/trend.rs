//! Whether a series grows.

use crate::bootstrap::{Bootstrap, block_length, draw_blocks};
use crate::error::StatisticsError;
use crate::interval::Interval;
use crate::sample::{check, mean, quantile};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Fewest points that have a slope.
pub(crate) const LEAST_POINTS: usize = 8;

/// By how much a series grows from one point to the next: the slope of the line of least squares through
/// equally spaced points.
///
/// Its interval comes from resampling blocks of the residuals (the model-based block bootstrap: Lahiri,
/// *Resampling Methods for Dependent Data*, 2003, chapter 6): a backlog that wanders makes a wide one.
///
/// # Errors
///
/// Fewer than eight points, or one that is not finite.
pub fn slope(values: &[f64], bootstrap: &Bootstrap) -> Result<Interval, StatisticsError> {
    check("a trend", values, LEAST_POINTS)?;
    let confidence = bootstrap.confidence;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(StatisticsError::Confidence(confidence));
    }
    let line = Line::through(values);
    let residuals: Vec<f64> =
        values.iter().enumerate().map(|(x, y)| y - line.at(x as f64)).collect();
    // Residuals of a fit vary less than what they stand for: two parameters are fitted.
    let size = values.len() as f64;
    let scale = (size / (size - 2.0)).sqrt();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(bootstrap.seed);
    let (block, mut resample) = (block_length(&residuals), Vec::new());
    let drawn = (0..bootstrap.resamples).map(|_| {
        draw_blocks(&residuals, block, &mut resample, &mut random);
        line.slope + scale * Line::through(&resample).slope
    });
    let drawn: Vec<f64> = drawn.collect();
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = (quantile(&drawn, tail), quantile(&drawn, 1.0 - tail));
    Ok(Interval { low, estimate: line.slope, high, confidence })
}

struct Line {
    slope: f64,
    middle: (f64, f64),
}

impl Line {
    fn through(values: &[f64]) -> Self {
        let middle = ((values.len() - 1) as f64 / 2.0, mean(values));
        let (mut together, mut alone) = (0.0, 0.0);
        for (x, y) in values.iter().enumerate() {
            let distance = x as f64 - middle.0;
            together += distance * (y - middle.1);
            alone += distance * distance;
        }
        Self { slope: together / alone, middle }
    }

    fn at(&self, x: f64) -> f64 {
        self.middle.1 + self.slope * (x - self.middle.0)
    }
}
