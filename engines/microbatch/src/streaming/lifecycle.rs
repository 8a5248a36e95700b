//! What the handles, streams and threads of one streaming context share.

use super::generator::Runtime;
use super::input::Input;
use super::scheduler::Job;
use super::{StreamingError, StreamingListener, Time};
use crate::SparkContext;
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
    pub(super) graph: Mutex<Graph>,
    pub(super) waiter: Waiter,
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
    pub(super) outputs: Vec<Arc<MakeJob>>,
    pub(super) listeners: Vec<Arc<dyn StreamingListener>>,
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
