//! Discretized streams: one RDD per batch.

use super::checkpoint::StreamSaved;
use super::lifecycle::Shared;
use super::meta::{AnyStream, Kind, Meta, StreamInfo};
use super::{StreamingError, Time};
use crate::rdd::checkpoint::read_checkpoint;
use crate::rdd::{Rdd, StorageLevel, WeakRdd};
use crate::{ContextError, SparkContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use weir_dataflow::Data;

/// A stream of batches: for every batch time that is a multiple of its slide duration (counted from
/// the context's zero time), one RDD. A handle: clones are the same stream.
///
/// Operators define a new stream and fail once the context has been started. The RDD of a batch is
/// made once, however many outputs use it; it is *computed* by every output that uses it, unless it
/// is [persisted](Self::persist) or comes out of a shuffle.
pub struct DStream<T> {
    stream: Arc<Stream<T>>,
}

/// How a stream's RDDs are made.
pub(super) trait StreamNode<T>: Send + Sync {
    /// The RDD of a batch that is due; a `None` is asked for again.
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError>;
    /// A batch is done and the stream remembers RDDs for `remember_ns` (units: nanoseconds). What the
    /// `pending` batches hold is still wanted: they may be run again.
    fn clear(&self, completed: Time, remember_ns: u64, pending: &BTreeSet<Time>) {
        let _ = (completed, remember_ns, pending);
    }
    /// What a checkpoint keeps of the stream.
    fn save(&self, time: Time) -> Vec<u8> {
        let _ = time;
        Vec::new()
    }
    /// Takes back what a checkpoint kept.
    fn restore(&self, saved: &[u8]) -> Result<(), StreamingError> {
        let _ = saved;
        Ok(())
    }
}

pub(super) struct Stream<T> {
    shared: Arc<Shared>,
    meta: Arc<Meta>,
    node: Box<dyn StreamNode<T>>,
    /// The batches that are remembered. Beyond what others ask for, the time alone: an RDD that nobody
    /// will look at must not hold state that the next batch could change in place.
    generated: Mutex<BTreeMap<Time, Option<Rdd<T>>>>,
    /// How its RDDs are checkpointed, if they are; streams with a state see to theirs themselves.
    files: OnceLock<Files<T>>,
    /// Persisted RDDs that are not remembered, to be unpersisted once no batch needs them: a program may
    /// hold them.
    dropped: Mutex<Vec<(Time, WeakRdd<T>)>>,
}

/// How a stream's RDDs get to files and back: found where the type is known to be serializable.
struct Files<T> {
    write: fn(&Rdd<T>, PathBuf, Arc<Meta>, Time),
    read: fn(&SparkContext, &Path) -> Result<Rdd<T>, ContextError>,
}

impl<T: Data + Serialize + DeserializeOwned> Files<T> {
    fn new() -> Self {
        Self {
            write: |rdd, folder, meta, time| {
                let written = (folder.clone(), meta);
                rdd.checkpoint_to(folder, move || written.1.places.add(time, written.0.clone()));
            },
            read: |sc, folder| read_checkpoint(sc, folder),
        }
    }
}

impl<T: Data> Stream<T> {
    pub(super) fn context(&self) -> &Shared {
        &self.shared
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Time, Option<Rdd<T>>>> {
        self.generated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is older than it has to be, seen from the batch at `time`.
    fn forget(&self, kept: &mut BTreeMap<Time, Option<Rdd<T>>>, time: Time) {
        let remember = self.meta.remember_ns();
        // A context that never started an output on this stream has no rule for it.
        if remember == 0 {
            return;
        }
        let oldest = |span: u64| time.as_ns().checked_sub(span);
        while let Some(first) = kept.first_entry() {
            if oldest(remember).is_none_or(|limit| first.key().as_ns() > limit) {
                break;
            }
            let time = *first.key();
            self.drop_later(time, first.remove());
        }
        let demand = self.meta.demand_ns();
        if demand < remember
            && !self.meta.parents.is_empty()
            && let Some(limit) = oldest(demand)
        {
            for (time, rdd) in kept.range_mut(..=Time::from_ns(limit)) {
                self.drop_later(*time, rdd.take());
            }
        }
    }

    /// Has an RDD unpersisted once no batch needs it, if it is persisted.
    fn drop_later(&self, time: Time, rdd: Option<Rdd<T>>) {
        if let Some(rdd) = rdd
            && rdd.get_storage_level() != StorageLevel::NONE
        {
            let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
            dropped.retain(|(_, other)| other.is_there());
            dropped.push((time, WeakRdd::of(&rdd)));
        }
    }

    /// Unpersists RDDs that are not remembered and that no batch from the one at `oldest` on needs.
    fn unpersist(&self, oldest: Time) {
        let Some(limit) = oldest.as_ns().checked_sub(self.meta.remember_ns()) else { return };
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        let old: Vec<_> = dropped.extract_if(.., |(time, _)| time.as_ns() <= limit).collect();
        drop(dropped);
        if self.shared.unpersist {
            old.iter().for_each(|(_, rdd)| rdd.unpersist());
        }
    }
}

impl<T: Data> AnyStream for Stream<T> {
    fn meta(&self) -> &Arc<Meta> {
        &self.meta
    }
    fn clear_metadata(&self, completed: Time, pending: &BTreeSet<Time>) {
        if self.meta.is_initialized() {
            self.forget(&mut self.kept(), completed);
            let oldest = self.shared.oldest_running().map_or(completed, |one| one.min(completed));
            self.unpersist(oldest);
            self.node.clear(completed, self.meta.remember_ns(), pending);
            if let Some(limit) = oldest.as_ns().checked_sub(self.meta.remember_ns()) {
                self.meta.places.supersede(Time::from_ns(limit));
            }
        }
    }
    fn generated(&self) -> Vec<Time> {
        self.kept().keys().copied().collect()
    }
    fn save(&self, time: Time, directory: &Path) -> StreamSaved {
        // What is outside of the directory would not be found again.
        let below = |(time, folder): (Time, PathBuf)| {
            Some((time.as_ns(), folder.strip_prefix(directory).ok()?.to_path_buf()))
        };
        let folders = self.meta.places.all().into_iter().filter_map(below).collect();
        StreamSaved { folders, own: self.node.save(time) }
    }
    fn restore(&self, saved: &StreamSaved, directory: &Path) -> Result<(), StreamingError> {
        self.node.restore(&saved.own)?;
        for (&time, folder) in &saved.folders {
            let (time, folder) = (Time::from_ns(time), directory.join(folder));
            if let Some(files) = self.files.get() {
                let rdd = (files.read)(&self.shared.sc, &folder)?;
                self.kept().insert(time, Some(rdd));
            }
            self.meta.places.add(time, folder);
        }
        Ok(())
    }
}

impl<T> Clone for DStream<T> {
    fn clone(&self) -> Self {
        Self { stream: Arc::clone(&self.stream) }
    }
}

impl<T> std::fmt::Debug for DStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DStream").field("info", &self.stream.meta.info()).finish_non_exhaustive()
    }
}

impl<T: Data> DStream<T> {
    pub(super) fn define(
        shared: &Arc<Shared>,
        kind: Kind,
        parents: &[&Arc<Meta>],
        node: Box<dyn StreamNode<T>>,
    ) -> Result<Self, StreamingError> {
        let mut graph = shared.open()?;
        let parents = parents.iter().map(|parent| Arc::clone(parent)).collect();
        let item = std::any::type_name::<T>();
        let meta = Arc::new(Meta::new(graph.streams.len(), kind, item, parents));
        let stream = Arc::new(Stream {
            shared: Arc::clone(shared),
            meta,
            node,
            generated: Mutex::default(),
            files: OnceLock::new(),
            dropped: Mutex::default(),
        });
        graph.streams.push(Arc::clone(&stream) as Arc<dyn AnyStream>);
        Ok(Self { stream })
    }

    /// A stream made of this one, with the same slide.
    pub(super) fn child<U: Data>(
        &self,
        operation: &'static str,
        node: Box<dyn StreamNode<U>>,
    ) -> Result<DStream<U>, StreamingError> {
        let kind = Kind::of(operation, self.slide_ns());
        DStream::define(self.shared(), kind, &[self.meta()], node)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.stream.shared
    }

    pub(super) fn meta(&self) -> &Arc<Meta> {
        &self.stream.meta
    }

    pub(super) fn slide_ns(&self) -> u64 {
        self.stream.meta.kind.slide_ns
    }

    /// Whether the stream has an RDD for a time.
    pub(super) fn is_due(&self, time: Time) -> bool {
        let zero = self.stream.shared.zero();
        time > zero && (time.as_ns() - zero.as_ns()).is_multiple_of(self.slide_ns())
    }

    /// The RDD of a batch, made on the first call. A batch without one is asked for again next time.
    ///
    /// RDDs that are older than the stream has to remember are dropped when a new one is made, not
    /// only when its batch is done: jobs keep what they need, and a state stream can change its state
    /// in place only once nobody else holds it.
    pub(super) fn rdd_at(&self, time: Time) -> Result<Option<Rdd<T>>, StreamingError> {
        if !self.is_due(time) {
            return Ok(None);
        }
        let stream = &*self.stream;
        let mut kept = stream.kept();
        if let Some(Some(rdd)) = kept.get(&time) {
            return Ok(Some(rdd.clone()));
        }
        let Some(rdd) = stream.node.compute(time, stream)? else { return Ok(None) };
        if stream.meta.storage() != StorageLevel::NONE {
            // One that refuses has a level of its own, and is kept there.
            let _ = rdd.cache();
        }
        if let Some(files) = stream.files.get()
            && let Some(folder) = stream.shared.checkpoint_folder(&stream.meta, time)
        {
            (files.write)(&rdd, folder, Arc::clone(&stream.meta), time);
        }
        kept.insert(time, Some(rdd.clone()));
        // Inputs hold no state, and could not make a batch again: theirs go when the batch is done.
        if !stream.meta.parents.is_empty() {
            let newest = kept.last_key_value().map_or(time, |(last, _)| *last);
            stream.forget(&mut kept, newest);
        }
        Ok(Some(rdd))
    }

    /// What the stream is, and how it is kept.
    #[must_use]
    pub fn info(&self) -> StreamInfo {
        self.stream.meta.info()
    }

    /// The times of the RDDs that it remembers, in order.
    #[must_use]
    pub fn generated_times(&self) -> Vec<Time> {
        AnyStream::generated(&*self.stream)
    }

    /// Keeps the partitions of its RDDs once computed, for as long as the RDDs are remembered, in
    /// Spark's default level for streams.
    pub fn persist(&self) -> Result<&Self, StreamingError> {
        self.persist_at(StorageLevel::MEMORY_ONLY_SER)
    }

    /// The same as [`persist`](Self::persist), under Spark's other name.
    pub fn cache(&self) -> Result<&Self, StreamingError> {
        self.persist()
    }

    /// Keeps the partitions of its RDDs in a level. A windowed stream passes it on to its parent, whose
    /// RDDs its own are made of. Fails once the context has been started.
    pub fn persist_at(&self, level: StorageLevel) -> Result<&Self, StreamingError> {
        if self.stream.shared.open().is_err() {
            return Err(StreamingError::StorageAfterStart);
        }
        let meta = &self.stream.meta;
        match meta.parents.first() {
            Some(parent) if meta.kind.operation == super::window::WINDOWED => {
                parent.set_storage(level);
            }
            _ => meta.set_storage(level),
        }
        Ok(self)
    }

    /// Checkpoints the stream's RDDs (of a stream with state: the state) every `interval`, a multiple
    /// of its slide, and persists it. That is checked when the context starts. Fails once it has been
    /// started.
    pub fn checkpoint(&self, interval: Duration) -> Result<&Self, StreamingError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.checkpoint_every(interval)?;
        if !self.stream.meta.kind.must_checkpoint {
            let _ = self.stream.files.set(Files::new());
        }
        Ok(self)
    }

    pub(super) fn checkpoint_every(&self, interval: Duration) -> Result<(), StreamingError> {
        if self.stream.shared.open().is_err() {
            return Err(StreamingError::CheckpointAfterStart);
        }
        self.persist()?;
        self.stream.meta.set_checkpoint_ns(nanos(interval));
        Ok(())
    }

    /// The RDDs of the batches from `from` to `to`, both included, oldest first; those that were not
    /// made yet are made. The ends are rounded down to the stream's slide, counted from the zero time.
    /// Fails before the context has been started.
    pub fn slice(&self, from: Time, to: Time) -> Result<Vec<Rdd<T>>, StreamingError> {
        let meta = &self.stream.meta;
        if !meta.is_initialized() {
            let operation = meta.kind.operation;
            return Err(StreamingError::NotInitialized { operation });
        }
        let (zero, slide) = (self.stream.shared.zero(), meta.kind.slide_ns);
        // Times before the zero time have no RDD; neither has the zero time.
        let floor = |time: Time| {
            let since = time.as_ns().saturating_sub(zero.as_ns());
            zero.as_ns() + (since - since % slide)
        };
        let (mut at, last) = (floor(from), floor(to));
        let mut rdds = Vec::new();
        while from <= to && at <= last {
            rdds.extend(self.rdd_at(Time::from_ns(at))?);
            at = at.saturating_add(slide);
        }
        Ok(rdds)
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
