//! A map whose entries grow old together, in buckets.

use crate::TopologyError;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hash, Hasher};
use weir_dataflow::FastState;

/// A map in a number of buckets, whose entries grow old together. Storm's `RotatingMap`.
///
/// Entries go into the newest bucket; [`rotate`](Self::rotate) empties the oldest. With a rotation
/// every T, an entry of a map of n buckets lives between (n - 1) T and n T. Putting an entry again
/// makes it young; looking it up or changing it does not.
///
/// ```
/// use weir_topology::RotatingMap;
/// let mut map = RotatingMap::new(2)?;
/// map.put("a", 1);
/// assert_eq!(map.rotate().count(), 0);
/// map.put("b", 2);
/// assert_eq!(map.rotate().collect::<Vec<_>>(), [("a", 1)]);
/// assert_eq!(map.get("b"), Some(&2));
/// # Ok::<(), weir_topology::TopologyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RotatingMap<K, V, S = FastState> {
    /// The newest first.
    buckets: Vec<HashTable<(K, V)>>,
    hasher: S,
}

impl<K, V> RotatingMap<K, V> {
    /// An empty map of at least two buckets: with one alone every entry would be old at once.
    pub fn new(buckets: usize) -> Result<Self, TopologyError> {
        if buckets < 2 {
            return Err(TopologyError::TooFewBuckets { buckets });
        }
        Ok(Self::with_buckets(buckets))
    }
}

/// Three buckets, as in Storm.
impl<K, V, S: Default> Default for RotatingMap<K, V, S> {
    fn default() -> Self {
        Self::with_buckets(3)
    }
}

impl<K, V, S: Default> RotatingMap<K, V, S> {
    /// An empty map of at least one bucket.
    pub(crate) fn with_buckets(buckets: usize) -> Self {
        let buckets = (0..buckets.max(1)).map(|_| HashTable::new()).collect();
        Self { buckets, hasher: S::default() }
    }
}

impl<K, V, S> RotatingMap<K, V, S> {
    /// How many entries there are. Takes a time that grows with the number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.iter().map(HashTable::len).sum()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(HashTable::is_empty)
    }

    /// How many buckets there are.
    #[must_use]
    pub const fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.buckets.iter_mut().for_each(HashTable::clear);
    }

    /// Starts a new bucket and returns what was in the oldest.
    pub fn rotate(&mut self) -> impl Iterator<Item = (K, V)> + use<K, V, S> {
        let oldest = self.buckets.pop().unwrap_or_default();
        self.buckets.insert(0, HashTable::new());
        oldest.into_iter()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> RotatingMap<K, V, S> {
    /// Gives a key a value, in the newest bucket. Returns the value that it had.
    pub fn put(&mut self, key: K, value: V) -> Option<V> {
        let old = self.remove(&key);
        self.insert_new(key, value);
        old
    }

    /// Puts a new key into the newest bucket. The key must not be in the map.
    pub(crate) fn insert_new(&mut self, key: K, value: V) {
        let (hash, hasher) = (self.hasher.hash_one(&key), &self.hasher);
        self.buckets[0].insert_unique(hash, (key, value), |(key, _)| hasher.hash_one(key));
    }

    /// Puts in a new key that has seen `age` rotations elsewhere, fewer than there are buckets.
    pub(crate) fn insert_aged(&mut self, key: K, value: V, age: usize) {
        let (hash, hasher) = (self.hasher.hash_one(&key), &self.hasher);
        let at = age.min(self.buckets.len() - 1);
        self.buckets[at].insert_unique(hash, (key, value), |(key, _)| hasher.hash_one(key));
    }

    /// The value of a key.
    #[must_use]
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        self.buckets
            .iter()
            .find_map(|bucket| bucket.find(hash, |(other, _)| other.borrow() == key))
            .map(|(_, value)| value)
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Takes an entry out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        self.buckets.iter_mut().find_map(|bucket| {
            let found = bucket.find_entry(hash, |(other, _)| other.borrow() == key).ok()?;
            Some(found.remove().0.1)
        })
    }

    /// Changes the entry of a key, made in the newest bucket if absent, and takes it out if `change`
    /// says so.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        key: K,
        make: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> Option<R>,
    ) -> Option<R> {
        let (hash, hasher) = (self.hasher.hash_one(&key), &self.hasher);
        let at = (1..self.buckets.len())
            .find(|at| self.buckets[*at].find(hash, |(other, _)| *other == key).is_some())
            .unwrap_or(0);
        let bucket = &mut self.buckets[at];
        match bucket.entry(hash, |(other, _)| *other == key, |(key, _)| hasher.hash_one(key)) {
            Entry::Occupied(mut found) => {
                let result = change(&mut found.get_mut().1)?;
                found.remove();
                Some(result)
            }
            Entry::Vacant(gap) => {
                let mut value = make();
                let result = change(&mut value);
                if result.is_none() {
                    gap.insert((key, value));
                }
                result
            }
        }
    }
}

