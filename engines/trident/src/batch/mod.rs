//! Batches: their ids, how their end is found by counting, and how they are begun and committed.

mod bolt;
mod executor;
mod id;
mod master;
mod partition;
mod throttle;

pub use bolt::{BatchBolt, BatchCollector, BatchInfo};
pub use executor::{
    BatchWiring, COORD_STREAM_PREFIX, CoordSpec, CoordType, TridentBoltExecutor, coord_stream,
};
pub use id::{BatchId, TransactionAttempt};
pub use master::{Order, Transactions};
pub use partition::BatchToPartition;
pub use throttle::Throttle;
