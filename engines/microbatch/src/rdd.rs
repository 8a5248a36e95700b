//! Resilient distributed datasets: lazy, partitioned collections.
//!
//! An [`Rdd`] is a description. Transformations make a new one and compute nothing; actions (in
//! `actions.rs`) run a job. Within a stage, records are *pushed*: a partition is computed by handing
//! every record to the next operator's function, so narrow operators are one loop without buffers in
//! between. A boundary between two of them is a dynamic call per record; code that cannot afford one
//! per operator puts the whole chain into one [`map_partitions`](Rdd::map_partitions), where it is
//! compiled into a single loop (the contract's flows do).

mod actions;
mod cache;
mod keyed;
mod narrow;
mod pair;
mod shuffle;
pub(crate) mod sources;

pub(crate) use keyed::Deal;
pub use keyed::{Keyed, Pairs};
pub(crate) use shuffle::ShuffleStage;
pub use shuffle::{Block, MapSide, Shuffle};
pub use sources::ReadRange;

use crate::SparkContext;
use crate::job::{Stage, TaskContext, TaskError};
use std::sync::Arc;

/// A lazy collection in partitions. A handle: clones are the same RDD.
///
/// Nothing is kept: an RDD that two actions use is computed twice, unless it is
/// [persisted](Self::persist) or comes out of a shuffle, whose result stays as long as the RDD.
pub struct Rdd<T> {
    sc: SparkContext,
    node: Arc<dyn RddNode<T>>,
}

/// How the records of an RDD are made. A node knows the nodes it is made from; that is the lineage.
pub(crate) trait RddNode<T>: Send + Sync + 'static {
    fn partitions(&self) -> usize;
    /// Hands every record of a partition to `sink`.
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError>;
    /// The stages that have to be done before a partition can be computed.
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>));
    /// Whether a partition holds nothing and nobody would notice if it was not computed. Asked once
    /// the stages are done.
    fn known_empty(&self, partition: usize) -> bool {
        let _ = partition;
        false
    }
    /// Whether the records are partitioned by the hash of a key, into all the partitions there are.
    fn hashed(&self) -> bool {
        false
    }
    /// Whether computing a partition again costs no more than reading it.
    fn kept(&self) -> bool {
        false
    }
}

impl<T: 'static> Rdd<T> {
    pub(crate) fn new(sc: SparkContext, node: Arc<dyn RddNode<T>>) -> Self {
        Self { sc, node }
    }

    /// The context that it belongs to.
    #[must_use]
    pub const fn context(&self) -> &SparkContext {
        &self.sc
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.node.partitions()
    }

    pub(crate) const fn node(&self) -> &Arc<dyn RddNode<T>> {
        &self.node
    }
}

impl<T> Clone for Rdd<T> {
    fn clone(&self) -> Self {
        Self { sc: self.sc.clone(), node: Arc::clone(&self.node) }
    }
}

impl<T: 'static> std::fmt::Debug for Rdd<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rdd")
            .field("of", &std::any::type_name::<T>())
            .field("partitions", &self.partitions())
            .finish_non_exhaustive()
    }
}

/// The records of one partition, within a task.
pub struct Partition<'a, T> {
    node: &'a dyn RddNode<T>,
    task: &'a TaskContext,
}

impl<'a, T: 'static> Partition<'a, T> {
    pub(crate) fn new(node: &'a dyn RddNode<T>, task: &'a TaskContext) -> Self {
        Self { node, task }
    }

    /// Which partition this is.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.task.partition()
    }

    /// The task that computes it.
    #[must_use]
    pub const fn task(&self) -> &TaskContext {
        self.task
    }

    /// Computes the partition: every record goes to `sink`.
    pub fn for_each(self, mut sink: impl FnMut(T)) -> Result<(), TaskError> {
        self.node.compute(self.task, &mut sink)
    }
}

impl<T: 'static> std::fmt::Debug for Partition<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition").field("index", &self.index()).finish_non_exhaustive()
    }
}
