//! Streams of batches with exactly-once state, on the topology engine, in the manner of Storm's
//! Trident.

pub mod batch;
mod error;
pub mod operation;
mod processor;
pub mod state;
pub mod tuple;

pub use batch::{BatchId, BatchToPartition, TransactionAttempt};
pub use error::TridentError;
pub use tuple::TridentTuple;
