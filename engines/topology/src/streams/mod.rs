//! Topologies as streams to which operations are applied: Storm's Streams API.

mod aggregate;
mod bolt;
mod builder;
mod error;
mod fused;
mod graph;
mod item;
mod join;
mod pairs;
mod plan;
mod processor;
mod state;
mod stream;

pub use aggregate::{Aggregator, CountItems, Sum};
pub use builder::StreamBuilder;
pub use error::StreamError;
pub use item::{Datum, Item, Pair, Row};
pub use pairs::PairStream;
pub use state::StreamState;
pub use stream::{Predicate, Stream};
