//! Input streams.

use super::dstream::{Stream, StreamNode};
use super::lifecycle::Shared;
use super::meta::Kind;
use super::{DStream, ReceiverInfo, StreamInputInfo, StreamingContext, StreamingError, Time};
use crate::SparkContext;
use crate::rdd::sources::Offsets;
use crate::rdd::{Rdd, ReadRange};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Decides what the batch at `time` holds, which begins at offset `from`. Called once per batch, in
    /// the order of their times, in the generator's thread; of batches that a checkpoint did not have yet
    /// when the program ended, again by the program that goes on. An answer that follows from `from` and
    /// `time` alone makes such a batch hold what it held before.
    fn cut(&self, from: u64, time: Time) -> Cut;
}

/// What an input may use while it makes a batch's RDD.
#[derive(Debug)]
pub struct InputBatch<'a> {
    shared: &'a Shared,
    stream: usize,
    time: Time,
}

impl InputBatch<'_> {
    /// The batch.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Where RDDs are made.
    #[must_use]
    pub const fn spark_context(&self) -> &SparkContext {
        &self.shared.sc
    }

    /// The input's number.
    #[must_use]
    pub const fn stream(&self) -> usize {
        self.stream
    }

    /// Reports how many records the batch has. Fails the second time.
    pub fn report(&self, records: u64) -> Result<(), StreamingError> {
        self.report_info(StreamInputInfo::new(self.stream, records))
    }

    /// Reports more than a number.
    pub fn report_info(&self, info: StreamInputInfo) -> Result<(), StreamingError> {
        self.shared.inputs.report(self.time, StreamInputInfo { stream: self.stream, ..info })
    }
}

/// An input of one's own: an RDD per batch, made on the driver.
pub trait InputStream<T>: Send + Sync + 'static {
    /// The context starts; its zero time is known.
    fn start(&self) {}
    /// The context stops.
    fn stop(&self) {}
    /// The RDD of a batch; `None` for a batch without one. Called once per batch, or more often while
    /// it returns `None`; and after a recovery, for batches that windows or states go back to.
    fn compute(&self, batch: &InputBatch<'_>) -> Result<Option<Rdd<T>>, StreamingError>;
    /// A batch is done, and RDDs are remembered for `remember_ns` nanoseconds.
    fn clear(&self, completed: Time, remember_ns: u64) {
        let _ = (completed, remember_ns);
    }
    /// What a checkpoint keeps of the input.
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

/// An input, as the generator sees it.
pub(super) trait Input: Send + Sync {
    /// The context starts; its zero time is known.
    fn start(self: Arc<Self>, shared: &Arc<Shared>) -> Result<(), StreamingError> {
        let _ = shared;
        Ok(())
    }
    /// The number of an input with a receiver.
    fn receiver(&self) -> Option<usize> {
        None
    }
    /// What is known of the receiver of an input with one.
    fn receiver_info(&self) -> Option<ReceiverInfo> {
        None
    }
    /// How many records a second the receiver may take in, while it runs.
    fn rate_limit(&self) -> Option<u64> {
        None
    }
    /// Ends to take anything in. Batches go on.
    fn stop_receiving(&self) {}
    /// The context has stopped.
    fn stop(&self) {}
    /// No stream remembers batches before a time.
    fn cleanup(&self, before: Time) {
        let _ = before;
    }
    /// Fixes what the batch holds, before any job is made for it; whether no later one holds anything.
    fn allocate(&self, time: Time, shared: &Shared) -> Result<bool, StreamingError> {
        let _ = (time, shared);
        Ok(false)
    }
}

struct Custom<T, S> {
    source: Arc<S>,
    stream: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: Data, S: InputStream<T>> Input for Custom<T, S> {
    fn start(self: Arc<Self>, _: &Arc<Shared>) -> Result<(), StreamingError> {
        self.source.start();
        Ok(())
    }
    fn stop(&self) {
        self.source.stop();
    }
}

impl<T: Data, S: InputStream<T>> StreamNode<T> for Arc<Custom<T, S>> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        self.source.compute(&InputBatch { shared: stream.context(), stream: self.stream, time })
    }
    fn clear(&self, completed: Time, remember_ns: u64, _: &BTreeSet<Time>) {
        self.source.clear(completed, remember_ns);
    }
    fn save(&self, time: Time) -> Vec<u8> {
        self.source.save(time)
    }
    fn restore(&self, saved: &[u8]) -> Result<(), StreamingError> {
        self.source.restore(saved)
    }
}

