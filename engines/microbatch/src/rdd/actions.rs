//! Actions: what makes an RDD be computed.

use super::{Partition, Rdd};
use crate::job::{self, JobError, TaskError};
use std::sync::Arc;
use weir_dataflow::Data;

impl<T: Data> Rdd<T> {
    /// Runs `action` on the partitions, as the tasks of the job's last stage. Results are in the
    /// order of partitions. Partitions that are known to be empty are left out.
    ///
    /// `label` names the stage in failures and metrics.
    pub fn run_job<R: Send>(
        &self,
        label: &Arc<str>,
        action: impl Fn(Partition<'_, T>) -> Result<R, TaskError> + Sync,
    ) -> Result<Vec<R>, JobError> {
        let results = job::run(&self.sc, &self.node, None, label, action)?;
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// All records, in the order of partitions.
    pub fn collect(&self) -> Result<Vec<T>, JobError> {
        Ok(self.run_job(&"collect".into(), to_vec)?.concat())
    }

    /// How many records there are.
    pub fn count(&self) -> Result<u64, JobError> {
        let counts = self.run_job(&"count".into(), |partition| {
            let mut count = 0u64;
            partition.for_each(|_| count += 1)?;
            Ok(count)
        })?;
        Ok(counts.into_iter().sum())
    }

    /// All records combined into one. Fails on an RDD without records.
    pub fn reduce(&self, f: impl Fn(T, T) -> T + Send + Sync) -> Result<T, JobError> {
        let sums = self.run_job(&"reduce".into(), |partition| {
            let mut sum = None;
            partition.for_each(|value| {
                sum = Some(match sum.take() {
                    None => value,
                    Some(sum) => f(sum, value),
                });
            })?;
            Ok(sum)
        })?;
        sums.into_iter().flatten().reduce(f).ok_or(JobError::EmptyCollection)
    }

    /// All records added to `zero`, which must be neutral: it is used once per partition and once
    /// more for the whole.
    pub fn fold(&self, zero: T, f: impl Fn(T, T) -> T + Send + Sync) -> Result<T, JobError> {
        let sums = self.run_job(&"fold".into(), |partition| {
            let mut sum = Some(zero.clone());
            partition.for_each(|value| sum = sum.take().map(|sum| f(sum, value)))?;
            Ok(sum)
        })?;
        Ok(sums.into_iter().flatten().fold(zero, f))
    }

    /// All records added to `zero` by `add`, and the sums of the partitions to one another by
    /// `merge`. `zero` is used once per partition and once more for the whole.
    pub fn aggregate<U: Data>(
        &self,
        zero: U,
        add: impl Fn(U, T) -> U + Send + Sync,
        merge: impl Fn(U, U) -> U,
    ) -> Result<U, JobError> {
        let sums = self.sums(&"aggregate".into(), &zero, add)?;
        Ok(sums.into_iter().fold(zero, merge))
    }

    /// [`aggregate`](Self::aggregate) that merges in `depth` rounds, those before the last on the
    /// workers. `zero` must be neutral.
    pub fn tree_aggregate<U: Data>(
        &self,
        zero: U,
        add: impl Fn(U, T) -> U + Send + Sync,
        merge: impl Fn(U, U) -> U + Send + Sync + 'static,
        depth: usize,
    ) -> Result<U, JobError> {
        let sums = self.sums(&"tree aggregate".into(), &zero, add)?;
        let merged = self.tree(sums, Arc::new(merge), depth)?;
        Ok(merged.unwrap_or(zero))
    }

    /// [`reduce`](Self::reduce) that combines in `depth` rounds, those before the last on the
    /// workers.
    pub fn tree_reduce(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        depth: usize,
    ) -> Result<T, JobError> {
        let f = Arc::new(f);
        let add = Arc::clone(&f);
        let sums = self.sums(&"tree reduce".into(), &None, move |sum, value| match sum {
            None => Some(value),
            Some(sum) => Some(add(sum, value)),
        })?;
        self.tree(sums.into_iter().flatten().collect(), f, depth)?.ok_or(JobError::EmptyCollection)
    }

    fn sums<U: Data>(
        &self,
        label: &Arc<str>,
        zero: &U,
        add: impl Fn(U, T) -> U + Send + Sync,
    ) -> Result<Vec<U>, JobError> {
        self.run_job(label, |partition| {
            let mut sum = Some(zero.clone());
            partition.for_each(|value| sum = sum.take().map(|sum| add(sum, value)))?;
            Ok(sum.unwrap_or_else(|| zero.clone()))
        })
    }

    /// Merges sums, some at a time, until few are left (Spark's `treeAggregate`).
    fn tree<U: Data>(
        &self,
        mut sums: Vec<U>,
        merge: Arc<impl Fn(U, U) -> U + Send + Sync + 'static>,
        depth: usize,
    ) -> Result<Option<U>, JobError> {
        let scale = (sums.len() as f64).powf(1.0 / depth.max(1) as f64).ceil().max(2.0) as usize;
        while sums.len() > scale + sums.len().div_ceil(scale) {
            let next = sums.len() / scale;
            let merge = Arc::clone(&merge);
            let round = self.sc.partitions_of(sums).coalesce(next, false)?;
            sums = round
                .run_job(&"tree aggregate".into(), |partition| {
                    let mut sum = None;
                    partition.for_each(|value| {
                        sum = Some(match sum.take() {
                            None => value,
                            Some(sum) => merge(sum, value),
                        });
                    })?;
                    Ok(sum)
                })?
                .into_iter()
                .flatten()
                .collect();
        }
        Ok(sums.into_iter().reduce(|a, b| merge(a, b)))
    }

    /// How many records each partition holds.
    pub(super) fn counts(&self, label: &str) -> Result<Vec<u64>, JobError> {
        let mut counts = vec![0; self.partitions()];
        let made = job::run(&self.sc, &self.node, None, &label.into(), |partition| {
            let mut count = 0u64;
            partition.for_each(|_| count += 1)?;
            Ok(count)
        })?;
        for (partition, count) in made {
            counts[partition] = count;
        }
        Ok(counts)
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> Result<bool, JobError> {
        Ok(self.take(1)?.is_empty())
    }

    /// The first `count` records in the order of partitions. Partitions are computed one by one and
    /// whole, until there are enough.
    pub fn take(&self, count: usize) -> Result<Vec<T>, JobError> {
        let label = "take".into();
        let mut taken = Vec::new();
        let mut next = 0;
        while taken.len() < count && next < self.partitions() {
            let only = Some(next..next + 1);
            for (_, rows) in job::run(&self.sc, &self.node, only, &label, to_vec)? {
                taken.extend(rows);
            }
            next += 1;
        }
        taken.truncate(count);
        Ok(taken)
    }

    /// The first record. Fails on an RDD without records.
    pub fn first(&self) -> Result<T, JobError> {
        self.take(1)?.pop().ok_or(JobError::EmptyCollection)
    }

    /// Calls `f` for every record, on the workers.
    pub fn foreach(&self, f: impl Fn(T) + Send + Sync) -> Result<(), JobError> {
        self.foreach_partition(|partition| partition.for_each(&f))
    }

    /// Calls `f` for every partition that may hold something, on the workers.
    pub fn foreach_partition(
        &self,
        f: impl Fn(Partition<'_, T>) -> Result<(), TaskError> + Send + Sync,
    ) -> Result<(), JobError> {
        self.run_job(&"foreach".into(), f).map(drop)
    }
}

pub(super) fn to_vec<T: 'static>(partition: Partition<'_, T>) -> Result<Vec<T>, TaskError> {
    let mut rows = Vec::new();
    partition.for_each(|value| rows.push(value))?;
    Ok(rows)
}
