//! Topologies whose streams have types of their own: the hot path.
//!
//! A component emits values of one Rust type and a subscription is checked by the compiler; a tuple is
//! that value and nothing else, so that what runs between two bolts is a move and a queue. What it has
//! in common with the form of [the crate's root](crate) is all that runs underneath.
//!
//! | Storm | here |
//! |---|---|
//! | `TopologyBuilder.setSpout`, `setBolt` | [`TopologyBuilder::set_spout`], [`TopologyBuilder::set_bolt`] |
//! | `OutputFieldsDeclarer`, stream id | the type parameter of [`Stream`] |
//! | `shuffleGrouping`, `fieldsGrouping`, ... | the verbs of [`BoltDeclarer`] |
//! | `BaseBasicBolt` | [`Bolt`], whose emissions are anchored to its input |
//! | `topology.max.spout.pending`, `topology.producer.batch.size`, ... | [`TopologyConfig`](crate::TopologyConfig) |
//!
//! ```
//! use weir_dataflow::{Stamp, hash_of};
//! use weir_topology::TopologyConfig;
//! use weir_topology::typed::{
//!     Bolt, Collector, Input, Next, Outcome, Spout, SpoutCollector, TopologyBuilder,
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
//! let reports = topology.build()?.run_to_end()?;
//! assert_eq!(reports[0].total().acked, 3);
//! assert_eq!(reports[2].total().executed, 18);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bolt;
mod builder;
mod collector;
pub(crate) mod grouping;
mod spout;

pub use crate::runtime::task::TaskContext;
pub use crate::runtime::topology::{Report, TaskCounts, Topology};
pub use bolt::{Anchor, Bolt, Input, Outcome};
pub use builder::{BoltDeclarer, Stream, TopologyBuilder};
pub(crate) use builder::{Inlet, MOST_TASKS};
pub use collector::Collector;
pub use spout::{FailReason, Next, Spout, SpoutCollector};
