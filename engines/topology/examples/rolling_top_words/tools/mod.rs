//! Counting over sliding windows, and ranking: what the bolts are made of.

mod nth_last_modified_time_tracker;
mod rankable;
mod rankings;
mod sliding_window_counter;
mod slot_based_counter;

pub(crate) use nth_last_modified_time_tracker::NthLastModifiedTimeTracker;
pub(crate) use rankable::Rankable;
pub(crate) use rankings::Rankings;
pub(crate) use sliding_window_counter::SlidingWindowCounter;
pub(crate) use slot_based_counter::SlotBasedCounter;

/// A number that something cannot be made with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be at least {least}, but is {given}")]
pub(crate) struct TooSmall {
    pub(crate) what: &'static str,
    pub(crate) least: usize,
    pub(crate) given: usize,
}

/// The number, if it is at least `least`.
pub(crate) fn at_least(least: usize, given: usize, what: &'static str) -> Result<usize, TooSmall> {
    if given < least { Err(TooSmall { what, least, given }) } else { Ok(given) }
}
