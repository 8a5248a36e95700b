//! What a grouping is, and what it gets to know.

use crate::{Fields, TaskId, Value};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use smallvec::SmallVec;
use thiserror::Error;

/// The tasks that a grouping chose. Most choose one.
pub type Chosen = SmallVec<[TaskId; 2]>;

/// A subscription, as a grouping gets to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupingContext {
    /// The component that emits.
    pub source: String,
    /// The stream.
    pub stream: String,
    /// The fields of the stream.
    pub fields: Fields,
    /// The component that subscribes.
    pub subscriber: String,
    /// The subscriber's tasks, in ascending order.
    pub targets: Vec<TaskId>,
}

/// Why a grouping could not place a tuple.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct GroupingError(String);

impl GroupingError {
    /// With a message that says what is wrong with the tuple.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Chooses the tasks of a subscriber that get a tuple. Storm's `CustomStreamGrouping`.
///
/// There is one value per emitting executor and subscription, so that it may keep counts; it is used
/// from that executor's thread only.
pub trait StreamGrouping: Send + 'static {
    /// Called once, before the first tuple.
    fn prepare(&mut self, context: &GroupingContext);

    /// Adds to `chosen` the tasks that get a tuple with these values, which `source` emits: none,
    /// one, several, or one several times. An error is one of the emission.
    fn choose(
        &mut self,
        source: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError>;

    /// Takes notice of how full the targets' queues are, from 0 to 1 each; called once a second.
    fn refresh(&mut self, _load: &dyn Fn(TaskId) -> f64) {}
}

impl StreamGrouping for Box<dyn StreamGrouping> {
    fn prepare(&mut self, context: &GroupingContext) {
        (**self).prepare(context);
    }
    fn choose(
        &mut self,
        source: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError> {
        (**self).choose(source, values, chosen)
    }
    fn refresh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        (**self).refresh(load);
    }
}

/// Where the lots of a grouping come from.
pub(super) fn random_of(seed: u64, context: &GroupingContext) -> Xoshiro256PlusPlus {
    let GroupingContext { source, stream, subscriber, .. } = context;
    let seed = weir_dataflow::hash_of(&(seed, source, stream, subscriber));
    Xoshiro256PlusPlus::seed_from_u64(seed)
}
