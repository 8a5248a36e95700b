//! A value of any Rust type inside a tuple.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A shared value of any type, which only code that knows the type looks into.
///
/// Two are equal if they are the same value in memory, as objects in Java that define no equality of
/// their own; so it can be carried and grouped on, but grouping on it makes little sense.
#[derive(Clone)]
pub struct Object {
    value: Arc<dyn Any + Send + Sync>,
    name: &'static str,
}

impl Object {
    /// Wraps a value.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self { value: Arc::new(value), name: std::any::type_name::<T>() }
    }

    /// The value, if it has this type.
    #[must_use]
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// The shared value itself, if it has this type.
    #[must_use]
    pub fn downcast<T: Any + Send + Sync>(self) -> Option<Arc<T>> {
        self.value.downcast().ok()
    }

    /// The name of its type, for messages.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.name
    }

    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.value).cast::<()>() as usize
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Object {}

impl Hash for Object {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl Serialize for Object {
    /// Always an error: nobody here knows the type.
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom(format!(
            "an object ({}) has no serial form: use values of other kinds",
            self.name
        )))
    }
}

impl<'de> Deserialize<'de> for Object {
    /// Always an error: none is ever written.
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("an object has no serial form"))
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}>", self.name)
    }
}
