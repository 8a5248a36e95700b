//! Aggregating windows over batches.

use super::{Appending, Input, Out, Processor, Setup};
use crate::batch::BatchId;
use crate::operation::{AnyAggregator, AnyState, Sink, TridentCollector};
use crate::tuple::{TridentTuple, TupleFactory};
use crate::window::{Content, Cut, WindowsStore, WindowsStoreFactory};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use weir_topology::{ComponentError, ComponentResult, Config, TopologyContext, Value, Values};

/// Gathers the tuples of batches in windows, and aggregates each window that is full. Storm's
/// `WindowTridentProcessor`.
///
/// The result of a window is kept in the store, and which batch it went out with, until the batch is
/// sure to be committed: one that comes again has the same results. Tuples of a batch that comes again are
/// not taken a second time. Storm forgets a result while its batch is being committed.
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
    store: Box<dyn WindowsStore>,
    prefix: String,
    context: TopologyContext,
    content: Content,
    /// Batches that have been taken.
    taken: BTreeSet<i64>,
    next_trigger: i64,
    /// Results that have not gone out with any batch.
    pending: VecDeque<i64>,
    /// Batches that may be under way at once.
    most: i64,
}

fn lost() -> ComponentError {
    ComponentError::fatal("a window was used before it was prepared, or its store is damaged")
}

fn now_ns(context: &TopologyContext) -> i64 {
    i64::try_from(context.now_ns()).unwrap_or(i64::MAX)
}

fn ints(value: &Value) -> Vec<i64> {
    value.as_list().unwrap_or_default().iter().filter_map(Value::as_int).collect()
}

fn list(ints: impl IntoIterator<Item = i64>) -> Value {
    ints.into_iter().map(Value::from).collect::<Vec<_>>().into()
}

impl Life {
    fn key(&self, kind: &str, number: i64) -> String {
        format!("{}{kind}|{number:020}", self.prefix)
    }

    fn meta_key(&self) -> String {
        format!("{}meta", self.prefix)
    }

    /// What is to be kept beside tuples and results. Times are kept as ages: clocks begin anew.
    fn meta(&self) -> Value {
        let Content { next_number, since_cut, next_cut_ns, .. } = self.content;
        let now = now_ns(&self.context);
        let since_cut = i64::try_from(since_cut).unwrap_or(i64::MAX);
        let numbers =
            list([next_number, since_cut, next_cut_ns.saturating_sub(now), self.next_trigger, now]);
        vec![numbers, list(self.taken.iter().copied())].into()
    }

    /// Finds what a task before this one has kept.
    fn recover(&mut self) -> ComponentResult {
        let meta = self.store.get(&[self.meta_key()])?.pop().unwrap_or_default();
        let Some([numbers, taken]) = meta.as_list() else { return Ok(()) };
        let [next_number, since_cut, until_cut, next_trigger, then] = ints(numbers)[..] else {
            return Err(lost());
        };
        let now = now_ns(&self.context);
        self.content.next_number = next_number;
        self.content.since_cut = usize::try_from(since_cut).map_err(|_| lost())?;
        self.content.next_cut_ns = now.saturating_add(until_cut);
        (self.next_trigger, self.taken) = (next_trigger, ints(taken).into_iter().collect());
        let keys = self.store.keys(&format!("{}tu|", self.prefix))?;
        for (key, row) in keys.iter().zip(self.store.get(&keys)?) {
            let number = key.rsplit('|').next().and_then(|number| number.parse().ok());
            let (Some(number), Some([at, values @ ..])) = (number, row.as_list()) else {
                return Err(lost());
            };
            let at_ns = now.saturating_sub(then.saturating_sub(at.as_int().unwrap_or(then)));
            self.content.tuples.push_back((number, at_ns, Values::from(values.to_vec())));
        }
        let sent_keys = self.store.keys(&format!("{}ip|", self.prefix))?;
        let sent: BTreeSet<i64> = self.store.get(&sent_keys)?.iter().flat_map(ints).collect();
        for key in self.store.keys(&format!("{}tr|", self.prefix))? {
            let number = key.rsplit('|').next().and_then(|number| number.parse().ok());
            self.pending.extend(number.filter(|number| !sent.contains(number)));
        }
        Ok(())
    }

    /// Forgets the results of batches that are committed: those that cannot be under way beside this one.
    fn forget(&mut self, txid: i64) -> ComponentResult {
        let committed = txid.saturating_sub(self.most);
        let old = self.store.keys(&format!("{}ip|", self.prefix))?;
        let limit = self.key("ip", committed.max(0));
        let old: Vec<String> = old.into_iter().filter(|key| *key <= limit).collect();
        if old.is_empty() {
            return Ok(());
        }
        let sent = self.store.get(&old)?;
        let results = sent.iter().flat_map(ints).map(|trigger| self.key("tr", trigger));
        let gone: Vec<String> = results.chain(old.iter().cloned()).collect();
        self.store.remove(&gone)
    }
}

