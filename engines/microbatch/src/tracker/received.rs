//! The queues of received blocks, and the batches that they were given to.

use super::{LogEvent, ReceivedBlockInfo};
use crate::time::ms_to_ns;
use crate::wal::{WalError, WriteAheadLog};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use weir_dataflow::Clock;

/// Blocks of a batch, by stream, in the order of arrival.
pub type BlocksByStream = BTreeMap<usize, Vec<ReceivedBlockInfo>>;

/// Why the tracker refused something.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// The stream is not known.
    #[error(
        "block of input stream {stream_id}, which the tracker does not know; it knows {known:?}"
    )]
    UnknownStream {
        /// The block's stream.
        stream_id: usize,
        /// The streams that there are.
        known: Vec<usize>,
    },
    /// The log did not take it.
    #[error("the received-block log did not take it, so it has not happened: {0}")]
    Log(#[from] WalError),
    /// An event could not be encoded or decoded.
    #[error(
        "an event of the received-block log is no event of this version: {0}; go on with the version \
         that wrote it, or remove the log to begin without it"
    )]
    Event(String),
    /// Batches of the future would be forgotten.
    #[error(
        "requirement failed: cannot clean up batches before {threshold_ms} ms, as it is only \
         {now_ms} ms; clean up with a time in the past"
    )]
    Future {
        /// What was asked for.
        threshold_ms: u64,
        /// The clock.
        now_ms: u64,
    },
}

/// Keeps what receivers report until a batch takes it, and what batches took until it is not needed.
/// With a log, every change is written down first; a change that cannot be written does not happen.
#[derive(Debug)]
pub struct ReceivedBlockTracker {
    clock: Arc<dyn Clock>,
    log: Option<Arc<dyn WriteAheadLog>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<usize, VecDeque<ReceivedBlockInfo>>,
    allocated: BTreeMap<u64, BlocksByStream>,
    last_allocated_ms: Option<u64>,
}

