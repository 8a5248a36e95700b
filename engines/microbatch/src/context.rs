//! The entry point of the native API: where tasks run, and how many at a time.

mod local_properties;

pub(crate) use local_properties::{INTERRUPT_ON_CANCEL, LocalProperties};
pub use local_properties::{JOB_DESCRIPTION, JOB_GROUP};

use crate::broadcast::Broadcast;
use crate::conf::{ConfError, SparkConf};
use crate::metrics::Metrics;
use crate::metrics_source::MetricsSource;
use crate::rdd::Rdd;
use crate::rdd::sources::{Slices, UnionRdd};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use thiserror::Error;
use weir_dataflow::{Cancel, Data};

/// Why a [`SparkContext`], or something made by one, could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The master is not one that there is.
    #[error(
        "unknown master {0:?}; use local, local[N] with N at least 1, local[*], or either with the \
         number of attempts at a task, as in local[2,3]"
    )]
    UnknownMaster(String),
    /// A worker thread could not be started.
    #[error("failed to start worker {name}: {message}; use fewer workers")]
    Spawn {
        /// The thread's name.
        name: String,
        /// The system's reason.
        message: String,
    },
    /// An RDD of no partitions was asked for.
    #[error("Positive number of partitions required; ask for at least 1")]
    NoPartitions,
    /// A setting is wrong.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// Another storage level than before.
    #[error(
        "Cannot change storage level of an RDD after it was already assigned a level; unpersist it \
         first"
    )]
    LevelChanged,
    /// No such storage level.
    #[error("Invalid StorageLevel: {0}; use a name such as MEMORY_ONLY or DISK_ONLY")]
    StorageLevel(String),
    /// A checkpoint without a place for it.
    #[error(
        "Checkpoint directory has not been set in the SparkContext; call set_checkpoint_dir first"
    )]
    NoCheckpointDir,
    /// RDDs of different widths are to be zipped.
    #[error(
        "Can't zip RDDs with unequal numbers of partitions: {0:?}; repartition them to the same number"
    )]
    UnequalPartitions(Vec<usize>),
    /// A fraction or weight that means nothing.
    #[error("{what} must be {rule}, but got {given}; choose another")]
    Argument {
        /// The argument.
        what: &'static str,
        /// What is allowed.
        rule: &'static str,
        /// What was given.
        given: String,
    },
    /// A file cannot be read; says which, why, and what to do.
    #[error("{0}")]
    Input(String),
    /// A directory cannot be used.
    #[error("cannot use the directory {path}: {message}; choose one that can be written to")]
    Directory {
        /// Which.
        path: String,
        /// The system's reason.
        message: String,
    },
}

/// A pool of workers and the RDDs that are computed on it. A handle: clones are the same context.
///
/// The pool is the context's own; its threads are named `microbatch-worker-N` and are joined when
/// the last handle is dropped (RDDs hold one).
///
/// ```
/// use weir_microbatch::SparkContext;
///
/// let sc = SparkContext::local(2)?;
/// let words = sc.parallelize(vec!["to", "be", "or", "not", "to", "be"], 3)?;
/// let mut counts = words.map(|word| (word, 1)).reduce_by_key(|a, b| a + b, 2).collect()?;
/// counts.sort();
/// assert_eq!(counts, [("be", 2), ("not", 1), ("or", 1), ("to", 2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SparkContext {
    inner: Arc<Inner>,
}

struct Inner {
    workers: usize,
    /// What was asked for; one per worker otherwise.
    default_parallelism: Option<usize>,
    max_failures: u32,
    conf: SparkConf,
    // Dropped, and so told to end, before the threads are joined.
    pool: Option<ThreadPool>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    stopped: AtomicBool,
    cancel: Cancel,
    metrics: Metrics,
    sources: Mutex<Vec<Arc<dyn MetricsSource>>>,
    next_id: AtomicU64,
    next_rdd_id: AtomicU64,
    next_broadcast_id: AtomicU64,
    checkpoint_dir: Mutex<Option<PathBuf>>,
    /// RDDs that have been marked for a checkpoint, ever.
    checkpoints: AtomicUsize,
    /// Made when first needed, removed when the context ends.
    local_dir: Mutex<Option<tempfile::TempDir>>,
}

