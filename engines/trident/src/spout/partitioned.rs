//! Transactional spouts over partitioned sources.

use super::partition::{Coordinating, SpoutTask};
use super::{
    BatchCoordinator, BatchEmitter, PartitionCoordinator, SpoutPartition, SpoutPlace, TridentSpout,
};
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use crate::store::{RotatingTransactionalState, TransactionalState};
use weir_topology::{ComponentError, ComponentResult, Config, Fields, Value};

/// A source with partitions, each of which can emit what it emitted before once more. Storm's
/// `IPartitionedTridentSpout`; [`Partitioned`] makes a transactional spout of it.
pub trait PartitionedSpout: Send + Sync + 'static {
    /// Makes the coordinator.
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn PartitionCoordinator>, ComponentError>;

    /// Makes the emitter of a task.
    fn emitter(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn PartitionedEmitter>, ComponentError>;

    /// The fields of its tuples.
    fn output_fields(&self) -> Fields;

    /// Settings of its component.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// Emits batches of partitions. Storm's `IPartitionedTridentSpout.Emitter`.
pub trait PartitionedEmitter: 'static {
    /// The partitions in order, the same in all tasks; `all` is what the coordinator said.
    fn ordered_partitions(&mut self, all: &Value) -> Result<Vec<SpoutPartition>, ComponentError>;

    /// These are the partitions of this task from here on.
    fn refresh_partitions(&mut self, _mine: &[SpoutPartition]) -> ComponentResult {
        Ok(())
    }

    /// Emits a batch of a partition for the first time. `last` is what the batch before left. Returns
    /// what it takes to emit this one again, and to go on behind it: anything but [`Value::Null`], which is
    /// an error (in Storm such a batch is empty when it comes again).
    fn emit_new(
        &mut self,
        attempt: TransactionAttempt,
        collector: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        last: Option<&Value>,
    ) -> Result<Value, ComponentError>;

    /// Emits a batch of a partition again: the same tuples.
    fn emit_again(
        &mut self,
        attempt: TransactionAttempt,
        collector: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        metadata: &Value,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}
}

/// A [`PartitionedSpout`] as a transactional [`TridentSpout`]: a batch that comes again is the same, and
/// batches of a partition begin behind one another. Storm's `PartitionedTridentSpoutExecutor`.
#[derive(Clone, Debug, Default)]
pub struct Partitioned<P>(pub P);

impl<P: PartitionedSpout> TridentSpout for Partitioned<P> {
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        let coordinator = self.0.coordinator(place)?;
        Ok(Box::new(Coordinating::new(coordinator, true, place)))
    }

    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        let emitter = self.0.emitter(place)?;
        let (state, task) = (place.state(), SpoutTask::at(place));
        Ok(Box::new(Emitter { emitter, state, task, told: None, partitions: Vec::new() }))
    }

    fn output_fields(&self) -> Fields {
        self.0.output_fields()
    }

    fn component_configuration(&self) -> Config {
        self.0.component_configuration()
    }
}

struct Emitter {
    emitter: Box<dyn PartitionedEmitter>,
    state: TransactionalState,
    task: SpoutTask,
    /// What the coordinator said last.
    told: Option<Value>,
    partitions: Vec<(SpoutPartition, RotatingTransactionalState)>,
}

impl Emitter {
    fn refresh(&mut self, told: &Value) -> ComponentResult {
        if self.told.as_ref() == Some(told) {
            return Ok(());
        }
        let mine = self.task.share(self.emitter.ordered_partitions(told)?);
        self.partitions.clear();
        for partition in &mine {
            let state = RotatingTransactionalState::load(self.state.part(&partition.id))?;
            self.partitions.push((partition.clone(), state));
        }
        self.emitter.refresh_partitions(&mine)?;
        self.told = Some(told.clone());
        Ok(())
    }
}

impl BatchEmitter for Emitter {
    fn emit_batch(
        &mut self,
        attempt: TransactionAttempt,
        metadata: &Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        self.refresh(metadata)?;
        let emitter = &mut *self.emitter;
        for (partition, state) in &mut self.partitions {
            let known = state.get_or_make(attempt.txid, |last| {
                let made = emitter.emit_new(attempt, collector, partition, last)?;
                if made.is_null() {
                    return Err(ComponentError::fatal(format!(
                        "emit_new returned null for {attempt} of partition {}: return something, which \
                         emit_again is given",
                        partition.id
                    )));
                }
                Ok(made)
            })?;
            // Null: a later batch was emitted before this one, so this one has nothing.
            if let Some(known) = known.filter(|known| !known.is_null()) {
                emitter.emit_again(attempt, collector, partition, &known)?;
            }
        }
        Ok(())
    }

    fn success(&mut self, attempt: TransactionAttempt) -> ComponentResult {
        for (_, state) in &mut self.partitions {
            state.cleanup_before(attempt.txid)?;
        }
        Ok(())
    }

    fn close(&mut self) {
        self.emitter.close();
    }
}
