//! The entry point of streaming: definition, start and stop.

use super::checkpoint::About;
use super::clock::EpochClock;
use super::generator::{Plan, Runtime};
use super::input::Input;
use super::lifecycle::{Checkpoints, Graph, Shared, Waiter};
use super::listener::{Event, ListenerBus};
use super::meta::StreamInfo;
use super::monitor::Monitor;
use super::receivers::Receivers;
use super::{ActiveScope, ContextState, ListenerRegistry, StreamingError, StreamingListener, Time};
use crate::settings::Settings;
use crate::wal::WalRegistry;
use crate::{ConfError, SparkConf, SparkContext};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use weir_dataflow::Clock;

const CONCURRENT_JOBS: &str = "spark.streaming.concurrentJobs";
const STOP_TIMEOUT: &str = "spark.streaming.gracefulStopTimeout";

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

impl StopOptions {
    /// At once, and the SparkContext as `spark.streaming.stopSparkContextByDefault` says.
    ///
    /// # Errors
    ///
    /// The setting is neither true nor false.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ConfError> {
        let stop_spark_context = conf.bool("spark.streaming.stopSparkContextByDefault")?;
        Ok(Self { stop_spark_context, graceful: false })
    }
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
/// after the other. A handle: clones are the same context. Dropping the last handle of an active
/// context stops it at once and leaves the SparkContext alone.
#[derive(Clone, Debug)]
pub struct StreamingContext {
    handle: Arc<Handle>,
}

/// What is shared by the handles of a context, and stops it when the last one is gone.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    builder: StreamingContextBuilder,
}

/// The settings of a [`StreamingContext`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct StreamingContextBuilder {
    sc: SparkContext,
    interval: Duration,
    clock: Option<Arc<dyn Clock>>,
    receiver_clock: Option<Arc<dyn Clock>>,
    zero: Option<Time>,
    pacing: Pacing,
    concurrent_jobs: Option<usize>,
    drain: Duration,
    graceful_stop_timeout: Option<Duration>,
    scope: ActiveScope,
    wal_registry: Arc<WalRegistry>,
    listener_registry: Arc<ListenerRegistry>,
}

impl PartialEq for StreamingContext {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }
}

impl StreamingContext {
    /// A context that makes a batch every `interval`, of 1 ms or more.
    pub fn new(sc: &SparkContext, interval: Duration) -> Result<Self, StreamingError> {
        Self::builder(sc, interval).build()
    }

    /// A context with a Spark context of its own, made with these settings. The keys
    /// `spark.streaming.*` of a Spark context hold for every streaming context on it.
    ///
    /// # Errors
    ///
    /// A setting cannot be used.
    pub fn from_conf(conf: &SparkConf, interval: Duration) -> Result<Self, StreamingError> {
        let sc = SparkContext::from_conf(conf)?;
        Self::new(&sc, interval)
    }

    /// A context with a Spark context of its own, which runs on `master` (see [`SparkContext::new`]) and
    /// is named `app_name`.
    ///
    /// # Errors
    ///
    /// There is no such master.
    pub fn from_master(
        master: &str,
        app_name: &str,
        interval: Duration,
    ) -> Result<Self, StreamingError> {
        Self::from_conf(&SparkConf::new().set_master(master).set_app_name(app_name), interval)
    }

    /// More to choose.
    pub fn builder(sc: &SparkContext, interval: Duration) -> StreamingContextBuilder {
        StreamingContextBuilder {
            sc: sc.clone(),
            interval,
            clock: None,
            receiver_clock: None,
            zero: None,
            pacing: Pacing::Clock,
            concurrent_jobs: None,
            drain: Duration::ZERO,
            graceful_stop_timeout: None,
            scope: ActiveScope::process(),
            wal_registry: Arc::default(),
            listener_registry: Arc::default(),
        }
    }

