//! What is known of a batch, and who is told.

use super::{StreamingError, Time};

/// A batch, as far as it has come. Times are on the context's clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// The batch's time.
    pub time: Time,
    /// Records that its inputs reported.
    pub records: u64,
    /// When it was handed to the scheduler.
    pub submitted_ns: u64,
    /// When its first job started.
    pub started_ns: Option<u64>,
    /// When its last job ended.
    pub ended_ns: Option<u64>,
}

impl BatchInfo {
    /// How long it waited for the scheduler.
    #[must_use]
    pub fn scheduling_delay_ns(&self) -> Option<u64> {
        Some(self.started_ns?.saturating_sub(self.submitted_ns))
    }

    /// How long its jobs took.
    #[must_use]
    pub fn processing_delay_ns(&self) -> Option<u64> {
        Some(self.ended_ns?.saturating_sub(self.started_ns?))
    }

    /// Both together.
    #[must_use]
    pub fn total_delay_ns(&self) -> Option<u64> {
        Some(self.scheduling_delay_ns()? + self.processing_delay_ns()?)
    }
}

/// Is told about batches, in the thread that they are in: methods return quickly.
///
/// Per batch: `submitted`, `started`, `completed`, in this order. A batch without jobs is not told.
pub trait StreamingListener: Send + Sync {
    /// A batch was handed to the scheduler.
    fn batch_submitted(&self, batch: &BatchInfo) {
        let _ = batch;
    }
    /// A batch's first job starts.
    fn batch_started(&self, batch: &BatchInfo) {
        let _ = batch;
    }
    /// A batch's last job has ended. `failure` is the first of its jobs' failures.
    fn batch_completed(&self, batch: &BatchInfo, failure: Option<&StreamingError>) {
        let _ = (batch, failure);
    }
}
