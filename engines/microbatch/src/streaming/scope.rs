//! Which streaming context is active, and where that rule holds.

use super::StreamingContext;
use super::context::Handle;
use super::lifecycle::Shared;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// Where at most one streaming context may be active.
///
/// Contexts of the public API share [`process`](Self::process), so that one process has one active
/// context, as in Spark. A contract run is not a program's context but a measurement: it makes a
/// [`private`](Self::private) scope, which nothing else shares, so that runs in several threads of
/// one process (tests, comparisons) do not exclude each other, nor the program's own context.
#[derive(Clone, Default)]
pub struct ActiveScope(Arc<Mutex<Active>>);

/// The active context: what it is for the rule, and the handle for whoever asks. A handle that is being
/// dropped still stops its context, which is active until that is done.
#[derive(Default)]
struct Active {
    shared: Weak<Shared>,
    handle: Weak<Handle>,
}

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

    fn lock(&self) -> std::sync::MutexGuard<'_, Active> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a context the active one, unless another is.
    pub(super) fn claim(&self, context: &Arc<Handle>) -> bool {
        let mut active = self.lock();
        let free = active.shared.upgrade().is_none_or(|one| Arc::ptr_eq(&one, &context.shared));
        if free {
            let shared = Arc::downgrade(&context.shared);
            *active = Active { shared, handle: Arc::downgrade(context) };
        }
        free
    }

    /// The context is active no more.
    pub(super) fn release(&self, context: &Arc<Handle>) {
        self.release_shared(&context.shared);
    }

    pub(super) fn release_shared(&self, context: &Arc<Shared>) {
        let mut active = self.lock();
        if active.shared.upgrade().is_some_and(|other| Arc::ptr_eq(&other, context)) {
            *active = Active::default();
        }
    }

    /// The active context, if there is one.
    #[must_use]
    pub fn active(&self) -> Option<StreamingContext> {
        let handle = self.lock().handle.upgrade();
        let active = handle.map(StreamingContext::from_handle);
        active.filter(|context| context.state() == super::ContextState::Active)
    }

    /// Whether a context is active.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.lock().shared.strong_count() > 0
    }
}

impl std::fmt::Debug for ActiveScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveScope").field("taken", &self.is_taken()).finish()
    }
}