    /// Where it runs its jobs.
    #[must_use]
    pub fn spark_context(&self) -> &SparkContext {
        &self.handle.shared.sc
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> ContextState {
        self.handle.shared.graph().state
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    pub(super) fn batch_interval_ns(&self) -> u64 {
        self.handle.shared.interval_ns
    }

    /// The streams of the context, in the order of their creation.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        self.handle.shared.graph().streams.iter().map(|stream| stream.meta().info()).collect()
    }

    /// The time that batches and windows are counted from; `None` before the start.
    #[must_use]
    pub fn zero_time(&self) -> Option<Time> {
        self.handle.shared.zero.get().copied()
    }

    /// Batches that were handed to the scheduler and are not over: those that wait or run, and those
    /// whose last job failed.
    #[must_use]
    pub fn pending_times(&self) -> Vec<Time> {
        self.handle.shared.pending_times()
    }

    /// Records that receivers have stored and that no batch holds yet, as far as they are counted.
    #[must_use]
    pub fn waiting_records(&self) -> u64 {
        self.handle.shared.receivers.waiting_records()
    }

    /// Waits until the batch at `time` and all before it have been generated and have ended, well or
    /// not; whether that was within `timeout` of real time. For programs that move the clock themselves.
    #[must_use]
    pub fn await_batch(&self, time: Time, timeout: Duration) -> bool {
        self.handle.shared.await_batch(time, timeout)
    }

    /// The context that is active in this process, if there is one.
    #[must_use]
    pub fn get_active() -> Option<Self> {
        ActiveScope::process().active()
    }

    /// The active context, or what `create` makes.
    pub fn get_active_or_create<E>(create: impl FnOnce() -> Result<Self, E>) -> Result<Self, E> {
        Self::get_active().map_or_else(create, Ok)
    }

    pub(super) const fn from_handle(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    /// Makes every stream remember its RDDs for at least `duration` after their batch, for looking at
    /// older ones with [`slice`](super::DStream::slice). Can be called once, before the start.
    pub fn remember(&self, duration: Duration) -> Result<(), StreamingError> {
        let place = &self.handle.shared.remember;
        place
            .set(duration)
            .map_err(|_| StreamingError::RememberedTwice(place.get().copied().unwrap_or_default()))
    }

    /// Where checkpoints are written, from the start on: of the context, so that the program can be
    /// [recovered](super::Recovery), and of the streams with state, which need it. The directory is made
    /// if it does not exist, and the Spark context's RDDs are checkpointed there, too.
    pub fn checkpoint(&self, directory: impl AsRef<Path>) -> Result<(), StreamingError> {
        let path = directory.as_ref();
        std::fs::create_dir_all(path).map_err(|error| StreamingError::CheckpointDirectory {
            path: path.display().to_string(),
            message: error.to_string(),
        })?;
        self.handle.shared.sc.set_checkpoint_dir(path)?;
        *self.checkpoint_place() = Some(path.to_owned());
        Ok(())
    }

    /// The directory that [`checkpoint`](Self::checkpoint) was given.
    #[must_use]
    pub fn checkpoint_dir(&self) -> Option<PathBuf> {
        self.checkpoint_place().clone()
    }

    fn checkpoint_place(&self) -> std::sync::MutexGuard<'_, Option<PathBuf>> {
        self.handle.shared.checkpoint_dir.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells `listener` about batches, before or after the start.
    pub fn add_streaming_listener(&self, listener: Arc<dyn StreamingListener>) {
        self.handle.shared.bus.add(listener);
    }

    /// Tells `listener` no more.
    pub fn remove_streaming_listener(&self, listener: &Arc<dyn StreamingListener>) {
        self.handle.shared.bus.remove(listener);
    }

    /// Starts making batches. The first is that of the first multiple of the interval after now.
    ///
    /// Starting an active context does nothing. Where another context is active, this one stays as it
    /// is and can be started later; any other failure stops it.
    pub fn start(&self) -> Result<(), StreamingError> {
        let mut graph = self.handle.shared.graph();
        match graph.state {
            ContextState::Initialized => {}
            ContextState::Active => return Ok(()),
            ContextState::Stopped => return Err(StreamingError::AlreadyStopped),
        }
        if !self.handle.builder.scope.claim(&self.handle) {
            return Err(StreamingError::AnotherActive);
        }
        match self.run(&mut graph) {
            Ok(runtime) => {
                graph.runtime = Some(runtime);
                graph.state = ContextState::Active;
                Ok(())
            }
            Err(error) => {
                Monitor::stop(&self.handle.shared);
                self.handle.builder.scope.release(&self.handle);
                graph.state = ContextState::Stopped;
                self.handle.shared.waiter.end();
                Err(error)
            }
        }
    }

    fn run(&self, graph: &mut Graph) -> Result<Runtime, StreamingError> {
        let shared = &self.handle.shared;
        if shared.interval_ns == 0 {
            return Err(StreamingError::BatchInterval(Duration::ZERO));
        }
        if graph.outputs.is_empty() {
            return Err(StreamingError::NoOutputs);
        }
        let checkpointed = self.checkpoint_place().is_some();
        let context = shared.remember.get().copied().map_or(0, super::dstream::nanos);
        for output in &graph.outputs {
            output.meta.initialize();
        }
        for output in &graph.outputs {
            output.meta.remember(context, context);
        }
        for output in &graph.outputs {
            output.meta.validate(checkpointed)?;
        }
        let now = Time::from_ns(shared.clock.now_ns());
        // A recovered context has the zero time of the run before.
        let zero = self.handle.builder.zero.unwrap_or_else(|| now.floor(shared.interval_ns));
        shared.zero.get_or_init(|| zero);
        shared.properties.get_or_init(|| shared.sc.local_properties());
        let streams = Arc::new(graph.streams.clone());
        shared.running.get_or_init(|| Arc::downgrade(&streams));
        graph.running = Some(streams);
        Monitor::start(shared)?;
        shared.bus.post(|| Event::Started(shared.clock.now_ns()));
        let sources = Arc::new(graph.inputs.clone());
        shared.sources.get_or_init(|| Arc::downgrade(&sources));
        graph.sources = Some(Arc::clone(&sources));
        if let Some(directory) = self.checkpoint_dir() {
            let about = About::of(shared.sc.conf(), graph);
            let checkpoints = Checkpoints::start(shared, directory, about)?;
            shared.checkpoints.get_or_init(|| checkpoints);
        }
        self.start_inputs(&sources)?;
        let plan = Plan {
            inputs: graph.inputs.clone(),
            outputs: graph.outputs.iter().map(|output| Arc::clone(&output.make)).collect(),
            pacing: self.handle.builder.pacing,
            concurrent_jobs: self.handle.builder.concurrent_jobs.unwrap_or(1).max(1),
            drain_ns: super::dstream::nanos(self.handle.builder.drain),
        };
        Runtime::start(shared, plan)
    }

    fn start_inputs(&self, inputs: &[Arc<dyn Input>]) -> Result<(), StreamingError> {
        let shared = &self.handle.shared;
        let receivers: Vec<usize> = inputs.iter().filter_map(|input| input.receiver()).collect();
        let settings = Settings::from(shared.sc.conf());
        let (place, clock) = (self.checkpoint_dir(), &shared.clock);
        let recover = shared.recovered.get().is_some();
        shared.receivers.start(&receivers, clock, place.as_deref(), &settings, recover)?;
        let started = inputs.iter().try_for_each(|input| Arc::clone(input).start(shared));
        if started.is_err() {
            inputs.iter().for_each(|input| input.stop_receiving());
        }
        started
    }

    /// Waits until the context has been stopped, or until all its inputs have ended and their batches
    /// are done. Fails with the first error that was reported; an error does not stop the context.
    pub fn await_termination(&self) -> Result<(), StreamingError> {
        self.handle.shared.waiter.wait()
    }

    /// The same, for `timeout` at most: `false` if it passed first.
    pub fn await_termination_or_timeout(&self, timeout: Duration) -> Result<bool, StreamingError> {
        self.handle.shared.waiter.wait_for(timeout)
    }

    /// Stops the context, from any state. Stopping a stopped one does nothing more than stop the
    /// SparkContext where that is asked for. Its threads have ended when this returns, and listeners
    /// have been told of everything. Neither a job nor a listener can stop its own context.
    pub fn stop(&self, options: StopOptions) -> Result<(), StreamingError> {
        self.handle.stop(options)
    }

    /// Stops the context at once, and the SparkContext too unless
    /// `spark.streaming.stopSparkContextByDefault` is false: Spark's `stop()`.
    ///
    /// # Errors
    ///
    /// As for [`stop`](Self::stop).
    pub fn stop_as_configured(&self) -> Result<(), StreamingError> {
        self.stop(StopOptions::from_conf(self.spark_context().conf())?)
    }
}

impl Handle {
    /// Closes the definition, for good.
    fn close(&self) -> Option<Runtime> {
        let mut graph = self.shared.graph();
        graph.state = ContextState::Stopped;
        graph.runtime.take()
    }

    /// Outputs hold streams and streams hold this context: the circle is broken here.
    fn clear(&self) {
        let mut graph = self.shared.graph();
        let inputs = std::mem::take(&mut graph.inputs);
        let outputs = std::mem::take(&mut graph.outputs);
        let streams = (std::mem::take(&mut graph.streams), graph.running.take());
        let sources = graph.sources.take();
        drop(graph);
        inputs.iter().for_each(|input| input.stop_receiving());
        inputs.iter().for_each(|input| input.stop());
        if let Some(checkpoints) = self.shared.checkpoints.get() {
            checkpoints.writer.close();
        }
        self.shared.receivers.stop();
        drop((inputs, outputs, streams, sources));
    }

    fn stop(&self, options: StopOptions) -> Result<(), StreamingError> {
        let me = std::thread::current().id();
        if self.shared.bus.thread() == Some(me) {
            return Err(StreamingError::StopInsideListener);
        }
        if self.shared.graph().runtime.as_ref().is_some_and(Runtime::is_inside) {
            return Err(StreamingError::StopInsideJob);
        }
        if let Some(runtime) = self.close() {
            // First, so that the last batch has everything that was received.
            let sources = self.shared.graph().sources.clone();
            sources.iter().flat_map(|all| all.iter()).for_each(|input| input.stop_receiving());
            let interval = Duration::from_nanos(self.shared.interval_ns);
            let patience = self.builder.graceful_stop_timeout.unwrap_or(interval * 10);
            runtime.stop(options.graceful, patience);
        }
        self.clear();
        self.shared.bus.stop();
        Monitor::stop(&self.shared);
        self.builder.scope.release_shared(&self.shared);
        self.shared.waiter.end();
        if options.stop_spark_context {
            self.shared.sc.stop();
        }
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let options = StopOptions { stop_spark_context: false, graceful: false };
        if self.stop(options).is_err() {
            // The last handle was dropped by a job or a listener, which cannot wait for its own thread.
            if let Some(runtime) = self.close() {
                runtime.abandon();
            }
            Monitor::stop(&self.shared);
            self.clear();
            self.builder.scope.release_shared(&self.shared);
        }
    }
}

impl StreamingContextBuilder {
    /// What tells the time. Default: the time since the Unix epoch.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What receivers tell the time by: block intervals, rates, restart delays. Default: real time, also
    /// where batches follow another clock.
    pub fn receiver_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.receiver_clock = Some(clock);
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

    /// How many batches may run at a time; 0 is taken as 1. Default: `spark.streaming.concurrentJobs`,
    /// or 1, so that batches run in order.
    pub const fn concurrent_jobs(mut self, jobs: usize) -> Self {
        self.concurrent_jobs = Some(jobs);
        self
    }

    /// For how long empty batches follow, without waiting for the clock, once all inputs have ended:
    /// the length of the longest window, for the windows that are still open then. Default: none.
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// How long a graceful stop may take; what is left then is dropped. Default:
    /// `spark.streaming.gracefulStopTimeout`, or 10 batch intervals.
    pub const fn graceful_stop_timeout(mut self, timeout: Duration) -> Self {
        self.graceful_stop_timeout = Some(timeout);
        self
    }

    /// Where this context may be the only active one. Default: the process.
    pub fn scope(mut self, scope: ActiveScope) -> Self {
        self.scope = scope;
        self
    }

    /// The kinds of write-ahead logs that `spark.streaming.{driver,receiver}.writeAheadLog.class` may
    /// name. Default: none but the log in files.
    pub fn wal_registry(mut self, registry: Arc<WalRegistry>) -> Self {
        self.wal_registry = registry;
        self
    }

    /// The listeners that `spark.streaming.extraListeners` may name. Default: none.
    pub fn listener_registry(mut self, registry: Arc<ListenerRegistry>) -> Self {
        self.listener_registry = registry;
        self
    }

    /// Makes the context.
    pub fn build(mut self) -> Result<StreamingContext, StreamingError> {
        let settings = Settings::from(self.sc.conf());
        if self.concurrent_jobs.is_none() && self.sc.conf().contains(CONCURRENT_JOBS) {
            self.concurrent_jobs = Some(settings.number(CONCURRENT_JOBS, 1)?);
        }
        if self.graceful_stop_timeout.is_none() && self.sc.conf().contains(STOP_TIMEOUT) {
            let timeout_ms = settings.time_ms(STOP_TIMEOUT, 0)?;
            self.graceful_stop_timeout = Some(Duration::from_millis(timeout_ms));
        }
        let listeners = self.listener_registry.named_in(self.sc.conf())?;
        let unpersist = self.sc.conf().bool("spark.streaming.unpersist")?;
        let interval_ns = u64::try_from(self.interval.as_nanos()).unwrap_or(0);
        // Spark takes 0 here, too; it cannot be started.
        if (1..1_000_000).contains(&interval_ns) {
            return Err(StreamingError::BatchInterval(self.interval));
        }
        let epoch: Arc<dyn Clock> = Arc::new(EpochClock::new());
        let clock = self.clock.clone().unwrap_or_else(|| Arc::clone(&epoch));
        let receiving = self.receiver_clock.clone().unwrap_or(epoch);
        let shared = Arc::new(Shared {
            sc: self.sc.clone(),
            interval_ns,
            clock,
            zero: OnceLock::new(),
            properties: OnceLock::new(),
            graph: Mutex::default(),
            waiter: Waiter::default(),
            bus: ListenerBus::default(),
            monitor: OnceLock::new(),
            inputs: super::InputInfoTracker::default(),
            receivers: Receivers::new(receiving, self.wal_registry.clone()),
            sources: OnceLock::new(),
            input_count: AtomicUsize::new(0),
            remember: OnceLock::new(),
            checkpoint_dir: Mutex::default(),
            checkpoints: OnceLock::new(),
            recovered: OnceLock::new(),
            batches: Mutex::default(),
            batches_moved: std::sync::Condvar::new(),
            running: OnceLock::new(),
            unpersist,
        });
        listeners.into_iter().for_each(|listener| shared.bus.add(listener));
        let directory =
            self.sc.conf().get("spark.streaming.checkpoint.directory").map(str::to_owned);
        let made = StreamingContext { handle: Arc::new(Handle { shared, builder: self }) };
        directory.map_or(Ok(()), |directory| made.checkpoint(directory))?;
        Ok(made)
    }
}
