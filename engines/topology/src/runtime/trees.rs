//! Open trees by id, where ids are counted up: a window of slots in a row, and a map for stragglers.
//!
//! Trees begin in the order of their ids and end nearly so. What is open is therefore mostly one short
//! stretch of ids: a slot is found by subtraction, and neighbours lie side by side. A tree that stays
//! open while many others pass would make the stretch long, so it moves to a map.

use crate::runtime::rotating::TreeMap;
use std::collections::VecDeque;

/// Slots of a window, at most: what is open for longer than it takes to begin as many trees goes to
/// the map.
const WINDOW: usize = 1 << 16;

#[derive(Debug)]
enum Slot<V> {
    /// Nothing has been heard of it.
    Unknown,
    /// It has ended.
    Closed,
    /// It is open, since so many rotations of the table.
    Open(u32, V),
}

/// A map from tree ids to `V` whose entries grow old together, as those of a
/// [`RotatingMap`](crate::RotatingMap): with a rotation every T, an entry of a table of n buckets lives between (n - 1) T
/// and n T.
#[derive(Debug)]
pub(crate) struct TreeTable<V> {
    buckets: usize,
    rotations: u32,
    /// The id of the first slot.
    base: u64,
    slots: VecDeque<Slot<V>>,
    /// Open entries among the slots.
    open: usize,
    stragglers: TreeMap<V>,
    window: usize,
}

impl<V> TreeTable<V> {
    /// An empty table.
    pub(crate) fn new(buckets: usize) -> Self {
        Self::with_window(buckets, WINDOW)
    }

