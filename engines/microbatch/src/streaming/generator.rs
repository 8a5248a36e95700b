//! Makes the jobs of every batch, on time.

use super::checkpoint::{Moment, Recovered};
use super::input::Input;
use super::lifecycle::{MakeJob, Shared};
use super::listener::Event;
use super::scheduler::{JobSet, Queued, Scheduler, outputs_of};
use super::{BatchInfo, Pacing, StreamingError, Time};
use crate::job::within_stream;
use crate::time::{TimeMath, timer_restart_time, times_to_reschedule};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;
use weir_dataflow::{Cancel, Received, RunError, receive};

/// Batches that may wait for the scheduler before the generator does.
const QUEUED_BATCHES: usize = 256;

/// How often a waiting generator looks whether it has been cancelled.
const CANCEL_CHECK_NS: u64 = 50_000_000;

/// The threads of an active context, and how they are told to end.
pub(super) struct Runtime {
    /// Dropped to end the generator.
    control: Sender<()>,
    /// Dropped to end it even where a graceful end waits for a tick that does not come.
    abort: Sender<()>,
    /// Disconnects when the generator has ended.
    ended: Receiver<()>,
    graceful: Arc<AtomicBool>,
    abandon: Arc<AtomicBool>,
    /// Joined at the end. The generator joins the schedulers.
    generator: JoinHandle<()>,
    ids: Vec<ThreadId>,
}

/// What the threads of a context are started with.
pub(super) struct Plan {
    pub(super) inputs: Vec<Arc<dyn Input>>,
    pub(super) outputs: Vec<Arc<MakeJob>>,
    pub(super) pacing: Pacing,
    pub(super) concurrent_jobs: usize,
    pub(super) drain_ns: u64,
}

impl Runtime {
    /// Starts the generator and the scheduler.
    pub(super) fn start(shared: &Arc<Shared>, plan: Plan) -> Result<Self, StreamingError> {
        // Unpaced, a batch is handed over rather than queued: the generator is one batch ahead.
        let room = match plan.pacing {
            Pacing::Clock => QUEUED_BATCHES,
            Pacing::Unpaced => 0,
        };
        let (submit, queue) = bounded(room);
        let (control, stop) = bounded(0);
        let (abort, aborted) = bounded(0);
        let (ending, ended) = bounded(0);
        let abandon = Arc::new(AtomicBool::new(false));
        let graceful = Arc::new(AtomicBool::new(false));
        let mut schedulers = Vec::with_capacity(plan.concurrent_jobs);
        for n in 0..plan.concurrent_jobs {
            let scheduler = Scheduler {
                shared: Arc::clone(shared),
                queue: queue.clone(),
                abandon: Arc::clone(&abandon),
            };
            schedulers.push(spawn(format!("microbatch-scheduler-{n}"), || scheduler.run())?);
        }
        drop(queue);
        let mut ids: Vec<ThreadId> = schedulers.iter().map(|one| one.thread().id()).collect();
        let generator = Generator {
            shared: Arc::clone(shared),
            plan,
            submit,
            stop,
            aborted,
            _ending: ending,
            graceful: Arc::clone(&graceful),
            schedulers,
        };
        let generator = spawn("microbatch-generator".into(), || generator.run())?;
        ids.push(generator.thread().id());
        Ok(Self { control, abort, ended, graceful, abandon, generator, ids })
    }

    /// Whether the calling thread is one of them.
    pub(super) fn is_inside(&self) -> bool {
        self.ids.contains(&std::thread::current().id())
    }

    /// Tells the threads to end, without waiting for them.
    pub(super) fn abandon(self) {
        self.abandon.store(true, Ordering::Release);
    }

    /// Ends the threads and waits for them. A graceful end may take until `patience` is over; then
    /// what is left is dropped.
    pub(super) fn stop(self, gracefully: bool, patience: Duration) {
        self.graceful.store(gracefully, Ordering::Release);
        self.abandon.store(!gracefully, Ordering::Release);
        drop(self.control);
        if gracefully && self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            self.abandon.store(true, Ordering::Release);
        }
        drop(self.abort);
        // The threads catch what user code throws: they have nothing to tell.
        let _ = self.generator.join();
    }
}

fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StreamingError> {
    std::thread::Builder::new()
        .name(name.clone())
        .spawn(body)
        .map_err(|error| StreamingError::Spawn { name, message: error.to_string() })
}

struct Generator {
    shared: Arc<Shared>,
    plan: Plan,
    submit: Sender<Queued>,
    stop: Receiver<()>,
    aborted: Receiver<()>,
    /// Dropped when the generator and the schedulers have ended.
    _ending: Sender<()>,
    graceful: Arc<AtomicBool>,
    schedulers: Vec<JoinHandle<()>>,
}

enum Tick {
    Due,
    /// The last one: somebody wants a graceful stop.
    Last,
    Stop,
}

impl Generator {
    fn run(mut self) {
        self.generate_all();
        let Self { shared, submit, schedulers, _ending: ending, .. } = self;
        drop(submit);
        for scheduler in schedulers {
            let _ = scheduler.join();
        }
        shared.waiter.end();
        drop(ending);
    }

