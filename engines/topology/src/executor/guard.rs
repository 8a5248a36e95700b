//! What happens when a component's code gives up.

use crate::component::ComponentError;
use crate::report::Reporter;
use crate::runtime::task::Shared;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock, Weak};
use weir_dataflow::RunError;

/// The way from a component to the run that it is part of, which begins after the component is wired.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tether(Arc<OnceLock<Weak<Shared>>>);

impl Tether {
    pub(crate) fn tie(&self, shared: &Arc<Shared>) {
        // A run begins once.
        let _ = self.0.set(Arc::downgrade(shared));
    }

    pub(crate) fn shared(&self) -> Option<Arc<Shared>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

/// How a call of a component ended that did not end well.
pub(crate) enum Death {
    Error(ComponentError),
    Panic(Box<dyn Any + Send>),
}

impl Death {
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::Panic(payload) => RunError::panic_message(&**payload),
        }
    }
}

/// Runs code of users that cannot say that it failed.
pub(crate) fn guarded<T>(code: impl FnOnce() -> T) -> Result<T, Death> {
    catch_unwind(AssertUnwindSafe(code)).map_err(Death::Panic)
}

/// Calls a component's code.
pub(crate) fn call(code: impl FnOnce() -> Result<(), ComponentError>) -> Result<(), Death> {
    guarded(code)?.map_err(Death::Error)
}

/// Calls what a component does last: should it die of that, there is nothing left to start again for.
pub(crate) fn call_last(reporter: &Reporter, code: impl FnOnce()) {
    if let Err(death) = guarded(code) {
        reporter.report(&death.message());
    }
}

/// How often an executor that died may start again.
#[derive(Clone, Debug)]
pub(crate) struct Restarts {
    /// `None` is for ever.
    pub(crate) left: Option<usize>,
    pub(crate) tether: Tether,
}

impl Restarts {
    /// Whether an executor that dies would start again.
    pub(crate) fn any(&self) -> bool {
        self.left != Some(0)
    }

    /// Uses up a restart. Returns if the executor is to start again; else this is the end of the run.
    /// By then nothing of the components must be left that dies of being dropped: the thread unwinds.
    pub(crate) fn survive(&mut self, death: &Death, reporter: &Reporter) {
        if self.any() {
            self.left = self.left.map(|left| left - 1);
            return;
        }
        let message = death.message();
        let task = format!("{}[{}]", reporter.component, reporter.task);
        if let Some(shared) = self.tether.shared() {
            shared.fail(match death {
                Death::Error(_) => RunError::TaskFailed { task, message },
                Death::Panic(_) => RunError::TaskPanicked { task, message },
            });
        }
        // The thread ends where every panic of a thread ends; why has been noted.
        resume_unwind(Box::new("the executor died"))
    }
}
