//! Rings as a model: how many elements there are is told by atomics in the orders that a ring without
//! locks has, so that what relies on more is found out; the elements themselves are behind a lock,
//! which is only taken by whoever knows that there is something to put or to take.

use super::Mutex;
use super::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use rtrb::{PopError, PushError};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

struct Ring<T> {
    elements: Mutex<VecDeque<T>>,
    capacity: usize,
    /// Elements ever taken.
    head: AtomicUsize,
    /// Elements ever put.
    tail: AtomicUsize,
    alone: AtomicBool,
}

/// A ring of `capacity` elements.
pub(crate) fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let ring = Arc::new(Ring {
        elements: Mutex::new(VecDeque::new()),
        capacity,
        head: AtomicUsize::new(0),
        tail: AtomicUsize::new(0),
        alone: AtomicBool::new(false),
    });
    (Producer(Arc::clone(&ring)), Consumer(ring))
}

/// The end to put elements in.
pub(crate) struct Producer<T>(Arc<Ring<T>>);

impl<T> Producer<T> {
    /// How many more there is room for.
    pub(crate) fn slots(&self) -> usize {
        let ring = &self.0;
        ring.capacity - (ring.tail.load(Ordering::Relaxed) - ring.head.load(Ordering::Acquire))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.slots() == 0
    }

    pub(crate) fn push(&mut self, element: T) -> Result<(), PushError<T>> {
        if self.is_full() {
            return Err(PushError::Full(element));
        }
        let ring = &self.0;
        let tail = ring.tail.load(Ordering::Relaxed);
        ring.elements.lock().unwrap_or_else(PoisonError::into_inner).push_back(element);
        ring.tail.store(tail + 1, Ordering::Release);
        Ok(())
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.alone.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.0.alone.store(true, Ordering::Release);
    }
}

/// The end to take elements from.
pub(crate) struct Consumer<T>(Arc<Ring<T>>);

impl<T> Consumer<T> {
    pub(crate) fn pop(&mut self) -> Result<T, PopError> {
        if self.is_empty() {
            return Err(PopError::Empty);
        }
        let ring = &self.0;
        let element = ring.elements.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        ring.head.store(ring.head.load(Ordering::Relaxed) + 1, Ordering::Release);
        element.ok_or(PopError::Empty)
    }

    pub(crate) fn slots(&self) -> usize {
        self.0.tail.load(Ordering::Acquire) - self.0.head.load(Ordering::Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots() == 0
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.alone.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.0.alone.store(true, Ordering::Release);
    }
}