impl SparkContext {
    /// A context of `workers` threads; 0 is taken as 1.
    pub fn local(workers: usize) -> Result<Self, ContextError> {
        Self::builder().workers(workers).build()
    }

    /// A context by its master's name, as in Spark: `local` (one worker), `local[4]`, `local[*]` (one
    /// per core), and `local[4,3]` with three attempts at each task.
    pub fn new(master: &str) -> Result<Self, ContextError> {
        Self::from_conf(&SparkConf::new().set_master(master))
    }

    /// A context by its settings. `spark.master` must be among them.
    ///
    /// A task is tried as often as the master says (`local[N,M]`); else `spark.task.maxFailures`
    /// times if that was set; else once, as Spark does locally.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ContextError> {
        Self::builder().conf(conf)?.build()
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn conf(&self) -> &SparkConf {
        &self.inner.conf
    }

    /// `spark.app.name`, if it was set.
    #[must_use]
    pub fn app_name(&self) -> Option<&str> {
        self.inner.conf.get("spark.app.name")
    }

    /// How often a task is tried before its job fails.
    #[must_use]
    pub fn max_failures(&self) -> u32 {
        self.inner.max_failures
    }

    /// More to choose.
    pub fn builder() -> SparkContextBuilder {
        SparkContextBuilder::default()
    }

