//! What the handles, streams and threads of one streaming context share.

use super::checkpoint::{About, Moment, Recovered, Writer, new_run};
use super::generator::Runtime;
use super::input::Input;
use super::listener::ListenerBus;
use super::meta::{AnyStream, Meta};
use super::monitor::Monitor;
use super::receivers::Receivers;
use super::scheduler::Job;
use super::{InputInfoTracker, StreamingError, Time};
use crate::SparkContext;
use crate::context::{INTERRUPT_ON_CANCEL, JOB_DESCRIPTION, JOB_GROUP, LocalProperties};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use weir_dataflow::Clock;

/// Where a streaming context is in its life. It only ever moves forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextState {
    /// Streams and outputs are being defined.
    #[default]
    Initialized,
    /// Batches are being run.
    Active,
    /// It is over.
    Stopped,
}

/// Makes an output's job for a batch; `None` where it is not due.
pub(super) type MakeJob = dyn Fn(Time) -> Result<Option<Job>, StreamingError> + Send + Sync;

/// The part of a streaming context that its streams refer to.
pub(crate) struct Shared {
    pub(super) sc: SparkContext,
    pub(super) interval_ns: u64,
    pub(super) clock: Arc<dyn Clock>,
    /// The time before the first batch; set at the start.
    pub(super) zero: OnceLock<Time>,
    /// The local properties of the thread that started the context.
    pub(super) properties: OnceLock<LocalProperties>,
    pub(super) graph: Mutex<Graph>,
    pub(super) waiter: Waiter,
    pub(super) bus: ListenerBus,
    /// What counts batches and records; set at the start.
    pub(super) monitor: OnceLock<Monitor>,
    pub(super) inputs: InputInfoTracker,
    pub(super) receivers: Receivers,
    /// The inputs, for what is done to all of them when a batch is over; set at the start.
    pub(super) sources: OnceLock<std::sync::Weak<Vec<Arc<dyn Input>>>>,
    /// How many inputs there are.
    pub(super) input_count: AtomicUsize,
    pub(super) remember: OnceLock<Duration>,
    pub(super) checkpoint_dir: Mutex<Option<PathBuf>>,
    /// Where checkpoints are written; set at the start, where there is a directory for them.
    pub(super) checkpoints: OnceLock<Checkpoints>,
    /// Where to go on, in a context that was made from a checkpoint.
    pub(super) recovered: OnceLock<Recovered>,
    /// How far batches have come.
    pub(super) batches: Mutex<BatchesUnderWay>,
    pub(super) batches_moved: Condvar,
    /// The streams, for what is done to all of them when a batch is over; set at the start.
    pub(super) running: OnceLock<std::sync::Weak<Vec<Arc<dyn AnyStream>>>>,
    /// Whether what was kept of RDDs that are forgotten is dropped (`spark.streaming.unpersist`).
    pub(super) unpersist: bool,
}

/// The checkpoints of a context that runs.
pub(super) struct Checkpoints {
    pub(super) directory: PathBuf,
    /// A folder of this run's own in it, for what streams have.
    pub(super) run: PathBuf,
    pub(super) writer: Writer,
}

impl Checkpoints {
    pub(super) fn start(
        shared: &Arc<Shared>,
        directory: PathBuf,
        about: About,
    ) -> Result<Self, StreamingError> {
        // Before there is one of this run: what is there was left behind.
        let writer = Writer::start(shared, &directory, about)?;
        let run = new_run(&directory).inspect_err(|_| writer.close())?;
        Ok(Self { directory, run, writer })
    }
}

/// How far the batches of a context have come.
#[derive(Default)]
pub(super) struct BatchesUnderWay {
    /// The last batch whose jobs were made, or could not be made.
    generated: Time,
    /// Batches that were handed to the scheduler and have not ended.
    running: BTreeSet<Time>,
    /// The same, and those whose last job failed.
    pending: BTreeSet<Time>,
}

/// An output operation.
pub(super) struct Output {
    pub(super) meta: Meta,
    pub(super) make: Arc<MakeJob>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("interval_ns", &self.interval_ns).finish_non_exhaustive()
    }
}

/// The definition, and the threads that run it.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) state: ContextState,
    pub(super) inputs: Vec<Arc<dyn Input>>,
    pub(super) outputs: Vec<Output>,
    /// All streams, in the order of their creation.
    pub(super) streams: Vec<Arc<dyn AnyStream>>,
    /// The same once the context runs.
    pub(super) running: Option<Arc<Vec<Arc<dyn AnyStream>>>>,
    /// The inputs once the context runs.
    pub(super) sources: Option<Arc<Vec<Arc<dyn Input>>>>,
    pub(super) runtime: Option<Runtime>,
}

