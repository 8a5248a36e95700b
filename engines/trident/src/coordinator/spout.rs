//! The bolt that says what is in the batches of a spout.

use super::{BATCH_STREAM, ManagedSpout, SUCCESS_STREAM};
use crate::batch::BatchId;
use crate::spout::BatchCoordinator;
use crate::store::{RotatingTransactionalState, TransactionalState};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, Config, OutputFieldsDeclarer,
    TopologyContext, Tuple, values,
};

/// Where the metadata of batches is kept.
const META: &str = "meta";

/// Says what is in the batches of a spout, and keeps it. Storm's `TridentSpoutCoordinator`.
pub struct TridentSpoutCoordinator {
    spout: ManagedSpout,
    life: Option<(Box<dyn BatchCoordinator>, RotatingTransactionalState)>,
}

impl std::fmt::Debug for TridentSpoutCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TridentSpoutCoordinator").field("spout", &self.spout).finish()
    }
}

impl TridentSpoutCoordinator {
    /// For a spout.
    #[must_use]
    pub const fn new(spout: ManagedSpout) -> Self {
        Self { spout, life: None }
    }
}

/// The id at the front of a tuple of a master or a coordinator.
pub(super) fn batch_of(tuple: &Tuple) -> Result<crate::TransactionAttempt, ComponentError> {
    match tuple.values().first().and_then(BatchId::from_value) {
        Some(BatchId::Transaction(attempt)) => Ok(attempt),
        _ => Err(ComponentError::fatal(format!("{tuple:?} does not begin with an attempt"))),
    }
}

impl BasicBolt for TridentSpoutCoordinator {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        let coordinator = self.spout.spout.coordinator(&self.spout.place(conf, context))?;
        let state = TransactionalState::coordinator(&self.spout.store, &self.spout.txid);
        self.life = Some((coordinator, RotatingTransactionalState::load(state.part(META))?));
        Ok(())
    }

    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let Some((coordinator, state)) = &mut self.life else { return Ok(()) };
        let attempt = batch_of(tuple)?;
        if tuple.source_stream() == SUCCESS_STREAM {
            state.cleanup_before(attempt.txid)?;
            return coordinator.success(attempt.txid);
        }
        let (previous, current) = (state.previous(attempt.txid), state.get(attempt.txid));
        let metadata = coordinator.initialize_transaction(attempt.txid, previous, current)?;
        state.put(attempt.txid, metadata.clone())?;
        out.emit_to(BATCH_STREAM, values![BatchId::from(attempt).to_value(), metadata])?;
        Ok(())
    }

    fn cleanup(&mut self) {
        if let Some((coordinator, _)) = &mut self.life {
            coordinator.close();
        }
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare_stream(BATCH_STREAM, ["tx", "metadata"]);
    }

    fn component_configuration(&self) -> Config {
        Config::empty().set(Config::TOPOLOGY_MAX_TASK_PARALLELISM, 1)
    }
}
