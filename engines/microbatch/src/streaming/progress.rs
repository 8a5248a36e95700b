//! Counts batches and records as they go, for gauges and tables.

use super::{BatchInfo, StreamingListener, Time};
use crate::{ConfError, SparkConf};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps what a page about a running context would show. An active context has one
/// ([`StreamingContext::progress`](super::StreamingContext::progress)); another one, with a memory of its own,
/// is added as a listener before the start.
#[derive(Debug)]
pub struct ProgressListener {
    retained: usize,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    started_ns: Option<u64>,
    receivers: BTreeSet<usize>,
    waiting: BTreeMap<Time, BatchInfo>,
    running: BTreeMap<Time, BatchInfo>,
    completed: VecDeque<BatchInfo>,
    totals: Totals,
}

/// How far a context has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Batches that have been completed.
    pub completed_batches: u64,
    /// Records of the batches that have started. (A batch counts from its start, not from when its
    /// records came.)
    pub received_records: u64,
    /// Records of the batches that have been completed.
    pub processed_records: u64,
}

impl Default for ProgressListener {
    /// Retains 1000 completed batches, as Spark does.
    fn default() -> Self {
        Self::new(1_000)
    }
}

impl ProgressListener {
    /// Retains as many completed batches as `spark.streaming.ui.retainedBatches` says.
    ///
    /// # Errors
    ///
    /// The setting is not a number.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ConfError> {
        conf.number("spark.streaming.ui.retainedBatches").map(Self::new)
    }

    /// Retains the last `retained` completed batches.
    #[must_use]
    pub fn new(retained: usize) -> Self {
        Self { retained, progress: Mutex::default() }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the context started, in nanoseconds on its clock.
    pub fn started_ns(&self) -> Option<u64> {
        self.progress().started_ns
    }

    /// Counts since the start.
    pub fn totals(&self) -> Totals {
        self.progress().totals
    }

    /// Batches that wait for the scheduler.
    pub fn waiting_batches(&self) -> usize {
        self.progress().waiting.len()
    }

    /// Batches that run.
    pub fn running_batches(&self) -> usize {
        self.progress().running.len()
    }

    /// Batches that wait or run.
    pub fn unprocessed_batches(&self) -> usize {
        let progress = self.progress();
        progress.waiting.len() + progress.running.len()
    }

    /// The last completed batches, oldest first.
    pub fn retained_completed_batches(&self) -> Vec<BatchInfo> {
        self.progress().completed.iter().cloned().collect()
    }

    /// The completed batch with the latest time.
    pub fn last_completed_batch(&self) -> Option<BatchInfo> {
        self.progress().completed.iter().max_by_key(|batch| batch.time).cloned()
    }

    /// The batch with the latest time, wherever it is.
    pub fn last_received_batch(&self) -> Option<BatchInfo> {
        let progress = self.progress();
        let all = progress.waiting.values().chain(progress.running.values());
        all.chain(&progress.completed).max_by_key(|batch| batch.time).cloned()
    }

    /// All gauges by Spark's names (without the application's); times in milliseconds, -1 where a
    /// value is not known yet.
    pub fn gauges(&self) -> BTreeMap<&'static str, i64> {
        let (completed, received) = (self.last_completed_batch(), self.last_received_batch());
        let totals = self.totals();
        let ms = |ns: Option<u64>| ns.map_or(-1, |ns| (ns / 1_000_000) as i64);
        let of = |batch: &Option<BatchInfo>, get: fn(&BatchInfo) -> Option<u64>| {
            ms(batch.as_ref().and_then(get))
        };
        let records = received.as_ref().map_or(-1, |batch| batch.num_records() as i64);
        // The lock is given back before the map is made.
        let [receivers, waiting, running, retained] = {
            let now = self.progress();
            [now.receivers.len(), now.waiting.len(), now.running.len(), now.completed.len()]
                .map(|count| count as i64)
        };
        BTreeMap::from([
            ("receivers", receivers),
            ("totalCompletedBatches", totals.completed_batches as i64),
            ("totalReceivedRecords", totals.received_records as i64),
            ("totalProcessedRecords", totals.processed_records as i64),
            ("unprocessedBatches", waiting + running),
            ("waitingBatches", waiting),
            ("runningBatches", running),
            ("retainedCompletedBatches", retained),
            ("lastCompletedBatch_submissionTime", of(&completed, |b| Some(b.submitted_ns))),
            ("lastCompletedBatch_processingStartTime", of(&completed, |b| b.started_ns)),
            ("lastCompletedBatch_processingEndTime", of(&completed, |b| b.ended_ns)),
            ("lastCompletedBatch_processingDelay", of(&completed, BatchInfo::processing_delay_ns)),
            ("lastCompletedBatch_schedulingDelay", of(&completed, BatchInfo::scheduling_delay_ns)),
            ("lastCompletedBatch_totalDelay", of(&completed, BatchInfo::total_delay_ns)),
            ("lastReceivedBatch_submissionTime", of(&received, |b| Some(b.submitted_ns))),
            ("lastReceivedBatch_processingStartTime", of(&received, |b| b.started_ns)),
            ("lastReceivedBatch_processingEndTime", of(&received, |b| b.ended_ns)),
            ("lastReceivedBatch_records", records),
        ])
    }
}

impl StreamingListener for ProgressListener {
    fn on_streaming_started(&self, at_ns: u64) {
        self.progress().started_ns = Some(at_ns);
    }
    fn on_receiver_started(&self, receiver: &super::ReceiverInfo) {
        self.progress().receivers.insert(receiver.stream);
    }
    fn on_batch_submitted(&self, batch: &BatchInfo) {
        self.progress().waiting.insert(batch.time, batch.clone());
    }
    fn on_batch_started(&self, batch: &BatchInfo) {
        let mut progress = self.progress();
        progress.waiting.remove(&batch.time);
        progress.totals.received_records += batch.num_records();
        progress.running.insert(batch.time, batch.clone());
    }
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let mut progress = self.progress();
        progress.waiting.remove(&batch.time);
        progress.running.remove(&batch.time);
        progress.totals.completed_batches += 1;
        progress.totals.processed_records += batch.num_records();
        progress.completed.push_back(batch.clone());
        while progress.completed.len() > self.retained {
            progress.completed.pop_front();
        }
    }
}
