//! What happens to tuples within a bolt: operations that follow one another without a repartition.

mod aggregate;
mod chain;
mod each;
mod input;
mod multi;
mod query;
mod update;
mod window;

pub(crate) use aggregate::{AggregatePart, AggregateProcessor};
pub(crate) use chain::{Emit, Out, Processor, Receiver, Run, Setup, Slot, States};
pub(crate) use each::{EachProcessor, FilterProcessor, ForwardProcessor, MapProcessor, Mapping};
pub(crate) use input::{Appending, Input};
pub(crate) use multi::{AnyMultiReducer, MultiProcessor};
pub(crate) use query::QueryProcessor;
pub(crate) use update::PersistProcessor;
pub(crate) use window::WindowProcessor;
