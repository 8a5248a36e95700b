//! Back-pressure from end to end: a receiver that offers more than the jobs can do, in simulated time.
//!
//! One clock is everybody's, and the test moves it from event to event: ends of blocks, batches and
//! jobs. At each of them it waits until the engine has done what is due. What that is comes from a model
//! next to it: Spark's formula for rates, and a token bucket for what the receiver may store.

use crossbeam_channel::{Receiver as Channel, Sender, bounded};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Alarm, Clock, ManualClock, SystemClock};
use weir_microbatch::checkpoint_files;
use weir_microbatch::rate::TokenBucket;
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{
    ActiveScope, Checkpoint, SparkConf, SparkContext, StopOptions, StreamingContext,
    StreamingError, Time,
};

const PATIENCE: Duration = Duration::from_secs(60);
const MS: u64 = 1_000_000;
/// Not a whole number of ms, so that no record comes when a block ends.
const START: u64 = 1_234_567;
const BATCH: u64 = 1_000 * MS;
/// Prime: no block ends with a batch for a long time.
const BLOCK: u64 = 137 * MS;

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = SystemClock::new();
    while !done() {
        assert!(Duration::from_nanos(started.now_ns()) < PATIENCE, "{what} does not happen");
        std::thread::yield_now();
    }
}

/// The clock of receivers: it knows whether somebody waits for a rate, which is all that sleeps on it.
#[derive(Debug)]
struct Watched {
    clock: Arc<ManualClock>,
    asleep: AtomicBool,
}

impl Clock for Watched {
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }
    fn alarm(&self, deadline_ns: u64) -> Alarm {
        self.clock.alarm(deadline_ns)
    }
    fn sleep_until(&self, deadline_ns: u64) {
        let alarm = self.clock.alarm(deadline_ns);
        self.asleep.store(true, Ordering::Release);
        alarm.wait();
        self.asleep.store(false, Ordering::Release);
    }
}

/// Stores as fast as it may, once it is told to begin.
struct Greedy {
    stored: Arc<AtomicU64>,
    started: Sender<ReceiverHandle<u64>>,
    begin: Channel<()>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver<u64> for Greedy {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        // Nobody waits for it once the test is over.
        let _ = self.started.try_send(handle.clone());
        let (stored, begin) = (Arc::clone(&self.stored), self.begin.clone());
        let body = move || {
            let _ = begin.recv();
            while !handle.is_stopped() && handle.store(0).is_ok() {
                stored.fetch_add(1, Ordering::Release);
            }
        };
        let named = std::thread::Builder::new().name("greedy".into());
        self.thread = Some(named.spawn(body).expect("a thread"));
        Ok(())
    }
    fn on_stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

/// What a receiver may store, as a limiter decides it.
struct Limiter {
    bucket: TokenBucket,
    /// When the record that waits may be stored; none where the receiver does not run.
    next: Option<u64>,
    stored: u64,
}

impl Limiter {
    fn new(limit: u64, now: u64) -> Self {
        Self { bucket: TokenBucket::new(limit as f64, now), next: None, stored: 0 }
    }

    fn begin(&mut self, now: u64) {
        self.next = Some(self.bucket.reserve(1, now));
    }

    fn set(&mut self, limit: u64, now: u64) {
        self.bucket.set_rate(limit as f64, now);
    }

