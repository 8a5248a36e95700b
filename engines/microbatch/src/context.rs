//! The entry point of the native API: where tasks run, and how many at a time.

use crate::metrics::Metrics;
use crate::rdd::Rdd;
use crate::rdd::sources::{Slices, UnionRdd};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use thiserror::Error;
use weir_dataflow::{Cancel, Data};

/// Why a [`SparkContext`], or something made by one, could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The master is not one that there is.
    #[error("unknown master {0:?}; use local, local[N] with N at least 1, or local[*]")]
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
    #[error("positive number of partitions required; ask for at least 1")]
    NoPartitions,
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
    default_parallelism: usize,
    // Dropped, and so told to end, before the threads are joined.
    pool: Option<ThreadPool>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    stopped: AtomicBool,
    cancel: Cancel,
    metrics: Metrics,
    next_id: AtomicU64,
}

impl SparkContext {
    /// A context of `workers` threads; 0 is taken as 1.
    pub fn local(workers: usize) -> Result<Self, ContextError> {
        Self::builder().workers(workers).build()
    }

    /// A context by its master's name, as in Spark: `local` (one worker), `local[4]`, `local[*]` (one
    /// per core).
    pub fn new(master: &str) -> Result<Self, ContextError> {
        Self::local(workers_of(master)?)
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
        self.inner.default_parallelism
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

    /// The records of all of them. RDDs without partitions are left out. Where all the others are
    /// partitioned by key in the same way, so is the result, partition by partition; else the
    /// partitions follow each other.
    #[must_use]
    pub fn union<T: Data>(&self, rdds: &[Rdd<T>]) -> Rdd<T> {
        UnionRdd::of(self, rdds)
    }

    /// Refuses jobs from now on. Those that run are finished.
    pub fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Release);
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

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.inner.cancel
    }

    pub(crate) fn pool(&self) -> &ThreadPool {
        self.inner.pool.as_ref().expect("the pool lives as long as the context")
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.inner.next_id.fetch_add(1, Ordering::Relaxed)
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
                default_parallelism: self.default_parallelism.unwrap_or(workers).max(1),
                pool: Some(pool),
                threads,
                stopped: AtomicBool::new(false),
                cancel: self.cancel,
                metrics: Metrics::default(),
                next_id: AtomicU64::new(0),
            }),
        })
    }
}

fn worker_name(index: usize) -> String {
    format!("microbatch-worker-{index}")
}

fn workers_of(master: &str) -> Result<usize, ContextError> {
    let unknown = || ContextError::UnknownMaster(master.to_owned());
    if master == "local" {
        return Ok(1);
    }
    let count = master.strip_prefix("local[").and_then(|rest| rest.strip_suffix(']'));
    match count.ok_or_else(unknown)? {
        "*" => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        digits => digits.parse().ok().filter(|&n| n > 0).ok_or_else(unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters() {
        for (master, workers) in [("local", 1), ("local[1]", 1), ("local[3]", 3)] {
            assert_eq!(workers_of(master), Ok(workers), "{master}");
        }
        assert!(workers_of("local[*]").is_ok_and(|n| n >= 1));
        for master in ["", "local[", "local[]", "local[0]", "local[-1]", "local[2", "yarn"] {
            assert_eq!(workers_of(master), Err(ContextError::UnknownMaster(master.into())));
        }
    }
}
