//! Spouts that are only asked for a batch.

use super::{BatchCoordinator, BatchEmitter, SpoutPlace, TridentSpout};
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use weir_topology::{ComponentError, ComponentResult, Config, Fields, TopologyContext, Value};

/// A source that is asked for the batch of an id and told when it is committed. Storm's `IBatchSpout`.
///
/// It is what its answers make it: transactional if the same id always gets the same tuples.
pub trait BatchSpout: Send + 'static {
    /// Called once, before the first batch.
    fn open(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Emits a batch. Asked again, with the same id, if the batch failed.
    fn emit_batch(&mut self, txid: i64, collector: &mut TridentCollector<'_>) -> ComponentResult;

    /// A batch has been committed.
    fn ack(&mut self, _txid: i64) -> ComponentResult {
        Ok(())
    }

    /// Whether this batch and all after it would be empty; see [`BatchCoordinator::is_exhausted`].
    /// Asked of another clone than the one that emits.
    fn is_exhausted(&self, _txid: i64) -> bool {
        false
    }

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}

    /// The fields of its tuples.
    fn output_fields(&self) -> Fields;

    /// Settings of its component.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// A [`BatchSpout`] as a [`TridentSpout`], of which each task gets a clone. Storm's `BatchSpoutExecutor`.
#[derive(Clone, Debug, Default)]
pub struct Batched<S>(pub S);

impl<S: BatchSpout + Clone + Sync> TridentSpout for Batched<S> {
    fn coordinator(
        &self,
        _place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        Ok(Box::new(Coordinator(self.0.clone())))
    }

    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        let mut spout = self.0.clone();
        spout.open(place.conf, place.context)?;
        Ok(Box::new(Emitter(spout)))
    }

    fn output_fields(&self) -> Fields {
        self.0.output_fields()
    }

    fn component_configuration(&self) -> Config {
        self.0.component_configuration()
    }
}

struct Coordinator<S>(S);

impl<S: BatchSpout> BatchCoordinator for Coordinator<S> {
    fn initialize_transaction(
        &mut self,
        _txid: i64,
        _previous: Option<&Value>,
        _current: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        Ok(Value::Null)
    }

    fn is_exhausted(&mut self, txid: i64) -> bool {
        self.0.is_exhausted(txid)
    }
}

struct Emitter<S>(S);

impl<S: BatchSpout> BatchEmitter for Emitter<S> {
    fn emit_batch(
        &mut self,
        attempt: TransactionAttempt,
        _metadata: &Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        self.0.emit_batch(attempt.txid, collector)
    }

    fn success(&mut self, attempt: TransactionAttempt) -> ComponentResult {
        self.0.ack(attempt.txid)
    }

    fn close(&mut self) {
        self.0.close();
    }
}
