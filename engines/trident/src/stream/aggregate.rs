//! Aggregations of batches.

use super::{ChainedAggregator, Stream};
use crate::TridentError;
use crate::batch::BatchToPartition;
use crate::operation::{Aggregation, AnyAggregator, Extreme, Kind, Prototype, SingleEmit};
use crate::plan::Partitioning;
use crate::processor::{AggregatePart, AggregateProcessor, Input};
use crate::state::PartitionId;
use crate::tuple::{TridentTuple, TupleFactory};
use std::cmp::Ordering;
use weir_topology::{ComponentError, Fields, IntoFields};

/// One aggregation, what it sees and what it emits.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) input: Fields,
    pub(super) kind: Kind,
    pub(super) output: Fields,
}

impl Part {
    pub(super) fn new<K>(
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Result<Self, TridentError> {
        let (input, output) = (input.into_fields()?, output.into_fields()?);
        Ok(Self { input, kind: aggregation.into_kind(), output })
    }
}

/// An aggregator as it runs in a partition.
type Running = (Fields, Prototype<dyn AnyAggregator>, Fields);

/// Which of the partitions speaks for an empty batch.
fn single(where_to: BatchToPartition, part: Running) -> Running {
    let (input, aggregator, output) = part;
    let single = Prototype::new(move || -> Box<dyn AnyAggregator> {
        let partition = PartitionId { index: 0, of: 1 };
        Box::new(SingleEmit { aggregator: aggregator.make(), where_to, partition })
    });
    (input, single, output)
}

impl Stream {
    /// Aggregates each partition of each batch by itself. What comes out has the fields of `output` only.
    pub fn partition_aggregate<K>(
        &self,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.chained_agg().partition_aggregate(input, aggregation, output).chain_end()
    }

    /// Aggregates each batch as a whole. What comes out has the fields of `output` only. A
    /// [`CombinerAggregator`](crate::operation::CombinerAggregator) aggregates each partition before
    /// anything is sent on; what is left then is done in one task per batch.
    pub fn aggregate<K>(
        &self,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.chained_agg().aggregate(input, aggregation, output).chain_end()
    }

    /// Of each partition of each batch, the tuple with the least value of a field; of several, the last.
    /// For the least of a whole batch, repartition first: [`global`](Self::global) or
    /// [`batch_global`](Self::batch_global). Storm's `minBy`.
    pub fn min_by(&self, field: &str) -> Self {
        self.extreme_by(field, Ordering::Less)
    }

    /// The same with the greatest value. Storm's `maxBy`.
    pub fn max_by(&self, field: &str) -> Self {
        self.extreme_by(field, Ordering::Greater)
    }

    fn extreme_by(&self, field: &str, wanted: Ordering) -> Self {
        match self.check("min_by and max_by", [field]) {
            Ok(_) => {
                let field = field.to_owned();
                let compare = move |one: &TridentTuple, other: &TridentTuple| {
                    Ok(one.get(&*field)?.cmp(other.get(&*field)?))
                };
                self.extreme(compare, wanted)
            }
            Err(error) => self.fail(error),
        }
    }

    /// Of each partition of each batch, the least tuple in an order of one's own; of several, the last. An
    /// error of the comparison fails the batch. Storm's `min` with a comparator.
    pub fn min_with<C>(&self, compare: C) -> Self
    where
        C: FnMut(&TridentTuple, &TridentTuple) -> Result<Ordering, ComponentError>,
        C: Clone + Send + 'static,
    {
        self.extreme(compare, Ordering::Less)
    }

    /// The same with the greatest tuple. Storm's `max` with a comparator.
    pub fn max_with<C>(&self, compare: C) -> Self
    where
        C: FnMut(&TridentTuple, &TridentTuple) -> Result<Ordering, ComponentError>,
        C: Clone + Send + 'static,
    {
        self.extreme(compare, Ordering::Greater)
    }

    fn extreme<C>(&self, compare: C, wanted: Ordering) -> Self
    where
        C: FnMut(&TridentTuple, &TridentTuple) -> Result<Ordering, ComponentError>,
        C: Clone + Send + 'static,
    {
        let fields = self.output_fields();
        self.partition_aggregate(fields.clone(), Extreme { compare, wanted }, fields)
    }

    /// Begins several aggregations side by side.
    pub fn chained_agg(&self) -> ChainedAggregator {
        ChainedAggregator::new(self.clone(), None)
    }

    /// Aggregates the partitions that there are.
    fn in_partitions(
        &self,
        operation: &'static str,
        parts: Vec<Running>,
        group: Option<&Fields>,
    ) -> Result<Self, TridentError> {
        let before = self.output_fields();
        let outputs = parts.iter().flat_map(|(_, _, output)| output.iter());
        let fields = Fields::new(group.into_iter().flat_map(Fields::iter).chain(outputs))?;
        let group =
            group.map(|group| TupleFactory::projection("group_by", &before, group)).transpose()?;
        let mut running = Vec::new();
        for (input, aggregator, output) in parts {
            let (input, output) =
                (Input::new(operation, &before, &input)?, TupleFactory::fresh(output));
            running.push(move || AggregatePart {
                aggregator: aggregator.make(),
                input: input.clone(),
                output: output.clone(),
            });
        }
        let output = TupleFactory::fresh(fields.clone());
        Ok(self.then(fields, false, move || {
            let parts = running.iter().map(|make| make()).collect();
            Box::new(AggregateProcessor { parts, group: group.clone(), output: output.clone() })
        }))
    }

    pub(super) fn aggregate_partitions(
        &self,
        parts: &[Part],
        group: Option<&Fields>,
    ) -> Result<Self, TridentError> {
        let whole = |part: &Part| (part.input.clone(), part.kind.whole(), part.output.clone());
        self.in_partitions("partition_aggregate", parts.iter().map(whole).collect(), group)
    }

    /// Aggregates batches, or groups of them, wherever their tuples are. `place` says where the tuples
    /// of a batch without groups meet.
    pub(super) fn aggregate_all(
        &self,
        parts: &[Part],
        group: Option<&Fields>,
        place: BatchToPartition,
    ) -> Result<Self, TridentError> {
        let rest: Option<Vec<Running>> = parts
            .iter()
            .map(|part| Some((part.output.clone(), part.kind.rest()?, part.output.clone())))
            .collect();
        let whole = |part: &Part| (part.input.clone(), part.kind.whole(), part.output.clone());
        let whole: Vec<Running> = parts.iter().map(whole).collect();
        // Mistakes are those of the tuples that the user sees, also if they are looked for later.
        for (input, _, _) in &whole {
            TridentError::check("aggregate", input, &self.output_fields())?;
        }
        let (before, last) = match rest {
            Some(rest) => (self.in_partitions("aggregate", whole, group)?, rest),
            None => (self.clone(), whole),
        };
        match (group, place) {
            (Some(group), _) => {
                let spread = before.partitioned(Partitioning::Fields(group.clone()));
                spread.in_partitions("aggregate", last, Some(group))
            }
            (None, place) => {
                let spread = match place {
                    BatchToPartition::First => before.global(),
                    BatchToPartition::ById => before.batch_global(),
                };
                let last = last.into_iter().map(|part| single(place, part)).collect();
                spread.in_partitions("aggregate", last, None)
            }
        }
    }
}