impl Shared {
    pub(super) fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The definition, if it may still be added to.
    pub(super) fn open(&self) -> Result<MutexGuard<'_, Graph>, StreamingError> {
        let graph = self.graph();
        match graph.state {
            ContextState::Initialized => Ok(graph),
            ContextState::Active => Err(StreamingError::AddedAfterStart),
            ContextState::Stopped => Err(StreamingError::AddedAfterStop),
        }
    }

    /// The number of a new input.
    pub(super) fn next_input(&self) -> Result<usize, StreamingError> {
        drop(self.open()?);
        Ok(self.input_count.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn under_way(&self) -> MutexGuard<'_, BatchesUnderWay> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pending_times(&self) -> Vec<Time> {
        self.under_way().pending.iter().copied().collect()
    }

    /// A batch is handed to the scheduler.
    pub(super) fn batch_submitted(&self, time: Time) {
        let mut batches = self.under_way();
        batches.running.insert(time);
        batches.pending.insert(time);
    }

    /// The oldest batch that was handed to the scheduler and has not ended.
    pub(super) fn oldest_running(&self) -> Option<Time> {
        self.under_way().running.first().copied()
    }

    /// A batch was generated: it has been submitted, or has no jobs.
    pub(super) fn batch_generated(&self, time: Time) {
        self.under_way().generated = time;
        self.batches_moved.notify_all();
    }

    /// The last job of a batch has ended, well or not.
    pub(super) fn batch_ended(&self, time: Time) {
        self.under_way().running.remove(&time);
        self.batches_moved.notify_all();
    }

    /// Waits until a batch and all before it have been generated and have ended.
    pub(super) fn await_batch(&self, time: Time, timeout: Duration) -> bool {
        let open = |batches: &mut BatchesUnderWay| {
            batches.generated < time || batches.running.first().is_some_and(|first| *first <= time)
        };
        let waited = self.batches_moved.wait_timeout_while(self.under_way(), timeout, open);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// All streams, while the context runs.
    pub(super) fn all_streams(&self) -> Option<Arc<Vec<Arc<dyn AnyStream>>>> {
        self.running.get().and_then(std::sync::Weak::upgrade)
    }

    /// The directory of checkpoints, if they are written.
    pub(super) fn checkpointing(&self) -> Option<&Path> {
        self.checkpoints.get().map(|checkpoints| checkpoints.directory.as_path())
    }

    /// Where a stream's checkpoint of a batch goes, if one is due and checkpoints are written.
    pub(super) fn checkpoint_folder(&self, meta: &Meta, time: Time) -> Option<PathBuf> {
        let due = |_: &&Checkpoints| meta.is_checkpoint_due(time, self.zero());
        Some(self.checkpoints.get().filter(due)?.run.join(meta.folder_name(time)))
    }

    /// Has a checkpoint written, if they are.
    pub(super) fn checkpoint(&self, time: Time, moment: Moment) {
        if let Some(checkpoints) = self.checkpoints.get() {
            checkpoints.writer.checkpoint(self, time, moment);
        }
    }

    /// A batch is over: what streams kept for it alone is dropped. What was received for it is dropped
    /// once a checkpoint says that it is over.
    pub(super) fn batch_done(&self, time: Time) {
        let pending = {
            let mut batches = self.under_way();
            batches.pending.remove(&time);
            batches.pending.clone()
        };
        for stream in self.all_streams().iter().flat_map(|streams| streams.iter()) {
            stream.clear_metadata(time, &pending);
        }
        if self.checkpointing().is_some() {
            self.checkpoint(time, Moment::Completed);
        } else {
            self.clean_up(time);
        }
    }

    /// A batch will not be run again: what was received for it, or for one that nobody remembers any
    /// more, is dropped.
    pub(super) fn clean_up(&self, time: Time) {
        let Some(streams) = self.all_streams() else { return };
        let longest = streams.iter().map(|stream| stream.meta().remember_ns()).max().unwrap_or(0);
        // Batches may end out of order.
        let time = self.oldest_running().map_or(time, |oldest| oldest.min(time));
        let before = Time::from_ns(time.as_ns().saturating_sub(longest));
        self.inputs.cleanup(before);
        self.receivers.cleanup(before);
        let sources = self.sources.get().and_then(std::sync::Weak::upgrade);
        sources.iter().flat_map(|inputs| inputs.iter()).for_each(|input| input.cleanup(before));
    }

    /// The local properties of a job: those of the thread that started the context, with what is known
    /// of the job instead of what was said of that thread's own.
    pub(super) fn job_properties(&self, time: Time, output: usize) -> LocalProperties {
        let mut own = self.properties.get().cloned().unwrap_or_default();
        own.remove(JOB_GROUP);
        own.set(INTERRUPT_ON_CANCEL, "false");
        let job = format!("[output operation {output}, batch time {time}]");
        own.set(JOB_DESCRIPTION, &format!("Streaming job from {job}"));
        own.set("spark.streaming.internal.batchTime", &time.as_ms().to_string());
        own.set("spark.streaming.internal.outputOpId", &output.to_string());
        own
    }

    pub(super) fn zero(&self) -> Time {
        self.zero.get().copied().unwrap_or_default()
    }
}

/// Lets threads wait for the end of a context.
#[derive(Default)]
pub(super) struct Waiter {
    outcome: Mutex<Outcome>,
    changed: Condvar,
}

#[derive(Default)]
struct Outcome {
    error: Option<StreamingError>,
    over: bool,
}

impl Waiter {
    /// Reports an error; the first one stays.
    pub(super) fn fail(&self, error: StreamingError) {
        let mut outcome = self.lock();
        outcome.error.get_or_insert(error);
        self.changed.notify_all();
    }

    /// The context has stopped, or its inputs have ended and all batches are done.
    pub(super) fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    pub(super) fn wait(&self) -> Result<(), StreamingError> {
        let outcome = self
            .changed
            .wait_while(self.lock(), |outcome| outcome.error.is_none() && !outcome.over)
            .unwrap_or_else(PoisonError::into_inner);
        outcome.error.clone().map_or(Ok(()), Err)
    }

    /// Whether it was over before the time was.
    pub(super) fn wait_for(&self, timeout: Duration) -> Result<bool, StreamingError> {
        let waiting = |outcome: &mut Outcome| outcome.error.is_none() && !outcome.over;
        let (outcome, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        outcome.error.clone().map_or(Ok(outcome.over), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
