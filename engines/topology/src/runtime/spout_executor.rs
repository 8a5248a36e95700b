//! The thread of a spout's task.

use crate::runtime::gulp::Gulp;
use crate::runtime::inbox::{Closed, Verdict};
use crate::runtime::packet::UNTRACKED;
use crate::runtime::sync::channel::Receiver;
use crate::runtime::task::{Shared, TaskContext, TaskCounts};
use crate::runtime::tracker::STRIDE;
use crate::typed::{FailReason, Next, Spout, SpoutCollector};
use std::sync::Arc;
use weir_dataflow::{Received, RunError};

/// The longest wait without a look at whether the run was cancelled.
const HEARTBEAT_NS: u64 = 50_000_000;

pub(crate) struct SpoutExecutor<S: Spout> {
    pub(crate) spout: S,
    pub(crate) out: SpoutCollector<S::Out, S::Id>,
    pub(crate) shared: Arc<Shared>,
    /// Opens, by closing, when the run begins.
    pub(crate) gate: Receiver<()>,
    /// Number among the spout tasks of the topology, and at the tracker.
    pub(crate) number: usize,
    /// Number among all executors.
    pub(crate) place: usize,
    pub(crate) timeout_ns: u64,
    pub(crate) flush_interval_ns: u64,
    pub(crate) state: SpoutState,
}

/// What a spout's executor remembers from round to round.
#[derive(Default)]
pub(crate) struct SpoutState {
    counts: TaskCounts,
    reported: u64,
    flushed_at_ns: u64,
    told_roots_at_ns: u64,
    /// In the time of the run.
    rotate_at_ns: u64,
    /// Whether the spout was told of the end of trees since it was asked last. It is asked again before
    /// it waits: it may have something to emit because of that.
    told: bool,
    gulp: Gulp,
}

/// Whether a waiting spout depends on the end of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hurry {
    Now,
    Later,
}

impl<S: Spout> SpoutExecutor<S> {
    /// Opens, waits for the start, and runs until the spout is done and no tree is open.
    pub(crate) fn run(
        mut self,
        context: &TaskContext,
        ready: &mut dyn FnMut(),
    ) -> Result<TaskCounts, Closed> {
        self.spout.open(context);
        ready();
        // Nothing is ever sent through it.
        let _ = self.gate.recv();
        self.state.rotate_at_ns = self.timeout_ns;
        loop {
            self.settle()?;
            self.begin_look();
            self.check()?;
            if self.shared.is_ending() {
                break;
            }
            if self.out.room() == 0 {
                match self.spout.at_limit(&mut self.out) {
                    Next::More => {}
                    Next::Idle { until_ns } => self.wait(until_ns, Hurry::Now)?,
                    Next::Blocked | Next::Done => self.wait(u64::MAX, Hurry::Now)?,
                }
                continue;
            }
            match self.spout.next_tuple(&mut self.out) {
                Next::More => {}
                Next::Idle { until_ns } => self.wait(until_ns, Hurry::Later)?,
                // The limit may have risen just before the wish to be woken was noted, or have risen
                // too little and used the wish up.
                Next::Blocked if !self.shared.tracker.awaits_limit(self.number) => {
                    self.shared.tracker.await_limit(self.number);
                }
                Next::Blocked => self.wait(u64::MAX, Hurry::Now)?,
                Next::Done if self.out.pending.is_empty() && self.spout.owes().is_none() => break,
                Next::Done => self.wait(u64::MAX, Hurry::Now)?,
            }
            self.end_round()?;
        }
        self.end_round()?;
        self.settle()?;
        self.out.out.end()?;
        self.spout.close();
        self.state.counts.emitted = self.out.out.emitted;
        self.state.counts.lived_ns = self.shared.context.now_ns();
        self.shared.tracker.passed(self.number, u64::MAX, self.shared.context.now_ns());
        if let Some(inbox) = &self.out.out.inbox {
            self.shared.leave(self.place, inbox.taken);
        }
        Ok(self.state.counts)
    }

