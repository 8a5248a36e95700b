//! Settings: Storm's, by key, and the ones of a typed topology.

mod keys;
mod typed;

pub use keys::Config;
pub use typed::{Acking, TopologyConfig};
