//! Counts over a sliding window.

use super::{SlotBasedCounter, TooSmall, at_least};
use std::collections::BTreeMap;

/// Counts objects over a window that slides by one slot at a time. Whoever uses it says when.
#[derive(Clone, Debug)]
pub(crate) struct SlidingWindowCounter<T> {
    counter: SlotBasedCounter<T>,
    slots: usize,
    head: usize,
}

impl<T: Ord + Clone> SlidingWindowCounter<T> {
    /// With a window of so many slots, of which there must be two: one is filled while the other is
    /// wiped.
    pub(crate) fn new(slots: usize) -> Result<Self, TooSmall> {
        let slots = at_least(2, slots, "the length of a sliding window, in slots,")?;
        Ok(Self { counter: SlotBasedCounter::new(slots)?, slots, head: 0 })
    }

    /// Counts an object.
    pub(crate) fn increment(&mut self, object: &T) {
        self.counter.increment(object, self.head);
    }

    /// The counts of the window, which then slides on. An object whose count has come down to 0 is
    /// told once with that count.
    pub(crate) fn counts_then_advance(&mut self) -> BTreeMap<T, u64> {
        let counts = self.counter.totals();
        self.counter.wipe_zeros();
        let tail = (self.head + 1) % self.slots;
        self.counter.wipe_slot(tail);
        self.head = tail;
        counts
    }
}
