//! What spouts over partitioned sources have in common.

use super::{BatchCoordinator, SpoutPlace, Turn};
use std::collections::BTreeMap;
use weir_topology::{ComponentError, ComponentResult, Value};

/// A partition of a source. Storm's `ISpoutPartition`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpoutPartition {
    /// What tells it apart; its progress is kept under this id.
    pub id: String,
}

impl SpoutPartition {
    /// A partition with an id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }
}

/// Says which partitions a source has. Storm's `IPartitionedTridentSpout.Coordinator`.
pub trait PartitionCoordinator: 'static {
    /// The partitions, as a value that the emitters understand
    /// ([`PartitionedEmitter::ordered_partitions`](super::PartitionedEmitter::ordered_partitions)).
    /// Asked for every new batch.
    fn partitions_for_batch(&mut self) -> Result<Value, ComponentError>;

    /// Whether a batch may begin.
    fn is_ready(&mut self, _txid: i64) -> bool {
        true
    }

    /// Whether this batch and all after it would be empty; see [`BatchCoordinator::is_exhausted`].
    fn is_exhausted(&mut self, _txid: i64) -> bool {
        false
    }

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}
}

/// Tells emitters the partitions. For a batch that comes again they are those of the first attempt if
/// it has to be the same.
///
/// With other partitions than those of the batch before, a partition may be another task's. That task can
/// only go on with it when the one that had it is done with it: so such a batch fails, and with it those
/// behind it, and they begin again when all before it have been committed. In Storm both tasks emit the same
/// tuples.
pub(super) struct Coordinating {
    coordinator: Box<dyn PartitionCoordinator>,
    same_again: bool,
    turn: Turn,
    /// The partitions of the batches under way, as far as they have come here since this one or one
    /// before it failed.
    told: BTreeMap<i64, Value>,
}

impl Coordinating {
    pub(super) fn new(
        coordinator: Box<dyn PartitionCoordinator>,
        same_again: bool,
        place: &SpoutPlace<'_>,
    ) -> Self {
        Self { coordinator, same_again, turn: place.turn(), told: BTreeMap::new() }
    }
}

impl BatchCoordinator for Coordinating {
    fn initialize_transaction(
        &mut self,
        txid: i64,
        _previous: Option<&Value>,
        current: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        let partitions = match current {
            Some(current) if self.same_again => current.clone(),
            _ => self.coordinator.partitions_for_batch()?,
        };
        self.told.split_off(&txid);
        let same = self.told.get(&(txid - 1)) == Some(&partitions);
        if !same && !self.turn.has_come(txid)? {
            self.turn.hold_back(txid);
            return Err(ComponentError::failed(format!(
                "the partitions have changed: batch {txid} waits until those before it are committed"
            )));
        }
        self.told.insert(txid, partitions.clone());
        Ok(partitions)
    }

    fn success(&mut self, txid: i64) -> ComponentResult {
        self.told = self.told.split_off(&txid);
        Ok(())
    }

    fn is_ready(&mut self, txid: i64) -> bool {
        self.coordinator.is_ready(txid)
    }

    fn is_exhausted(&mut self, txid: i64) -> bool {
        self.coordinator.is_exhausted(txid)
    }

    fn close(&mut self) {
        self.coordinator.close();
    }
}

/// Which task of how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpoutTask {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl SpoutTask {
    pub(crate) fn at(place: &SpoutPlace<'_>) -> Self {
        Self { index: place.context.task_index(), of: place.tasks() }
    }

    /// The partitions of the task: every so-manieth.
    pub(super) fn share(self, all: Vec<SpoutPartition>) -> Vec<SpoutPartition> {
        all.into_iter().skip(self.index).step_by(self.of).collect()
    }
}
