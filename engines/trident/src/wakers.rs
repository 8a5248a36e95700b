//! Who wants to be woken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_topology::Waker;

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// Those who want to be woken, as long as they are there. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakers(Arc<Mutex<Waiting>>);

impl Wakers {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, until what is returned is dropped.
    pub(crate) fn add(&self, waker: Waker) -> Registered {
        let mut waiting = self.waiting();
        waiting.last += 1;
        let number = waiting.last;
        waiting.wakers.insert(number, waker);
        Registered { wakers: self.clone(), number }
    }

    pub(crate) fn wake(&self) {
        let wakers: Vec<Waker> = self.waiting().wakers.values().cloned().collect();
        wakers.iter().for_each(Waker::wake);
    }
}

/// One who wants to be woken.
#[derive(Debug)]
pub(crate) struct Registered {
    wakers: Wakers,
    number: u64,
}

impl Drop for Registered {
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
        assert_eq!(wakers.waiting().wakers.len(), 1);
        wakers.wake();
        drop(other);
        assert!(wakers.waiting().wakers.is_empty());
    }
}
