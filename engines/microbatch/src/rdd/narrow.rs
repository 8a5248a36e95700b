//! Operators whose partitions depend on one partition of their parent each.

use super::lineage::Dependency;
use super::partitioner::Partitioning;
use super::{Partition, Rdd, RddNode, dependency};
use crate::ContextError;
use crate::job::{Stage, TaskContext, TaskError};
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::Data;

impl<T: Data> Rdd<T> {
    /// Every record through a function.
    #[must_use]
    pub fn map<U: Data>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Rdd<U> {
        self.push("map", move |value, sink| sink(f(value)))
    }

    /// The records that `keep` accepts. Keeps the partitioning.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.push_keyed("filter", move |value, sink| {
            if keep(&value) {
                sink(value);
            }
        })
    }

    /// Every record into any number.
    #[must_use]
    pub fn flat_map<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.push("flatMap", move |value, sink| f(value).into_iter().for_each(sink))
    }

    /// Every partition through a function, which is called for empty partitions too.
    ///
    /// The function reads its input by [`Partition::for_each`] and hands its output to the second
    /// argument. It may keep anything for the length of a partition, and its inner loop is compiled
    /// as one piece.
    #[must_use]
    pub fn map_partitions<U: Data>(
        &self,
        f: impl Fn(Partition<'_, T>, &mut dyn FnMut(U)) -> Result<(), TaskError> + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.over("mapPartitions", PerPartition { f, skip_empty: false, keeps_keys: false })
    }

    /// Like [`map_partitions`](Self::map_partitions) for a function that makes nothing of nothing: it
    /// is not called for partitions that are known to be empty. Keeps the partitioning: the function
    /// must not change which partition a key is in.
    #[must_use]
    pub fn transform_partitions<U: Data>(
        &self,
        f: impl Fn(Partition<'_, T>, &mut dyn FnMut(U)) -> Result<(), TaskError> + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.over("mapPartitions", PerPartition { f, skip_empty: true, keeps_keys: true })
    }

    /// [`map_partitions`](Self::map_partitions) with the partition's number, for functions that like
    /// it as an argument; it is [`Partition::index`] too.
    #[must_use]
    pub fn map_partitions_with_index<U: Data>(
        &self,
        f: impl Fn(usize, Partition<'_, T>, &mut dyn FnMut(U)) -> Result<(), TaskError>
        + Send
        + Sync
        + 'static,
    ) -> Rdd<U> {
        let label = "mapPartitionsWithIndex";
        let f = move |input: Partition<'_, T>, out: &mut dyn FnMut(U)| f(input.index(), input, out);
        self.over(label, PerPartition { f, skip_empty: false, keeps_keys: false })
    }

    /// Like [`transform_partitions`](Self::transform_partitions), under a name of its own.
    pub(super) fn per_partition<U: Data>(
        &self,
        label: &'static str,
        keeps_keys: bool,
        f: impl Fn(Partition<'_, T>, &mut dyn FnMut(U)) -> Result<(), TaskError> + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.over(label, PerPartition { f, skip_empty: true, keeps_keys })
    }

    /// Every partition as one vector; an empty one as an empty vector.
    #[must_use]
    pub fn glom(&self) -> Rdd<Vec<T>> {
        self.map_partitions(|input, out| {
            let mut all = Vec::new();
            input.for_each(|value| all.push(value))?;
            out(all);
            Ok(())
        })
    }

    /// Records with the keys that `key` gives them.
    #[must_use]
    pub fn key_by<K: Data>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> Rdd<(K, T)> {
        self.map(move |value| (key(&value), value))
    }

    /// The records of both; see [`SparkContext::union`](crate::SparkContext::union).
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.sc.union(&[self.clone(), other.clone()])
    }

    /// The same records in other partitions. Without a shuffle, by putting neighbours together, and
    /// so never in more; with one, dealt out evenly into exactly as many.
    pub fn coalesce(&self, partitions: usize, shuffle: bool) -> Result<Self, ContextError> {
        if partitions == 0 {
            return Err(ContextError::NoPartitions);
        }
        if shuffle {
            return Ok(self.repartition(partitions)?.labelled("coalesce"));
        }
        let groups = partitions.min(self.partitions());
        let node = Coalesced { parent: Arc::clone(&self.node), groups };
        Ok(Self::new(self.sc.clone(), Arc::new(node)))
    }

    fn push<U: Data>(
        &self,
        label: &'static str,
        f: impl Fn(T, &mut dyn FnMut(U)) + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.over(label, PerRecord { f, keeps_keys: false })
    }

    pub(super) fn push_keyed<U: Data>(
        &self,
        label: &'static str,
        f: impl Fn(T, &mut dyn FnMut(U)) + Send + Sync + 'static,
    ) -> Rdd<U> {
        self.over(label, PerRecord { f, keeps_keys: true })
    }

    fn over<U: Data, O: NarrowOp<T, U>>(&self, label: &'static str, op: O) -> Rdd<U> {
        let node = Narrow { parent: Arc::clone(&self.node), label, op, makes: PhantomData };
        Rdd::new(self.sc.clone(), Arc::new(node))
    }
}

/// What a narrow operator does with a partition of its parent.
trait NarrowOp<T, U>: Send + Sync + 'static {
    fn run(
        &self,
        parent: &dyn RddNode<T>,
        task: &TaskContext,
        sink: &mut dyn FnMut(U),
    ) -> Result<(), TaskError>;
    fn nothing_from_nothing(&self) -> bool;
    fn keeps_keys(&self) -> bool;
}

struct PerRecord<F> {
    f: F,
    keeps_keys: bool,
}

impl<T: 'static, U, F> NarrowOp<T, U> for PerRecord<F>
where
    F: Fn(T, &mut dyn FnMut(U)) + Send + Sync + 'static,
{
    fn run(
        &self,
        parent: &dyn RddNode<T>,
        task: &TaskContext,
        sink: &mut dyn FnMut(U),
    ) -> Result<(), TaskError> {
        parent.compute(task, &mut |value| (self.f)(value, sink))
    }
    fn nothing_from_nothing(&self) -> bool {
        true
    }
    fn keeps_keys(&self) -> bool {
        self.keeps_keys
    }
}

struct PerPartition<F> {
    f: F,
    skip_empty: bool,
    keeps_keys: bool,
}

impl<T: 'static, U, F> NarrowOp<T, U> for PerPartition<F>
where
    F: Fn(Partition<'_, T>, &mut dyn FnMut(U)) -> Result<(), TaskError> + Send + Sync + 'static,
{
    fn run(
        &self,
        parent: &dyn RddNode<T>,
        task: &TaskContext,
        sink: &mut dyn FnMut(U),
    ) -> Result<(), TaskError> {
        (self.f)(Partition::new(parent, task), sink)
    }
    fn nothing_from_nothing(&self) -> bool {
        self.skip_empty
    }
    fn keeps_keys(&self) -> bool {
        self.keeps_keys
    }
}

struct Narrow<T, U, O> {
    parent: Arc<dyn RddNode<T>>,
    label: &'static str,
    op: O,
    makes: PhantomData<fn() -> U>,
}

impl<T: Data, U: Data, O: NarrowOp<T, U>> RddNode<U> for Narrow<T, U, O> {
    fn partitions(&self) -> usize {
        self.parent.partitions()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(U)) -> Result<(), TaskError> {
        self.op.run(&*self.parent, task, sink)
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.parent.stages(visit);
    }
    fn known_empty(&self, partition: usize) -> bool {
        self.op.nothing_from_nothing() && self.parent.known_empty(partition)
    }
    fn partitioning(&self) -> Option<Partitioning> {
        if self.op.keeps_keys() { self.parent.partitioning() } else { None }
    }
    fn dependencies(&self) -> Vec<Dependency> {
        dependency(&self.parent, false).into_iter().collect()
    }
    fn label(&self) -> Arc<str> {
        self.label.into()
    }
}

/// Groups of neighbouring partitions.
struct Coalesced<T> {
    parent: Arc<dyn RddNode<T>>,
    groups: usize,
}

impl<T: 'static> Coalesced<T> {
    fn members(&self, group: usize) -> std::ops::Range<usize> {
        let all = self.parent.partitions();
        group * all / self.groups..(group + 1) * all / self.groups
    }
}

impl<T: Data> RddNode<T> for Coalesced<T> {
    fn partitions(&self) -> usize {
        self.groups
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        let mut members = self.members(task.partition());
        members.try_for_each(|member| self.parent.compute(&task.at(member), sink))
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.parent.stages(visit);
    }
    fn known_empty(&self, partition: usize) -> bool {
        self.members(partition).all(|member| self.parent.known_empty(member))
    }
    fn dependencies(&self) -> Vec<Dependency> {
        dependency(&self.parent, false).into_iter().collect()
    }
    fn kind(&self) -> &'static str {
        "CoalescedRDD"
    }
    fn label(&self) -> Arc<str> {
        "coalesce".into()
    }
}