    /// Sends what the spout has emitted.
    fn end_round(&mut self) -> Result<(), Closed> {
        self.shared.tracker.sent(self.out.reached.position);
        self.out.out.end_packet(self.out.reached)?;
        self.out.out.begin_run(weir_dataflow::Stamp::default(), UNTRACKED, 0);
        if self.state.gulp.take() { self.look() } else { Ok(()) }
    }

    /// Acts upon the trees that have ended.
    fn settle(&mut self) -> Result<(), Closed> {
        self.state.told |= !self.out.accepted.is_empty();
        for id in self.out.accepted.drain(..) {
            self.spout.ack(id);
        }
        if !self.out.tracks() {
            return Ok(());
        }
        let Some(inbox) = &mut self.out.out.inbox else { return Ok(()) };
        inbox.drain();
        let settled = std::mem::take(&mut inbox.settled);
        self.state.told |= !settled.is_empty();
        for (root, verdict) in &settled {
            // A tree that has timed out is not known any more: whatever came late is lost.
            let Some(id) = self.out.close_tree(*root) else { continue };
            match verdict {
                Verdict::Acked => {
                    self.state.counts.acked += 1;
                    self.spout.ack(id);
                }
                Verdict::Failed => {
                    self.state.counts.failed += 1;
                    self.fail(id, FailReason::Failed)?;
                }
                Verdict::Reset => self.out.pending.insert_new(*root, id),
            }
        }
        if let Some(inbox) = &mut self.out.out.inbox {
            inbox.settled = settled;
            inbox.settled.clear();
        }
        Ok(())
    }

    fn fail(&mut self, id: S::Id, reason: FailReason) -> Result<(), Closed> {
        self.spout.fail(id, reason).map_err(|error| {
            self.shared.fail(error);
            Closed
        })
    }

    /// What the spout is woken for, and told, it sees from here on: a notice that comes later stands for
    /// more. One may come while the spout waits for room, long before it waits for nothing else.
    fn begin_look(&mut self) {
        self.state.told = false;
        if let Some(inbox) = &mut self.out.out.inbox {
            inbox.woken = false;
        }
    }

    /// Whether to go on.
    fn check(&self) -> Result<(), Closed> {
        if self.shared.context.cancel.is_cancelled() {
            self.shared.fail(RunError::Cancelled);
        }
        if self.shared.stopped() { Err(Closed) } else { Ok(()) }
    }

    /// Looks at the clock, because the task has been busy for a while.
    fn look(&mut self) -> Result<(), Closed> {
        let now_ns = self.shared.context.now_ns();
        self.state.gulp.adapt(now_ns);
        self.rotate(now_ns)?;
        self.spout.look(self.shared.context.clock_time_ns(now_ns), &mut self.out);
        if now_ns.saturating_sub(self.state.flushed_at_ns) >= self.flush_interval_ns {
            self.state.flushed_at_ns = now_ns;
            self.out.out.flush()?;
            self.out.out.tell_marks(now_ns)?;
            self.report(now_ns, 1);
        }
        self.report(now_ns, STRIDE);
        Ok(())
    }

    /// Hands over all that there is and waits for a notice, or until `until_ns`.
    fn wait(&mut self, until_ns: u64, hurry: Hurry) -> Result<(), Closed> {
        self.end_round()?;
        self.out.out.flush_tuples()?;
        let now_ns = self.shared.context.now_ns();
        let acks_ns = self.tell_roots(hurry, now_ns)?;
        let marks_ns = self.out.out.tell_marks(now_ns)?.unwrap_or(u64::MAX);
        self.report(now_ns, 1);
        self.rotate(now_ns)?;
        if self.state.told {
            return Ok(());
        }
        if self.spout.owes().is_some() && self.out.room() > 0 {
            return Ok(());
        }
        let heartbeat_ns = now_ns.saturating_add(HEARTBEAT_NS);
        let mut until_ns = until_ns.min(acks_ns).min(marks_ns).min(heartbeat_ns);
        if !self.out.pending.is_empty() {
            until_ns = until_ns.min(self.state.rotate_at_ns);
        }
        let until_ns = self.shared.context.clock_time_ns(until_ns);
        if let Some(inbox) = &mut self.out.out.inbox
            && inbox.settled.is_empty()
            && !inbox.woken
        {
            let taken = std::mem::take(&mut inbox.taken);
            let received = self.shared.wait(self.place, taken, &inbox.from, until_ns, || false);
            let woken_ns = self.shared.context.now_ns();
            self.state.gulp.waited(woken_ns);
            self.state.counts.idle_ns += woken_ns - now_ns;
            if let Received::Message(notice) = received {
                inbox.keep(notice);
            }
        }
        Ok(())
    }

