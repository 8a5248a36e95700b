//! What threads share, and what they wait for: the one door to locks, atomics, threads and channels.
//!
//! Usually it leads to the standard library and to crossbeam, with nothing in between. Built with
//! `--cfg loom` or `--cfg shuttle` it leads to what those tools can schedule, so that the very code
//! that runs is what they check. Reference counts stay the standard library's: nothing here depends on
//! when the last one goes, other than channels, which count their ends themselves.

mod helpers;

#[cfg(not(any(loom, shuttle)))]
#[path = "real.rs"]
pub(crate) mod channel;
#[cfg(any(loom, shuttle))]
#[path = "model.rs"]
pub(crate) mod channel;

#[cfg(not(any(loom, shuttle)))]
#[path = "real_ring.rs"]
pub(crate) mod ring;
#[cfg(any(loom, shuttle))]
#[path = "model_ring.rs"]
pub(crate) mod ring;

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

pub(crate) use helpers::{Either, Turn, has_ended, size};
