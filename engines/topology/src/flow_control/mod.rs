//! Flow control: how many tuples are handed over at once, what waits for room and how.
//!
//! [`BatchSize`] and [`WaitStrategy`] are the policies that executors follow. [`ReceiveQueue`], its
//! [`Publisher`]s, [`PendingEmits`] and [`BackPressureTracker`] are Storm's queue of an executor and what
//! goes with it, as a model: with an overflow, and with senders that go on when there is no room.
//! Topologies do without these. Their queues are bounded, a sender waits for room, whatever it sends
//! next stays behind what has no room, and nothing is dropped.

mod back_pressure;
mod batch_size;
mod pending;
mod publisher;
mod queue;
mod wait;

pub use back_pressure::{BackPressureStatus, BackPressureTracker};
pub use batch_size::BatchSize;
pub use pending::PendingEmits;
pub use publisher::Publisher;
pub use queue::{Consumer, QueueClosed, QueueMetrics, ReceiveQueue};
pub use wait::{Pause, WaitStrategy};

#[cfg(test)]
mod testing {
    use super::*;
    use std::sync::Arc;

    pub(super) fn queue_of(size: usize, batch: usize, dynamic: bool) -> Arc<ReceiveQueue<u64>> {
        let make = if dynamic { BatchSize::dynamic } else { BatchSize::fixed };
        Arc::new(ReceiveQueue::new(size, make(batch, size), WaitStrategy::BusySpin))
    }

    pub(super) fn queue(size: usize, batch: usize) -> Arc<ReceiveQueue<u64>> {
        queue_of(size, batch, false)
    }

    /// Keeps what it is given.
    #[derive(Default)]
    pub(super) struct Kept {
        pub(super) messages: Vec<u64>,
        pub(super) flushes: usize,
    }

    impl Consumer<u64> for Kept {
        fn accept(&mut self, message: u64) {
            self.messages.push(message);
        }
        fn flush(&mut self) {
            self.flushes += 1;
        }
    }
}
