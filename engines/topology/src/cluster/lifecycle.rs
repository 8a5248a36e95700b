//! Where a submitted topology stands. Whoever waits for something does so without keeping others from
//! asking, or from doing what is waited for.

use super::running::{TopologyStatus, TopologySummary};
use crate::TopologyError;
use crate::runtime::sync::{Condvar, Mutex, MutexGuard};
use crate::runtime::task::Shared;
use crate::runtime::topology::Run;
use crate::typed::Report;
use std::sync::{Arc, PoisonError};
use weir_dataflow::RunError;

enum Stage {
    Submitted,
    /// Somebody starts it.
    Starting,
    Running {
        shared: Arc<Shared>,
        /// Nothing while somebody waits for its threads.
        run: Option<Run>,
        /// Whether all threads had ended already when somebody began to wait for them.
        over: bool,
    },
    Ended(Result<TopologySummary, RunError>),
}

struct State {
    stage: Stage,
    /// Whether somebody has begun to kill it: from there it goes only one way.
    killed: bool,
}

impl State {
    fn shared(&self) -> Option<&Arc<Shared>> {
        if let Stage::Running { shared, .. } = &self.stage { Some(shared) } else { None }
    }

    fn status(&self) -> TopologyStatus {
        let (shared, run, over) = match &self.stage {
            Stage::Submitted | Stage::Starting => return TopologyStatus::Submitted,
            Stage::Ended(_) => return TopologyStatus::Ended,
            Stage::Running { shared, run, over } => (shared, run, *over),
        };
        if over || run.as_ref().is_some_and(Run::is_finished) {
            TopologyStatus::Ended
        } else if self.killed {
            TopologyStatus::Killed
        } else if shared.is_active() {
            TopologyStatus::Active
        } else {
            TopologyStatus::Inactive
        }
    }
}

/// Where a topology stands, and the way from there.
pub(super) struct Lifecycle {
    state: Mutex<State>,
    changed: Condvar,
}

/// Takes back that somebody starts it, should that come to nothing.
struct Attempt<'a>(&'a Lifecycle);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if matches!(state.stage, Stage::Starting) {
            state.stage = Stage::Submitted;
            self.0.changed.notify_all();
        }
    }
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        let state = State { stage: Stage::Submitted, killed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, once nobody is starting it.
    fn started(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while matches!(state.stage, Stage::Starting) {
            state = self.wait(state);
        }
        state
    }

    pub(super) fn status(&self) -> TopologyStatus {
        self.state().status()
    }

    /// What its tasks share, while it runs.
    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.started().shared().cloned()
    }

    /// Starts it, or has its spouts emit again. Returns whether it can be active.
    pub(super) fn activate(
        &self,
        launch: impl FnOnce() -> Result<Run, TopologyError>,
    ) -> Result<bool, TopologyError> {
        let mut state = self.started();
        if state.killed || state.status() == TopologyStatus::Ended {
            return Ok(false);
        }
        if let Some(shared) = state.shared() {
            shared.set_active(true);
            return Ok(true);
        }
        state.stage = Stage::Starting;
        drop(state);
        let attempt = Attempt(self);
        let run = launch()?;
        let shared = Arc::clone(&run.shared);
        self.state().stage = Stage::Running { shared, run: Some(run), over: false };
        self.changed.notify_all();
        drop(attempt);
        Ok(true)
    }

    pub(super) fn deactivate(&self) {
        let state = self.started();
        if let Some(shared) = state.shared() {
            shared.set_active(false);
        }
    }

    /// Has its spouts stop for good, and returns what its tasks share if it runs. One that has not been
    /// started never will be.
    pub(super) fn begin_kill(&self) -> Option<Arc<Shared>> {
        let mut state = self.started();
        state.killed = true;
        if matches!(state.stage, Stage::Submitted) {
            state.stage = Stage::Ended(Ok(TopologySummary::default()));
            self.changed.notify_all();
        }
        let shared = state.shared().cloned()?;
        shared.set_active(false);
        Some(shared)
    }

    /// Waits for its end. One of those who wait sums up what came of it, and all of them get that.
    pub(super) fn join(
        &self,
        sum_up: impl FnOnce(Result<Vec<Report>, RunError>) -> Result<TopologySummary, RunError>,
    ) -> Result<TopologySummary, RunError> {
        let mut state = self.state();
        let run = loop {
            match &mut state.stage {
                Stage::Ended(ended) => return ended.clone(),
                Stage::Running { run, over, .. } => {
                    if let Some(run) = run.take() {
                        *over = run.is_finished();
                        break run;
                    }
                }
                Stage::Submitted | Stage::Starting => {}
            }
            state = self.wait(state);
        };
        drop(state);
        let ended = sum_up(run.join());
        self.state().stage = Stage::Ended(ended.clone());
        self.changed.notify_all();
        ended
    }
}
