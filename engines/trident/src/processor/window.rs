//! Aggregating windows over batches.

use super::{Appending, Input, Out, Processor, Setup};
use crate::batch::BatchId;
use crate::operation::{AnyAggregator, AnyState, Sink, TridentCollector};
use crate::spout::Turn;
use crate::tuple::{TridentTuple, TupleFactory};
use crate::window::{Cut, Journal, Missing, Taken, WindowsStoreFactory};
use std::sync::Arc;
use weir_topology::{ComponentError, ComponentResult, Config, TopologyContext, Value, Values};

/// Gathers the tuples of batches in windows, and aggregates each window that is full. Storm's
/// `WindowTridentProcessor`.
///
/// Tuples and results are kept batch by batch until the batch is sure to be committed. One that comes
/// again with the same tuples has the same results; with others it, and those behind it, are taken anew.
/// Storm takes the tuples of a batch once, whatever it comes again with, and forgets a result while its
/// batch is being committed.
pub(crate) struct WindowProcessor {
    pub(crate) aggregator: Box<dyn AnyAggregator>,
    pub(crate) input: Input,
    pub(crate) seen: TupleFactory,
    pub(crate) output: TupleFactory,
    pub(crate) cut: Cut,
    /// The number of the window among those of the topology.
    pub(crate) number: usize,
    pub(crate) stores: Arc<dyn WindowsStoreFactory>,
    pub(crate) life: Option<Life>,
}

/// What it has from its preparation on.
pub(crate) struct Life {
    journal: Journal,
    /// Of the spouts that it has batches of.
    turns: Vec<Turn>,
    context: TopologyContext,
    /// Batches that may be under way at once.
    most: i64,
}

fn lost() -> ComponentError {
    ComponentError::fatal("a window was used before it was prepared, or its store is damaged")
}

/// Why a batch cannot be taken while there are `missing` before it.
fn waits(txid: i64, turns: &[Turn], missing: &Missing) -> Result<ComponentError, ComponentError> {
    for turn in turns {
        if turn.has_come(txid)? {
            return Ok(missing.for_ever());
        }
    }
    // They failed, or will: whatever came of it, this one fails again until they are committed.
    turns.iter().take(1).for_each(|turn| turn.hold_back(txid));
    Ok(ComponentError::failed(format!("batch {} has not been here", txid - 1)))
}

fn now_ns(context: &TopologyContext) -> i64 {
    i64::try_from(context.now_ns()).unwrap_or(i64::MAX)
}

/// Takes down what an aggregator emits, and reports.
#[derive(Default)]
struct Results {
    rows: Vec<Value>,
    errors: Vec<String>,
}

impl Sink for Results {
    fn emit(&mut self, values: Values) {
        self.rows.push(values.into());
    }
    fn report_error(&mut self, message: &str) {
        self.errors.push(message.to_owned());
    }
}

impl WindowProcessor {
    fn aggregate(
        &mut self,
        batch: BatchId,
        window: Vec<Values>,
        out: &mut Out<'_>,
    ) -> Result<Value, ComponentError> {
        let mut results = Results::default();
        let mut collector = TridentCollector::new(&mut results);
        let mut state = self.aggregator.init(batch, &mut collector)?;
        for values in window {
            let tuple = self.seen.of(values.iter().cloned());
            self.aggregator.aggregate(&mut state, &tuple, &mut collector)?;
        }
        self.aggregator.complete(state, &mut collector)?;
        // Before they are kept: what is kept comes out with every attempt to come.
        let mut widths = results.rows.iter().map(|row| row.as_list().map_or(0, <[Value]>::len));
        widths.try_for_each(|width| self.output.check(0, width))?;
        results.errors.iter().for_each(|message| out.report_error(message));
        Ok(results.rows.into())
    }

