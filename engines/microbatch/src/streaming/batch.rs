//! What is known of a batch.

use super::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an input reported for a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInputInfo {
    /// The input's number.
    pub stream: usize,
    /// How many records the batch has from it.
    pub records: u64,
    /// Further facts, such as the files of the batch (`files`) and a text for people (`Description`).
    pub metadata: BTreeMap<String, String>,
}

impl StreamInputInfo {
    /// A number of records, and no more.
    #[must_use]
    pub const fn new(stream: usize, records: u64) -> Self {
        Self { stream, records, metadata: BTreeMap::new() }
    }
}

/// One output's job of a batch. Times are on the context's clock, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputOperationInfo {
    /// The batch.
    pub time: Time,
    /// The job's number among those of the batch, from 0.
    pub id: usize,
    /// When it started.
    pub started_ns: Option<u64>,
    /// When it ended.
    pub ended_ns: Option<u64>,
    /// Why it failed, if it did.
    pub failure_reason: Option<Arc<str>>,
}

impl OutputOperationInfo {
    /// How long it took, in nanoseconds.
    #[must_use]
    pub fn duration_ns(&self) -> Option<u64> {
        Some(self.ended_ns?.saturating_sub(self.started_ns?))
    }
}

/// A batch, as far as it has come. Times are on the context's clock, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// The batch's time.
    pub time: Time,
    /// What its inputs reported, by their numbers. Inputs that never report (queues) are missing.
    pub inputs: Arc<BTreeMap<usize, StreamInputInfo>>,
    /// When it was handed to the scheduler.
    pub submitted_ns: u64,
    /// When its first job started.
    pub started_ns: Option<u64>,
    /// When its last job ended.
    pub ended_ns: Option<u64>,
    /// Its jobs.
    pub outputs: Vec<OutputOperationInfo>,
}

impl BatchInfo {
    /// Records that its inputs reported.
    #[must_use]
    pub fn num_records(&self) -> u64 {
        self.inputs.values().map(|input| input.records).sum()
    }

    /// How long it waited for the scheduler, in nanoseconds.
    #[must_use]
    pub fn scheduling_delay_ns(&self) -> Option<u64> {
        Some(self.started_ns?.saturating_sub(self.submitted_ns))
    }

    /// How long its jobs took, from the first one's start to the last one's end, in nanoseconds.
    #[must_use]
    pub fn processing_delay_ns(&self) -> Option<u64> {
        Some(self.ended_ns?.saturating_sub(self.started_ns?))
    }

    /// Both together, in nanoseconds.
    #[must_use]
    pub fn total_delay_ns(&self) -> Option<u64> {
        Some(self.scheduling_delay_ns()? + self.processing_delay_ns()?)
    }

    /// Whether a job of the batch failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.outputs.iter().any(|output| output.failure_reason.is_some())
    }
}
