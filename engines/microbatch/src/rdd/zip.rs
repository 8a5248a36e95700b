//! Operators over the partitions of two RDDs at a time.

use super::lineage::Dependency;
use super::partitioner::Partitioning;
use super::{Partition, Rdd, RddNode, dependency};
use crate::job::{JobError, Stage, TaskContext, TaskError};
use crate::{ContextError, SparkContext};
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::Data;

impl<T: Data> Rdd<T> {
    /// Both records of each position. The RDDs must have the same number of partitions, and their
    /// partitions the same number of records.
    pub fn zip<U: Data>(&self, other: &Rdd<U>) -> Result<Rdd<(T, U)>, ContextError> {
        let zipped = self.zip_partitions(other, |left, right, out| {
            let mut lefts = Vec::new();
            left.for_each(|value| lefts.push(value))?;
            let (mut lefts, mut extra) = (lefts.into_iter(), false);
            right.for_each(|right| match lefts.next() {
                Some(left) => out((left, right)),
                None => extra = true,
            })?;
            if extra || lefts.next().is_some() {
                return Err(TaskError::new(
                    "Can only zip RDDs with same number of elements in each partition; use \
                     zip_partitions, or zip_with_index and a join",
                ));
            }
            Ok(())
        })?;
        Ok(zipped.labelled("zip"))
    }

    /// The partitions of both RDDs, which must be as many, through a function.
    pub fn zip_partitions<U: Data, R: Data>(
        &self,
        other: &Rdd<U>,
        f: impl Fn(Partition<'_, T>, Partition<'_, U>, &mut dyn FnMut(R)) -> Result<(), TaskError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Rdd<R>, ContextError> {
        if self.partitions() != other.partitions() {
            return Err(ContextError::UnequalPartitions(vec![
                self.partitions(),
                other.partitions(),
            ]));
        }
        Ok(self.zipped("zipPartitions", other, None, f))
    }

    /// [`zip_partitions`](Self::zip_partitions) of RDDs that are as wide; `partitioning` is what the
    /// function makes of it.
    pub(super) fn zipped<U: Data, R: Data>(
        &self,
        label: &'static str,
        other: &Rdd<U>,
        partitioning: Option<Partitioning>,
        f: impl Fn(Partition<'_, T>, Partition<'_, U>, &mut dyn FnMut(R)) -> Result<(), TaskError>
        + Send
        + Sync
        + 'static,
    ) -> Rdd<R> {
        let (left, right) = (Arc::clone(&self.node), Arc::clone(&other.node));
        let node = Zipped { left, right, label, partitioning, f, makes: PhantomData };
        Rdd::new(self.sc.clone(), Arc::new(node))
    }

    /// All pairs of a record of this and one of the other. Partition *i* of *n* here and *j* of *m*
    /// there are partition *i·m+j*.
    #[must_use]
    pub fn cartesian<U: Data>(&self, other: &Rdd<U>) -> Rdd<(T, U)> {
        let node = Cartesian { left: Arc::clone(&self.node), right: Arc::clone(&other.node) };
        Rdd::new(self.sc.clone(), Arc::new(node))
    }

    /// Records with their positions in the whole. Runs a job to count the partitions, unless there is
    /// one partition only.
    pub fn zip_with_index(&self) -> Result<Rdd<(T, u64)>, JobError> {
        let mut starts = vec![0u64; self.partitions()];
        if starts.len() > 1 {
            let counts = self.counts("zip with index")?;
            for partition in 1..starts.len() {
                starts[partition] = starts[partition - 1] + counts[partition - 1];
            }
        }
        let indexed = self.map_partitions(move |input, out| {
            let mut next = starts[input.index()];
            input.for_each(|value| {
                out((value, next));
                next += 1;
            })
        });
        Ok(indexed.labelled("zipWithIndex"))
    }

    /// Records with numbers that differ: record *i* of partition *p* of *n* has *i·n+p*. Needs no job.
    #[must_use]
    pub fn zip_with_unique_id(&self) -> Rdd<(T, u64)> {
        let step = self.partitions() as u64;
        let numbered = self.map_partitions(move |input, out| {
            let mut next = input.index() as u64;
            input.for_each(|value| {
                out((value, next));
                next += step;
            })
        });
        numbered.labelled("zipWithUniqueId")
    }
}

impl SparkContext {
    /// The one record of each of `values`, as a partition each.
    pub(crate) fn partitions_of<T: Data>(&self, values: Vec<T>) -> Rdd<T> {
        let slices = values.len();
        Rdd::new(self.clone(), Arc::new(super::sources::Slices::new(values, slices)))
    }
}

struct Zipped<T, U, R, F> {
    left: Arc<dyn RddNode<T>>,
    right: Arc<dyn RddNode<U>>,
    label: &'static str,
    partitioning: Option<Partitioning>,
    f: F,
    makes: PhantomData<fn() -> R>,
}

impl<T: Data, U: Data, R: Data, F> RddNode<R> for Zipped<T, U, R, F>
where
    F: Fn(Partition<'_, T>, Partition<'_, U>, &mut dyn FnMut(R)) -> Result<(), TaskError>
        + Send
        + Sync
        + 'static,
{
    fn partitions(&self) -> usize {
        self.left.partitions()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(R)) -> Result<(), TaskError> {
        let (left, right) = (Partition::new(&*self.left, task), Partition::new(&*self.right, task));
        (self.f)(left, right, sink)
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.left.stages(visit);
        self.right.stages(visit);
    }
    fn partitioning(&self) -> Option<Partitioning> {
        self.partitioning.clone()
    }
    fn dependencies(&self) -> Vec<Dependency> {
        dependency(&self.left, false).into_iter().chain(dependency(&self.right, false)).collect()
    }
    fn kind(&self) -> &'static str {
        if self.partitioning.is_some() { "CoGroupedRDD" } else { "ZippedPartitionsRDD2" }
    }
    fn label(&self) -> Arc<str> {
        self.label.into()
    }
}

struct Cartesian<T, U> {
    left: Arc<dyn RddNode<T>>,
    right: Arc<dyn RddNode<U>>,
}

impl<T: 'static, U: 'static> Cartesian<T, U> {
    fn locate(&self, partition: usize) -> (usize, usize) {
        let width = self.right.partitions().max(1);
        (partition / width, partition % width)
    }
}

impl<T: Data, U: Data> RddNode<(T, U)> for Cartesian<T, U> {
    fn partitions(&self) -> usize {
        self.left.partitions() * self.right.partitions()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut((T, U))) -> Result<(), TaskError> {
        let (left, right) = self.locate(task.partition());
        // Computed once, not once per record of the left.
        let mut rights = Vec::new();
        self.right.compute(&task.at(right), &mut |value| rights.push(value))?;
        self.left.compute(&task.at(left), &mut |value| {
            rights.iter().for_each(|right| sink((value.clone(), right.clone())));
        })
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.left.stages(visit);
        self.right.stages(visit);
    }
    fn known_empty(&self, partition: usize) -> bool {
        let (left, right) = self.locate(partition);
        self.left.known_empty(left) && self.right.known_empty(right)
    }
    fn dependencies(&self) -> Vec<Dependency> {
        dependency(&self.left, false).into_iter().chain(dependency(&self.right, false)).collect()
    }
    fn kind(&self) -> &'static str {
        "CartesianRDD"
    }
    fn label(&self) -> Arc<str> {
        "cartesian".into()
    }
}
