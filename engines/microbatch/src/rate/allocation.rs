//! How many executors a stream needs.

use crate::settings::{SettingError, Settings};
use std::time::Duration;

/// What should happen to the number of executors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// So many more are wanted.
    Add(usize),
    /// One that runs no receiver may go.
    RemoveOne,
    /// Nothing.
    Keep,
}

/// The rule of `spark.streaming.dynamicAllocation`: compares how long batches take with how often
/// they come. The engine's own workers are the threads of `local[N]` and do not change; the rule is for
/// programs with workers of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalingPolicy {
    up_ratio: f64,
    down_ratio: f64,
    interval: Duration,
    least: Option<usize>,
    most: usize,
}

impl ScalingPolicy {
    /// Reads `scalingUpRatio` (0.9), `scalingDownRatio` (0.3), `scalingInterval` (60 s), `minExecutors`
    /// (one, or as many as there are receivers) and `maxExecutors` (no bound).
    ///
    /// # Errors
    ///
    /// A ratio or the interval is not positive, or two bounds are the wrong way round.
    pub fn new(settings: &Settings) -> Result<Self, SettingError> {
        let key = |name| format!("spark.streaming.dynamicAllocation.{name}");
        let up_ratio: f64 = settings.number(&key("scalingUpRatio"), 0.9)?;
        let down_ratio: f64 = settings.number(&key("scalingDownRatio"), 0.3)?;
        if up_ratio <= 0.0 || down_ratio <= 0.0 || up_ratio <= down_ratio {
            return Err(SettingError::requirement(format!(
                "{} ({up_ratio}) must be more than {} ({down_ratio}), and both more than 0",
                key("scalingUpRatio"),
                key("scalingDownRatio"),
            )));
        }
        let interval_ms = settings.time_s_as_ms(&key("scalingInterval"), 60_000)?;
        let most: usize = settings.number(&key("maxExecutors"), i32::MAX as usize)?;
        let least: usize = settings.number(&key("minExecutors"), 0)?;
        if interval_ms == 0 || most == 0 || least > most {
            return Err(SettingError::requirement(format!(
                "{} ({interval_ms} ms) and {} ({most}) must be more than 0, and the latter at least {} \
                 ({least})",
                key("scalingInterval"),
                key("maxExecutors"),
                key("minExecutors"),
            )));
        }
        let (interval, least) =
            (Duration::from_millis(interval_ms), Some(least).filter(|n| *n > 0));
        Ok(Self { up_ratio, down_ratio, interval, least, most })
    }

    /// How often to decide, on the average of the batches since the last time.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// How many executors there should be after a decision, where there are `executors` now and
    /// `receivers` receivers, each of which takes one.
    #[must_use]
    pub fn target(&self, decided: Scaling, executors: usize, receivers: usize) -> usize {
        let least = self.least.unwrap_or_else(|| receivers.max(1));
        match decided {
            Scaling::Add(n) => executors.saturating_add(n).min(self.most).max(least),
            Scaling::RemoveOne if executors > least && executors > receivers => executors - 1,
            Scaling::RemoveOne | Scaling::Keep => executors,
        }
    }

    /// What to do when batches that come every `batch` take `processing` on average.
    #[must_use]
    pub fn decide(&self, processing: Duration, batch: Duration) -> Scaling {
        let ratio = processing.div_duration_f64(batch);
        if ratio >= self.up_ratio {
            Scaling::Add((ratio.round() as usize).max(1))
        } else if ratio <= self.down_ratio {
            Scaling::RemoveOne
        } else {
            Scaling::Keep
        }
    }
}
