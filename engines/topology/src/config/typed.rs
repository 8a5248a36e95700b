//! The settings of a typed topology.

use crate::flow_control::{BatchSize, WaitStrategy};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Whether tuple trees are tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acking {
    /// At most once: nothing is tracked, nothing is replayed.
    Off,
    /// At least once: every tree is followed to its end by this many acker executors
    /// (`topology.acker.executors`).
    On {
        /// Acker executors.
        ackers: NonZeroUsize,
    },
}

impl Acking {
    /// One acker.
    pub const ONE: Self = Self::On { ackers: NonZeroUsize::MIN };

    /// How many ackers there are.
    #[must_use]
    pub const fn ackers(self) -> usize {
        match self {
            Self::Off => 0,
            Self::On { ackers } => ackers.get(),
        }
    }
}

/// The settings of a topology. Zeros are taken as 1 where zero means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyConfig {
    /// Tasks of each component that [`TopologyEngine`](crate::TopologyEngine) declares. The native
    /// API sets it per component.
    pub parallelism: usize,
    /// Whether tuple trees are tracked.
    pub acking: Acking,
    /// Tuples that are gathered for a queue before they are handed over
    /// (`topology.producer.batch.size`).
    pub batch_size: usize,
    /// Whether that follows the load, from 1 up to `batch_size` (`topology.producer.batch.dynamic`).
    pub dynamic_batch: bool,
    /// What an executor does that has nothing to do (`topology.bolt.wait.strategy`).
    pub wait: WaitStrategy,
    /// The longest that gathered tuples wait while their task is busy; a task that runs out of input
    /// hands over at once (`topology.batch.flush.interval.millis`).
    pub flush_interval: Duration,
    /// Tuples that a queue holds (`topology.executor.receive.buffer.size`). Queues are made of
    /// batches: there is room for as many full ones as this comes to, and for one at least. More room
    /// than the caches hold makes a topology at saturation slower, not faster.
    pub queue_capacity: usize,
    /// Trees that one spout task may have open (`topology.max.spout.pending`); `None` is no limit.
    /// Without acking it has no effect.
    pub max_spout_pending: Option<NonZeroUsize>,
    /// How long a tree may take. Timed-out trees are looked for once per period, so that one fails
    /// after one to two of it (`topology.message.timeout.secs`).
    pub message_timeout: Duration,
    /// How often a record is tried before the run fails; `None` is for ever. Used by
    /// [`TopologyEngine`](crate::TopologyEngine); native spouts decide for themselves.
    pub max_attempts: Option<u32>,
    /// The least time between two explicit marks on a queue that carries no data.
    pub mark_interval: Duration,
}

impl Default for TopologyConfig {
    fn default() -> Self {
        Self {
            parallelism: 1,
            acking: Acking::ONE,
            batch_size: 1,
            dynamic_batch: false,
            wait: WaitStrategy::Block,
            flush_interval: Duration::from_millis(1),
            queue_capacity: 32768,
            max_spout_pending: NonZeroUsize::new(4096),
            message_timeout: Duration::from_secs(30),
            max_attempts: None,
            mark_interval: Duration::from_millis(10),
        }
    }
}

impl TopologyConfig {
    /// The same settings with every zero that means nothing replaced by 1.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.parallelism = self.parallelism.max(1);
        self.batch_size = self.batch_size.max(1);
        self.queue_capacity = self.queue_capacity.max(1);
        self.message_timeout = self.message_timeout.max(Duration::from_nanos(1));
        self.max_attempts = self.max_attempts.map(|n| n.max(1));
        self
    }

    /// Elements that a queue has room for: batches, or single tuples.
    pub(crate) fn queue_elements(&self) -> usize {
        (self.queue_capacity / self.batches().most()).max(1)
    }

    /// How many tuples are gathered for a queue.
    pub(crate) fn batches(&self) -> BatchSize {
        let make = if self.dynamic_batch { BatchSize::dynamic } else { BatchSize::fixed };
        make(self.batch_size, self.queue_capacity)
    }

    /// The settings as text, for reports.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let or = |limit: Option<String>, none: &str| limit.unwrap_or_else(|| none.to_owned());
        let pending = self.max_spout_pending.map(|n| n.to_string());
        let attempts = self.max_attempts.map(|n| n.to_string());
        [
            ("parallelism", self.parallelism.to_string()),
            ("acking", if self.acking == Acking::Off { "off" } else { "on" }.to_owned()),
            ("ackers", self.acking.ackers().to_string()),
            ("batch_size", self.batch_size.to_string()),
            ("dynamic_batch", self.dynamic_batch.to_string()),
            ("wait", self.wait.to_string()),
            ("flush_interval", format!("{:?}", self.flush_interval)),
            ("queue_capacity", self.queue_capacity.to_string()),
            ("max_spout_pending", or(pending, "unlimited")),
            ("message_timeout", format!("{:?}", self.message_timeout)),
            ("max_attempts", or(attempts, "unlimited")),
            ("mark_interval", format!("{:?}", self.mark_interval)),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_mean_nothing_become_one() {
        let config = TopologyConfig {
            parallelism: 0,
            batch_size: 0,
            queue_capacity: 0,
            max_attempts: Some(0),
            ..TopologyConfig::default()
        }
        .normalised();
        assert_eq!((config.parallelism, config.batch_size, config.queue_capacity), (1, 1, 1));
        assert_eq!(config.max_attempts, Some(1));
    }
}
