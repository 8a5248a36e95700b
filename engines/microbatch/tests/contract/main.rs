//! The contract on this engine: what comes out, how a run fails, and what it leaves behind.

mod failures;
mod operators;
mod threads;
