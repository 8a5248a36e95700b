//! A stream whose tuples are grouped.

use super::aggregate::Part;
use super::{ChainedAggregator, Stream, TridentState};
use crate::TridentError;
use crate::batch::BatchToPartition;
use crate::operation::{Aggregation, Kind, PersistentAggregation, Prototype};
use crate::plan::Partitioning;
use crate::state::{
    MapCombinerUpdater, MapReducerUpdater, MapState, QueryFunction, State, StateFactory,
    StateUpdater,
};
use crate::tuple::TupleFactory;
use weir_topology::{Fields, IntoFields};

/// A stream whose tuples are grouped by some fields: aggregations, states and queries are by group. Storm's
/// class of that name.
#[derive(Clone, Debug)]
pub struct GroupedStream {
    pub(super) stream: Stream,
    pub(super) fields: Fields,
}

/// The fields of both, each once.
fn union(one: &Fields, other: &Fields) -> Result<Fields, TridentError> {
    let more = other.iter().filter(|field| !one.contains(field));
    Ok(Fields::new(one.iter().chain(more))?)
}

impl GroupedStream {
    /// The fields that tuples are grouped by.
    #[must_use]
    pub const fn group_fields(&self) -> &Fields {
        &self.fields
    }

    /// The stream without its groups.
    #[must_use]
    pub const fn to_stream(&self) -> &Stream {
        &self.stream
    }

    /// The same; the bolts of the operations that follow have the name in their ids.
    #[must_use]
    pub fn name(&self, name: &str) -> Self {
        Self { stream: self.stream.name(name), fields: self.fields.clone() }
    }

    /// Begins several aggregations side by side.
    pub fn chained_agg(&self) -> ChainedAggregator {
        ChainedAggregator::new(self.stream.clone(), Some(self.fields.clone()))
    }

    /// Aggregates each group of each batch. What comes out has the fields of the group and those of
    /// `output`.
    pub fn aggregate<K>(
        &self,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Stream {
        self.chained_agg().aggregate(input, aggregation, output).chain_end()
    }

    /// Aggregates each group within each partition of each batch.
    pub fn partition_aggregate<K>(
        &self,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Stream {
        self.chained_agg().partition_aggregate(input, aggregation, output).chain_end()
    }

    fn spread(&self) -> Stream {
        self.stream.partitioned(Partitioning::Fields(self.fields.clone()))
    }

    /// Keeps an aggregation of each group over all batches in a state by key. The stream of new values
    /// has the fields of the group and those of `output`.
    pub fn persistent_aggregate<K, F>(
        &self,
        factory: F,
        input: impl IntoFields,
        aggregation: impl PersistentAggregation<K>,
        output: impl IntoFields,
    ) -> TridentState<F::State>
    where
        F: StateFactory,
        F::State: MapState,
    {
        match Part::new(input, aggregation, output) {
            Ok(part) => self.persist(factory, part),
            Err(error) => self.stream.fail(error).no_state(factory),
        }
    }

    fn persist<F>(&self, factory: F, part: Part) -> TridentState<F::State>
    where
        F: StateFactory,
        F::State: MapState,
    {
        let prepared =
            || -> Result<(Stream, Fields, Prototype<dyn StateUpdater<F::State>>), TridentError> {
                let (stream, seen, input) = match part.kind {
                    Kind::Reducer(_) => {
                        let seen = union(&self.fields, &part.input)?;
                        TridentError::check(
                            "persistent_aggregate",
                            &seen,
                            &self.stream.output_fields(),
                        )?;
                        (self.spread(), seen, part.input.clone())
                    }
                    _ => {
                        let (one, place) = (std::slice::from_ref(&part), BatchToPartition::First);
                        let combined = self.stream.aggregate_all(one, Some(&self.fields), place)?;
                        let seen = combined.output_fields();
                        (combined, seen, part.output.clone())
                    }
                };
                let group = TupleFactory::projection("persistent_aggregate", &seen, &self.fields)?;
                let input = TupleFactory::projection("persistent_aggregate", &seen, &input)?;
                Ok((stream, seen, map_updater(&part.kind, group, input)))
            };
        let output = Fields::new(self.fields.iter().chain(part.output.iter()));
        match (prepared(), output) {
            (Ok((stream, seen, updater)), Ok(output)) => {
                stream.persist_with("persistent_aggregate", factory, seen, updater, output)
            }
            (Err(error), _) => self.stream.fail(error).no_state(factory),
            (_, Err(error)) => self.stream.fail(error.into()).no_state(factory),
        }
    }

    /// Brings a state up to date with the tuples of each batch, whose groups each are in one partition.
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
        self.spread().partition_persist(factory, input, updater, output)
    }

    /// Looks tuples up in a state, each where its group is, and appends what is found.
    pub fn state_query<S: 'static, Q>(
        &self,
        state: &TridentState<S>,
        input: impl IntoFields,
        query: Q,
        output: impl IntoFields,
    ) -> Stream
    where
        Q: QueryFunction<S> + Clone + Send,
    {
        self.spread().state_query(state, input, query, output)
    }
}

/// Brings a state by key up to date with what an aggregation sees.
fn map_updater<S: MapState>(
    kind: &Kind,
    group: TupleFactory,
    input: TupleFactory,
) -> Prototype<dyn StateUpdater<S>> {
    let kind = kind.clone();
    Prototype::new(move || -> Box<dyn StateUpdater<S>> {
        let (group, input) = (group.clone(), input.clone());
        match &kind {
            Kind::Combiner(combiner) => {
                Box::new(MapCombinerUpdater { combiner: combiner.make(), group, input })
            }
            Kind::Reducer(reducer) => {
                Box::new(MapReducerUpdater { reducer: reducer.make(), group, input })
            }
            Kind::Aggregator(_) => unreachable!("an aggregator is no persistent aggregation"),
        }
    })
}
