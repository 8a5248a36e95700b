//! An executor's receive queue in Storm's terms.

use super::{BatchSize, Publisher, WaitStrategy};
use crossbeam_queue::{ArrayQueue, SegQueue};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use thiserror::Error;

/// The queue is closed: nobody will take what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the receive queue is closed")]
pub struct QueueClosed;

/// What takes messages out of a [`ReceiveQueue`].
pub trait Consumer<T> {
    /// Takes a message.
    fn accept(&mut self, message: T);
    /// Called once after some messages.
    fn flush(&mut self) {}
}

/// What a queue holds, and what happened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueMetrics {
    /// Messages that the queue has room for, besides its overflow.
    pub capacity: usize,
    /// Messages in the queue, without its overflow.
    pub population: usize,
    /// Messages in the overflow.
    pub overflow: usize,
    /// Messages that have come into the queue so far.
    pub arrivals: u64,
    /// How often there was no room.
    pub insert_failures: u64,
    /// Messages that were given up.
    pub dropped: u64,
}

/// Messages from many producers to one executor: bounded, with an overflow for producers that cannot
/// wait. Storm's `JCQueue`.
///
/// Each producer has a [`Publisher`], which gathers batches. Messages of one publisher come out in the
/// order in which they went in; so do those of one producer that goes to the overflow whenever the
/// queue is full and until the overflow is empty.
pub struct ReceiveQueue<T> {
    queue: ArrayQueue<T>,
    overflow: SegQueue<T>,
    /// Reserved before a message is put into the overflow, so that the limit holds among producers.
    overflowing: AtomicUsize,
    overflow_limit: usize,
    batch_size: BatchSize,
    back_pressure: WaitStrategy,
    closed: AtomicBool,
    arrivals: AtomicU64,
    insert_failures: AtomicU64,
    dropped: AtomicU64,
}

impl<T> fmt::Debug for ReceiveQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveQueue").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}

