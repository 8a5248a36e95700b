//! Aggregations of a batch, as a whole or by group.

use super::{Input, Out, Processor, Setup};
use crate::batch::BatchId;
use crate::operation::{AnyAggregator, AnyState, Sink, TridentCollector};
use crate::tuple::{TridentTuple, TupleFactory};
use hashbrown::HashMap;
use weir_dataflow::FastState;
use weir_topology::{ComponentError, ComponentResult, Values};

/// An aggregator and what it sees.
pub(crate) struct AggregatePart {
    pub(crate) aggregator: Box<dyn AnyAggregator>,
    pub(crate) input: Input,
    /// The fields of what it emits.
    pub(crate) output: TupleFactory,
}

/// Aggregates the tuples of a batch; one aggregator or several side by side, whose emissions are put
/// together. Storm's `AggregateProcessor` with `ChainedAggregatorImpl` and `GroupedAggregator`.
pub(crate) struct AggregateProcessor {
    pub(crate) parts: Vec<AggregatePart>,
    /// What makes the key of a tuple, of a grouped stream.
    pub(crate) group: Option<TupleFactory>,
    pub(crate) output: TupleFactory,
}

/// What a part keeps for the whole batch or a group of it.
#[derive(Default)]
struct PartState {
    state: Option<AnyState>,
    emitted: Vec<Values>,
}

struct BatchState {
    batch: BatchId,
    /// The groups and their keys, in the order in which they came. Without grouping there is one,
    /// from the start.
    groups: Vec<(Values, Vec<PartState>)>,
    places: HashMap<Values, usize, FastState>,
}

/// Takes down what a part emits: a value for each of its fields.
struct Capture<'a, 'o> {
    output: &'a TupleFactory,
    emitted: &'a mut Vec<Values>,
    out: &'a mut Out<'o>,
}

impl Sink for Capture<'_, '_> {
    fn emit(&mut self, values: Values) {
        match self.output.check(0, values.len()) {
            Ok(()) => self.emitted.push(values),
            Err(error) => self.out.fail(error),
        }
    }
    fn report_error(&mut self, message: &str) {
        self.out.report_error(message);
    }
}

fn foreign() -> ComponentError {
    ComponentError::fatal("an aggregation got the state of another operation")
}

impl AggregateProcessor {
    fn begin(
        &mut self,
        batch: BatchId,
        key: &Values,
        out: &mut Out<'_>,
    ) -> Result<Vec<PartState>, ComponentError> {
        let mut states: Vec<PartState> = self.parts.iter().map(|_| PartState::default()).collect();
        for (part, PartState { state, emitted }) in self.parts.iter_mut().zip(&mut states) {
            let mut sink = Capture { output: &part.output, emitted, out };
            *state = Some(part.aggregator.init(batch, &mut TridentCollector::new(&mut sink))?);
        }
        self.emit_early(key, &mut states, out);
        Ok(states)
    }

    fn take(
        &mut self,
        key: &Values,
        states: &mut [PartState],
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        for (part, PartState { state, emitted }) in self.parts.iter_mut().zip(&mut *states) {
            let mut sink = Capture { output: &part.output, emitted, out };
            let mut collector = TridentCollector::new(&mut sink);
            let state = state.as_mut().ok_or_else(foreign)?;
            part.aggregator.aggregate(state, &part.input.view(tuple), &mut collector)?;
        }
        self.emit_early(key, states, out);
        Ok(())
    }

    /// What an aggregator emits that has no other beside it need not wait for the end.
    fn emit_early(&self, key: &Values, states: &mut [PartState], out: &mut Out<'_>) {
        if let [PartState { emitted, .. }] = states {
            for values in emitted.drain(..) {
                out.send(&self.output.of(key.iter().chain(values.iter()).cloned()));
            }
        }
    }

    /// Ends the parts and emits every combination of what they have emitted: with one emission each,
    /// as usual, that is one tuple.
    fn complete(
        &mut self,
        key: &Values,
        states: Vec<PartState>,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let mut rows = vec![key.clone()];
        for (part, PartState { state, mut emitted }) in self.parts.iter_mut().zip(states) {
            let mut sink = Capture { output: &part.output, emitted: &mut emitted, out };
            let mut collector = TridentCollector::new(&mut sink);
            part.aggregator.complete(state.ok_or_else(foreign)?, &mut collector)?;
            let combine = |row: &Values| {
                let with = |values: &Values| row.with(values.iter().cloned());
                emitted.iter().map(with).collect::<Vec<_>>()
            };
            rows = rows.iter().flat_map(combine).collect();
        }
        for row in rows {
            out.send(&self.output.of(row.iter().cloned()));
        }
        Ok(())
    }
}

impl Processor for AggregateProcessor {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        self.parts.iter_mut().try_for_each(|part| part.aggregator.prepare(setup.context))
    }

    fn start_batch(
        &mut self,
        batch: BatchId,
        out: &mut Out<'_>,
    ) -> Result<AnyState, ComponentError> {
        let mut state = BatchState { batch, groups: Vec::new(), places: HashMap::default() };
        if self.group.is_none() {
            let key = Values::none();
            let parts = self.begin(batch, &key, out)?;
            state.groups.push((key, parts));
        }
        Ok(Box::new(state))
    }

    fn execute(
        &mut self,
        state: &mut AnyState,
        _from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let BatchState { batch, groups, places } = state.downcast_mut().ok_or_else(foreign)?;
        let mut place = 0;
        if let Some(group) = &self.group {
            let key = group.projected(tuple).to_values();
            place = match places.get(&key) {
                Some(place) => *place,
                None => {
                    let states = self.begin(*batch, &key, out)?;
                    groups.push((key.clone(), states));
                    places.insert(key, groups.len() - 1);
                    groups.len() - 1
                }
            };
        }
        let (key, states) = &mut groups[place];
        self.take(key, states, tuple, out)
    }

    fn finish_batch(
        &mut self,
        _batch: BatchId,
        state: AnyState,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let state: Box<BatchState> = state.downcast().map_err(|_| foreign())?;
        state.groups.into_iter().try_for_each(|(key, states)| self.complete(&key, states, out))
    }

    fn cleanup(&mut self) {
        self.parts.iter_mut().for_each(|part| part.aggregator.cleanup());
    }
}
