//! Streams of what receivers take in.
//!
//! ```text
//! microbatch-receiver-N: supervisor after supervisor ──> blocks ──> tracker
//! generator: tick ──> all waiting blocks belong to the batch ──> BlockRDD, a partition per block
//! ```
//!
//! Receivers, their block intervals, rates and restart delays follow the real clock even where batches
//! follow another one: what comes from outside comes in real time (as in Spark). A clock of their own
//! can be set where it does not ([`receiver_clock`](super::StreamingContextBuilder::receiver_clock)).

use super::dstream::{Stream, StreamNode};
use super::input::Input;
use super::lifecycle::Shared;
use super::meta::Kind;
use super::receiver_info::Reports;
use super::receivers::Receivers;
use super::{
    BatchInfo, DStream, ReceiverInfo, StreamInputInfo, StreamingContext, StreamingError,
    StreamingListener, Time,
};
use crate::StorageLevel;
use crate::rate::{BatchRate, RateController, rate_estimator};
use crate::rdd::Rdd;
use crate::rdd::block_rdd::BlockRdd;
use crate::receiver::{
    BlockHandler, BlockReports, BlockStore, Codec, Receiver, ReceiverError, ReceiverHandle,
    ReceiverSupervisor, StoringSink,
};
use crate::settings::Settings;
use crate::tracker::ReceivedBlockInfo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Clock, Data};

/// How many bytes of received blocks a stream keeps in memory; further ones go to disk where the
/// storage level allows it.
const MEMORY_BYTES: u64 = 1 << 30;

impl StreamingContext {
    /// A stream of what a receiver stores, kept in memory and, where that is full, on disk. The
    /// receiver is started with the context. Whenever it fails or asks for it, it is started again
    /// after a delay; when it ends, it is started again at once, unless the context is stopping.
    ///
    /// # Errors
    ///
    /// The context has been started, or a setting of receivers cannot be used.
    pub fn receiver_stream<T>(
        &self,
        receiver: impl Receiver<T> + 'static,
    ) -> Result<DStream<T>, StreamingError>
    where
        T: Data + Serialize + DeserializeOwned,
    {
        self.receiver_stream_at(receiver, StorageLevel::MEMORY_AND_DISK_SER_2)
    }

    /// [`receiver_stream`](Self::receiver_stream) with a storage level for the blocks.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn receiver_stream_at<T>(
        &self,
        receiver: impl Receiver<T> + 'static,
        level: StorageLevel,
    ) -> Result<DStream<T>, StreamingError>
    where
        T: Data + Serialize + DeserializeOwned,
    {
        self.received("PluggableInputDStream", Box::new(receiver), level)
    }

    pub(super) fn received<T>(
        &self,
        operation: &'static str,
        receiver: Box<dyn Receiver<T>>,
        level: StorageLevel,
    ) -> Result<DStream<T>, StreamingError>
    where
        T: Data + Serialize + DeserializeOwned,
    {
        let interval_ns = self.batch_interval_ns();
        if !interval_ns.is_multiple_of(1_000_000) {
            // Blocks are given to batches by the millisecond.
            return Err(StreamingError::ReceiverInterval(Duration::from_nanos(interval_ns)));
        }
        let shared = self.shared();
        let settings = Settings::from(shared.sc.conf());
        let estimator = settings
            .flag("spark.streaming.backpressure.enabled", false)?
            .then(|| rate_estimator(&settings, Duration::from_nanos(interval_ns)))
            .transpose()?;
        let stream = shared.next_input()?;
        let store = Arc::new(BlockStore::new(Codec::serde(), MEMORY_BYTES));
        let node = Arc::new_cyclic(|own: &Weak<Received<T>>| {
            let publish = |own: Weak<Received<T>>| {
                move |rate| {
                    if let Some(input) = own.upgrade() {
                        input.update_rate(rate);
                    }
                }
            };
            let control = |with| RateController::new(stream, with, publish(own.clone()));
            Received {
                stream,
                info: Arc::new(Mutex::new(ReceiverInfo {
                    stream,
                    name: format!("{operation}-{stream}"),
                    ..ReceiverInfo::default()
                })),
                level: level.into(),
                settings,
                receiver: Arc::new(Mutex::new(receiver)),
                store,
                handler: OnceLock::new(),
                rate: estimator.map(control).map(Arc::new),
                run: Mutex::default(),
                batches: Mutex::default(),
            }
        });
        shared.open()?.inputs.push(Arc::clone(&node) as Arc<dyn Input>);
        let kind = Kind { input: Some(stream), ..Kind::of(operation, interval_ns) };
        DStream::define(shared, kind, &[], Box::new(node))
    }
}

