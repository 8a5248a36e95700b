//! Streams of batches with exactly-once state, on the topology engine, in the manner of Storm's
//! Trident.

pub mod batch;
mod error;
pub mod coordinator;
pub mod operation;
mod output;
mod processor;
pub mod spout;
pub mod store;
pub mod state;
pub mod tuple;

pub use batch::{BatchId, BatchToPartition, TransactionAttempt};
pub use error::TridentError;
pub use tuple::TridentTuple;
