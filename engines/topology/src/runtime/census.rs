//! Who is busy: how simulated time knows that everything that could happen at one instant has.
//!
//! A run is **quiet** when no message is under way and every executor waits for a time to come. Only
//! runs on a clock that somebody moves keep a census; the others have none and pay nothing.

use crate::runtime::sync::channel::{Receiver, receive};
use crate::runtime::sync::{Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;
use weir_dataflow::{Alarm, Received};

#[derive(Debug)]
struct State {
    /// Messages sent whose receiver has not yet dealt with them and gone to wait again.
    under_way: i64,
    /// By executor: the time it waits for, 0 if it does not wait.
    until_ns: Vec<u64>,
    /// Executors that have not ended.
    alive: usize,
    /// Whether the run has failed, so that nothing can be said of it any more.
    failed: bool,
}

/// The executors of a run, and what each is doing.
#[derive(Debug)]
pub(crate) struct Census {
    state: Mutex<State>,
    changed: Condvar,
}

impl Census {
    pub(crate) fn new(executors: usize) -> Self {
        let state =
            State { under_way: 0, until_ns: vec![0; executors], alive: executors, failed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
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

    /// Waits for a message or a time. `taken` is how many messages the executor has received, and
    /// dealt with, since it waited last.
    pub(crate) fn wait<M>(
        &self,
        executor: usize,
        taken: usize,
        from: &Receiver<M>,
        until_ns: u64,
        alarm: Alarm,
    ) -> Received<M> {
        let mut state = self.state();
        state.under_way -= taken as i64;
        state.until_ns[executor] = until_ns;
        drop(state);
        self.changed.notify_all();
        let received = receive(from, alarm);
        self.state().until_ns[executor] = 0;
        received
    }

    /// An executor has ended: it waits for nothing any more. `taken` is as for [`wait`](Self::wait),
    /// what nobody will take any more included.
    pub(crate) fn left(&self, executor: usize, taken: usize) {
        let mut state = self.state();
        state.under_way -= taken as i64;
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
        let busy = |state: &State| {
            let moving = state.under_way > 0 || state.until_ns.iter().any(|at| *at <= now_ns);
            !state.failed && state.alive > 0 && moving
        };
        let mut state = self.state();
        while busy(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
