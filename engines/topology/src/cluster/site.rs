//! Where the topologies of a cluster run: what they and the cluster have in common.

use super::RunningTopology;
use super::running::TopologyStatus;
use crate::runtime::task::Shared;
use crate::runtime::topology::Watch;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};

/// How far simulated time moves at once.
pub(super) const STEP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) enum Time {
    Real(Arc<dyn Clock>),
    Simulated(Arc<ManualClock>),
}

/// A clock and the topologies that run by it. These hold on to it, too; that circle is open as soon as
/// the cluster is gone, or the topology has ended and another is submitted.
#[derive(Debug)]
pub(super) struct Site {
    time: Time,
    topologies: Mutex<BTreeMap<String, Arc<RunningTopology>>>,
}

impl Site {
    pub(super) fn new(time: Time) -> Self {
        Self { time, topologies: Mutex::default() }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match &self.time {
            Time::Real(clock) => Arc::clone(clock),
            Time::Simulated(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        }
    }

    pub(super) fn watch(&self) -> Watch {
        match self.time {
            Time::Real(_) => Watch::No,
            Time::Simulated(_) => Watch::Census,
        }
    }

    fn topologies(&self) -> MutexGuard<'_, BTreeMap<String, Arc<RunningTopology>>> {
        self.topologies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a topology in, unless another of its name is alive. Those that have ended go.
    pub(super) fn admit(&self, topology: &Arc<RunningTopology>) -> bool {
        let mut topologies = self.topologies();
        let (ended, mut alive): (BTreeMap<_, _>, _) = std::mem::take(&mut *topologies)
            .into_iter()
            .partition(|(_, other)| other.status() == TopologyStatus::Ended);
        let free = !alive.contains_key(topology.name());
        if free {
            alive.insert(topology.name().to_owned(), Arc::clone(topology));
        }
        *topologies = alive;
        drop(topologies);
        // The last handle to a topology joins its threads.
        drop(ended);
        free
    }

    /// Lets go of a topology.
    pub(super) fn remove(&self, name: &str) {
        let removed = self.topologies().remove(name);
        drop(removed);
    }

    /// Lets go of all topologies, and returns them.
    pub(super) fn take_all(&self) -> Vec<Arc<RunningTopology>> {
        std::mem::take(&mut *self.topologies()).into_values().collect()
    }

    pub(super) fn alive(&self, name: &str) -> Option<Arc<RunningTopology>> {
        let found = self.topologies().get(name).cloned();
        found.filter(|topology| topology.status() != TopologyStatus::Ended)
    }

    /// Waits until nothing can happen any more at the time that simulated time stands at.
    pub(super) fn await_quiet(&self) {
        self.each(RunningTopology::await_quiet);
    }

    fn each(&self, wait: impl Fn(&RunningTopology)) {
        let topologies: Vec<_> = self.topologies().values().cloned().collect();
        topologies.iter().for_each(|topology| wait(topology));
    }

    pub(super) fn advance(&self, by: Duration, step: Duration) {
        let Time::Simulated(clock) = &self.time else { return };
        let mut left = by;
        self.await_quiet();
        while left > Duration::ZERO {
            let step = step.max(Duration::from_nanos(1)).min(left);
            left -= step;
            clock.advance(step);
            self.await_quiet();
        }
    }

    /// Waits, after a run was made inactive, until no tree of it is open, or for `most`. A topology that
    /// never gets quiet, this one or another, does not keep it from ending.
    pub(super) fn await_no_tree(&self, run: &Shared, most: Duration) {
        let Time::Simulated(clock) = &self.time else { return run.await_no_tree(most) };
        let mut left = most;
        // It need not be among those of this cluster any more.
        run.await_quiet_for_a_while();
        while run.awaits_trees() && left > Duration::ZERO {
            let step = STEP.min(left);
            left -= step;
            clock.advance(step);
            self.each(RunningTopology::await_quiet_for_a_while);
            run.await_quiet_for_a_while();
        }
    }

    /// Waits until the spouts of a run have ended, if time is simulated.
    pub(super) fn await_spouts(&self, run: &Shared) {
        if self.watch() == Watch::No {
            return;
        }
        run.await_quiet();
        while run.awaits_spouts() {
            self.advance(STEP, STEP);
            run.await_quiet();
        }
    }
}
