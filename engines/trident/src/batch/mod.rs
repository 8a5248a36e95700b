//! Batches: their ids, how their end is found by counting, and how they are begun and committed.

mod id;
mod partition;

pub use id::{BatchId, TransactionAttempt};
pub use partition::BatchToPartition;
