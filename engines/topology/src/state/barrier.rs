//! When a task does what a checkpoint says: once it has it from all tasks before it.

use super::{Action, CHECKPOINT_STREAM, spout};
use crate::{
    ComponentError, ComponentResult, OutputCollector, TaskId, TopologyContext, Tuple, values,
};
use std::collections::BTreeMap;

/// What a checkpoint asks for.
type Request = (Action, i64);

/// Counts the tasks that have sent a request, and remembers how far the transactions are. Storm's
/// `BaseStatefulBoltExecutor`.
#[derive(Debug)]
pub(super) struct Barrier {
    /// Tasks that send checkpoints to this one.
    inputs: usize,
    /// From which of them requests have come that others still owe, and when.
    waiting: BTreeMap<Request, BTreeMap<TaskId, u64>>,
    arrivals: u64,
    last_txid: i64,
}

impl Barrier {
    pub(super) const fn new() -> Self {
        Self { inputs: 0, waiting: BTreeMap::new(), arrivals: 0, last_txid: i64::MIN }
    }

    /// Looks up which tasks send checkpoints.
    pub(super) fn prepare(&mut self, context: &TopologyContext) {
        let sources = context.sources().iter().filter(|(_, stream)| stream == CHECKPOINT_STREAM);
        self.inputs = sources.map(|(id, _)| context.component_tasks(id).len()).sum();
    }

    /// Takes a checkpoint tuple, and has `handle` do what it says if it is the last of its kind. An
    /// error of `handle` fails the checkpoint and is reported; `Ok(false)` fails it, too.
    ///
    /// Every tuple is acked or failed. After `handle` the request is sent on.
    pub(super) fn take(
        &mut self,
        tuple: &Tuple,
        collector: &mut OutputCollector,
        handle: impl FnOnce(Action, i64, &mut OutputCollector) -> Result<bool, Trouble>,
    ) -> ComponentResult {
        let (action, txid) = spout::read(tuple)?;
        if !self.completes((action, txid), tuple.source_task()) || txid < self.last_txid {
            collector.ack(tuple);
            return Ok(());
        }
        match handle(action, txid, collector) {
            Ok(true) => {}
            Ok(false) => {
                collector.fail(tuple);
                self.last_txid = txid;
                return Ok(());
            }
            Err(Trouble::Checkpoint(error)) => {
                collector.report_error(&error.to_string());
                collector.fail(tuple);
                return Ok(());
            }
            Err(Trouble::Bolt(error)) => return Err(error),
        }
        self.last_txid = if action == Action::Rollback { txid.saturating_sub(1) } else { txid };
        collector.emit_to(CHECKPOINT_STREAM, [tuple], values![txid, action.name()])?;
        collector.ack(tuple);
        Ok(())
    }

    /// Whether all tasks have sent the request, now that this one has.
    fn completes(&mut self, request: Request, from: TaskId) -> bool {
        self.arrivals += 1;
        let tasks = self.waiting.entry(request).or_default();
        tasks.insert(from, self.arrivals);
        if tasks.len() < self.inputs {
            return false;
        }
        let done = self.waiting.remove(&request).unwrap_or_default();
        // What a task sent before this request belongs to a checkpoint that was given up. Left there,
        // it would count when that transaction is tried again.
        self.waiting.retain(|_, tasks| {
            tasks.retain(|task, at| done.get(task).is_none_or(|done| *at > *done));
            !tasks.is_empty()
        });
        true
    }
}

/// Why a request was not carried out.
pub(super) enum Trouble {
    /// The state would not: the checkpoint fails, and all return to what was committed last.
    Checkpoint(ComponentError),
    /// The bolt failed on a tuple that had waited for its state: fatal, as ever.
    Bolt(ComponentError),
}

impl From<super::StateError> for Trouble {
    fn from(error: super::StateError) -> Self {
        Self::Checkpoint(error.into())
    }
}
