//! A record-at-a-time engine in the manner of Apache Storm.
//!
//! A **topology** is a graph of **components**: spouts, which bring tuples in, and bolts, which take
//! tuples and emit others. Each component runs as a number of **tasks**; each task is an executor, a
//! named thread, with one bounded queue in front of it. How a tuple finds its task is the
//! subscription's **grouping**. With acking on, every tuple a spout emits is the root of a tree that
//! the **acker** follows; a tree that fails or times out is handed back to its spout.
//!
//! | Storm | here |
//! |---|---|
//! | `TopologyBuilder.setSpout`, `setBolt` | [`TopologyBuilder::set_spout`], [`TopologyBuilder::set_bolt`] |
//! | `OutputFieldsDeclarer`, stream id | the type parameter of [`Stream`] |
//! | `shuffleGrouping`, `fieldsGrouping`, ... | the verbs of [`BoltDeclarer`] |
//! | `BaseBasicBolt` | [`Bolt`], whose emissions are anchored to its input |
//! | `LocalCluster.submitTopology` | [`LocalCluster::run`], [`Topology::run`] |
//! | `topology.max.spout.pending`, `topology.producer.batch.size`, ... | [`TopologyConfig`] |
//!
//! [`TopologyEngine`] puts the contract of `weir-dataflow` on top of these, and uses nothing else.
//!
//! ```
//! use weir_dataflow::{Stamp, hash_of};
//! use weir_topology::{
//!     Bolt, Collector, Input, LocalCluster, Next, Outcome, Spout, SpoutCollector, TopologyBuilder,
//!     TopologyConfig,
//! };
//!
//! struct Lines(u64);
//! impl Spout for Lines {
//!     type Out = &'static str;
//!     type Id = u64;
//!     fn next_tuple(&mut self, out: &mut SpoutCollector<&'static str, u64>) -> Next {
//!         if self.0 == 3 {
//!             return Next::Done;
//!         }
//!         let stamp = Stamp { index: self.0, ..Stamp::default() };
//!         out.emit_tracked(stamp, "to be or not to be", self.0);
//!         self.0 += 1;
//!         Next::More
//!     }
//! }
//!
//! struct Split;
//! impl Bolt for Split {
//!     type In = &'static str;
//!     type Out = &'static str;
//!     fn execute(&mut self, line: Input<'_, &'static str>, out: &mut Collector<&'static str>) -> Outcome {
//!         line.value.split(' ').for_each(|word| out.emit(word));
//!         Outcome::Ack
//!     }
//! }
//!
//! struct Count(std::collections::BTreeMap<&'static str, u64>);
//! impl Bolt for Count {
//!     type In = &'static str;
//!     type Out = ();
//!     fn execute(&mut self, word: Input<'_, &'static str>, _: &mut Collector<()>) -> Outcome {
//!         *self.0.entry(word.value).or_default() += 1;
//!         Outcome::Ack
//!     }
//! }
//!
//! let mut topology = TopologyBuilder::new(TopologyConfig::default());
//! let lines = topology.set_spout("lines", 1, |_| Lines(0));
//! let words = topology.set_bolt("split", 2, |_| Split).shuffle_grouping(&lines).stream();
//! let _ = topology
//!     .set_bolt("count", 2, |_| Count(Default::default()))
//!     .fields_grouping(&words, |word| hash_of(word));
//! let reports = LocalCluster.run(topology.build()?)?;
//! assert_eq!(reports[0].total().acked, 3);
//! assert_eq!(reports[2].total().executed, 18);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a queue carries
//!
//! One element is one tuple, a batch of tuples, or a mark. What tuples have in common because one
//! source record caused them (its index, times and tree) is kept once per *run* of tuples, not per
//! tuple; edge ids of the acking tree are derived from the run's base. Every element says how far its
//! sender has got: all that it will ever send for records below this *position* has been sent, and
//! its *watermark* is this. A task that reads from several takes the least. So progress and event
//! time are carried by the data; an explicit mark goes only to queues that have had none for a while.
//!
//! # Why it cannot lock up
//!
//! A topology has no cycle, because a bolt can only subscribe to a stream that is there already. The
//! one cycle of bounded queues is spout, bolts, acker, spout. Its last edge is the spout's inbox. **A
//! spout never waits for room without taking from its inbox at the same time**, and what it takes it
//! keeps in a list that is bounded by the trees it has open. Therefore an acker's send to an inbox
//! always ends; therefore ackers always take; therefore a bolt's send to an acker always ends, and
//! its sends to other bolts do by induction from the last bolts backwards; therefore spouts go on.
//! A task that fails drops its ends of its queues, which its neighbours see as closed; they end too.

mod acker;
mod bolt;
mod bolt_executor;
mod builder;
mod collector;
mod config;
mod error;
mod flow;
mod grouping;
mod inbox;
mod packet;
mod progress;
mod rotating;
mod route;
mod spout;
mod spout_executor;
mod task;
mod topology;
mod tracker;

pub use bolt::{Anchor, Bolt, Input, Outcome};
pub use builder::{BoltDeclarer, Stream, TopologyBuilder};
pub use collector::Collector;
pub use config::{Acking, TopologyConfig};
pub use error::TopologyError;
pub use flow::{TopologyEngine, TopologyFlow};
pub use spout::{FailReason, Next, Spout, SpoutCollector};
pub use task::TaskContext;
pub use topology::{LocalCluster, Report, TaskCounts, Topology};
