//! Counts per slot.

use super::{TooSmall, at_least};
use std::collections::BTreeMap;

/// Counts objects in a number of slots, each by itself. What a slot stands for is up to the user.
#[derive(Clone, Debug)]
pub(crate) struct SlotBasedCounter<T> {
    slots: usize,
    counts: BTreeMap<T, Vec<u64>>,
}

impl<T: Ord + Clone> SlotBasedCounter<T> {
    /// With so many slots, of which there must be one.
    pub(crate) fn new(slots: usize) -> Result<Self, TooSmall> {
        let slots = at_least(1, slots, "the number of slots")?;
        Ok(Self { slots, counts: BTreeMap::new() })
    }

    /// Counts an object in a slot. There must be such a slot.
    pub(crate) fn increment(&mut self, object: &T, slot: usize) {
        // Most objects are known, and need no copy.
        if let Some(counts) = self.counts.get_mut(object) {
            counts[slot] += 1;
            return;
        }
        let mut counts = vec![0; self.slots];
        counts[slot] = 1;
        self.counts.insert(object.clone(), counts);
    }

    /// How often an object was counted in a slot.
    pub(crate) fn count(&self, object: &T, slot: usize) -> u64 {
        self.counts.get(object).and_then(|counts| counts.get(slot)).copied().unwrap_or(0)
    }

    /// How often each object was counted in all slots together; 0 of those that were wiped since.
    pub(crate) fn totals(&self) -> BTreeMap<T, u64> {
        let total = |(object, counts): (&T, &Vec<u64>)| (object.clone(), counts.iter().sum());
        self.counts.iter().map(total).collect()
    }

    /// Forgets what was counted in a slot.
    pub(crate) fn wipe_slot(&mut self, slot: usize) {
        for counts in self.counts.values_mut() {
            counts[slot] = 0;
        }
    }

    /// Forgets the objects whose total is 0.
    pub(crate) fn wipe_zeros(&mut self) {
        self.counts.retain(|_, counts| counts.iter().any(|count| *count > 0));
    }
}
