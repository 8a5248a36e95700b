//! Cuts a stream of records into blocks.

use crate::Time;
use crate::rate::RateLimiter;
use crate::settings::{SettingError, Settings};
use crate::time::{ms_to_ns, timer_start_time};
use crate::timer::RecurringTimer;
use crate::tracker::BlockId;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;
use weir_dataflow::Clock;

/// What a block generator tells. `M` is what a receiver gives along with data, to know later which
/// of it is in a block: an offset, for example.
pub trait BlockGeneratorListener<T, M>: Send + Sync {
    /// Data that came with metadata is in the current block. Called while no block can end.
    fn on_add_data(&self, _data: &[T], _metadata: M) {}
    /// The current block has ended. Called while no data can be added.
    fn on_generate_block(&self, _block: BlockId) {}
    /// A block is to be stored. This may take long.
    ///
    /// # Errors
    ///
    /// Why it could not be stored: it is told to [`on_error`](Self::on_error).
    fn on_push_block(&self, block: BlockId, records: Vec<T>) -> Result<(), String>;
    /// Something went wrong.
    fn on_error(&self, message: &str, cause: &str);
}

/// Why a block generator refused something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlockGeneratorError {
    /// It does not run.
    #[error(
        "Cannot add data as BlockGenerator has not been started or has been stopped; add data \
         between start and stop"
    )]
    NotActive,
    /// It has been started before.
    #[error("Cannot start BlockGenerator as its not in the Initialized state; make a new one")]
    AlreadyStarted,
    /// The system has no thread left.
    #[error("failed to start a thread of the block generator: {0}")]
    Spawn(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Initialized,
    Active,
    StoppedAddingData,
    StoppedGeneratingBlocks,
    StoppedAll,
}

struct Threads {
    timer: RecurringTimer,
    pusher: JoinHandle<()>,
}

struct Inner<T> {
    state: State,
    buffer: Vec<T>,
    /// Whether a block waits for a place in the queue.
    full: bool,
    threads: Option<Threads>,
}

/// Ends a block of the records that came in every `spark.streaming.blockInterval`, and pushes blocks,
/// in order, from a thread of its own. Nothing that was added is lost by stopping.
///
/// While `spark.streaming.blockQueueSize` blocks and one more wait to be pushed, who adds records waits,
/// too: what is held is what comes in in so many intervals, however slow pushing is. (Spark holds
/// whatever comes.)
pub struct BlockGenerator<T, M = ()> {
    shared: Arc<Shared<T, M>>,
    interval: Duration,
    queue_size: usize,
}

struct Shared<T, M> {
    stream_id: usize,
    clock: Arc<dyn Clock>,
    interval_ms: u64,
    limiter: RateLimiter,
    listener: Arc<dyn BlockGeneratorListener<T, M>>,
    inner: Mutex<Inner<T>>,
    /// Told when there is room in the queue again, and when it is stopped.
    changed: Condvar,
}

impl<T: Send + 'static, M: Send + 'static> BlockGenerator<T, M> {
    /// A generator for the blocks of a stream.
    ///
    /// # Errors
    ///
    /// A setting is out of range.
    pub fn new(
        stream_id: usize,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn BlockGeneratorListener<T, M>>,
    ) -> Result<Self, SettingError> {
        let interval_ms = settings.time_ms("spark.streaming.blockInterval", 200)?;
        if interval_ms == 0 {
            return Err(SettingError::requirement(
                "'spark.streaming.blockInterval' should be a positive value; 200ms is the default",
            ));
        }
        let queue_size = settings.number("spark.streaming.blockQueueSize", 10)?;
        let limiter = RateLimiter::new(settings, Arc::clone(&clock))?;
        let (state, buffer) = (State::Initialized, Vec::new());
        let inner = Mutex::new(Inner { state, buffer, full: false, threads: None });
        let changed = Condvar::new();
        let shared = Shared { stream_id, clock, interval_ms, limiter, listener, inner, changed };
        let interval = Duration::from_millis(interval_ms);
        Ok(Self { shared: Arc::new(shared), interval, queue_size })
    }

    /// Starts to take data.
    ///
    /// # Errors
    ///
    /// It has been started before, or there is no thread.
    pub fn start(&self) -> Result<(), BlockGeneratorError> {
        let shared = &self.shared;
        let mut inner = shared.inner();
        if inner.state != State::Initialized {
            return Err(BlockGeneratorError::AlreadyStarted);
        }
        let spawn = |error: std::io::Error| BlockGeneratorError::Spawn(error.to_string());
        let (push, blocks) = bounded(self.queue_size);
        let pushing = Arc::clone(shared);
        let pusher = std::thread::Builder::new()
            .name(format!("block-pusher-{}", shared.stream_id))
            .spawn(move || pushing.push(&blocks))
            .map_err(spawn)?;
        let now = Time::from_ns(shared.clock.now_ns());
        let first = timer_start_time(now, self.interval);
        let ending = Arc::clone(shared);
        let tick = move |time: Time| {
            if let Some(block) = ending.end_block(time) {
                ending.queue(block, &push);
            }
        };
        let name = format!("block-timer-{}", shared.stream_id);
        let clock = Arc::clone(&shared.clock);
        let timer =
            RecurringTimer::start(&name, clock, self.interval, first, tick).map_err(spawn)?;
        inner.threads = Some(Threads { timer, pusher });
        inner.state = State::Active;
        Ok(())
    }

