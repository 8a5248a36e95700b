//! From how batches went to how fast records should come.

use crate::settings::{SettingError, Settings};
use std::time::Duration;

/// Works out the rate at which the engine can keep up.
pub trait RateEstimator: Send + std::fmt::Debug {
    /// Records a second, after a batch of `records` that ended at `time_ms`, took `processing_ms` and
    /// had waited for `scheduling_ms`. None if this batch does not say.
    fn compute(
        &mut self,
        time_ms: i64,
        records: i64,
        processing_ms: i64,
        scheduling_ms: i64,
    ) -> Option<f64>;
}

/// The estimator that `spark.streaming.backpressure.rateEstimator` names.
///
/// # Errors
///
/// The name is not known, or a parameter of it is out of range.
pub fn rate_estimator(
    settings: &Settings,
    batch: Duration,
) -> Result<Box<dyn RateEstimator>, SettingError> {
    let name = settings.get("spark.streaming.backpressure.rateEstimator").unwrap_or("pid");
    if name != "pid" {
        return Err(SettingError::UnknownEstimator { name: name.to_owned() });
    }
    let of = |name: &str, default: f64| {
        settings.number(&format!("spark.streaming.backpressure.pid.{name}"), default)
    };
    let (proportional, integral) = (of("proportional", 1.0)?, of("integral", 0.2)?);
    let (derivative, min_rate) = (of("derived", 0.0)?, of("minRate", 100.0)?);
    Ok(Box::new(PidRateEstimator::new(batch, proportional, integral, derivative, min_rate)?))
}

/// A proportional-integral-derivative controller. Its error is how much faster records came than
/// they were processed; what waits to be scheduled stands for the sum of past errors.
#[derive(Clone, Debug)]
pub struct PidRateEstimator {
    batch_ms: f64,
    proportional: f64,
    integral: f64,
    derivative: f64,
    min_rate: f64,
    latest: Option<Latest>,
}

#[derive(Clone, Copy, Debug)]
struct Latest {
    time_ms: i64,
    rate: f64,
    error: f64,
}

impl PidRateEstimator {
    /// A controller for batches of `batch` that never answers less than `min_rate` records a second.
    ///
    /// # Errors
    ///
    /// A parameter is out of range.
    pub fn new(
        batch: Duration,
        proportional: f64,
        integral: f64,
        derivative: f64,
        min_rate: f64,
    ) -> Result<Self, SettingError> {
        let check = |good: bool, name: &str, key: &str, bound: &str, value: f64| {
            let message = || {
                format!(
                    "Specified {name} {value} in PIDRateEstimator is invalid; set {key} to {bound}"
                )
            };
            if good { Ok(()) } else { Err(SettingError::requirement(message())) }
        };
        let batch_ms = batch.as_secs_f64() * 1e3;
        let pid = "spark.streaming.backpressure.pid";
        check(batch_ms > 0.0, "batch interval", "the batch interval", "1 ms or more", batch_ms)?;
        for (name, value) in
            [("proportional", proportional), ("integral", integral), ("derived", derivative)]
        {
            check(value >= 0.0, name, &format!("{pid}.{name}"), "0 or more", value)?;
        }
        let key = format!("{pid}.minRate");
        check(min_rate > 0.0, "minimum rate", &key, "more than 0", min_rate)?;
        Ok(Self { batch_ms, proportional, integral, derivative, min_rate, latest: None })
    }
}

impl RateEstimator for PidRateEstimator {
    fn compute(
        &mut self,
        time_ms: i64,
        records: i64,
        processing_ms: i64,
        scheduling_ms: i64,
    ) -> Option<f64> {
        let is_newer = time_ms > self.latest.map_or(-1, |latest| latest.time_ms);
        if !is_newer || records <= 0 || processing_ms <= 0 {
            return None;
        }
        let processed_per_s = records as f64 / processing_ms as f64 * 1e3;
        let Some(latest) = self.latest else {
            self.latest = Some(Latest { time_ms, rate: processed_per_s, error: 0.0 });
            return None;
        };
        let since_s = (time_ms - latest.time_ms) as f64 / 1e3;
        let error = latest.rate - processed_per_s;
        let past_error = scheduling_ms as f64 * processed_per_s / self.batch_ms;
        let change = (error - latest.error) / since_s;
        let correction =
            self.proportional * error + self.integral * past_error + self.derivative * change;
        let rate = (latest.rate - correction).max(self.min_rate);
        self.latest = Some(Latest { time_ms, rate, error });
        Some(rate)
    }
}
