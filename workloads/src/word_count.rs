//! `word-count`: how often has every word occurred so far?
//!
//! A record is a line. A line's words are what lies between Unicode `White_Space`. The answer is a
//! table of word and count over all lines of the stream; it grows with every line and never shrinks.

use crate::{InputError, Lines, OutputKind, Pull, Settings, SplitWords, Text, Workload};
use weir_dataflow::{Aggregate, Engine, Flow, KeyedTable, hash_of};

/// The workload.
#[derive(Clone, Debug)]
pub struct WordCount {
    lines: Lines,
}

/// Adds up occurrences. Used by other workloads too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count;

impl Aggregate for Count {
    type In = Text;
    type Key = Text;
    type Value = ();
    type State = u64;
    type Out = (Text, u64);
    #[inline(always)]
    fn split(&self, word: Text) -> (Text, ()) {
        (word, ())
    }
    #[inline(always)]
    fn update(&self, count: &mut u64, (): ()) {
        *count += 1;
    }
    #[inline(always)]
    fn merge(&self, count: &mut u64, other: u64) {
        *count += other;
    }
    #[inline(always)]
    fn output(&self, word: &Text, count: &u64) -> (Text, u64) {
        (*word, *count)
    }
    fn label(&self) -> String {
        "count".into()
    }
}

impl Workload for WordCount {
    const NAME: &'static str = "word-count";
    const SUMMARY: &'static str = "running count of every word";
    const RECORDS: &'static str = "lines";
    const COLUMNS: &'static [&'static str] = &["word", "count"];
    const OUTPUT: OutputKind = OutputKind::Latest;
    type Key = Text;
    type Value = u64;

    fn new(settings: &Settings) -> Result<Self, InputError> {
        Ok(Self { lines: Lines::new(settings.corpus) })
    }

    fn once(settings: &Settings) -> u64 {
        settings.corpus.lines().len() as u64
    }

    fn build<E: Engine>(self, engine: &E) -> impl Flow<Item = (Text, u64), Engine = E> {
        engine.source(self.lines).transform(SplitWords).running(Count)
    }

    fn cost_loop(&self, pull: &mut Pull<'_>) -> Option<(Vec<(Text, u64)>, u64)> {
        let mut counts: KeyedTable<Text, u64> = KeyedTable::new();
        while let Some(range) = pull.range() {
            for index in range {
                self.lines.line(index).for_each_word(|word| {
                    counts.update(hash_of(&word), word, || 0, |count| *count += 1);
                });
            }
        }
        Some((counts.iter().map(|(word, count)| (*word, *count)).collect(), 0))
    }
}
