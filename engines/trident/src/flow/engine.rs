//! The engine as a configuration.

use super::chain::{TridentFlow, Upstream};
use super::source::LoadSpout;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Data, Engine, Flow, NodeKind, Plan, Source};

/// The contract's engine on Trident: a configuration from which every run makes a topology of its own.
#[derive(Clone, Debug)]
pub struct TridentEngine {
    pub(super) parallelism: usize,
    pub(super) batch_interval: Duration,
    pub(super) max_batches_in_flight: NonZeroUsize,
    pub(super) message_timeout: Duration,
}

impl TridentEngine {
    /// One task per operator, a batch every 10 ms, four of them under way at most, 30 s for each.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            parallelism: 1,
            batch_interval: Duration::from_millis(10),
            max_batches_in_flight: NonZeroUsize::new(4).expect("4 is not 0"),
            message_timeout: Duration::from_secs(30),
        }
    }

    /// The number of tasks of each operator, and of partitions of each state. 0 is taken as 1.
    #[must_use]
    pub const fn parallelism(mut self, parallelism: usize) -> Self {
        self.parallelism = if parallelism == 0 { 1 } else { parallelism };
        self
    }

    /// The time from batch to batch. 0: a batch begins whenever records are due and fewer are under way
    /// than may be.
    #[must_use]
    pub const fn batch_interval(mut self, interval: Duration) -> Self {
        self.batch_interval = interval;
        self
    }

    /// How many batches are under way at the same time, at most: `topology.max.spout.pending`.
    #[must_use]
    pub const fn max_batches_in_flight(mut self, most: NonZeroUsize) -> Self {
        self.max_batches_in_flight = most;
        self
    }

    /// When a batch that is not complete comes again; in whole seconds, rounded up.
    #[must_use]
    pub const fn message_timeout(mut self, timeout: Duration) -> Self {
        self.message_timeout = timeout;
        self
    }
}

impl Default for TridentEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for TridentEngine {
    type Stream<T: Data> = TridentFlow<T>;

    fn name(&self) -> &str {
        "trident"
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        let mut plan = Plan::default();
        let tasks = self.parallelism;
        let last = plan.node(format!("spout: {}", source.label()), NodeKind::Source, tasks);
        TridentFlow::new(Upstream {
            engine: self.clone(),
            plan,
            last,
            define: Box::new(move |run| {
                let spout = LoadSpout::new(source, Arc::clone(&run.batches));
                let txid = format!("source-{}", spout.number());
                run.topology.new_stream(&txid, spout).parallelism_hint(tasks)
            }),
        })
    }
}
