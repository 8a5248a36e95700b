//! The contract of `weir-dataflow` on Trident: micro-batches on the topology engine.
//!
//! A batch is what has become due since the one before. Its records travel together, one tuple per task,
//! so that the batch and not the record is what the topology underneath counts, acks and commits.

mod batches;
mod chain;
mod chunk;
mod combine;
mod engine;
mod execute;
mod running;
mod source;
mod stage;
mod update_state;
mod windowed;

pub use chain::TridentFlow;
pub use engine::TridentEngine;
