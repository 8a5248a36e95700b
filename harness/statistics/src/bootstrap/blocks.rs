//! Intervals of a series whose points depend on their neighbours.

use super::Bootstrap;
use super::distribution::Distribution;
use crate::error::StatisticsError;
use crate::interval::Interval;
use crate::sample::{check, mean};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

impl Bootstrap {
    /// The interval of a statistic of a series, by resampling blocks of `block` neighbours (`None`: as many
    /// as [`block_length`] says): what lies close together stays so.
    ///
    /// # Errors
    ///
    /// Fewer than eight values, or one that is not finite.
    pub fn series(
        &self,
        values: &[f64],
        block: Option<usize>,
        statistic: impl Fn(&[f64]) -> f64,
    ) -> Result<Interval, StatisticsError> {
        self.check()?;
        check("a block bootstrap", values, 8)?;
        let block = block.unwrap_or_else(|| block_length(values)).clamp(1, values.len());
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut resample = Vec::with_capacity(values.len() + block);
        let drawn = (0..self.resamples).map(|_| {
            draw_blocks(values, block, &mut resample, &mut random);
            (statistic(&resample), 1.0)
        });
        let drawn = Distribution::new(drawn.collect());
        let (estimate, tail) = (statistic(values), self.tail());
        let (low, high) = (drawn.quantile(tail), drawn.quantile(1.0 - tail));
        Ok(Interval { low, estimate, high, confidence: self.confidence })
    }
}

/// Fills `to` with as many values as there are, in blocks that begin anywhere and go round the end.
pub(crate) fn draw_blocks(
    values: &[f64],
    block: usize,
    to: &mut Vec<f64>,
    random: &mut Xoshiro256PlusPlus,
) {
    to.clear();
    while to.len() < values.len() {
        let begin = random.random_range(0..values.len());
        to.extend(values.iter().cycle().skip(begin).take(block));
    }
    to.truncate(values.len());
}

/// How long blocks should be so that the variance of a mean comes out best: Politis and White, Econometric
/// Reviews 23 (2004), for the circular bootstrap, with the correction of Patton, Politis and White, ibid. 28
/// (2009).
#[must_use]
pub fn block_length(values: &[f64]) -> usize {
    let n = values.len();
    let correlations = autocovariances(values);
    if n < 8 || correlations[0] <= 0.0 {
        return 1;
    }
    let size = n as f64;
    let run = size.log10().sqrt().ceil().max(5.0) as usize;
    let most = (size.sqrt().ceil() as usize + run).min(n - 1);
    // A run of correlations that are none, beyond chance, begins behind the last that counts.
    let chance = 2.0 * (size.log10() / size).sqrt();
    let is_none = |lag: usize| (correlations[lag] / correlations[0]).abs() < chance;
    let quiet = (1..=most.saturating_sub(run) + 1)
        .find(|first| (*first..first + run).all(|lag| lag > most || is_none(lag)));
    let last = quiet.map_or(most, |first| first.max(2) - 1).max(1);
    let reach = (2 * last).min(most);
    // Weights fall from 1 to 0 over the second half: a flat-top kernel.
    let (mut weighted, mut spectrum) = (0.0, correlations[0]);
    for (lag, correlation) in correlations.iter().enumerate().take(reach + 1).skip(1) {
        let share = lag as f64 / reach as f64;
        let weight = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        weighted += 2.0 * weight * lag as f64 * correlation;
        spectrum += 2.0 * weight * correlation;
    }
    let length = (1.5 * (weighted / spectrum).powi(2) * size).cbrt();
    let longest = (3.0 * size.sqrt()).min(size / 3.0).ceil();
    if length.is_finite() { length.round().clamp(1.0, longest) as usize } else { 1 }
}

/// At all lags from 0.
fn autocovariances(values: &[f64]) -> Vec<f64> {
    let middle = mean(values);
    let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
    let n = values.len();
    let product = |lag: usize| centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>();
    (0..n).map(|lag| product(lag) / n as f64).collect()
}
