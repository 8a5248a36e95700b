//! Shuffles: the wide dependency.
//!
//! The map side of a shuffle is a stage. Each of its tasks reads one partition and makes one **block**
//! per reduce partition; blocks are handed over whole, not record by record. The reduce side merges
//! the blocks of its partition, in the order of the map partitions, when it is first read, and keeps
//! the result.

use super::lineage::Dependency;
use super::partitioner::Partitioning;
use super::{Partition, Rdd, RddNode, dependency};
use crate::SparkContext;
use crate::accumulator;
use crate::job::{Stage, TaskContext, TaskError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::{Data, Key, KeyedTable};

/// What a map task sends to a reduce partition.
pub trait Block: Send + 'static {
    /// How many entries are in it; blocks without any are not sent.
    fn entries(&self) -> usize;
}

impl<T: Send + 'static> Block for Vec<T> {
    fn entries(&self) -> usize {
        self.len()
    }
}

impl<K: Key, S: Send + 'static> Block for KeyedTable<K, S> {
    fn entries(&self) -> usize {
        self.len()
    }
}

/// The map side of a shuffle: static code for the records of a partition.
pub trait MapSide<T: 'static>: Send + Sync + 'static {
    /// What goes to a reduce partition.
    type Block: Block;
    /// Reads a partition and makes one block for each of `partitions` reduce partitions. Every
    /// record of a key goes to the block that [`partition_of`](weir_dataflow::partition_of) says.
    fn map(
        &self,
        input: Partition<'_, T>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError>;
}

/// A whole shuffle: a [`MapSide`], and what becomes of its blocks.
pub trait Shuffle<T: 'static>: MapSide<T> {
    /// The merged blocks of a reduce partition.
    type Merged: Send + Sync + 'static;
    /// The records of the shuffled RDD.
    type Out: Data;
    /// Merges blocks, which are in the order of the map partitions. There is at least one.
    fn merge(&self, blocks: Vec<Self::Block>) -> Self::Merged;
    /// Whether equal keys end up in the partition that their hash says.
    fn by_key(&self) -> bool {
        true
    }
    /// Hands out the records.
    fn read(&self, merged: &Self::Merged, out: &mut dyn FnMut(Self::Out));
}

impl<T: Data> Rdd<T> {
    /// Shuffles into `partitions` partitions (0 is taken as 1). The general form of every operator
    /// that brings equal keys together; `label` names the stage in failures and plans.
    #[must_use]
    pub fn shuffle<S: Shuffle<T>>(
        &self,
        label: &Arc<str>,
        shuffle: &Arc<S>,
        partitions: usize,
    ) -> Rdd<S::Out> {
        let by = shuffle.by_key().then(|| Partitioning::Hash(partitions.max(1)));
        self.shuffle_into(label, shuffle, partitions, by)
    }

    /// A shuffle whose map side places keys as `partitioning` says.
    pub(super) fn shuffle_into<S: Shuffle<T>>(
        &self,
        label: &Arc<str>,
        shuffle: &Arc<S>,
        partitions: usize,
        partitioning: Option<Partitioning>,
    ) -> Rdd<S::Out> {
        let stage = ShuffleStage::new(self.clone(), label, Arc::clone(shuffle), partitions.max(1));
        let cells = (0..stage.partitions()).map(|_| Mutex::new(None)).collect();
        let (stage, shuffle) = (Arc::new(stage), Arc::clone(shuffle));
        let node = Shuffled { stage, shuffle, cells, partitioning };
        Rdd::new(self.context().clone(), Arc::new(node))
    }
}

/// The map stage of a shuffle, and its output.
pub(crate) struct ShuffleStage<T: 'static, M: MapSide<T>> {
    id: u64,
    label: Arc<str>,
    parent: Rdd<T>,
    map: Arc<M>,
    gate: Mutex<()>,
    done: AtomicBool,
    /// By reduce partition; with the map partition that a block came from, in the order of these.
    blocks: Vec<Mutex<Vec<(usize, M::Block)>>>,
    /// By reduce partition: its blocks were taken.
    taken: Vec<AtomicBool>,
}