    fn with_window(buckets: usize, window: usize) -> Self {
        Self {
            buckets: buckets.max(1),
            rotations: 0,
            base: 0,
            slots: VecDeque::new(),
            open: 0,
            stragglers: TreeMap::with_buckets(buckets),
            window,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open + self.stragglers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of an id, if it lies within the window.
    #[inline(always)]
    fn place(&self, id: u64) -> Option<usize> {
        let place = id.wrapping_sub(self.base) as usize;
        (place < self.slots.len()).then_some(place)
    }

    /// Extends the window up to an id. `None` if the id lies before the window.
    #[inline(always)]
    fn reach(&mut self, id: u64) -> Option<usize> {
        if let Some(place) = self.place(id) {
            return Some(place);
        }
        self.extend(id)
    }

    #[inline]
    fn extend(&mut self, id: u64) -> Option<usize> {
        if self.slots.is_empty() {
            self.base = id;
        }
        let place = usize::try_from(id.checked_sub(self.base)?).ok()?;
        // One step at a time is how ids come; a leap moves the window there.
        if place >= self.window {
            self.leap(id.saturating_sub(self.window as u64 - 1));
        }
        let place = usize::try_from(id - self.base).ok()?;
        while self.slots.len() <= place {
            self.slots.push_back(Slot::Unknown);
        }
        Some(place)
    }

    /// Moves the front of the window to `base`, and what is open before it to the map.
    #[cold]
    fn leap(&mut self, base: u64) {
        while self.base < base {
            match self.slots.pop_front() {
                Some(Slot::Open(since, value)) => {
                    let age = (self.rotations - since) as usize;
                    self.open -= 1;
                    self.stragglers.insert_aged(self.base, value, age);
                    self.base += 1;
                }
                Some(_) => self.base += 1,
                None => self.base = base,
            }
        }
    }

    #[inline(always)]
    fn drop_closed(&mut self) {
        while let Some(Slot::Closed) = self.slots.front() {
            self.slots.pop_front();
            self.base += 1;
        }
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        match self.place(id) {
            Some(place) if matches!(self.slots[place], Slot::Open(..)) => true,
            _ => !self.stragglers.is_empty() && self.stragglers.contains_key(&id),
        }
    }

    /// Puts in an id that is not in the table.
    #[inline]
    pub(crate) fn insert_new(&mut self, id: u64, value: V) {
        match self.reach(id) {
            Some(place) => {
                self.slots[place] = Slot::Open(self.rotations, value);
                self.open += 1;
            }
            None => self.stragglers.insert_new(id, value),
        }
    }

    /// Changes the entry of `id`, made if absent, and takes it out if `change` says so.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        id: u64,
        make: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> Option<R>,
    ) -> Option<R> {
        let straggles = !self.stragglers.is_empty() && self.stragglers.contains_key(&id);
        let place = if straggles { None } else { self.reach(id) };
        let Some(place) = place else { return self.stragglers.update(id, make, change) };
        let slot = &mut self.slots[place];
        let result = match slot {
            Slot::Open(_, value) => {
                let result = change(value)?;
                self.open -= 1;
                result
            }
            Slot::Unknown | Slot::Closed => {
                let mut value = make();
                let Some(result) = change(&mut value) else {
                    *slot = Slot::Open(self.rotations, value);
                    self.open += 1;
                    return None;
                };
                result
            }
        };
        *slot = Slot::Closed;
        self.drop_closed();
        Some(result)
    }

    /// Takes an entry out.
    #[inline]
    pub(crate) fn remove(&mut self, id: u64) -> Option<V> {
        if let Some(place) = self.place(id)
            && let slot @ Slot::Open(..) = &mut self.slots[place]
        {
            let taken = std::mem::replace(slot, Slot::Closed);
            self.open -= 1;
            self.drop_closed();
            return match taken {
                Slot::Open(_, value) => Some(value),
                Slot::Unknown | Slot::Closed => None,
            };
        }
        if !self.stragglers.is_empty() { self.stragglers.remove(&id) } else { None }
    }

    /// Takes all entries out.
    pub(crate) fn clear(&mut self) {
        self.base += self.slots.len() as u64;
        self.slots.clear();
        self.open = 0;
        self.stragglers.clear();
    }

    /// Lets all entries grow older by one, and returns those whose time is over.
    pub(crate) fn rotate(&mut self) -> Vec<(u64, V)> {
        self.rotations += 1;
        let mut over: Vec<(u64, V)> = self.stragglers.rotate().collect();
        for (id, slot) in (self.base..).zip(&mut self.slots) {
            if let Slot::Open(since, _) = slot
                && (self.rotations - *since) as usize >= self.buckets
                && let Slot::Open(_, value) = std::mem::replace(slot, Slot::Closed)
            {
                self.open -= 1;
                over.push((id, value));
            }
        }
        self.drop_closed();
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Of an id so far behind the newest: put in, or made the newest again.
        Insert(u64),
        Add(u64, u32),
        Remove(u64),
        Rotate,
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0..3u64).prop_map(Step::Insert),
            8 => (0..24u64, 1..4u32).prop_map(|(back, more)| Step::Add(back, more)),
            4 => (0..24u64).prop_map(Step::Remove),
            2 => (0..1u8).prop_map(|_| Step::Rotate),
            1 => (0..1u8).prop_map(|_| Step::Clear),
        ];
        vec(step, 0..300)
    }

    proptest! {
        /// Whatever the size of the window, it is a map that rotates.
        #[test]
        fn it_does_what_a_rotating_map_does(
            steps in steps(),
            buckets in 1..5usize,
            window in 1..10usize,
        ) {
            let mut table = TreeTable::with_window(buckets, window);
            let mut model: TreeMap<u32> = TreeMap::with_buckets(buckets);
            let mut newest = 1u64 << 40;
            let add = |more: u32| move |sum: &mut u32| {
                *sum += more;
                (*sum > 6).then_some(*sum)
            };
            for step in steps {
                match step {
                    Step::Insert(skip) => {
                        newest += skip + 1;
                        table.insert_new(newest, 0);
                        model.insert_new(newest, 0);
                    }
                    Step::Add(back, more) => {
                        let got = table.update(newest - back, || 0, add(more));
                        prop_assert_eq!(got, model.update(newest - back, || 0, add(more)));
                    }
                    Step::Remove(back) => {
                        prop_assert_eq!(table.remove(newest - back), model.remove(&(newest - back)));
                    }
                    Step::Rotate => {
                        let (mut got, mut want) = (table.rotate(), model.rotate().collect::<Vec<_>>());
                        got.sort_unstable();
                        want.sort_unstable();
                        prop_assert_eq!(got, want);
                    }
                    Step::Clear => {
                        table.clear();
                        model.clear();
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                for back in 0..24 {
                    prop_assert_eq!(table.contains(newest - back), model.contains_key(&(newest - back)));
                }
            }
        }
    }

    #[test]
    fn a_straggler_does_not_hold_up_the_window() {
        let mut table = TreeTable::with_window(2, 8);
        table.insert_new(5, 'a');
        for id in 6..1_000 {
            table.insert_new(id, 'b');
            assert_eq!(table.remove(id), Some('b'));
            assert!(table.slots.len() <= 8);
        }
        assert_eq!(table.remove(5), Some('a'));
        assert_eq!(table.len(), 0);
    }
}
