//! Keyed state: one fixed-seed hash per record, kept with its entry, so that tables can be split,
//! merged and grown without hashing again.

use crate::Key;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hash};

/// The hash state of every table and every partitioner: fixed, so that a run repeats.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastState;

/// The hasher behind [`FastState`].
pub type FastHasher = foldhash::fast::FoldHasher<'static>;

impl BuildHasher for FastState {
    type Hasher = FastHasher;
    #[inline(always)]
    fn build_hasher(&self) -> FastHasher {
        const STATE: foldhash::fast::FixedState =
            foldhash::fast::FixedState::with_seed(0x77_65_69_72);
        STATE.build_hasher()
    }
}

/// The hash of a key, the same in every engine, thread and run.
#[inline(always)]
pub fn hash_of<K: Hash + ?Sized>(key: &K) -> u64 {
    FastState.hash_one(key)
}

/// Which of `parts` partitions a hash belongs to. Uses the middle of the hash, which neither the
/// table's index (low bits) nor its tag (high bits) depends on.
#[inline(always)]
#[must_use]
pub const fn partition_of(hash: u64, parts: usize) -> usize {
    if parts == 1 {
        return 0;
    }
    ((((hash >> 20) & 0xffff_ffff) * parts as u64) >> 32) as usize
}

/// State by key. Iteration order is that of the table and so the same in every run.
#[derive(Clone, Debug)]
pub struct KeyedTable<K, S> {
    table: HashTable<(u64, K, S)>,
}

impl<K, S> Default for KeyedTable<K, S> {
    fn default() -> Self {
        Self { table: HashTable::new() }
    }
}

impl<K: Key, S> KeyedTable<K, S> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty table with room for so many keys.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        Self { table: HashTable::with_capacity(keys) }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The state of a key whose hash is known, made by `init` if absent.
    // Always: an engine that uses it in several operators would else pay a call per record in each.
    #[inline(always)]
    pub fn get_or_insert_with(&mut self, hash: u64, key: K, init: impl FnOnce() -> S) -> &mut S {
        let entry = self.table.entry(hash, |(h, k, _)| *h == hash && *k == key, |(h, ..)| *h);
        match entry {
            Entry::Occupied(found) => &mut found.into_mut().2,
            Entry::Vacant(gap) => &mut gap.insert((hash, key, init())).into_mut().2,
        }
    }

    /// Changes the state of a key whose hash is known; `init` makes it if absent.
    ///
    /// For hot loops: a hit is one probe and a write in place, with nothing returned through memory as
    /// an entry would be.
    #[inline(always)]
    pub fn update(
        &mut self,
        hash: u64,
        key: K,
        init: impl FnOnce() -> S,
        apply: impl FnOnce(&mut S),
    ) {
        self.update_keyed(hash, key, init, |_, state| apply(state));
    }

    /// [`update`](Self::update) by a function that also sees the key.
    #[inline(always)]
    pub fn update_keyed(
        &mut self,
        hash: u64,
        key: K,
        init: impl FnOnce() -> S,
        apply: impl FnOnce(&K, &mut S),
    ) {
        if let Some((_, key, state)) =
            self.table.find_mut(hash, |(h, k, _)| *h == hash && *k == key)
        {
            apply(key, state);
            return;
        }
        let mut state = init();
        apply(&key, &mut state);
        self.insert_absent(hash, key, state);
    }

    #[cold]
    #[inline(never)]
    fn insert_absent(&mut self, hash: u64, key: K, state: S) {
        self.table.insert_unique(hash, (hash, key, state), |(h, ..)| *h);
    }

    /// The state of a key whose hash is known.
    #[inline]
    pub fn get(&self, hash: u64, key: &K) -> Option<&S> {
        self.table.find(hash, |(h, k, _)| *h == hash && k == key).map(|(_, _, s)| s)
    }

    /// The state of a key whose hash is known, to change.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &K) -> Option<&mut S> {
        self.table.find_mut(hash, |(h, k, _)| *h == hash && k == key).map(|(_, _, s)| s)
    }

    /// Where a key is, for [`get_mut_at`](Self::get_mut_at). `look` is shown its state.
    ///
    /// To look a few dozen keys up like this before the first of them is used brings them into the
    /// cache side by side: nothing in one lookup waits for another. In a table that is larger than the
    /// caches that is most of what a key costs. A state may lie in another cache line than its key, and
    /// comes in only if it is looked at.
    #[inline]
    pub fn locate(&self, hash: u64, key: &K, look: impl FnOnce(&S)) -> Option<usize> {
        let mut look = Some(look);
        self.table.find_bucket_index(hash, |(h, k, state)| {
            let found = *h == hash && k == key;
            if found && let Some(look) = look.take() {
                look(state);
            }
            found
        })
    }

    /// [`get_mut`](Self::get_mut) for a key that was at a place before; it is looked for if it is not
    /// there any more.
    #[inline]
    pub fn get_mut_at(&mut self, place: Option<usize>, hash: u64, key: &K) -> Option<&mut S> {
        let there = |place: &usize| {
            self.table.get_bucket(*place).is_some_and(|(h, k, _)| *h == hash && k == key)
        };
        let place = place.filter(there).or_else(|| self.locate(hash, key, |_| {}))?;
        self.table.get_bucket_mut(place).map(|(_, _, s)| s)
    }

    /// Sets the state of a key whose hash is known, and returns the one before.
    pub fn insert(&mut self, hash: u64, key: K, state: S) -> Option<S> {
        match self.table.entry(hash, |(h, k, _)| *h == hash && *k == key, |(h, ..)| *h) {
            Entry::Occupied(mut found) => Some(std::mem::replace(&mut found.get_mut().2, state)),
            Entry::Vacant(gap) => {
                gap.insert((hash, key, state));
                None
            }
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, hash: u64, key: &K) -> Option<(K, S)> {
        let found = self.table.find_entry(hash, |(h, k, _)| *h == hash && k == key).ok()?;
        let ((_, key, state), _) = found.remove();
        Some((key, state))
    }

    /// Keeps the keys that `keep` says to, which sees them in the order of [`iter`](Self::iter).
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut S) -> bool) {
        self.table.retain(|(_, key, state)| keep(key, state));
    }

    /// Takes the keys out that `take` says to, and hands them on, hash first, as it goes.
    pub fn extract_if(
        &mut self,
        mut take: impl FnMut(&K, &mut S) -> bool,
    ) -> impl Iterator<Item = (u64, K, S)> {
        self.table.extract_if(move |(_, key, state)| take(key, state))
    }

    /// All keys and states.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &S)> {
        self.table.iter().map(|(_, key, state)| (key, state))
    }

    /// All keys and states with their hashes.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &K, &S)> {
        self.table.iter().map(|(hash, key, state)| (*hash, key, state))
    }

    /// Empties the table and hands out what was in it, hash first. Keeps the memory.
    pub fn drain(&mut self) -> impl Iterator<Item = (u64, K, S)> + '_ {
        self.table.drain()
    }

    /// Empties the table and keeps the memory.
    pub fn clear(&mut self) {
        self.table.clear();
    }
}

