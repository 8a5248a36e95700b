//! Discretized streams: one RDD per batch.

use super::lifecycle::Shared;
use super::scheduler::Job;
use super::{StreamingError, Time};
use crate::JobError;
use crate::job::TaskError;
use crate::rdd::{Partition, Rdd, Shuffle};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::{Data, Key};

/// A stream of batches: for every batch time that is a multiple of its slide duration (counted from
/// the context's start), one RDD. A handle: clones are the same stream.
///
/// Operators define a new stream and fail once the context has been started. The RDD of a batch is
/// made once, however many outputs use it; it is *computed* by every output that uses it, unless it
/// is [persisted](Self::persist) or comes out of a shuffle.
pub struct DStream<T> {
    stream: Arc<Stream<T>>,
}

/// How a stream's RDDs are made.
pub(super) trait StreamNode<T>: Send + Sync {
    /// The RDD of a batch that is due. Called once per batch, but possibly not for every batch.
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError>;
    /// The stream's RDDs may be asked for until they are this old: passed on to the parents.
    fn remember(&self, ns: u64);
}

pub(super) struct Stream<T> {
    shared: Arc<Shared>,
    slide_ns: u64,
    node: Box<dyn StreamNode<T>>,
    generated: Mutex<BTreeMap<Time, Rdd<T>>>,
    remember_ns: AtomicU64,
    persist: AtomicBool,
}

impl<T> Stream<T> {
    pub(super) fn context(&self) -> &Shared {
        &self.shared
    }
}

impl<T> Clone for DStream<T> {
    fn clone(&self) -> Self {
        Self { stream: Arc::clone(&self.stream) }
    }
}

impl<T> std::fmt::Debug for DStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DStream")
            .field("of", &std::any::type_name::<T>())
            .field("slide_ns", &self.stream.slide_ns)
            .finish_non_exhaustive()
    }
}

impl<T: Data> DStream<T> {
    pub(super) fn define(
        shared: &Arc<Shared>,
        slide_ns: u64,
        node: Box<dyn StreamNode<T>>,
    ) -> Result<Self, StreamingError> {
        drop(shared.open()?);
        node.remember(slide_ns);
        let stream = Stream {
            shared: Arc::clone(shared),
            slide_ns,
            node,
            generated: Mutex::default(),
            remember_ns: AtomicU64::new(slide_ns),
            persist: AtomicBool::new(false),
        };
        Ok(Self { stream: Arc::new(stream) })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.stream.shared
    }

    pub(super) fn slide_ns(&self) -> u64 {
        self.stream.slide_ns
    }

    /// Whether the stream has an RDD for a time.
    pub(super) fn is_due(&self, time: Time) -> bool {
        let zero = self.stream.shared.zero();
        time > zero && (time.as_ns() - zero.as_ns()).is_multiple_of(self.stream.slide_ns)
    }

