//! Metrics of a component's own.

use crate::nanos::nanos;
use crate::{TaskHook, TaskId, TopologyError, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that a component measures and that is read at the end of every bucket of time. Storm's
/// `IMetric`.
pub trait Metric: Send + Sync + 'static {
    /// Its value since this was called last; `None` says nothing of this bucket.
    fn value_and_reset(&self) -> Option<Value>;
}

/// A number that is counted up, and begins at 0 in each bucket. Storm's `CountMetric`.
#[derive(Debug, Default)]
pub struct CountMetric(AtomicI64);

impl CountMetric {
    /// One more.
    pub fn increment(&self) {
        self.increment_by(1);
    }

    /// So many more.
    pub fn increment_by(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Metric for CountMetric {
    fn value_and_reset(&self) -> Option<Value> {
        Some(self.0.swap(0, Ordering::Relaxed).into())
    }
}

/// A value that stays until another is assigned. Storm's `AssignableMetric`.
#[derive(Debug, Default)]
pub struct AssignableMetric(Mutex<Value>);

impl AssignableMetric {
    /// Sets it.
    pub fn assign(&self, value: impl Into<Value>) {
        *lock(&self.0) = value.into();
    }
}

impl Metric for AssignableMetric {
    fn value_and_reset(&self) -> Option<Value> {
        Some(lock(&self.0).clone()).filter(|value| !value.is_null())
    }
}

/// Numbers that are counted up by name, each a pair of the value, and begin anew in each bucket.
/// Storm's `MultiCountMetric`.
#[derive(Debug, Default)]
pub struct MultiCountMetric(Mutex<BTreeMap<String, i64>>);

impl MultiCountMetric {
    /// One more of a name.
    pub fn increment(&self, name: &str) {
        let mut counts = lock(&self.0);
        match counts.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(counts.insert(name.to_owned(), 1)),
        }
    }
}

impl Metric for MultiCountMetric {
    fn value_and_reset(&self) -> Option<Value> {
        let pair = |(name, count): (&String, &mut i64)| {
            Value::List([name.as_str().into(), std::mem::take(count).into()].into())
        };
        Some(Value::List(lock(&self.0).iter_mut().map(pair).collect()))
    }
}

/// Whose metrics are told, and when. Storm's `IMetricsConsumer.TaskInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// The topology.
    pub topology: String,
    /// The component.
    pub component: String,
    /// The task.
    pub task: TaskId,
    /// The end of the bucket, in milliseconds of the cluster's clock.
    pub time_ms: u64,
    /// The length of the bucket.
    pub bucket: Duration,
}

/// What a metric was in a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct DataPoint {
    /// The name that it was registered under.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// Takes the values of components' metrics at the end of each bucket. Storm's `IMetricsConsumer`; any
/// function of these arguments is one.
///
/// It is called on the threads of executors, and must not keep them for long.
pub trait MetricsConsumer: Send + Sync + 'static {
    /// Takes what a task measured in buckets of one length.
    fn handle_data_points(&self, task: &TaskInfo, points: &[DataPoint]);
}

impl<F: Fn(&TaskInfo, &[DataPoint]) + Send + Sync + 'static> MetricsConsumer for F {
    fn handle_data_points(&self, task: &TaskInfo, points: &[DataPoint]) {
        self(task, points);
    }
}

/// Those who take the metrics of a topology.
#[derive(Clone, Default)]
pub(crate) struct Consumers(pub(crate) Vec<Arc<dyn MetricsConsumer>>);

impl std::fmt::Debug for Consumers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} consumers", self.0.len())
    }
}

/// Metrics that are read together.
struct Bucket {
    length_ns: u64,
    ends_ns: u64,
    metrics: Vec<(String, Arc<dyn Metric>)>,
}

/// What a task registers while it prepares: its metrics, and who watches it.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Inner>);

#[derive(Default)]
struct Inner {
    closed: AtomicBool,
    buckets: Mutex<Vec<Bucket>>,
    hooks: Mutex<Vec<Box<dyn TaskHook>>>,
}

impl Registry {
    /// Takes a metric on, until [`close`](Self::close).
    pub(crate) fn register(
        &self,
        name: &str,
        metric: Arc<dyn Metric>,
        bucket: Duration,
        now_ns: u64,
    ) -> Result<(), TopologyError> {
        let refused = |why| Err(TopologyError::Metric { name: name.to_owned(), why });
        if self.0.closed.load(Ordering::Relaxed) {
            return refused("register it in prepare or open");
        }
        if bucket < Duration::from_millis(1) {
            return refused("its bucket must last a millisecond at least");
        }
        let mut buckets = lock(&self.0.buckets);
        let mut names = buckets.iter().flat_map(|bucket| &bucket.metrics);
        if names.any(|(known, _)| known == name) {
            return refused("the task has one of that name: give each a name of its own");
        }
        let length_ns = nanos(bucket);
        let named = (name.to_owned(), metric);
        match buckets.iter_mut().find(|bucket| bucket.length_ns == length_ns) {
            Some(bucket) => bucket.metrics.push(named),
            None => {
                let ends_ns = now_ns.saturating_add(length_ns);
                buckets.push(Bucket { length_ns, ends_ns, metrics: vec![named] });
            }
        }
        Ok(())
    }

    /// Takes a hook on, until [`close`](Self::close).
    pub(crate) fn add_hook(&self, hook: Box<dyn TaskHook>) -> Result<(), TopologyError> {
        if self.0.closed.load(Ordering::Relaxed) {
            return Err(TopologyError::LateHook);
        }
        lock(&self.0.hooks).push(hook);
        Ok(())
    }

    /// The hooks, which are somebody else's from now on.
    pub(crate) fn take_hooks(&self) -> Vec<Box<dyn TaskHook>> {
        std::mem::take(&mut *lock(&self.0.hooks))
    }

    /// Forgets all and takes others on: the task starts, maybe again.
    pub(crate) fn open(&self) {
        lock(&self.0.buckets).clear();
        lock(&self.0.hooks).clear();
        self.0.closed.store(false, Ordering::Relaxed);
    }

    /// Takes on no more.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    /// When the next bucket ends.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        lock(&self.0.buckets).iter().map(|bucket| bucket.ends_ns).min()
    }

    /// Reads the metrics whose bucket has ended, and tells of them: when it ended, how long it is,
    /// and what they were. Of several buckets that are over, the first has it all.
    pub(crate) fn read(&self, now_ns: u64, tell: &mut dyn FnMut(u64, Duration, &[DataPoint])) {
        for bucket in lock(&self.0.buckets).iter_mut() {
            while bucket.ends_ns <= now_ns {
                let point = |(name, metric): &(String, Arc<dyn Metric>)| {
                    Some(DataPoint { name: name.clone(), value: metric.value_and_reset()? })
                };
                let points: Vec<_> = bucket.metrics.iter().filter_map(point).collect();
                if !points.is_empty() {
                    tell(bucket.ends_ns, Duration::from_nanos(bucket.length_ns), &points);
                }
                bucket.ends_ns = bucket.ends_ns.saturating_add(bucket.length_ns);
            }
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}
