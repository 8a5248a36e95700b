//! The streams that a component of a Trident topology emits.

use crate::TridentTuple;
use crate::batch::BatchCollector;
use weir_topology::{ComponentResult, Fields, OutputFieldsDeclarer, TaskId, TopologyContext};

/// What the first field of every stream is called.
pub(crate) const BATCH_FIELD: &str = "$batchId";

/// A stream of a component.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) stream: String,
    pub(crate) fields: Fields,
    /// The subscribers whose task of the same place gets a tuple, of a stream that is not repartitioned.
    pub(crate) identity: Option<Vec<String>>,
    /// These tasks.
    targets: Vec<TaskId>,
}

impl Output {
    pub(crate) const fn new(stream: String, fields: Fields, identity: Option<Vec<String>>) -> Self {
        Self { stream, fields, identity, targets: Vec::new() }
    }

    /// The tasks of an identity stream, once prepared.
    pub(crate) fn targets(&self) -> &[TaskId] {
        &self.targets
    }
}

/// The streams of a component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs(pub(crate) Vec<Output>);

impl Outputs {
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Looks the tasks of subscribers up.
    pub(crate) fn prepare(&mut self, context: &TopologyContext) {
        for output in &mut self.0 {
            let subscribers = output.identity.iter().flatten();
            let task = |component: &String| {
                let tasks = context.component_tasks(component);
                tasks.get(context.task_index() % tasks.len().max(1)).copied()
            };
            output.targets = subscribers.filter_map(task).collect();
        }
    }

    pub(crate) fn emit(
        &self,
        stream: usize,
        tuple: &TridentTuple,
        collector: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        let output = &self.0[stream];
        let values = tuple.values().iter().cloned();
        match output.identity {
            None => collector.emit_to(&output.stream, values),
            Some(_) => collector.emit_direct(&output.targets, &output.stream, values),
        }
    }

    pub(crate) fn declare(&self, declarer: &mut OutputFieldsDeclarer) {
        for output in &self.0 {
            let fields: Vec<&str> =
                std::iter::once(BATCH_FIELD).chain(output.fields.iter()).collect();
            match output.identity {
                None => declarer.declare_stream(&output.stream, fields),
                Some(_) => declarer.declare_stream_direct(&output.stream, fields),
            }
        }
    }
}
