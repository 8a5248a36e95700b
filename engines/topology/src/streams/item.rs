//! What streams carry, and how it becomes values of tuples.

use crate::{ComponentError, Tuple, Value};
use std::sync::Arc;

/// A Rust type that can be carried as a [`Value`], and comes out of it again.
pub trait Datum: Sized + Send + Sync + 'static {
    /// The value.
    fn into_value(self) -> Value;

    /// What the value stands for; `None` if it is of another kind.
    fn from_value(value: Value) -> Option<Self>;
}

/// Takes a value for what its stream says it is.
pub(super) fn read<T: Datum>(value: Value) -> Result<T, ComponentError> {
    let kind = value.kind();
    T::from_value(value).ok_or_else(|| {
        let wanted = std::any::type_name::<T>();
        ComponentError::fatal(format!("a value of kind {kind} came on a stream of {wanted}"))
    })
}

/// A key and a value: what a [`PairStream`](super::PairStream) carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair<K, V>(
    /// The key.
    pub K,
    /// The value.
    pub V,
);

impl<K, V> From<(K, V)> for Pair<K, V> {
    fn from((key, value): (K, V)) -> Self {
        Self(key, value)
    }
}

/// An item on its way from one processor to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key of a pair; null of all else.
    pub key: Value,
    /// The value.
    pub value: Value,
}

/// What a [`Stream`](super::Stream) can carry: any [`Datum`], or [`Pair`]s of these.
pub trait Item: Sized + 'static {
    /// Whether it has a key.
    const PAIR: bool;

    /// The item as values.
    fn into_row(self) -> Row;

    /// The item that was made into these values. Values of another kind are an error.
    fn from_row(row: Row) -> Result<Self, ComponentError>;
}

impl<T: Datum> Item for T {
    const PAIR: bool = false;

    fn into_row(self) -> Row {
        Row { key: Value::Null, value: self.into_value() }
    }

    fn from_row(row: Row) -> Result<Self, ComponentError> {
        read(row.value)
    }
}

impl<K: Datum, V: Datum> Item for Pair<K, V> {
    const PAIR: bool = true;

    fn into_row(self) -> Row {
        Row { key: self.0.into_value(), value: self.1.into_value() }
    }

    fn from_row(row: Row) -> Result<Self, ComponentError> {
        Ok(Self(read(row.key)?, read(row.value)?))
    }
}

impl Datum for Value {
    fn into_value(self) -> Value {
        self
    }
    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl Datum for () {
    fn into_value(self) -> Value {
        Value::Null
    }
    fn from_value(value: Value) -> Option<Self> {
        value.is_null().then_some(())
    }
}

impl Datum for bool {
    fn into_value(self) -> Value {
        self.into()
    }
    fn from_value(value: Value) -> Option<Self> {
        value.as_bool()
    }
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl Datum for $type {
            fn into_value(self) -> Value {
                self.into()
            }
            fn from_value(value: Value) -> Option<Self> {
                value.as_int()?.try_into().ok()
            }
        }
    )*};
}
whole!(i8, i16, i32, i64, u8, u16, u32);

impl Datum for f64 {
    fn into_value(self) -> Value {
        self.into()
    }
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Float(value) = value { Some(value) } else { None }
    }
}

impl Datum for String {
    fn into_value(self) -> Value {
        self.into()
    }
    fn from_value(value: Value) -> Option<Self> {
        value.as_text().map(str::to_owned)
    }
}

impl Datum for Arc<str> {
    fn into_value(self) -> Value {
        self.into()
    }
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

/// Nothing is null; so is something that is null itself, which comes back as nothing.
impl<T: Datum> Datum for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
    fn from_value(value: Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: Datum> Datum for Vec<T> {
    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
    fn from_value(value: Value) -> Option<Self> {
        value.as_list()?.iter().cloned().map(T::from_value).collect()
    }
}

macro_rules! several {
    ($($type:ident $at:tt),*) => {
        impl<$($type: Datum),*> Datum for ($($type,)*) {
            fn into_value(self) -> Value {
                Value::List([$(self.$at.into_value()),*].into())
            }
            fn from_value(value: Value) -> Option<Self> {
                let all: &[Value; [$($at),*].len()] = value.as_list()?.try_into().ok()?;
                Some(($($type::from_value(all[$at].clone())?,)*))
            }
        }
    };
}
several!(A 0, B 1);
several!(A 0, B 1, C 2);
several!(A 0, B 1, C 2, D 3);

impl Datum for Tuple {
    fn into_value(self) -> Value {
        Value::object(self)
    }
    fn from_value(value: Value) -> Option<Self> {
        value.as_object::<Self>().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn returns<T: Item + Clone + PartialEq + Debug>(item: T) {
        assert_eq!(T::from_row(item.clone().into_row()).expect("what it was"), item);
    }

    #[test]
    fn items_come_out_as_they_went_in() {
        returns(());
        returns(true);
        returns(u32::MAX);
        returns(-1.5);
        returns("text".to_owned());
        returns(Some(7));
        returns(None::<i64>);
        returns(vec![(1, "a".to_owned(), None), (2, "b".to_owned(), Some(vec![0.5]))]);
        returns(Pair("key".to_owned(), (1, 2)));
        returns(Value::from("any"));
    }

    #[test]
    fn items_of_another_kind_are_refused() {
        let row = |value: Value| Row { key: Value::Null, value };
        assert!(i64::from_row(row("1".into())).is_err());
        assert!(u8::from_row(row(256.into())).is_err());
        assert!(<(i64, i64)>::from_row(row(vec![1i64].into_value())).is_err());
        let error = Pair::<String, i64>::from_row(row(1.into())).expect_err("no key");
        let said = "a value of kind null came on a stream of alloc::string::String";
        assert_eq!(error.to_string(), said);
    }
}
