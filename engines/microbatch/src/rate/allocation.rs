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
/// they come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalingPolicy {
    up_ratio: f64,
    down_ratio: f64,
}

impl ScalingPolicy {
    /// Reads `scalingUpRatio` (0.9) and `scalingDownRatio` (0.3).
    ///
    /// # Errors
    ///
    /// A ratio is not positive, or they are the wrong way round.
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
        Ok(Self { up_ratio, down_ratio })
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
