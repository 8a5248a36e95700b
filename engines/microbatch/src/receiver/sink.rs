//! From a receiver to its blocks.

use super::{
    BlockGenerator, BlockGeneratorListener, BlockGenerators, BlockHandler, ReceivedBlock,
    ReceiverError, ReceiverSink,
};
use crate::settings::{SettingError, Settings};
use crate::tracker::{BlockId, ReceivedBlockInfo};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use weir_dataflow::Clock;

/// Who is told of stored blocks: the driver.
pub trait BlockReports: Send + Sync {
    /// A block is stored.
    ///
    /// # Errors
    ///
    /// Why the driver does not take it.
    fn add_block(&self, block: ReceivedBlockInfo) -> Result<(), String>;
    /// Something went wrong in the receiver of a stream.
    fn report_error(&self, stream_id: usize, message: &str, cause: &str);
}

/// Stores what comes in with a [`BlockHandler`] and reports it: single records in blocks of a
/// [`BlockGenerator`], whole blocks at once.
pub struct StoringSink<T> {
    blocks: Arc<Blocks<T>>,
    generator: BlockGenerator<T>,
    further: BlockGenerators,
}

struct Blocks<T> {
    stream_id: usize,
    handler: Arc<BlockHandler<T>>,
    reports: Arc<dyn BlockReports>,
    next_id: AtomicU64,
}

impl<T: Send + Sync + 'static> StoringSink<T> {
    /// A sink for the receiver of a stream.
    ///
    /// # Errors
    ///
    /// A setting of the block generator is out of range.
    pub fn new(
        stream_id: usize,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        handler: Arc<BlockHandler<T>>,
        reports: Arc<dyn BlockReports>,
    ) -> Result<Self, SettingError> {
        // Later than any name that an earlier run of this stream gave, and apart from those of the
        // generator, which are of the clock's milliseconds. In nanoseconds, as a sink before this one may
        // have named many blocks in a millisecond.
        let next_id = AtomicU64::new(clock.now_ns() + (1 << 62));
        let blocks = Arc::new(Blocks { stream_id, handler, reports, next_id });
        let listener: Arc<dyn BlockGeneratorListener<T, ()>> = Arc::clone(&blocks) as _;
        let further = BlockGenerators::new(stream_id, settings, Arc::clone(&clock));
        let generator = BlockGenerator::new(stream_id, settings, clock, listener)?;
        Ok(Self { blocks, generator, further })
    }
}

impl<T: Send + Sync> Blocks<T> {
    fn store(&self, id: BlockId, block: ReceivedBlock<T>) -> Result<(), ReceiverError> {
        let stored = self.handler.store(id, block);
        let info = stored.map_err(|error| ReceiverError::Store(error.to_string()))?;
        self.reports.add_block(info).map_err(ReceiverError::Rejected)
    }
}

impl<T: Send + Sync> BlockGeneratorListener<T, ()> for Blocks<T> {
    fn on_push_block(&self, block: BlockId, records: Vec<T>) -> Result<(), String> {
        self.store(block, ReceivedBlock::Records(records)).map_err(|error| error.to_string())
    }

    fn on_error(&self, message: &str, cause: &str) {
        self.reports.report_error(self.stream_id, message, cause);
    }
}

impl<T: Send + Sync + 'static> ReceiverSink<T> for StoringSink<T> {
    fn start(&self) -> Result<(), ReceiverError> {
        Ok(self.generator.start()?)
    }

    fn stop(&self) {
        self.further.stop();
        self.generator.stop();
    }

    fn push_single(&self, record: T) -> Result<(), ReceiverError> {
        Ok(self.generator.add_data(record)?)
    }

    fn push_block(&self, block: ReceivedBlock<T>) -> Result<(), ReceiverError> {
        let number = self.blocks.next_id.fetch_add(1, Ordering::Relaxed);
        self.blocks.store(BlockId::new(self.blocks.stream_id, number), block)
    }

    fn report_error(&self, message: &str, cause: &str) {
        self.blocks.reports.report_error(self.blocks.stream_id, message, cause);
    }

    fn update_rate(&self, records_per_s: i64) {
        self.generator.update_rate(records_per_s);
        self.further.update_rate(records_per_s);
    }

    fn rate_limit(&self) -> Option<u64> {
        Some(self.generator.current_limit())
    }

    fn generators(&self) -> Option<&BlockGenerators> {
        Some(&self.further)
    }
}

impl<T> std::fmt::Debug for StoringSink<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoringSink")
            .field("stream_id", &self.blocks.stream_id)
            .finish_non_exhaustive()
    }
}
