//! Tuples whose values are found by position or by the name of a field.

mod fields;
mod java;
mod object;
#[path = "tuple.rs"]
mod one;
mod value;
mod values;

pub use fields::Fields;
pub(crate) use java::{bytes_hash, deep_hash, hash as java_hash};
pub use object::Object;
pub use one::{Column, Tuple, TupleError};
pub(crate) use one::{Ids, Source};
pub use value::Value;
pub use values::Values;
