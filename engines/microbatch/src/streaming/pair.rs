//! Streams of keys and values: the per-batch operators.

use super::{DStream, StreamingError};
use std::sync::Arc;
use weir_dataflow::{Data, Key};

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Every value through a function.
    pub fn map_values<U: Data>(
        &self,
        f: impl Fn(V) -> U + Send + Sync + 'static,
    ) -> Result<DStream<(K, U)>, StreamingError> {
        let f = Arc::new(f);
        self.transform(move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.map_values(move |value| f(value))
        })
    }

    /// One value per key and batch.
    pub fn reduce_by_key(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        partitions: usize,
    ) -> Result<Self, StreamingError> {
        let f = Arc::new(f);
        self.transform(move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.reduce_by_key(move |a, b| f(a, b), partitions)
        })
    }

    /// The values of each key in a batch.
    pub fn group_by_key(&self, partitions: usize) -> Result<DStream<(K, Vec<V>)>, StreamingError> {
        self.transform(move |rdd, _| rdd.group_by_key(partitions))
    }
}
