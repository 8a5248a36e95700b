//! Streams of batches with exactly-once state, on the topology engine, in the manner of Storm's
//! Trident.
//!
//! A **batch** is what a spout emits for one **transaction**. Batches go through the topology
//! pipelined and commit in order. A batch that fails, or does not end in time, is emitted again as
//! another **attempt** of the same transaction; a **state** that remembers which transaction it has
//! seen applies each once.
//!
//! ```
//! use weir_topology::{Config, Fields, LocalCluster, values};
//! use weir_trident::TridentTopology;
//! use weir_trident::operation::{Count, Split};
//! use weir_trident::spout::{Batched, FixedBatchSpout};
//! use weir_trident::state::MemoryMapState;
//!
//! let lines = [values!["to be or not to be"], values!["that is the question"]];
//! let spout = FixedBatchSpout::new(["sentence"], 1, lines)?;
//! let topology = TridentTopology::new();
//! let counts = topology
//!     .new_stream("sentences", Batched(spout))
//!     .each(["sentence"], Split, ["word"])
//!     .group_by(["word"])
//!     .persistent_aggregate(MemoryMapState::factory(), Fields::none(), Count, ["count"])
//!     .parallelism_hint(2);
//! # let _ = counts;
//!
//! let conf = Config::new().set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 1);
//! let cluster = LocalCluster::new();
//! let running = cluster.submit_topology("word-count", conf, topology.build()?)?;
//! running.join()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Storm | here |
//! |---|---|
//! | `TridentTopology`, `newStream`, `newDRPCStream` | [`TridentTopology`]; [`LocalDrpc`] |
//! | `Stream`, `GroupedStream` | [`Stream`], [`GroupedStream`]; fields are checked by [`TridentTopology::build`] |
//! | `Function`, `Filter`, the aggregators | [`operation`]; closures, where one function is all there is |
//! | `ITridentSpout`, partitioned and opaque spouts, `IBatchSpout` | [`spout`] |
//! | `State`, `MapState`, `OpaqueMap`, `TransactionalMap`, ... | [`state`] |
//! | ZooKeeper, where transactions are noted | a [`store`] in memory or in files |
//! | windows over batches | [`window`] |
//!
//! # What is exactly once
//!
//! | spout | transactional state | opaque state | plain state |
//! |---|---|---|---|
//! | transactional: an attempt is the batch again | yes | yes | no |
//! | opaque: an attempt may be another batch | no | yes | no |
//! | neither | no | no | no |
//!
//! Windows in several tasks behind a [`shuffle`](Stream::shuffle) are those of an opaque spout, whatever is
//! before it: a batch that comes again is split otherwise. A [`partition_by`](Stream::partition_by) before
//! the window keeps them what they were.
//!
//! All of it rests on ackers: a topology whose `topology.acker.executors` is 0 ends with an error.
//!
//! # How it becomes a topology
//!
//! Operations between two repartitionings run in one bolt. A master coordinator, a spout, begins
//! transactions, says when they commit and when they have succeeded; it has every batch's tree acked
//! to know. Each task tells each task after it how many tuples of a batch it has sent: a task is done
//! with a batch when all reports are in and the numbers agree ([`batch`], [`coordinator`]).
//!
//! [`TridentEngine`] puts the contract of `weir-dataflow` on top of this, with the records of a batch
//! and a task in one tuple.

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
