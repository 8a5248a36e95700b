//! The values of a tuple, in order.

use super::Value;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The values of a tuple, in order. Receivers of one emission share them.
///
/// ```
/// use weir_topology::{Value, values};
/// let row = values!["nathan", 1];
/// assert_eq!(row[1], Value::from(1));
/// assert_eq!(row.to_string(), "[nathan, 1]");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(Arc<[Value]>);

impl Values {
    /// No values.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::from([]))
    }

    /// These values and more behind them.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Value>) -> Self {
        self.iter().cloned().chain(more).collect()
    }
}

impl Deref for Values {
    type Target = [Value];
    #[inline]
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl<const N: usize> From<[Value; N]> for Values {
    fn from(values: [Value; N]) -> Self {
        Self(Arc::from(values))
    }
}

impl From<Vec<Value>> for Values {
    fn from(values: Vec<Value>) -> Self {
        Self(values.into())
    }
}

impl From<Arc<[Value]>> for Values {
    fn from(values: Arc<[Value]>) -> Self {
        Self(values)
    }
}

impl From<Values> for Value {
    fn from(values: Values) -> Self {
        Self::List(values.0)
    }
}

impl FromIterator<Value> for Values {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Values {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

pub(super) fn write_list(f: &mut fmt::Formatter<'_>, values: &[Value]) -> fmt::Result {
    f.write_str("[")?;
    for (k, value) in values.iter().enumerate() {
        if k > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{value}")?;
    }
    f.write_str("]")
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, self)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// [`Values`](crate::Values) of anything that is a [`Value`](crate::Value).
#[macro_export]
macro_rules! values {
    () => { $crate::Values::none() };
    ($($value:expr),+ $(,)?) => { $crate::Values::from([$($crate::Value::from($value)),+]) };
}
