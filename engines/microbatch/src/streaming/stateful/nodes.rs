//! A batch of a stateful stream as RDDs: its rows, its states, and its place in their lineage.

use super::{StateStage, StatefulStage};
use crate::StorageLevel;
use crate::job::{JobError, Stage, TaskContext, TaskError};
use crate::rdd::RddNode;
use crate::rdd::lineage::{Dependency, Lineage};
use std::sync::Arc;
use weir_dataflow::Data;

fn visit_stage<T: Data, U: StatefulStage<T>>(
    stage: &Arc<StateStage<T, U>>,
    visit: &mut dyn FnMut(Arc<dyn Stage>),
) {
    if !stage.is_done() {
        visit(Arc::clone(stage) as Arc<dyn Stage>);
    }
}

pub(super) struct RowsNode<T: 'static, U: StatefulStage<T>>(pub(super) Arc<StateStage<T, U>>);

impl<T: Data, U: StatefulStage<T>> RddNode<U::Out> for RowsNode<T, U> {
    fn partitions(&self) -> usize {
        self.0.cells.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(U::Out)) -> Result<(), TaskError> {
        self.0.rows(task.partition())?.iter().cloned().for_each(sink);
        Ok(())
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        visit_stage(&self.0, visit);
    }
    fn known_empty(&self, partition: usize) -> bool {
        self.0.rows(partition).is_ok_and(|rows| rows.is_empty())
    }
    fn dependencies(&self) -> Vec<Dependency> {
        lineage_of(&self.0)
    }
    fn hashed(&self) -> bool {
        true
    }
    fn kept(&self) -> bool {
        true
    }
}

pub(super) struct StatesNode<T: 'static, U: StatefulStage<T>> {
    stage: Arc<StateStage<T, U>>,
    /// Says that the states may be read.
    _reader: Arc<()>,
}

impl<T: 'static, U: StatefulStage<T>> StatesNode<T, U> {
    pub(super) fn of(stage: Arc<StateStage<T, U>>) -> Self {
        let reader = Arc::clone(&stage.readers);
        Self { stage, _reader: reader }
    }
}

impl<T: Data, U: StatefulStage<T>> RddNode<Arc<U::State>> for StatesNode<T, U> {
    fn partitions(&self) -> usize {
        self.stage.cells.len()
    }
    fn compute(
        &self,
        task: &TaskContext,
        sink: &mut dyn FnMut(Arc<U::State>),
    ) -> Result<(), TaskError> {
        sink(self.stage.state_after(task.partition())?);
        Ok(())
    }
    fn dependencies(&self) -> Vec<Dependency> {
        lineage_of(&self.stage)
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        visit_stage(&self.stage, visit);
    }
    fn hashed(&self) -> bool {
        true
    }
    fn kept(&self) -> bool {
        true
    }
}

/// The state of a batch as a part of the lineage of RDDs: that is how its checkpoint is found.
struct StateLineage<T: 'static, U: StatefulStage<T>>(Arc<StateStage<T, U>>);

impl<T: Data, U: StatefulStage<T>> Lineage for StateLineage<T, U> {
    fn id(&self) -> u64 {
        let Self(stage) = self;
        stage.rdd_id
    }
    fn partitions(&self) -> usize {
        self.0.cells.len()
    }
    fn describe(&self) -> String {
        format!("StateRDD[{}] at {}", self.0.rdd_id, self.0.label)
    }
    fn level(&self) -> StorageLevel {
        StorageLevel::MEMORY_ONLY
    }
    fn stored(&self) -> Option<(usize, u64)> {
        None
    }
    fn dependencies(&self) -> Vec<Dependency> {
        self.0.shuffle.parent_dependency()
    }
    fn do_checkpoint(&self) -> Result<bool, JobError> {
        let stage = &self.0;
        // A reader before the mark goes: between the two, the next batch could take the state.
        let states: Arc<dyn RddNode<Arc<U::State>>> = Arc::new(StatesNode::of(Arc::clone(stage)));
        let Some(folder) = stage.mark().take() else { return Ok(false) };
        let Some(files) = &stage.files else { return Ok(false) };
        let place = (stage.time, folder.clone());
        let rows_of = |partition| stage.rows(partition);
        files.write(stage.shuffle.context(), &states, rows_of, place).map(|()| true).inspect_err(
            |_| {
                // The next job tries again.
                stage.mark().get_or_insert(folder);
            },
        )
    }
}

fn lineage_of<T: Data, U: StatefulStage<T>>(stage: &Arc<StateStage<T, U>>) -> Vec<Dependency> {
    vec![Dependency { on: Arc::new(StateLineage(Arc::clone(stage))), shuffle: false }]
}
