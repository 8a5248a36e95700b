//! Runs the jobs of batches.

use super::lifecycle::Shared;
use super::{BatchInfo, StreamingError, StreamingListener, Time};
use crate::JobError;
use crossbeam_channel::Receiver;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_dataflow::RunError;

/// What an output does for one batch.
pub(crate) type Job = Box<dyn FnOnce() -> Result<(), JobError> + Send>;

/// A batch that is ready to run.
pub(super) struct JobSet {
    pub(super) info: BatchInfo,
    pub(super) jobs: Vec<Job>,
}

/// One thread of the scheduler.
pub(super) struct Scheduler {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Receiver<JobSet>,
    pub(super) listeners: Vec<Arc<dyn StreamingListener>>,
    /// Drop the batches that wait.
    pub(super) abandon: Arc<AtomicBool>,
}

impl Scheduler {
    /// Runs batches until there are no more to come.
    pub(super) fn run(self) {
        for set in &self.queue {
            if !self.abandon.load(Ordering::Acquire) {
                self.run_batch(set);
            }
        }
    }

    /// The jobs of a batch run in the order of their outputs. One that fails is reported, and the
    /// others run all the same.
    fn run_batch(&self, JobSet { mut info, jobs }: JobSet) {
        info.started_ns = Some(self.shared.clock.now_ns());
        self.listeners.iter().for_each(|listener| listener.batch_started(&info));
        let mut failure = None;
        for (output, job) in jobs.into_iter().enumerate() {
            if let Err(error) = run_job(info.time, output, job) {
                failure.get_or_insert(error);
            }
        }
        info.ended_ns = Some(self.shared.clock.now_ns());
        for listener in &self.listeners {
            listener.batch_completed(&info, failure.as_ref());
        }
        if let Some(error) = failure {
            self.shared.waiter.fail(error);
        }
    }
}

fn run_job(time: Time, output: usize, job: Job) -> Result<(), StreamingError> {
    match catch_unwind(AssertUnwindSafe(job)) {
        Ok(result) => result.map_err(|source| StreamingError::Output { time, output, source }),
        Err(payload) => Err(StreamingError::OutputPanicked {
            time,
            output,
            message: RunError::panic_message(&*payload),
        }),
    }
}