impl<T: Data, M: MapSide<T>> ShuffleStage<T, M> {
    pub(crate) fn new(parent: Rdd<T>, label: &Arc<str>, map: Arc<M>, partitions: usize) -> Self {
        Self {
            id: parent.context().next_id(),
            label: Arc::clone(label),
            parent,
            map,
            gate: Mutex::default(),
            done: AtomicBool::new(false),
            blocks: (0..partitions).map(|_| Mutex::default()).collect(),
            taken: (0..partitions).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    pub(crate) fn partitions(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn context(&self) -> &SparkContext {
        self.parent.context()
    }

    /// Whether nothing was sent to a reduce partition.
    pub(crate) fn is_empty(&self, partition: usize) -> bool {
        self.blocks[partition].lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The blocks of a reduce partition in the order of the map partitions. They are gone then.
    pub(crate) fn take(&self, partition: usize) -> Vec<M::Block> {
        let blocks = std::mem::take(
            &mut *self.blocks[partition].lock().unwrap_or_else(PoisonError::into_inner),
        );
        if !blocks.is_empty() {
            self.taken[partition].store(true, Ordering::Release);
        }
        blocks.into_iter().map(|(_, block)| block).collect()
    }

    /// The blocks of the task's partition. If an attempt that failed has taken them, they are made
    /// again from the lineage, by this task: map tasks that succeeded do not run twice unless
    /// something fails behind them, and nothing is held for that case.
    pub(crate) fn fetch(&self, task: &TaskContext) -> Result<Vec<M::Block>, TaskError> {
        let partition = task.partition();
        if !self.taken[partition].load(Ordering::Acquire) {
            return Ok(self.take(partition));
        }
        // The map tasks have been counted by accumulators when they succeeded.
        accumulator::discarding(|| {
            let mut blocks = Vec::new();
            for split in self.tasks() {
                let split = task.at(split);
                let input = Partition::new(&**self.parent.node(), &split);
                let made = self.map.map(input, self.partitions())?;
                blocks.extend(made.into_iter().nth(partition).filter(|made| made.entries() > 0));
            }
            Ok(blocks)
        })
    }

    /// The RDD that its blocks are made of, as a part of the lineage.
    pub(crate) fn parent_dependency(&self) -> Vec<Dependency> {
        dependency(self.parent.node(), true).into_iter().collect()
    }
}

impl<T: Data, M: MapSide<T>> Stage for ShuffleStage<T, M> {
    fn id(&self) -> u64 {
        self.id
    }
    fn label(&self) -> &Arc<str> {
        &self.label
    }
    fn parents(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.parent.node().stages(visit);
    }
    fn gate(&self) -> &Mutex<()> {
        &self.gate
    }
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
    fn tasks(&self) -> Vec<usize> {
        let node = self.parent.node();
        (0..node.partitions()).filter(|&split| !node.known_empty(split)).collect()
    }
    fn run_task(&self, task: &TaskContext) -> Result<(), TaskError> {
        let input = Partition::new(&**self.parent.node(), task);
        let made = self.map.map(input, self.partitions())?;
        let mut entries = 0;
        for (block, to) in made.into_iter().zip(&self.blocks) {
            if block.entries() > 0 {
                entries += block.entries() as u64;
                let mut blocks = to.lock().unwrap_or_else(PoisonError::into_inner);
                let from = task.partition();
                match blocks.binary_search_by_key(&from, |(from, _)| *from) {
                    // An attempt at this stage that failed elsewhere has left one behind.
                    Ok(at) => blocks[at].1 = block,
                    Err(at) => blocks.insert(at, (from, block)),
                }
            }
        }
        self.context().metrics().add_shuffled(entries);
        Ok(())
    }
    fn finish(&self) {
        self.done.store(true, Ordering::Release);
    }
}

struct Shuffled<T: 'static, S: Shuffle<T>> {
    stage: Arc<ShuffleStage<T, S>>,
    shuffle: Arc<S>,
    partitioning: Option<Partitioning>,
    /// What the blocks of a reduce partition came to, once somebody has read it.
    cells: Vec<Mutex<Option<Arc<S::Merged>>>>,
}

impl<T: Data, S: Shuffle<T>> Shuffled<T, S> {
    fn merged(&self, task: &TaskContext) -> Result<Option<Arc<S::Merged>>, TaskError> {
        let mut cell = self.cells[task.partition()].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(merged) = &*cell {
            return Ok(Some(Arc::clone(merged)));
        }
        let blocks = self.stage.fetch(task)?;
        if blocks.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::clone(cell.insert(Arc::new(self.shuffle.merge(blocks))))))
    }
}

impl<T: Data, S: Shuffle<T>> RddNode<S::Out> for Shuffled<T, S> {
    fn partitions(&self) -> usize {
        self.cells.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(S::Out)) -> Result<(), TaskError> {
        if let Some(merged) = self.merged(task)? {
            self.shuffle.read(&merged, sink);
        }
        Ok(())
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        if !self.stage.is_done() {
            visit(Arc::clone(&self.stage) as Arc<dyn Stage>);
        }
    }
    fn known_empty(&self, partition: usize) -> bool {
        let stage = &self.stage;
        stage.is_empty(partition) && !stage.taken[partition].load(Ordering::Acquire)
    }
    fn partitioning(&self) -> Option<Partitioning> {
        self.partitioning.clone()
    }
    fn kept(&self) -> bool {
        true
    }
    fn dependencies(&self) -> Vec<Dependency> {
        self.stage.parent_dependency()
    }
    fn kind(&self) -> &'static str {
        "ShuffledRDD"
    }
    fn label(&self) -> Arc<str> {
        Arc::clone(&self.stage.label)
    }
}
