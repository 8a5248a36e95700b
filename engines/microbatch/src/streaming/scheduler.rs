//! Runs the jobs of batches.

use super::lifecycle::Shared;
use super::listener::Event;
use super::{BatchInfo, OutputOperationInfo, StreamingError, Time};
use crate::JobError;
use crate::job::within_stream;
use crossbeam_channel::Receiver;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_dataflow::RunError;

/// What an output does for one batch.
pub(crate) type Job = Box<dyn FnOnce() -> Result<(), JobError> + Send>;

/// A batch and its jobs.
pub(super) struct JobSet {
    pub(super) info: BatchInfo,
    pub(super) jobs: Vec<Job>,
}

/// A batch while its jobs run.
pub(super) struct Batch {
    progress: Mutex<Progress>,
}

struct Progress {
    info: BatchInfo,
    left: usize,
}

/// One job, ready to run.
pub(super) struct Queued {
    pub(super) batch: Arc<Batch>,
    pub(super) output: usize,
    pub(super) job: Job,
}

impl JobSet {
    /// The jobs, one by one.
    pub(super) fn into_queue(self) -> impl Iterator<Item = Queued> {
        let left = self.jobs.len();
        let batch = Arc::new(Batch { progress: Mutex::new(Progress { info: self.info, left }) });
        let jobs = self.jobs.into_iter().enumerate();
        jobs.map(move |(output, job)| Queued { batch: Arc::clone(&batch), output, job })
    }
}

impl Batch {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread of the scheduler.
pub(super) struct Scheduler {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Receiver<Queued>,
    /// Drop the jobs that wait.
    pub(super) abandon: Arc<AtomicBool>,
}

impl Scheduler {
    /// Runs jobs in the order in which they come, until there are no more to come.
    pub(super) fn run(self) {
        for queued in &self.queue {
            if !self.abandon.load(Ordering::Acquire) {
                self.run_one(queued);
            }
        }
    }

    /// A job that fails is reported; the batch's other jobs run all the same.
    fn run_one(&self, Queued { batch, output, job }: Queued) {
        let (shared, bus) = (&self.shared, &self.shared.bus);
        let listening = bus.is_listening();
        let started = shared.clock.now_ns();
        let time = {
            let mut progress = batch.progress();
            let first = progress.info.started_ns.is_none();
            progress.info.started_ns.get_or_insert(started);
            let time = progress.info.time;
            progress.info.outputs[output].started_ns = Some(started);
            if listening {
                if first {
                    bus.post(|| Event::BatchStarted(progress.info.clone()));
                }
                bus.post(|| Event::OutputStarted(progress.info.outputs[output].clone()));
            }
            time
        };
        let properties = shared.job_properties(time, output);
        let run = || run_job(time, output, job);
        let result = shared.sc.with_local_properties(properties, run);
        let ended = shared.clock.now_ns();
        let failed = result.is_err();
        let last = {
            let mut progress = batch.progress();
            progress.left -= 1;
            let last = progress.left == 0;
            let info = &mut progress.info.outputs[output];
            info.ended_ns = Some(ended);
            info.failure_reason = result.as_ref().err().map(|error| error.to_string().into());
            if last {
                progress.info.ended_ns = Some(ended);
            }
            if listening {
                bus.post(|| Event::OutputCompleted(progress.info.outputs[output].clone()));
                if last {
                    bus.post(|| Event::Completed(progress.info.clone()));
                }
            }
            last
        };
        // As in Spark, a batch is over if its last job ended well, whatever became of the others.
        if last && !failed {
            shared.batch_done(time);
        }
        if let Err(error) = result {
            shared.waiter.fail(error);
        }
        if last {
            shared.batch_ended(time);
        }
    }
}

/// The outputs of a batch before they run.
pub(super) fn outputs_of(time: Time, count: usize) -> Vec<OutputOperationInfo> {
    let new = |id| {
        let (started_ns, ended_ns, failure_reason) = (None, None, None);
        OutputOperationInfo { time, id, started_ns, ended_ns, failure_reason }
    };
    (0..count).map(new).collect()
}

fn run_job(time: Time, output: usize, job: Job) -> Result<(), StreamingError> {
    match catch_unwind(AssertUnwindSafe(|| within_stream(job))) {
        Ok(result) => result.map_err(|source| StreamingError::Output { time, output, source }),
        Err(payload) => Err(StreamingError::OutputPanicked {
            time,
            output,
            message: RunError::panic_message(&*payload),
        }),
    }
}