    /// Tells the ackers of new trees, or says when that is due. While the spout only waits for its
    /// next record, nobody needs the end of a tree at once, and each message wakes an acker, on a
    /// core that a bolt may want just now.
    fn tell_roots(&mut self, hurry: Hurry, now_ns: u64) -> Result<u64, Closed> {
        if self.out.out.acks.is_empty() {
            return Ok(u64::MAX);
        }
        let due_ns = self.state.told_roots_at_ns.saturating_add(self.flush_interval_ns / 2);
        if hurry == Hurry::Later && now_ns < due_ns {
            return Ok(due_ns);
        }
        self.state.told_roots_at_ns = now_ns;
        self.out.out.flush_acks()?;
        Ok(u64::MAX)
    }

    /// Fails the trees that have been open for longer than the timeout.
    fn rotate(&mut self, now_ns: u64) -> Result<(), Closed> {
        if now_ns < self.state.rotate_at_ns {
            return Ok(());
        }
        // Trees that have ended in time are not failed because their spout was busy elsewhere.
        self.settle()?;
        self.state.rotate_at_ns = now_ns.saturating_add(self.timeout_ns);
        for (_, id) in self.out.pending.rotate() {
            self.state.counts.timed_out += 1;
            self.state.told = true;
            self.fail(id, FailReason::TimedOut)?;
        }
        Ok(())
    }

