//! How the tuples of a stream are made of those before them.

use super::TridentTuple;
use crate::TridentError;
use std::sync::Arc;
use weir_topology::{ComponentError, ComponentResult, Fields, Value};

/// Makes the tuples of a stream: of nothing, or of the tuples of the stream before it. Storm's
/// `TridentTupleView` factories.
#[derive(Clone, Debug)]
pub struct TupleFactory {
    fields: Fields,
    /// Where the values come from within the parent, for a projection.
    places: Arc<[usize]>,
}

impl TupleFactory {
    /// Makes tuples of values alone.
    #[must_use]
    pub fn fresh(fields: Fields) -> Self {
        Self { fields, places: Arc::from([]) }
    }

    /// Makes tuples that are those of `parent` with more values behind them.
    pub fn append(parent: &Self, more: &Fields) -> Result<Self, TridentError> {
        Ok(Self::fresh(Fields::new(parent.fields.iter().chain(more.iter()))?))
    }

    /// Makes tuples that have only some of the values of `parent`, in another order perhaps.
    pub fn project(parent: &Self, kept: &Fields) -> Result<Self, TridentError> {
        Self::projection("project", &parent.fields, kept)
    }

    pub(crate) fn projection(
        operation: &'static str,
        of: &Fields,
        kept: &Fields,
    ) -> Result<Self, TridentError> {
        let place = |field| {
            of.index_of(field).ok_or_else(|| TridentError::unknown_field(operation, field, of))
        };
        let places = kept.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { fields: kept.clone(), places })
    }

    /// The same with other names for the values, as many as there are.
    pub(crate) fn renamed(self, fields: Fields) -> Self {
        Self { fields, places: self.places }
    }

    /// The names of the values of the tuples that it makes.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Checks that an emission has a value for each field but the first `before`, which are there already:
    /// with more or less of them, those of later operations would stand under other names.
    pub(crate) fn check(&self, before: usize, given: usize) -> ComponentResult {
        if self.fields.len() == before + given {
            return Ok(());
        }
        let fields: Vec<&str> = self.fields.iter().skip(before).collect();
        Err(ComponentError::fatal(format!(
            "{given} values were emitted for the {} fields [{}]: emit one for each",
            fields.len(),
            fields.join(", ")
        )))
    }

    /// A tuple of these values.
    #[must_use]
    pub fn of(&self, values: impl IntoIterator<Item = Value>) -> TridentTuple {
        TridentTuple::from_parts(self.fields.clone(), values.into_iter().collect(), 0)
    }

    /// A tuple of the parent's values and more.
    #[must_use]
    pub fn appended(
        &self,
        parent: &TridentTuple,
        more: impl IntoIterator<Item = Value>,
    ) -> TridentTuple {
        self.of(parent.values().iter().cloned().chain(more))
    }

    /// The parent with the values that a projection keeps.
    #[must_use]
    pub fn projected(&self, parent: &TridentTuple) -> TridentTuple {
        let values = parent.values();
        // A tuple that was made by hand may have fewer values than fields.
        self.of(self.places.iter().map(|place| values.get(*place).cloned().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_topology::{IntoFields, Values, values};

    fn fields<const N: usize>(names: [&str; N]) -> Fields {
        names.into_fields().expect("different names")
    }

    fn made(tuple: &TridentTuple) -> Values {
        tuple.to_values()
    }

    #[test]
    fn tuples_grow_and_are_projected() {
        let fresh = TupleFactory::fresh(fields(["a", "b", "c"]));
        let d = TupleFactory::append(&fresh, &fields(["d"])).expect("d is free");
        let ef = TupleFactory::append(&d, &fields(["e", "f"])).expect("both are free");
        let afb = TupleFactory::project(&ef, &fields(["a", "f", "b"])).expect("all are there");
        let c = TupleFactory::append(&afb, &fields(["c"])).expect("c was left out");
        let first = fresh.of([1, 2, 3].map(Value::from));
        let second = d.appended(&first, [4.into()]);
        let third = ef.appended(&second, [5.into(), 6.into()]);
        let fourth = afb.projected(&third);
        let fifth = c.appended(&fourth, [8.into()]);
        assert_eq!(made(&first), values![1, 2, 3]);
        assert_eq!(made(&second), values![1, 2, 3, 4]);
        assert_eq!(made(&third), values![1, 2, 3, 4, 5, 6]);
        assert_eq!(made(&fourth), values![1, 6, 2]);
        assert_eq!(made(&fifth), values![1, 6, 2, 8]);
        assert_eq!(["a", "f", "b", "c"].map(|name| fifth.int(name)), [1, 6, 2, 8].map(Ok));
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let fresh = TupleFactory::fresh(fields(["a", "b"]));
        let error = TupleFactory::append(&fresh, &fields(["b"])).expect_err("b is taken");
        assert!(error.to_string().contains("\"b\""), "{error}");
        let error = TupleFactory::project(&fresh, &fields(["z"])).expect_err("no z");
        assert!(error.to_string().contains("[a, b]"), "{error}");
        let tuple = fresh.of([1.into(), 2.into()]);
        assert_eq!(
            tuple.get("z").expect_err("no z").to_string().split(':').next(),
            Some("z does not exist")
        );
    }

    #[test]
    fn a_received_tuple_skips_its_batch() {
        let tuple = TridentTuple::from_parts(fields(["a", "b"]), values![9, 1, 2], 1);
        assert_eq!(tuple.to_values(), values![1, 2]);
        assert_eq!((tuple.int("a"), tuple.int(1)), (Ok(1), Ok(2)));
        assert_eq!(tuple.select(&fields(["b", "a"])), Ok(values![2, 1]));
    }
}
