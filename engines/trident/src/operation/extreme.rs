//! The least and the greatest tuple of a partition.

use super::{Aggregator, TridentCollector};
use crate::batch::BatchId;
use crate::tuple::TridentTuple;
use std::cmp::Ordering;
use weir_topology::{ComponentError, ComponentResult};

/// Emits the tuple that compares to all others in one way; of several, the last. Storm's `Min` and `Max`.
#[derive(Clone)]
pub(crate) struct Extreme<C> {
    pub(crate) compare: C,
    pub(crate) wanted: Ordering,
}

impl<C> Aggregator for Extreme<C>
where
    C: FnMut(&TridentTuple, &TridentTuple) -> Result<Ordering, ComponentError> + 'static,
{
    type State = Option<TridentTuple>;

    fn init(
        &mut self,
        _batch: BatchId,
        _collector: &mut TridentCollector<'_>,
    ) -> Result<Self::State, ComponentError> {
        Ok(None)
    }

    fn aggregate(
        &mut self,
        state: &mut Self::State,
        tuple: &TridentTuple,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let stays = match state {
            Some(best) => (self.compare)(best, tuple)? == self.wanted,
            None => false,
        };
        if !stays {
            *state = Some(tuple.clone());
        }
        Ok(())
    }

    fn complete(
        &mut self,
        state: Self::State,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        if let Some(best) = state {
            collector.emit(best.to_values());
        }
        Ok(())
    }
}