/// Takes down what an aggregator emits.
struct Results(Vec<Value>);

impl Sink for Results {
    fn emit(&mut self, values: Values) {
        self.0.push(values.into());
    }
    fn report_error(&mut self, _message: &str) {}
}

impl WindowProcessor {
    fn aggregate(&mut self, batch: BatchId, window: Vec<Values>) -> Result<Value, ComponentError> {
        let mut results = Results(Vec::new());
        let mut collector = TridentCollector::new(&mut results);
        let mut state = self.aggregator.init(batch, &mut collector)?;
        for values in window {
            let tuple = self.seen.of(values.iter().cloned());
            self.aggregator.aggregate(&mut state, &tuple, &mut collector)?;
        }
        self.aggregator.complete(state, &mut collector)?;
        Ok(results.0.into())
    }

    /// Takes the tuples of a batch, and keeps the results of the windows that they complete.
    fn take(&mut self, batch: BatchId, tuples: Vec<TridentTuple>) -> ComponentResult {
        let life = self.life.as_mut().ok_or_else(lost)?;
        let now = now_ns(&life.context);
        let before: BTreeSet<i64> =
            life.content.tuples.iter().map(|(number, ..)| *number).collect();
        let mut windows = life.content.advance(now);
        if life.taken.insert(batch.key()) {
            for tuple in tuples {
                windows.extend(life.content.add(now, tuple.to_values()));
            }
            let keep = usize::try_from(life.most).unwrap_or(usize::MAX).saturating_mul(2);
            while life.taken.len() > keep.max(64) {
                life.taken.pop_first();
            }
        }
        let mut entries = Vec::new();
        for window in windows {
            let result = self.aggregate(batch, window)?;
            let life = self.life.as_mut().ok_or_else(lost)?;
            entries.push((life.key("tr", life.next_trigger), result));
            life.pending.push_back(life.next_trigger);
            life.next_trigger += 1;
        }
        let life = self.life.as_mut().ok_or_else(lost)?;
        for (number, at_ns, values) in &life.content.tuples {
            if !before.contains(number) {
                let row: Vec<Value> =
                    std::iter::once((*at_ns).into()).chain(values.iter().cloned()).collect();
                entries.push((life.key("tu", *number), row.into()));
            }
        }
        entries.push((life.meta_key(), life.meta()));
        life.store.put(entries)?;
        let left: BTreeSet<i64> = life.content.tuples.iter().map(|(number, ..)| *number).collect();
        let gone: Vec<String> = before.difference(&left).map(|n| life.key("tu", *n)).collect();
        if gone.is_empty() { Ok(()) } else { life.store.remove(&gone) }
    }

    /// The results that go out with a batch: those of an earlier attempt, if there was one.
    fn results(&mut self, batch: BatchId) -> Result<Vec<Value>, ComponentError> {
        let life = self.life.as_mut().ok_or_else(lost)?;
        let key = life.key("ip", batch.key());
        let mut sent = Value::Null;
        if batch.attempt() > 0 {
            sent = life.store.get(std::slice::from_ref(&key))?.pop().unwrap_or_default();
        }
        let triggers = if sent.is_null() {
            let triggers: Vec<i64> = life.pending.drain(..).collect();
            if batch.txid().is_some() && !triggers.is_empty() {
                life.store.put(vec![(key, list(triggers.iter().copied()))])?;
            }
            triggers
        } else {
            ints(&sent)
        };
        let keys: Vec<String> = triggers.iter().map(|trigger| life.key("tr", *trigger)).collect();
        let results = life.store.get(&keys)?;
        match batch.txid() {
            Some(txid) => life.forget(txid)?,
            None => life.store.remove(&keys)?,
        }
        Ok(results)
    }
}

impl Processor for WindowProcessor {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        let context = setup.context.topology().ok_or_else(lost)?.clone();
        let most = context.topology_config().count(Config::TOPOLOGY_MAX_SPOUT_PENDING)?;
        let mut life = Life {
            store: self.stores.create()?,
            prefix: format!("{}|{}|", self.number, context.task_index()),
            content: Content::new(self.cut, now_ns(&context)),
            context,
            taken: BTreeSet::new(),
            next_trigger: 0,
            pending: VecDeque::new(),
            most: most.and_then(|most| i64::try_from(most).ok()).unwrap_or(1).max(1),
        };
        life.recover()?;
        self.life = Some(life);
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
        self.take(batch, *tuples)?;
        let results = self.results(batch)?;
        let mut sink = Appending { factory: &self.output, parent: None, out };
        for row in results.iter().filter_map(Value::as_list).flatten() {
            let values = row.as_list().ok_or_else(lost)?;
            sink.emit(Values::from(values.to_vec()));
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        if let Some(life) = &mut self.life {
            life.store.shutdown();
        }
        self.aggregator.cleanup();
    }
}