    /// Stores what may be stored by `now`.
    fn run(&mut self, now: u64) {
        while self.next.is_some_and(|at| at <= now) {
            self.stored += 1;
            self.next = Some(self.bucket.reserve(1, now));
        }
    }
}

/// Spark's controller, with the settings that tests use: proportional 1, derived 0.
struct Formula {
    integral: f64,
    min_rate: f64,
    latest: Option<f64>,
}

impl Formula {
    fn rate(&mut self, records: u64, processing_ms: u64, scheduling_ms: u64) -> Option<u64> {
        if records == 0 || processing_ms == 0 {
            return None;
        }
        let processed = records as f64 / processing_ms as f64 * 1e3;
        let Some(latest) = self.latest else {
            self.latest = Some(processed);
            return None;
        };
        let waiting = scheduling_ms as f64 * processed / (BATCH / MS) as f64;
        let correction = (latest - processed) + self.integral * waiting;
        let rate = (latest - correction).max(self.min_rate);
        self.latest = Some(rate);
        Some(rate as u64)
    }
}

/// What a simulation is started with.
struct Given {
    initial: Option<u64>,
    max: u64,
    min: u64,
    integral: f64,
    /// How long jobs take for a record in ns, by how many batches were completed before.
    cost: fn(u64) -> u64,
}

impl Given {
    fn conf(&self) -> SparkConf {
        let conf = SparkConf::new()
            .set_master("local[2]")
            .set("spark.streaming.blockInterval", "137ms")
            .set("spark.streaming.backpressure.enabled", "true")
            .set("spark.streaming.receiver.maxRate", self.max)
            .set("spark.streaming.backpressure.pid.integral", self.integral)
            .set("spark.streaming.backpressure.pid.minRate", self.min);
        match self.initial {
            Some(initial) => conf.set("spark.streaming.backpressure.initialRate", initial),
            None => conf,
        }
    }
}

/// A batch that waits or runs.
struct Batch {
    at: u64,
    /// As far as it is known before the batch starts.
    records: Option<u64>,
}

/// A job: its batch's time, its records, when it began and when it ends.
struct Job {
    batch: u64,
    records: u64,
    since: u64,
    until: u64,
}

struct Simulation {
    given: Given,
    ssc: StreamingContext,
    clock: Arc<ManualClock>,
    watched: Arc<Watched>,
    now: u64,
    stored: Arc<AtomicU64>,
    runs: Channel<ReceiverHandle<u64>>,
    handle: ReceiverHandle<u64>,
    /// `None` once everything may go.
    begin: Option<Sender<()>>,
    entered: Option<Channel<u64>>,
    go: Option<Sender<()>>,
    /// What the receiver may store; `None` once that is not known exactly any more.
    limiter: Option<Limiter>,
    formula: Formula,
    /// Records that are in blocks, ever, and those of them that no batch has.
    cut: u64,
    waiting: u64,
    queue: VecDeque<Batch>,
    /// The batch that runs, since when and until when.
    running: Option<Job>,
    completed: u64,
    /// Limits, in the order in which they were published.
    limits: Vec<u64>,
    /// Records of the batches that were started.
    batches: Vec<u64>,
}

impl Given {
    fn formula(&self) -> Formula {
        Formula { integral: self.integral, min_rate: self.min as f64, latest: None }
    }
}

impl Simulation {
    fn start(given: Given) -> Self {
        Self::recover(given, None)
    }

