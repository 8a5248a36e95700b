//! Something with a count.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use weir_topology::{Tuple, TupleError, Value};

/// An object and how often it was counted, with whatever fields came along. Two are equal if objects
/// and counts are.
#[derive(Clone, Debug)]
pub(crate) struct Rankable {
    pub(crate) object: Value,
    pub(crate) count: i64,
    pub(crate) fields: Vec<Value>,
}

impl Rankable {
    /// Without more fields.
    pub(crate) fn new(object: impl Into<Value>, count: i64) -> Self {
        Self { object: object.into(), count, fields: Vec::new() }
    }

    /// Object and count are the first two values of a tuple.
    pub(crate) fn of(tuple: &Tuple) -> Result<Self, TupleError> {
        let (object, count) = (tuple.get(0)?.clone(), tuple.int(1)?);
        Ok(Self { object, count, fields: tuple.values().iter().skip(2).cloned().collect() })
    }

    /// By count.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.count.cmp(&other.count)
    }
}

impl PartialEq for Rankable {
    fn eq(&self, other: &Self) -> bool {
        (&self.object, self.count) == (&other.object, other.count)
    }
}

impl Eq for Rankable {}

impl Hash for Rankable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.object, self.count).hash(state);
    }
}
