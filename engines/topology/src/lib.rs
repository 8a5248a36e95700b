//! A record-at-a-time engine in the manner of Apache Storm.
//!
//! A **topology** is a graph of **components**: spouts, which bring tuples in, and bolts, which take
//! tuples and emit others. Each component runs as a number of **tasks** on a number of **executors**,
//! which are named threads with one bounded queue in front of each. How a tuple finds its task is the
//! subscription's **grouping**. With acking on, every tuple that a spout emits with a message id is the
//! root of a tree that the **acker** follows; a tree that fails or times out goes back to its spout.
//!
//! ```
//! use weir_topology::{
//!     BasicBolt, BasicOutputCollector, ComponentResult, Config, FixedTupleSpout, LocalCluster,
//!     MockedSources, OutputFieldsDeclarer, TopologyBuilder, Tuple, values,
//! };
//!
//! struct SplitSentence;
//! impl BasicBolt for SplitSentence {
//!     fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
//!         for word in tuple.text("sentence")?.split(' ') {
//!             out.emit(values![word])?;
//!         }
//!         Ok(())
//!     }
//!     fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
//!         declarer.declare(["word"]);
//!     }
//! }
//!
//! #[derive(Default)]
//! struct WordCount(std::collections::BTreeMap<String, i64>);
//! impl BasicBolt for WordCount {
//!     fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
//!         let word = tuple.text("word")?;
//!         let count = self.0.entry(word.to_owned()).or_default();
//!         *count += 1;
//!         out.emit(values![word, *count])?;
//!         Ok(())
//!     }
//!     fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
//!         declarer.declare(["word", "count"]);
//!     }
//! }
//!
//! let sentences = FixedTupleSpout::new(["sentence"], [values!["to be or not to be"]])?;
//! let mut builder = TopologyBuilder::new();
//! builder.set_spout("sentences", move || sentences.clone(), 1);
//! builder.set_basic_bolt("split", || SplitSentence, 2).shuffle_grouping("sentences");
//! builder.set_basic_bolt("count", WordCount::default, 2).fields_grouping("split", ["word"]);
//!
//! let topology = builder.create_topology()?;
//! let done = LocalCluster::new()
//!     .complete_topology(topology, Config::new(), MockedSources::new())
//!     .expect("it completes");
//! assert_eq!(done.read_tuples("count").len(), 6);
//! assert!(done.read_tuples("count").contains(&values!["be", 2]));
//! # Ok::<(), weir_topology::TopologyError>(())
//! ```
//!
//! | Storm | here |
//! |---|---|
//! | `TopologyBuilder`, `setSpout`, `setBolt` | [`TopologyBuilder`]; components are made by functions |
//! | `IRichSpout`, `IRichBolt`, `IBasicBolt` | [`RichSpout`], [`RichBolt`], [`BasicBolt`] |
//! | `Fields`, `Values`, `Tuple` | [`Fields`], [`values!`], [`Tuple`]; values are a [`Value`] |
//! | `OutputCollector.emit(anchors, values)`, `ack`, `fail` | [`OutputCollector`], handed to each call |
//! | `shuffleGrouping`, `fieldsGrouping`, ... | the verbs of [`BoltDeclarer`]; [`grouping`] |
//! | `setBolt` of an `IStatefulBolt`, an `IWindowedBolt` | `set_stateful_bolt`, `set_windowed_bolt`: see [`state`], [`windowing`] |
//! | `StreamBuilder`, `Stream`, `PairStream` | [`streams`] |
//! | `Config` | [`Config`], with Storm's keys and defaults |
//! | `LocalCluster`, `Testing.completeTopology` | [`LocalCluster`]; simulated time included |
//! | an exception of a component | an error, or a panic: see [`ComponentError`] |
//!
//! Where the tuples of a topology have types that the program knows, [`typed`] leaves out names and
//! boxes; it is the hot path. [`TopologyEngine`] puts the contract of `weir-dataflow` on top of that.
//! Everything runs on the same executors, queues and ackers.
//!
//! # What differs from Storm
//!
//! - Queues between executors are bounded and senders wait, where Storm keeps what does not fit in a
//!   list without bound. Therefore components must not feed each other in a circle.
//! - Ticks and timers come from the executor itself, not through its queue behind the data.
//! - An executor that dies ends the topology with an error that says why, or starts again by itself
//!   (`weir.topology.executor.restarts`), where in Storm the whole worker does. The tuple at hand fails
//!   at once rather than when its tree times out.
//! - A waiting bolt blocks on its queue, so that it costs nothing; Storm's strategies can be had by
//!   configuration. A spout that has emitted nothing for a second looks every 10 ms only, unless its
//!   strategy is `park` or `busy`, or a [`Waker`] wakes it.

mod cluster;
mod component;
mod config;
mod error;
mod executor;
mod flow;
pub mod flow_control;
pub mod grouping;
mod ids;
pub mod metrics;
mod nanos;
mod report;
mod runtime;
pub mod state;
pub mod streams;
pub mod testing;
mod topology;
mod tuple;
pub mod typed;
pub mod windowing;

pub use cluster::{
    Completed, FeederSpout, FeederStatus, FixedTupleSpout, KillOptions, LocalCluster,
    MockedSources, RunningTopology, SubmitOptions, TopologyStatus, TopologySummary,
};
pub use component::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, EmitError, EmitInfo,
    IntoFields, OutputCollector, OutputFieldsDeclarer, RegisteredWaker, RichBolt, RichSpout,
    SpoutOutputCollector, TaskHook, TopologyContext, TreeInfo, TupleInfo, Waker, Wakers,
};
pub use config::{Acking, Config, TopologyConfig};
pub use error::TopologyError;
pub use flow::{TopologyEngine, TopologyFlow};
pub use ids::{DEFAULT_STREAM, SYSTEM_COMPONENT, SYSTEM_STREAM, TICK_STREAM, TaskId};
pub use report::{ErrorThrottle, ReportedError};
pub use runtime::rotating::RotatingMap;
pub use topology::{
    Assignment, BoltDeclarer, ComponentTasks, SpoutDeclarer, StormTopology, StreamId,
    TopologyBuilder,
};
pub use tuple::{Column, Fields, Object, Tuple, TupleError, Value, Values};