    /// Goes on from what an earlier one has left in a checkpoint directory.
    fn recover(given: Given, checkpoints: Option<&Path>) -> Self {
        let sc = SparkContext::from_conf(&given.conf()).expect("good settings");
        let clock = Arc::new(ManualClock::new());
        clock.set(START);
        let watched = Arc::new(Watched { clock: clock.clone(), asleep: AtomicBool::default() });
        let ssc = StreamingContext::builder(&sc, Duration::from_nanos(BATCH))
            .clock(clock.clone())
            .receiver_clock(watched.clone())
            .scope(ActiveScope::private())
            .build()
            .expect("a context");
        let ((started, runs), (begin, begins)) = (bounded(10), bounded(0));
        let ((enter, entered), (go, gate)) = (bounded(1), bounded(0));
        let stored = Arc::<AtomicU64>::default();
        let greedy = Greedy { stored: Arc::clone(&stored), started, begin: begins, thread: None };
        let set_up = || {
            ssc.receiver_stream(greedy)?.foreach_rdd(move |rdd, _| {
                // Once the test has gone, jobs take no time.
                let _ = enter.send(rdd.count()?);
                let _ = gate.recv();
                Ok(())
            })?;
            Ok::<_, StreamingError>(ssc.clone())
        };
        let made = match checkpoints {
            None => set_up(),
            Some(folder) => ssc
                .checkpoint(folder)
                .and_then(|()| StreamingContext::get_or_create(folder, set_up)),
        };
        made.expect("a program");
        ssc.start().expect("a start");
        let handle = runs.recv_timeout(PATIENCE).expect("the receiver starts");
        let mut limiter = Limiter::new(given.initial.unwrap_or(given.max).min(given.max), START);
        begin.send(()).expect("a receiver");
        limiter.begin(START);
        let formula = given.formula();
        Self {
            given,
            ssc,
            clock,
            watched,
            now: START,
            stored,
            runs,
            handle,
            begin: Some(begin),
            entered: Some(entered),
            go: Some(go),
            limiter: Some(limiter),
            formula,
            cut: 0,
            waiting: 0,
            queue: VecDeque::new(),
            running: None,
            completed: 0,
            limits: Vec::new(),
            batches: Vec::new(),
        }
    }

    fn limit(&self) -> u64 {
        self.ssc.receiver_rate_limit(0).expect("the receiver runs")
    }

    /// How many records have been stored, if that is known.
    fn expected(&self) -> Option<u64> {
        self.limiter.as_ref().map(|limiter| limiter.stored)
    }

    /// Moves the clock, and waits until everything is stored that may be.
    fn advance_to(&mut self, to: u64) {
        self.clock.set(to);
        self.now = to;
        if let Some(limiter) = &mut self.limiter {
            limiter.run(to);
            // In this order: who has stored the last record then waits for the next one.
            until("storing", || {
                self.stored.load(Ordering::Acquire) == limiter.stored
                    && (limiter.next.is_none() || self.watched.asleep.load(Ordering::Acquire))
            });
        }
    }

    /// Moves the clock to the next end of a block, a batch or a job, and waits for what follows.
    fn step(&mut self) {
        let [block, batch] = [BLOCK, BATCH].map(|every| (self.now / every + 1) * every);
        assert_ne!(block, batch, "which blocks the batch has would be chance");
        let ends = self.running.as_ref().map_or(u64::MAX, |job| job.until);
        let next = block.min(batch).min(ends);
        // Records come before a block ends, so that they are in it.
        self.advance_to(next - 1);
        let before = self.expected();
        self.advance_to(next);
        if next == block
            && let Some(stored) = before
        {
            assert_eq!(self.expected(), before, "which block has the last would be chance");
            self.waiting += stored - self.cut;
            self.cut = stored;
            until("the end of a block", || self.ssc.waiting_records() == self.waiting);
        }
        if next == batch {
            self.submit();
        }
        if next == ends {
            self.complete();
        }
        if self.running.is_none()
            && let Some(batch) = self.queue.pop_front()
        {
            self.begin_job(&batch);
        }
    }

    fn submit(&mut self) {
        let (at, records) = (self.now, std::mem::take(&mut self.waiting));
        self.queue.push_back(Batch { at, records: self.expected().map(|_| records) });
        until("a batch", || self.ssc.pending_times().contains(&Time::from_ns(at)));
    }

    fn begin_job(&mut self, batch: &Batch) {
        let entered = self.entered.as_ref().expect("it goes on");
        let records = entered.recv_timeout(PATIENCE).expect("the next batch starts");
        assert_eq!(records, batch.records.unwrap_or(records), "batch at {} ms", batch.at / MS);
        self.batches.push(records);
        let takes = (records * (self.given.cost)(self.completed)).max(MS);
        self.running =
            Some(Job { batch: batch.at, records, since: self.now, until: self.now + takes });
    }

