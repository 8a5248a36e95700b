//! Values that every task reads.

use crate::TaskError;
use std::sync::{Arc, PoisonError, RwLock};
use thiserror::Error;

/// A broadcast variable was used after its end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Attempted to use Broadcast({0}) after it was destroyed; broadcast the value anew")]
pub struct BroadcastError(u64);

impl From<BroadcastError> for TaskError {
    fn from(error: BroadcastError) -> Self {
        Self::new(error.to_string())
    }
}

/// A value that tasks read, until it is destroyed. A handle: clones are the same variable.
///
/// All tasks share the driver's memory, so nothing is copied; what it adds to an `Arc` is its end.
#[derive(Debug)]
pub struct Broadcast<T> {
    id: u64,
    value: Arc<RwLock<Option<Arc<T>>>>,
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self { id: self.id, value: Arc::clone(&self.value) }
    }
}

impl<T> Broadcast<T> {
    pub(crate) fn new(id: u64, value: T) -> Self {
        Self { id, value: Arc::new(RwLock::new(Some(Arc::new(value)))) }
    }

    /// Its number, unique within the context.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The value. Fails after [`destroy`](Self::destroy).
    pub fn value(&self) -> Result<Arc<T>, BroadcastError> {
        let value = self.value.read().unwrap_or_else(PoisonError::into_inner);
        value.clone().ok_or(BroadcastError(self.id))
    }

    /// Drops the copies of executors. There are none in one process, so it only checks that the
    /// variable has not been destroyed.
    pub fn unpersist(&self) -> Result<(), BroadcastError> {
        self.value().map(drop)
    }

    /// Drops the value, once the tasks that hold it are done. A second time is refused.
    pub fn destroy(&self) -> Result<(), BroadcastError> {
        let taken = self.value.write().unwrap_or_else(PoisonError::into_inner).take();
        taken.map(drop).ok_or(BroadcastError(self.id))
    }
}
