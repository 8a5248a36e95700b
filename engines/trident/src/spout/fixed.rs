//! A spout of given batches.

use super::BatchSpout;
use crate::operation::TridentCollector;
use std::sync::Arc;
use weir_topology::{ComponentResult, Fields, IntoFields, TopologyError, Values};

/// Emits given tuples, so many per batch, once or for ever. Transactional: a batch that comes again is
/// the same. Storm's `FixedBatchSpout`; as there, one task emits it all.
#[derive(Clone, Debug)]
pub struct FixedBatchSpout {
    fields: Fields,
    batch_size: usize,
    tuples: Arc<[Values]>,
    cycle: bool,
}

impl FixedBatchSpout {
    /// A spout of these tuples, `batch_size` per batch, at least one.
    pub fn new(
        fields: impl IntoFields,
        batch_size: usize,
        tuples: impl IntoIterator<Item = Values>,
    ) -> Result<Self, TopologyError> {
        let (fields, tuples) = (fields.into_fields()?, tuples.into_iter().collect());
        Ok(Self { fields, batch_size: batch_size.max(1), tuples, cycle: false })
    }

    /// Whether it begins again after the last tuple.
    #[must_use]
    pub const fn set_cycle(mut self, cycle: bool) -> Self {
        self.cycle = cycle;
        self
    }

    fn batches(&self) -> usize {
        self.tuples.len().div_ceil(self.batch_size)
    }

    fn first_of(&self, txid: i64) -> usize {
        let batch = usize::try_from(txid - 1).unwrap_or(0);
        let batch = if self.cycle && self.batches() > 0 { batch % self.batches() } else { batch };
        batch.saturating_mul(self.batch_size).min(self.tuples.len())
    }
}

impl BatchSpout for FixedBatchSpout {
    fn emit_batch(&mut self, txid: i64, collector: &mut TridentCollector<'_>) -> ComponentResult {
        let batch = self.tuples[self.first_of(txid)..].iter().take(self.batch_size);
        batch.for_each(|values| collector.emit(values.clone()));
        Ok(())
    }

    fn is_exhausted(&self, txid: i64) -> bool {
        !self.cycle && self.first_of(txid) >= self.tuples.len()
    }

    fn output_fields(&self) -> Fields {
        self.fields.clone()
    }

    fn component_configuration(&self) -> weir_topology::Config {
        weir_topology::Config::empty().set(weir_topology::Config::TOPOLOGY_MAX_TASK_PARALLELISM, 1)
    }
}
