//! Topologies as streams to which operations are applied: Storm's Streams API.
//!
//! A [`StreamBuilder`] begins streams at spouts. A [`Stream`] has operations that give other streams;
//! one of [`Pair`]s, a [`PairStream`], also has those that go by key. Items are Rust types: any
//! [`Datum`], which travels as a [`Value`](crate::Value).
//!
//! ```
//! use weir_topology::streams::StreamBuilder;
//! use weir_topology::windowing::{Count, WindowConfig};
//! use weir_topology::{Config, FixedTupleSpout, LocalCluster, MockedSources, values};
//! # use std::sync::{Arc, Mutex};
//!
//! let sentences = FixedTupleSpout::new(["sentence"], [values!["to be or"], values!["not to be"]])?;
//! let builder = StreamBuilder::new();
//! let counts = builder
//!     .new_stream(move || sentences.clone(), |tuple| Ok(tuple.text("sentence")?.to_owned()), 1)
//!     .flat_map_to_pair(|sentence: String| {
//!         sentence.split(' ').map(|word| (word.to_owned(), ())).collect::<Vec<_>>()
//!     })
//!     .window(WindowConfig::tumbling(Count(6)))
//!     .count_by_key();
//! # let (seen, sees) = { let seen = Arc::new(Mutex::new(Vec::new())); (seen.clone(), seen) };
//! counts.for_each(move |pair| seen.lock().expect("one at a time").push((pair.0, pair.1)));
//!
//! let topology = builder.build()?;
//! assert_eq!(topology.component_ids().collect::<Vec<_>>(), ["bolt1", "bolt2", "spout1"]);
//! # let mut conf = Config::new();
//! # conf.put(Config::TOPOLOGY_ACKER_EXECUTORS, 0);
//! # LocalCluster::new().complete_topology(topology, conf, MockedSources::new()).expect("it ends");
//! # let seen = sees.lock().expect("it has ended");
//! # let seen: Vec<(&str, i64)> = seen.iter().map(|(word, count)| (word.as_str(), *count)).collect();
//! # assert_eq!(seen, [("be", 2), ("not", 1), ("or", 1), ("to", 2)]);
//! # Ok::<(), weir_topology::streams::StreamError>(())
//! ```
//!
//! # What becomes of operations
//!
//! Operations that follow each other are fused into one bolt. A new bolt begins where items must find
//! another task, and where windows are cut:
//!
//! - [`repartition`](Stream::repartition) spreads items by shuffle grouping;
//! - operations by key, and joins, bring the items of a key together by fields grouping on `key`, if
//!   they have several tasks and the stream is not partitioned so already;
//! - [`aggregate`](Stream::aggregate) and [`reduce`](Stream::reduce) bring all items to one task by
//!   global grouping; if windows have been cut before, in several tasks, each aggregates its part
//!   first, and only parts travel;
//! - [`window`](Stream::window) makes a bolt of windows of what follows.
//!
//! Between bolts items have the field `value`, or `key` and `value`, and, if a window further on goes
//! by it, the field of their time.
//!
//! # Windows
//!
//! What comes of a window stays together in bolts further on: after it a task sends a *punctuation*, on
//! the stream `<stream>__punctuation`, to all tasks behind it that cut no windows of their
//! own. These have the window complete when all tasks before them have ended theirs; what a task that is ahead sends meanwhile waits. So the
//! n-th windows of all tasks make one: a task that gets nothing has no windows, and holds up those
//! behind it. Where windows are merged in this way, spread items so that all tasks get some.
//!
//! Everything emitted of a window is anchored to all its tuples, which are acked when the window has
//! ended, or, where it was cut, when they have left their last one. Without windows, aggregates and
//! joins go on for ever: they tell with every item what is so far, and keep all that a join needs.
//!
//! # State
//!
//! [`update_state_by_key`](PairStream::update_state_by_key) makes the topology a stateful one, whose
//! state is checkpointed: see [`state`](crate::state). [`state_query`](Stream::state_query) asks for
//! it from another stream.
//!
//! # What differs from Storm
//!
//! - A join finds all pairs of a key. Storm's takes a key out of its table when it is first found, so
//!   that later rows with it are lost. An outer join without windows tells a row that finds nothing
//!   once; Storm's tells it again with every row of the other side.
//! - Punctuations are counted by the task that sends them, not only by their number: a task that is
//!   ahead by two windows does not end the window of the others.
//! - A bolt that cuts windows gets no punctuations: they are no members of its windows, and their
//!   streams hold no watermark back.
//! - Results come in the order of keys, not of their hashes.

mod aggregate;
mod bolt;
mod builder;
mod error;
mod fused;
mod graph;
mod item;
mod join;
mod pairs;
mod plan;
mod processor;
mod state;
mod stream;

pub use aggregate::{Aggregator, CountItems, Sum};
pub use builder::StreamBuilder;
pub use error::StreamError;
pub use item::{Datum, Item, Pair, Row};
pub use pairs::PairStream;
pub use state::StreamState;
pub use stream::{Predicate, Stream};