    /// How many threads tasks run on.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.inner.workers
    }

    /// Into how many partitions data is cut unless somebody says otherwise.
    #[must_use]
    pub fn default_parallelism(&self) -> usize {
        self.inner.default_parallelism.unwrap_or(self.inner.workers)
    }

    /// The default parallelism, if somebody has set it.
    pub(crate) fn set_parallelism(&self) -> Option<usize> {
        self.inner.default_parallelism
    }

    /// Partitions of files unless somebody says otherwise: the default parallelism, at most 2.
    #[must_use]
    pub fn default_min_partitions(&self) -> usize {
        self.default_parallelism().min(2)
    }

    /// A collection as an RDD of `slices` partitions: slice *i* holds `[i*len/n, (i+1)*len/n)`.
    pub fn parallelize<T: Data>(
        &self,
        data: Vec<T>,
        slices: usize,
    ) -> Result<Rdd<T>, ContextError> {
        if slices == 0 {
            return Err(ContextError::NoPartitions);
        }
        Ok(Rdd::new(self.clone(), Arc::new(Slices::new(data, slices))))
    }

    /// An RDD of one record.
    pub(crate) fn single<T: Data>(&self, value: T) -> Rdd<T> {
        Rdd::new(self.clone(), Arc::new(Slices::new(vec![value], 1)))
    }

    /// An RDD without partitions.
    #[must_use]
    pub fn empty<T: Data>(&self) -> Rdd<T> {
        self.union(&[])
    }

    /// An RDD without partitions, by Spark's name.
    #[must_use]
    pub fn empty_rdd<T: Data>(&self) -> Rdd<T> {
        self.empty()
    }

    /// The integers from `start` to `end` (exclusive) by `step`, in `slices` partitions. A negative
    /// step counts down; 0 is refused.
    pub fn range(
        &self,
        start: i64,
        end: i64,
        step: i64,
        slices: usize,
    ) -> Result<Rdd<i64>, ContextError> {
        if step == 0 {
            let (what, rule) = ("step", "other than 0");
            return Err(ContextError::Argument { what, rule, given: "0".into() });
        }
        let span = i128::from(end) - i128::from(start);
        let step = i128::from(step);
        let whole = if span.signum() == step.signum() {
            span.unsigned_abs().div_ceil(step.unsigned_abs())
        } else {
            0
        };
        let count = u64::try_from(whole).unwrap_or(u64::MAX) as i128;
        let indices = self.parallelize((0..slices as i128).collect::<Vec<_>>(), slices)?;
        let slices = slices as i128;
        Ok(indices
            .flat_map(move |slice| {
                let piece = slice * count / slices..(slice + 1) * count / slices;
                // Within the bounds, which are i64.
                piece.map(move |index| (i128::from(start) + index * step) as i64)
            })
            .labelled("range"))
    }

    /// A value that tasks read; see [`Broadcast`].
    #[must_use]
    pub fn broadcast<T: Send + Sync + 'static>(&self, value: T) -> Broadcast<T> {
        Broadcast::new(self.inner.next_broadcast_id.fetch_add(1, Ordering::Relaxed), value)
    }

    /// Where [`Rdd::checkpoint`] writes: a folder of this context's own under `directory`, which is
    /// made.
    pub fn set_checkpoint_dir(&self, directory: impl AsRef<Path>) -> Result<(), ContextError> {
        let directory = directory.as_ref();
        let refused = |error: std::io::Error| ContextError::Directory {
            path: directory.display().to_string(),
            message: error.to_string(),
        };
        std::fs::create_dir_all(directory).map_err(refused)?;
        // Made anew when something is written to it, which in many contexts nothing ever is; for now it
        // is seen that it can be made.
        let made = tempfile::Builder::new().prefix("").rand_bytes(16).tempdir_in(directory);
        let own = made.map_err(refused)?.path().to_owned();
        *self.inner.checkpoint_dir.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
        Ok(())
    }

    /// This context's folder under the directory of [`set_checkpoint_dir`](Self::set_checkpoint_dir).
    #[must_use]
    pub fn checkpoint_dir(&self) -> Option<PathBuf> {
        self.inner.checkpoint_dir.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn checkpoint_marked(&self) {
        self.inner.checkpoints.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn has_checkpoints(&self) -> bool {
        self.inner.checkpoints.load(Ordering::Acquire) > 0
    }

    /// The folder for what is kept on disk, under `spark.local.dir`.
    pub(crate) fn local_dir(&self) -> Result<PathBuf, ContextError> {
        let mut made = self.inner.local_dir.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*made {
            return Ok(folder.path().into());
        }
        let root =
            self.conf().get("spark.local.dir").map_or_else(std::env::temp_dir, PathBuf::from);
        let refused = |error: std::io::Error| ContextError::Directory {
            path: root.display().to_string(),
            message: error.to_string(),
        };
        std::fs::create_dir_all(&root).map_err(refused)?;
        let folder = tempfile::Builder::new().prefix("weir-blocks-").tempdir_in(&root);
        Ok(made.insert(folder.map_err(refused)?).path().into())
    }

    /// The records of all of them. RDDs without partitions are left out. Where all the others are
    /// partitioned by key in the same way, so is the result, partition by partition; else the
    /// partitions follow each other.
    #[must_use]
    pub fn union<T: Data>(&self, rdds: &[Rdd<T>]) -> Rdd<T> {
        UnionRdd::of(self, rdds)
    }

    /// Refuses jobs from now on, and removes what was kept on disk. Jobs that run are finished,
    /// unless they read from there.
    pub fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Release);
        drop(self.inner.local_dir.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.inner.stopped.load(Ordering::Acquire)
    }

    /// What has run so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn sources(&self) -> &Mutex<Vec<Arc<dyn MetricsSource>>> {
        &self.inner.sources
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.inner.cancel
    }

    pub(crate) fn pool(&self) -> &ThreadPool {
        self.inner.pool.as_ref().expect("the pool lives as long as the context")
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.inner.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_rdd_id(&self) -> u64 {
        self.inner.next_rdd_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl std::fmt::Debug for SparkContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SparkContext")
            .field("workers", &self.workers())
            .field("default_parallelism", &self.default_parallelism())
            .field("stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.pool.take());
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let me = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != me) {
            // Tasks are caught where they panic: a worker has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// The settings of a [`SparkContext`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct SparkContextBuilder {
    workers: Option<usize>,
    default_parallelism: Option<usize>,
    max_failures: Option<u32>,
    conf: SparkConf,
    cancel: Cancel,
}

impl SparkContextBuilder {
    /// How many threads; 0 is taken as 1. Default: 1.
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Partitions by default; 0 is taken as 1. Default: one per worker.
    pub const fn default_parallelism(mut self, partitions: usize) -> Self {
        self.default_parallelism = Some(partitions);
        self
    }

    /// How often a task is tried before its job fails; 0 is taken as 1. Default: once.
    pub const fn max_failures(mut self, attempts: u32) -> Self {
        self.max_failures = Some(attempts);
        self
    }

    /// Takes over settings: master, default parallelism, attempts. What is set on the builder
    /// afterwards wins.
    pub fn conf(mut self, conf: &SparkConf) -> Result<Self, ContextError> {
        conf.check()?;
        let master = conf.get("spark.master").ok_or(ConfError::NoMaster)?;
        let (workers, attempts) = of_master(master)?;
        self.workers = Some(workers);
        if conf.contains("spark.default.parallelism") {
            let partitions: usize = conf.number("spark.default.parallelism")?;
            self.default_parallelism = Some(partitions);
        }
        self.max_failures = match attempts {
            Some(attempts) => Some(attempts),
            None if conf.contains("spark.task.maxFailures") => {
                Some(conf.number("spark.task.maxFailures")?)
            }
            None => self.max_failures,
        };
        self.conf = conf.clone();
        Ok(self)
    }

    /// Cancels the context's jobs from outside: looked at between stages, at the start of every task,
    /// and by sources as they read.
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Starts the workers.
    pub fn build(self) -> Result<SparkContext, ContextError> {
        let workers = self.workers.unwrap_or(1).max(1);
        let threads = Arc::new(Mutex::new(Vec::with_capacity(workers)));
        let handles = Arc::clone(&threads);
        let pool = ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(worker_name)
            .spawn_handler(move |thread| {
                let builder = std::thread::Builder::new().name(worker_name(thread.index()));
                let handle = builder.spawn(|| thread.run())?;
                handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
                Ok(())
            })
            .build()
            .map_err(|error| ContextError::Spawn {
                name: "microbatch-worker".into(),
                message: error.to_string(),
            })?;
        Ok(SparkContext {
            inner: Arc::new(Inner {
                workers,
                default_parallelism: self.default_parallelism.map(|partitions| partitions.max(1)),
                max_failures: self.max_failures.unwrap_or(1).max(1),
                conf: self.conf,
                pool: Some(pool),
                threads,
                stopped: AtomicBool::new(false),
                cancel: self.cancel,
                metrics: Metrics::default(),
                sources: Mutex::default(),
                next_id: AtomicU64::new(0),
                next_rdd_id: AtomicU64::new(0),
                next_broadcast_id: AtomicU64::new(0),
                checkpoint_dir: Mutex::default(),
                checkpoints: AtomicUsize::new(0),
                local_dir: Mutex::default(),
            }),
        })
    }
}

fn worker_name(index: usize) -> String {
    format!("microbatch-worker-{index}")
}

/// Workers, and attempts at a task if it says so.
fn of_master(master: &str) -> Result<(usize, Option<u32>), ContextError> {
    let unknown = || ContextError::UnknownMaster(master.to_owned());
    if master == "local" {
        return Ok((1, None));
    }
    let inside = master.strip_prefix("local[").and_then(|rest| rest.strip_suffix(']'));
    let inside = inside.ok_or_else(unknown)?;
    let (workers, attempts) = match inside.split_once(',') {
        Some((workers, attempts)) => (workers.trim(), Some(attempts.trim())),
        None => (inside, None),
    };
    let workers = match workers {
        "*" => std::thread::available_parallelism().map_or(1, usize::from),
        digits => digits.parse().ok().filter(|&n| n > 0).ok_or_else(unknown)?,
    };
    let attempts =
        attempts.map(|digits| digits.parse().ok().filter(|&n| n > 0).ok_or_else(unknown));
    Ok((workers, attempts.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters() {
        let known = [
            ("local", (1, None)),
            ("local[1]", (1, None)),
            ("local[3]", (3, None)),
            ("local[3,1]", (3, Some(1))),
            ("local[2, 4]", (2, Some(4))),
        ];
        for (master, means) in known {
            assert_eq!(of_master(master), Ok(means), "{master}");
        }
        assert!(of_master("local[*]").is_ok_and(|(n, attempts)| n >= 1 && attempts.is_none()));
        assert!(of_master("local[*,7]").is_ok_and(|(n, attempts)| n >= 1 && attempts == Some(7)));
        let wrong = ["", "local[", "local[]", "local[0]", "local[-1]", "local[2", "yarn"];
        for master in
            wrong.into_iter().chain(["local[2,]", "local[2,0]", "local[,2]", "local[1,2,3]"])
        {
            assert_eq!(of_master(master), Err(ContextError::UnknownMaster(master.into())));
        }
    }
}
