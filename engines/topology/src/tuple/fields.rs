//! The names of a tuple's values.

use super::{Value, Values};
use crate::TopologyError;
use std::fmt;
use std::sync::Arc;

/// The names of a stream's values, in order; all different.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fields(Arc<[Arc<str>]>);

impl Fields {
    /// Names them. Two equal names are an error.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, TopologyError> {
        let names: Vec<Arc<str>> = names.into_iter().map(|name| name.as_ref().into()).collect();
        for (k, name) in names.iter().enumerate() {
            if names[..k].contains(name) {
                return Err(TopologyError::DuplicateField { field: name.to_string() });
            }
        }
        Ok(Self(names.into()))
    }

    /// No fields.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::from([]))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter().map(|name| &**name)
    }

    /// The position of a field.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        // Tuples are short: looking through them is faster than hashing.
        self.0.iter().position(|field| &**field == name)
    }

    /// Whether there is a field of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.index_of(name).is_some()
    }

    /// The values of `of` that belong to these fields, where `all` names the values of the tuple.
    /// `None` if a field is not there.
    #[must_use]
    pub fn select(&self, all: &Self, of: &[Value]) -> Option<Values> {
        self.iter()
            .map(|name| of.get(all.index_of(name)?).cloned())
            .collect::<Option<Vec<_>>>()
            .map(Values::from)
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0.join(", "))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values;

    #[test]
    fn fields_find_their_values() {
        let all = Fields::new(["a", "b", "c"]).expect("different");
        assert_eq!(all.index_of("c"), Some(2));
        assert_eq!(all.index_of("d"), None);
        let some = Fields::new(["c", "a"]).expect("different");
        assert_eq!(some.select(&all, &values![1, 2, 3]), Some(values![3, 1]));
        assert_eq!(some.select(&all, &values![1, 2]), None, "a tuple shorter than its fields");
        assert_eq!(format!("{all}"), "[a, b, c]");
    }

    #[test]
    fn two_fields_of_one_name_are_an_error() {
        let error = Fields::new(["a", "b", "a"]).expect_err("equal");
        assert_eq!(error, TopologyError::DuplicateField { field: "a".into() });
    }
}
