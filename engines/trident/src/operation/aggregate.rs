//! Operations on the tuples of a batch, or of a group within it.

use super::{TridentCollector, TridentOperationContext};
use crate::batch::BatchId;
use crate::tuple::TridentTuple;
use std::any::Any;
use weir_topology::{ComponentError, ComponentResult, Value};

/// Makes one value of the tuples of a batch: one of each tuple, and of two one. Storm's
/// `CombinerAggregator`. Each partition combines what it has before anything is sent on.
pub trait CombinerAggregator: 'static {
    /// The value of one tuple.
    fn init(&mut self, tuple: &TridentTuple) -> Result<Value, ComponentError>;

    /// The value of two together.
    fn combine(&mut self, one: &Value, other: &Value) -> Result<Value, ComponentError>;

    /// The value of no tuple at all.
    fn zero(&mut self) -> Value;
}

/// Makes one value of the tuples of a batch, one tuple after the other. Storm's `ReducerAggregator`.
pub trait ReducerAggregator: 'static {
    /// The value before the first tuple.
    fn init(&mut self) -> Value;

    /// The value after one more tuple.
    fn reduce(&mut self, value: &Value, tuple: &TridentTuple) -> Result<Value, ComponentError>;
}

/// Takes the tuples of a batch and emits what it likes. Storm's `Aggregator`.
///
/// Per batch and partition: `init aggregate* complete`. In a grouped stream the same per group, where
/// a group that has no tuple in a batch does not exist.
pub trait Aggregator: 'static {
    /// What it keeps while a batch lasts. Several batches may be under way at once.
    type State: 'static;

    /// Called once, before the first batch.
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }

    /// A batch begins.
    fn init(
        &mut self,
        batch: BatchId,
        collector: &mut TridentCollector<'_>,
    ) -> Result<Self::State, ComponentError>;

    /// Takes a tuple of the batch.
    fn aggregate(
        &mut self,
        state: &mut Self::State,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// The batch is over.
    fn complete(
        &mut self,
        state: Self::State,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}
}

/// What an aggregator keeps while a batch lasts.
pub(crate) type AnyState = Box<dyn Any>;

/// An [`Aggregator`] whose state has lost its type.
pub(crate) trait AnyAggregator: 'static {
    fn prepare(&mut self, context: &TridentOperationContext) -> ComponentResult;
    fn init(
        &mut self,
        batch: BatchId,
        collector: &mut TridentCollector<'_>,
    ) -> Result<AnyState, ComponentError>;
    fn aggregate(
        &mut self,
        state: &mut AnyState,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;
    fn complete(
        &mut self,
        state: AnyState,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;
    fn cleanup(&mut self);
}

/// A state that another aggregator made: a mistake of the engine, not of its user.
fn foreign() -> ComponentError {
    ComponentError::fatal("an aggregator got the state of another one")
}

impl<A: Aggregator> AnyAggregator for A {
    fn prepare(&mut self, context: &TridentOperationContext) -> ComponentResult {
        Aggregator::prepare(self, context)
    }

    fn init(
        &mut self,
        batch: BatchId,
        collector: &mut TridentCollector<'_>,
    ) -> Result<AnyState, ComponentError> {
        Ok(Box::new(Aggregator::init(self, batch, collector)?))
    }

    fn aggregate(
        &mut self,
        state: &mut AnyState,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let state = state.downcast_mut().ok_or_else(foreign)?;
        Aggregator::aggregate(self, state, tuple, collector)
    }

    fn complete(
        &mut self,
        state: AnyState,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let state = state.downcast().map_err(|_| foreign())?;
        Aggregator::complete(self, *state, collector)
    }

    fn cleanup(&mut self) {
        Aggregator::cleanup(self);
    }
}
