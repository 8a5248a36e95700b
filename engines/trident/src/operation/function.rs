//! Operations on single tuples.

use super::{TridentCollector, TridentOperationContext};
use crate::tuple::TridentTuple;
use weir_topology::{ComponentError, ComponentResult};

/// Emits any number of values for a tuple, which are appended to it; a tuple for which nothing is
/// emitted is gone. Storm's `Function`.
///
/// A [`ComponentError::Failed`] fails the batch, which comes again; another error is the end of the
/// executor. A closure that takes a tuple and a collector is a function.
pub trait Function: 'static {
    /// Called once, before the first tuple.
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }

    /// Takes one tuple, which has the operation's input fields only.
    fn execute(
        &mut self,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}
}

impl<F> Function for F
where
    F: FnMut(&TridentTuple, &mut TridentCollector<'_>) -> ComponentResult + 'static,
{
    fn execute(
        &mut self,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        self(tuple, collector)
    }
}

/// Says which tuples stay. Storm's `Filter`. A closure that takes a tuple and returns whether it stays
/// is a filter.
pub trait Filter: 'static {
    /// Called once, before the first tuple.
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }

    /// Whether a tuple stays.
    fn is_keep(&mut self, tuple: &TridentTuple) -> Result<bool, ComponentError>;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}
}

impl<F> Filter for F
where
    F: FnMut(&TridentTuple) -> Result<bool, ComponentError> + 'static,
{
    fn is_keep(&mut self, tuple: &TridentTuple) -> Result<bool, ComponentError> {
        self(tuple)
    }
}
