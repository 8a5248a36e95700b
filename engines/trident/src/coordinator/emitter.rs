//! The bolt that emits the batches of a spout.

use super::spout::batch_of;
use super::{COMMIT_STREAM, ManagedSpout, SUCCESS_STREAM};
use crate::batch::{BatchBolt, BatchCollector, BatchId, BatchInfo, TransactionAttempt};
use crate::operation::{Sink, TridentCollector};
use crate::output::Outputs;
use crate::spout::BatchEmitter;
use crate::tuple::TupleFactory;
use std::collections::BTreeMap;
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer,
    TopologyContext, Tuple, Value, Values,
};

/// Emits the batches of a spout when its coordinator says what is in them. Storm's
/// `TridentSpoutExecutor`.
pub struct TridentSpoutExecutor {
    spout: ManagedSpout,
    outputs: Outputs,
    factory: TupleFactory,
    emitter: Option<Box<dyn BatchEmitter>>,
    /// The attempts emitted and not yet committed, of a spout that commits.
    active: BTreeMap<i64, TransactionAttempt>,
}

impl std::fmt::Debug for TridentSpoutExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TridentSpoutExecutor").field("spout", &self.spout).finish_non_exhaustive()
    }
}

impl TridentSpoutExecutor {
    pub(crate) fn new(spout: ManagedSpout, outputs: Outputs) -> Self {
        let factory = TupleFactory::fresh(spout.spout.output_fields());
        Self { spout, outputs, factory, emitter: None, active: BTreeMap::new() }
    }
}

/// Sends what an emitter emits.
struct Sending<'a, 'c> {
    outputs: &'a Outputs,
    factory: &'a TupleFactory,
    collector: &'a mut BatchCollector<'c>,
    failure: ComponentResult,
}

impl Sink for Sending<'_, '_> {
    fn emit(&mut self, values: Values) {
        if self.failure.is_ok() {
            self.failure = self.factory.check(0, values.len()).and_then(|()| {
                let tuple = self.factory.of(values.iter().cloned());
                (0..self.outputs.len())
                    .try_for_each(|stream| self.outputs.emit(stream, &tuple, self.collector))
            });
        }
    }
    fn report_error(&mut self, message: &str) {
        self.collector.report_error(message);
    }
}

impl BatchBolt for TridentSpoutExecutor {
    type State = ();

    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.outputs.prepare(context);
        self.emitter = Some(self.spout.spout.emitter(&self.spout.place(conf, context))?);
        Ok(())
    }

    fn init_batch_state(
        &mut self,
        _batch_group: &str,
        _batch: BatchId,
        _collector: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        Ok(())
    }

    fn execute(
        &mut self,
        _batch: &mut BatchInfo<()>,
        tuple: &Tuple,
        collector: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let attempt = batch_of(tuple)?;
        let (outputs, factory) = (&self.outputs, &self.factory);
        let mut sending = Sending { outputs, factory, collector, failure: Ok(()) };
        let nothing = Value::Null;
        let metadata = tuple.values().get(1).unwrap_or(&nothing);
        emitter.emit_batch(attempt, metadata, &mut TridentCollector::new(&mut sending))?;
        sending.failure?;
        self.active.insert(attempt.txid, attempt);
        Ok(())
    }

    /// Word of commits and of their end.
    fn execute_outside(&mut self, tuple: &Tuple, _: &mut OutputCollector) -> ComponentResult {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let attempt = batch_of(tuple)?;
        if tuple.source_stream() == SUCCESS_STREAM {
            self.active = self.active.split_off(&attempt.txid);
            return emitter.success(attempt);
        }
        if tuple.source_stream() == COMMIT_STREAM {
            if self.active.get(&attempt.txid) != Some(&attempt) {
                return Err(ComponentError::failed(format!(
                    "received a commit of {attempt}, which is not the attempt that was emitted"
                )));
            }
            emitter.commit(attempt)?;
            self.active.remove(&attempt.txid);
        }
        Ok(())
    }

    fn finish_batch(
        &mut self,
        _batch: &mut BatchInfo<()>,
        _collector: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        Ok(())
    }

    fn cleanup(&mut self) {
        if let Some(emitter) = &mut self.emitter {
            emitter.close();
        }
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.outputs.declare(declarer);
    }

    fn component_configuration(&self) -> Config {
        self.spout.spout.component_configuration()
    }
}
