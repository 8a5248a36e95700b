//! The cluster.

use super::running::{KillOptions, RunningTopology, Submission, TopologySummary};
use super::site::{STEP, Site, Time};
use crate::metrics::{Consumers, MetricsConsumer};
use crate::testing::Capture;
use crate::{Config, StormTopology, TopologyError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock, RunError, SystemClock};

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
///
/// As in Storm, what has been submitted runs whether or not anybody keeps the handle that
/// [`submit_topology`](Self::submit_topology) returns. When the cluster is dropped, it kills the
/// topologies that nobody has a handle to; the others go on until the last handle is dropped.
/// [`shutdown`](Self::shutdown) kills them all.
#[derive(Debug)]
#[must_use = "dropping a cluster kills the topologies that nobody has a handle to"]
pub struct LocalCluster {
    site: Arc<Site>,
    consumers: Mutex<Consumers>,
}

impl LocalCluster {
    /// A cluster on the system's clock.
    pub fn new() -> Self {
        Self::on_clock(Arc::new(SystemClock::new()))
    }

    /// A cluster on a clock of the caller's, which goes on by itself.
    pub fn on_clock(clock: Arc<dyn Clock>) -> Self {
        Self::on(Time::Real(clock))
    }

    /// A cluster whose time stands still unless [`advance_time`](Self::advance_time) moves it.
    pub fn with_simulated_time() -> Self {
        Self::on(Time::Simulated(Arc::new(ManualClock::new())))
    }

    fn on(time: Time) -> Self {
        Self { site: Arc::new(Site::new(time)), consumers: Mutex::default() }
    }

    /// The cluster's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.site.clock()
    }

    /// Has the metrics that components register told to somebody, of all topologies that are submitted
    /// from now on. See [`TopologyContext::register_metric`](crate::TopologyContext::register_metric).
    pub fn register_metrics_consumer(&self, consumer: impl MetricsConsumer) {
        self.consumers().0.push(Arc::new(consumer));
    }

    fn consumers(&self) -> MutexGuard<'_, Consumers> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a topology. No other that runs here may have its name. It goes on when the handle is
    /// dropped, for as long as there is the cluster.
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
            capture,
            site: Arc::clone(&self.site),
            consumers: self.consumers().clone(),
        }));
        if !self.site.admit(&running) {
            return Err(TopologyError::NameTaken { name: name.to_owned() });
        }
        if !options.inactive
            && let Err(error) = running.activate()
        {
            self.site.remove(name);
            return Err(error);
        }
        self.await_quiet();
        Ok(running)
    }

    /// The topology of that name, if it has not ended.
    #[must_use]
    pub fn topology(&self, name: &str) -> Option<Arc<RunningTopology>> {
        self.site.alive(name)
    }

    /// Kills the topology of that name: see [`RunningTopology::kill`].
    pub fn kill_topology(
        &self,
        name: &str,
        options: KillOptions,
    ) -> Result<TopologySummary, RunError> {
        let not_alive = || TopologyError::NotAlive { name: name.to_owned() };
        self.topology(name).ok_or_else(not_alive)?.kill(options)
    }

    /// Kills all topologies at once, whoever has handles to them.
    pub fn shutdown(self) {
        for topology in self.site.take_all() {
            // Who wants to know how it ended has a handle.
            let _ = topology.kill(KillOptions::NOW);
        }
    }

    /// Moves simulated time, a second at a time, and after each step waits until nothing can happen
    /// any more at that time. On the system's clock it does nothing.
    pub fn advance_time(&self, by: Duration) {
        self.site.advance(by, STEP);
    }

    /// Moves simulated time in steps of a length of one's own.
    pub fn advance_time_in_steps(&self, by: Duration, step: Duration) {
        self.site.advance(by, step);
    }

    /// Waits until nothing can happen any more at the time that simulated time stands at. On the
    /// system's clock it does nothing.
    pub fn await_quiet(&self) {
        self.site.await_quiet();
    }
}

impl Default for LocalCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        // A topology ends with the last handle to it.
        drop(self.site.take_all());
    }
}
