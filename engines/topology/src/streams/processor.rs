//! What is done with the items of a stream, one after the other.

use super::aggregate::Aggregator;
use super::item::{Datum, Row, read};
use crate::state::{KeyValue, KeyValueState};
use crate::{ComponentError, ComponentResult, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The state of a bolt's task: by the place of the processor in its graph, and by key.
pub(super) type States = KeyValue<(u32, Value), Value>;

/// Where a processor puts what it makes of an item.
pub(super) struct Outputs<'a> {
    pub(super) rows: &'a mut Vec<(usize, Row)>,
    /// There in bolts with state.
    pub(super) states: Option<&'a mut States>,
}

impl Outputs<'_> {
    pub(super) fn emit(&mut self, row: Row) {
        self.rows.push((0, row));
    }
}

/// A step of a pipeline, in one task.
pub(super) trait Processor {
    /// Takes an item of one of its inputs.
    fn process(&mut self, input: usize, row: Row, out: &mut Outputs<'_>) -> ComponentResult;

    /// A window has ended.
    fn finish(&mut self, _: &mut Outputs<'_>) -> ComponentResult {
        Ok(())
    }
}

/// Makes the processor of a task, one that works by windows or one that does not.
pub(super) type MakeProcessor = Arc<dyn Fn(bool) -> Box<dyn Processor> + Send + Sync>;

/// A processor that remembers nothing.
struct Stateless<F>(Arc<F>);

impl<F: Fn(Row, &mut Outputs<'_>) -> ComponentResult> Processor for Stateless<F> {
    fn process(&mut self, _: usize, row: Row, out: &mut Outputs<'_>) -> ComponentResult {
        (self.0)(row, out)
    }
}

pub(super) fn stateless(
    process: impl Fn(Row, &mut Outputs<'_>) -> ComponentResult + Send + Sync + 'static,
) -> MakeProcessor {
    let process = Arc::new(process);
    Arc::new(move |_| Box::new(Stateless(Arc::clone(&process))))
}

/// What an aggregation takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Values in, results out.
    Whole,
    /// Values in, what is known of a part of them out.
    Part,
    /// What is known of parts in, results out.
    Merge,
}

/// An item's key, and its value of the type that is aggregated.
pub(super) type Take<T> = fn(Row) -> Result<(Value, T), ComponentError>;

/// Aggregates by key; without keys, all have the key null. Storm's `AggregateProcessor`,
/// `AggregateByKeyProcessor` and the same for merging.
struct Aggregate<A: Aggregator<T>, T> {
    aggregator: Arc<A>,
    stage: Stage,
    take: Take<T>,
    windowed: bool,
    /// In the order of keys, so that runs repeat.
    states: BTreeMap<Value, A::State>,
}

impl<A: Aggregator<T>, T> Aggregate<A, T> {
    fn row(&self, key: Value, state: A::State) -> Row {
        let value = match self.stage {
            Stage::Part => state.into_value(),
            Stage::Whole | Stage::Merge => self.aggregator.result(&state).into_value(),
        };
        Row { key, value }
    }
}

impl<A: Aggregator<T>, T> Processor for Aggregate<A, T> {
    fn process(&mut self, _: usize, row: Row, out: &mut Outputs<'_>) -> ComponentResult {
        let aggregator = Arc::clone(&self.aggregator);
        let known = |states: &mut BTreeMap<_, _>, key: &Value| {
            states.remove(key).unwrap_or_else(|| aggregator.init())
        };
        let (key, state) = if self.stage == Stage::Merge {
            let part = read(row.value)?;
            let state = known(&mut self.states, &row.key);
            (row.key, aggregator.merge(state, part))
        } else {
            let (key, value) = (self.take)(row)?;
            let state = known(&mut self.states, &key);
            (key, aggregator.apply(state, value))
        };
        // Without windows, what is so far comes with every value.
        if !self.windowed {
            let value = aggregator.result(&state).into_value();
            out.emit(Row { key: key.clone(), value });
        }
        self.states.insert(key, state);
        Ok(())
    }

    fn finish(&mut self, out: &mut Outputs<'_>) -> ComponentResult {
        if self.windowed {
            for (key, state) in std::mem::take(&mut self.states) {
                out.emit(self.row(key, state));
            }
        }
        Ok(())
    }
}

pub(super) fn aggregate<A: Aggregator<T>, T: 'static>(
    aggregator: &Arc<A>,
    stage: Stage,
    take: Take<T>,
) -> MakeProcessor {
    let aggregator = Arc::clone(aggregator);
    Arc::new(move |windowed| {
        let (aggregator, states) = (Arc::clone(&aggregator), BTreeMap::new());
        Box::new(Aggregate { aggregator, stage, take, windowed, states })
    })
}

/// Updates a state by key. Storm's `UpdateStateByKeyProcessor`.
struct UpdateState<S, V, I, F> {
    place: u32,
    functions: Arc<(I, F)>,
    of: std::marker::PhantomData<fn(S, V) -> S>,
}

fn no_state() -> ComponentError {
    ComponentError::fatal("streams keep state in a bolt without state")
}

impl<S: Datum, V: Datum, I: Fn() -> S, F: Fn(S, V) -> S> Processor for UpdateState<S, V, I, F> {
    fn process(&mut self, _: usize, row: Row, out: &mut Outputs<'_>) -> ComponentResult {
        let states = out.states.as_mut().ok_or_else(no_state)?;
        let place = (self.place, row.key.clone());
        let (init, update) = &*self.functions;
        let before = match states.get(&place)? {
            Some(value) => read(value)?,
            None => init(),
        };
        let value = update(before, read(row.value)?).into_value();
        states.put(place, value.clone())?;
        out.emit(Row { key: row.key, value });
        Ok(())
    }
}

pub(super) fn update_state<S: Datum, V: Datum>(
    place: u32,
    init: impl Fn() -> S + Send + Sync + 'static,
    update: impl Fn(S, V) -> S + Send + Sync + 'static,
) -> MakeProcessor {
    let functions = Arc::new((init, update));
    Arc::new(move |_| {
        let functions = Arc::clone(&functions);
        Box::new(UpdateState { place, functions, of: std::marker::PhantomData })
    })
}

/// Asks for the state of keys. Storm's `StateQueryProcessor`.
pub(super) fn query_state(place: u32) -> MakeProcessor {
    stateless(move |row, out| {
        let states = out.states.as_mut().ok_or_else(no_state)?;
        let value = states.get(&(place, row.value.clone()))?.unwrap_or(Value::Null);
        out.emit(Row { key: row.value, value });
        Ok(())
    })
}
