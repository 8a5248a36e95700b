//! The entry point of streaming: definition, start and stop.

use super::generator::{Plan, Runtime};
use super::lifecycle::{Graph, Shared, Waiter};
use super::{ActiveScope, ContextState, StreamingError, StreamingListener, Time};
use crate::SparkContext;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use weir_dataflow::{Clock, SystemClock};

/// What the job generator waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// The batch's time on the clock.
    #[default]
    Clock,
    /// Room: the next batch is generated while the one before runs, whatever the clock says. For
    /// measuring what the engine can do, and for replays.
    Unpaced,
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopOptions {
    /// Whether the SparkContext is stopped too.
    pub stop_spark_context: bool,
    /// Whether one more tick is waited for, so that everything that has arrived is processed, and
    /// batches that wait are run. Otherwise they are dropped; the running one is finished.
    pub graceful: bool,
}

impl Default for StopOptions {
    /// Spark's: at once, and the SparkContext too.
    fn default() -> Self {
        Self { stop_spark_context: true, graceful: false }
    }
}

/// Turns streams into batches on a [`SparkContext`].
///
/// A context is defined, started once, and stopped: it moves from
/// [`Initialized`](ContextState::Initialized) to [`Active`](ContextState::Active) to
/// [`Stopped`](ContextState::Stopped) and never back. Several contexts may use one SparkContext one
/// after the other. Dropping an active context stops it at once and leaves the SparkContext alone.
#[derive(Debug)]
pub struct StreamingContext {
    shared: Arc<Shared>,
    builder: StreamingContextBuilder,
}

/// The settings of a [`StreamingContext`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct StreamingContextBuilder {
    sc: SparkContext,
    interval: Duration,
    clock: Option<Arc<dyn Clock>>,
    zero: Option<Time>,
    pacing: Pacing,
    concurrent_jobs: usize,
    drain: Duration,
    scope: ActiveScope,
}

impl StreamingContext {
    /// A context that makes a batch every `interval`, of 1 ms or more.
    pub fn new(sc: &SparkContext, interval: Duration) -> Result<Self, StreamingError> {
        Self::builder(sc, interval).build()
    }

    /// More to choose.
    pub fn builder(sc: &SparkContext, interval: Duration) -> StreamingContextBuilder {
        StreamingContextBuilder {
            sc: sc.clone(),
            interval,
            clock: None,
            zero: None,
            pacing: Pacing::Clock,
            concurrent_jobs: 1,
            drain: Duration::ZERO,
            scope: ActiveScope::process(),
        }
    }

