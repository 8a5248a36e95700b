//! Trident topologies, from their definition to what they did.

mod drpc;