    /// The RDD of a batch, made on the first call. RDDs older than the stream has to remember are
    /// dropped when a new one is made, not when its batch is done: jobs keep what they need, and a
    /// state stream can change its state in place only once nobody else holds it.
    pub(super) fn rdd_at(&self, time: Time) -> Result<Option<Rdd<T>>, StreamingError> {
        if !self.is_due(time) {
            return Ok(None);
        }
        let stream = &*self.stream;
        let mut generated = stream.generated.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rdd) = generated.get(&time) {
            return Ok(Some(rdd.clone()));
        }
        let Some(rdd) = stream.node.compute(time, stream)? else { return Ok(None) };
        if stream.persist.load(Ordering::Relaxed) {
            // One that refuses has a level of its own, and is kept there.
            let _ = rdd.cache();
        }
        generated.insert(time, rdd.clone());
        let oldest = time.as_ns().saturating_sub(stream.remember_ns.load(Ordering::Relaxed));
        generated.retain(|batch, _| batch.as_ns() > oldest);
        Ok(Some(rdd))
    }

    /// Keeps RDDs for `ns` after their batch.
    pub(super) fn remember(&self, ns: u64) {
        self.stream.remember_ns.fetch_max(ns, Ordering::Relaxed);
        self.stream.node.remember(ns);
    }

    /// Keeps the partitions of its RDDs once computed, for as long as the RDDs are remembered.
    pub fn persist(&self) -> Result<&Self, StreamingError> {
        drop(self.stream.shared.open()?);
        self.stream.persist.store(true, Ordering::Relaxed);
        Ok(self)
    }

    /// A stream of what `f` makes of each batch's RDD. The function runs once per batch, when the
    /// batch's jobs are made.
    pub fn transform<U: Data>(
        &self,
        f: impl Fn(Rdd<T>, Time) -> Rdd<U> + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let node = Transformed { parent: self.clone(), f };
        DStream::define(self.shared(), self.slide_ns(), Box::new(node))
    }

    /// Every record through a function.
    pub fn map<U: Data>(
        &self,
        f: impl Fn(T) -> U + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.transform(move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.map(move |value| f(value))
        })
    }

    /// The records that `keep` accepts.
    pub fn filter(
        &self,
        keep: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Result<Self, StreamingError> {
        let keep = Arc::new(keep);
        self.transform(move |rdd, _| {
            let keep = Arc::clone(&keep);
            rdd.filter(move |value| keep(value))
        })
    }

    /// Every record into any number.
    pub fn flat_map<U: Data, I: IntoIterator<Item = U>>(
        &self,
        f: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.transform(move |rdd, _| {
            let f = Arc::clone(&f);
            rdd.flat_map(move |value| f(value))
        })
    }

    /// Every partition through a function that makes nothing of nothing; see
    /// [`Rdd::transform_partitions`].
    pub fn transform_partitions<U: Data>(
        &self,
        f: impl Fn(Partition<'_, T>, Time, &mut dyn FnMut(U)) -> Result<(), TaskError>
        + Send
        + Sync
        + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = Arc::new(f);
        self.transform(move |rdd, time| {
            let f = Arc::clone(&f);
            rdd.transform_partitions(move |input, out| f(input, time, out))
        })
    }

    /// Every partition as one vector.
    pub fn glom(&self) -> Result<DStream<Vec<T>>, StreamingError> {
        self.transform(|rdd, _| rdd.glom())
    }

    /// One number per batch: how many records it holds.
    pub fn count(&self) -> Result<DStream<u64>, StreamingError> {
        // A zero joins every batch, so that an empty one has a count too.
        let counts = self.transform(|rdd, _| {
            let zero = rdd.context().single(((), 0));
            rdd.map(|_| ((), 1)).union(&zero).reduce_by_key(|a: u64, b| a + b, 1)
        })?;
        counts.map(|((), count)| count)
    }

    /// At most one record per batch: all of the batch's combined. None for an empty batch.
    pub fn reduce(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
    ) -> Result<Self, StreamingError> {
        self.map(|value| ((), value))?.reduce_by_key(f, 1)?.map(|((), value)| value)
    }

    /// How often each value occurs in a batch.
    pub fn count_by_value(&self, partitions: usize) -> Result<DStream<(T, u64)>, StreamingError>
    where
        T: Key,
    {
        self.transform(move |rdd, _| rdd.counts_by_value(partitions))
    }

    /// Each batch shuffled; see [`Rdd::shuffle`].
    pub fn shuffle<S: Shuffle<T>>(
        &self,
        label: &str,
        shuffle: S,
        partitions: usize,
    ) -> Result<DStream<S::Out>, StreamingError> {
        let (label, shuffle) = (label.into(), Arc::new(shuffle));
        self.transform(move |rdd, _| rdd.shuffle(&label, &shuffle, partitions))
    }

    /// The records of both, batch by batch.
    pub fn union(&self, other: &Self) -> Result<Self, StreamingError> {
        Self::union_all(&[self.clone(), other.clone()])
    }

    /// The records of all, batch by batch. They must be of one context and slide together.
    pub fn union_all(streams: &[Self]) -> Result<Self, StreamingError> {
        let Some(first) = streams.first() else { return Err(StreamingError::NothingToUnite) };
        for other in streams {
            if !Arc::ptr_eq(first.shared(), other.shared()) {
                return Err(StreamingError::DifferentContexts);
            }
            if first.slide_ns() != other.slide_ns() {
                return Err(StreamingError::DifferentSlides);
            }
        }
        let node = United { parents: streams.to_vec() };
        Self::define(first.shared(), first.slide_ns(), Box::new(node))
    }

    /// Registers an output: `f` is called with every batch's RDD, in the scheduler's thread. Nothing
    /// is computed unless it calls an action. Outputs of one batch run in the order in which they
    /// were registered.
    pub fn foreach_rdd(
        &self,
        f: impl Fn(Rdd<T>, Time) -> Result<(), JobError> + Send + Sync + 'static,
    ) -> Result<(), StreamingError> {
        let (parent, f) = (self.clone(), Arc::new(f));
        let make = move |time| {
            let Some(rdd) = parent.rdd_at(time)? else { return Ok(None) };
            let f = Arc::clone(&f);
            Ok(Some(Box::new(move || f(rdd, time)) as Job))
        };
        self.shared().open()?.outputs.push(Arc::new(make));
        Ok(())
    }
}

struct Transformed<T, F> {
    parent: DStream<T>,
    f: F,
}

impl<T, U, F> StreamNode<U> for Transformed<T, F>
where
    T: Data,
    F: Fn(Rdd<T>, Time) -> Rdd<U> + Send + Sync,
{
    fn compute(&self, time: Time, _: &Stream<U>) -> Result<Option<Rdd<U>>, StreamingError> {
        Ok(self.parent.rdd_at(time)?.map(|rdd| (self.f)(rdd, time)))
    }
    fn remember(&self, ns: u64) {
        self.parent.remember(ns);
    }
}

struct United<T> {
    parents: Vec<DStream<T>>,
}

impl<T: Data> StreamNode<T> for United<T> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let mut rdds = Vec::with_capacity(self.parents.len());
        for parent in &self.parents {
            rdds.extend(parent.rdd_at(time)?);
        }
        Ok(Some(stream.context().sc.union(&rdds)))
    }
    fn remember(&self, ns: u64) {
        self.parents.iter().for_each(|parent| parent.remember(ns));
    }
}
