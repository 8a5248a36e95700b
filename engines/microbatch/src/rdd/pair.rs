//! Operators that bring equal keys together.

use super::keyed::{Place, Tables};
use super::partitioner::Target;
use super::{Keyed, MapSide, Pairs, Partition, Partitioner, Partitions, Rdd, Shuffle};
use crate::ContextError;
use crate::job::TaskError;
use std::sync::Arc;
use weir_dataflow::{Data, Key, KeyedTable, hash_of};

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// The partitioner, if the records are partitioned by their keys.
    #[must_use]
    pub fn partitioner(&self) -> Option<Arc<dyn Partitioner<K>>> {
        let known = self.node.partitioning()?;
        Target::<K>::typed(&known).map(|target| target.to_dyn())
    }

    /// Every value through a function. Keeps the partitioning.
    #[must_use]
    pub fn map_values<U: Data>(&self, f: impl Fn(V) -> U + Send + Sync + 'static) -> Rdd<(K, U)> {
        self.push_keyed("mapValues", move |(key, value), sink| sink((key, f(value))))
    }

    /// Every value into any number, each with the key. Keeps the partitioning.
    #[must_use]
    pub fn flat_map_values<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> Rdd<(K, U)> {
        self.push_keyed("flatMapValues", move |(key, value), sink| {
            f(value).into_iter().for_each(|made| sink((key.clone(), made)));
        })
    }

    /// The keys, as often as they occur.
    #[must_use]
    pub fn keys(&self) -> Rdd<K> {
        self.map(|(key, _)| key).labelled("keys")
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> Rdd<V> {
        self.map(|(_, value)| value).labelled("values")
    }

    /// The same pairs, each in the partition that its key belongs to, in the order of partitions and
    /// records. Nothing is moved if they are there already.
    #[must_use]
    pub fn partition_by(&self, partitions: impl Into<Partitions<K>>) -> Self {
        self.placed(&self.target(partitions.into()))
    }

    pub(super) fn placed(&self, target: &Target<K>) -> Self {
        let by = target.erased();
        if self.node.partitioning().as_ref() == Some(&by) {
            return self.clone();
        }
        let place = Arc::new(Place { target: target.clone() });
        self.shuffle_into(&"partition by".into(), &place, target.partitions(), Some(by))
    }

    /// One value per key, combined on the map side first. `f` must commute and associate.
    #[must_use]
    pub fn reduce_by_key(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitions: impl Into<Partitions<K>>,
    ) -> Self {
        let f = Arc::new(f);
        let merge = Arc::clone(&f);
        self.combine(
            "reduce by key",
            |v| v,
            move |a, b| f(a, b),
            move |a, b| merge(a, b),
            partitions.into(),
        )
    }

    /// One combination per key: `create` makes it from a key's first value, `add` takes further ones
    /// in, `merge` joins those of different partitions.
    #[must_use]
    pub fn combine_by_key<C: Data>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, C)> {
        self.combine("combine by key", create, add, merge, partitions.into())
    }

    /// Each key's values added to `zero` one by one, and the sums of different partitions merged.
    /// `zero` is used once per key and partition.
    #[must_use]
    pub fn aggregate_by_key<C: Data>(
        &self,
        zero: C,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, C)> {
        let add = Arc::new(add);
        let first = Arc::clone(&add);
        let create = move |value| first(zero.clone(), value);
        self.combine("aggregate by key", create, move |c, v| add(c, v), merge, partitions.into())
    }

    /// Each key's values folded. `zero` is used once per key and partition.
    #[must_use]
    pub fn fold_by_key(
        &self,
        zero: V,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitions: impl Into<Partitions<K>>,
    ) -> Self {
        let f = Arc::new(f);
        let (first, add) = (Arc::clone(&f), Arc::clone(&f));
        let create = move |value| first(zero.clone(), value);
        let add = move |a, b| add(a, b);
        self.combine("fold by key", create, add, move |a, b| f(a, b), partitions.into())
    }

    /// The values of each key, in the order of partitions and records.
    #[must_use]
    pub fn group_by_key(&self, partitions: impl Into<Partitions<K>>) -> Rdd<(K, Vec<V>)> {
        let joined = |mut a: Vec<V>, b| {
            a.extend(b);
            a
        };
        self.combine("group by key", |v| vec![v], pushed, joined, partitions.into())
    }

    pub(super) fn target(&self, partitions: Partitions<K>) -> Target<K> {
        Target::of(partitions, &self.sc, &[(self.partitions(), self.node.partitioning())])
    }

    fn combine<C: Data>(
        &self,
        label: &'static str,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitions: Partitions<K>,
    ) -> Rdd<(K, C)> {
        let target = self.target(partitions);
        let by = target.erased();
        if self.node.partitioning().as_ref() == Some(&by) {
            // Every key is in one partition already.
            return self.per_partition(label, true, move |input, out| {
                let table = in_place(input, &create, &add)?;
                for (_, key, sum) in table {
                    if let Some(sum) = sum {
                        out((key, sum));
                    }
                }
                Ok(())
            });
        }
        let partitions = target.partitions();
        let combine = Arc::new(Combine { create, add, merge, target });
        self.shuffle_into(&label.into(), &combine, partitions, Some(by))
    }
}

