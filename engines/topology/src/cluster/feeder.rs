//! Spouts that tests feed.

use crate::component::{ComponentResult, IntoFields};
use crate::{
    Config, DEFAULT_STREAM, Fields, OutputFieldsDeclarer, RegisteredWaker, RichSpout,
    SpoutOutputCollector, TopologyContext, TopologyError, Value, Values, Wakers,
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
}

/// A spout that emits what it is fed from outside. Clones share the feed: one is given to the
/// topology, another is fed and asked. Storm's class of that name, with its trackers.
#[derive(Debug)]
pub struct FeederSpout {
    fields: Fields,
    feed: Arc<Mutex<Feed>>,
    /// The spouts that are open.
    wakers: Wakers,
    /// Its place among them, of one that has been opened.
    open: Option<RegisteredWaker>,
}

impl Clone for FeederSpout {
    fn clone(&self) -> Self {
        let (fields, feed, wakers) =
            (self.fields.clone(), Arc::clone(&self.feed), self.wakers.clone());
        // A copy of an open spout is not open.
        Self { fields, feed, wakers, open: None }
    }
}

impl FeederSpout {
    /// A spout of tuples with these fields.
    pub fn new(fields: impl IntoFields) -> Result<Self, TopologyError> {
        let (feed, wakers) = (Arc::default(), Wakers::default());
        Ok(Self { fields: fields.into_fields()?, feed, wakers, open: None })
    }

    fn feed_mut(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a tuple emitted, with a message id or [`Value::Null`].
    pub fn feed(&self, values: Values, message_id: impl Into<Value>) {
        self.feed_mut().waiting.push_back((values, message_id.into()));
        self.wakers.wake();
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
        self.open = Some(self.wakers.add(context.waker()));
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
    tuples: Arc<[(Arc<str>, Values)]>,
    next: usize,
    tasks: usize,
}

impl FixedTupleSpout {
    /// A spout of these tuples.
    pub fn new(
        fields: impl IntoFields,
        tuples: impl IntoIterator<Item = Values>,
    ) -> Result<Self, TopologyError> {
        let stream: Arc<str> = DEFAULT_STREAM.into();
        let tuples = tuples.into_iter().map(|values| (Arc::clone(&stream), values));
        Ok(Self { fields: fields.into_fields()?, ..Self::on_streams(tuples) })
    }

    /// A spout of tuples on streams that somebody else declares.
    pub(super) fn on_streams(tuples: impl IntoIterator<Item = (Arc<str>, Values)>) -> Self {
        let tuples = tuples.into_iter().collect();
        Self { fields: Fields::none(), tuples, next: 0, tasks: 1 }
    }
}

impl RichSpout for FixedTupleSpout {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.tasks = context.component_tasks(context.component_id()).len().max(1);
        self.next = context.task_index();
        Ok(())
    }

    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        if let Some((stream, values)) = self.tuples.get(self.next) {
            let message_id = i64::try_from(self.next).unwrap_or(i64::MAX);
            self.next += self.tasks;
            collector.emit_to(stream, values.clone(), message_id)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MockContext;

    #[test]
    fn only_open_spouts_are_woken() {
        let feeder = FeederSpout::new(["x"]).expect("a field");
        let opened = || {
            let mut spout = feeder.clone();
            spout.open(&Config::new(), &MockContext::new("s", 1).build()).expect("it opens");
            spout
        };
        let (first, second) = (opened(), opened());
        assert_eq!(feeder.wakers.len(), 2);
        // A copy of an open spout is not open.
        drop(first.clone());
        drop(first);
        assert_eq!(feeder.wakers.len(), 1);
        drop(second);
        assert!(feeder.wakers.is_empty());
    }
}
