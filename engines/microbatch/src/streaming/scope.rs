//! Which streaming context is active, and where that rule holds.

use super::lifecycle::Shared;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// Where at most one streaming context may be active.
///
/// Contexts of the public API share [`process`](Self::process), so that one process has one active
/// context, as in Spark. A contract run is not a program's context but a measurement: it makes a
/// [`private`](Self::private) scope, which nothing else shares, so that runs in several threads of
/// one process (tests, comparisons) do not exclude each other, nor the program's own context.
#[derive(Clone, Default)]
pub struct ActiveScope(Arc<Mutex<Weak<Shared>>>);

static PROCESS: LazyLock<ActiveScope> = LazyLock::new(ActiveScope::default);

impl ActiveScope {
    /// The scope of the whole process.
    #[must_use]
    pub fn process() -> Self {
        PROCESS.clone()
    }

    /// A scope of its own.
    #[must_use]
    pub fn private() -> Self {
        Self::default()
    }

    /// Makes a context the active one, unless another is.
    pub(super) fn claim(&self, context: &Arc<Shared>) -> bool {
        let mut active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = active.upgrade().is_none_or(|other| Arc::ptr_eq(&other, context));
        if free {
            *active = Arc::downgrade(context);
        }
        free
    }

    /// The context is active no more.
    pub(super) fn release(&self, context: &Arc<Shared>) {
        let mut active = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if active.upgrade().is_some_and(|other| Arc::ptr_eq(&other, context)) {
            *active = Weak::new();
        }
    }

    /// Whether a context is active.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
    }
}

impl std::fmt::Debug for ActiveScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveScope").field("taken", &self.is_taken()).finish()
    }
}
