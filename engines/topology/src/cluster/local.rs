//! The cluster.

use super::running::{RunningTopology, Submission};
use crate::metrics::{Consumers, MetricsConsumer};
use crate::runtime::topology::Watch;
use crate::testing::Capture;
use crate::{Config, StormTopology, TopologyError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock, SystemClock};

/// How a topology is submitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubmitOptions {
    /// Whether it waits for [`RunningTopology::activate`] before anything is opened or prepared.
    pub inactive: bool,
}

/// Runs topologies in this process, on one clock. Storm's class of that name.
///
/// ```
/// use weir_topology::{Config, FixedTupleSpout, LocalCluster, TopologyBuilder, values};
///
/// let words = FixedTupleSpout::new(["word"], [values!["so"], values!["it"], values!["goes"]])?;
/// let mut builder = TopologyBuilder::new();
/// builder.set_spout("words", move || words.clone(), 1);
/// let topology = builder.create_topology()?;
///
/// let cluster = LocalCluster::new();
/// let running = cluster.submit_topology("words", Config::new(), topology)?;
/// let summary = running.join().expect("its spout ends");
/// assert_eq!(summary.components[0].total().acked, 3);
/// # Ok::<(), weir_topology::TopologyError>(())
/// ```
#[derive(Debug)]
pub struct LocalCluster {
    time: Time,
    topologies: Mutex<BTreeMap<String, Weak<RunningTopology>>>,
    consumers: Mutex<Consumers>,
}

#[derive(Debug)]
enum Time {
    Real(Arc<dyn Clock>),
    Simulated(Arc<ManualClock>),
}

impl LocalCluster {
    /// A cluster on the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::on_clock(Arc::new(SystemClock::new()))
    }

    /// A cluster on a clock of the caller's, which goes on by itself.
    #[must_use]
    pub fn on_clock(clock: Arc<dyn Clock>) -> Self {
        Self::on(Time::Real(clock))
    }

    /// A cluster whose time stands still unless [`advance_time`](Self::advance_time) moves it.
    #[must_use]
    pub fn with_simulated_time() -> Self {
        Self::on(Time::Simulated(Arc::new(ManualClock::new())))
    }

    fn on(time: Time) -> Self {
        Self { time, topologies: Mutex::default(), consumers: Mutex::default() }
    }

    fn topologies(&self) -> MutexGuard<'_, BTreeMap<String, Weak<RunningTopology>>> {
        self.topologies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Vec<Arc<RunningTopology>> {
        let mut topologies = self.topologies();
        topologies.retain(|_, topology| topology.strong_count() > 0);
        topologies.values().filter_map(Weak::upgrade).collect()
    }

    /// The cluster's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        match &self.time {
            Time::Real(clock) => Arc::clone(clock),
            Time::Simulated(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        }
    }

    /// Has the metrics that components register told to somebody, of all topologies that are submitted
    /// from now on. See [`TopologyContext::register_metric`](crate::TopologyContext::register_metric).
    pub fn register_metrics_consumer(&self, consumer: impl MetricsConsumer) {
        self.consumers().0.push(Arc::new(consumer));
    }

    fn consumers(&self) -> MutexGuard<'_, Consumers> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a topology. No other that runs here may have its name.
    pub fn submit_topology(
        &self,
        name: &str,
        conf: Config,
        topology: StormTopology,
    ) -> Result<Arc<RunningTopology>, TopologyError> {
        self.submit_with(name, conf, topology, SubmitOptions::default())
    }

    /// Submits a topology, with options.
    pub fn submit_with(
        &self,
        name: &str,
        conf: Config,
        topology: StormTopology,
        options: SubmitOptions,
    ) -> Result<Arc<RunningTopology>, TopologyError> {
        self.submit(name, conf, topology, options, None)
    }

    pub(super) fn submit(
        &self,
        name: &str,
        conf: Config,
        topology: StormTopology,
        options: SubmitOptions,
        capture: Option<Capture>,
    ) -> Result<Arc<RunningTopology>, TopologyError> {
        let running = Arc::new(RunningTopology::new(Submission {
            name: name.to_owned(),
            topology,
            conf,
            clock: self.clock(),
            watch: match self.time {
                Time::Real(_) => Watch::No,
                Time::Simulated(_) => Watch::Census,
            },
            capture,
            consumers: self.consumers().clone(),
        }));
        {
            let mut topologies = self.topologies();
            if topologies.get(name).is_some_and(|other| other.strong_count() > 0) {
                return Err(TopologyError::NameTaken { name: name.to_owned() });
            }
            topologies.insert(name.to_owned(), Arc::downgrade(&running));
        }
        if !options.inactive {
            running.activate()?;
        }
        self.await_quiet();
        Ok(running)
    }

    /// Moves simulated time, a second at a time, and after each step waits until nothing can happen
    /// any more at that time. On the system's clock it does nothing.
    pub fn advance_time(&self, by: Duration) {
        self.advance_time_in_steps(by, Duration::from_secs(1));
    }

    /// Moves simulated time in steps of a length of one's own.
    pub fn advance_time_in_steps(&self, by: Duration, step: Duration) {
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

    /// Waits until nothing can happen any more at the time that simulated time stands at. On the
    /// system's clock it does nothing.
    pub fn await_quiet(&self) {
        self.alive().iter().for_each(|topology| topology.await_quiet());
    }
}

impl Default for LocalCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        for topology in self.alive() {
            // Who wants to know how it ended kills it.
            let _ = topology.kill(super::KillOptions::NOW);
        }
    }
}
