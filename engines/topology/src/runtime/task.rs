//! Tasks: what they are told, what they share, how they are started and how they fail.

use crate::runtime::inbox::{Closed, Notice};
use crate::runtime::tracker::Tracker;
use crossbeam_channel::Sender;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use weir_dataflow::{RunContext, RunError};

/// Which task this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskContext {
    /// The component's id.
    pub component: Arc<str>,
    /// The task's number within the component, from 0.
    pub index: usize,
    /// How many tasks the component has.
    pub tasks: usize,
}

impl std::fmt::Display for TaskContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]", self.component, self.index)
    }
}

/// What one task counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Tuples taken from the queue. Of an acker: trees settled.
    pub executed: u64,
    /// Tuples emitted.
    pub emitted: u64,
    /// Trees of this spout that were acked.
    pub acked: u64,
    /// Trees of this spout that were failed by a bolt; of a bolt: tuples that it failed.
    pub failed: u64,
    /// Trees of this spout that timed out.
    pub timed_out: u64,
}

impl std::ops::AddAssign for TaskCounts {
    fn add_assign(&mut self, other: Self) {
        self.executed += other.executed;
        self.emitted += other.emitted;
        self.acked += other.acked;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
    }
}

/// What the tasks of a run share.
pub(crate) struct Shared {
    pub(crate) context: RunContext,
    pub(crate) tracker: Tracker,
    stop: AtomicBool,
    failure: Mutex<Option<RunError>>,
    inboxes: Vec<Sender<Notice>>,
}

impl Shared {
    pub(crate) fn new(
        context: RunContext,
        tracker: Tracker,
        inboxes: Vec<Sender<Notice>>,
    ) -> Arc<Self> {
        let stop = AtomicBool::new(false);
        Arc::new(Self { context, tracker, stop, failure: Mutex::default(), inboxes })
    }

    /// Ends the run with an error; the first one stands.
    pub(crate) fn fail(&self, error: RunError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop.store(true, Ordering::Release);
        for inbox in &self.inboxes {
            // A spout whose inbox is full is about to look anyway.
            let _ = inbox.try_send(Notice::Wake);
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(crate) fn take_failure(&self) -> Option<RunError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What runs on an executor's thread: it prepares, calls the closure it is given, and runs until its
/// input ends.
pub(crate) type Body = Box<dyn FnOnce(&mut dyn FnMut()) -> Result<TaskCounts, Closed> + Send>;

/// Starts an executor. `ready` is dropped once the task has prepared, or has failed to.
pub(crate) fn spawn(
    name: String,
    body: Body,
    shared: Arc<Shared>,
    ready: Sender<()>,
) -> Result<JoinHandle<TaskCounts>, RunError> {
    let task = name.clone();
    let run = move || {
        let mut ready = Some(ready);
        let guarded = AssertUnwindSafe(|| body(&mut || drop(ready.take())));
        match catch_unwind(guarded) {
            Ok(Ok(counts)) => counts,
            Ok(Err(Closed)) => TaskCounts::default(),
            Err(payload) => {
                let message = RunError::panic_message(&*payload);
                shared.fail(RunError::TaskPanicked { task, message });
                TaskCounts::default()
            }
        }
    };
    Builder::new()
        .name(name.clone())
        .spawn(run)
        .map_err(|error| RunError::Spawn { name, message: error.to_string() })
}
