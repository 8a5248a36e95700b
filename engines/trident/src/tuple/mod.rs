//! Trident's tuples: views of values by field.

mod factory;
mod view;

pub use factory::TupleFactory;
pub use view::{TridentTuple, ValueError};