impl<T> ReceiveQueue<T> {
    /// A queue with room for `size` messages, rounded up to a power of two. Publishers gather batches
    /// of `batch_size`, and wait for room as `back_pressure` says.
    #[must_use]
    pub fn new(size: usize, batch_size: BatchSize, back_pressure: WaitStrategy) -> Self {
        Self {
            queue: ArrayQueue::new(size.max(1).next_power_of_two()),
            overflow: SegQueue::new(),
            overflowing: AtomicUsize::new(0),
            overflow_limit: 0,
            batch_size,
            back_pressure,
            closed: AtomicBool::new(false),
            arrivals: AtomicU64::new(0),
            insert_failures: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// The same with an overflow of so many messages at most; 0 is no limit.
    #[must_use]
    pub const fn with_overflow_limit(mut self, limit: usize) -> Self {
        self.overflow_limit = limit;
        self
    }

    /// Another producer's way in.
    #[must_use]
    pub fn publisher(self: &Arc<Self>) -> Publisher<T> {
        Publisher::new(Arc::clone(self), self.batch_size)
    }

    pub(super) const fn back_pressure(&self) -> WaitStrategy {
        self.back_pressure
    }

    /// Says that nobody takes messages any more, so that no publisher waits for room.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Puts a message into the queue, past all batches, or gives it back if there is no room.
    pub fn try_publish_direct(&self, message: T) -> Result<(), T> {
        self.queue.push(message)?;
        self.arrivals.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Moves into the queue what it has room for, from the front of a batch. Whether that was
    /// anything.
    pub(super) fn take_in(&self, batch: &mut VecDeque<T>) -> bool {
        let mut arrived = 0;
        while let Some(message) = batch.pop_front() {
            if let Err(message) = self.queue.push(message) {
                batch.push_front(message);
                break;
            }
            arrived += 1;
        }
        self.arrivals.fetch_add(arrived, Ordering::Relaxed);
        arrived > 0
    }

    /// Notes that there was no room.
    pub(super) fn note_failure(&self) {
        self.insert_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts a message into the overflow, or gives it back if that has reached its limit.
    pub fn try_publish_to_overflow(&self, message: T) -> Result<(), T> {
        let more =
            |len: usize| (self.overflow_limit == 0 || len < self.overflow_limit).then_some(len + 1);
        if self.overflowing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return Err(message);
        }
        self.overflow.push(message);
        Ok(())
    }

    /// Notes that a message was given up.
    pub fn record_drop(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes messages, without waiting for any, as long as `keep_running`, which is asked before each:
    /// first those of the queue, until it is empty; then as many of the overflow as it has by then.
    /// Returns how many. Only one thread at a time may consume, or messages get out of order.
    pub fn consume(
        &self,
        consumer: &mut impl Consumer<T>,
        mut keep_running: impl FnMut() -> bool,
    ) -> usize {
        let mut taken = 0;
        while keep_running()
            && let Some(message) = self.queue.pop()
        {
            consumer.accept(message);
            taken += 1;
        }
        for _ in 0..self.overflow.len() {
            if !keep_running() {
                break;
            }
            let Some(message) = self.overflow.pop() else { break };
            self.overflowing.fetch_sub(1, Ordering::Relaxed);
            consumer.accept(message);
            taken += 1;
        }
        if taken > 0 {
            consumer.flush();
        }
        taken
    }

    /// How full the queue is, from 0 to 1, without its overflow.
    #[must_use]
    pub fn load(&self) -> f64 {
        self.queue.len() as f64 / self.queue.capacity() as f64
    }

    /// Messages that wait, in the queue and in the overflow.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len() + self.overflow.len()
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.overflow.is_empty()
    }

    /// Whether the overflow is empty.
    #[must_use]
    pub fn is_overflow_empty(&self) -> bool {
        self.overflow.is_empty()
    }

    /// What the queue holds, and what happened to it.
    #[must_use]
    pub fn metrics(&self) -> QueueMetrics {
        QueueMetrics {
            capacity: self.queue.capacity(),
            population: self.queue.len(),
            overflow: self.overflow.len(),
            arrivals: self.arrivals.load(Ordering::Relaxed),
            insert_failures: self.insert_failures.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Kept, queue};
    use super::*;
    use std::cell::Cell;

    #[test]
    fn capacities_are_powers_of_two() {
        for (size, capacity) in [(0, 1), (1, 1), (2, 2), (3, 4), (1000, 1024), (1024, 1024)] {
            assert_eq!(queue(size, 1).metrics().capacity, capacity, "{size}");
        }
    }

    #[test]
    fn the_queue_comes_before_its_overflow_and_both_in_order() {
        let queue = queue(4, 1);
        for message in 0..10 {
            if let Err(message) = queue.try_publish_direct(message) {
                queue.try_publish_to_overflow(message).expect("no limit");
            }
        }
        assert_eq!((queue.len(), queue.load()), (10, 1.0), "the overflow is no load");
        let mut kept = Kept::default();
        assert_eq!(queue.consume(&mut kept, || true), 10);
        assert_eq!(kept.messages, (0..10).collect::<Vec<_>>());
        assert_eq!(kept.flushes, 1);
        assert!(queue.is_empty());
        assert_eq!(queue.consume(&mut kept, || true), 0);
        assert_eq!(kept.flushes, 1, "nothing came");
    }

    #[test]
    fn the_condition_is_asked_before_each_message() {
        let queue = queue(4, 1);
        for message in 0..4 {
            queue.try_publish_direct(message).expect("room");
            queue.try_publish_to_overflow(message + 4).expect("no limit");
        }
        struct Counting<'a>(&'a Cell<u64>);
        impl Consumer<u64> for Counting<'_> {
            fn accept(&mut self, message: u64) {
                assert_eq!(message, self.0.get(), "the order");
                self.0.set(message + 1);
            }
        }
        let taken = Cell::new(0);
        for until in [0, 2, 5, 6, 8] {
            queue.consume(&mut Counting(&taken), || taken.get() < until);
            assert_eq!(taken.get(), until);
        }
    }

    #[test]
    fn what_overflows_meanwhile_waits_for_the_next_time() {
        struct Refill<'a>(&'a ReceiveQueue<u64>, usize);
        impl Consumer<u64> for Refill<'_> {
            fn accept(&mut self, message: u64) {
                self.1 += 1;
                self.0.try_publish_to_overflow(message).expect("no limit");
            }
        }
        let queue = queue(4, 1);
        queue.try_publish_to_overflow(1).expect("no limit");
        queue.try_publish_to_overflow(2).expect("no limit");
        assert_eq!(queue.consume(&mut Refill(&queue, 0), || true), 2);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn the_overflow_has_a_limit_and_room_again_once_it_was_taken_from() {
        let queue = ReceiveQueue::new(1, BatchSize::fixed(1, 1), WaitStrategy::BusySpin);
        let queue = queue.with_overflow_limit(2);
        assert_eq!([1, 2, 3].map(|m| queue.try_publish_to_overflow(m)), [Ok(()), Ok(()), Err(3)]);
        queue.record_drop();
        queue.consume(&mut Kept::default(), || true);
        assert_eq!(queue.try_publish_to_overflow(4), Ok(()));
        assert_eq!(queue.metrics().dropped, 1);
        assert!(!queue.is_overflow_empty());
    }
}
