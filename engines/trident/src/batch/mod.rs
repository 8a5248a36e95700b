//! Batches: their ids, how their end is found by counting, and how they are begun and committed.

mod bolt;
mod executor;
mod id;
mod partition;

pub use bolt::{BatchBolt, BatchCollector, BatchInfo};
pub use executor::{
    BatchWiring, COORD_STREAM_PREFIX, CoordSpec, CoordType, TridentBoltExecutor, coord_stream,
};
pub use id::{BatchId, TransactionAttempt};
pub use partition::BatchToPartition;
