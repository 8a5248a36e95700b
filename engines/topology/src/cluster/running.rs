//! A topology that has been submitted.

use super::launch::Launch;
use super::lifecycle::Lifecycle;
use super::site::Site;
use crate::metrics::{Consumers, TopologyMetrics, TopologyStats};
use crate::nanos::nanos;
use crate::report::ReportedError;
use crate::runtime::topology::{Run, Watch};
use crate::testing::Capture;
use crate::topology::normalised_conf;
use crate::typed::Report;
use crate::{Config, StormTopology, TopologyError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_dataflow::RunError;

/// What a submitted topology is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyStatus {
    /// It was submitted inactive and has not been activated, or is just about to be.
    Submitted,
    /// Spouts emit.
    Active,
    /// Spouts do not emit; what is under way is handled.
    Inactive,
    /// It is being killed: spouts do not emit any more, and open trees may go on for a while.
    Killed,
    /// It has ended.
    Ended,
}

/// What a topology did, by component.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopologySummary {
    /// Its components, those of the system included, and what each of their executors counted.
    pub components: Vec<Report>,
    /// The errors that components reported.
    pub errors: Vec<ReportedError>,
    /// What its components did, by task and stream, up to its end.
    pub metrics: TopologyMetrics,
}

/// How a topology is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillOptions {
    /// How long open trees may go on before the topology ends; it ends earlier when none is open. On a
    /// cluster with simulated time, [`RunningTopology::kill`] moves that on.
    pub wait: Duration,
}

impl KillOptions {
    /// At once.
    pub const NOW: Self = Self { wait: Duration::ZERO };
}

/// How often it is looked whether all has been processed.
const LOOK_NS: u64 = 1_000_000;

/// What it takes to start a topology.
pub(super) struct Submission {
    pub(super) name: String,
    pub(super) topology: StormTopology,
    pub(super) conf: Config,
    pub(super) capture: Option<Capture>,
    /// Where it runs.
    pub(super) site: Arc<Site>,
    pub(super) consumers: Consumers,
}

/// What a topology has counted.
enum Counted {
    Nothing,
    Running(TopologyStats),
    Ended(TopologyMetrics),
}

/// A topology that has been submitted. It runs until somebody kills it, until all its spouts are
/// exhausted, until it fails, or until neither its cluster nor a handle to it is left.
pub struct RunningTopology {
    submission: Submission,
    errors: Arc<Mutex<Vec<ReportedError>>>,
    lifecycle: Lifecycle,
    counted: Mutex<Counted>,
}

impl RunningTopology {
    pub(super) fn new(submission: Submission) -> Self {
        let (lifecycle, counted) = (Lifecycle::new(), Mutex::new(Counted::Nothing));
        Self { submission, errors: Arc::default(), lifecycle, counted }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.submission.name
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> TopologyStatus {
        self.lifecycle.status()
    }

    /// Has its spouts emit; what was submitted inactive is opened and prepared only by this. One that
    /// has ended or is being killed cannot be active again.
    pub fn activate(&self) -> Result<(), TopologyError> {
        if self.lifecycle.activate(|| self.launch())? {
            return Ok(());
        }
        Err(TopologyError::NotAlive { name: self.name().to_owned() })
    }

    fn launch(&self) -> Result<Run, TopologyError> {
        let Submission { name, topology, conf, capture, site, consumers } = &self.submission;
        let launch = Launch {
            name,
            topology,
            conf: &normalised_conf(topology, conf),
            clock: site.clock(),
            watch: site.watch(),
            capture: capture.clone(),
            errors: Arc::clone(&self.errors),
            consumers: consumers.clone(),
        };
        let (run, stats) = launch.start()?;
        *self.counted() = Counted::Running(stats);
        Ok(run)
    }

    /// Has its spouts stop emitting. What is under way is handled; acks and fails still come.
    pub fn deactivate(&self) {
        self.lifecycle.deactivate();
    }

    /// The errors that its components have reported: the last 1000 of those that the throttle let pass.
    #[must_use]
    pub fn errors(&self) -> Vec<ReportedError> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What its components have done up to now, or up to the end of it.
    #[must_use]
    pub fn metrics(&self) -> TopologyMetrics {
        match &*self.counted() {
            Counted::Nothing => TopologyMetrics::default(),
            Counted::Running(stats) => stats.read(),
            Counted::Ended(metrics) => metrics.clone(),
        }
    }

    /// Waits until its spouts have emitted so many tuples, and bolts have executed all that came of
    /// these, for no longer than `most`. Returns whether that is so. Whether trees have ended, and what
    /// bolts will do at some later time, is another matter. Storm's `Testing.trackedWait`.
    pub fn await_processed(&self, emitted: u64, most: Duration) -> bool {
        let clock = self.submission.site.clock();
        let most_ns = nanos(most);
        let until_ns = clock.now_ns().saturating_add(most_ns);
        loop {
            self.await_quiet();
            let processed = match &*self.counted() {
                Counted::Running(stats) => stats.emitted_if_processed(),
                Counted::Nothing | Counted::Ended(_) => None,
            };
            if processed.is_some_and(|so_far| so_far >= emitted) {
                return true;
            }
            // When it is quiet, nothing can happen unless time goes on, which is not up to this.
            let waits_in_vain = self.submission.site.watch() == Watch::Census;
            if waits_in_vain || clock.now_ns() >= until_ns || self.status() == TopologyStatus::Ended
            {
                return false;
            }
            clock.sleep_until(clock.now_ns().saturating_add(LOOK_NS).min(until_ns));
        }
    }

    /// Ends it: its spouts stop, open trees may go on for a while, what is in the queues is handled,
    /// and all threads are joined. An error is why it ended before. Simulated time moves on for as long
    /// as trees are open and may go on, a second at a time, as by
    /// [`LocalCluster::advance_time`](crate::LocalCluster::advance_time).
    pub fn kill(&self, options: KillOptions) -> Result<TopologySummary, RunError> {
        if let Some(shared) = self.lifecycle.begin_kill() {
            self.submission.site.await_no_tree(&shared, options.wait);
            shared.end();
        }
        self.join()
    }

    /// Waits for the end of it: for ever, unless its spouts are exhausted some time, somebody kills
    /// it, or it fails. One that was submitted inactive is waited for, too, until somebody activates or
    /// kills it. This does not move simulated time.
    pub fn join(&self) -> Result<TopologySummary, RunError> {
        self.lifecycle.join(|ended| {
            let metrics = self.metrics();
            *self.counted() = Counted::Ended(metrics.clone());
            let errors = self.errors();
            ended.map(|components| TopologySummary { components, errors, metrics })
        })
    }

    /// Waits until its spouts have ended, and moves simulated time to that end.
    pub(super) fn await_spouts(&self) {
        if let Some(shared) = self.lifecycle.shared() {
            self.submission.site.await_spouts(&shared);
        }
    }

    /// The same as [`await_quiet`](Self::await_quiet), unless that takes so long that it may never be.
    pub(super) fn await_quiet_for_a_while(&self) {
        if let Some(shared) = self.lifecycle.shared() {
            shared.await_quiet_for_a_while();
        }
    }

    /// Waits until nothing can happen at the time that the cluster's clock stands at.
    pub(super) fn await_quiet(&self) {
        if let Some(shared) = self.lifecycle.shared() {
            shared.await_quiet();
        }
    }
}

impl std::fmt::Debug for RunningTopology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RunningTopology({}, {:?})", self.name(), self.status())
    }
}

impl Drop for RunningTopology {
    fn drop(&mut self) {
        // Who wants to know how it ended kills it.
        let _ = self.kill(KillOptions::NOW);
    }
}
