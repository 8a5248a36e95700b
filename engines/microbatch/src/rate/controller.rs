//! From completed batches to the limit of a stream.

use super::RateEstimator;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a rate controller wants to know of a completed batch. None stands for "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchRate {
    /// When its last job ended, in ms.
    pub processing_end_ms: Option<i64>,
    /// Records of the controller's own stream.
    pub records: Option<i64>,
    /// How long its jobs took, in ms.
    pub processing_delay_ms: Option<i64>,
    /// How long it had waited, in ms.
    pub scheduling_delay_ms: Option<i64>,
}

/// Keeps the rate of one input stream.
pub struct RateController {
    stream_id: usize,
    estimator: Mutex<Box<dyn RateEstimator>>,
    latest: AtomicI64,
    publish: Box<dyn Fn(i64) + Send + Sync>,
}

impl RateController {
    /// Calls `publish` with every new rate, in records a second.
    #[must_use]
    pub fn new(
        stream_id: usize,
        estimator: Box<dyn RateEstimator>,
        publish: impl Fn(i64) + Send + Sync + 'static,
    ) -> Self {
        let latest = AtomicI64::new(-1);
        Self { stream_id, estimator: Mutex::new(estimator), latest, publish: Box::new(publish) }
    }

    /// The stream whose rate this is.
    #[must_use]
    pub const fn stream_id(&self) -> usize {
        self.stream_id
    }

    /// The last rate, in records a second; -1 before the first.
    #[must_use]
    pub fn latest_rate(&self) -> i64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Goes on with a rate that was [`latest_rate`](Self::latest_rate) before a recovery. It is not
    /// published: whoever starts a receiver asks for it.
    pub(crate) fn restore(&self, rate: i64) {
        self.latest.store(rate, Ordering::Release);
    }

    /// Takes note of a batch; a batch of which something is not known says nothing.
    pub fn on_batch_completed(&self, batch: &BatchRate) {
        let &BatchRate {
            processing_end_ms: Some(end),
            records: Some(records),
            processing_delay_ms: Some(processing),
            scheduling_delay_ms: Some(scheduling),
        } = batch
        else {
            return;
        };
        // Held while publishing, so that rates are published in the order of batches.
        let mut estimator = self.estimator.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = estimator.compute(end, records, processing, scheduling) {
            let rate = rate as i64;
            self.latest.store(rate, Ordering::Release);
            (self.publish)(rate);
        }
    }
}

impl std::fmt::Debug for RateController {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("RateController");
        out.field("stream_id", &self.stream_id).field("latest", &self.latest);
        out.finish_non_exhaustive()
    }
}