    /// Tells the tracker how far the trees of this spout have ended, if that is `least` further.
    fn report(&mut self, now_ns: u64, least: u64) {
        let settled = self.out.settled().min(self.spout.owes().unwrap_or(u64::MAX));
        if settled >= self.state.reported.saturating_add(least) {
            self.state.reported = settled;
            self.shared.tracker.passed(self.number, settled, now_ns);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::runtime::acker::{Account, AckOut};
    use crate::runtime::inbox::{Inbox, Notice};
    use crate::runtime::progress::MarkPacer;
    use crate::runtime::sync::channel::{Mailbox, Post, Sender, bounded, mailbox};
    use crate::runtime::task::testing::shared_by;
    use crate::typed::Collector;
    use std::sync::Mutex;
    use std::time::Duration;
    use weir_dataflow::{ManualClock, Stamp};

    /// Emits one tree, which ends just before the spout is kept busy until it would have timed out.
    struct Late {
        round: u64,
        clock: Arc<ManualClock>,
        acker: Post<Notice>,
        said: Arc<Mutex<Vec<&'static str>>>,
    }

    const ROOT: u64 = 1 << crate::runtime::acker::ORIGIN;

    impl Spout for Late {
        type Out = u64;
        type Id = u64;
        fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
            self.round += 1;
            match self.round {
                1 => out.emit_tracked(Stamp::default(), 7, 7),
                2 => {
                    let notice = Notice::Settled(vec![(ROOT, Verdict::Acked)]);
                    self.acker.send(notice).expect("room");
                }
                _ => return Next::Done,
            }
            self.clock.advance(Duration::from_secs(30));
            Next::More
        }
        fn ack(&mut self, _: u64) {
            self.said.lock().expect("no panic").push("acked");
        }
        fn fail(&mut self, _: u64, _: FailReason) -> Result<(), RunError> {
            self.said.lock().expect("no panic").push("failed");
            Ok(())
        }
    }

    fn executor<S: Spout<Out = u64, Id = u64>>(
        spout: S,
        clock: &Arc<ManualClock>,
        (acker, inbox): (&Post<Notice>, Mailbox<Notice>),
        to_acker: Post<Vec<Account>>,
    ) -> SpoutExecutor<S> {
        let shared = shared_by(clock, 0, 1, std::slice::from_ref(acker));
        let acks = AckOut::new(vec![to_acker], 1, None);
        let out = Collector::new(vec![], acks, Some(Inbox::new(inbox)), MarkPacer::new(0), None);
        let (_, gate) = bounded(1);
        SpoutExecutor {
            spout,
            out: SpoutCollector::new(out, 0, None, Arc::clone(&shared)),
            shared,
            gate,
            number: 0,
            place: 0,
            timeout_ns: 30_000_000_000,
            flush_interval_ns: 0,
            state: SpoutState::default(),
        }
    }

    #[test]
    fn a_tree_that_has_ended_does_not_time_out_because_its_spout_was_busy() {
        let (clock, said) = (Arc::new(ManualClock::new()), Arc::default());
        let (acker, inbox) = mailbox(1);
        let (to_acker, _accounts) = mailbox(8);
        let (moved, tells) = (Arc::clone(&clock), acker.clone());
        let late = Late { round: 0, clock: moved, acker: tells, said: Arc::clone(&said) };
        let executor = executor(late, &clock, (&acker, inbox), to_acker);
        let context = TaskContext { component: "late".into(), index: 0, tasks: 1 };
        executor.run(&context, &mut || {}).expect("it ends");
        assert_eq!(*said.lock().expect("no panic"), ["acked"]);
    }

    /// Emits a tree, and again when that fails, which it hears of while it gets ready to wait.
    struct Owing {
        round: u64,
        owes: bool,
        /// What the first round takes: whether the second ends a gulp depends on it.
        takes: Duration,
        clock: Arc<ManualClock>,
        acker: Post<Notice>,
        replayed: Sender<()>,
    }

    impl Spout for Owing {
        type Out = u64;
        type Id = u64;
        fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
            self.round += 1;
            match self.round {
                1 => {
                    out.emit_tracked(Stamp::default(), 7, 7);
                    self.clock.advance(self.takes);
                    return Next::More;
                }
                2 => {
                    let notice = Notice::Settled(vec![(ROOT, Verdict::Failed)]);
                    self.acker.send(notice).expect("room");
                    self.clock.advance(Duration::from_secs(30));
                }
                _ if self.owes => {
                    self.replayed.send(()).expect("somebody waits");
                    return Next::Done;
                }
                _ => {}
            }
            Next::Idle { until_ns: u64::MAX }
        }
        fn fail(&mut self, _: u64, _: FailReason) -> Result<(), RunError> {
            self.owes = true;
            Ok(())
        }
    }

    #[test]
    fn a_spout_is_asked_again_before_it_waits_if_it_was_told_of_a_tree_meanwhile() {
        for takes in [Duration::ZERO, Duration::from_millis(1)] {
            let clock = Arc::new(ManualClock::new());
            let (acker, inbox) = mailbox(1);
            let (to_acker, accounts) = mailbox(8);
            let (replayed, replays) = bounded(1);
            let run = {
                let (clock, acker) = (Arc::clone(&clock), acker.clone());
                move || {
                    let (moved, tells) = (Arc::clone(&clock), acker.clone());
                    let owing = Owing {
                        round: 0,
                        owes: false,
                        takes,
                        clock: moved,
                        acker: tells,
                        replayed,
                    };
                    let executor = executor(owing, &clock, (&acker, inbox), to_acker);
                    let context = TaskContext { component: "owing".into(), index: 0, tasks: 1 };
                    executor.run(&context, &mut || {}).map(drop)
                }
            };
            let spout = std::thread::Builder::new().name("owing".into()).spawn(run).expect("it");
            let heard = replays.recv_timeout(Duration::from_secs(20));
            assert_eq!(heard, Ok(()), "after a round of {takes:?}");
            assert_eq!(spout.join().expect("no panic"), Ok(()));
            drop(accounts);
        }
    }
}
