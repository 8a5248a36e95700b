//! A spout that tests feed.

use super::{BatchCoordinator, BatchEmitter, SpoutPlace, SpoutTask, TridentSpout};
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_topology::{
    ComponentError, ComponentResult, Fields, IntoFields, RegisteredWaker, TopologyError, Value,
    Values, Wakers,
};

#[derive(Debug, Default)]
struct Feed {
    /// How many batches were fed, given to a transaction, and committed.
    fed: usize,
    given: usize,
    committed: usize,
    /// Those that are not committed.
    batches: BTreeMap<usize, Vec<Values>>,
    /// Which of these a transaction has.
    of: BTreeMap<i64, usize>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    feed: Mutex<Feed>,
    progress: Condvar,
    wakers: Wakers,
}

/// A spout whose batches are fed from outside; a batch that comes again is the same. Its tasks share
/// out the tuples of a batch. Clones share the feed: one is given to the topology, another is fed.
/// Storm's `FeederBatchSpout`.
#[derive(Clone, Debug)]
pub struct FeederBatchSpout {
    fields: Fields,
    shared: Arc<Shared>,
}

impl FeederBatchSpout {
    /// A spout of tuples with these fields.
    pub fn new(fields: impl IntoFields) -> Result<Self, TopologyError> {
        Ok(Self { fields: fields.into_fields()?, shared: Arc::default() })
    }

    fn feed_mut(&self) -> MutexGuard<'_, Feed> {
        self.shared.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> Vec<usize> {
        self.feed_mut().batches.keys().copied().collect()
    }

    #[cfg(test)]
    pub(super) fn wakers(&self) -> &Wakers {
        &self.shared.wakers
    }

    /// Has a batch emitted.
    pub fn feed(&self, batch: impl IntoIterator<Item = Values>) {
        let mut feed = self.feed_mut();
        let number = feed.fed;
        feed.batches.insert(number, batch.into_iter().collect());
        feed.fed += 1;
        drop(feed);
        self.shared.wakers.wake();
    }

    /// Nothing will be fed any more.
    pub fn close(&self) {
        self.feed_mut().closed = true;
        self.shared.wakers.wake();
    }

    /// How many of the batches have been committed.
    #[must_use]
    pub fn committed(&self) -> usize {
        self.feed_mut().committed
    }

    /// Waits until all batches that have been fed are committed: for ever, if the topology is not running
    /// any more. On simulated time somebody else has to advance it meanwhile.
    pub fn await_committed(&self) {
        let feed = self.feed_mut();
        let open = |feed: &mut Feed| feed.committed < feed.fed;
        drop(self.shared.progress.wait_while(feed, open).unwrap_or_else(PoisonError::into_inner));
    }

    /// The same, but no longer than so long (in real time). Returns whether all are committed.
    #[must_use]
    pub fn await_committed_for(&self, longest: Duration) -> bool {
        let feed = self.feed_mut();
        let open = |feed: &mut Feed| feed.committed < feed.fed;
        let waited = self.shared.progress.wait_timeout_while(feed, longest, open);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl TridentSpout for FeederBatchSpout {
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        let registered = self.shared.wakers.add(place.context.waker());
        Ok(Box::new(Coordinator { spout: self.clone(), _registered: registered }))
    }

    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        Ok(Box::new(Emitter { spout: self.clone(), task: SpoutTask::at(place) }))
    }

    fn output_fields(&self) -> Fields {
        self.fields.clone()
    }
}

struct Coordinator {
    spout: FeederBatchSpout,
    _registered: RegisteredWaker,
}

impl BatchCoordinator for Coordinator {
    fn initialize_transaction(
        &mut self,
        txid: i64,
        _previous: Option<&Value>,
        _current: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        // A batch that began because of another spout has nothing of this one.
        let batch = self.spout.feed_mut().of.get(&txid).copied();
        Ok(Value::from(batch.and_then(|batch| i64::try_from(batch).ok())))
    }

    fn success(&mut self, txid: i64) -> ComponentResult {
        let mut feed = self.spout.feed_mut();
        // All transactions up to this one have been committed: word of those before may have been lost, with
        // whoever was to hear it. Batches without one, or with a later one, have not.
        let later = feed.of.split_off(&txid.saturating_add(1));
        for batch in std::mem::replace(&mut feed.of, later).into_values() {
            feed.committed += usize::from(feed.batches.remove(&batch).is_some());
        }
        drop(feed);
        self.spout.shared.progress.notify_all();
        Ok(())
    }

    fn is_ready(&mut self, txid: i64) -> bool {
        let mut feed = self.spout.feed_mut();
        if !feed.of.contains_key(&txid) && feed.given < feed.fed {
            let next = feed.given;
            feed.of.insert(txid, next);
            feed.given += 1;
        }
        feed.of.contains_key(&txid)
    }

    fn is_exhausted(&mut self, _txid: i64) -> bool {
        let feed = self.spout.feed_mut();
        feed.closed && feed.committed == feed.fed
    }
}

struct Emitter {
    spout: FeederBatchSpout,
    task: SpoutTask,
}

impl BatchEmitter for Emitter {
    fn emit_batch(
        &mut self,
        _attempt: TransactionAttempt,
        metadata: &Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let batch = metadata.as_int().and_then(|batch| usize::try_from(batch).ok());
        let feed = self.spout.feed_mut();
        let tuples = batch.and_then(|batch| feed.batches.get(&batch)).cloned().unwrap_or_default();
        drop(feed);
        let share = tuples.into_iter().skip(self.task.index).step_by(self.task.of);
        share.for_each(|values| collector.emit(values));
        Ok(())
    }
}
