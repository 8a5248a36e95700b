//! Operations that spread tuples over tasks anew.

use super::Stream;
use crate::plan::{NodeKind, Partitioning};
use std::rc::Rc;
use std::sync::Arc;
use weir_topology::IntoFields;
use weir_topology::grouping::StreamGrouping;

impl Stream {
    pub(super) fn partitioned(&self, partitioning: Partitioning) -> Self {
        let definition = &mut *self.definition.borrow_mut();
        // Of two repartitions in a row, the second is what counts.
        let from = match definition.nodes[self.node].kind {
            NodeKind::Partition(_) => definition.nodes[self.node].inputs[0],
            _ => self.node,
        };
        let fields = definition.nodes[from].fields.clone();
        let kind = NodeKind::Partition(partitioning);
        let node = definition.add(self.name.clone(), fields, vec![from], kind);
        Self { definition: Rc::clone(&self.definition), node, name: self.name.clone() }
    }

    /// Tuples with equal values in these fields go to one task.
    pub fn partition_by(&self, fields: impl IntoFields) -> Self {
        match self.check("partition_by", fields) {
            Ok(fields) => self.partitioned(Partitioning::Fields(fields)),
            Err(error) => self.fail(error),
        }
    }

    /// Tuples go to the tasks in turn, fewer to those whose queues are full.
    pub fn shuffle(&self) -> Self {
        self.partitioned(Partitioning::Shuffle)
    }

    /// As a shuffle among the tasks of the same process, which here are all.
    pub fn local_or_shuffle(&self) -> Self {
        self.partitioned(Partitioning::LocalOrShuffle)
    }

    /// All tuples of all batches go to one task.
    pub fn global(&self) -> Self {
        self.partitioned(Partitioning::Global)
    }

    /// All tuples of a batch go to one task, those of another batch perhaps to another.
    pub fn batch_global(&self) -> Self {
        self.partitioned(Partitioning::BatchGlobal)
    }

    /// Every task gets every tuple.
    pub fn broadcast(&self) -> Self {
        self.partitioned(Partitioning::Broadcast)
    }

    /// Tuples go to the task of the same place: what follows is in another bolt, with as many tasks.
    pub fn identity_partition(&self) -> Self {
        self.partitioned(Partitioning::Identity)
    }

    /// Tuples go where a grouping of one's own sends them. `make` is called once per emitting executor.
    /// The values that the grouping gets begin with the batch.
    pub fn partition<G: StreamGrouping>(
        &self,
        make: impl Fn() -> G + Send + Sync + 'static,
    ) -> Self {
        let make = move || -> Box<dyn StreamGrouping> { Box::new(make()) };
        self.partitioned(Partitioning::Custom(Arc::new(make)))
    }
}
