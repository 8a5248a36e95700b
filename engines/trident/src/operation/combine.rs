//! Combiners and reducers as aggregators.

use super::{
    Aggregator, AnyAggregator, AnyState, CombinerAggregator, ReducerAggregator, TridentCollector,
    TridentOperationContext,
};
use crate::batch::{BatchId, BatchToPartition};
use crate::state::PartitionId;
use crate::tuple::TridentTuple;
use weir_topology::{ComponentError, ComponentResult, Value, values};

/// A combiner over tuples, or over values that it has made already. Storm's
/// `CombinerAggregatorInitImpl` and `CombinerAggregatorCombineImpl`.
pub(crate) struct Combining {
    pub(crate) combiner: Box<dyn CombinerAggregator>,
    /// Whether the tuples hold values that the combiner has made.
    pub(crate) combined: bool,
}

impl Aggregator for Combining {
    type State = Option<Value>;

    fn init(
        &mut self,
        _batch: BatchId,
        _collector: &mut TridentCollector<'_>,
    ) -> Result<Option<Value>, ComponentError> {
        Ok(None)
    }

    fn aggregate(
        &mut self,
        state: &mut Option<Value>,
        tuple: &TridentTuple,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let value =
            if self.combined { tuple.get(0)?.clone() } else { self.combiner.init(tuple)? };
        *state = Some(match state.take() {
            None => value,
            Some(before) => self.combiner.combine(&before, &value)?,
        });
        Ok(())
    }

    fn complete(
        &mut self,
        state: Option<Value>,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let value = state.unwrap_or_else(|| self.combiner.zero());
        collector.emit(values![value]);
        Ok(())
    }
}

/// A reducer as an aggregator. Storm's `ReducerAggregatorImpl`.
pub(crate) struct Reducing(pub(crate) Box<dyn ReducerAggregator>);

impl Aggregator for Reducing {
    type State = Value;

    fn init(
        &mut self,
        _batch: BatchId,
        _collector: &mut TridentCollector<'_>,
    ) -> Result<Value, ComponentError> {
        Ok(self.0.init())
    }

    fn aggregate(
        &mut self,
        state: &mut Value,
        tuple: &TridentTuple,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        *state = self.0.reduce(state, tuple)?;
        Ok(())
    }

    fn complete(&mut self, state: Value, collector: &mut TridentCollector<'_>) -> ComponentResult {
        collector.emit(values![state]);
        Ok(())
    }
}

/// Lets an aggregator speak for a whole batch in one partition only, although all partitions see the
/// end of the batch. Storm's `SingleEmitAggregator`.
pub(crate) struct SingleEmit {
    pub(crate) aggregator: Box<dyn AnyAggregator>,
    pub(crate) where_to: BatchToPartition,
    pub(crate) partition: PartitionId,
}

pub(crate) struct SingleEmitState {
    batch: BatchId,
    received: bool,
    state: AnyState,
}

impl Aggregator for SingleEmit {
    type State = SingleEmitState;

    fn prepare(&mut self, context: &TridentOperationContext) -> ComponentResult {
        self.partition = context.partition();
        self.aggregator.prepare(context)
    }

    fn init(
        &mut self,
        batch: BatchId,
        collector: &mut TridentCollector<'_>,
    ) -> Result<SingleEmitState, ComponentError> {
        let state = self.aggregator.init(batch, collector)?;
        Ok(SingleEmitState { batch, received: false, state })
    }

    fn aggregate(
        &mut self,
        state: &mut SingleEmitState,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        state.received = true;
        self.aggregator.aggregate(&mut state.state, tuple, collector)
    }

    fn complete(
        &mut self,
        state: SingleEmitState,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let PartitionId { index, of } = self.partition;
        if state.received || self.where_to.partition(state.batch, of) == index {
            self.aggregator.complete(state.state, collector)?;
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        self.aggregator.cleanup();
    }
}
