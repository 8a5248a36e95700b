//! Streams of batches with exactly-once state, on the topology engine, in the manner of Storm's
//! Trident.

pub mod batch;
pub mod coordinator;
pub mod drpc;
mod error;
mod flow;
mod grouping;
pub mod operation;
mod output;
mod plan;
mod processor;
pub mod spout;
pub mod state;
pub mod store;
mod stream;
mod subtopology;
pub mod tuple;
pub mod window;

pub use batch::{BatchId, BatchToPartition, TransactionAttempt};
pub use drpc::{DrpcError, LocalDrpc};
pub use error::TridentError;
pub use flow::{TridentEngine, TridentFlow};
pub use plan::{JoinType, Resources};
pub use stream::{ChainedAggregator, GroupedStream, Stream, TridentState, TridentTopology};
pub use tuple::TridentTuple;
