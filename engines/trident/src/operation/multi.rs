//! Operations over several streams.

use super::{AnyState, TridentCollector, TridentOperationContext};
use crate::processor::AnyMultiReducer;
use crate::tuple::TridentTuple;
use weir_topology::{ComponentError, ComponentResult};

/// Takes the tuples of several streams, batch by batch, in each partition by itself. Storm's
/// `MultiReducer`.
pub trait MultiReducer: 'static {
    /// What it keeps for a batch.
    type State: 'static;

    /// Called once, before the first batch.
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }

    /// A batch begins.
    fn init(&mut self) -> Self::State;

    /// Takes a tuple of the stream `from`, by its place among the streams.
    fn execute(
        &mut self,
        state: &mut Self::State,
        from: usize,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// The batch has ended.
    fn complete(
        &mut self,
        state: Self::State,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}
}

fn other() -> ComponentError {
    ComponentError::fatal("a reducer was given the state of another")
}

impl<R: MultiReducer> AnyMultiReducer for R {
    fn prepare(&mut self, context: &TridentOperationContext) -> ComponentResult {
        MultiReducer::prepare(self, context)
    }
    fn init(&mut self) -> AnyState {
        Box::new(MultiReducer::init(self))
    }
    fn execute(
        &mut self,
        state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let state = state.downcast_mut().ok_or_else(other)?;
        MultiReducer::execute(self, state, from, tuple, collector)
    }
    fn complete(
        &mut self,
        state: AnyState,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let state = *state.downcast().map_err(|_| other())?;
        MultiReducer::complete(self, state, collector)
    }
    fn cleanup(&mut self) {
        MultiReducer::cleanup(self);
    }
}
