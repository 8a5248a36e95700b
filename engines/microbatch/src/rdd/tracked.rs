//! The node behind every RDD handle: identity, storage and checkpoint of an RDD, around the node that
//! computes it. It costs something per partition, nothing per record.

use super::lineage::{Dependency, Lineage};
use super::partitioner::Partitioning;
use super::storage::{Codec, Storage, StorageLevel};
use super::{Rdd, RddNode};
use crate::job::{JobError, Stage, TaskContext, TaskError};
use crate::{ContextError, SparkContext};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use weir_dataflow::Data;

pub(crate) struct Tracked<T> {
    id: u64,
    partitions: usize,
    partitioning: Option<Partitioning>,
    name: Mutex<Option<Arc<str>>>,
    label: Mutex<Option<Arc<str>>>,
    /// What computes it. Replaced once it has been checkpointed, which is what cuts the lineage.
    source: RwLock<Arc<dyn RddNode<T>>>,
    storage: RwLock<Option<Arc<Storage<T>>>>,
    checkpoint: Mutex<Checkpoint<T>>,
}

/// Writes an RDD somewhere and says what reads it from there.
pub(crate) type Writer<T> =
    Box<dyn FnOnce(Arc<dyn RddNode<T>>) -> Result<Written<T>, JobError> + Send>;

/// A checkpoint that is complete.
pub(crate) struct Written<T> {
    pub(crate) reader: Arc<dyn RddNode<T>>,
    /// Where it is, if it outlives the context.
    pub(crate) folder: Option<PathBuf>,
}

enum Checkpoint<T> {
    None,
    /// To be written behind the next job, by the writer that is made then.
    Marked(Arc<dyn Fn() -> Writer<T> + Send + Sync>),
    /// A job writes it.
    Writing,
    Done(Option<PathBuf>),
}

impl<T: Data> Tracked<T> {
    pub(crate) fn new(sc: &SparkContext, source: Arc<dyn RddNode<T>>) -> Self {
        Self {
            id: sc.next_rdd_id(),
            partitions: source.partitions(),
            partitioning: source.partitioning(),
            name: Mutex::default(),
            label: Mutex::default(),
            source: RwLock::new(source),
            storage: RwLock::default(),
            checkpoint: Mutex::new(Checkpoint::None),
        }
    }

