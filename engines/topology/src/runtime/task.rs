//! Tasks: what they are told, what they share, how they are started and how they fail.

use crate::flow_control::{Pause, WaitStrategy};
use crate::nanos::nanos;
use crate::runtime::census::Census;
use crate::runtime::inbox::{Closed, Notice};
use crate::runtime::sync::Mutex;
use crate::runtime::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::runtime::sync::channel::{Mailbox, Post, Sender, receive};
use crate::runtime::sync::thread::{Builder, JoinHandle};
use crate::runtime::tracker::Tracker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use weir_dataflow::{Alarm, Received, RunContext, RunError};

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
    /// Nanoseconds that it waited for something to do.
    pub idle_ns: u64,
    /// Nanoseconds from the start of the run to its end.
    pub lived_ns: u64,
    /// The most elements that it saw in its queue, of the times that it looked. Of a bolt.
    pub queue_peak: u64,
}

impl TaskCounts {
    /// The share of its time in which it was busy, from 0 to 1: Storm's capacity, measured as time that
    /// is not spent waiting for input. What is spent waiting for room downstream counts as busy.
    #[must_use]
    pub fn busy(&self) -> f64 {
        if self.lived_ns == 0 {
            return 0.0;
        }
        1.0 - (self.idle_ns as f64 / self.lived_ns as f64).min(1.0)
    }
}

impl std::ops::AddAssign for TaskCounts {
    fn add_assign(&mut self, other: Self) {
        self.executed += other.executed;
        self.emitted += other.emitted;
        self.acked += other.acked;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.idle_ns += other.idle_ns;
        self.lived_ns += other.lived_ns;
        self.queue_peak = self.queue_peak.max(other.queue_peak);
    }
}

/// What a spout that has ended counts as open.
const ENDED: usize = usize::MAX;

/// How often it is looked whether trees are still open.
const LOOK_NS: u64 = 1_000_000;

/// What the tasks of a run share.
pub(crate) struct Shared {
    pub(crate) context: RunContext,
    pub(crate) tracker: Tracker,
    stop: AtomicBool,
    failure: Mutex<Option<RunError>>,
    inboxes: Vec<Post<Notice>>,
    /// Only on a clock that somebody moves.
    pub(crate) census: Option<Arc<Census>>,
    /// Whether spouts are to emit; of no meaning to those that end by themselves.
    active: AtomicBool,
    /// Whether spouts are to end, whatever is open.
    ending: AtomicBool,
    wait: WaitStrategy,
    /// By spout, once it has seen that the run is not active: one more than the trees it has open;
    /// before that, 0. [`ENDED`] of one that has ended.
    open_trees: Box<[AtomicUsize]>,
    /// By executor, the elements of its queue when it looked last.
    populations: Box<[AtomicUsize]>,
}