/// A receiver that outlives its supervisors.
struct Lent<T>(Arc<Mutex<Box<dyn Receiver<T>>>>);

impl<T> Lent<T> {
    fn receiver(&self) -> MutexGuard<'_, Box<dyn Receiver<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Receiver<T> for Lent<T> {
    fn on_start(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        self.receiver().on_start(handle)
    }
    fn on_stop(&mut self) {
        self.receiver().on_stop();
    }
}

/// The input behind a stream of received blocks.
struct Received<T> {
    stream: usize,
    info: Arc<Mutex<ReceiverInfo>>,
    level: crate::receiver::StorageLevel,
    settings: Settings,
    receiver: Arc<Mutex<Box<dyn Receiver<T>>>>,
    store: Arc<BlockStore<T>>,
    /// Made at the start, when it is known whether there is a log.
    handler: OnceLock<Arc<BlockHandler<T>>>,
    rate: Option<Arc<RateController>>,
    run: Mutex<Run<T>>,
    /// The blocks of batches that may still be asked for.
    batches: Mutex<BTreeMap<Time, Vec<ReceivedBlockInfo>>>,
}

/// The supervisor that runs now, and the thread that sees to it that there is one.
struct Run<T> {
    stopping: bool,
    supervisor: Option<Arc<ReceiverSupervisor<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T> Default for Run<T> {
    fn default() -> Self {
        Self { stopping: false, supervisor: None, thread: None }
    }
}

/// Has the rate of a stream follow from how its batches went.
struct Pace(Arc<RateController>);

impl StreamingListener for Pace {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let ms = |ns: Option<u64>| ns.and_then(|ns| i64::try_from(ns / 1_000_000).ok());
        let input = batch.inputs.get(&self.0.stream_id());
        self.0.on_batch_completed(&BatchRate {
            processing_end_ms: ms(batch.ended_ns),
            records: input.and_then(|input| i64::try_from(input.records).ok()),
            processing_delay_ms: ms(batch.processing_delay_ns()),
            scheduling_delay_ms: ms(batch.scheduling_delay_ns()),
        });
    }
}

impl<T: Data> Received<T> {
    fn run(&self) -> MutexGuard<'_, Run<T>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batches(&self) -> MutexGuard<'_, BTreeMap<Time, Vec<ReceivedBlockInfo>>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_rate(&self, records_per_s: i64) {
        let supervisor = self.run().supervisor.clone();
        if let Some(supervisor) = supervisor {
            supervisor.update_rate(records_per_s);
        }
    }

    fn failed(&self, why: impl std::fmt::Display) -> StreamingError {
        StreamingError::Input { stream: self.stream, message: why.to_string() }
    }

    /// A supervisor that runs; nothing where the context is stopping.
    fn supervise(
        &self,
        reports: &Arc<Reports>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Arc<ReceiverSupervisor<T>>>, StreamingError> {
        let handler = self.handler.get().ok_or_else(|| self.failed("it was not started"))?;
        let driver = Arc::clone(reports) as Arc<dyn BlockReports>;
        let (clock, handler) = (Arc::clone(clock), Arc::clone(handler));
        let sink =
            StoringSink::new(self.stream, &self.settings, Arc::clone(&clock), handler, driver)?;
        let receiver = Box::new(Lent(Arc::clone(&self.receiver)));
        let made =
            ReceiverSupervisor::new(self.stream, receiver, Arc::new(sink), &self.settings, clock)?;
        let mut run = self.run();
        if run.stopping {
            return Ok(None);
        }
        let supervisor = Arc::new(made);
        if let Some(rate) = self.rate.as_ref().map(|rate| rate.latest_rate()) {
            supervisor.update_rate(rate);
        }
        supervisor.start().map_err(|error| self.failed(error))?;
        run.supervisor = Some(Arc::clone(&supervisor));
        drop(run);
        reports.started();
        Ok(Some(supervisor))
    }

    /// Keeps the receiver running until the context stops.
    fn keep_running(
        &self,
        first: Arc<ReceiverSupervisor<T>>,
        reports: &Arc<Reports>,
        clock: &Arc<dyn Clock>,
    ) {
        let mut supervisor = first;
        loop {
            supervisor.await_termination();
            reports.stopped();
            match self.supervise(reports, clock) {
                Ok(Some(next)) => supervisor = next,
                Ok(None) => return,
                Err(error) => return reports.shared.waiter.fail(error),
            }
        }
    }
}

impl<T: Data> Input for Received<T> {
    fn receiver(&self) -> Option<usize> {
        Some(self.stream)
    }

