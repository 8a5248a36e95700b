//! Operations over several streams at once.

use super::{Appending, Out, Processor, Setup};
use crate::batch::BatchId;
use crate::operation::{AnyState, TridentCollector, TridentOperationContext};
use crate::tuple::{TridentTuple, TupleFactory};
use weir_topology::{ComponentError, ComponentResult};

/// Takes the tuples of several streams in a batch: any
/// [`MultiReducer`](crate::operation::MultiReducer).
pub(crate) trait AnyMultiReducer: 'static {
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }
    fn init(&mut self) -> AnyState;
    fn execute(
        &mut self,
        state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;
    fn complete(
        &mut self,
        state: AnyState,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;
    fn cleanup(&mut self) {}
}

/// Runs a reducer of several streams. Storm's `MultiReducerProcessor`.
pub(crate) struct MultiProcessor {
    pub(crate) reducer: Box<dyn AnyMultiReducer>,
    /// What is seen of the tuples of each stream.
    pub(crate) inputs: Vec<TupleFactory>,
    pub(crate) output: TupleFactory,
}

impl Processor for MultiProcessor {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        self.reducer.prepare(setup.context)
    }

    fn start_batch(&mut self, _: BatchId, _: &mut Out<'_>) -> Result<AnyState, ComponentError> {
        Ok(self.reducer.init())
    }

    fn execute(
        &mut self,
        state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let input = self.inputs[from].projected(tuple);
        let mut sink = Appending { factory: &self.output, parent: None, out };
        self.reducer.execute(state, from, &input, &mut TridentCollector::new(&mut sink))
    }

    fn finish_batch(
        &mut self,
        _batch: BatchId,
        state: AnyState,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let mut sink = Appending { factory: &self.output, parent: None, out };
        self.reducer.complete(state, &mut TridentCollector::new(&mut sink))
    }

    fn cleanup(&mut self) {
        self.reducer.cleanup();
    }
}
