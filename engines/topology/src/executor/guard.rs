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
    fn message(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::Panic(payload) => RunError::panic_message(&**payload),
        }
    }
}

/// Calls a component's code.
pub(crate) fn call(code: impl FnOnce() -> Result<(), ComponentError>) -> Result<(), Death> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Death::Error(error)),
        Err(payload) => Err(Death::Panic(payload)),
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

    /// Reports a death. Returns if the executor is to start again; else this is the end of the run.
    pub(crate) fn survive(&mut self, death: Death, reporter: &Reporter) {
        let message = death.message();
        reporter.report(&message);
        if self.any() {
            self.left = self.left.map(|left| left - 1);
            return;
        }
        let task = format!("{}[{}]", reporter.component, reporter.task);
        if let Some(shared) = self.tether.shared() {
            shared.fail(match &death {
                Death::Error(_) => RunError::TaskFailed { task, message },
                Death::Panic(_) => RunError::TaskPanicked { task, message },
            });
        }
        // The thread ends where every panic of a thread ends; why has been noted.
        resume_unwind(Box::new("the executor died"))
    }
}
