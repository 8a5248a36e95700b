//! Bringing a state up to date.

use super::{Appending, Input, Out, Processor, Setup};
use crate::batch::{BatchId, TransactionAttempt};
use crate::operation::{AnyState, TridentCollector};
use crate::state::{SharedState, State, StateUpdater};
use crate::tuple::{TridentTuple, TupleFactory};
use std::cell::RefCell;
use std::rc::Rc;
use weir_topology::{ComponentError, ComponentResult};

/// Gathers the tuples of a batch and brings a state up to date with them when it is over. Storm's
/// `PartitionPersistProcessor`.
pub(crate) struct PersistProcessor<S> {
    pub(crate) updater: Box<dyn StateUpdater<S>>,
    pub(crate) state_number: usize,
    pub(crate) input: Input,
    pub(crate) output: TupleFactory,
    pub(crate) state: Option<SharedState<S>>,
}

/// The state of a bolt by its number.
pub(super) fn find<S: 'static>(
    setup: &Setup<'_>,
    number: usize,
) -> Result<SharedState<S>, ComponentError> {
    let state = setup.states.get(&number).cloned();
    state
        .and_then(|state| Rc::downcast::<RefCell<S>>(state).ok())
        .ok_or_else(|| ComponentError::fatal(format!("state {number} is not in this bolt")))
}

impl<S: State> Processor for PersistProcessor<S> {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        self.state = Some(find(setup, self.state_number)?);
        self.updater.prepare(setup.context)
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
            tuples.push(self.input.view(tuple).into_owned());
        }
        Ok(())
    }

    /// Without tuples the state is left alone: of a state in one place, other partitions see the ends
    /// of batches, too.
    fn finish_batch(
        &mut self,
        batch: BatchId,
        state: AnyState,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let (Some(shared), Ok(tuples)) = (&self.state, state.downcast::<Vec<TridentTuple>>())
        else {
            return Err(ComponentError::fatal("a state was updated before it was prepared"));
        };
        let mut shared = shared.borrow_mut();
        if let BatchId::Transaction(TransactionAttempt { txid, attempt: 1.. }) = batch {
            shared.undo(txid)?;
        }
        if tuples.is_empty() {
            return Ok(());
        }
        shared.begin_commit(batch.txid())?;
        let mut sink = Appending { factory: &self.output, parent: None, out };
        let mut collector = TridentCollector::new(&mut sink);
        self.updater.update_state(&mut shared, &tuples, &mut collector)?;
        shared.commit(batch.txid())
    }

    fn cleanup(&mut self) {
        self.updater.cleanup();
    }
}
