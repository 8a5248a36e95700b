//! stub
mod context;
mod flow;
mod job;
mod metrics;
mod rdd;
mod streaming;
pub use context::{ContextError, SparkContext, SparkContextBuilder};
pub use flow::{MicroBatch, MicroBatchFlow};
pub use job::{JobError, TaskContext, TaskError};
pub use metrics::{Metrics, StageMetrics};
pub use rdd::{Block, Keyed, MapSide, Pairs, Partition, Rdd, ReadRange, Shuffle};
pub use streaming::*;