    fn complete(&mut self) {
        let Some(Job { batch, records, since, until: end }) = self.running.take() else { return };
        self.go.as_ref().expect("it goes on").send(()).expect("a job");
        self.completed += 1;
        let (processing, scheduling) = ((end - since) / MS, (since - batch) / MS);
        if let Some(rate) = self.formula.rate(records, processing, scheduling) {
            let limit = rate.min(self.given.max);
            if let Some(limiter) = &mut self.limiter {
                limiter.set(limit, self.now);
            }
            self.limits.push(limit);
            until("a new limit", || self.ssc.receiver_rate_limit(0) == Some(limit));
        }
    }

    fn run(&mut self, completed: u64) {
        while self.completed < completed {
            self.step();
        }
    }

    /// Has the receiver started again, by its supervisor, and waits for that.
    fn restart(&mut self) {
        self.handle.restart_after("once more", "", 1);
        until("the end", || self.handle.is_stopped());
        // The record that waits is stored; there is no other.
        let limiter = self.limiter.as_mut().expect("not ended before");
        let last = limiter.next.take().expect("it runs");
        limiter.stored += 1;
        self.advance_to(last.max(self.now));
        self.await_run();
        let limiter = self.limiter.as_mut().expect("not ended before");
        limiter.begin(self.now);
    }

    /// Has the receiver end, so that another supervisor starts it again. What that one's limiter lets
    /// through at first depends on how fast the test is.
    fn end(&mut self) {
        self.limiter = None;
        self.handle.stop("enough");
        self.await_run();
    }

