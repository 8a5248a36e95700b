//! A spout that tests feed.

use super::{BatchCoordinator, BatchEmitter, SpoutPlace, SpoutTask, TridentSpout};
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use weir_topology::{
    ComponentError, ComponentResult, Fields, IntoFields, TopologyError, Value, Values, Waker,
};

#[derive(Debug, Default)]
struct Feed {
    /// What was fed, batch after batch.
    batches: Vec<Vec<Values>>,
    /// Which of these a batch has.
    given: BTreeMap<i64, usize>,
    committed: usize,
    closed: bool,
    wakers: Vec<Waker>,
}

#[derive(Debug, Default)]
struct Shared {
    feed: Mutex<Feed>,
    progress: Condvar,
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

    /// Has a batch emitted.
    pub fn feed(&self, batch: impl IntoIterator<Item = Values>) {
        let mut feed = self.feed_mut();
        feed.batches.push(batch.into_iter().collect());
        Self::wake(feed);
    }

    /// Nothing will be fed any more.
    pub fn close(&self) {
        let mut feed = self.feed_mut();
        feed.closed = true;
        Self::wake(feed);
    }

    fn wake(feed: MutexGuard<'_, Feed>) {
        let wakers = feed.wakers.clone();
        drop(feed);
        wakers.iter().for_each(Waker::wake);
    }

    /// How many of the batches have been committed.
    #[must_use]
    pub fn committed(&self) -> usize {
        self.feed_mut().committed
    }

    /// Waits until all batches that have been fed are committed. On simulated time somebody else has to
    /// advance it meanwhile.
    pub fn await_committed(&self) {
        let feed = self.feed_mut();
        let all = |feed: &mut Feed| feed.committed < feed.batches.len();
        drop(self.shared.progress.wait_while(feed, all).unwrap_or_else(PoisonError::into_inner));
    }
}

impl TridentSpout for FeederBatchSpout {
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        self.feed_mut().wakers.push(place.context.waker());
        Ok(Box::new(Coordinator(self.clone())))
    }

    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        Ok(Box::new(Emitter { spout: self.clone(), task: SpoutTask::at(place) }))
    }

    fn output_fields(&self) -> Fields {
        self.fields.clone()
    }
}

struct Coordinator(FeederBatchSpout);

impl BatchCoordinator for Coordinator {
    fn initialize_transaction(
        &mut self,
        txid: i64,
        _previous: Option<&Value>,
        _current: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        // A batch that began because of another spout has nothing of this one.
        let batch = self.0.feed_mut().given.get(&txid).copied();
        Ok(Value::from(batch.and_then(|batch| i64::try_from(batch).ok())))
    }

    fn success(&mut self, txid: i64) -> ComponentResult {
        let mut feed = self.0.feed_mut();
        feed.committed = feed.committed.max(feed.given.get(&txid).map_or(0, |batch| batch + 1));
        drop(feed);
        self.0.shared.progress.notify_all();
        Ok(())
    }

    fn is_ready(&mut self, txid: i64) -> bool {
        let mut feed = self.0.feed_mut();
        let next = feed.given.values().max().map_or(0, |last| last + 1);
        if !feed.given.contains_key(&txid) && next < feed.batches.len() {
            feed.given.insert(txid, next);
        }
        feed.given.contains_key(&txid)
    }

    fn is_exhausted(&mut self, _txid: i64) -> bool {
        let feed = self.0.feed_mut();
        feed.closed && feed.committed == feed.batches.len()
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
        let tuples = batch.and_then(|batch| feed.batches.get(batch)).cloned().unwrap_or_default();
        drop(feed);
        let share = tuples.into_iter().skip(self.task.index).step_by(self.task.of);
        share.for_each(|values| collector.emit(values));
        Ok(())
    }
}
