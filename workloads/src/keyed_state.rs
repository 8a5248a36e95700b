//! `keyed-state`: what it costs to keep state, by how many keys there are, how skewed they are, and how
//! much is kept for each.
//!
//! A record is a key and a number. Each key has so many bytes of counters; the number says which of
//! them goes up. One record in sixteen also asks for that counter, which is then emitted. The answer is
//! the sequence of counters asked for per key, in stream order. Keys are numbers that are drawn, not
//! words: a text of a million distinct words would measure the text.

use crate::{InputError, KeySpec, Keys, OutputKind, Pull, Settings, Workload};
use weir_dataflow::{
    Emit, Engine, Event, EventTime, Flow, KeyedTable, Source, UpdateState, hash_of,
};

/// The workload.
#[derive(Clone, Debug)]
pub struct KeyedState {
    updates: Updates,
    counters: Counters,
}

/// The stream of keys and numbers.
#[derive(Clone, Copy, Debug)]
struct Updates(Keys);

impl Updates {
    #[inline(always)]
    fn update(&self, index: u64) -> (u64, u64) {
        (self.0.key(index), self.0.noise(index))
    }
}

impl Source for Updates {
    type Item = (u64, u64);
    #[inline(always)]
    fn record(&self, index: u64, scheduled: EventTime) -> Event<(u64, u64)> {
        Event { at: scheduled, watermark: scheduled, value: self.update(index) }
    }
    fn ordered(&self) -> bool {
        true
    }
    fn label(&self) -> String {
        "updates".into()
    }
}

/// The state of a key.
#[derive(Clone, Copy, Debug)]
struct Counters {
    per_key: usize,
}

impl Counters {
    fn new(bytes: u64) -> Self {
        Self { per_key: (bytes / 8).max(1) as usize }
    }

    fn empty(self) -> Box<[u64]> {
        vec![0; self.per_key].into_boxed_slice()
    }

    /// Counts a number; the counter, if it is asked for.
    #[inline(always)]
    fn count(counters: &mut [u64], number: u64) -> Option<u64> {
        let at = (number >> 8) % counters.len() as u64;
        let counter = &mut counters[at as usize];
        *counter += 1;
        number.is_multiple_of(16).then_some(*counter)
    }
}

impl UpdateState for Counters {
    type In = (u64, u64);
    type Key = u64;
    type Value = u64;
    type State = Box<[u64]>;
    type Out = (u64, u64);
    #[inline(always)]
    fn split(&self, update: (u64, u64)) -> (u64, u64) {
        update
    }
    #[inline(always)]
    fn update(
        &self,
        key: &u64,
        state: &mut Option<Box<[u64]>>,
        number: u64,
        out: &mut impl Emit<(u64, u64)>,
    ) {
        let counters = state.get_or_insert_with(|| self.empty());
        if let Some(counter) = Self::count(counters, number) {
            out.emit((*key, counter));
        }
    }
    fn label(&self) -> String {
        "counters".into()
    }
}

impl Workload for KeyedState {
    const NAME: &'static str = "keyed-state";
    const SUMMARY: &'static str = "counters per key, of a size that can be set";
    const RECORDS: &'static str = "updates";
    const INPUT: Option<&'static str> =
        Some("keys by number, Zipf-distributed (cardinality, skew), drawn one by one");
    const COLUMNS: &'static [&'static str] = &["key", "counter"];
    const OUTPUT: OutputKind = OutputKind::All;
    const NOMINAL_RATE: u64 = 10_000_000;
    type Key = u64;
    type Value = u64;

    fn new(settings: &Settings) -> Result<Self, InputError> {
        Ok(Self {
            updates: Updates(Keys::new(settings.seed, settings.keys)),
            counters: Counters::new(settings.state_bytes),
        })
    }

    fn once(settings: &Settings) -> u64 {
        // The input has no end; a reading of it is long enough to meet most keys.
        let KeySpec { cardinality, .. } = settings.keys;
        cardinality.saturating_mul(4).clamp(10_000, 1_000_000)
    }

    fn build<E: Engine>(self, engine: &E) -> impl Flow<Item = (u64, u64), Engine = E> {
        engine.source(self.updates).update_state(self.counters)
    }

    fn cost_loop(&self, pull: &mut Pull<'_>) -> Option<(Vec<(u64, u64)>, u64)> {
        let mut table: KeyedTable<u64, Box<[u64]>> = KeyedTable::new();
        let mut rows = Vec::new();
        while let Some(range) = pull.range() {
            for index in range {
                let (key, number) = self.updates.update(index);
                table.update(
                    hash_of(&key),
                    key,
                    || self.counters.empty(),
                    |counters| {
                        rows.extend(
                            Counters::count(counters, number).map(|counter| (key, counter)),
                        );
                    },
                );
            }
        }
        Some((rows, 0))
    }
}
