//! What a task knows of its topology.

use super::TaskHook;
use crate::metrics::{Metric, Registry};
use crate::state::StateProvider;
use crate::{Config, Fields, TaskId, TopologyError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::Clock;

/// What all tasks of a topology know of it.
#[derive(Debug)]
pub(crate) struct TopologyInfo {
    pub(crate) name: String,
    /// The tasks of each component, in ascending order; those of the system included.
    pub(crate) tasks: BTreeMap<Arc<str>, Vec<TaskId>>,
    /// The streams of each component, and their fields.
    pub(crate) streams: BTreeMap<Arc<str>, BTreeMap<String, Fields>>,
    /// Which streams each component subscribes to, as component and stream.
    pub(crate) sources: BTreeMap<Arc<str>, Vec<(String, String)>>,
    pub(crate) conf: Config,
}

/// What a task knows of itself and its topology.
#[derive(Clone, Debug)]
pub struct TopologyContext {
    pub(crate) info: Arc<TopologyInfo>,
    pub(crate) component: Arc<str>,
    pub(crate) task: TaskId,
    pub(crate) index: usize,
    pub(crate) waker: Waker,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) states: StateProvider,
    pub(crate) other_spouts: OtherSpouts,
    pub(crate) registry: Registry,
}

impl TopologyContext {
    /// The topology's name.
    #[must_use]
    pub fn topology_name(&self) -> &str {
        &self.info.name
    }

    /// The topology's configuration, without what is set for this component.
    #[must_use]
    pub fn topology_config(&self) -> &Config {
        &self.info.conf
    }

    /// The id of this task's component.
    #[must_use]
    pub fn component_id(&self) -> &str {
        &self.component
    }

    /// The number of this task, among all tasks of the topology.
    #[must_use]
    pub const fn task_id(&self) -> TaskId {
        self.task
    }

    /// The place of this task among the tasks of its component, from 0.
    #[must_use]
    pub const fn task_index(&self) -> usize {
        self.index
    }

    /// The tasks of a component, in ascending order; none of an unknown one.
    #[must_use]
    pub fn component_tasks(&self, component: &str) -> &[TaskId] {
        self.info.tasks.get(component).map_or(&[], Vec::as_slice)
    }

    /// The components, those of the system included.
    pub fn component_ids(&self) -> impl Iterator<Item = &str> {
        self.info.tasks.keys().map(|id| &**id)
    }

    /// The fields of a stream.
    #[must_use]
    pub fn output_fields(&self, component: &str, stream: &str) -> Option<&Fields> {
        self.info.streams.get(component)?.get(stream)
    }

    /// The streams of this component.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.info.streams.get(&self.component).into_iter().flatten().map(|(id, _)| &**id)
    }

    /// What this component subscribes to, as component and stream.
    #[must_use]
    pub fn sources(&self) -> &[(String, String)] {
        self.info.sources.get(&self.component).map_or(&[], Vec::as_slice)
    }

    /// Where the states of this component are kept, as the configuration says: those of stateful
    /// bolts, and any that the component opens itself, under a [part](crate::state::Namespace::part)
    /// of its namespace. An executor that is started again finds them there.
    #[must_use]
    pub const fn state_provider(&self) -> &StateProvider {
        &self.states
    }

    /// The time of the cluster's clock, in nanoseconds.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// When that clock stood at 0, in nanoseconds since the Unix epoch. Times that are kept for a later
    /// process need it.
    #[must_use]
    pub fn clock_origin_ns(&self) -> u64 {
        self.clock.origin_ns()
    }

    /// Has a metric of the component's own read at the end of every `bucket` of time, and told to the
    /// consumers of metrics (see
    /// [`LocalCluster::register_metrics_consumer`](crate::LocalCluster::register_metrics_consumer)).
    /// Returns the metric, to be kept and updated.
    ///
    /// It is an error after `prepare` or `open` has returned, when the task has a metric of that name,
    /// and for a bucket shorter than a millisecond.
    ///
    /// ```
    /// use std::time::Duration;
    /// use weir_topology::{metrics::CountMetric, testing::MockContext};
    /// let context = MockContext::new("count", 1).build();
    /// let words = context.register_metric("words", CountMetric::default(), Duration::from_secs(60))?;
    /// words.increment();
    /// # Ok::<(), weir_topology::TopologyError>(())
    /// ```
    pub fn register_metric<M: Metric>(
        &self,
        name: &str,
        metric: M,
        bucket: Duration,
    ) -> Result<Arc<M>, TopologyError> {
        let metric = Arc::new(metric);
        let shared = Arc::clone(&metric) as Arc<dyn Metric>;
        self.registry.register(name, shared, bucket, self.now_ns())?;
        Ok(metric)
    }

    /// Has what the task does watched, from the end of `prepare` or `open` on. It is an error after
    /// that.
    pub fn add_task_hook(&self, hook: impl TaskHook) -> Result<(), TopologyError> {
        self.registry.add_hook(Box::new(hook))
    }

    /// Something that makes a waiting spout look again at once.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// Makes a spout that waits, because it had nothing to emit, look again at once. May be called from
/// any thread, also after the topology has ended.
#[derive(Clone, Default)]
pub struct Waker(pub(crate) Option<Arc<dyn Fn() + Send + Sync>>);

impl Waker {
    /// Wakes it.
    pub fn wake(&self) {
        if let Some(wake) = &self.0 {
            wake();
        }
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

/// The executors of spouts, that of checkpoints aside: how it knows that no more is to come.
#[derive(Clone, Debug)]
pub(crate) struct OtherSpouts(Arc<Running>);

#[derive(Debug)]
struct Running {
    executors: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
}

impl OtherSpouts {
    pub(crate) fn new(executors: usize) -> Self {
        Self(Arc::new(Running { executors: AtomicUsize::new(executors), wakers: Mutex::default() }))
    }

    /// One has ended: it will emit no more, and none of its trees is open.
    pub(crate) fn one_ended(&self) {
        if self.0.executors.fetch_sub(1, Ordering::AcqRel) == 1 {
            let wakers = self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            wakers.iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn have_ended(&self) -> bool {
        self.0.executors.load(Ordering::Acquire) == 0
    }

    /// Asks to be woken when all have ended.
    pub(crate) fn wake_at_their_end(&self, waker: Waker) {
        self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(waker);
    }
}

impl Default for OtherSpouts {
    /// One that goes on for ever.
    fn default() -> Self {
        Self::new(1)
    }
}
