//! Spouts that tests feed.

use crate::component::{ComponentResult, IntoFields};
use crate::{
    Config, Fields, OutputFieldsDeclarer, RichSpout, SpoutOutputCollector, TopologyContext,
    TopologyError, Value, Values, Waker,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of the tuples of a [`FeederSpout`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeederStatus {
    /// Message ids in the order in which they were acked.
    pub acked: Vec<Value>,
    /// Message ids in the order in which they failed.
    pub failed: Vec<Value>,
}

#[derive(Debug, Default)]
struct Feed {
    waiting: VecDeque<(Values, Value)>,
    status: FeederStatus,
    wakers: Vec<Waker>,
}

/// A spout that emits what it is fed from outside. Clones share the feed: one is given to the
/// topology, another is fed and asked. Storm's class of that name, with its trackers.
#[derive(Clone, Debug)]
pub struct FeederSpout {
    fields: Fields,
    feed: Arc<Mutex<Feed>>,
}

impl FeederSpout {
    /// A spout of tuples with these fields.
    pub fn new(fields: impl IntoFields) -> Result<Self, TopologyError> {
        Ok(Self { fields: fields.into_fields()?, feed: Arc::default() })
    }

    fn feed_mut(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a tuple emitted, with a message id or [`Value::Null`].
    pub fn feed(&self, values: Values, message_id: impl Into<Value>) {
        let mut feed = self.feed_mut();
        feed.waiting.push_back((values, message_id.into()));
        let wakers = feed.wakers.clone();
        drop(feed);
        wakers.iter().for_each(Waker::wake);
    }

    /// What has become of its tuples.
    #[must_use]
    pub fn status(&self) -> FeederStatus {
        self.feed_mut().status.clone()
    }

    /// What has become of its tuples since this was asked last.
    #[must_use]
    pub fn take_status(&self) -> FeederStatus {
        std::mem::take(&mut self.feed_mut().status)
    }
}

impl RichSpout for FeederSpout {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.feed_mut().wakers.push(context.waker());
        Ok(())
    }

    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        let next = self.feed_mut().waiting.pop_front();
        if let Some((values, message_id)) = next {
            collector.emit(values, message_id)?;
        }
        Ok(())
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.feed_mut().status.acked.push(message_id);
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.feed_mut().status.failed.push(message_id);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(&self.fields);
    }
}

/// A spout of given tuples, which its tasks share out evenly; exhausted when all have been emitted.
/// A tuple that fails is not sent again. Storm's class of that name.
#[derive(Clone, Debug)]
pub struct FixedTupleSpout {
    fields: Fields,
    tuples: Arc<[Values]>,
    next: usize,
    tasks: usize,
}

impl FixedTupleSpout {
    /// A spout of these tuples.
    pub fn new(
        fields: impl IntoFields,
        tuples: impl IntoIterator<Item = Values>,
    ) -> Result<Self, TopologyError> {
        let tuples = tuples.into_iter().collect();
        Ok(Self { fields: fields.into_fields()?, tuples, next: 0, tasks: 1 })
    }
}

impl RichSpout for FixedTupleSpout {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.tasks = context.component_tasks(context.component_id()).len().max(1);
        self.next = context.task_index();
        Ok(())
    }

    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        if let Some(values) = self.tuples.get(self.next) {
            let message_id = i64::try_from(self.next).unwrap_or(i64::MAX);
            self.next += self.tasks;
            collector.emit(values.clone(), message_id)?;
        }
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.next >= self.tuples.len()
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(&self.fields);
    }
}
