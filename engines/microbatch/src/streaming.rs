//! Streams as sequences of batches.
//!
//! A [`DStream`] is one RDD per batch interval. Every interval the **job generator** asks the inputs
//! what the batch holds, asks every output for its job, and hands the batch to the **job scheduler**,
//! which runs the jobs on the [`SparkContext`](crate::SparkContext)'s pool.
//!
//! | thread | does |
//! |---|---|
//! | `microbatch-generator` | waits for the tick, cuts the batch, makes its jobs |
//! | `microbatch-scheduler-N` | runs jobs, in the order of batches and outputs |
//! | `microbatch-checkpoint` | writes checkpoints, if there is a directory for them |
//! | `microbatch-listener` | tells listeners |
//! | `microbatch-worker-N` | runs tasks |
//!
//! A batch that waits for the scheduler is a range of offsets and a lineage, not data. The queue of
//! waiting batches is bounded all the same: when it is full the generator waits, and fires the ticks
//! that it missed back to back afterwards, with their nominal times.

mod batch;
mod checkpoint;
mod clock;
mod context;
mod dstream;
mod error;
mod extra_listeners;
mod file_input;
mod generator;
mod input;
mod lifecycle;
mod listener;
mod map_with_state;
mod meta;
mod monitor;
mod output;
mod pair;
mod progress;
mod receiver_info;
mod receiver_input;
mod receivers;
mod reduced_window;
mod scheduler;
mod scope;
mod show;
mod sockets;
mod state;
mod state_files;
mod stateful;
mod stateless;
mod stats;
mod time;
mod transform;
mod update_state;
mod window;

pub use batch::{BatchInfo, OutputOperationInfo, StreamInputInfo};
pub use checkpoint::{Checkpoint, Recovery};
pub use context::{Pacing, StopOptions, StreamingContext, StreamingContextBuilder};
pub use dstream::DStream;
pub use error::StreamingError;
pub use extra_listeners::ListenerRegistry;
pub use input::{Cut, DirectSource, InputBatch, InputStream};
pub use lifecycle::ContextState;
pub use listener::{InputInfoTracker, StreamingListener};
pub use map_with_state::{MapWithStateDStream, StateRecords};
pub use meta::StreamInfo;
pub use progress::{ProgressListener, Totals};
pub use receiver_info::ReceiverInfo;
pub use scope::ActiveScope;
pub use show::Show;
pub use state::{State, StateError, StateSpec};
pub use stateful::{StateDStream, StatefulStage};
pub use stats::StatsReportListener;
pub use time::Time;
pub use update_state::Values;