    /// The results that go out with a batch: those of an earlier attempt, if it had the same tuples.
    fn take(
        &mut self,
        batch: BatchId,
        tuples: Vec<Values>,
        out: &mut Out<'_>,
    ) -> Result<Vec<Value>, ComponentError> {
        let Life { journal, turns, context, most } = self.life.as_mut().ok_or_else(lost)?;
        let (at_ns, most) = (now_ns(context), *most);
        // What is asked is answered once: it does not come again.
        let next = journal.next();
        let (txid, committed) = batch.txid().map_or((next, next), |txid| (txid, txid - most));
        let mut results = journal.results(txid, &tuples);
        if results.is_none() {
            journal.take_back(txid)?;
            if let Some(missing) = journal.missing_before(txid) {
                return Err(waits(txid, turns, &missing)?);
            }
            let windows = journal.cut(at_ns, &tuples);
            let made = windows.into_iter().map(|window| self.aggregate(batch, window, out));
            let made = made.collect::<Result<Vec<_>, _>>();
            let journal = &mut self.life.as_mut().ok_or_else(lost)?.journal;
            let kept = made.and_then(|results| {
                journal.keep(txid, Taken { at_ns, tuples, results: results.clone() })?;
                Ok(results)
            });
            if kept.is_err() {
                journal.rebuild();
            }
            results = Some(kept?);
        }
        self.life.as_mut().ok_or_else(lost)?.journal.committed(committed, at_ns)?;
        Ok(results.unwrap_or_default())
    }
}

impl Processor for WindowProcessor {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        let context = setup.context.topology().clone();
        let most = context.topology_config().count(Config::TOPOLOGY_MAX_SPOUT_PENDING)?;
        let (at_ns, prefix) =
            (now_ns(&context), format!("{}|{}|", self.number, context.task_index()));
        self.life = Some(Life {
            journal: Journal::open(self.stores.create()?, prefix, self.cut, at_ns)?,
            turns: setup.turns.to_vec(),
            context,
            most: most.and_then(|most| i64::try_from(most).ok()).unwrap_or(1).max(1),
        });
        self.aggregator.prepare(setup.context)
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
        let tuples: &mut Vec<TridentTuple> = state.downcast_mut().ok_or_else(lost)?;
        tuples.push(self.input.view(tuple).into_owned());
        Ok(())
    }

    fn finish_batch(
        &mut self,
        batch: BatchId,
        state: AnyState,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let tuples: Box<Vec<TridentTuple>> = state.downcast().map_err(|_| lost())?;
        let tuples = tuples.iter().map(TridentTuple::to_values).collect();
        let results = self.take(batch, tuples, out)?;
        let mut sink = Appending { factory: &self.output, parent: None, out };
        for row in results.iter().filter_map(Value::as_list).flatten() {
            let values = row.as_list().ok_or_else(lost)?;
            sink.emit(Values::from(values.to_vec()));
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        if let Some(life) = &mut self.life {
            life.journal.shutdown();
        }
        self.aggregator.cleanup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::CURRENT_TX;
    use crate::store::{MemoryStore, TransactionalState, TransactionalStore};
    use crate::window::MemoryWindowsStore;
    use weir_topology::values;

    #[test]
    fn a_batch_whose_forerunner_failed_is_held_back_until_that_is_committed() {
        let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
        let state = TransactionalState::coordinator(&store, "s");
        let turn = Turn::new(state.clone(), Arc::default());
        let (store, cut) = (MemoryWindowsStore::new(), Cut::Count { length: 2, slide: 2 });
        let mut journal = Journal::open(Box::new(store), String::new(), cut, 0).expect("memory");
        let taken = Taken { at_ns: 0, tuples: vec![values![1]], results: Vec::new() };
        journal.keep(4, taken).expect("memory");
        let wait = |current: i64| {
            state.put(CURRENT_TX, &current.into()).expect("memory");
            let missing = journal.missing_before(6).expect("5 is");
            waits(6, std::slice::from_ref(&turn), &missing).expect("memory")
        };
        assert!(matches!(wait(5), ComponentError::Failed(_)));
        let held = [(5, 5), (6, 5), (7, 5), (6, 6)];
        let held = held.map(|(txid, current)| turn.is_held_back(txid, current));
        assert_eq!(held, [false, true, true, false]);
        assert!(matches!(wait(6), ComponentError::Fatal(_)), "5 does not come any more");
    }
}
