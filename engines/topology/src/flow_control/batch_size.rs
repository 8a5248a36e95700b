//! How many tuples a producer gathers for a queue.

use crate::{Config, TopologyError};

/// How many tuples a producer gathers for a queue before it hands them over:
/// `topology.producer.batch.size`.
///
/// It is at most half of the queue's size, so that producers do not lock each other out. A dynamic one
/// (`topology.producer.batch.dynamic`) begins at 1 and follows the load: a batch that was full means
/// that there is much to do, and it grows by 1; one that was handed over before (because its time had
/// come) means that there is little, and it halves.
///
/// ```
/// use weir_topology::flow_control::BatchSize;
/// let mut size = BatchSize::dynamic(100, 32_768);
/// for _ in 0..9 {
///     size.flushed(size.get());
/// }
/// assert_eq!(size.get(), 10);
/// size.flushed(3);
/// assert_eq!(size.get(), 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    size: usize,
    most: usize,
    dynamic: bool,
}

impl BatchSize {
    /// Always `wanted`, as far as a queue of `queue_size` tuples allows.
    #[must_use]
    pub fn fixed(wanted: usize, queue_size: usize) -> Self {
        let most = wanted.min(queue_size / 2).max(1);
        Self { size: most, most, dynamic: false }
    }

    /// From 1 to `wanted`, as far as a queue of `queue_size` tuples allows.
    #[must_use]
    pub fn dynamic(wanted: usize, queue_size: usize) -> Self {
        Self { size: 1, dynamic: true, ..Self::fixed(wanted, queue_size) }
    }

    /// As it is configured. A value that is no number is an error.
    pub fn of(conf: &Config) -> Result<Self, TopologyError> {
        let wanted = conf.count(Config::TOPOLOGY_PRODUCER_BATCH_SIZE)?.unwrap_or(1);
        let queue = conf.count(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE)?.unwrap_or(1);
        let dynamic = conf.flag(Config::TOPOLOGY_PRODUCER_BATCH_DYNAMIC)?;
        Ok(if dynamic { Self::dynamic(wanted, queue) } else { Self::fixed(wanted, queue) })
    }

    /// The present size.
    #[inline]
    #[must_use]
    pub const fn get(&self) -> usize {
        self.size
    }

    /// The most that it can be.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Takes notice that a batch of `len` tuples was handed over, or that a full one could not be. One
    /// without tuples means nothing.
    #[inline]
    pub fn flushed(&mut self, len: usize) {
        if !self.dynamic || len == 0 {
            return;
        }
        self.size =
            if len >= self.size { self.most.min(self.size + 1) } else { (self.size / 2).max(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_batch_is_at_most_half_a_queue_and_at_least_one() {
        for (wanted, queue, most) in [
            (1, 32_768, 1),
            (0, 32_768, 1),
            (800, 1000, 500),
            (800, 1001, 500),
            (100, 1000, 100),
            (100, 1, 1),
            (100, 0, 1),
        ] {
            assert_eq!(BatchSize::fixed(wanted, queue).get(), most, "{wanted} of {queue}");
            let dynamic = BatchSize::dynamic(wanted, queue);
            assert_eq!((dynamic.get(), dynamic.most()), (1, most), "{wanted} of {queue}");
        }
    }

    #[test]
    fn it_is_configured_by_storms_keys() {
        let conf = Config::new();
        assert_eq!(BatchSize::of(&conf), Ok(BatchSize::fixed(1, 32_768)));
        let conf = conf.set(Config::TOPOLOGY_PRODUCER_BATCH_SIZE, 100);
        assert_eq!(BatchSize::of(&conf), Ok(BatchSize::fixed(100, 32_768)));
        let conf = conf.set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, 64);
        let dynamic = conf.clone().set(Config::TOPOLOGY_PRODUCER_BATCH_DYNAMIC, true);
        assert_eq!(BatchSize::of(&conf), Ok(BatchSize::fixed(32, 64)));
        assert_eq!(BatchSize::of(&dynamic), Ok(BatchSize::dynamic(32, 64)));
        let conf = conf.set(Config::TOPOLOGY_PRODUCER_BATCH_SIZE, "many");
        let error = BatchSize::of(&conf).expect_err("no number").to_string();
        assert!(error.starts_with("topology.producer.batch.size is many"), "{error}");
    }

    proptest! {
        #[test]
        fn full_batches_add_one_and_others_halve(wanted in 1..40usize, lens: Vec<u8>) {
            let (mut fixed, mut dynamic) =
                (BatchSize::fixed(wanted, 1000), BatchSize::dynamic(wanted, 1000));
            for len in lens.into_iter().map(usize::from) {
                let before = dynamic.get();
                dynamic.flushed(len);
                fixed.flushed(len);
                let want = match len {
                    0 => before,
                    _ if len >= before => before + 1,
                    _ => before / 2,
                };
                prop_assert_eq!(dynamic.get(), want.clamp(1, wanted));
                prop_assert_eq!(fixed.get(), wanted);
            }
        }
    }
}