    /// Stops: takes no more data, ends the last block at the next interval, pushes what is queued.
    /// Waits for all of it. Stopping what does not run changes nothing.
    pub fn stop(&self) {
        let threads = {
            let mut inner = self.shared.inner();
            if inner.state != State::Active {
                log::warn!("cannot stop BlockGenerator as it is {:?}", inner.state);
                return;
            }
            inner.state = State::StoppedAddingData;
            self.shared.changed.notify_all();
            inner.threads.take()
        };
        let Some(Threads { timer, pusher }) = threads else { return };
        timer.stop(false);
        self.shared.inner().state = State::StoppedGeneratingBlocks;
        // The timer's end has closed the queue. The pusher catches what listeners throw.
        let _ = pusher.join();
        self.shared.inner().state = State::StoppedAll;
    }

    /// Adds a record, once the rate allows.
    ///
    /// # Errors
    ///
    /// [`BlockGeneratorError::NotActive`].
    pub fn add_data(&self, record: T) -> Result<(), BlockGeneratorError> {
        self.shared.wait_to_push()?;
        let mut inner = self.shared.active()?;
        inner.buffer.push(record);
        Ok(())
    }

    /// Adds a record and, before its block can end, tells the listener with `metadata`.
    ///
    /// # Errors
    ///
    /// [`BlockGeneratorError::NotActive`].
    pub fn add_data_with_callback(
        &self,
        record: T,
        metadata: M,
    ) -> Result<(), BlockGeneratorError> {
        self.add_multiple_data_with_callback(std::iter::once(record), metadata)
    }

    /// Adds records to one block, all or none, and tells the listener of them with `metadata`.
    ///
    /// # Errors
    ///
    /// [`BlockGeneratorError::NotActive`].
    pub fn add_multiple_data_with_callback(
        &self,
        records: impl IntoIterator<Item = T>,
        metadata: M,
    ) -> Result<(), BlockGeneratorError> {
        let mut together = Vec::new();
        for record in records {
            self.shared.wait_to_push()?;
            together.push(record);
        }
        let mut inner = self.shared.active()?;
        let from = inner.buffer.len();
        inner.buffer.append(&mut together);
        self.shared.listener.on_add_data(&inner.buffer[from..], metadata);
        Ok(())
    }

    /// Changes how many records a second may be added.
    pub fn update_rate(&self, records_per_s: i64) {
        self.shared.limiter.update(records_per_s);
    }

    /// How many records a second may be added.
    #[must_use]
    pub fn current_limit(&self) -> u64 {
        self.shared.limiter.limit()
    }

    /// Whether it takes data.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.shared.inner().state == State::Active
    }

    /// Whether it has stopped, and everything is pushed.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.inner().state == State::StoppedAll
    }
}

impl<T, M> Shared<T, M> {
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The buffer, once there is room for what is in it already.
    fn active(&self) -> Result<MutexGuard<'_, Inner<T>>, BlockGeneratorError> {
        let waits = |inner: &mut Inner<T>| inner.state == State::Active && inner.full;
        let inner = self.changed.wait_while(self.inner(), waits);
        let inner = inner.unwrap_or_else(PoisonError::into_inner);
        if inner.state == State::Active { Ok(inner) } else { Err(BlockGeneratorError::NotActive) }
    }

    fn wait_to_push(&self) -> Result<(), BlockGeneratorError> {
        // Nobody waits for a rate only to be refused.
        drop(self.active()?);
        self.limiter.wait_to_push();
        Ok(())
    }

    fn end_block(&self, time: Time) -> Option<(BlockId, Vec<T>)> {
        let mut inner = self.inner();
        if inner.buffer.is_empty() {
            return None;
        }
        let records = std::mem::take(&mut inner.buffer);
        let begin_ms = (time.as_ns() / ms_to_ns(1)).saturating_sub(self.interval_ms);
        let block = BlockId::new(self.stream_id, begin_ms);
        let told = AssertUnwindSafe(|| self.listener.on_generate_block(block));
        let outcome = catch_unwind(told);
        drop(inner);
        if outcome.is_err() {
            self.listener.on_error("Error in block updating thread", "a listener panicked");
        }
        Some((block, records))
    }

    fn queue(&self, block: (BlockId, Vec<T>), push: &Sender<(BlockId, Vec<T>)>) {
        let Err(TrySendError::Full(block)) = push.try_send(block) else { return };
        self.inner().full = true;
        // The pusher lives longer than the timer.
        let _ = push.send(block);
        self.inner().full = false;
        self.changed.notify_all();
    }

    fn push(&self, blocks: &Receiver<(BlockId, Vec<T>)>) {
        for (block, records) in blocks {
            let pushed =
                catch_unwind(AssertUnwindSafe(|| self.listener.on_push_block(block, records)));
            let cause = match pushed {
                Ok(Ok(())) => continue,
                Ok(Err(cause)) => cause,
                Err(panic) => super::api::panic_text(&*panic),
            };
            self.listener.on_error("Error in block pushing thread", &cause);
        }
    }
}

impl<T, M> std::fmt::Debug for BlockGenerator<T, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.shared.inner();
        let mut out = f.debug_struct("BlockGenerator");
        out.field("stream_id", &self.shared.stream_id).field("state", &inner.state);
        out.field("buffered", &inner.buffer.len()).field("full", &inner.full);
        out.finish_non_exhaustive()
    }
}
