//! What a user says of streams.

mod aggregate;
mod chained;
mod grouped;
mod join;
mod map;
#[path = "stream.rs"]
mod one;
mod persist;
mod repartition;
mod state;
mod topology;
mod window;

pub use chained::ChainedAggregator;
pub use grouped::GroupedStream;
pub use one::Stream;
pub use state::TridentState;
pub use topology::TridentTopology;
