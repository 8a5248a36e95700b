//! Groupings: which tasks of a subscriber get a tuple.

use crate::{TaskId, Value};
use smallvec::SmallVec;

/// The tasks that a grouping chose. Most choose one.
pub type Chosen = SmallVec<[TaskId; 2]>;

/// A subscription, as a grouping gets to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupingContext {
    /// The component that emits.
    pub source: String,
    /// The stream.
    pub stream: String,
    /// The component that subscribes.
    pub subscriber: String,
    /// The subscriber's tasks, in ascending order.
    pub targets: Vec<TaskId>,
}

/// Chooses the tasks of a subscriber that get a tuple. Storm's `CustomStreamGrouping`.
///
/// There is one value per emitting executor and subscription, so that it may keep counts; it is used
/// from that executor's thread only.
pub trait StreamGrouping: Send + 'static {
    /// Called once, before the first tuple.
    fn prepare(&mut self, context: &GroupingContext);

    /// Adds to `chosen` the tasks that get a tuple with these values, which `source` emits: none,
    /// one, several, or one several times.
    fn choose(&mut self, source: TaskId, values: &[Value], chosen: &mut Chosen);

    /// Takes notice of how full the targets' queues are, from 0 to 1 each; called once a second.
    fn refresh(&mut self, _load: &dyn Fn(TaskId) -> f64) {}
}