/// One table of a whole partition.
fn in_place<K: Key, V: Data, C: Data>(
    input: Partition<'_, (K, V)>,
    create: impl Fn(V) -> C,
    add: impl Fn(C, V) -> C,
) -> Result<KeyedTable<K, Option<C>>, TaskError> {
    let mut table = KeyedTable::new();
    Pairs.each(input, |key, value| {
        let entry = table.get_or_insert_with(hash_of(&key), key, || None);
        *entry = Some(match entry.take() {
            None => create(value),
            Some(sum) => add(sum, value),
        });
    })?;
    Ok(table)
}

impl<T: Key> Rdd<T> {
    /// Each record once.
    #[must_use]
    pub fn distinct(&self, partitions: impl Into<Partitions<T>>) -> Self {
        self.map(|value| (value, ()))
            .reduce_by_key(|(), ()| (), partitions)
            .map(|(value, ())| value)
            .labelled("distinct")
    }

    /// How often each record occurs, as an RDD; [`count_by_value`](Self::count_by_value) brings it
    /// to the driver.
    #[must_use]
    pub fn counts_by_value(&self, partitions: impl Into<Partitions<T>>) -> Rdd<(T, u64)> {
        self.map(|value| (value, 1)).reduce_by_key(|a, b| a + b, partitions)
    }
}

impl<T: Data> Rdd<T> {
    /// The records by the key that `key` gives them.
    #[must_use]
    pub fn group_by<K: Key>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, Vec<T>)> {
        self.key_by(key).group_by_key(partitions)
    }

    /// The same records dealt out to `partitions` partitions in turn, each input partition starting
    /// at the one of its own number.
    ///
    /// # Errors
    ///
    /// [`ContextError::NoPartitions`], as for [`coalesce`](Rdd::coalesce).
    pub fn repartition(&self, partitions: usize) -> Result<Self, ContextError> {
        if partitions == 0 {
            return Err(ContextError::NoPartitions);
        }
        Ok(self.shuffle(&"repartition".into(), &Arc::new(RoundRobin), partitions))
    }
}

/// Adds to a vector that is held by value.
pub(crate) fn pushed<V>(mut values: Vec<V>, value: V) -> Vec<V> {
    values.push(value);
    values
}

/// The shuffle behind `combine_by_key`. A combination is taken out of its entry while the user's
/// function has it, hence the `Option`.
struct Combine<K, F, G, H> {
    create: F,
    add: G,
    merge: H,
    target: Target<K>,
}

impl<K, V, C, F, G, H> MapSide<(K, V)> for Combine<K, F, G, H>
where
    K: Key,
    V: Data,
    C: Data,
    F: Fn(V) -> C + Send + Sync + 'static,
    G: Fn(C, V) -> C + Send + Sync + 'static,
    H: Send + Sync + 'static,
{
    type Block = KeyedTable<K, Option<C>>;
    fn map(&self, input: Partition<'_, (K, V)>, _: usize) -> Result<Vec<Self::Block>, TaskError> {
        let mut tables = Tables::new(self.target.clone());
        Pairs.each(input, |key, value| {
            let entry = tables.entry(key, || None);
            *entry = Some(match entry.take() {
                None => (self.create)(value),
                Some(sum) => (self.add)(sum, value),
            });
        })?;
        Ok(tables.into_blocks())
    }
}

impl<K, V, C, F, G, H> Shuffle<(K, V)> for Combine<K, F, G, H>
where
    K: Key,
    V: Data,
    C: Data,
    F: Fn(V) -> C + Send + Sync + 'static,
    G: Fn(C, V) -> C + Send + Sync + 'static,
    H: Fn(C, C) -> C + Send + Sync + 'static,
{
    type Merged = KeyedTable<K, Option<C>>;
    type Out = (K, C);
    fn merge(&self, blocks: Vec<Self::Block>) -> Self::Merged {
        let mut blocks = blocks.into_iter();
        let mut all = blocks.next().unwrap_or_default();
        for (hash, key, more) in blocks.flatten() {
            let entry = all.get_or_insert_with(hash, key, || None);
            *entry = match (entry.take(), more) {
                (Some(sum), Some(more)) => Some((self.merge)(sum, more)),
                (one, other) => one.or(other),
            };
        }
        all
    }
    fn read(&self, merged: &Self::Merged, out: &mut dyn FnMut((K, C))) {
        for (key, sum) in merged.iter() {
            if let Some(sum) = sum {
                out((key.clone(), sum.clone()));
            }
        }
    }
}

/// The shuffle behind `repartition`.
struct RoundRobin;

impl<T: Data> MapSide<T> for RoundRobin {
    type Block = Vec<T>;
    fn map(&self, input: Partition<'_, T>, partitions: usize) -> Result<Vec<Vec<T>>, TaskError> {
        let mut blocks: Vec<Vec<T>> = (0..partitions).map(|_| Vec::new()).collect();
        let mut next = input.index() % partitions;
        input.for_each(|value| {
            blocks[next].push(value);
            next = if next + 1 == partitions { 0 } else { next + 1 };
        })?;
        Ok(blocks)
    }
}

impl<T: Data> Shuffle<T> for RoundRobin {
    type Merged = Vec<Vec<T>>;
    type Out = T;
    fn merge(&self, blocks: Vec<Vec<T>>) -> Vec<Vec<T>> {
        blocks
    }
    fn by_key(&self) -> bool {
        false
    }
    fn read(&self, merged: &Vec<Vec<T>>, out: &mut dyn FnMut(T)) {
        merged.iter().flatten().cloned().for_each(out);
    }
}
