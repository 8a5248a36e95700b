//! A producer's way into a receive queue.

use super::{BatchSize, QueueClosed, ReceiveQueue};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A producer's way into a [`ReceiveQueue`]: gathers messages and hands them over as a batch. With a
/// batch size of 1 each message goes at once. Storm's `BatchInserter`.
///
/// What has been gathered when it is dropped is lost: [`flush`](Self::flush) before.
pub struct Publisher<T> {
    queue: Arc<ReceiveQueue<T>>,
    size: BatchSize,
    batch: VecDeque<T>,
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, gathered) = (self.size, self.batch.len());
        let mut debug = f.debug_struct("Publisher");
        debug.field("size", &size).field("gathered", &gathered).finish_non_exhaustive()
    }
}

impl<T> Publisher<T> {
    pub(super) fn new(queue: Arc<ReceiveQueue<T>>, size: BatchSize) -> Self {
        Self { queue, size, batch: VecDeque::new() }
    }

    /// The present batch size.
    #[must_use]
    pub const fn batch_size(&self) -> usize {
        self.size.get()
    }

    /// Messages that have been gathered.
    #[must_use]
    pub fn gathered(&self) -> usize {
        self.batch.len()
    }

    /// Without batches, however the load changes.
    const fn is_direct(&self) -> bool {
        self.size.most() == 1
    }

    /// Publishes a message. If that makes the batch full, waits until at least some of it has gone.
    pub fn publish(&mut self, message: T) -> Result<(), QueueClosed> {
        self.batch.push_back(message);
        if self.batch.len() >= self.size.get() { self.flush() } else { Ok(()) }
    }

    /// Publishes a message without waiting, or gives it back. A full batch is handed over before the
    /// message is added.
    pub fn try_publish(&mut self, message: T) -> Result<(), T> {
        if self.is_direct() {
            return self
                .queue
                .try_publish_direct(message)
                .inspect_err(|_| self.queue.note_failure());
        }
        if self.batch.len() >= self.size.get() && !self.try_flush() {
            return Err(message);
        }
        self.batch.push_back(message);
        Ok(())
    }

    /// Hands over what has been gathered, as far as there is room; waits until at least one message
    /// has gone. What is then left goes with the next batch.
    pub fn flush(&mut self) -> Result<(), QueueClosed> {
        let len = self.batch.len();
        if len == 0 {
            return Ok(());
        }
        let mut round = 0;
        while !self.queue.take_in(&mut self.batch) {
            if self.queue.is_closed() {
                return Err(QueueClosed);
            }
            self.queue.note_failure();
            let (pause, next) = self.queue.back_pressure().idle(round);
            round = next;
            pause.take();
        }
        self.size.flushed(len);
        Ok(())
    }

    /// Hands over what has been gathered, as far as there is room, without waiting. Whether that was
    /// anything, or nothing had been gathered.
    pub fn try_flush(&mut self) -> bool {
        let len = self.batch.len();
        if len == 0 {
            return true;
        }
        let handed_over = self.queue.take_in(&mut self.batch);
        if !handed_over {
            self.queue.note_failure();
        }
        // A full batch for which there is no room is a sign of load, too.
        self.size.flushed(len);
        handed_over
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Kept, queue, queue_of};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn batches_go_when_they_are_full_or_flushed() {
        let queue = queue(1024, 3);
        let mut publisher = queue.publisher();
        publisher.publish(1).expect("open");
        publisher.publish(2).expect("open");
        assert_eq!((queue.len(), publisher.gathered()), (0, 2));
        publisher.publish(3).expect("open");
        assert_eq!((queue.len(), publisher.gathered()), (3, 0));
        publisher.publish(4).expect("open");
        publisher.flush().expect("open");
        assert_eq!((queue.len(), publisher.gathered()), (4, 0));
        let metrics = queue.metrics();
        assert_eq!((metrics.arrivals, metrics.insert_failures), (4, 0));
    }

    #[test]
    fn trying_flushes_before_it_adds() {
        let queue = queue(4, 2);
        let mut publisher = queue.publisher();
        let accepted: Vec<bool> = (0..8).map(|n| publisher.try_publish(n).is_ok()).collect();
        assert_eq!(accepted, [true, true, true, true, true, true, false, false]);
        assert_eq!((queue.len(), publisher.gathered()), (4, 2));
        assert!(!publisher.try_flush());
        assert_eq!(queue.metrics().insert_failures, 3);
        let (mut kept, mut first) = (Kept::default(), true);
        queue.consume(&mut kept, || std::mem::take(&mut first));
        assert!(publisher.try_flush(), "one of the two goes");
        assert_eq!((queue.len(), publisher.gathered()), (4, 1));
        queue.consume(&mut kept, || true);
        assert!(publisher.try_flush());
        queue.consume(&mut kept, || true);
        assert_eq!(kept.messages, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn without_batches_nothing_is_gathered() {
        let queue = queue(2, 1);
        let mut publisher = queue.publisher();
        assert_eq!([1, 2, 3].map(|n| publisher.try_publish(n)), [Ok(()), Ok(()), Err(3)]);
        assert!(publisher.try_flush());
        assert_eq!(publisher.flush(), Ok(()));
        assert_eq!(queue.metrics().insert_failures, 1);
    }

    #[test]
    fn nobody_waits_for_room_in_a_closed_queue() {
        let queue = queue(1, 1);
        let mut publisher = queue.publisher();
        publisher.publish(1).expect("room");
        queue.close();
        assert_eq!(publisher.publish(2), Err(QueueClosed));
    }

    proptest! {
        /// Whatever is accepted comes out once and in order, however publishing and consuming mix.
        #[test]
        fn accepted_messages_come_out_once_and_in_order(
            size in 1..20usize,
            batch in 1..8usize,
            dynamic: bool,
            steps in proptest::collection::vec(0..4u8, 0..200),
        ) {
            let queue = queue_of(size, batch, dynamic);
            let mut publisher = queue.publisher();
            let (mut kept, mut next) = (Kept::default(), 0);
            for step in steps {
                match step {
                    0 | 1 => next += u64::from(publisher.try_publish(next).is_ok()),
                    2 => drop(publisher.try_flush()),
                    _ => drop(queue.consume(&mut kept, || true)),
                }
                prop_assert!(publisher.batch_size() <= batch);
            }
            while publisher.gathered() > 0 {
                queue.consume(&mut kept, || true);
                publisher.try_flush();
            }
            queue.consume(&mut kept, || true);
            prop_assert_eq!(kept.messages, (0..next).collect::<Vec<_>>());
        }
    }
}
