//! Streams of keys and values: the per-batch operators.
//!
//! Where an operator takes a number of partitions, 0 is the context's default parallelism, as in
//! Spark's forms without the argument.

use super::{DStream, StreamingError};
use crate::rdd::Rdd;
use std::sync::Arc;
use weir_dataflow::{Data, Key};

type Grouped<K, V, W> = (K, (Vec<V>, Vec<W>));

impl<T: Data> DStream<T> {
    /// How many partitions an operator makes.
    pub(super) fn width(&self, partitions: usize) -> usize {
        match partitions {
            0 => self.shared().sc.default_parallelism(),
            some => some,
        }
    }
}

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Every value through a function.
    pub fn map_values<U: Data>(
        &self,
        f: impl Fn(V) -> U + Send + Sync + 'static,
    ) -> Result<DStream<(K, U)>, StreamingError> {
        let f = Arc::new(f);
        self.per_rdd("MapValuedDStream", move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.map_values(move |value| f(value))
        })
    }

    /// Every value into any number, all under its key.
    pub fn flat_map_values<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> Result<DStream<(K, U)>, StreamingError> {
        let f = Arc::new(f);
        self.per_rdd("FlatMapValuedDStream", move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.transform_partitions(move |input, out| {
                input.for_each(|(key, value)| {
                    f(value).into_iter().for_each(|value| out((key.clone(), value)));
                })
            })
        })
    }

    /// One value per key and batch.
    pub fn reduce_by_key(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitions: usize,
    ) -> Result<Self, StreamingError> {
        let (f, partitions) = (Arc::new(f), self.width(partitions));
        self.per_rdd("ShuffledDStream", move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.reduce_by_key(move |a, b| f(a, b), partitions)
        })
    }

    /// One combination per key and batch: `create` makes it from a key's first value, `add` takes
    /// further ones in, `merge` joins those of different partitions.
    pub fn combine_by_key<C: Data>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
        partitions: usize,
    ) -> Result<DStream<(K, C)>, StreamingError> {
        let (create, add, merge) = (Arc::new(create), Arc::new(add), Arc::new(merge));
        let partitions = self.width(partitions);
        self.per_rdd("ShuffledDStream", move |rdd, _| {
            let (create, add, merge) = (Arc::clone(&create), Arc::clone(&add), Arc::clone(&merge));
            let (add, merge) = (move |c, v| add(c, v), move |a, b| merge(a, b));
            rdd.combine_by_key(move |value| create(value), add, merge, partitions)
        })
    }

    /// The values of each key in a batch.
    pub fn group_by_key(&self, partitions: usize) -> Result<DStream<(K, Vec<V>)>, StreamingError> {
        let partitions = self.width(partitions);
        self.per_rdd("ShuffledDStream", move |rdd, _| rdd.group_by_key(partitions))
    }

    /// For every key of either side, the values of both, batch by batch.
    pub fn cogroup<W: Data>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<Grouped<K, V, W>>, StreamingError> {
        let partitions = self.width(partitions);
        self.transform_with(other, move |left, right, _| left.cogroup(&right, partitions))
    }

    /// All pairs of values of both sides with the same key, batch by batch.
    pub fn join<W: Data>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (V, W))>, StreamingError> {
        let partitions = self.width(partitions);
        self.transform_with(other, move |left, right, _| left.join(&right, partitions))
    }

    /// Like [`join`](Self::join), and values of this side without one of the other.
    pub fn left_outer_join<W: Data>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (V, Option<W>))>, StreamingError> {
        self.joined(other, partitions, |(key, (lefts, rights)), out| {
            for left in lefts {
                for right in optional(&rights) {
                    out((key.clone(), (left.clone(), right)));
                }
            }
        })
    }

    /// Like [`join`](Self::join), and values of the other side without one of this.
    pub fn right_outer_join<W: Data>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (Option<V>, W))>, StreamingError> {
        self.joined(other, partitions, |(key, (lefts, rights)), out| {
            for left in optional(&lefts) {
                for right in &rights {
                    out((key.clone(), (left.clone(), right.clone())));
                }
            }
        })
    }

    /// Like [`join`](Self::join), and values of either side without one of the other.
    pub fn full_outer_join<W: Data>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
    ) -> Result<DStream<(K, (Option<V>, Option<W>))>, StreamingError> {
        self.joined(other, partitions, |(key, (lefts, rights)), out| {
            for left in optional(&lefts) {
                for right in optional(&rights) {
                    out((key.clone(), (left.clone(), right)));
                }
            }
        })
    }

    fn joined<W: Data, R: Data>(
        &self,
        other: &DStream<(K, W)>,
        partitions: usize,
        pairs: impl Fn(Grouped<K, V, W>, &mut dyn FnMut((K, R))) + Send + Sync + 'static,
    ) -> Result<DStream<(K, R)>, StreamingError> {
        let (pairs, partitions) = (Arc::new(pairs), self.width(partitions));
        self.transform_with(other, move |left: Rdd<(K, V)>, right, _| {
            let pairs = Arc::clone(&pairs);
            left.cogroup(&right, partitions).transform_partitions(move |input, out| {
                input.for_each(|group| pairs(group, &mut *out))
            })
        })
    }
}

/// The values, or one absent value if there are none.
fn optional<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() { vec![None] } else { values.iter().cloned().map(Some).collect() }
}
