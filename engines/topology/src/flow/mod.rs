//! The contract of `weir-dataflow`, on the native API.
//!
//! Storm fuses nothing, and neither does this: every operator of a flow is a bolt with a queue of its
//! own. Two things happen in the emitting task, because a bolt of Storm would do them there as well:
//! a keyed operator's input is taken apart and hashed where it is emitted, for the fields grouping;
//! and the last bolt writes its rows to the sink.

mod bolts;
mod engine;
mod planner;
mod source;

pub use engine::{TopologyEngine, TopologyFlow};
