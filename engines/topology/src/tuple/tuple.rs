//! A tuple as a bolt gets it.

use super::{Fields, Value, Values};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// A value that a tuple does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TupleError {
    /// No field of that name.
    #[error(
        "{field} does not exist: the fields of stream {stream} of component {component} are {fields}"
    )]
    NoField {
        /// The name.
        field: String,
        /// The tuple's source.
        component: String,
        /// The tuple's stream.
        stream: String,
        /// What it has.
        fields: Fields,
    },
    /// No value at that position.
    #[error("there is no value {index}: the tuple of component {component} has {len}")]
    NoValue {
        /// The position, from 0.
        index: usize,
        /// The tuple's source.
        component: String,
        /// How many values it has.
        len: usize,
    },
    /// A value of another kind.
    #[error("value {column} of the tuple of component {component} is {kind}, not {wanted}")]
    OtherKind {
        /// The field or position.
        column: String,
        /// The tuple's source.
        component: String,
        /// What was asked for.
        wanted: &'static str,
        /// What it is.
        kind: &'static str,
    },
}

/// Where tuples come from: what all tuples of one stream of one component have in common.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) component: Arc<str>,
    pub(crate) stream: Arc<str>,
    pub(crate) fields: Fields,
}

/// A tuple's places in its trees: for each root, the XOR of its edges.
pub(crate) type Ids = SmallVec<[(u64, u64); 1]>;

#[derive(Debug)]
struct Inner {
    values: Values,
    source: Arc<Source>,
    task: i32,
    ids: Ids,
    /// The XOR of the edges that were made with this tuple as an anchor.
    children: AtomicU64,
    /// One more than when its task began to handle it, in nanoseconds of the cluster's clock; 0 if
    /// that is not measured.
    began_ns: AtomicU64,
}

/// A tuple as a bolt gets it: values, and where they come from. Clones are the same tuple.
#[derive(Clone)]
pub struct Tuple(Arc<Inner>);

/// How a value of a tuple is found: by the name of its field, or by its position from 0.
pub trait Column: Copy + fmt::Display {
    /// The value.
    fn of(self, tuple: &Tuple) -> Result<&Value, TupleError>;
}

impl Column for usize {
    fn of(self, tuple: &Tuple) -> Result<&Value, TupleError> {
        tuple.values().get(self).ok_or_else(|| TupleError::NoValue {
            index: self,
            component: tuple.source_component().to_owned(),
            len: tuple.values().len(),
        })
    }
}

impl Column for &str {
    fn of(self, tuple: &Tuple) -> Result<&Value, TupleError> {
        match tuple.fields().index_of(self) {
            Some(index) => index.of(tuple),
            None => Err(TupleError::NoField {
                field: self.to_owned(),
                component: tuple.source_component().to_owned(),
                stream: tuple.source_stream().to_owned(),
                fields: tuple.fields().clone(),
            }),
        }
    }
}

impl Tuple {
    pub(crate) fn new(values: Values, source: Arc<Source>, task: i32, ids: Ids) -> Self {
        let (children, began_ns) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner { values, source, task, ids, children, began_ns }))
    }

    /// All values, in the order of the fields.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.0.values
    }

    /// The names of the values, as the emitting component declared them.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.0.source.fields
    }

    /// The id of the component that emitted it.
    #[must_use]
    pub fn source_component(&self) -> &str {
        &self.0.source.component
    }

    /// The id of the stream on which it was emitted.
    #[must_use]
    pub fn source_stream(&self) -> &str {
        &self.0.source.stream
    }

    /// The id of the task that emitted it; -1 of a tuple of the system.
    #[must_use]
    pub fn source_task(&self) -> i32 {
        self.0.task
    }

    /// Whether it tells that time has passed (`topology.tick.tuple.freq.secs`).
    #[must_use]
    pub fn is_tick(&self) -> bool {
        self.source_component() == crate::SYSTEM_COMPONENT
            && self.source_stream() == crate::TICK_STREAM
    }

    /// A value, by field or position.
    pub fn get<C: Column>(&self, column: C) -> Result<&Value, TupleError> {
        column.of(self)
    }

    fn get_as<'t, C: Column, T>(
        &'t self,
        column: C,
        wanted: &'static str,
        read: impl FnOnce(&'t Value) -> Option<T>,
    ) -> Result<T, TupleError> {
        let value = column.of(self)?;
        read(value).ok_or_else(|| TupleError::OtherKind {
            column: column.to_string(),
            component: self.source_component().to_owned(),
            wanted,
            kind: value.kind(),
        })
    }

    /// A text.
    pub fn text<C: Column>(&self, column: C) -> Result<&str, TupleError> {
        self.get_as(column, "text", Value::as_text)
    }

    /// A whole number.
    pub fn int<C: Column>(&self, column: C) -> Result<i64, TupleError> {
        self.get_as(column, "int", Value::as_int)
    }

    /// A number, as a floating-point one.
    pub fn float<C: Column>(&self, column: C) -> Result<f64, TupleError> {
        self.get_as(column, "float", Value::as_float)
    }

    /// A truth value.
    pub fn bool<C: Column>(&self, column: C) -> Result<bool, TupleError> {
        self.get_as(column, "bool", Value::as_bool)
    }

    /// A value of a Rust type of its own.
    pub fn object<T: std::any::Any>(&self, column: impl Column) -> Result<&T, TupleError> {
        self.get_as(column, std::any::type_name::<T>(), Value::as_object)
    }

    /// The values of some of the fields.
    pub fn select(&self, fields: &Fields) -> Result<Values, TupleError> {
        fields
            .iter()
            .map(|field| self.get(field).cloned())
            .collect::<Result<Vec<_>, _>>()
            .map(Values::from)
    }

    /// A tuple with the same values and source that is in no tree: something to keep or to send on as
    /// a value. Storm's `DetachedTuple`.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::new(self.0.values.clone(), Arc::clone(&self.0.source), self.0.task, Ids::new())
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.0.source
    }

    pub(crate) fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// An edge was made with this tuple as an anchor.
    pub(crate) fn add_child(&self, edge: u64) {
        // Only the thread of the task that holds the tuple changes it.
        let sum = self.0.children.load(Ordering::Relaxed) ^ edge;
        self.0.children.store(sum, Ordering::Relaxed);
    }

    /// What the tuple's own edges have to be changed by when it is acked.
    pub(crate) fn children(&self) -> u64 {
        self.0.children.load(Ordering::Relaxed)
    }

    /// Its task begins to handle it, and is to be asked how long that takes.
    pub(crate) fn begin(&self, now_ns: u64) {
        self.0.began_ns.store(now_ns.saturating_add(1), Ordering::Relaxed);
    }

    /// When its task began to handle it, if that is measured.
    pub(crate) fn began_ns(&self) -> Option<u64> {
        self.0.began_ns.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Whether it is the same tuple, not one with equal values.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Source { component, stream, .. } = &*self.0.source;
        write!(f, "{component}:{} {stream} {:?}", self.0.task, self.0.values)
    }
}
