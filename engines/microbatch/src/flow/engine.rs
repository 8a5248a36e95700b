//! The engine as a configuration.

use super::batches::LoadSource;
use super::chain::{MicroBatchFlow, Upstream};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Data, Engine, Flow, NodeKind, Plan, Source};

/// The micro-batch engine: a configuration from which every run makes its own contexts.
#[derive(Clone, Debug)]
pub struct MicroBatch {
    pub(super) workers: usize,
    pub(super) parallelism: usize,
    pub(super) batch_interval: Duration,
}

impl MicroBatch {
    /// One worker, one partition, a batch every 100 ms.
    #[must_use]
    pub const fn new() -> Self {
        Self { workers: 1, parallelism: 1, batch_interval: Duration::from_millis(100) }
    }

    /// The number of worker threads, and of partitions after a shuffle. 0 is taken as 1.
    #[must_use]
    pub const fn parallelism(mut self, parallelism: usize) -> Self {
        let parallelism = if parallelism == 0 { 1 } else { parallelism };
        self.parallelism = parallelism;
        self.workers = parallelism;
        self
    }

    /// The number of worker threads alone. 0 is taken as 1.
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = if workers == 0 { 1 } else { workers };
        self
    }

    /// The time from batch to batch: 1 ms or more, or the run is refused.
    #[must_use]
    pub const fn batch_interval(mut self, interval: Duration) -> Self {
        self.batch_interval = interval;
        self
    }

    /// Whether a duration of event time is made of whole batches.
    pub(super) fn is_whole_batches(&self, ns: u64) -> bool {
        let interval = self.batch_interval.as_nanos();
        interval > 0 && u128::from(ns).is_multiple_of(interval)
    }
}

impl Default for MicroBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for MicroBatch {
    type Stream<T: Data> = MicroBatchFlow<T>;

    fn name(&self) -> &str {
        "microbatch"
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        let mut plan = Plan::default();
        let label = format!("direct stream: {}", source.label());
        let last = plan.node(label, NodeKind::Source, self.parallelism);
        MicroBatchFlow::new(Upstream {
            engine: self.clone(),
            plan,
            last,
            in_order: source.in_order(),
            drain_ns: 0,
            define: Box::new(move |run| {
                run.ssc.direct_stream(LoadSource::new(source, Arc::clone(&run.batches)))
            }),
        })
    }
}
