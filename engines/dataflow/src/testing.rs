//! Small parts for tests and examples of engines: a load that is all there at once, and a sink that
//! keeps rows in a vector.

use crate::{Claim, Load, Meter, RunContext, Sink, SystemClock, Writer};
use std::sync::{Arc, Mutex, PoisonError};

/// A fixed number of records, all due at once, with scheduled times on a nominal axis.
#[derive(Clone, Copy, Debug)]
pub struct AllAtOnce {
    /// How many records there are.
    pub records: u64,
    /// Nominal nanoseconds between two records; at least 1.
    pub spacing_ns: u64,
}

impl Load for AllAtOnce {
    fn paced(&self) -> bool {
        false
    }
    fn count_before(&self, t_ns: u64) -> u64 {
        t_ns.div_ceil(self.spacing_ns)
    }
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        for (k, t) in (0..).zip(out) {
            *t = (first + k * step) * self.spacing_ns;
        }
    }
    fn claim(&self, upto: u64, _now_ns: u64) -> Claim {
        Claim { limit: upto.min(self.records), closed: upto >= self.records }
    }
}

impl AllAtOnce {
    /// A context over this load, on the system clock, that only counts.
    #[must_use]
    pub fn context(self) -> RunContext {
        RunContext::new(Arc::new(SystemClock::new()), Arc::new(self), Arc::new(Meter::counting()))
    }
}

/// Keeps every row, in the order in which tasks finished.
#[derive(Debug)]
pub struct CollectSink<T>(Arc<Mutex<Vec<T>>>);

impl<T> CollectSink<T> {
    /// An empty sink.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Takes the rows of the writers that have been dropped so far.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Default for CollectSink<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for CollectSink<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Sink<T> for CollectSink<T> {
    type Writer = CollectWriter<T>;
    fn writer(&self) -> CollectWriter<T> {
        CollectWriter { rows: Vec::new(), into: Arc::clone(&self.0) }
    }
}

/// One task's rows of a [`CollectSink`].
#[derive(Debug)]
pub struct CollectWriter<T> {
    rows: Vec<T>,
    into: Arc<Mutex<Vec<T>>>,
}

impl<T: Send + 'static> Writer<T> for CollectWriter<T> {
    fn write(&mut self, row: T) {
        self.rows.push(row);
    }
}

impl<T> Drop for CollectWriter<T> {
    fn drop(&mut self) {
        self.into.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.rows);
    }
}
