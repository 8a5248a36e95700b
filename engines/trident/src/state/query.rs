//! What looks things up in a state.

use super::{MapState, Snapshottable, TupleCollection};
use crate::operation::{TridentCollector, TridentOperationContext};
use crate::tuple::TridentTuple;
use weir_topology::{ComponentError, ComponentResult, Value, Values, values};

/// Looks the tuples of a batch up in a state, all at once. Storm's `QueryFunction`.
pub trait QueryFunction<S>: 'static {
    /// What is found for one tuple.
    type Found;

    /// Called once, before the first batch.
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }

    /// What the state has for the tuples: as many results as tuples.
    fn batch_retrieve(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
    ) -> Result<Vec<Self::Found>, ComponentError>;

    /// Emits what is appended to a tuple, given what was found for it.
    fn execute(
        &mut self,
        tuple: &TridentTuple,
        found: Self::Found,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}
}

/// Appends the value of the key that a tuple is; [`Value::Null`] for an unknown one. Storm's `MapGet`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapGet;

impl<S: MapState> QueryFunction<S> for MapGet {
    type Found = Value;

    fn batch_retrieve(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
    ) -> Result<Vec<Value>, ComponentError> {
        let keys: Vec<Values> = tuples.iter().map(TridentTuple::to_values).collect();
        state.multi_get(&keys)
    }

    fn execute(
        &mut self,
        _tuple: &TridentTuple,
        found: Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        collector.emit(values![found]);
        Ok(())
    }
}

/// Appends all keys with their values, each to a copy of the tuple. Storm's `TupleCollectionGet`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TupleCollectionGet;

impl<S: TupleCollection> QueryFunction<S> for TupleCollectionGet {
    type Found = Vec<Values>;

    fn batch_retrieve(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
    ) -> Result<Vec<Vec<Values>>, ComponentError> {
        let all = state.tuples()?;
        Ok(vec![all; tuples.len()])
    }

    fn execute(
        &mut self,
        _tuple: &TridentTuple,
        found: Vec<Values>,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        found.into_iter().for_each(|row| collector.emit(row));
        Ok(())
    }
}

/// Appends the one value of a state. Storm's `SnapshotGet`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SnapshotGet;

impl<S: Snapshottable> QueryFunction<S> for SnapshotGet {
    type Found = Value;

    fn batch_retrieve(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
    ) -> Result<Vec<Value>, ComponentError> {
        let value = state.get()?;
        Ok(vec![value; tuples.len()])
    }

    fn execute(
        &mut self,
        _tuple: &TridentTuple,
        found: Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        collector.emit(values![found]);
        Ok(())
    }
}