    fn await_run(&mut self) {
        self.handle = loop {
            self.step();
            if let Ok(handle) = self.runs.recv_timeout(Duration::from_millis(50)) {
                break handle;
            }
        };
        self.begin.as_ref().expect("it goes on").send(()).expect("a receiver");
    }
}

impl Drop for Simulation {
    /// Lets everything go, and stops.
    fn drop(&mut self) {
        drop((self.begin.take(), self.entered.take(), self.go.take()));
        let ssc = self.ssc.clone();
        let stopping = std::thread::Builder::new().name("stopping".into());
        let stopped = stopping.spawn(move || ssc.stop(StopOptions::default())).expect("a thread");
        while !stopped.is_finished() {
            self.clock.advance(Duration::from_nanos(BLOCK));
            std::thread::yield_now();
        }
        let outcome = stopped.join();
        assert!(std::thread::panicking() || matches!(outcome, Ok(Ok(()))), "{outcome:?}");
    }
}

#[test]
fn rate_controller_publishes_updates_after_batches_complete() {
    // 200 records a second can be done.
    let cost = |_| 5 * MS;
    let given = Given { initial: Some(400), max: 1_000, min: 100, integral: 0.2, cost };
    let mut simulation = Simulation::start(given);
    assert_eq!(simulation.limit(), 400);
    simulation.run(1);
    assert_eq!((simulation.limit(), simulation.limits.len()), (400, 0), "one batch says nothing");
    simulation.run(2);
    assert_eq!(simulation.limits.len(), 1);
    assert!(simulation.limit() < 200, "less than can be done, as batches wait");
}

#[test]
fn published_rates_reach_receivers() {
    // The first batch only begins the series.
    let cost = |completed: u64| [10 * MS, 10 * MS, 5 * MS, 3_333_333][completed.min(3) as usize];
    let given = Given { initial: Some(50), max: 1_000, min: 1, integral: 0.0, cost };
    let mut simulation = Simulation::start(given);
    simulation.run(4);
    assert_eq!(simulation.limits, [100, 200, 300]);
    assert_eq!(simulation.limit(), 300);
}

#[test]
fn a_receiver_that_offers_too_much_comes_down_to_what_can_be_done() {
    let cost = |_| 5 * MS;
    let given = Given { initial: Some(500), max: 1_000, min: 10, integral: 0.2, cost };
    let mut simulation = Simulation::start(given);
    simulation.run(4);
    // Limiter and estimator go on where they were.
    simulation.restart();
    simulation.run(60);
    let Simulation { limits, batches, queue, .. } = &simulation;
    // What came before the first limit is worked off while hardly anything comes.
    assert_eq!(limits.iter().min(), Some(&10));
    assert!(limits[20..].iter().all(|limit| (190..=200).contains(limit)), "{limits:?}");
    assert!(batches[30..].iter().sum::<u64>() <= 30 * 200 + 1, "{batches:?}");
    assert!(queue.len() <= 1, "{} batches wait", queue.len());
}

#[test]
fn a_rate_outlives_the_supervisor_of_its_receiver() {
    let cost = |_| 5 * MS;
    let given = Given { initial: Some(500), max: 1_000, min: 10, integral: 0.2, cost };
    let mut simulation = Simulation::start(given);
    simulation.run(4);
    let before = simulation.limits.clone();
    simulation.end();
    // The rate from before the end, or one that was published while it started.
    assert_eq!(Some(&simulation.limit()), simulation.limits.last());
    simulation.run(20);
    // Each was what the formula says, as if nothing had happened; empty batches say nothing.
    let counted = simulation.batches[..20].iter().filter(|records| **records > 0).count();
    assert_eq!((simulation.limits.len(), &simulation.limits[..3]), (counted - 1, &*before));
    assert!(counted > 10, "{:?}", simulation.batches);
    assert!((10..=200).contains(&simulation.limit()));
}

/// CheckpointSuite: a rate of 200 before, and after.
#[test]
fn recovery_maintains_rate_controller() {
    let given =
        || Given { initial: Some(400), max: 900, min: 100, integral: 0.0, cost: |_| 5 * MS };
    let folder = tempfile::tempdir().expect("a folder");
    let mut simulation = Simulation::recover(given(), Some(folder.path()));
    assert_eq!(simulation.limit(), 400, "nothing is there yet");
    simulation.run(4);
    assert_eq!(simulation.limits, [200; 3], "all that is ever published is 200");
    // One that says that the fourth batch is over was made after the first rate was known.
    let fourth = Time::from_ns(4 * BATCH);
    until("a checkpoint", || {
        let latest = Checkpoint::latest(folder.path()).expect("one that can be read");
        latest.is_some_and(|latest| {
            latest.time() >= fourth && !latest.pending_times().contains(&fourth)
        })
    });
    // As if it was killed here: what ends behind the test's back takes no time.
    let killed = tempfile::tempdir().expect("a folder");
    let newest = checkpoint_files::list(folder.path()).expect("files").pop().expect("a checkpoint");
    let name = newest.file_name().expect("a name");
    std::fs::copy(&newest, killed.path().join(name)).expect("a copy");
    drop(simulation);
    assert_eq!(Simulation::recover(given(), Some(killed.path())).limit(), 200);
}

#[test]
fn limits_stay_between_what_the_settings_say() {
    // 1,000 records a second can be done, 300 are allowed.
    let given = Given { initial: None, max: 300, min: 100, integral: 0.2, cost: |_| MS };
    let mut simulation = Simulation::start(given);
    assert_eq!(simulation.limit(), 300);
    simulation.run(6);
    assert_eq!(simulation.limits, [300; 5]);
    let (batches, most) = (&simulation.batches, 300 * simulation.batches.len() as u64 + 1);
    assert!(batches.iter().sum::<u64>() <= most, "{batches:?}");
    // 50 can be done, 150 come all the same.
    let cost = |_| 20 * MS;
    let given = Given { initial: Some(2_000), max: 1_000, min: 150, integral: 0.2, cost };
    drop(simulation);
    let mut simulation = Simulation::start(given);
    assert_eq!(simulation.limit(), 1_000);
    simulation.run(3);
    assert_eq!(simulation.limits, [150; 2]);
}
