//! How long ago something was modified n times before.

use super::{TooSmall, at_least};
use std::collections::VecDeque;

/// Keeps the times of the last modifications. Those before the first count as made when the tracker
/// was.
#[derive(Clone, Debug)]
pub(crate) struct NthLastModifiedTimeTracker {
    /// The oldest first.
    modified_ms: VecDeque<u64>,
}

impl NthLastModifiedTimeTracker {
    /// Keeps so many times, of which there must be one.
    pub(crate) fn new(times: usize, now_ms: u64) -> Result<Self, TooSmall> {
        let times = at_least(1, times, "the number of times to track")?;
        Ok(Self { modified_ms: VecDeque::from(vec![now_ms; times]) })
    }

    /// Whole seconds since the oldest modification that is kept.
    pub(crate) fn seconds_since_oldest(&self, now_ms: u64) -> u64 {
        let oldest_ms = self.modified_ms.front().copied().unwrap_or(now_ms);
        now_ms.saturating_sub(oldest_ms) / 1000
    }

    /// It is modified.
    pub(crate) fn mark_as_modified(&mut self, now_ms: u64) {
        self.modified_ms.pop_front();
        self.modified_ms.push_back(now_ms);
    }
}
