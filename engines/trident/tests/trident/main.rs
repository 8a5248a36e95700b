//! Trident topologies, from their definition to what they did.

mod deaths;
mod drpc;
mod exactly_once;
mod flow;
mod joins;
mod kills;
mod mistakes;
mod numbers;
mod tasks;
mod windows;
