//! What a source of batches is.

use super::{Hold, Turn};
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use crate::store::{TransactionalState, TransactionalStore};
use std::sync::Arc;
use weir_topology::{ComponentError, ComponentResult, Config, Fields, TopologyContext, Value};

/// Where a part of a spout runs, and where it may keep what it needs to know.
#[derive(Clone, Debug)]
pub struct SpoutPlace<'a> {
    /// The id that the stream was given: what the spout keeps is kept under it.
    pub txid: &'a str,
    /// The configuration of the component.
    pub conf: &'a Config,
    /// The place in the topology.
    pub context: &'a TopologyContext,
    pub(crate) store: &'a Arc<dyn TransactionalStore>,
    pub(crate) hold: &'a Arc<Hold>,
}

impl SpoutPlace<'_> {
    /// Where the emitters of the spout may keep what they need to know.
    #[must_use]
    pub fn state(&self) -> TransactionalState {
        TransactionalState::user(self.store, self.txid)
    }

    /// Which batch is next to be committed.
    pub(crate) fn turn(&self) -> Turn {
        Turn::of(self.store, self.txid, self.hold)
    }

    /// How many tasks emit.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.context.component_tasks(self.context.component_id()).len().max(1)
    }
}

/// A source of batches. Storm's `ITridentSpout`.
///
/// One coordinator says what is in a batch, the emitters of all tasks emit it. A batch that failed is
/// asked for again, under the same `txid`. A spout that then emits the same is *transactional*; one that
/// sees to it that each tuple is in one committed batch only, whatever the batch, is *opaque*: see
/// [`Partitioned`](super::Partitioned) and [`Opaque`](super::Opaque), which do what is needed.
pub trait TridentSpout: Send + Sync + 'static {
    /// Makes a coordinator. Two are made: one is asked whether a batch is ready, another what is in it.
    fn coordinator(
        &self,
        place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError>;

    /// Makes the emitter of a task.
    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError>;

    /// The fields of its tuples.
    fn output_fields(&self) -> Fields;

    /// Whether its emitters want to hear of commits ([`BatchEmitter::commit`]). Storm's
    /// `ICommitterTridentSpout`.
    fn commits(&self) -> bool {
        false
    }

    /// Settings of its component. [`Config::TOPOLOGY_MAX_TASK_PARALLELISM`] limits the parallelism of
    /// what comes before the first repartition, too.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// Says what is in batches. Storm's `ITridentSpout.BatchCoordinator`.
pub trait BatchCoordinator: 'static {
    /// What the emitters are to know of a batch. `previous` is what they were told of the batch before,
    /// `current` what they were told of an earlier attempt at this one.
    fn initialize_transaction(
        &mut self,
        txid: i64,
        previous: Option<&Value>,
        current: Option<&Value>,
    ) -> Result<Value, ComponentError>;

    /// A batch has been committed.
    fn success(&mut self, _txid: i64) -> ComponentResult {
        Ok(())
    }

    /// Whether a batch may begin.
    fn is_ready(&mut self, _txid: i64) -> bool {
        true
    }

    /// Whether this batch and all after it would be empty. A topology all of whose spouts say so ends
    /// when what was begun is committed. Storm has no such thing.
    fn is_exhausted(&mut self, _txid: i64) -> bool {
        false
    }

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}
}

/// Emits the part of batches that is a task's. Storm's `ITridentSpout.Emitter`.
pub trait BatchEmitter: 'static {
    /// Emits a batch, of which the coordinator said `metadata`.
    fn emit_batch(
        &mut self,
        attempt: TransactionAttempt,
        metadata: &Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// A batch is being committed: called if [`TridentSpout::commits`], once per attempt at it.
    fn commit(&mut self, _attempt: TransactionAttempt) -> ComponentResult {
        Ok(())
    }

    /// A batch has been committed everywhere.
    fn success(&mut self, _attempt: TransactionAttempt) -> ComponentResult {
        Ok(())
    }

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}
}