    /// Where it runs its jobs.
    #[must_use]
    pub fn spark_context(&self) -> &SparkContext {
        &self.shared.sc
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> ContextState {
        self.shared.graph().state
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn batch_interval_ns(&self) -> u64 {
        self.shared.interval_ns
    }

    /// Tells `listener` about batches. Those that are added before the start hear of every batch;
    /// later ones of none.
    pub fn add_streaming_listener(&self, listener: Arc<dyn StreamingListener>) {
        self.shared.graph().listeners.push(listener);
    }

    /// Starts making batches. The first is that of the first multiple of the interval after now.
    ///
    /// Starting an active context does nothing. Where another context is active, this one stays as it
    /// is and can be started later; any other failure stops it.
    pub fn start(&self) -> Result<(), StreamingError> {
        let mut graph = self.shared.graph();
        match graph.state {
            ContextState::Initialized => {}
            ContextState::Active => return Ok(()),
            ContextState::Stopped => return Err(StreamingError::AlreadyStopped),
        }
        if !self.builder.scope.claim(&self.shared) {
            return Err(StreamingError::AnotherActive);
        }
        match self.run(&mut graph) {
            Ok(runtime) => {
                graph.runtime = Some(runtime);
                graph.state = ContextState::Active;
                Ok(())
            }
            Err(error) => {
                self.builder.scope.release(&self.shared);
                graph.state = ContextState::Stopped;
                self.shared.waiter.end();
                Err(error)
            }
        }
    }

    fn run(&self, graph: &mut Graph) -> Result<Runtime, StreamingError> {
        if graph.outputs.is_empty() {
            return Err(StreamingError::NoOutputs);
        }
        let now = Time::from_ns(self.shared.clock.now_ns());
        let zero = self.builder.zero.unwrap_or_else(|| now.floor(self.shared.interval_ns));
        self.shared.zero.get_or_init(|| zero);
        let plan = Plan {
            inputs: graph.inputs.clone(),
            outputs: graph.outputs.clone(),
            listeners: graph.listeners.clone(),
            pacing: self.builder.pacing,
            concurrent_jobs: self.builder.concurrent_jobs,
            drain_ns: u64::try_from(self.builder.drain.as_nanos()).unwrap_or(u64::MAX),
        };
        Runtime::start(&self.shared, plan)
    }

    /// Closes the definition, for good.
    fn close(&self) -> Option<Runtime> {
        let mut graph = self.shared.graph();
        graph.state = ContextState::Stopped;
        let definition = (std::mem::take(&mut graph.outputs), std::mem::take(&mut graph.inputs));
        let runtime = graph.runtime.take();
        drop(graph);
        // Outputs hold streams and streams hold this context: the circle is broken here.
        drop(definition);
        runtime
    }

    /// Waits until the context has been stopped, or until all its inputs have ended and their batches
    /// are done. Fails with the first error that was reported; an error does not stop the context.
    pub fn await_termination(&self) -> Result<(), StreamingError> {
        self.shared.waiter.wait()
    }

    /// The same, for `timeout` at most: `false` if it passed first.
    pub fn await_termination_or_timeout(&self, timeout: Duration) -> Result<bool, StreamingError> {
        self.shared.waiter.wait_for(timeout)
    }

    /// Stops the context, from any state. Stopping a stopped one does nothing more than stop the
    /// SparkContext where that is asked for. Its threads have ended when this returns.
    pub fn stop(&self, options: StopOptions) -> Result<(), StreamingError> {
        if self.shared.graph().runtime.as_ref().is_some_and(Runtime::is_inside) {
            return Err(StreamingError::StopInsideJob);
        }
        if let Some(runtime) = self.close() {
            runtime.stop(options.graceful);
        }
        self.builder.scope.release(&self.shared);
        self.shared.waiter.end();
        if options.stop_spark_context {
            self.shared.sc.stop();
        }
        Ok(())
    }
}

impl Drop for StreamingContext {
    fn drop(&mut self) {
        let options = StopOptions { stop_spark_context: false, graceful: false };
        if self.stop(options).is_err() {
            // The last handle was dropped by a job, which cannot wait for its own thread.
            if let Some(runtime) = self.close() {
                runtime.abandon();
            }
            self.builder.scope.release(&self.shared);
        }
    }
}

impl StreamingContextBuilder {
    /// What tells the time. Default: a new [`SystemClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The time that batches and windows are counted from; the first batch ends one interval later.
    /// Ticks that lie in the past are fired back to back. Default: the last multiple of the interval
    /// before the start.
    pub const fn zero_time(mut self, zero: Time) -> Self {
        self.zero = Some(zero);
        self
    }

    /// What the generator waits for. Default: the clock.
    pub const fn pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// How many batches may run at a time; 0 is taken as 1. Default: 1, so that batches run in order.
    pub const fn concurrent_jobs(mut self, jobs: usize) -> Self {
        self.concurrent_jobs = if jobs == 0 { 1 } else { jobs };
        self
    }

    /// For how long empty batches follow, without waiting for the clock, once all inputs have ended:
    /// the length of the longest window, for the windows that are still open then. Default: none.
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Where this context may be the only active one. Default: the process.
    pub fn scope(mut self, scope: ActiveScope) -> Self {
        self.scope = scope;
        self
    }

    /// Makes the context.
    pub fn build(self) -> Result<StreamingContext, StreamingError> {
        let interval_ns = u64::try_from(self.interval.as_nanos()).unwrap_or(0);
        if interval_ns < 1_000_000 {
            return Err(StreamingError::BatchInterval(self.interval));
        }
        let clock = self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()));
        let shared = Arc::new(Shared {
            sc: self.sc.clone(),
            interval_ns,
            clock,
            zero: OnceLock::new(),
            graph: Mutex::default(),
            waiter: Waiter::default(),
        });
        Ok(StreamingContext { shared, builder: self })
    }
}
