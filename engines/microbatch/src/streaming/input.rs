//! Input streams.

use super::dstream::{Stream, StreamNode};
use super::{DStream, StreamingContext, StreamingError, Time};
use crate::rdd::sources::Offsets;
use crate::rdd::{Rdd, ReadRange};
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::Data;

/// Where a batch of a direct source ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The batch holds the offsets below this one that no batch before it held.
    pub until: u64,
    /// Into how many partitions the batch is cut; `None` for the context's default parallelism.
    pub pieces: Option<usize>,
    /// Whether no batch after this one holds anything.
    pub ended: bool,
}

/// A source that is read by offset: nothing is received, a batch is a range that its tasks read.
pub trait DirectSource<T>: ReadRange<T> {
    /// Decides what the batch at `time` holds, which begins at offset `from`. Called once per batch,
    /// in the order of their times, in the generator's thread.
    fn cut(&self, from: u64, time: Time) -> Cut;
}

/// What an input reports for a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InputReport {
    pub(super) records: u64,
    pub(super) ended: bool,
}

/// An input, as the generator sees it.
pub(super) trait Input: Send + Sync {
    /// Fixes what the batch holds, before any job is made for it.
    fn allocate(&self, time: Time) -> InputReport;
}

impl StreamingContext {
    /// A stream of a direct source's records; see [`DirectSource`].
    pub fn direct_stream<T: Data>(
        &self,
        source: impl DirectSource<T>,
    ) -> Result<DStream<T>, StreamingError> {
        let node = Arc::new(Direct {
            source: Arc::new(source),
            parallelism: self.spark_context().default_parallelism(),
            next: AtomicU64::new(0),
            batches: Mutex::default(),
            remember_ns: AtomicU64::new(self.batch_interval_ns()),
            of: PhantomData,
        });
        self.shared().open()?.inputs.push(Arc::clone(&node) as Arc<dyn Input>);
        DStream::define(self.shared(), self.batch_interval_ns(), Box::new(node))
    }

    /// A stream of the RDDs in a queue, one per batch; an empty RDD while the queue is empty. The
    /// queue may be added to while the context runs. Its records are not counted in
    /// [`BatchInfo::records`](super::BatchInfo::records).
    pub fn queue_stream<T: Data>(
        &self,
        queue: Arc<Mutex<VecDeque<Rdd<T>>>>,
    ) -> Result<DStream<T>, StreamingError> {
        let node = Queue { queue, empty: self.spark_context().empty() };
        DStream::define(self.shared(), self.batch_interval_ns(), Box::new(node))
    }
}

struct Queue<T> {
    queue: Arc<Mutex<VecDeque<Rdd<T>>>>,
    empty: Rdd<T>,
}

impl<T: Data> StreamNode<T> for Queue<T> {
    fn compute(&self, _: Time, _: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Ok(Some(next.unwrap_or_else(|| self.empty.clone())))
    }
    fn remember(&self, _: u64) {}
}

struct Direct<T, S> {
    source: Arc<S>,
    parallelism: usize,
    /// The first offset that no batch holds yet.
    next: AtomicU64,
    /// What batches hold that may still be asked for: a range, and how many pieces.
    batches: Mutex<BTreeMap<Time, (Range<u64>, usize)>>,
    remember_ns: AtomicU64,
    of: PhantomData<fn() -> T>,
}

impl<T: Data, S: DirectSource<T>> Input for Direct<T, S> {
    fn allocate(&self, time: Time) -> InputReport {
        let from = self.next.load(Ordering::Relaxed);
        let cut = self.source.cut(from, time);
        let until = cut.until.max(from);
        self.next.store(until, Ordering::Relaxed);
        let pieces = cut.pieces.unwrap_or(self.parallelism).max(1);
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.insert(time, (from..until, pieces));
        let oldest = time.as_ns().saturating_sub(self.remember_ns.load(Ordering::Relaxed));
        batches.retain(|batch, _| batch.as_ns() > oldest);
        InputReport { records: until - from, ended: cut.ended }
    }
}

impl<T: Data, S: DirectSource<T>> StreamNode<T> for Arc<Direct<T, S>> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let (range, pieces) = batches.get(&time).cloned().unwrap_or((0..0, 1));
        let node = Offsets::new(Arc::clone(&self.source), range, pieces);
        Ok(Some(Rdd::new(stream.context().sc.clone(), Arc::new(node))))
    }
    fn remember(&self, ns: u64) {
        self.remember_ns.fetch_max(ns, Ordering::Relaxed);
    }
}
