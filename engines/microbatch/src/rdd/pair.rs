//! Operators that bring equal keys together.

use super::keyed::Tables;
use super::{Keyed, MapSide, Pairs, Partition, Rdd, Shuffle};
use crate::job::TaskError;
use std::sync::Arc;
use weir_dataflow::{Data, Either, Key, KeyedTable};

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Every value through a function. Keeps the partitioning.
    #[must_use]
    pub fn map_values<U: Data>(&self, f: impl Fn(V) -> U + Send + Sync + 'static) -> Rdd<(K, U)> {
        self.push_keyed(move |(key, value), sink| sink((key, f(value))))
    }

    /// One value per key, combined on the map side first. `f` must commute and associate.
    #[must_use]
    pub fn reduce_by_key(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitions: usize,
    ) -> Self {
        let f = Arc::new(f);
        let merge = Arc::clone(&f);
        self.combine(
            "reduce by key",
            |v| v,
            move |a, b| f(a, b),
            move |a, b| merge(a, b),
            partitions,
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
        partitions: usize,
    ) -> Rdd<(K, C)> {
        self.combine("combine by key", create, add, merge, partitions)
    }

    /// The values of each key, in the order of partitions and records.
    #[must_use]
    pub fn group_by_key(&self, partitions: usize) -> Rdd<(K, Vec<V>)> {
        let label = "group by key";
        self.combine(label, |v| vec![v], pushed, |a, b| [a, b].concat(), partitions)
    }

    /// For every key of either side, the values of both.
    #[must_use]
    pub fn cogroup<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: usize,
    ) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        let left = self.map_values(Either::Left);
        let right = other.map_values(Either::Right);
        left.union(&right).group_by_key(partitions).map_values(|values| {
            let (mut lefts, mut rights) = (Vec::new(), Vec::new());
            for value in values {
                match value {
                    Either::Left(left) => lefts.push(left),
                    Either::Right(right) => rights.push(right),
                }
            }
            (lefts, rights)
        })
    }

    /// All pairs of values of both sides with the same key.
    #[must_use]
    pub fn join<W: Data>(&self, other: &Rdd<(K, W)>, partitions: usize) -> Rdd<(K, (V, W))> {
        self.cogroup(other, partitions).push_keyed(|(key, (lefts, rights)), sink| {
            for left in &lefts {
                for right in &rights {
                    sink((key.clone(), (left.clone(), right.clone())));
                }
            }
        })
    }

    fn combine<C: Data>(
        &self,
        label: &str,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitions: usize,
    ) -> Rdd<(K, C)> {
        self.shuffle(&label.into(), &Arc::new(Combine { create, add, merge }), partitions)
    }
}

impl<T: Key> Rdd<T> {
    /// Each record once.
    #[must_use]
    pub fn distinct(&self, partitions: usize) -> Self {
        self.map(|value| (value, ()))
            .reduce_by_key(|(), ()| (), partitions)
            .map(|(value, ())| value)
    }

    /// How often each record occurs.
    #[must_use]
    pub fn count_by_value(&self, partitions: usize) -> Rdd<(T, u64)> {
        self.map(|value| (value, 1)).reduce_by_key(|a, b| a + b, partitions)
    }
}

impl<T: Data> Rdd<T> {
    /// The same records dealt out to `partitions` partitions in turn, each input partition starting
    /// at the one of its own number.
    #[must_use]
    pub fn repartition(&self, partitions: usize) -> Self {
        self.shuffle(&"repartition".into(), &Arc::new(RoundRobin), partitions)
    }
}

/// Adds to a vector that is held by value.
pub(crate) fn pushed<V>(mut values: Vec<V>, value: V) -> Vec<V> {
    values.push(value);
    values
}

/// The shuffle behind `combine_by_key`. A combination is taken out of its entry while the user's
/// function has it, hence the `Option`.
struct Combine<F, G, H> {
    create: F,
    add: G,
    merge: H,
}

impl<K, V, C, F, G, H> MapSide<(K, V)> for Combine<F, G, H>
where
    K: Key,
    V: Data,
    C: Data,
    F: Fn(V) -> C + Send + Sync + 'static,
    G: Fn(C, V) -> C + Send + Sync + 'static,
    H: Send + Sync + 'static,
{
    type Block = KeyedTable<K, Option<C>>;
    fn map(
        &self,
        input: Partition<'_, (K, V)>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        let mut tables = Tables::new(partitions);
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

impl<K, V, C, F, G, H> Shuffle<(K, V)> for Combine<F, G, H>
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