    /// The first time that the clock is waited for; what a context that was recovered has to run again
    /// before that is generated here. Nothing if the context was stopped meanwhile.
    fn catch_up(&self) -> Option<Time> {
        let (zero, interval) = (self.shared.zero(), Duration::from_nanos(self.shared.interval_ns));
        let Some(Recovered { time, pending }) = self.shared.recovered.get() else {
            return Some(zero.after(interval));
        };
        // A clock that was put back is waited for.
        let now = Time::from_ns(self.shared.clock.now_ns()).max(*time);
        let restart = timer_restart_time(now, interval, zero);
        // Intervals of nothing do not start.
        for time in times_to_reschedule(*time, pending, restart, interval).unwrap_or_default() {
            let aborted = self.aborted.try_recv() == Err(TryRecvError::Disconnected);
            if aborted || matches!(self.poll(), Tick::Stop) {
                return None;
            }
            match self.generate(time) {
                // As in Spark, batches that are run again have no input information.
                Ok((mut set, _)) => {
                    set.info.inputs = Arc::default();
                    if !set.jobs.is_empty() && !self.hand_over(set) {
                        return None;
                    }
                }
                Err(error) => self.shared.waiter.fail(error),
            }
            self.shared.batch_generated(time);
        }
        Some(restart)
    }

    fn generate_all(&mut self) {
        let interval = self.shared.interval_ns;
        let Some(mut time) = self.catch_up() else { return };
        let mut drain_until = None;
        loop {
            let tick = match drain_until {
                Some(end) if time > end => return,
                Some(_) => self.poll(),
                None => self.wait(time),
            };
            if matches!(tick, Tick::Stop) {
                return;
            }
            let ended = match self.generate(time) {
                Ok((set, ended)) => {
                    if !set.jobs.is_empty() && !self.hand_over(set) {
                        return;
                    }
                    ended
                }
                // The batch has no jobs; later ones go on.
                Err(error) => {
                    self.shared.waiter.fail(error);
                    false
                }
            };
            // Also of one that failed: a program that goes on from here tries it again.
            self.shared.checkpoint(time, Moment::Generated);
            self.shared.batch_generated(time);
            if ended && drain_until.is_none() {
                drain_until = Some(time.plus(self.plan.drain_ns));
            }
            if matches!(tick, Tick::Last) {
                return;
            }
            time = time.plus(interval);
        }
    }

    fn hand_over(&self, mut set: JobSet) -> bool {
        set.info.submitted_ns = self.shared.clock.now_ns();
        let time = set.info.time;
        self.shared.batch_submitted(time);
        self.shared.bus.post(|| Event::Submitted(set.info.clone()));
        set.into_queue().all(|queued| self.submit.send(queued).is_ok())
    }

    /// Waits for a tick, in the way that the context is paced.
    fn wait(&self, time: Time) -> Tick {
        if self.plan.pacing == Pacing::Unpaced {
            return self.poll();
        }
        let clock = &self.shared.clock;
        loop {
            let now = clock.now_ns();
            if now >= time.as_ns() {
                return self.poll();
            }
            let alarm = clock.alarm(time.as_ns().min(now.saturating_add(CANCEL_CHECK_NS)));
            match receive(&self.stop, alarm) {
                Received::Closed | Received::Message(()) => {
                    if !self.graceful.load(Ordering::Acquire) {
                        return Tick::Stop;
                    }
                    return match receive(&self.aborted, clock.alarm(time.as_ns())) {
                        Received::TimedOut => Tick::Last,
                        Received::Closed | Received::Message(()) => Tick::Stop,
                    };
                }
                Received::TimedOut if self.cancel().is_cancelled() => return Tick::Stop,
                Received::TimedOut => {}
            }
        }
    }

    /// Whether to go on, without waiting.
    fn poll(&self) -> Tick {
        if self.cancel().is_cancelled() {
            return Tick::Stop;
        }
        match receive(&self.stop, weir_dataflow::Alarm::Now) {
            Received::TimedOut => Tick::Due,
            _ if self.graceful.load(Ordering::Acquire) => Tick::Last,
            _ => Tick::Stop,
        }
    }

    fn cancel(&self) -> &Cancel {
        self.shared.sc.cancel()
    }

    /// The jobs of a batch, and whether the inputs have ended. Functions of `transform` run here, and
    /// may panic.
    fn generate(&self, time: Time) -> Result<(JobSet, bool), StreamingError> {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut ended = !self.plan.inputs.is_empty();
            for input in &self.plan.inputs {
                ended &= input.allocate(time, &self.shared)?;
            }
            let mut jobs = Vec::with_capacity(self.plan.outputs.len());
            for make in &self.plan.outputs {
                jobs.extend(within_stream(|| make(time))?);
            }
            let info = BatchInfo {
                time,
                inputs: Arc::new(self.shared.inputs.info(time)),
                submitted_ns: 0,
                started_ns: None,
                ended_ns: None,
                outputs: outputs_of(time, jobs.len()),
            };
            Ok((JobSet { info, jobs }, ended))
        }));
        made.unwrap_or_else(|payload| {
            let message = RunError::panic_message(&*payload);
            Err(StreamingError::Generation { time, message })
        })
    }
}
