//! Operators that bring the records of several RDDs together by key.
//!
//! All go through one node: the inputs are partitioned alike, which moves only those that are not,
//! and their partitions are grouped side by side.

use super::partitioner::Target;
use super::{Partition, Partitions, Rdd};
use crate::job::TaskError;
use weir_dataflow::{Data, Key, KeyedTable, hash_of};

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// For every key of either side, the values of both, in the order of partitions and records.
    #[must_use]
    pub fn cogroup<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        let target = self.target_with(partitions.into(), &[width(other)]);
        self.grouped(other, &target)
    }

    /// For every key of any of three RDDs, the values of each.
    #[must_use]
    pub fn cogroup3<W: Data, X: Data>(
        &self,
        second: &Rdd<(K, W)>,
        third: &Rdd<(K, X)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>, Vec<X>))> {
        let target = self.target_with(partitions.into(), &[width(second), width(third)]);
        self.grouped(second, &target).grouped(third, &target).map_values(|(pair, thirds)| {
            let (firsts, seconds) = only(pair);
            (firsts, seconds, thirds)
        })
    }

    /// For every key of any of four RDDs, the values of each.
    #[must_use]
    pub fn cogroup4<W: Data, X: Data, Y: Data>(
        &self,
        second: &Rdd<(K, W)>,
        third: &Rdd<(K, X)>,
        fourth: &Rdd<(K, Y)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>, Vec<X>, Vec<Y>))> {
        let widths = [width(second), width(third), width(fourth)];
        let target = self.target_with(partitions.into(), &widths);
        let left = self.grouped(second, &target);
        left.grouped(&third.grouped(fourth, &target), &target).map_values(|(left, right)| {
            let ((firsts, seconds), (thirds, fourths)) = (only(left), only(right));
            (firsts, seconds, thirds, fourths)
        })
    }

    /// All pairs of values of both sides with the same key.
    #[must_use]
    pub fn join<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (V, W))> {
        self.cogroup(other, partitions).paired("join", |lefts, rights, out| {
            for left in lefts {
                rights.iter().for_each(|right| out((left.clone(), right.clone())));
            }
        })
    }

    /// Like [`join`](Self::join); values of this side without a partner are kept.
    #[must_use]
    pub fn left_outer_join<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (V, Option<W>))> {
        self.cogroup(other, partitions).paired("leftOuterJoin", |lefts, rights, out| {
            for left in lefts {
                optional(rights).for_each(|right| out((left.clone(), right)));
            }
        })
    }

    /// Like [`join`](Self::join); values of the other side without a partner are kept.
    #[must_use]
    pub fn right_outer_join<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (Option<V>, W))> {
        self.cogroup(other, partitions).paired("rightOuterJoin", |lefts, rights, out| {
            for left in optional(lefts) {
                rights.iter().for_each(|right| out((left.clone(), right.clone())));
            }
        })
    }

    /// Like [`join`](Self::join); values of either side without a partner are kept.
    #[must_use]
    pub fn full_outer_join<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Rdd<(K, (Option<V>, Option<W>))> {
        self.cogroup(other, partitions).paired("fullOuterJoin", |lefts, rights, out| {
            for left in optional(lefts) {
                optional(rights).for_each(|right| out((left.clone(), right)));
            }
        })
    }

    /// The pairs whose keys the other does not have. By default into this RDD's own partitions.
    #[must_use]
    pub fn subtract_by_key<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        partitions: impl Into<Partitions<K>>,
    ) -> Self {
        let target = match (partitions.into(), self.node.partitioning()) {
            (Partitions::Default, Some(own)) => Target::typed(&own),
            (Partitions::Default, None) => None,
            (wanted, _) => Some(self.target(wanted)),
        };
        let target = target.unwrap_or_else(|| Target::Hash(self.partitions().max(1)));
        let flatten = |lefts: &[V], rights: &[W], out: &mut dyn FnMut(V)| {
            if rights.is_empty() {
                lefts.iter().cloned().for_each(out);
            }
        };
        self.grouped(other, &target).paired("subtractByKey", flatten)
    }

    fn target_with(
        &self,
        wanted: Partitions<K>,
        others: &[(usize, Option<super::partitioner::Partitioning>)],
    ) -> Target<K> {
        let inputs = [&[width(self)], others].concat();
        Target::of(wanted, &self.sc, &inputs)
    }

    fn grouped<W: Data>(
        &self,
        other: &Rdd<(K, W)>,
        target: &Target<K>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        let (left, right) = (self.placed(target), other.placed(target));
        left.zipped("cogroup", &right, Some(target.erased()), group)
    }
}

impl<K: Key, V: Data, W: Data> Rdd<(K, (Vec<V>, Vec<W>))> {
    /// The pairs of each group, with the key.
    fn paired<P: Data>(
        &self,
        label: &'static str,
        f: impl Fn(&[V], &[W], &mut dyn FnMut(P)) + Send + Sync + 'static,
    ) -> Rdd<(K, P)> {
        self.push_keyed(label, move |(key, (lefts, rights)), sink| {
            f(&lefts, &rights, &mut |pair| sink((key.clone(), pair)));
        })
    }
}

impl<T: Key> Rdd<T> {
    /// The records that the other does not have, as often as they occur. By default into this RDD's
    /// own number of partitions.
    #[must_use]
    pub fn subtract(&self, other: &Self, partitions: impl Into<Partitions<T>>) -> Self {
        let keyed = self.map(|value| (value, ()));
        keyed
            .subtract_by_key(&other.map(|value| (value, ())), partitions)
            .keys()
            .labelled("subtract")
    }

    /// The records that both have, each once.
    #[must_use]
    pub fn intersection(&self, other: &Self, partitions: impl Into<Partitions<T>>) -> Self {
        let keyed = self.map(|value| (value, ()));
        keyed
            .cogroup(&other.map(|value| (value, ())), partitions)
            .filter(|(_, (lefts, rights))| !lefts.is_empty() && !rights.is_empty())
            .keys()
            .labelled("intersection")
    }
}

fn width<K: Key, V: Data>(rdd: &Rdd<(K, V)>) -> (usize, Option<super::partitioner::Partitioning>) {
    (rdd.partitions(), rdd.node.partitioning())
}

fn group<K: Key, V: Data, W: Data>(
    left: Partition<'_, (K, V)>,
    right: Partition<'_, (K, W)>,
    out: &mut dyn FnMut((K, (Vec<V>, Vec<W>))),
) -> Result<(), TaskError> {
    let mut table = KeyedTable::<K, (Vec<V>, Vec<W>)>::new();
    left.for_each(|(key, value)| {
        table.get_or_insert_with(hash_of(&key), key, Default::default).0.push(value);
    })?;
    right.for_each(|(key, value)| {
        table.get_or_insert_with(hash_of(&key), key, Default::default).1.push(value);
    })?;
    table.into_iter().for_each(|(_, key, values)| out((key, values)));
    Ok(())
}

/// The group of a cogroup's key within another cogroup, where each key occurs once or not at all.
fn only<V, W>(groups: Vec<(Vec<V>, Vec<W>)>) -> (Vec<V>, Vec<W>) {
    groups.into_iter().next().unwrap_or_default()
}

/// The values, or one that is missing.
fn optional<V: Clone>(values: &[V]) -> impl Iterator<Item = Option<V>> + '_ {
    let missing = values.is_empty().then_some(None);
    values.iter().cloned().map(Some).chain(missing)
}
