//! Records that travel together as one tuple.

use std::sync::{Mutex, PoisonError};
use weir_topology::grouping::{Chosen, GroupingContext, GroupingError, StreamGrouping};
use weir_topology::{ComponentError, TaskId, Value};

/// What one task has for another in a batch. One receiver takes it: a batch that comes again is made
/// again.
pub(super) struct Chunk<R> {
    /// The task that the records come from: it tells the chunks of a batch apart and gives them an order.
    origin: usize,
    content: Mutex<Option<R>>,
}

impl<R: Send + 'static> Chunk<R> {
    pub(super) fn value(origin: usize, content: R) -> Value {
        Value::object(Self { origin, content: Mutex::new(Some(content)) })
    }

    /// Takes the content out, with its origin.
    pub(super) fn take(value: &Value) -> Result<(usize, R), ComponentError> {
        let of_another_kind = || ComponentError::fatal("a chunk of records has another type");
        let chunk = value.as_object::<Self>().ok_or_else(of_another_kind)?;
        let content = chunk.content.lock().unwrap_or_else(PoisonError::into_inner).take();
        let taken = || ComponentError::fatal("a chunk of records has two receivers");
        Ok((chunk.origin, content.ok_or_else(taken)?))
    }
}

/// Sends a tuple to the task whose number is its first value.
#[derive(Debug, Default)]
pub(super) struct ByNumber(Vec<TaskId>);

impl StreamGrouping for ByNumber {
    fn prepare(&mut self, context: &GroupingContext) {
        self.0.clone_from(&context.targets);
    }

    fn choose(
        &mut self,
        _: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError> {
        // The batch comes first.
        let number = values.get(1).and_then(Value::as_int);
        let task = number.and_then(|number| self.0.get(usize::try_from(number).ok()?));
        chosen.extend(task.copied());
        Ok(())
    }
}
