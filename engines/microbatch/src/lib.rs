//! A micro-batch engine in the manner of Spark Streaming.
//!
//! Two layers. The **native API** is what a Spark user knows: [`SparkContext`] and [`Rdd`] for
//! collections, [`StreamingContext`] and [`DStream`] for streams of batches. The **contract** is on top
//! of it: [`MicroBatch`] is an [`Engine`](weir_dataflow::Engine) whose flows are built from the native
//! API and nothing else, so that what is measured is what a native program runs.
//!
//! ```text
//! flow/        the contract's Engine and Flow
//! streaming/   StreamingContext, DStream, job generator, job scheduler, windows, state
//!              checkpoint/: what recovery needs, written down; stateful/: stages that remember
//! rdd/         Rdd: operators, shuffles, actions, partitioners, storage, checkpoints, files
//! job.rs       jobs, stages, tasks and their attempts
//! context.rs   SparkContext: the pool; conf.rs: SparkConf
//! accumulator.rs, broadcast.rs   what tasks and driver share; context/: what a thread says of its jobs
//! metrics.rs, metrics_source.rs  what has run, and gauges
//! receiver/    receivers, block generator, sockets, what stores blocks; tracker/: which batch gets them
//! checkpoint_files.rs   the files of a checkpoint directory
//! wal/         write-ahead logs; files/, lines.rs: which files a batch reads, and their lines
//! rate/        rate limits and back-pressure; time.rs, timer.rs: formulas of time, recurring ticks
//! state_map.rs a map of states that remembers what changed since its last copy
//! ```
//!
//! **Static per record, dynamic per boundary.** A record crosses a dynamic call where two native
//! operators meet. The contract's flows hand a whole chain of operators, with the key's extraction
//! and the table behind it, to one native operator: one dynamic call per *source record*, and none
//! per word. There is no lock, allocation, clock read or log call per record.
//!
//! **Failures are values.** A panic in user code, in a task or on the driver, is a [`JobError`] or a
//! [`StreamingError`] that names the batch, the stage and the partition.
//!
//! ```
//! use std::collections::VecDeque;
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//! use weir_microbatch::{SparkContext, StopOptions, StreamingContext};
//!
//! let sc = SparkContext::local(2)?;
//! let ssc = StreamingContext::new(&sc, Duration::from_millis(1))?;
//! let lines = sc.parallelize(vec!["to be or", "not to be"], 2)?;
//! let queue = Arc::new(Mutex::new(VecDeque::from([lines])));
//! let checkpoints = std::env::temp_dir().join(format!("weir-doc-{}", std::process::id()));
//! ssc.checkpoint(&checkpoints)?;
//! let counts = ssc
//!     .queue_stream(queue)?
//!     .flat_map(|line| line.split(' '))?
//!     .map(|word| (word.to_owned(), 1))?
//!     .update_state_by_key(|ones, count| Some(ones.sum::<i32>() + count.unwrap_or(0)), 2)?;
//! let (send, batches) = crossbeam_channel::bounded(1);
//! counts.foreach_rdd(move |rdd, _| {
//!     // Later batches find the channel closed.
//!     let _ = send.send(rdd.collect()?);
//!     Ok(())
//! })?;
//! ssc.start()?;
//! let mut first = batches.recv()?;
//! first.sort();
//! let expected = [("be", 2), ("not", 1), ("or", 1), ("to", 2)];
//! assert_eq!(first, expected.map(|(word, count)| (word.to_owned(), count)));
//! drop(batches);
//! ssc.stop(StopOptions::default())?;
//! std::fs::remove_dir_all(checkpoints)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accumulator;
mod broadcast;
pub mod checkpoint_files;
mod conf;
mod context;
pub mod files;
mod flow;
mod job;
pub mod lines;
mod metrics;
mod metrics_source;
pub mod rate;
mod rdd;
pub mod receiver;
pub mod settings;
pub mod state_map;
mod streaming;
pub mod time;
pub mod timer;
pub mod tracker;
pub mod wal;

pub use accumulator::{Accumulate, Accumulator, DoubleStats, LongStats};
pub use broadcast::{Broadcast, BroadcastError};
pub use conf::{
    ConfError, KNOWN_KEYS, KnownKey, SparkConf, UNSUPPORTED_KEYS, UnsupportedKey, ValueKind,
};
pub use context::{ContextError, JOB_DESCRIPTION, JOB_GROUP, SparkContext, SparkContextBuilder};
pub use flow::{MicroBatch, MicroBatchFlow};
pub use job::{JobError, TaskContext, TaskError};
pub use metrics::{Metrics, StageMetrics};
pub use metrics_source::MetricsSource;
pub use rdd::{
    Block, HashPartitioner, JavaHash, JavaHashPartitioner, Keyed, MapSide, Pairs, Partition,
    Partitioner, Partitions, RangePartitioner, Rdd, ReadRange, Shuffle, StorageLevel,
};
pub use streaming::{
    ActiveScope, BatchInfo, Checkpoint, ContextState, Cut, DStream, DirectSource, InputBatch,
    InputInfoTracker, InputStream, ListenerRegistry, MapWithStateDStream, OutputOperationInfo,
    Pacing, ProgressListener, ReceiverInfo, Recovery, Show, State, StateDStream, StateError,
    StateRecords, StateSpec, StatefulStage, StatsReportListener, StopOptions, StreamInfo,
    StreamInputInfo, StreamingContext, StreamingContextBuilder, StreamingError, StreamingListener,
    Time, Totals, Values,
};