impl StreamingContext {
    /// A stream of a direct source's records; see [`DirectSource`].
    pub fn direct_stream<T: Data>(
        &self,
        source: impl DirectSource<T>,
    ) -> Result<DStream<T>, StreamingError> {
        let stream = self.shared().next_input()?;
        let node = Arc::new(Direct {
            source: Arc::new(source),
            stream,
            parallelism: self.spark_context().default_parallelism(),
            cuts: Mutex::default(),
            of: PhantomData,
        });
        self.shared().open()?.inputs.push(Arc::clone(&node) as Arc<dyn Input>);
        self.input("DirectInputDStream", stream, Box::new(node))
    }

    /// A stream of an input of one's own; see [`InputStream`].
    pub fn input_stream<T: Data>(
        &self,
        source: impl InputStream<T>,
    ) -> Result<DStream<T>, StreamingError> {
        let stream = self.shared().next_input()?;
        let node = Arc::new(Custom { source: Arc::new(source), stream, of: PhantomData });
        self.shared().open()?.inputs.push(Arc::clone(&node) as Arc<dyn Input>);
        self.input("InputDStream", stream, Box::new(node))
    }

    /// A stream of the RDDs in a queue, one per batch; an empty RDD while the queue is empty. The
    /// queue may be added to while the context runs. Its records are not counted in
    /// [`BatchInfo::num_records`](super::BatchInfo::num_records), and it cannot be recovered from a
    /// checkpoint.
    pub fn queue_stream<T: Data>(
        &self,
        queue: Arc<Mutex<VecDeque<Rdd<T>>>>,
    ) -> Result<DStream<T>, StreamingError> {
        self.queue_stream_with(queue, true, None)
    }

    /// The same with Spark's choices: where not `one_at_a_time`, a batch holds all that is queued, in
    /// order; while the queue is empty, batches hold `default`.
    pub fn queue_stream_with<T: Data>(
        &self,
        queue: Arc<Mutex<VecDeque<Rdd<T>>>>,
        one_at_a_time: bool,
        default: Option<Rdd<T>>,
    ) -> Result<DStream<T>, StreamingError> {
        let empty = default.unwrap_or_else(|| self.spark_context().empty());
        let stream = self.shared().next_input()?;
        self.shared().open()?.inputs.push(Arc::new(Silent));
        let node = Queue { queue, one_at_a_time, empty };
        self.input("QueueInputDStream", stream, Box::new(node))
    }

    fn input<T: Data>(
        &self,
        operation: &'static str,
        stream: usize,
        node: Box<dyn StreamNode<T>>,
    ) -> Result<DStream<T>, StreamingError> {
        let kind = Kind { input: Some(stream), ..Kind::of(operation, self.batch_interval_ns()) };
        DStream::define(self.shared(), kind, &[], node)
    }
}

/// An input that never ends and has nothing to allocate.
struct Silent;

impl Input for Silent {}

/// Why a queue's stream cannot be recovered.
const QUEUED: &str = "queueStream doesn't support checkpointing. Please don't use queueStream when \
                      checkpointing is enabled.";

struct Queue<T> {
    queue: Arc<Mutex<VecDeque<Rdd<T>>>>,
    one_at_a_time: bool,
    empty: Rdd<T>,
}

impl<T: Data> StreamNode<T> for Queue<T> {
    fn compute(&self, _: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_empty() {
            return Ok(Some(self.empty.clone()));
        }
        if self.one_at_a_time {
            return Ok(queue.pop_front());
        }
        let all: Vec<_> = queue.drain(..).collect();
        Ok(Some(stream.context().sc.union(&all)))
    }
    fn save(&self, _: Time) -> Vec<u8> {
        log::warn!("{QUEUED}");
        Vec::new()
    }
    fn restore(&self, _: &[u8]) -> Result<(), StreamingError> {
        Err(StreamingError::Checkpoint(QUEUED.into()))
    }
}

