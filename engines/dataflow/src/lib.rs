//! The contract that workloads, engines and the harness share.
//!
//! A **workload** is written once, against [`Engine`] and [`Flow`], and knows no engine. An
//! **engine** implements the two on top of its native API. The **harness** supplies the load, the
//! clock and the sink, and compares what arrived in the sink with the oracle's answer. None of the
//! three depends on another; all depend on this crate, and this crate on none of them.
//!
//! Read [`Flow`] for what a workload can say, [`RunContext`] for what an engine is given, and
//! [`Event`] for how time travels with the data.
//!
//! **Time.** All times are nanoseconds on one monotonic axis, counted from the start of the run
//! ([`RunContext::begin`]). A record has two: when it was scheduled to arrive (the origin of its
//! latency) and when it happened ([`Event::at`], which windows look at).
//!
//! **Order.** A flow keeps the order of records within a source partition if its source says that
//! order matters ([`Source::ordered`]): two records with one key that come from one partition reach
//! every keyed operator in source order. What a keyed operator emits for one key stays in order from
//! there on, whatever the source says: the later of two rows of a key is the later one in the sink.

mod aggregate;
mod clock;
mod error;
mod event;
mod flow;
mod join;
mod load;
mod meter;
mod pane_table;
mod plan;
mod run;
mod session_table;
mod sink;
mod source;
mod table;
pub mod testing;
mod transform;
mod window;
mod window_table;

pub use aggregate::{Aggregate, UpdateState};
pub use clock::{Alarm, Clock, ManualClock, Received, Signal, SystemClock, receive};
pub use error::RunError;
pub use event::{Data, Event, EventTime, Key, Stamp};
pub use flow::{Engine, Flow};
pub use join::{Either, Joined};
pub use load::{Claim, Load};
pub use meter::{Meter, Point, Recorder, Sample};
pub use pane_table::{PaneTable, Slot};
pub use plan::{Edge, Node, NodeKind, Plan};
pub use run::{BatchTiming, Cancel, ComponentInfo, RunContext, RunSummary};
pub use session_table::SessionTable;
pub use sink::{Sink, Writer};
pub use source::{Part, Source};
pub use table::{FastHasher, FastState, KeyedTable, hash_of, partition_of};
pub use transform::{Chain, Emit, Filter, FlatMap, Identity, Map, Transform};
pub use window::{Window, Windowed, Windows};
pub use window_table::WindowTable;