    fn source(&self) -> Arc<dyn RddNode<T>> {
        Arc::clone(&self.source.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn storage(&self) -> Option<Arc<Storage<T>>> {
        self.storage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn checkpoint(&self) -> MutexGuard<'_, Checkpoint<T>> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn assign(
        &self,
        sc: &SparkContext,
        level: StorageLevel,
        codec: Option<Codec<T>>,
    ) -> Result<(), ContextError> {
        let mut storage = self.storage.write().unwrap_or_else(PoisonError::into_inner);
        match &*storage {
            Some(storage) if storage.level == level => Ok(()),
            Some(_) => Err(ContextError::LevelChanged),
            None if level == StorageLevel::NONE => Ok(()),
            None => {
                let made = Storage::new(sc, level, codec, self.id, self.partitions)?;
                *storage = Some(Arc::new(made));
                Ok(())
            }
        }
    }

    pub(super) fn forget(&self) {
        *self.storage.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn level_now(&self) -> StorageLevel {
        self.storage().map_or(StorageLevel::NONE, |storage| storage.level)
    }

    /// Asks for a checkpoint behind the next job, unless there is one.
    pub(super) fn mark(&self, sc: &SparkContext, writer: Arc<dyn Fn() -> Writer<T> + Send + Sync>) {
        let mut checkpoint = self.checkpoint();
        if matches!(*checkpoint, Checkpoint::None) {
            *checkpoint = Checkpoint::Marked(writer);
            sc.checkpoint_marked();
        }
    }

    /// Whether it was checkpointed, and where to if that outlives the context.
    pub(super) fn checkpointed(&self) -> Option<Option<PathBuf>> {
        match &*self.checkpoint() {
            Checkpoint::Done(folder) => Some(folder.clone()),
            _ => None,
        }
    }
}

impl<T: Data> RddNode<T> for Tracked<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        let source = self.source();
        match self.storage() {
            // Values that are in memory anyway are not put there twice.
            Some(storage) if !(storage.level.is_deserialized() && source.kept()) => {
                storage.read(&*source, task, sink)
            }
            _ => source.compute(task, sink),
        }
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        if self.storage().is_none_or(|storage| storage.stored().0 < self.partitions) {
            self.source().stages(visit);
        }
    }
    fn known_empty(&self, partition: usize) -> bool {
        self.source().known_empty(partition)
    }
    fn partitioning(&self) -> Option<Partitioning> {
        self.partitioning.clone()
    }
    fn kept(&self) -> bool {
        self.source().kept() || self.level_now() != StorageLevel::NONE
    }
    fn lineage(self: Arc<Self>) -> Option<Arc<dyn Lineage>> {
        Some(self)
    }
}

impl<T: Data> Lineage for Tracked<T> {
    fn id(&self) -> u64 {
        self.id
    }
    fn partitions(&self) -> usize {
        self.partitions
    }
    fn describe(&self) -> String {
        let source = self.source();
        let name = self.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = name.map(|name| format!("{name} ")).unwrap_or_default();
        let own = self.label.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let label = own.unwrap_or_else(|| source.label());
        format!("{name}{}[{}] at {label}", source.kind(), self.id)
    }
    fn level(&self) -> StorageLevel {
        self.level_now()
    }
    fn stored(&self) -> Option<(usize, u64)> {
        self.storage().map(|storage| storage.stored()).filter(|(partitions, _)| *partitions > 0)
    }
    fn dependencies(&self) -> Vec<Dependency> {
        self.source().dependencies()
    }
    fn do_checkpoint(&self) -> Result<bool, JobError> {
        let writer = {
            let mut checkpoint = self.checkpoint();
            match &*checkpoint {
                Checkpoint::None => return Ok(false),
                Checkpoint::Writing | Checkpoint::Done(_) => return Ok(true),
                Checkpoint::Marked(writer) => {
                    let writer = Arc::clone(writer);
                    *checkpoint = Checkpoint::Writing;
                    writer
                }
            }
        };
        // Through its own storage, so that a cached RDD is not computed again.
        let through: Arc<dyn RddNode<T>> =
            Arc::new(Through { source: self.source(), storage: self.storage() });
        match writer()(through) {
            Ok(Written { reader, folder }) => {
                *self.source.write().unwrap_or_else(PoisonError::into_inner) = reader;
                *self.checkpoint() = Checkpoint::Done(folder);
                Ok(true)
            }
            Err(error) => {
                *self.checkpoint() = Checkpoint::Marked(writer);
                Err(error)
            }
        }
    }
}

/// An RDD as it is before its checkpoint, without the handle that the checkpoint is about.
struct Through<T> {
    source: Arc<dyn RddNode<T>>,
    storage: Option<Arc<Storage<T>>>,
}

impl<T: Data> RddNode<T> for Through<T> {
    fn partitions(&self) -> usize {
        self.source.partitions()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        match &self.storage {
            Some(storage) => storage.read(&*self.source, task, sink),
            None => self.source.compute(task, sink),
        }
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.source.stages(visit);
    }
    fn partitioning(&self) -> Option<Partitioning> {
        self.source.partitioning()
    }
}

impl<T: Data> Rdd<T> {
    /// Its number, unique within the context, in the order of creation.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.tracked.id
    }

    /// The name that it was given.
    #[must_use]
    pub fn name(&self) -> Option<Arc<str>> {
        self.tracked.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives it a name, for debug strings. Returns the RDD itself.
    pub fn set_name(&self, name: impl Into<Arc<str>>) -> Self {
        *self.tracked.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
        self.clone()
    }

    /// What it is called where Spark shows the place in the program: the operator's name.
    pub(crate) fn labelled(self, label: &str) -> Self {
        *self.tracked.label.lock().unwrap_or_else(PoisonError::into_inner) = Some(label.into());
        self
    }

    /// The RDDs that it is made from, a line each and indented at shuffles, as Spark shows them.
    #[must_use]
    pub fn to_debug_string(&self) -> String {
        super::lineage::debug_string(&*self.tracked)
    }

    /// The ids of the RDDs that it is made from directly, and whether through a shuffle.
    #[must_use]
    pub fn dependencies(&self) -> Vec<(u64, bool)> {
        let dependencies = Lineage::dependencies(&*self.tracked);
        dependencies.into_iter().map(|parent| (parent.on.id(), parent.shuffle)).collect()
    }
}
