//! One value of a tuple.

use super::Object;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One value of a tuple. Clones share what is long.
///
/// Values have a total order and are equal as in Java: floating-point numbers by their bits, so that
/// `0.0` is not `-0.0`, and there is one `NaN`, the greatest number, which equals itself.
///
/// It can be serialised, unless it is or holds an [`Object`], which is an error.
#[derive(Clone, Default, Serialize, Deserialize)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Bytes, compared and hashed by content.
    Bytes(Arc<[u8]>),
    /// Several values.
    List(Arc<[Value]>),
    /// A value of a Rust type of its own.
    Object(Object),
}

impl Value {
    /// A value of any Rust type; see [`Object`].
    #[must_use]
    pub fn object<T: Any + Send + Sync>(value: T) -> Self {
        Self::Object(Object::new(value))
    }

    /// What kind of value it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The number as a floating-point one, if it is a number.
    #[must_use]
    pub const fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    /// The bytes, if it is some.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// The values of a list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(value) = self { Some(value) } else { None }
    }

    /// The value of a Rust type, if it is one of this type.
    #[must_use]
    pub fn as_object<T: Any>(&self) -> Option<&T> {
        if let Self::Object(object) = self { object.downcast_ref() } else { None }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::List(_) => 6,
            Self::Object(_) => 7,
        }
    }
}

/// All that is not a number, as one.
const fn one_nan(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    /// Values of one kind by what they hold; kinds in the order of their declaration.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => one_nan(*a).total_cmp(&one_nan(*b)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => a.cmp(b),
            (Self::Object(a), Self::Object(b)) => a.address().cmp(&b.address()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) => one_nan(*value).to_bits().hash(state),
            Self::Text(value) => value.hash(state),
            Self::Bytes(value) => value.hash(state),
            Self::List(value) => value.hash(state),
            Self::Object(value) => value.hash(state),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => f.write_str(value),
            Self::Bytes(value) => write!(f, "{value:02x?}"),
            Self::List(values) => super::values::write_list(f, values),
            Self::Object(value) => write!(f, "{value:?}"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(value) => write!(f, "{value:?}"),
            Self::List(values) => f.debug_list().entries(values.iter()).finish(),
            other => write!(f, "{other}"),
        }
    }
}

macro_rules! whole {
    ($($from:ty),*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::Int(i64::from(value))
            }
        }
    )*};
}
whole!(i8, i16, i32, i64, u8, u16, u32);

impl From<()> for Value {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Self::List(value.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Self::Object(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values;

    /// What a computation gives that has no answer differs by machine.
    #[test]
    fn there_is_one_nan_and_it_is_the_greatest_number() {
        let nan = Value::from(f64::NAN);
        for other in [-f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001), f64::from_bits(u64::MAX)] {
            let other = Value::from(other);
            assert_eq!(other, nan);
            assert_eq!(weir_dataflow::hash_of(&other), weir_dataflow::hash_of(&nan));
            assert!(other > f64::INFINITY.into());
        }
    }

    #[test]
    fn equality_is_that_of_the_order_and_of_the_hash() {
        let values = [
            Value::Null,
            false.into(),
            1.into(),
            1.0.into(),
            0.0.into(),
            (-0.0).into(),
            f64::NAN.into(),
            "1".into(),
            b"1"[..].into(),
            values![1, ()].into(),
            Value::object(1u8),
        ];
        let hash = |value: &Value| weir_dataflow::hash_of(value);
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(a == b, i == j, "{a:?} {b:?}");
                assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a:?} {b:?}");
                assert!(i != j || hash(a) == hash(&b.clone()), "{a:?}");
            }
        }
    }

    #[test]
    fn values_are_read_as_what_they_are() {
        assert_eq!(Value::from("x").as_text(), Some("x"));
        assert_eq!(Value::from("x").as_int(), None);
        assert_eq!(Value::from(3).as_float(), Some(3.0));
        assert_eq!(Value::from(None::<i64>), Value::Null);
        assert_eq!(Value::object(7u8).as_object::<u8>(), Some(&7));
        assert_eq!(Value::object(7u8).as_object::<u16>(), None);
        assert_eq!(format!("{}", Value::from(values![1, "a"])), "[1, a]");
    }
}
