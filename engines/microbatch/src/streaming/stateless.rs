//! Operators that look at one batch at a time. A batch without an RDD has none after them either.

use super::dstream::{Stream, StreamNode};
use super::{DStream, StreamingError, Time};
use crate::ContextError;
use crate::job::TaskError;
use crate::rdd::{Partition, Rdd, Shuffle};
use std::sync::Arc;
use weir_dataflow::{Data, Key};

impl<T: Data> DStream<T> {
    /// A stream of what `f` makes of each RDD that there is.
    pub(super) fn per_rdd<U: Data>(
        &self,
        operation: &'static str,
        f: impl Fn(Rdd<T>, Time) -> Rdd<U> + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        self.child(operation, Box::new(PerRdd { parent: self.clone(), f }))
    }

    /// Every record through a function.
    pub fn map<U: Data>(
        &self,
        f: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.per_rdd("MappedDStream", move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.map(move |value| f(value))
        })
    }

    /// The records that `keep` accepts.
    pub fn filter(
        &self,
        keep: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Result<Self, StreamingError> {
        let keep = Arc::new(keep);
        self.per_rdd("FilteredDStream", move |rdd, _| {
            let keep = Arc::clone(&keep);
            rdd.filter(move |value| keep(value))
        })
    }

    /// Every record into any number.
    pub fn flat_map<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.per_rdd("FlatMappedDStream", move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.flat_map(move |value| f(value))
        })
    }

    /// Every partition through a function, which is called for empty partitions too; see
    /// [`Rdd::map_partitions`].
    pub fn map_partitions<U: Data>(
        &self,
        f: impl Fn(Partition<'_, T>, &mut dyn FnMut(U)) -> Result<(), TaskError> + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.per_rdd("MapPartitionedDStream", move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.map_partitions(move |input, out| f(input, out))
        })
    }

    /// Every partition through a function that makes nothing of nothing; see
    /// [`Rdd::transform_partitions`].
    pub fn transform_partitions<U: Data>(
        &self,
        f: impl Fn(Partition<'_, T>, Time, &mut dyn FnMut(U)) -> Result<(), TaskError>
        + Send
        + Sync
        + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.per_rdd("MapPartitionedDStream", move |rdd, time| {
            let f = Arc::clone(&f);
            rdd.transform_partitions(move |input, out| f(input, time, out))
        })
    }

    /// Every partition as one vector; an empty one as an empty vector.
    pub fn glom(&self) -> Result<DStream<Vec<T>>, StreamingError> {
        self.per_rdd("GlommedDStream", |rdd, _| rdd.glom())
    }

    /// The same records, dealt out to `partitions` partitions in turn; 0 is refused.
    pub fn repartition(&self, partitions: usize) -> Result<Self, StreamingError> {
        if partitions == 0 {
            return Err(ContextError::NoPartitions.into());
        }
        self.try_transform(move |rdd, _| Ok(rdd.repartition(partitions)?))
    }

    /// One number per batch: how many records it holds, 0 for an empty one.
    pub fn count(&self) -> Result<DStream<u64>, StreamingError> {
        // A zero joins every batch, so that an empty one has a count too.
        let counts = self.map(|_| ((), 1u64))?.transform(|rdd, _| {
            let zero = rdd.context().single(((), 0));
            rdd.union(&zero).reduce_by_key(|a: u64, b| a + b, 1)
        })?;
        counts.map(|((), count)| count)
    }

    /// At most one record per batch: all of the batch's combined. None for an empty batch.
    pub fn reduce(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
    ) -> Result<Self, StreamingError> {
        self.map(|value| ((), value))?.reduce_by_key(f, 1)?.map(|((), value)| value)
    }

    /// How often each value occurs in a batch. 0 `partitions` are the default parallelism.
    pub fn count_by_value(&self, partitions: usize) -> Result<DStream<(T, u64)>, StreamingError>
    where
        T: Key,
    {
        self.map(|value| (value, 1))?.reduce_by_key(|a: u64, b| a + b, partitions)
    }

    /// Each batch shuffled; see [`Rdd::shuffle`].
    pub fn shuffle<S: Shuffle<T>>(
        &self,
        label: &str,
        shuffle: S,
        partitions: usize,
    ) -> Result<DStream<S::Out>, StreamingError> {
        let (label, shuffle) = (label.into(), Arc::new(shuffle));
        self.per_rdd("ShuffledDStream", move |rdd, _| rdd.shuffle(&label, &shuffle, partitions))
    }
}

struct PerRdd<T, F> {
    parent: DStream<T>,
    f: F,
}

impl<T, U, F> StreamNode<U> for PerRdd<T, F>
where
    T: Data,
    F: Fn(Rdd<T>, Time) -> Rdd<U> + Send + Sync,
{
    fn compute(&self, time: Time, _: &Stream<U>) -> Result<Option<Rdd<U>>, StreamingError> {
        Ok(self.parent.rdd_at(time)?.map(|rdd| (self.f)(rdd, time)))
    }
}
