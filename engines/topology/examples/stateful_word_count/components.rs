//! Lines in, counts out: each word of each line is counted exactly once, whatever dies meanwhile.
//!
//! The spout numbers its lines and sends again what fails, or what a run before has not finished. So
//! words come at least once; the counting bolt keeps in its state, beside the counts, which words of
//! which lines they contain, and leaves out what it has. Both are committed together. What is known to
//! be committed everywhere need not be remembered one by one: the spout tells up to where that is.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use weir_topology::state::{KeyValue, Namespace, StateError, StateProvider, StatefulBolt};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, Config, OutputCollector,
    OutputFieldsDeclarer, RichSpout, SpoutOutputCollector, TopologyContext, Tuple, Value, values,
};

/// Emits numbered lines up to a number, each until it is acked.
pub(crate) struct Lines {
    line: fn(i64) -> String,
    until: i64,
    kept: Option<KeyValue<String, i64>>,
    /// All lines below have been acked; and as it was kept last.
    done_below: i64,
    kept_below: i64,
    /// Acked lines above that.
    done: BTreeSet<i64>,
    next: i64,
    failed: BTreeSet<i64>,
}

const DONE_BELOW: &str = "done below";

impl Lines {
    pub(crate) fn new(line: fn(i64) -> String, until: i64) -> Self {
        let (done, failed) = (BTreeSet::new(), BTreeSet::new());
        Self { line, until, kept: None, done_below: 0, kept_below: 0, done, next: 0, failed }
    }

    /// How many lines all runs of a topology together have finished. It must not be running.
    pub(crate) fn finished(
        provider: &StateProvider,
        topology: &str,
        component: &str,
    ) -> Result<i64, StateError> {
        let (topology, component) = (topology.to_owned(), component.to_owned());
        let kept: KeyValue<String, i64> =
            provider.key_value(&Namespace { topology, component, task: 0 })?;
        kept.get_or(&DONE_BELOW.to_owned(), 0)
    }

    /// Acks come many at a time, when a checkpoint is committed; they are kept together.
    fn keep(&mut self) -> Result<(), StateError> {
        if self.kept_below < self.done_below
            && let Some(kept) = &mut self.kept
        {
            kept.put(DONE_BELOW.to_owned(), self.done_below)?;
            kept.persist()?;
            self.kept_below = self.done_below;
        }
        Ok(())
    }
}

impl RichSpout for Lines {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        let kept: KeyValue<String, i64> =
            context.state_provider().key_value(&Namespace::of(context))?;
        self.done_below = kept.get_or(&DONE_BELOW.to_owned(), 0)?;
        (self.kept_below, self.next) = (self.done_below, self.done_below);
        self.kept = Some(kept);
        Ok(())
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.keep()?;
        let number = match self.failed.pop_first() {
            Some(number) => number,
            None if self.next < self.until => {
                self.next += 1;
                self.next - 1
            }
            None => return Ok(()),
        };
        out.emit(values![(self.line)(number), number, self.done_below], number)?;
        Ok(())
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.done.insert(number(&message_id)?);
        while self.done.remove(&self.done_below) {
            self.done_below += 1;
        }
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.failed.insert(number(&message_id)?);
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.next >= self.until && self.failed.is_empty()
    }

    fn close(&mut self) {
        // What is not kept is sent again by the next run, and left out by the bolt.
        let _ = self.keep();
        self.kept = None;
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["line", "number", "done_below"]);
    }
}

fn number(message_id: &Value) -> Result<i64, ComponentError> {
    message_id.as_int().ok_or_else(|| ComponentError::fatal("a message id is a line's number"))
}

/// Emits the words of lines, each with its line's number and its place there.
pub(crate) struct Split;

impl BasicBolt for Split {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let (number, done_below) = (tuple.int("number")?, tuple.int("done_below")?);
        for (place, word) in (0_i64..).zip(tuple.text("line")?.split(' ')) {
            out.emit(values![word, number, place, done_below])?;
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word", "number", "place", "done_below"]);
    }
}

/// What the counting bolt has in its state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// How often a word was counted.
    Count(String),
    /// A word of a line that was counted, by the line's number and the word's place.
    Counted(i64, i64),
    /// All lines below were counted, and are committed everywhere.
    DoneBelow,
}

/// Counts words, each of each line once.
#[derive(Default)]
pub(crate) struct Count {
    /// What the state has of [`Entry::Counted`] and [`Entry::DoneBelow`], in order.
    counted: BTreeSet<(i64, i64)>,
    done_below: i64,
}

type Counts = KeyValue<Entry, i64>;

impl Count {
    fn reload(&mut self, state: &Counts) -> ComponentResult {
        self.done_below = state.get_or(&Entry::DoneBelow, 0)?;
        self.counted.clear();
        for entry in state.iter() {
            if let (Entry::Counted(number, place), _) = entry? {
                self.counted.insert((number, place));
            }
        }
        Ok(())
    }

    fn forget(&mut self, done_below: i64, state: &mut Counts) -> ComponentResult {
        if done_below <= self.done_below {
            return Ok(());
        }
        let kept = self.counted.split_off(&(done_below, 0));
        for (number, place) in std::mem::replace(&mut self.counted, kept) {
            state.delete(&Entry::Counted(number, place))?;
        }
        self.done_below = done_below;
        Ok(state.put(Entry::DoneBelow, done_below)?)
    }
}

impl StatefulBolt for Count {
    type State = Counts;

    fn init_state(&mut self, state: &mut Counts) -> ComponentResult {
        self.reload(state)
    }

    fn post_rollback(&mut self, state: &mut Counts) -> ComponentResult {
        self.reload(state)
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Counts,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let (number, place) = (tuple.int("number")?, tuple.int("place")?);
        self.forget(tuple.int("done_below")?, state)?;
        if number >= self.done_below && self.counted.insert((number, place)) {
            let word = tuple.text("word")?;
            let count = state.get_or(&Entry::Count(word.to_owned()), 0)? + 1;
            state.put(Entry::Count(word.to_owned()), count)?;
            state.put(Entry::Counted(number, place), 1)?;
            out.emit([&tuple], values![word, count])?;
        }
        out.ack(&tuple);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word", "count"]);
    }
}

/// The counts in the state of a task.
pub(crate) fn counts_in(state: &Counts) -> Result<Vec<(String, i64)>, StateError> {
    let mut counts = Vec::new();
    for entry in state.iter() {
        if let (Entry::Count(word), count) = entry? {
            counts.push((word, count));
        }
    }
    Ok(counts)
}
