//! The end of a stream of requests.

use super::ReturnInfo;
use crate::operation::{AnyState, TridentCollector};
use crate::processor::AnyMultiReducer;
use crate::tuple::TridentTuple;
use std::sync::Arc;
use weir_topology::{ComponentError, ComponentResult, Values};

/// Gives the tuples of a batch as the answer to its request. Storm's `ReturnResultsReducer`.
pub(crate) struct Returning;

#[derive(Default)]
struct Answer {
    info: Option<Arc<ReturnInfo>>,
    rows: Vec<Values>,
}

impl AnyMultiReducer for Returning {
    fn init(&mut self) -> AnyState {
        Box::new(Answer::default())
    }

    fn execute(
        &mut self,
        state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        if let Some(answer) = state.downcast_mut::<Answer>() {
            if from == 0 {
                answer.info = Some(Arc::clone(tuple.object::<Arc<ReturnInfo>>(0)?));
            } else {
                answer.rows.push(tuple.to_values());
            }
        }
        Ok(())
    }

    /// All tasks see the end of the batch; the one that had its tuples knows whom to answer.
    fn complete(
        &mut self,
        state: AnyState,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let answer: Box<Answer> = state
            .downcast()
            .map_err(|_| ComponentError::fatal("an answer got the state of another operation"))?;
        if let Some(info) = answer.info {
            info.answer(Some(answer.rows));
        }
        Ok(())
    }
}
