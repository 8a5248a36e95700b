//! A tuple of a batch.

use std::any::Any;
use std::fmt;
use thiserror::Error;
use weir_topology::{Fields, Value, Values};

/// A value that a tuple does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// No field of that name.
    #[error("{field} does not exist: the fields of the tuple are {fields}")]
    NoField {
        /// The name.
        field: String,
        /// What it has.
        fields: Fields,
    },
    /// No value at that position.
    #[error("there is no value {index}: the tuple has {len}")]
    NoValue {
        /// The position, from 0.
        index: usize,
        /// How many values it has.
        len: usize,
    },
    /// A value of another kind.
    #[error("value {column} of the tuple is {kind}, not {wanted}")]
    OtherKind {
        /// The field or position.
        column: String,
        /// What was asked for.
        wanted: &'static str,
        /// What it is.
        kind: &'static str,
    },
}

/// How a value is found: by the name of its field, or by its position from 0.
pub trait Place: Copy + fmt::Display {
    /// The value.
    fn of(self, tuple: &TridentTuple) -> Result<&Value, ValueError>;
}

impl Place for usize {
    fn of(self, tuple: &TridentTuple) -> Result<&Value, ValueError> {
        let len = tuple.values().len();
        tuple.values().get(self).ok_or(ValueError::NoValue { index: self, len })
    }
}

impl Place for &str {
    fn of(self, tuple: &TridentTuple) -> Result<&Value, ValueError> {
        match tuple.fields.index_of(self) {
            Some(index) => index.of(tuple),
            None => {
                Err(ValueError::NoField { field: self.to_owned(), fields: tuple.fields.clone() })
            }
        }
    }
}

/// A tuple of a batch: values, found by position or by the name of a field. Clones share them.
/// Storm's `TridentTuple`.
#[derive(Clone)]
pub struct TridentTuple {
    pub(super) fields: Fields,
    values: Values,
    /// How many of `values` stand before the tuple's own: what is received carries its batch there.
    skip: usize,
}

impl TridentTuple {
    /// A tuple of these values, as many as fields.
    #[must_use]
    pub const fn new(fields: Fields, values: Values) -> Self {
        Self { fields, values, skip: 0 }
    }

    pub(crate) const fn from_parts(fields: Fields, values: Values, skip: usize) -> Self {
        Self { fields, values, skip }
    }

    /// The values, in the order of the fields.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        self.values.get(self.skip..).unwrap_or_default()
    }

    /// The values, as something to emit.
    #[must_use]
    pub fn to_values(&self) -> Values {
        if self.skip == 0 { self.values.clone() } else { self.values().iter().cloned().collect() }
    }

    /// The names of the values.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values().is_empty()
    }

    /// Whether there is a field of that name.
    #[must_use]
    pub fn contains(&self, field: &str) -> bool {
        self.fields.contains(field)
    }

    /// A value, by field or position.
    pub fn get<P: Place>(&self, place: P) -> Result<&Value, ValueError> {
        place.of(self)
    }

    fn get_as<'t, P: Place, T>(
        &'t self,
        place: P,
        wanted: &'static str,
        read: impl FnOnce(&'t Value) -> Option<T>,
    ) -> Result<T, ValueError> {
        let value = place.of(self)?;
        read(value).ok_or_else(|| {
            let (column, kind) = (place.to_string(), value.kind());
            ValueError::OtherKind { column, wanted, kind }
        })
    }

    /// A text.
    pub fn text<P: Place>(&self, place: P) -> Result<&str, ValueError> {
        self.get_as(place, "text", Value::as_text)
    }

    /// A whole number.
    pub fn int<P: Place>(&self, place: P) -> Result<i64, ValueError> {
        self.get_as(place, "int", Value::as_int)
    }

    /// A number, as a floating-point one.
    pub fn float<P: Place>(&self, place: P) -> Result<f64, ValueError> {
        self.get_as(place, "float", Value::as_float)
    }

    /// A truth value.
    pub fn bool<P: Place>(&self, place: P) -> Result<bool, ValueError> {
        self.get_as(place, "bool", Value::as_bool)
    }

    /// A value of a Rust type of its own.
    pub fn object<T: Any>(&self, place: impl Place) -> Result<&T, ValueError> {
        self.get_as(place, std::any::type_name::<T>(), Value::as_object)
    }

    /// The values of some of the fields, in their order.
    pub fn select(&self, fields: &Fields) -> Result<Values, ValueError> {
        let values = fields.iter().map(|field| self.get(field).cloned());
        values.collect::<Result<Vec<_>, _>>().map(Values::from)
    }
}

impl fmt::Display for TridentTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_values().fmt(f)
    }
}

impl fmt::Debug for TridentTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.fields, self.values())
    }
}
