//! How tuples go from operation to operation within a bolt.

use crate::batch::BatchId;
use crate::operation::{AnyState, TridentOperationContext};
use crate::spout::Turn;
use crate::tuple::TridentTuple;
use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use weir_topology::{ComponentError, ComponentResult};

/// The states of a bolt, by their number in the topology.
pub(crate) type States = BTreeMap<usize, Rc<dyn Any>>;

/// What a processor gets to know before the first batch.
pub(crate) struct Setup<'a> {
    pub(crate) context: &'a TridentOperationContext,
    pub(crate) states: &'a States,
    /// The turns of the spouts whose batches concern the operation; none if these are requests.
    pub(crate) turns: &'a [Turn],
}

/// An operation as it runs in a task. Storm's `TridentProcessor`.
pub(crate) trait Processor: 'static {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult;

    /// A batch begins. Returns what is kept for it; several batches may be under way.
    fn start_batch(
        &mut self,
        batch: BatchId,
        out: &mut Out<'_>,
    ) -> Result<AnyState, ComponentError>;

    /// Takes a tuple of the stream `from` among the operation's streams.
    fn execute(
        &mut self,
        state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult;

    /// The batch has ended: everything before this operation has said so, too.
    fn finish_batch(
        &mut self,
        batch: BatchId,
        state: AnyState,
        out: &mut Out<'_>,
    ) -> ComponentResult;

    fn cleanup(&mut self) {}
}

/// Who gets the tuples of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// An operation of the same bolt, as which of its streams.
    Operation { at: usize, from: usize },
    /// A stream of the bolt.
    Stream(usize),
}

/// An operation and who gets its tuples.
pub(crate) struct Slot {
    pub(crate) processor: Box<dyn Processor>,
    pub(crate) receivers: Vec<Receiver>,
    /// The batches that concern it.
    pub(crate) batch_group: usize,
}

/// The way out of the bolt.
pub(crate) trait Emit {
    fn emit(&mut self, stream: usize, tuple: &TridentTuple) -> ComponentResult;
    fn report_error(&mut self, message: &str);
}

/// The operations behind the one at hand, with what they keep for the batch.
pub(crate) struct Out<'a> {
    slots: &'a mut [Slot],
    states: &'a mut [Option<AnyState>],
    /// The place of the first of `slots` among all.
    first: usize,
    receivers: &'a [Receiver],
    emit: &'a mut dyn Emit,
    failure: &'a mut Option<ComponentError>,
}

impl Out<'_> {
    /// Hands a tuple on. After a failure nothing is handed on: the batch is lost.
    pub(crate) fn send(&mut self, tuple: &TridentTuple) {
        for receiver in self.receivers {
            if self.failure.is_some() {
                return;
            }
            let sent = match *receiver {
                Receiver::Stream(stream) => self.emit.emit(stream, tuple),
                Receiver::Operation { at, from } => self.execute(at, from, tuple),
            };
            if let Err(error) = sent {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// The batch is lost.
    pub(crate) fn fail(&mut self, error: ComponentError) {
        self.failure.get_or_insert(error);
    }

    fn execute(&mut self, at: usize, from: usize, tuple: &TridentTuple) -> ComponentResult {
        let place = at - self.first;
        let (head, slots) = self.slots.split_at_mut(place + 1);
        let (head_states, states) = self.states.split_at_mut(place + 1);
        let (Some(slot), Some(Some(state))) = (head.last_mut(), head_states.last_mut()) else {
            return Err(ComponentError::fatal(
                "a tuple for an operation that its batch does not concern",
            ));
        };
        let mut out = Out {
            slots,
            states,
            first: at + 1,
            receivers: &slot.receivers,
            emit: self.emit,
            failure: self.failure,
        };
        slot.processor.execute(state, from, tuple, &mut out)
    }

    pub(crate) fn report_error(&mut self, message: &str) {
        self.emit.report_error(message);
    }
}

/// One step of a batch through the operations of a bolt.
pub(crate) struct Run<'a> {
    pub(crate) slots: &'a mut [Slot],
    pub(crate) states: &'a mut [Option<AnyState>],
    pub(crate) emit: &'a mut dyn Emit,
}

impl Run<'_> {
    /// Calls `code` with an operation and what is behind it. A failure further down counts as its own.
    fn with<T>(
        &mut self,
        at: usize,
        code: impl FnOnce(
            &mut dyn Processor,
            &mut Option<AnyState>,
            &mut Out<'_>,
        ) -> Result<T, ComponentError>,
    ) -> Result<T, ComponentError> {
        let (head, slots) = self.slots.split_at_mut(at + 1);
        let (head_states, states) = self.states.split_at_mut(at + 1);
        let (slot, state) = (&mut head[at], &mut head_states[at]);
        let mut failure = None;
        let mut out = Out {
            slots,
            states,
            first: at + 1,
            receivers: &slot.receivers,
            emit: self.emit,
            failure: &mut failure,
        };
        let done = code(&mut *slot.processor, state, &mut out)?;
        failure.map_or(Ok(done), Err)
    }

    /// Begins a batch in all operations that it concerns, the last first: one that emits at once finds
    /// those behind it begun.
    pub(crate) fn start(&mut self, batch_group: usize, batch: BatchId) -> ComponentResult {
        for at in (0..self.slots.len()).rev() {
            if self.slots[at].batch_group == batch_group {
                let state = self.with(at, |processor, _, out| processor.start_batch(batch, out))?;
                self.states[at] = Some(state);
            }
        }
        Ok(())
    }

    /// Hands a tuple that came from outside to operations.
    pub(crate) fn receive(
        &mut self,
        receivers: &[Receiver],
        tuple: &TridentTuple,
    ) -> ComponentResult {
        let mut failure = None;
        let mut out = Out {
            slots: self.slots,
            states: self.states,
            first: 0,
            receivers,
            emit: self.emit,
            failure: &mut failure,
        };
        out.send(tuple);
        failure.map_or(Ok(()), Err)
    }

    /// Ends a batch in all operations that it concerns, in order.
    pub(crate) fn finish(&mut self, batch: BatchId) -> ComponentResult {
        for at in 0..self.slots.len() {
            self.with(at, |processor, state, out| match state.take() {
                Some(state) => processor.finish_batch(batch, state, out),
                None => Ok(()),
            })?;
        }
        Ok(())
    }
}
