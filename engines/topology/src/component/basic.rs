//! Bolts whose tuples are anchored and acked for them.

use super::{
    ComponentError, ComponentResult, EmitError, OutputCollector, OutputFieldsDeclarer, RichBolt,
    TopologyContext,
};
use crate::{Config, TaskId, Tuple, Values};

/// A bolt whose emissions are anchored to the tuple at hand, which is acked when
/// [`execute`](Self::execute) returns. Storm's `IBasicBolt`.
///
/// [`ComponentError::Failed`] fails the tuple, [`ComponentError::Reported`] also reports it; any other
/// error is the end of the executor.
pub trait BasicBolt: 'static {
    /// Called once, before the first tuple.
    fn prepare(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Takes one tuple.
    fn execute(
        &mut self,
        tuple: &Tuple,
        collector: &mut BasicOutputCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}

    /// Says which streams it emits. Called once before the topology runs.
    fn declare_output_fields(&self, _declarer: &mut OutputFieldsDeclarer) {}

    /// Settings of this component alone. What is set on the declarer wins over them.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// What a [`BasicBolt`] emits into: everything is anchored to the tuple at hand.
#[derive(Debug)]
pub struct BasicOutputCollector<'a> {
    out: &'a mut OutputCollector,
    input: &'a Tuple,
}

impl<'a> BasicOutputCollector<'a> {
    /// What a bolt is given with the tuple `input`, to test it by itself: see
    /// [`MockCollector`](crate::testing::MockCollector).
    pub const fn new(out: &'a mut OutputCollector, input: &'a Tuple) -> Self {
        Self { out, input }
    }

    /// Emits on the default stream. Returns the tasks that it goes to.
    pub fn emit(&mut self, values: Values) -> Result<&[TaskId], EmitError> {
        self.out.emit([self.input], values)
    }

    /// Emits on a stream. Returns the tasks that it goes to.
    pub fn emit_to(&mut self, stream: &str, values: Values) -> Result<&[TaskId], EmitError> {
        self.out.emit_to(stream, [self.input], values)
    }

    /// Emits to one task of a component that subscribes by direct grouping.
    pub fn emit_direct(
        &mut self,
        task: TaskId,
        stream: &str,
        values: Values,
    ) -> Result<(), EmitError> {
        self.out.emit_direct(task, stream, [self.input], values)
    }

    /// Reports an error without failing anything.
    pub fn report_error(&mut self, message: &str) {
        self.out.report_error(message);
    }

    /// Starts the message timeout of the tuple's trees anew.
    pub fn reset_timeout(&mut self) {
        self.out.reset_timeout(self.input);
    }
}

/// Makes a [`RichBolt`] of a [`BasicBolt`]. Storm's `BasicBoltExecutor`.
#[derive(Debug)]
pub(crate) struct BasicBoltExecutor<B>(pub(crate) B);

impl<B: BasicBolt> RichBolt for BasicBoltExecutor<B> {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.0.prepare(conf, context)
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        match self.0.execute(&tuple, &mut BasicOutputCollector::new(out, &tuple)) {
            Ok(()) => out.ack(&tuple),
            Err(ComponentError::Failed(_)) => out.fail(&tuple),
            Err(ComponentError::Reported(message)) => {
                out.report_error(&message);
                out.fail(&tuple);
            }
            Err(fatal) => return Err(fatal),
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        self.0.cleanup();
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.0.declare_output_fields(declarer);
    }

    fn component_configuration(&self) -> Config {
        self.0.component_configuration()
    }
}
