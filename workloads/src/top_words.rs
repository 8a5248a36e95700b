//! `top-words`: which ten words are the most frequent so far? Ties go to the smaller word.

use crate::{InputError, Lines, Settings, SplitWords, Text, Workload, word_count::Count};
use weir_dataflow::{Aggregate, Engine, Flow};

/// The workload.
#[derive(Clone, Debug)]
pub struct TopWords(Lines);

/// Keeps the ten best of the counts seen. Counts only grow, so a word that belongs here at the end
/// arrives with a count that lets it in, however often the engine reports counts before that.
#[derive(Clone, Debug)]
struct TopTen;

impl Aggregate for TopTen {
    type In = (Text, u64);
    type Key = ();
    type Value = (Text, u64);
    type State = Vec<(Text, u64)>;
    type Out = Vec<(Text, u64)>;
    fn split(&self, counted: (Text, u64)) -> ((), (Text, u64)) {
        ((), counted)
    }
    fn update(&self, best: &mut Self::State, (word, count): (Text, u64)) {
        match best.iter_mut().find(|(other, _)| *other == word) {
            Some(known) => known.1 = known.1.max(count),
            None => best.push((word, count)),
        }
        best.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        best.truncate(10);
    }
    fn merge(&self, best: &mut Self::State, other: Self::State) {
        other.into_iter().for_each(|counted| self.update(best, counted));
    }
    fn output(&self, (): &(), best: &Self::State) -> Self::Out {
        best.clone()
    }
}

impl Workload for TopWords {
    const NAME: &'static str = "top-words";
    const SUMMARY: &'static str = "the ten most frequent words";
    const RECORDS: &'static str = "lines";
    const COLUMNS: &'static [&'static str] = &["rank", "word", "count"];
    type Key = u64;
    type Value = (Text, u64);
    fn new(settings: &Settings) -> Result<Self, InputError> {
        Ok(Self(Lines::new(settings.corpus)))
    }
    fn once(settings: &Settings) -> u64 {
        settings.corpus.lines().len() as u64
    }
    fn build<E: Engine>(self, engine: &E) -> impl Flow<Item = (u64, (Text, u64)), Engine = E> {
        let counts = engine.source(self.0).transform(SplitWords).running(Count);
        counts.running(TopTen).flat_map(|best| (1..).zip(best))
    }
}
