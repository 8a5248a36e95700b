//! Trident topologies, from their definition to what they did.

mod drpc;
mod exactly_once;
mod numbers;
mod windows;
