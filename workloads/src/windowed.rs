//! `windowed`: how often did every word occur in each sliding window of event time?
//!
//! A record is one word with an event time. A window `[end - length, end)` ends at every multiple of
//! the slide, the first ones partly before the stream began. The answer is a table of window end,
//! word and count, over the words that occurred in the window. Input may be out of order: the
//! watermark trails by the bound of the disorder, a closed window waits for the allowed lateness, and
//! a record that comes after that for all its windows is not counted in any, but counted as late.

use crate::word_count::Count;
use crate::{InputError, Pull, Settings, Text, WordEvents, Workload};
use weir_dataflow::{
    Engine, Event, EventTime, Flow, PaneTable, Source, Windowed as Result_, Windows, hash_of,
};

/// The workload.
#[derive(Clone, Debug)]
pub struct Windowed {
    words: WordEvents,
    windows: Windows,
}

/// A window's end in milliseconds, and a word.
type Place = (i64, Text);

fn row(result: Result_<(Text, u64), (Text, ())>) -> Option<(Place, u64)> {
    match result {
        Result_::Result { window, value: (word, count) } => {
            Some(((window.end_ns / 1_000_000, word), count))
        }
        Result_::Late(_) => None,
    }
}

impl Workload for Windowed {
    const NAME: &'static str = "windowed";
    const SUMMARY: &'static str = "count of every word in sliding event-time windows";
    const RECORDS: &'static str = "words";
    const COLUMNS: &'static [&'static str] = &["window_end_ms", "word", "count"];
    const EVENT_TIME: bool = true;
    const NOMINAL_RATE: u64 = 10_000_000;
    type Key = Place;
    type Value = u64;

    fn new(settings: &Settings) -> Result<Self, InputError> {
        let words = WordEvents::new(settings.corpus, settings.seed, settings.disorder);
        let windows = Windows::sliding(settings.window_ns, settings.slide_ns)
            .allowed_lateness(settings.lateness_ns);
        Ok(Self { words, windows })
    }

    fn once(settings: &Settings) -> u64 {
        settings.corpus.words().len() as u64
    }

    fn build<E: Engine>(self, engine: &E) -> impl Flow<Item = (Place, u64), Engine = E> {
        engine.source(self.words).windowed(self.windows, Count).flat_map(row)
    }

    fn cost_loop(&self, pull: &mut Pull<'_>) -> Option<(Vec<(Place, u64)>, u64)> {
        let mut table = PaneTable::new(self.windows, Count);
        let mut rows = Vec::new();
        let mut times = Vec::new();
        while let Some(range) = pull.range() {
            pull.times(&range, &mut times);
            for (index, time) in range.zip(&times) {
                let Event { at, watermark, value: word } =
                    self.words.record(index, EventTime(*time));
                let mut out = |result| rows.extend(row(result));
                table.insert(hash_of(&word), Event { at, watermark, value: (word, ()) }, &mut out);
                table.advance(watermark, &mut out);
            }
        }
        table.advance(EventTime::END, &mut |result| rows.extend(row(result)));
        Some((rows, table.late()))
    }
}