impl<K, S> IntoIterator for KeyedTable<K, S> {
    type Item = (u64, K, S);
    type IntoIter = hashbrown::hash_table::IntoIter<(u64, K, S)>;
    fn into_iter(self) -> Self::IntoIter {
        self.table.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_of_different_keys_stay_apart() {
        let mut table = KeyedTable::new();
        *table.get_or_insert_with(1, "a", || 0) += 1;
        *table.get_or_insert_with(1, "b", || 0) += 10;
        *table.get_or_insert_with(1, "a", || 0) += 2;
        assert_eq!(table.get(1, &"a"), Some(&3));
        assert_eq!(table.get(1, &"b"), Some(&10));
        assert_eq!(table.remove(1, &"a"), Some(("a", 3)));
        assert_eq!(table.remove(1, &"a"), None);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn what_is_set_replaces_and_what_is_taken_out_is_gone() {
        let mut table = KeyedTable::new();
        for key in 0..10u32 {
            assert_eq!(table.insert(hash_of(&key), key, key), None);
        }
        assert_eq!(table.insert(hash_of(&3u32), 3, 30), Some(3));
        let mut odd: Vec<_> = table.extract_if(|_, state| *state % 2 == 1).collect();
        odd.sort_unstable_by_key(|(_, key, _)| *key);
        assert_eq!(odd, [1, 5, 7, 9].map(|key: u32| (hash_of(&key), key, key)));
        assert_eq!((table.len(), table.get(hash_of(&3u32), &3)), (6, Some(&30)));
    }

    #[test]
    fn a_key_is_found_wherever_it_was_before() {
        let mut table = KeyedTable::new();
        let mut places = Vec::new();
        // It grows as it goes, and a place may be another key's by then, or nobody's.
        for key in 0..1_000u64 {
            table.insert(hash_of(&key), key, key);
            places.push(table.locate(hash_of(&key), &key, |state| assert_eq!(*state, key)));
        }
        table.retain(|key, _| key % 3 > 0);
        for (key, place) in (0..1_000u64).zip(places) {
            for place in [place, None, Some(usize::MAX), Some(1)] {
                let found = table.get_mut_at(place, hash_of(&key), &key).copied();
                assert_eq!(found, (key % 3 > 0).then_some(key), "{key} at {place:?}");
            }
        }
        assert_eq!(table.locate(hash_of(&0u64), &0, |_| {}), None);
    }

    #[test]
    fn all_walks_through_a_table_are_in_one_order() {
        let mut table = KeyedTable::new();
        for key in (0..1_000u64).filter(|key| key % 3 > 0) {
            table.insert(hash_of(&key), key, key);
        }
        let by_iter: Vec<u64> = table.iter().map(|(key, _)| *key).collect();
        let by_entries: Vec<u64> = table.entries().map(|(_, key, _)| *key).collect();
        let mut by_retain = Vec::new();
        table.retain(|key, _| {
            by_retain.push(*key);
            key % 2 == 0
        });
        assert_eq!((&by_entries, &by_retain), (&by_iter, &by_iter));
        assert_eq!(table.len(), by_iter.iter().filter(|key| *key % 2 == 0).count());
    }

    #[test]
    fn partitions_are_even_and_in_range() {
        for parts in [1usize, 2, 3, 8] {
            let mut counts = vec![0u32; parts];
            for i in 0..8_000u64 {
                counts[partition_of(hash_of(&i), parts)] += 1;
            }
            let fair = 8_000 / parts as u32;
            assert!(counts.iter().all(|&n| n.abs_diff(fair) < fair / 5), "{counts:?}");
        }
    }
}