impl ReceivedBlockTracker {
    /// A tracker for these streams. With a log and `recover`, it begins with what the log says.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn new(
        stream_ids: impl IntoIterator<Item = usize>,
        clock: Arc<dyn Clock>,
        log: Option<Arc<dyn WriteAheadLog>>,
        recover: bool,
    ) -> Result<Self, TrackerError> {
        let queues = stream_ids.into_iter().map(|id| (id, VecDeque::new())).collect();
        let mut state = State { queues, ..State::default() };
        if let Some(log) = log.as_ref().filter(|_| recover) {
            for record in log.read_all()? {
                let event = LogEvent::from_bytes(&record?);
                state.replay(event.map_err(|error| TrackerError::Event(error.to_string()))?);
            }
        }
        Ok(Self { clock, log, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ns() / ms_to_ns(1)
    }

    fn write(&self, event: &LogEvent) -> Result<(), TrackerError> {
        let Some(log) = &self.log else { return Ok(()) };
        let bytes = event.to_bytes().map_err(|error| TrackerError::Event(error.to_string()))?;
        log.write(&bytes, self.now_ms())?;
        Ok(())
    }

    /// Whether changes are written down.
    #[must_use]
    pub fn is_write_ahead_log_enabled(&self) -> bool {
        self.log.is_some()
    }

    /// Takes a block in. It waits for the next batch.
    ///
    /// # Errors
    ///
    /// The stream is unknown or the log does not take it; the block is rejected.
    pub fn add_block(&self, block: ReceivedBlockInfo) -> Result<(), TrackerError> {
        let stream_id = block.block_id.stream_id;
        let known: Vec<usize> = self.state().queues.keys().copied().collect();
        if !known.contains(&stream_id) {
            return Err(TrackerError::UnknownStream { stream_id, known });
        }
        // Not under the lock: many receivers' blocks are written together.
        self.write(&LogEvent::BlockAddition(block.clone()))?;
        self.state().queues.entry(stream_id).or_default().push_back(block);
        Ok(())
    }

    /// Gives all waiting blocks of every stream to a batch. A batch that is not later than the last
    /// one keeps what it has.
    ///
    /// # Errors
    ///
    /// The log does not take it: the blocks keep waiting, and the batch gets none.
    pub fn allocate_blocks_to_batch(&self, batch_ms: u64) -> Result<(), TrackerError> {
        let mut state = self.state();
        if state.last_allocated_ms.is_some_and(|last| batch_ms <= last) {
            log::info!("batch {batch_ms} ms has its blocks already");
            return Ok(());
        }
        let blocks: BlocksByStream =
            state.queues.iter().map(|(id, queue)| (*id, queue.iter().cloned().collect())).collect();
        let event = LogEvent::BatchAllocation { batch_ms, blocks };
        self.write(&event)?;
        let LogEvent::BatchAllocation { blocks, .. } = event else { return Ok(()) };
        state.queues.values_mut().for_each(VecDeque::clear);
        state.allocated.insert(batch_ms, blocks);
        state.last_allocated_ms = Some(batch_ms);
        Ok(())
    }

    /// The blocks of a batch; empty for a batch that is not known.
    #[must_use]
    pub fn blocks_of_batch(&self, batch_ms: u64) -> BlocksByStream {
        self.state().allocated.get(&batch_ms).cloned().unwrap_or_default()
    }

    /// The blocks of one stream in a batch.
    #[must_use]
    pub fn blocks_of_batch_and_stream(
        &self,
        batch_ms: u64,
        stream_id: usize,
    ) -> Vec<ReceivedBlockInfo> {
        let state = self.state();
        let blocks = state.allocated.get(&batch_ms).and_then(|blocks| blocks.get(&stream_id));
        blocks.cloned().unwrap_or_default()
    }

    /// Whether blocks wait for a batch.
    #[must_use]
    pub fn has_unallocated_received_blocks(&self) -> bool {
        self.state().queues.values().any(|queue| !queue.is_empty())
    }

    /// The blocks of a stream that wait for a batch.
    #[must_use]
    pub fn unallocated_blocks(&self, stream_id: usize) -> Vec<ReceivedBlockInfo> {
        self.state().queues.get(&stream_id).into_iter().flatten().cloned().collect()
    }

    /// Forgets the batches before `threshold_ms`, and the log's files about them; waits for the files
    /// to be gone if `wait`.
    ///
    /// # Errors
    ///
    /// The threshold is not in the past, or the log does not take it.
    pub fn cleanup_old_batches(&self, threshold_ms: u64, wait: bool) -> Result<(), TrackerError> {
        let now_ms = self.now_ms();
        if threshold_ms >= now_ms {
            return Err(TrackerError::Future { threshold_ms, now_ms });
        }
        let mut state = self.state();
        let batches_ms: Vec<u64> =
            state.allocated.range(..threshold_ms).map(|(at, _)| *at).collect();
        self.write(&LogEvent::BatchCleanup { batches_ms })?;
        state.allocated = state.allocated.split_off(&threshold_ms);
        drop(state);
        if let Some(log) = &self.log {
            log.clean(threshold_ms, wait)?;
        }
        Ok(())
    }

    /// Ends the log.
    pub fn stop(&self) {
        if let Some(log) = &self.log {
            log.close();
        }
    }
}

impl State {
    fn replay(&mut self, event: LogEvent) {
        match event {
            LogEvent::BlockAddition(mut block) => {
                // What was in memory went with the process.
                block.is_block_id_valid = false;
                self.queues.entry(block.block_id.stream_id).or_default().push_back(block);
            }
            LogEvent::BatchAllocation { batch_ms, mut blocks } => {
                for (stream_id, taken) in &mut blocks {
                    let ids: BTreeSet<_> = taken.iter().map(|block| block.block_id).collect();
                    if let Some(queue) = self.queues.get_mut(stream_id) {
                        queue.retain(|block| !ids.contains(&block.block_id));
                    }
                    taken.iter_mut().for_each(|block| block.is_block_id_valid = false);
                }
                self.allocated.insert(batch_ms, blocks);
                self.last_allocated_ms = Some(batch_ms);
            }
            LogEvent::BatchCleanup { batches_ms } => {
                for batch_ms in batches_ms {
                    self.allocated.remove(&batch_ms);
                }
            }
        }
    }
}
