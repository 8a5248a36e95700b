//! Resilient distributed datasets: lazy, partitioned collections.
//!
//! An [`Rdd`] is a description. Transformations make a new one and compute nothing; actions (in
//! `actions.rs`) run a job. Within a stage, records are *pushed*: a partition is computed by handing
//! every record to the next operator's function, so narrow operators are one loop without buffers in
//! between. A boundary between two of them is a dynamic call per record; code that cannot afford one
//! per operator puts the whole chain into one [`map_partitions`](Rdd::map_partitions), where it is
//! compiled into a single loop (the contract's flows do).

mod actions;
mod actions_keyed;
pub(crate) mod block_rdd;
pub(crate) mod checkpoint;
mod cogroup;
pub(crate) mod files;
mod java_hash;
mod keyed;
pub(crate) mod lineage;
mod narrow;
mod pair;
pub(crate) mod partitioner;
pub(crate) mod rows_file;
mod sample;
mod save;
mod shuffle;
mod sort;
pub(crate) mod sources;
mod storage;
mod tracked;
mod zip;

pub use java_hash::{JavaHash, JavaHashPartitioner};
pub(crate) use keyed::Deal;
pub use keyed::{Keyed, Pairs};
pub use partitioner::{HashPartitioner, Partitioner, Partitions, RangePartitioner};
pub(crate) use shuffle::ShuffleStage;
pub use shuffle::{Block, MapSide, Shuffle};
pub use sources::ReadRange;
pub use storage::StorageLevel;
pub(crate) use storage::WeakRdd;

use crate::SparkContext;
use crate::job::{Stage, TaskContext, TaskError};
use lineage::{Dependency, Lineage};
use partitioner::Partitioning;
use std::sync::Arc;
use tracked::Tracked;
use weir_dataflow::Data;

/// A lazy collection in partitions. A handle: clones are the same RDD.
///
/// Nothing is kept: an RDD that two actions use is computed twice, unless it is
/// [cached](Self::cache) or comes out of a shuffle, whose result stays as long as the RDD.
pub struct Rdd<T> {
    sc: SparkContext,
    /// The same as `tracked`.
    node: Arc<dyn RddNode<T>>,
    tracked: Arc<Tracked<T>>,
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
    /// How the records are partitioned by a key, if they are.
    fn partitioning(&self) -> Option<Partitioning> {
        self.hashed().then(|| Partitioning::Hash(self.partitions()))
    }
    /// The RDDs that it is made from.
    fn dependencies(&self) -> Vec<Dependency> {
        Vec::new()
    }
    /// The name of Spark's class for it.
    fn kind(&self) -> &'static str {
        "MapPartitionsRDD"
    }
    /// The operator's name.
    fn label(&self) -> Arc<str> {
        "source".into()
    }
    /// The RDD without its type, if it is one: a node that a handle points at.
    fn lineage(self: Arc<Self>) -> Option<Arc<dyn Lineage>> {
        None
    }
    /// Whether computing a partition again costs no more than reading it.
    fn kept(&self) -> bool {
        false
    }
}

/// The dependencies on `parent`.
pub(crate) fn dependency<T: 'static>(
    parent: &Arc<dyn RddNode<T>>,
    shuffle: bool,
) -> Option<Dependency> {
    Arc::clone(parent).lineage().map(|on| Dependency { on, shuffle })
}

impl<T: Data> Rdd<T> {
    pub(crate) fn new(sc: SparkContext, node: Arc<dyn RddNode<T>>) -> Self {
        let tracked = Arc::new(Tracked::new(&sc, node));
        Self { sc, node: Arc::clone(&tracked) as Arc<dyn RddNode<T>>, tracked }
    }
}

impl<T: 'static> Rdd<T> {
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
        Self {
            sc: self.sc.clone(),
            node: Arc::clone(&self.node),
            tracked: Arc::clone(&self.tracked),
        }
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