/// How far a direct source has been given to batches. It is also what a checkpoint keeps.
#[derive(Default, Serialize, Deserialize)]
struct Cuts {
    /// The first offset that no batch holds yet.
    next: u64,
    /// The newest batch that was given some, in ns.
    last_ns: u64,
    /// What batches hold that may still be asked for, by their time in ns: a range, and how many pieces.
    batches: BTreeMap<u64, (Range<u64>, usize)>,
}

struct Direct<T, S> {
    source: Arc<S>,
    stream: usize,
    parallelism: usize,
    cuts: Mutex<Cuts>,
    of: PhantomData<fn() -> T>,
}

impl<T, S> Direct<T, S> {
    fn cuts(&self) -> MutexGuard<'_, Cuts> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forgotten(&self, time: Time) -> StreamingError {
        let message = format!(
            "its offsets in the batch at {time} are not remembered any more; call \
             StreamingContext.remember() before start to keep them for longer"
        );
        StreamingError::Input { stream: self.stream, message }
    }
}

impl<T: Data, S: DirectSource<T>> Input for Direct<T, S> {
    fn allocate(&self, time: Time, shared: &Shared) -> Result<bool, StreamingError> {
        let report = |range: &Range<u64>| {
            let records = range.end - range.start;
            shared.inputs.report(time, StreamInputInfo::new(self.stream, records))
        };
        let (known, from, last_ns) = {
            let cuts = self.cuts();
            (cuts.batches.get(&time.as_ns()).cloned(), cuts.next, cuts.last_ns)
        };
        if let Some((range, _)) = known {
            // A checkpoint has it: the batch is run again, with what it had.
            return report(&range).map(|()| false);
        }
        if time.as_ns() <= last_ns {
            return Err(self.forgotten(time));
        }
        let cut = self.source.cut(from, time);
        let range = from..cut.until.max(from);
        let pieces = cut.pieces.unwrap_or(self.parallelism).max(1);
        {
            // Both at once: a checkpoint must not have one without the other.
            let mut cuts = self.cuts();
            cuts.next = range.end;
            cuts.last_ns = time.as_ns();
            cuts.batches.insert(time.as_ns(), (range.clone(), pieces));
        }
        report(&range).map(|()| cut.ended)
    }
}

impl<T: Data, S: DirectSource<T>> StreamNode<T> for Arc<Direct<T, S>> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let (known, last_ns) = {
            let cuts = self.cuts();
            (cuts.batches.get(&time.as_ns()).cloned(), cuts.last_ns)
        };
        let (range, pieces) = match known {
            Some(known) => known,
            // Without a record of its own it would seem empty.
            None if time.as_ns() <= last_ns => return Err(self.forgotten(time)),
            None => (0..0, 1),
        };
        let node = Offsets::new(Arc::clone(&self.source), range, pieces);
        Ok(Some(Rdd::new(stream.context().sc.clone(), Arc::new(node))))
    }
    fn clear(&self, completed: Time, remember_ns: u64, pending: &BTreeSet<Time>) {
        let oldest = completed.as_ns().saturating_sub(remember_ns);
        let wanted = |time: u64| time > oldest || pending.contains(&Time::from_ns(time));
        self.cuts().batches.retain(|time, _| wanted(*time));
    }
    fn save(&self, _: Time) -> Vec<u8> {
        postcard::to_stdvec(&*self.cuts()).unwrap_or_else(|error| {
            log::error!("the offsets of stream {} are not in the checkpoint: {error}", self.stream);
            Vec::new()
        })
    }
    fn restore(&self, saved: &[u8]) -> Result<(), StreamingError> {
        *self.cuts() = postcard::from_bytes(saved).map_err(|error| {
            let message = format!("its offsets in the checkpoint cannot be read: {error}");
            StreamingError::Input { stream: self.stream, message }
        })?;
        Ok(())
    }
}
