//! Operations of which each task gets its own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes something once per task: what serialisation does in Storm.
pub(crate) struct Prototype<T: ?Sized>(Arc<dyn Fn() -> Box<T> + Send + Sync>);

impl<T: ?Sized> Clone for Prototype<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> fmt::Debug for Prototype<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prototype")
    }
}

impl<T: ?Sized> Prototype<T> {
    pub(crate) fn new(make: impl Fn() -> Box<T> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// Clones of `one`, each made into what is wanted.
    pub(crate) fn cloned<O: Clone + Send + 'static>(
        one: O,
        into: impl Fn(O) -> Box<T> + Send + Sync + 'static,
    ) -> Self {
        let one = Mutex::new(one);
        Self::new(move || into(one.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    pub(crate) fn make(&self) -> Box<T> {
        (self.0)()
    }
}
