//! Opaque spouts over partitioned sources.

use super::partition::{Coordinating, SpoutTask};
use super::{
    BatchCoordinator, BatchEmitter, PartitionCoordinator, SpoutPartition, SpoutPlace, TridentSpout,
};
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use crate::store::{RotatingTransactionalState, TransactionalState};
use std::collections::BTreeMap;
use weir_topology::{ComponentError, ComponentResult, Config, Fields, Value};

/// A source with partitions that can go on from where a batch ended, but may not be able to emit the
/// same batch again. Storm's `IOpaquePartitionedTridentSpout`; [`Opaque`] makes an opaque spout of it.
pub trait OpaquePartitionedSpout: Send + Sync + 'static {
    /// Makes the coordinator.
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn PartitionCoordinator>, ComponentError>;

    /// Makes the emitter of a task.
    fn emitter(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn OpaquePartitionedEmitter>, ComponentError>;

    /// The fields of its tuples.
    fn output_fields(&self) -> Fields;

    /// Settings of its component.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// Emits batches of partitions. Storm's `IOpaquePartitionedTridentSpout.Emitter`.
pub trait OpaquePartitionedEmitter: 'static {
    /// The partitions in order, the same in all tasks; `all` is what the coordinator said.
    fn ordered_partitions(&mut self, all: &Value) -> Result<Vec<SpoutPartition>, ComponentError>;

    /// These are the partitions of this task from here on.
    fn refresh_partitions(&mut self, _mine: &[SpoutPartition]) -> ComponentResult {
        Ok(())
    }

    /// Emits a batch of a partition, from where the batch before ended: that left `last`. Returns what
    /// it takes to go on behind this one.
    fn emit(
        &mut self,
        attempt: TransactionAttempt,
        collector: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        last: Option<&Value>,
    ) -> Result<Value, ComponentError>;

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}
}

/// An [`OpaquePartitionedSpout`] as an opaque [`TridentSpout`]: a batch that comes again may be another,
/// but each tuple is in one committed batch. Storm's `OpaquePartitionedTridentSpoutExecutor`.
#[derive(Clone, Debug, Default)]
pub struct Opaque<P>(pub P);

impl<P: OpaquePartitionedSpout> TridentSpout for Opaque<P> {
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        let coordinator = self.0.coordinator(place)?;
        Ok(Box::new(Coordinating::new(coordinator, false, place)))
    }

    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        Ok(Box::new(Emitter {
            emitter: self.0.emitter(place)?,
            state: place.state(),
            task: SpoutTask::at(place),
            told: None,
            changed: false,
            partitions: BTreeMap::new(),
            emitted: BTreeMap::new(),
        }))
    }

    fn output_fields(&self) -> Fields {
        self.0.output_fields()
    }

    fn commits(&self) -> bool {
        true
    }

    fn component_configuration(&self) -> Config {
        self.0.component_configuration()
    }
}

struct Emitter {
    emitter: Box<dyn OpaquePartitionedEmitter>,
    state: TransactionalState,
    task: SpoutTask,
    /// What the coordinator said last.
    told: Option<Value>,
    /// Whether the partitions have changed since the last commit.
    changed: bool,
    partitions: BTreeMap<String, (SpoutPartition, RotatingTransactionalState)>,
    /// What the coordinator said of batches that are not committed, and what they left, by partition.
    emitted: BTreeMap<i64, (Value, BTreeMap<String, Value>)>,
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
            self.partitions.insert(partition.id.clone(), (partition.clone(), state));
        }
        self.emitter.refresh_partitions(&mine)?;
        self.told = Some(told.clone());
        self.changed = true;
        Ok(())
    }

    /// If a commit of this batch was broken off and partitions have gone since, what they keep of it
    /// must go, too. One task does that; no other writes to these partitions.
    fn forget_gone_partitions(&mut self, told: &Value, txid: i64) -> ComponentResult {
        let valid = self.emitter.ordered_partitions(told)?;
        for id in self.state.names()? {
            if !valid.iter().any(|partition| partition.id == id) {
                RotatingTransactionalState::load(self.state.part(&id))?.remove(txid)?;
            }
        }
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
        self.emitted.remove(&attempt.txid);
        self.refresh(metadata)?;
        let before =
            self.emitted.range(..attempt.txid).next_back().map(|(_, (_, left))| left.clone());
        let before = before.unwrap_or_default();
        let mut left = BTreeMap::new();
        for (id, (partition, state)) in &mut self.partitions {
            state.remove(attempt.txid)?;
            let last = before.get(id).or_else(|| state.last());
            let now = self.emitter.emit(attempt, collector, partition, last)?;
            left.insert(id.clone(), now);
        }
        self.emitted.insert(attempt.txid, (metadata.clone(), left));
        Ok(())
    }

    fn commit(&mut self, attempt: TransactionAttempt) -> ComponentResult {
        let Some((told, left)) = self.emitted.remove(&attempt.txid) else { return Ok(()) };
        if self.changed && self.task.index == 0 {
            self.forget_gone_partitions(&told, attempt.txid)?;
        }
        self.changed = false;
        for (id, left) in left {
            // Partitions are not given away before what was emitted of them is committed.
            let (_, state) = self.partitions.get_mut(&id).ok_or_else(|| {
                ComponentError::failed(format!("{attempt} has tuples of {id}, which has gone"))
            })?;
            state.put(attempt.txid, left)?;
        }
        Ok(())
    }

    fn success(&mut self, attempt: TransactionAttempt) -> ComponentResult {
        for (_, state) in self.partitions.values_mut() {
            state.cleanup_before(attempt.txid)?;
        }
        Ok(())
    }

    fn close(&mut self) {
        self.emitter.close();
    }
}