impl Shared {
    pub(crate) fn new(
        context: RunContext,
        tracker: Tracker,
        inboxes: Vec<Post<Notice>>,
        census: Option<Arc<Census>>,
        wait: WaitStrategy,
        executors: usize,
    ) -> Arc<Self> {
        let zeros = |count: usize| (0..count).map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Self {
            open_trees: zeros(inboxes.len()),
            populations: zeros(executors),
            context,
            tracker,
            stop: AtomicBool::new(false),
            failure: Mutex::default(),
            inboxes,
            census,
            active: AtomicBool::new(true),
            ending: AtomicBool::new(false),
            wait,
        })
    }

    /// Waits for a message or a time of the clock. `taken` is how many messages the executor has
    /// received, and dealt with, since it waited last. A wait that looks over and over also ends, as if
    /// the time had come, when there is something `elsewhere` that a message would call for.
    pub(crate) fn wait<M>(
        &self,
        executor: usize,
        taken: usize,
        from: &Mailbox<M>,
        until_ns: u64,
        elsewhere: impl Fn() -> bool,
    ) -> Received<M> {
        let clock = &self.context.clock;
        let alarm = if until_ns == u64::MAX { Alarm::Never } else { clock.alarm(until_ns) };
        match &self.census {
            None if self.wait == WaitStrategy::Block => receive(from, alarm),
            None => self.look_for(from, until_ns, elsewhere),
            Some(census) => census.wait(executor, taken, from, until_ns, alarm),
        }
    }

    /// Looks for a message over and over, with the pauses of the wait strategy.
    fn look_for<M>(
        &self,
        from: &Mailbox<M>,
        until_ns: u64,
        elsewhere: impl Fn() -> bool,
    ) -> Received<M> {
        let (clock, mut round) = (&self.context.clock, 0);
        loop {
            if elsewhere() {
                return Received::TimedOut;
            }
            if let found @ (Received::Message(_) | Received::Closed) = receive(from, Alarm::Now) {
                return found;
            }
            let now_ns = clock.now_ns();
            if now_ns >= until_ns {
                return Received::TimedOut;
            }
            let (pause, next) = self.wait.idle(round);
            round = next;
            match pause {
                Pause::Spin => std::hint::spin_loop(),
                Pause::Park(time) => {
                    let most_ns = nanos(time);
                    clock.sleep_until(now_ns.saturating_add(most_ns).min(until_ns));
                }
                Pause::Block => return receive(from, clock.alarm(until_ns)),
            }
        }
    }

    /// An executor has looked how many elements its queue holds.
    #[inline]
    pub(crate) fn holds(&self, executor: usize, elements: usize) {
        self.populations[executor].store(elements, Ordering::Relaxed);
    }

    /// The elements of an executor's queue when it looked last.
    pub(crate) fn population(&self, executor: usize) -> usize {
        self.populations[executor].load(Ordering::Relaxed)
    }

    /// An executor ends. What is still under way to it is lost, if it is a spout; to the others nothing is.
    pub(crate) fn leave(&self, executor: usize, taken: usize) {
        if let Some(census) = &self.census {
            census.left(executor, taken);
        }
    }

    /// Counts a notice that is about to be sent to a spout, and whether it was.
    pub(crate) fn notify<E>(
        &self,
        spout: usize,
        send: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(census) = &self.census else { return send() };
        census.notifying(spout, 1);
        let sent = send();
        if sent.is_err() {
            census.notifying(spout, -1);
        }
        sent
    }

    /// Makes every spout look up from waiting.
    fn wake_spouts(&self) {
        (0..self.inboxes.len()).for_each(|spout| self.wake_spout(spout));
    }

    /// Makes one spout look up from waiting.
    pub(crate) fn wake_spout(&self, spout: usize) {
        // A full inbox makes its spout look just as well.
        let _ = self.notify(spout, || self.inboxes[spout].try_send(Notice::Wake));
    }

    pub(crate) fn set_active(&self, active: bool) {
        for open in &self.open_trees {
            // An error is a spout that has ended: that stays.
            let _ = open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
                (open != ENDED).then_some(0)
            });
        }
        self.active.store(active, Ordering::Release);
        self.wake_spouts();
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// A spout has seen that the run is not active, and has this many trees open.
    pub(crate) fn rests(&self, spout: usize, open: usize) {
        self.open_trees[spout].store(open + 1, Ordering::Release);
    }

    /// A spout has ended, with no tree open.
    pub(crate) fn spout_ended(&self, spout: usize) {
        self.open_trees[spout].store(ENDED, Ordering::Release);
    }

    /// Whether a spout other than this one may have trees open, after the run was made inactive.
    pub(crate) fn others_have_open_trees(&self, spout: usize) -> bool {
        let mut others = (0..self.open_trees.len()).filter(|other| *other != spout);
        others.any(|other| self.has_open_trees(other))
    }

    fn has_open_trees(&self, spout: usize) -> bool {
        !matches!(self.open_trees[spout].load(Ordering::Acquire), 1 | ENDED)
    }

    /// Whether, after the run was made inactive, trees are open that may still go on.
    pub(crate) fn awaits_trees(&self) -> bool {
        let open = || (0..self.open_trees.len()).any(|spout| self.has_open_trees(spout));
        !self.stopped() && !self.is_ending() && open()
    }

    /// Whether spouts have not ended that will do so by themselves, if ever.
    pub(crate) fn awaits_spouts(&self) -> bool {
        let mut spouts = self.open_trees.iter();
        let mut alive = || spouts.any(|spout| spout.load(Ordering::Acquire) != ENDED);
        !self.stopped() && !self.is_ending() && alive()
    }

    /// Waits, after the run was made inactive, until no tree is open, or for `most`.
    pub(crate) fn await_no_tree(&self, most: Duration) {
        let clock = &self.context.clock;
        let until_ns = clock.now_ns().saturating_add(nanos(most));
        while self.awaits_trees() && clock.now_ns() < until_ns {
            clock.sleep_until(clock.now_ns().saturating_add(LOOK_NS).min(until_ns));
        }
    }

    /// Waits until nothing can happen at the time that the clock stands at, if somebody moves it.
    pub(crate) fn await_quiet(&self) {
        if let Some(census) = &self.census {
            census.await_quiet(self.context.clock.now_ns());
        }
    }

    /// The same, unless that takes so long that it may never be.
    pub(crate) fn await_quiet_for_a_while(&self) {
        if let Some(census) = &self.census {
            census.await_quiet_for_a_while(self.context.clock.now_ns());
        }
    }

    /// Ends the run in order: spouts end as soon as they look, and all that is under way is handled.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.wake_spouts();
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Ends the run with an error; the first one stands.
    pub(crate) fn fail(&self, error: RunError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop.store(true, Ordering::Release);
        self.wake_spouts();
        if let Some(census) = &self.census {
            census.failed();
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

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use weir_dataflow::testing::AllAtOnce;
    use weir_dataflow::{ManualClock, Meter};

    /// What executors share, on a clock that stands still. `lap` is the records that may be in flight.
    pub(crate) fn shared(lap: usize, parties: usize, inboxes: &[Post<Notice>]) -> Arc<Shared> {
        shared_by(&Arc::new(ManualClock::new()), lap, parties, inboxes)
    }

    /// The same, on a clock that somebody moves.
    pub(crate) fn shared_by(
        clock: &Arc<ManualClock>,
        lap: usize,
        parties: usize,
        inboxes: &[Post<Notice>],
    ) -> Arc<Shared> {
        let load = Arc::new(AllAtOnce { records: 0, spacing_ns: 1 });
        let meter = Arc::new(Meter::counting());
        let clock = Arc::<ManualClock>::clone(clock);
        let context = RunContext::new(clock, load, Arc::clone(&meter));
        let tracker = Tracker::new(meter, lap, parties, inboxes.to_vec());
        Shared::new(context, tracker, inboxes.to_vec(), None, WaitStrategy::Block, parties)
    }
}
