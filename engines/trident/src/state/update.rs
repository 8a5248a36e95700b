//! What brings a state up to date with the tuples of a batch.

use super::{MapState, Snapshottable};
use crate::operation::{
    CombinerAggregator, ReducerAggregator, TridentCollector, TridentOperationContext,
};
use crate::tuple::{TridentTuple, TupleFactory};
use weir_topology::{ComponentError, ComponentResult, Value, Values, values};

/// Brings a state up to date with the tuples of a batch. Storm's `StateUpdater`. A closure that takes
/// the state, the tuples and a collector is one.
pub trait StateUpdater<S>: 'static {
    /// Called once, before the first batch.
    fn prepare(&mut self, _context: &TridentOperationContext) -> ComponentResult {
        Ok(())
    }

    /// Takes all tuples of a batch in this partition; at least one. What it emits is the stream of new
    /// values.
    fn update_state(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}
}

impl<S, F> StateUpdater<S> for F
where
    F: FnMut(&mut S, &[TridentTuple], &mut TridentCollector<'_>) -> ComponentResult + 'static,
{
    fn update_state(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        self(state, tuples, collector)
    }
}

/// Combines one value with those of the tuples: `null` is nothing yet.
fn combine(
    combiner: &mut dyn CombinerAggregator,
    stored: &Value,
    new: &Value,
) -> Result<Value, ComponentError> {
    if stored.is_null() { Ok(new.clone()) } else { combiner.combine(stored, new) }
}

/// Combines a state of one value with the values of a batch. Storm's `CombinerAggStateUpdater`.
pub struct CombinerUpdater(pub(crate) Box<dyn CombinerAggregator>);

impl<S: Snapshottable> StateUpdater<S> for CombinerUpdater {
    fn update_state(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let combiner = &mut *self.0;
        let value = state.update(&mut |stored| {
            tuples
                .iter()
                .try_fold(stored.clone(), |value, tuple| combine(combiner, &value, tuple.get(0)?))
        })?;
        collector.emit(values![value]);
        Ok(())
    }
}

/// Reduces a state of one value with the tuples of a batch. Storm's `ReducerAggStateUpdater`.
pub struct ReducerUpdater(pub(crate) Box<dyn ReducerAggregator>);

impl<S: Snapshottable> StateUpdater<S> for ReducerUpdater {
    fn update_state(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let reducer = &mut *self.0;
        let value = state.update(&mut |stored| {
            let first = if stored.is_null() { reducer.init() } else { stored.clone() };
            tuples.iter().try_fold(first, |value, tuple| reducer.reduce(&value, tuple))
        })?;
        collector.emit(values![value]);
        Ok(())
    }
}

/// The groups of a batch and their tuples, in the order in which they come.
fn groups(
    by: &TupleFactory,
    input: &TupleFactory,
    tuples: &[TridentTuple],
) -> (Vec<Values>, Vec<Vec<TridentTuple>>) {
    let (mut keys, mut of) = (Vec::new(), Vec::new());
    let mut places = hashbrown::HashMap::with_hasher(weir_dataflow::FastState);
    for tuple in tuples {
        let key = by.projected(tuple).to_values();
        let place = *places.entry(key).or_insert_with_key(|key: &Values| {
            keys.push(key.clone());
            of.push(Vec::new());
            keys.len() - 1
        });
        of[place].push(input.projected(tuple));
    }
    (keys, of)
}

/// Emits each group with its value.
fn emit(keys: &[Values], made: Vec<Value>, collector: &mut TridentCollector<'_>) {
    for (key, value) in keys.iter().zip(made) {
        collector.emit(key.with([value]));
    }
}

/// Combines a state by key with the values of a batch, one per group. Storm's
/// `MapCombinerAggStateUpdater`.
pub struct MapCombinerUpdater {
    pub(crate) combiner: Box<dyn CombinerAggregator>,
    pub(crate) group: TupleFactory,
    pub(crate) input: TupleFactory,
}

impl<S: MapState> StateUpdater<S> for MapCombinerUpdater {
    fn update_state(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let (keys, of) = groups(&self.group, &self.input, tuples);
        let combiner = &mut *self.combiner;
        let made = state.multi_update(&keys, &mut |k, stored| {
            of[k]
                .iter()
                .try_fold(stored.clone(), |value, tuple| combine(combiner, &value, tuple.get(0)?))
        })?;
        emit(&keys, made, collector);
        Ok(())
    }
}

/// Reduces a state by key with the tuples of a batch. Storm's `MapReducerAggStateUpdater`.
pub struct MapReducerUpdater {
    pub(crate) reducer: Box<dyn ReducerAggregator>,
    pub(crate) group: TupleFactory,
    pub(crate) input: TupleFactory,
}

impl<S: MapState> StateUpdater<S> for MapReducerUpdater {
    fn update_state(
        &mut self,
        state: &mut S,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let (keys, of) = groups(&self.group, &self.input, tuples);
        let reducer = &mut *self.reducer;
        let made = state.multi_update(&keys, &mut |k, stored| {
            let first = if stored.is_null() { reducer.init() } else { stored.clone() };
            of[k].iter().try_fold(first, |value, tuple| reducer.reduce(&value, tuple))
        })?;
        emit(&keys, made, collector);
        Ok(())
    }
}

macro_rules! shown {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
shown! { CombinerUpdater ReducerUpdater MapCombinerUpdater MapReducerUpdater }
