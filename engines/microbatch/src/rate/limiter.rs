//! How fast a receiver may take records in.

use super::TokenBucket;
use crate::settings::{SettingError, Settings};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::Clock;

/// No rate that matters: the limiter does not look at the clock from here on.
const UNLIMITED: u64 = i64::MAX as u64;

/// Lets records through at a rate: `spark.streaming.receiver.maxRate` at most,
/// `spark.streaming.backpressure.initialRate` at first, then what [`update`](Self::update) says.
#[derive(Debug)]
pub struct RateLimiter {
    clock: Arc<dyn Clock>,
    max_rate: u64,
    limit: AtomicU64,
    bucket: Mutex<TokenBucket>,
}

impl RateLimiter {
    /// Reads the limits from the settings. Without any, nothing is limited.
    ///
    /// # Errors
    ///
    /// A limit is not a number, or not positive. Spark's guide says that 0 means no limit; Spark
    /// itself refuses it, when the first record comes.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, SettingError> {
        let max_rate = settings.number("spark.streaming.receiver.maxRate", i64::MAX)?;
        let first = settings.number("spark.streaming.backpressure.initialRate", max_rate)?;
        let limit = first.min(max_rate);
        if limit <= 0 {
            return Err(SettingError::requirement(
                "rate must be positive: leave spark.streaming.receiver.maxRate and \
                 spark.streaming.backpressure.initialRate unset for no limit",
            ));
        }
        let bucket = TokenBucket::new(limit as f64, clock.now_ns());
        Ok(Self {
            clock,
            max_rate: max_rate.unsigned_abs(),
            limit: AtomicU64::new(limit.unsigned_abs()),
            bucket: Mutex::new(bucket),
        })
    }

    /// Records a second.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the rate, up to the maximum. A rate that is not positive is ignored.
    pub fn update(&self, records_per_s: i64) {
        let Some(wanted) = u64::try_from(records_per_s).ok().filter(|rate| *rate > 0) else {
            return;
        };
        let limit = wanted.min(self.max_rate);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.set_rate(limit as f64, self.clock.now_ns());
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Waits until one more record may come in.
    pub fn wait_to_push(&self) {
        if self.limit() == UNLIMITED {
            return;
        }
        let now_ns = self.clock.now_ns();
        let usable_ns =
            self.bucket.lock().unwrap_or_else(PoisonError::into_inner).reserve(1, now_ns);
        if usable_ns > now_ns {
            self.clock.sleep_until(usable_ns);
        }
    }
}
