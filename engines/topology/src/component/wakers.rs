//! Who wants to be woken.

use super::Waker;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// Those who want to be woken when something comes in from outside, as long as they are there: for a
/// source that serves the spouts of several tasks, executors that start again, or topologies one after
/// the other. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Wakers(Arc<Mutex<Waiting>>);

impl Wakers {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, until what is returned is dropped.
    #[must_use = "who is dropped is not woken"]
    pub fn add(&self, waker: Waker) -> RegisteredWaker {
        let mut waiting = self.waiting();
        waiting.last += 1;
        let number = waiting.last;
        waiting.wakers.insert(number, waker);
        RegisteredWaker { wakers: self.clone(), number }
    }

    /// Wakes them all.
    pub fn wake(&self) {
        let wakers: Vec<Waker> = self.waiting().wakers.values().cloned().collect();
        wakers.iter().for_each(Waker::wake);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().wakers.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One who wants to be woken, until this is dropped.
#[derive(Debug)]
pub struct RegisteredWaker {
    wakers: Wakers,
    number: u64,
}

impl Drop for RegisteredWaker {
    fn drop(&mut self) {
        self.wakers.waiting().wakers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_gone_is_forgotten() {
        let wakers = Wakers::default();
        let (one, other) = (wakers.add(Waker::default()), wakers.add(Waker::default()));
        drop(one);
        assert_eq!(wakers.len(), 1);
        wakers.wake();
        drop(other);
        assert!(wakers.is_empty());
    }
}
