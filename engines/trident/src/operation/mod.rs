//! What users write that works on the tuples of batches.

mod aggregate;
mod builtin;
mod collector;
mod combine;
mod context;
mod convert;
mod extreme;
mod function;
mod multi;
mod prototype;

pub use aggregate::{Aggregator, CombinerAggregator, ReducerAggregator};
pub(crate) use aggregate::{AnyAggregator, AnyState};
pub use builtin::{
    Count, CountAsAggregator, Debug, Equals, FilterNull, FirstN, FirstNBy, Negate, Split, Sum,
};
pub(crate) use collector::Sink;
pub use collector::TridentCollector;
pub(crate) use combine::{Combining, Reducing, SingleEmit};
pub use context::TridentOperationContext;
pub(crate) use convert::Kind;
pub use convert::{Aggregation, PersistentAggregation};
pub(crate) use extreme::Extreme;
pub use function::{Filter, Function};
pub use multi::MultiReducer;
pub(crate) use prototype::Prototype;
