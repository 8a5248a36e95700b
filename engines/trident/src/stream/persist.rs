//! States: brought up to date, and queried.

use super::aggregate::Part;
use super::topology::add_state;
use super::{Stream, TridentState};
use crate::TridentError;
use crate::batch::BatchToPartition;
use crate::operation::{Kind, PersistentAggregation, Prototype};
use crate::processor::{Input, PersistProcessor, QueryProcessor};
use crate::state::{
    CombinerUpdater, QueryFunction, ReducerUpdater, Snapshottable, State, StateFactory,
    StateUpdater,
};
use crate::tuple::TupleFactory;
use std::rc::Rc;
use weir_topology::{Fields, IntoFields};

impl Stream {
    /// Brings a state up to date with the tuples of each batch, partition by partition, when the batch is
    /// committed. The updater sees the fields of `input` only; what it emits, with the fields of `output`,
    /// is the stream of new values.
    pub fn partition_persist<F, U>(
        &self,
        factory: F,
        input: impl IntoFields,
        updater: U,
        output: impl IntoFields,
    ) -> TridentState<F::State>
    where
        F: StateFactory,
        F::State: State,
        U: StateUpdater<F::State> + Clone + Send,
    {
        let updater =
            Prototype::cloned(updater, |one| -> Box<dyn StateUpdater<F::State>> { Box::new(one) });
        match (input.into_fields(), output.into_fields()) {
            (Ok(input), Ok(output)) => {
                self.persist_with("partition_persist", factory, input, updater, output)
            }
            (Err(error), _) | (_, Err(error)) => self.fail(error.into()).no_state(factory),
        }
    }

    /// Keeps an aggregation over all batches in a state of one value, in one partition. The stream of new
    /// values has the fields of `output`.
    pub fn persistent_aggregate<K, F>(
        &self,
        factory: F,
        input: impl IntoFields,
        aggregation: impl PersistentAggregation<K>,
        output: impl IntoFields,
    ) -> TridentState<F::State>
    where
        F: StateFactory,
        F::State: Snapshottable,
    {
        let prepared = || {
            let part = Part::new(input, aggregation, output)?;
            let (stream, seen) = match part.kind {
                Kind::Reducer(_) => (self.global(), part.input.clone()),
                _ => {
                    let (one, place) = (std::slice::from_ref(&part), BatchToPartition::First);
                    (self.aggregate_all(one, None, place)?, part.output.clone())
                }
            };
            Ok((stream, seen, part))
        };
        match prepared() {
            Ok((stream, seen, part)) => {
                let updater = updater(&part.kind);
                stream.persist_with("persistent_aggregate", factory, seen, updater, part.output)
            }
            Err(error) => self.fail(error).no_state(factory),
        }
    }

    /// A state that takes the place of one that cannot be: its topology is not built.
    pub(super) fn no_state<F: StateFactory>(&self, factory: F) -> TridentState<F::State> {
        TridentState::new(&self.definition, add_state(&self.definition, factory), self.node)
    }

    pub(super) fn persist_with<F>(
        &self,
        operation: &'static str,
        factory: F,
        input: Fields,
        updater: Prototype<dyn StateUpdater<F::State>>,
        output: Fields,
    ) -> TridentState<F::State>
    where
        F: StateFactory,
        F::State: State,
    {
        let input = match Input::new(operation, &self.output_fields(), &input) {
            Ok(input) => input,
            Err(error) => return self.fail(error).no_state(factory),
        };
        let state_number = add_state(&self.definition, factory);
        let factory = TupleFactory::fresh(output.clone());
        let stream = self.then(output, true, move || {
            Box::new(PersistProcessor {
                updater: updater.make(),
                state_number,
                input: input.clone(),
                output: factory.clone(),
                state: None,
            })
        });
        self.definition.borrow_mut().states[state_number].nodes.push(stream.node);
        TridentState::new(&self.definition, state_number, stream.node)
    }

    /// Looks the tuples of a batch up in a state, in the task that they are in, and appends what is
    /// found. The query sees the fields of `input` only.
    pub fn state_query<S: 'static, Q>(
        &self,
        state: &TridentState<S>,
        input: impl IntoFields,
        query: Q,
        output: impl IntoFields,
    ) -> Self
    where
        Q: QueryFunction<S> + Clone + Send,
    {
        let queried = || {
            if !Rc::ptr_eq(&self.definition, &state.definition) {
                return Err(TridentError::Foreign { operation: "state_query" });
            }
            let input = Input::new("state_query", &self.output_fields(), &input.into_fields()?)?;
            let before = TupleFactory::fresh(self.output_fields());
            let output = TupleFactory::append(&before, &output.into_fields()?)?;
            let query = Prototype::cloned(query, Box::new);
            let state_number = state.state;
            let stream = self.then(output.fields().clone(), false, move || {
                let (query, input, output) = (*query.make(), input.clone(), output.clone());
                Box::new(QueryProcessor { query, state_number, input, output, state: None })
            });
            self.definition.borrow_mut().states[state_number].nodes.push(stream.node);
            Ok(stream)
        };
        self.or_fail(queried())
    }
}

/// Brings a state of one value up to date with what an aggregation sees.
fn updater<S: Snapshottable>(kind: &Kind) -> Prototype<dyn StateUpdater<S>> {
    let kind = kind.clone();
    Prototype::new(move || -> Box<dyn StateUpdater<S>> {
        match &kind {
            Kind::Combiner(combiner) => Box::new(CombinerUpdater(combiner.make())),
            Kind::Reducer(reducer) => Box::new(ReducerUpdater(reducer.make())),
            Kind::Aggregator(_) => unreachable!("an aggregator is no persistent aggregation"),
        }
    })
}
