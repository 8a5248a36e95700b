//! Who is busy: how simulated time knows that everything that could happen at one instant has.
//!
//! A run is **quiet** when no message is under way and every executor waits for a time to come. Only
//! runs on a clock that somebody moves keep a census; the others have none and pay nothing.

use crate::runtime::sync::channel::{Mailbox, receive};
use crate::runtime::sync::{Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;
use weir_dataflow::{Alarm, Received};

#[derive(Debug)]
struct State {
    /// Messages sent whose receiver has not yet dealt with them and gone to wait again. Those for spouts
    /// are counted by spout: one ends when it likes, and then forgets what is still on its way to it.
    /// Bolts and ackers end when nobody is left who could send them anything.
    under_way: i64,
    /// By executor, of a spout that has not ended: the notices for it.
    notices: Vec<Option<i64>>,
    /// How often an executor has gone to wait.
    waits: u64,
    /// By executor: the time it waits for, 0 if it does not wait.
    until_ns: Vec<u64>,
    /// Executors that have not ended.
    alive: usize,
    /// Whether the run has failed, so that nothing can be said of it any more.
    failed: bool,
}

impl State {
    /// An executor has dealt with so many messages.
    fn dealt_with(&mut self, executor: usize, taken: usize) {
        let under_way = self.notices[executor].as_mut().unwrap_or(&mut self.under_way);
        *under_way -= taken as i64;
    }

    /// Whether something can still happen at `now_ns`.
    fn is_busy(&self, now_ns: u64) -> bool {
        let mut notices = self.notices.iter().flatten();
        let moving = self.under_way > 0 || notices.any(|notices| *notices > 0);
        let due = || self.until_ns.iter().any(|at| *at <= now_ns);
        !self.failed && self.alive > 0 && (moving || due())
    }
}

/// How often executors may go to wait at one time before it looks as if that would never end.
const PATIENCE: u64 = 10_000;

/// The executors of a run, and what each is doing.
#[derive(Debug)]
pub(crate) struct Census {
    /// By spout, its number among all executors.
    spouts: Vec<usize>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Census {
    /// A census of so many executors, of which these are spouts, in the order of their inboxes.
    pub(crate) fn new(executors: usize, spouts: Vec<usize>) -> Self {
        let mut notices = vec![None; executors];
        spouts.iter().for_each(|spout| notices[*spout] = Some(0));
        let (under_way, until_ns) = (0, vec![0; executors]);
        let state =
            State { under_way, notices, waits: 0, until_ns, alive: executors, failed: false };
        Self { spouts, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message is about to be sent.
    pub(crate) fn sending(&self) {
        self.state().under_way += 1;
    }

    /// It was not sent after all.
    pub(crate) fn not_sent(&self) {
        self.state().under_way -= 1;
    }

    /// A spout is about to get a notice; or, with -1, does not after all. Of one that has ended nothing is
    /// expected any more.
    pub(crate) fn notifying(&self, spout: usize, more: i64) {
        let executor = self.spouts[spout];
        if let Some(notices) = &mut self.state().notices[executor] {
            *notices += more;
        }
    }

    /// Waits for a message or a time. `taken` is how many messages the executor has received, and
    /// dealt with, since it waited last.
    pub(crate) fn wait<M>(
        &self,
        executor: usize,
        taken: usize,
        from: &Mailbox<M>,
        until_ns: u64,
        alarm: Alarm,
    ) -> Received<M> {
        let mut state = self.state();
        state.dealt_with(executor, taken);
        state.waits += 1;
        state.until_ns[executor] = until_ns;
        drop(state);
        self.changed.notify_all();
        let received = receive(from, alarm);
        self.state().until_ns[executor] = 0;
        received
    }

    /// An executor has ended: it waits for nothing any more. `taken` is as for [`wait`](Self::wait).
    pub(crate) fn left(&self, executor: usize, taken: usize) {
        let mut state = self.state();
        state.dealt_with(executor, taken);
        state.notices[executor] = None;
        state.until_ns[executor] = u64::MAX;
        state.alive -= 1;
        drop(state);
        self.changed.notify_all();
    }

    /// The run has failed.
    pub(crate) fn failed(&self) {
        self.state().failed = true;
        self.changed.notify_all();
    }

    /// Waits until the run is quiet at `now_ns`, or has ended.
    pub(crate) fn await_quiet(&self, now_ns: u64) {
        self.await_quiet_while(now_ns, |_| true);
    }

    /// The same, unless that takes so long that it may never be.
    pub(crate) fn await_quiet_for_a_while(&self, now_ns: u64) {
        let waits = self.state().waits;
        self.await_quiet_while(now_ns, |state| state.waits - waits < PATIENCE);
    }

    fn await_quiet_while(&self, now_ns: u64, patient: impl Fn(&State) -> bool) {
        let mut state = self.state();
        while state.is_busy(now_ns) && patient(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::runtime::sync::channel::mailbox;

    /// A bolt waits; a spout ends while an acker tells it something.
    #[test]
    fn what_is_on_its_way_to_a_spout_that_has_ended_is_not_waited_for() {
        let census = Census::new(2, vec![1]);
        let (_to, from) = mailbox::<()>(1);
        let waited = census.wait(0, 0, &from, u64::MAX, Alarm::Now);
        assert_eq!(waited, Received::TimedOut);
        census.state().until_ns[0] = u64::MAX;
        (0..3).for_each(|_| census.notifying(0, 1));
        assert!(census.state().is_busy(0));
        // Two it has dealt with; one came after it had looked for the last time.
        census.left(1, 2);
        assert!(!census.state().is_busy(0));
        for late in [1, 1, -1] {
            census.notifying(0, late);
            assert!(!census.state().is_busy(0));
        }
        census.sending();
        assert!(census.state().is_busy(0), "the bolt has something to do");
    }
}
