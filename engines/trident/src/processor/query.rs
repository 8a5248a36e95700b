//! Looking things up in a state.

use super::update::find;
use super::{Appending, Input, Out, Processor, Setup};
use crate::batch::BatchId;
use crate::operation::{AnyState, TridentCollector};
use crate::state::{QueryFunction, SharedState};
use crate::tuple::{TridentTuple, TupleFactory};
use weir_topology::{ComponentError, ComponentResult};

/// Gathers the tuples of a batch and looks them up in a state when it is over. Storm's
/// `StateQueryProcessor`.
pub(crate) struct QueryProcessor<S, Q> {
    pub(crate) query: Q,
    pub(crate) state_number: usize,
    pub(crate) input: Input,
    pub(crate) output: TupleFactory,
    pub(crate) state: Option<SharedState<S>>,
}

impl<S: 'static, Q: QueryFunction<S>> Processor for QueryProcessor<S, Q> {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        self.state = Some(find(setup, self.state_number)?);
        self.query.prepare(setup.context)
    }

    fn start_batch(&mut self, _: BatchId, _: &mut Out<'_>) -> Result<AnyState, ComponentError> {
        Ok(Box::new(Vec::<TridentTuple>::new()))
    }

    fn execute(
        &mut self,
        state: &mut AnyState,
        _from: usize,
        tuple: &TridentTuple,
        _out: &mut Out<'_>,
    ) -> ComponentResult {
        if let Some(tuples) = state.downcast_mut::<Vec<TridentTuple>>() {
            tuples.push(tuple.clone());
        }
        Ok(())
    }

    fn finish_batch(
        &mut self,
        _batch: BatchId,
        state: AnyState,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let (Some(shared), Ok(tuples)) = (&self.state, state.downcast::<Vec<TridentTuple>>())
        else {
            return Err(ComponentError::fatal("a state was queried before it was prepared"));
        };
        if tuples.is_empty() {
            return Ok(());
        }
        let inputs: Vec<TridentTuple> =
            tuples.iter().map(|tuple| self.input.view(tuple).into_owned()).collect();
        let found = self.query.batch_retrieve(&mut shared.borrow_mut(), &inputs)?;
        if found.len() != inputs.len() {
            let (found, asked) = (found.len(), inputs.len());
            return Err(ComponentError::fatal(format!(
                "a query has {found} results for {asked} tuples: batch_retrieve must return one each"
            )));
        }
        for ((tuple, input), found) in tuples.iter().zip(&inputs).zip(found) {
            let mut sink = Appending { factory: &self.output, parent: Some(tuple), out };
            self.query.execute(input, found, &mut TridentCollector::new(&mut sink))?;
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        self.query.cleanup();
    }
}