/// A rotating map of tree ids, which are mixed or counted up already.
pub(crate) type TreeMap<V> = RotatingMap<u64, V, TreeIds>;

/// The hash of tree ids: neighbours stay neighbours in the table, which is where the next access goes,
/// and differ in the top bits, by which a group of slots is searched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TreeIds;

#[derive(Debug)]
pub(crate) struct TreeIdHasher(u64);

impl BuildHasher for TreeIds {
    type Hasher = TreeIdHasher;
    #[inline(always)]
    fn build_hasher(&self) -> TreeIdHasher {
        TreeIdHasher(0)
    }
}

impl Hasher for TreeIdHasher {
    #[inline(always)]
    fn write_u64(&mut self, id: u64) {
        self.0 = id ^ (id << 57);
    }

    /// Not used: ids are `u64`.
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = (self.0 << 8) ^ u64::from(*byte));
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_one_rotation_fewer_than_there_are_buckets() {
        for buckets in 1..5 {
            let mut map = TreeMap::with_buckets(buckets);
            map.insert_new(7, 'x');
            for _ in 1..buckets {
                assert_eq!(map.rotate().count(), 0);
                assert!(map.contains_key(&7));
            }
            assert_eq!(map.rotate().collect::<Vec<_>>(), [(7, 'x')]);
            assert_eq!(map.len(), 0);
        }
    }

    #[test]
    fn updates_find_old_entries_and_do_not_make_them_younger() {
        let mut map = TreeMap::default();
        let add = |map: &mut TreeMap<u32>, more| {
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
        assert_eq!(map.remove(&1), None);
    }

    #[test]
    fn one_bucket_is_an_error() {
        for buckets in [0, 1] {
            let error = RotatingMap::<u8, u8>::new(buckets).expect_err("too few");
            assert!(error.to_string().starts_with("numBuckets must be >= 2"), "{error}");
        }
        assert_eq!(RotatingMap::<u8, u8>::default().buckets(), 3);
    }

    proptest::proptest! {
        /// Against a map from keys to ages: putting makes an entry as young as can be, a rotation
        /// makes all older by one, and gives those that are as old as there are buckets.
        #[test]
        fn it_is_a_map_of_keys_with_ages(
            buckets in 2usize..5,
            operations in proptest::collection::vec((0u8..4, 0u16..6, 0u32..100), 0..200),
        ) {
            let mut map = RotatingMap::new(buckets).expect("two or more");
            let mut model = std::collections::BTreeMap::<u16, (u32, usize)>::new();
            for (operation, key, value) in operations {
                match operation {
                    0 => {
                        let old = model.insert(key, (value, 0)).map(|(value, _)| value);
                        assert_eq!(map.put(key, value), old);
                    }
                    1 => assert_eq!(map.get(&key), model.get(&key).map(|(value, _)| value)),
                    2 => assert_eq!(map.remove(&key), model.remove(&key).map(|(value, _)| value)),
                    _ => {
                        model.values_mut().for_each(|(_, age)| *age += 1);
                        let old = |age: &usize| *age == buckets;
                        let want: Vec<_> = model
                            .iter()
                            .filter(|(_, (_, age))| old(age))
                            .map(|(key, (value, _))| (*key, *value))
                            .collect();
                        model.retain(|_, (_, age)| !old(age));
                        let mut got: Vec<_> = map.rotate().collect();
                        got.sort_unstable();
                        assert_eq!(got, want);
                    }
                }
                assert_eq!(map.len(), model.len());
                assert_eq!(map.contains_key(&key), model.contains_key(&key));
            }
        }
    }
}
