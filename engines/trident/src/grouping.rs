//! Groupings of batches.

use crate::batch::{BatchId, BatchToPartition};
use weir_topology::grouping::{self, GroupingContext, GroupingError, StreamGrouping};
use weir_topology::{TaskId, Value};

/// All tuples of a batch to one task. Storm's `IndexHashGrouping` of the batch.
#[derive(Debug, Default)]
pub(crate) struct BatchGlobalGrouping(Vec<TaskId>);

impl StreamGrouping for BatchGlobalGrouping {
    fn prepare(&mut self, context: &GroupingContext) {
        self.0.clone_from(&context.targets);
    }

    fn choose(
        &mut self,
        _: TaskId,
        values: &[Value],
        chosen: &mut grouping::Chosen,
    ) -> Result<(), GroupingError> {
        let batch = values.first().and_then(BatchId::from_value);
        let place = batch.map_or(0, |id| BatchToPartition::ById.partition(id, self.0.len()));
        chosen.extend(self.0.get(place).copied());
        Ok(())
    }
}

/// A grouping of the user's, which was made behind a pointer.
pub(crate) struct Chosen(pub(crate) Box<dyn StreamGrouping>);

impl StreamGrouping for Chosen {
    fn prepare(&mut self, context: &GroupingContext) {
        self.0.prepare(context);
    }
    fn choose(
        &mut self,
        source: TaskId,
        values: &[Value],
        chosen: &mut grouping::Chosen,
    ) -> Result<(), GroupingError> {
        self.0.choose(source, values, chosen)
    }
    fn refresh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        self.0.refresh(load);
    }
}