    fn receiver_info(&self) -> Option<ReceiverInfo> {
        Some(self.info.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn rate_limit(&self) -> Option<u64> {
        self.run().supervisor.as_ref()?.rate_limit()
    }

    fn start(self: Arc<Self>, shared: &Arc<Shared>) -> Result<(), StreamingError> {
        let receivers: &Receivers = &shared.receivers;
        let (tracker, clock) = (receivers.tracker()?, receivers.clock());
        let log = receivers.log_of(self.stream, &self.settings)?;
        let (store, to) = (Arc::clone(&self.store), Arc::clone(clock));
        let _ = self.handler.set(Arc::new(BlockHandler::new(store, self.level, log, to)));
        if let Some(rate) = &self.rate {
            shared.bus.add(Arc::new(Pace(Arc::clone(rate))));
        }
        let (shared, info) = (Arc::clone(shared), Arc::clone(&self.info));
        let reports = Arc::new(Reports { shared, tracker, info });
        let Some(first) = self.supervise(&reports, clock)? else { return Ok(()) };
        let (own, clock) = (Arc::clone(&self), Arc::clone(clock));
        let name = format!("microbatch-receiver-{}", self.stream);
        let body = move || own.keep_running(first, &reports, &clock);
        let thread = std::thread::Builder::new().name(name.clone()).spawn(body);
        let thread =
            thread.map_err(|error| StreamingError::Spawn { name, message: error.to_string() })?;
        self.run().thread = Some(thread);
        Ok(())
    }

    /// Everything that was received is stored and waits for a batch when this returns.
    fn stop_receiving(&self) {
        let (supervisor, thread) = {
            let mut run = self.run();
            run.stopping = true;
            (run.supervisor.take(), run.thread.take())
        };
        if let Some(supervisor) = supervisor {
            supervisor.stop("the streaming context stops");
        }
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // Supervisors catch what receivers throw.
            let _ = thread.join();
        }
    }

    fn allocate(&self, time: Time, shared: &Shared) -> Result<bool, StreamingError> {
        let tracker = shared.receivers.tracker()?;
        // The first of the receivers takes the waiting blocks of all of them.
        tracker.allocate_blocks_to_batch(time.as_ms()).map_err(|error| self.failed(error))?;
        let blocks = tracker.blocks_of_batch_and_stream(time.as_ms(), self.stream);
        let records = blocks.iter().filter_map(|block| block.num_records).sum();
        shared.inputs.report(time, StreamInputInfo::new(self.stream, records))?;
        self.batches().insert(time, blocks);
        Ok(false)
    }

    fn cleanup(&self, before: Time) {
        let mut batches = self.batches();
        let kept = batches.split_off(&before);
        let over = std::mem::replace(&mut *batches, kept);
        drop(batches);
        if self.settings.flag("spark.streaming.unpersist", true).unwrap_or(true) {
            over.values().flatten().for_each(|block| self.store.remove(block.block_id));
        }
        if let Some(handler) = self.handler.get()
            && let Err(error) = handler.cleanup_old_blocks(before.as_ms())
        {
            log::warn!("old blocks stay in the log of stream {}: {error}", self.stream);
        }
    }
}

impl<T: Data> StreamNode<T> for Arc<Received<T>> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let (sc, kept) = (&stream.context().sc, self.batches().get(&time).cloned());
        let blocks = match kept {
            Some(blocks) => blocks,
            // A batch of an earlier life of the program, which the tracker's log has kept.
            None => {
                let tracker = stream.context().receivers.tracker()?;
                tracker.blocks_of_batch_and_stream(time.as_ms(), self.stream)
            }
        };
        let Some(handler) = self.handler.get() else { return Ok(Some(sc.empty())) };
        Ok(Some(Rdd::new(sc.clone(), Arc::new(BlockRdd::of(Arc::clone(handler), blocks)))))
    }

    /// The rate, where the receiver has one.
    fn save(&self, _: Time) -> Vec<u8> {
        let rate = self.rate.as_ref().map(|rate| rate.latest_rate());
        rate.map(|rate| rate.to_be_bytes().to_vec()).unwrap_or_default()
    }

    fn restore(&self, saved: &[u8]) -> Result<(), StreamingError> {
        // Nothing was saved by a context without back-pressure.
        let (Some(rate), false) = (&self.rate, saved.is_empty()) else { return Ok(()) };
        let bytes = saved.try_into().map_err(|_| self.failed("what was saved is no rate"))?;
        rate.restore(i64::from_be_bytes(bytes));
        Ok(())
    }
}
