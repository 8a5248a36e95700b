//! Several aggregations of the same tuples.

use super::Stream;
use super::aggregate::Part;
use crate::TridentError;
use crate::batch::BatchToPartition;
use crate::operation::Aggregation;
use weir_topology::{Fields, IntoFields};

/// Several aggregations side by side, of the same tuples; what they emit is put together. Storm's
/// `ChainedAggregatorDeclarer`.
#[derive(Clone, Debug)]
#[must_use = "nothing is aggregated before `chain_end`"]
pub struct ChainedAggregator {
    stream: Stream,
    group: Option<Fields>,
    parts: Vec<(Scope, Part)>,
    error: Option<TridentError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Partition,
    Batch,
}

impl ChainedAggregator {
    pub(super) const fn new(stream: Stream, group: Option<Fields>) -> Self {
        Self { stream, group, parts: Vec::new(), error: None }
    }

    fn push(mut self, scope: Scope, part: Result<Part, TridentError>) -> Self {
        match part {
            Ok(part) => self.parts.push((scope, part)),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// One more, of each partition of each batch by itself.
    pub fn partition_aggregate<K>(
        self,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.push(Scope::Partition, Part::new(input, aggregation, output))
    }

    /// One more, of each batch.
    pub fn aggregate<K>(
        self,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.push(Scope::Batch, Part::new(input, aggregation, output))
    }

    /// That is all. The stream of what they emit, behind the fields of the group if there is one.
    pub fn chain_end(self) -> Stream {
        let Self { stream, group, parts, error } = self;
        if let Some(error) = error {
            return stream.fail(error);
        }
        let scopes: Vec<Scope> = parts.iter().map(|(scope, _)| *scope).collect();
        let parts: Vec<Part> = parts.into_iter().map(|(_, part)| part).collect();
        let ended = match scopes.split_first() {
            Some((first, rest)) if rest.iter().all(|scope| scope == first) => match first {
                Scope::Partition => stream.aggregate_partitions(&parts, group.as_ref()),
                Scope::Batch => {
                    stream.aggregate_all(&parts, group.as_ref(), BatchToPartition::ById)
                }
            },
            _ => Err(TridentError::Mismatch {
                operation: "chain_end",
                message: "give the chain aggregations, all of partitions or all of batches".into(),
            }),
        };
        stream.or_fail(ended)
    }
}
