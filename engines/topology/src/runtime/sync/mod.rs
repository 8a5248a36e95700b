//! What threads share, and what they wait for: the one door to locks, atomics, threads and channels.
//!
//! Usually it leads to the standard library and to crossbeam, with nothing in between. Built with
//! `--cfg loom` or `--cfg shuttle` it leads to what those tools can schedule, so that the very code
//! that runs is what they check. Reference counts stay the standard library's: nothing here depends on
//! when the last one goes, other than channels, which count their ends themselves.

#[cfg(not(any(loom, shuttle)))]
#[path = "real.rs"]
pub(crate) mod channel;
#[cfg(any(loom, shuttle))]
#[path = "model.rs"]
pub(crate) mod channel;

#[cfg(loom)]
pub(crate) use loom::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};
#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, atomic},
    thread,
};

/// A size that the protocols do not depend on: `usual`, or `modelled` where schedules are explored, so
/// that queues are full and batches complete within a few steps.
pub(crate) const fn size(usual: usize, modelled: usize) -> usize {
    if cfg!(any(loom, shuttle)) { modelled } else { usual }
}

/// What came of [`send_or_receive`](channel::send_or_receive).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn<M, N> {
    /// The message has been sent.
    Sent,
    /// Nobody is left to take the message.
    Closed,
    /// This came first; the message has not been sent.
    Received(N, M),
    /// Nobody is left to send anything; the message has not been sent.
    Alone(M),
}

/// Whether a thread has ended.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn has_ended<T>(thread: &thread::JoinHandle<T>) -> bool {
    thread.is_finished()
}

/// Whether a thread has ended: what the tools cannot say.
#[cfg(any(loom, shuttle))]
pub(crate) fn has_ended<T>(_: &thread::JoinHandle<T>) -> bool {
    false
}
