//! Streams as sequences of batches.
//!
//! A [`DStream`] is one RDD per batch interval. Every interval the **job generator** asks the inputs
//! what the batch holds, asks every output for its job, and hands the batch to the **job scheduler**,
//! which runs the jobs on the [`SparkContext`](crate::SparkContext)'s pool.
//!
//! | thread | does |
//! |---|---|
//! | `microbatch-generator` | waits for the tick, cuts the batch, makes its jobs |
//! | `microbatch-scheduler-N` | runs the jobs of a batch, one after the other |
//! | `microbatch-worker-N` | runs tasks |
//!
//! A batch that waits for the scheduler is a range of offsets and a lineage, not data. The queue of
//! waiting batches is bounded all the same: when it is full the generator waits, and fires the ticks
//! that it missed back to back afterwards, with their nominal times.

mod batch;
mod context;
mod dstream;
mod error;
mod generator;
mod input;
mod lifecycle;
mod pair;
mod scheduler;
mod scope;
mod stateful;
mod time;
mod update_state;
mod window;

pub use batch::{BatchInfo, StreamingListener};
pub use context::{Pacing, StopOptions, StreamingContext, StreamingContextBuilder};
pub use dstream::DStream;
pub use error::StreamingError;
pub use input::{Cut, DirectSource};
pub use lifecycle::ContextState;
pub use scope::ActiveScope;
pub use stateful::{StateDStream, StatefulStage};
pub use time::Time;
pub use update_state::Values;
