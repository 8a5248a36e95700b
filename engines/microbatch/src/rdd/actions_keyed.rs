//! Actions whose answers are by key.

use super::Rdd;
use super::partitioner::Target;
use crate::job::{self, JobError, TaskError};
use std::collections::HashMap;
use weir_dataflow::{Data, FastState, Key, hash_of};

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// One value per key: the last one, in the order of partitions and records.
    pub fn collect_as_map(&self) -> Result<HashMap<K, V, FastState>, JobError> {
        Ok(self.collect()?.into_iter().collect())
    }

    /// How often each key occurs.
    pub fn count_by_key(&self) -> Result<HashMap<K, u64, FastState>, JobError> {
        self.keys().count_by_value()
    }

    /// The values of a key, in the order of partitions and records. If the RDD is partitioned by
    /// key, only the key's partition is computed.
    pub fn lookup(&self, key: &K) -> Result<Vec<V>, JobError> {
        let target = self.node.partitioning().and_then(|by| Target::<K>::typed(&by));
        let only = target.map(|target| target.place(hash_of(key), key)).map(|at| at..at + 1);
        let found = job::run(&self.sc, &self.node, only, &"lookup".into(), |partition| {
            let mut values = Vec::new();
            partition.for_each(|(other, value)| {
                if other == *key {
                    values.push(value);
                }
            })?;
            Ok(values)
        })?;
        Ok(found.into_iter().flat_map(|(_, values)| values).collect())
    }
}

impl<T: Key> Rdd<T> {
    /// How often each record occurs.
    pub fn count_by_value(&self) -> Result<HashMap<T, u64, FastState>, JobError> {
        let counts = self.run_job(&"count by value".into(), |partition| {
            let mut counts = HashMap::<T, u64, FastState>::default();
            partition.for_each(|value| *counts.entry(value).or_default() += 1)?;
            Ok(counts)
        })?;
        Ok(counts.into_iter().flatten().fold(HashMap::default(), |mut all, (value, count)| {
            *all.entry(value).or_default() += count;
            all
        }))
    }
}

impl<T: Data + Ord> Rdd<T> {
    /// The `count` least records, least first.
    pub fn take_ordered(&self, count: usize) -> Result<Vec<T>, JobError> {
        self.best(count, "take ordered", T::cmp)
    }

    /// The `count` greatest records, greatest first.
    pub fn top(&self, count: usize) -> Result<Vec<T>, JobError> {
        self.best(count, "top", |a, b| b.cmp(a))
    }

    /// The least record. Fails on an RDD without records.
    pub fn min(&self) -> Result<T, JobError> {
        self.reduce(T::min)
    }

    /// The greatest record. Fails on an RDD without records.
    pub fn max(&self) -> Result<T, JobError> {
        self.reduce(T::max)
    }

    fn best(
        &self,
        count: usize,
        label: &str,
        order: impl Fn(&T, &T) -> std::cmp::Ordering + Sync,
    ) -> Result<Vec<T>, JobError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let cut = |rows: &mut Vec<T>| {
            rows.sort_by(&order);
            rows.truncate(count);
        };
        let parts = self.run_job(&label.into(), |partition| {
            // Sorted whenever it is twice as long as what is kept, so that memory is bounded.
            let limit = count.saturating_mul(2).max(64);
            let mut rows = Vec::new();
            partition.for_each(|value| {
                rows.push(value);
                if rows.len() >= limit {
                    cut(&mut rows);
                }
            })?;
            cut(&mut rows);
            Ok::<_, TaskError>(rows)
        })?;
        let mut rows = parts.concat();
        cut(&mut rows);
        Ok(rows)
    }
}
