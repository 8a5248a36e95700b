//! The sequential reference. It is boring on purpose: one thread, one record at a time, standard
//! maps, every rule written out. Whatever an engine does, its sink must end up with these rows.
//!
//! A [`running`](weir_dataflow::Flow::running) aggregate emits once, at the end of the input, and a
//! window when it can no longer change: the contract lets an engine choose when to emit, and the
//! oracle chooses the latest time there is.

mod flow;
mod operators;
mod pipe;

pub use flow::{Answer, Oracle, OracleStream};
