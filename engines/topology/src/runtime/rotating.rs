//! A map whose entries grow old together, in buckets, as Storm's `RotatingMap`.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A hash of ids that are counted up: neighbours stay neighbours in the table, which is where the next
/// access goes, and differ in the top bits, by which a group of slots is searched.
#[inline(always)]
const fn spread(id: u64) -> u64 {
    id ^ (id << 57)
}

/// A map from tree ids to `V` in a number of buckets.
///
/// Entries go into the newest bucket; [`rotate`](Self::rotate) empties the oldest. With a rotation
/// every T, an entry of a map of n buckets lives between (n - 1) T and n T. Looking an entry up or
/// changing it does not make it younger. Ids are mixed already and serve as their own hashes.
#[derive(Debug)]
pub(crate) struct RotatingMap<V> {
    /// The newest first.
    buckets: Vec<HashTable<(u64, V)>>,
}

impl<V> RotatingMap<V> {
    /// An empty map of at least one bucket.
    pub(crate) fn new(buckets: usize) -> Self {
        Self { buckets: (0..buckets.max(1)).map(|_| HashTable::new()).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.buckets.iter().map(HashTable::len).sum()
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.buckets
            .iter()
            .any(|bucket| bucket.find(spread(id), |(other, _)| *other == id).is_some())
    }

    /// Puts a new id into the newest bucket. The id must not be in the map.
    pub(crate) fn insert_new(&mut self, id: u64, value: V) {
        self.buckets[0].insert_unique(spread(id), (id, value), |(id, _)| spread(*id));
    }

    /// Puts in a new id that has seen `age` rotations elsewhere, fewer than there are buckets.
    pub(crate) fn insert_aged(&mut self, id: u64, value: V, age: usize) {
        let at = age.min(self.buckets.len() - 1);
        self.buckets[at].insert_unique(spread(id), (id, value), |(id, _)| spread(*id));
    }

    /// Changes the entry of `id`, made in the newest bucket if absent, and takes it out if `change`
    /// says so.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        id: u64,
        make: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> Option<R>,
    ) -> Option<R> {
        let at = (1..self.buckets.len())
            .find(|at| self.buckets[*at].find(spread(id), |(other, _)| *other == id).is_some())
            .unwrap_or(0);
        match self.buckets[at].entry(spread(id), |(other, _)| *other == id, |(id, _)| spread(*id)) {
            Entry::Occupied(mut found) => {
                let result = change(&mut found.get_mut().1)?;
                found.remove();
                Some(result)
            }
            Entry::Vacant(gap) => {
                let mut value = make();
                let result = change(&mut value);
                if result.is_none() {
                    gap.insert((id, value));
                }
                result
            }
        }
    }

    /// Takes all entries out.
    pub(crate) fn clear(&mut self) {
        self.buckets.iter_mut().for_each(HashTable::clear);
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, id: u64) -> Option<V> {
        self.buckets.iter_mut().find_map(|bucket| {
            let found = bucket.find_entry(spread(id), |(other, _)| *other == id).ok()?;
            Some(found.remove().0.1)
        })
    }

    /// Starts a new bucket and returns what was in the oldest.
    pub(crate) fn rotate(&mut self) -> impl Iterator<Item = (u64, V)> + use<V> {
        let oldest = self.buckets.pop().unwrap_or_default();
        self.buckets.insert(0, HashTable::new());
        oldest.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_one_rotation_fewer_than_there_are_buckets() {
        for buckets in 1..5 {
            let mut map = RotatingMap::new(buckets);
            map.insert_new(7, 'x');
            for _ in 1..buckets {
                assert_eq!(map.rotate().count(), 0);
                assert!(map.contains(7));
            }
            assert_eq!(map.rotate().collect::<Vec<_>>(), [(7, 'x')]);
            assert_eq!(map.len(), 0);
        }
    }

    #[test]
    fn updates_find_old_entries_and_do_not_make_them_younger() {
        let mut map = RotatingMap::new(3);
        let add = |map: &mut RotatingMap<u32>, more| {
            map.update(
                1,
                || 0,
                |sum| {
                    *sum += more;
                    (*sum >= 10).then_some(*sum)
                },
            )
        };
        assert_eq!(add(&mut map, 1), None);
        drop(map.rotate());
        assert_eq!(add(&mut map, 2), None);
        drop(map.rotate());
        assert_eq!(map.len(), 1);
        assert_eq!(add(&mut map, 7), Some(10));
        assert_eq!(map.len(), 0);
        assert_eq!(add(&mut map, 11), Some(11));
        assert_eq!(map.remove(1), None);
    }
}
