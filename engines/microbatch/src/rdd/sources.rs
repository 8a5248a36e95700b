//! Where RDDs begin, and how they are put together.

use super::lineage::Dependency;
use super::partitioner::Partitioning;
use super::{Rdd, RddNode, dependency};
use crate::SparkContext;
use crate::job::{Stage, TaskContext, TaskError};
use std::ops::Range;
use std::sync::Arc;
use weir_dataflow::Data;

/// A collection in memory, cut into even slices.
pub(crate) struct Slices<T> {
    data: Vec<T>,
    slices: usize,
}

impl<T> Slices<T> {
    pub(crate) const fn new(data: Vec<T>, slices: usize) -> Self {
        Self { data, slices }
    }

    fn range(&self, index: usize) -> Range<usize> {
        let end = |i: usize| (i as u128 * self.data.len() as u128 / self.slices as u128) as usize;
        end(index)..end(index + 1)
    }
}

impl<T: Data> RddNode<T> for Slices<T> {
    fn partitions(&self) -> usize {
        self.slices
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        self.data[self.range(task.partition())].iter().cloned().for_each(sink);
        Ok(())
    }
    fn stages(&self, _: &mut dyn FnMut(Arc<dyn Stage>)) {}
    fn known_empty(&self, partition: usize) -> bool {
        self.range(partition).is_empty()
    }
    fn kept(&self) -> bool {
        true
    }
    fn kind(&self) -> &'static str {
        "ParallelCollectionRDD"
    }
    fn label(&self) -> Arc<str> {
        "parallelize".into()
    }
}

/// Something that can read any range of its offsets, again and again.
pub trait ReadRange<T>: Send + Sync + 'static {
    /// Hands the records of a range to `sink`, in order. Long reads call
    /// [`TaskContext::check_cancelled`] now and then.
    fn read(
        &self,
        range: Range<u64>,
        task: &TaskContext,
        sink: &mut dyn FnMut(T),
    ) -> Result<(), TaskError>;
}

/// A range of offsets of a source. Piece *i* of *n* begins where the one before it ends, so that the
/// partitions one after the other are the range in order.
pub(crate) struct Offsets<R: ?Sized> {
    range: Range<u64>,
    pieces: usize,
    source: Arc<R>,
}

impl<R: ?Sized> Offsets<R> {
    pub(crate) fn new(source: Arc<R>, range: Range<u64>, pieces: usize) -> Self {
        Self { range, pieces, source }
    }

    fn piece(&self, index: usize) -> Range<u64> {
        let length = self.range.end.saturating_sub(self.range.start);
        let at = |i: usize| (u128::from(length) * i as u128 / self.pieces as u128) as u64;
        self.range.start + at(index)..self.range.start + at(index + 1)
    }
}

impl<T: Data, R: ReadRange<T> + ?Sized> RddNode<T> for Offsets<R> {
    fn partitions(&self) -> usize {
        self.pieces
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        self.source.read(self.piece(task.partition()), task, sink)
    }
    fn stages(&self, _: &mut dyn FnMut(Arc<dyn Stage>)) {}
    fn known_empty(&self, partition: usize) -> bool {
        self.piece(partition).is_empty()
    }
}

/// Several RDDs as one.
pub(crate) struct UnionRdd<T> {
    parents: Vec<Rdd<T>>,
    partitions: usize,
    /// Partition *p* holds partition *p* of every parent.
    aligned: bool,
}

impl<T: Data> UnionRdd<T> {
    pub(crate) fn of(sc: &SparkContext, rdds: &[Rdd<T>]) -> Rdd<T> {
        let parents: Vec<Rdd<T>> =
            rdds.iter().filter(|rdd| rdd.partitions() > 0).cloned().collect();
        let width = parents.first().map_or(0, Rdd::partitions);
        let by = parents.first().and_then(|rdd| rdd.node.partitioning());
        let aligned = by.is_some()
            && parents.iter().all(|rdd| rdd.node.partitioning() == by && rdd.partitions() == width);
        let partitions =
            if aligned { width } else { parents.iter().map(Rdd::partitions).sum::<usize>() };
        Rdd::new(sc.clone(), Arc::new(Self { parents, partitions, aligned }))
    }

    /// The parent that a partition comes from and its number there.
    fn locate(&self, mut partition: usize) -> Option<(&Rdd<T>, usize)> {
        for parent in &self.parents {
            if partition < parent.partitions() {
                return Some((parent, partition));
            }
            partition -= parent.partitions();
        }
        None
    }
}

impl<T: Data> RddNode<T> for UnionRdd<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        if self.aligned {
            return self.parents.iter().try_for_each(|parent| parent.node.compute(task, sink));
        }
        match self.locate(task.partition()) {
            Some((parent, partition)) => parent.node.compute(&task.at(partition), sink),
            None => Ok(()),
        }
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.parents.iter().for_each(|parent| parent.node.stages(visit));
    }
    fn known_empty(&self, partition: usize) -> bool {
        if self.aligned {
            return self.parents.iter().all(|parent| parent.node.known_empty(partition));
        }
        self.locate(partition).is_none_or(|(parent, at)| parent.node.known_empty(at))
    }
    fn partitioning(&self) -> Option<Partitioning> {
        self.parents.first().filter(|_| self.aligned).and_then(|first| first.node.partitioning())
    }
    fn dependencies(&self) -> Vec<Dependency> {
        self.parents.iter().filter_map(|parent| dependency(&parent.node, false)).collect()
    }
    fn kind(&self) -> &'static str {
        if self.aligned { "PartitionerAwareUnionRDD" } else { "UnionRDD" }
    }
    fn label(&self) -> Arc<str> {
        "union".into()
    }
}
