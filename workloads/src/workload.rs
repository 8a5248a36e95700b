//! What a workload is.

use crate::{Corpus, Disorder, Field, InputError, KeySpec};
use std::fmt::Debug;
use std::ops::Range;
use weir_dataflow::{Data, Engine, Flow, Key, RunContext};

/// What the rows of a workload mean to the sink, and so how two sinks are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// A row replaces the earlier one with its key: the sink is a table.
    Latest,
    /// Every row counts; those of one key are in order: the sink is a log per key.
    All,
}

/// What a workload can be told. Each uses what applies to it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The text that is replayed.
    pub corpus: &'static Corpus,
    /// Seed of all draws.
    pub seed: u64,
    /// Length of windows, nanoseconds.
    pub window_ns: u64,
    /// From one window's end to the next's, nanoseconds.
    pub slide_ns: u64,
    /// How long a closed window waits for stragglers, nanoseconds.
    pub lateness_ns: u64,
    /// How far event times stray.
    pub disorder: Disorder,
    /// Keys of workloads that draw them by number.
    pub keys: KeySpec,
    /// State kept for each key, where a workload lets that be chosen. Bytes.
    pub state_bytes: u64,
}

impl Settings {
    /// The defaults over a corpus.
    #[must_use]
    pub const fn new(corpus: &'static Corpus) -> Self {
        Self {
            corpus,
            seed: 42,
            window_ns: 2_000_000_000,
            slide_ns: 1_000_000_000,
            lateness_ns: 0,
            disorder: Disorder { bound_ns: 0, straggler_ppm: 0, straggle_ns: 0 },
            keys: KeySpec::DEFAULT,
            state_bytes: 64,
        }
    }
}

/// A program over a stream, written once for every engine.
pub trait Workload: Clone + Send + Sync + Sized + 'static {
    /// Its name on the command line.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const SUMMARY: &'static str;
    /// What one record is, in the plural.
    const RECORDS: &'static str;
    /// Names of the CSV columns, keys first.
    const COLUMNS: &'static [&'static str];
    /// Its input in words, if that is not made of the [corpus](Settings::corpus).
    const INPUT: Option<&'static str> = None;
    /// What its rows mean.
    const OUTPUT: OutputKind = OutputKind::Latest;
    /// Whether its rows depend on the event times of records.
    const EVENT_TIME: bool = false;
    /// Records per second on the nominal time axis of a run at saturation: it sets how much event
    /// time a record is worth there, nothing else.
    const NOMINAL_RATE: u64 = 5_000_000;

    /// What rows are told apart by.
    type Key: Key + Ord + Debug + Field;
    /// What a row says.
    type Value: Data + PartialEq + Debug + Field + std::hash::Hash;

    /// The workload with these settings.
    ///
    /// # Errors
    /// The input does not serve.
    fn new(settings: &Settings) -> Result<Self, InputError>;

    /// How many records the input has if it is read once, from start to end.
    fn once(settings: &Settings) -> u64;

    /// The program.
    fn build<E: Engine>(self, engine: &E)
    -> impl Flow<Item = (Self::Key, Self::Value), Engine = E>;

    /// The COST loop: the same answer from the fastest honest single-threaded loop, written by hand.
    /// Gives its rows and how many records were late. `None` if there is no loop; throughputs are then
    /// not given as multiples of it.
    fn cost_loop(&self, _pull: &mut Pull<'_>) -> Option<(Vec<(Self::Key, Self::Value)>, u64)> {
        None
    }
}

/// The load as a single-threaded loop reads it: range after range, until it is over.
pub struct Pull<'a> {
    context: &'a RunContext,
    next: u64,
    last: bool,
}

impl<'a> Pull<'a> {
    /// How many records a range holds at most.
    pub const CHUNK: u64 = 4096;

    /// The load of a run, from its start.
    #[must_use]
    pub fn new(context: &'a RunContext) -> Self {
        context.begin();
        Self { context, next: 0, last: false }
    }

    /// The next records to process. Asking for them says that those before are complete.
    pub fn range(&mut self) -> Option<Range<u64>> {
        let now_ns = self.context.now_ns();
        self.context.meter.complete(self.next, now_ns);
        if self.last || self.context.cancel.is_cancelled() {
            return None;
        }
        let claim = self.context.load.claim(self.next + Self::CHUNK, now_ns);
        let range = self.next..claim.limit;
        (self.next, self.last) = (claim.limit, claim.closed);
        Some(range)
    }

    /// The scheduled times of a range, nanoseconds.
    pub fn times(&self, range: &Range<u64>, out: &mut Vec<u64>) {
        out.resize((range.end - range.start) as usize, 0);
        self.context.load.scheduled_ns(range.start, 1, out);
    }

    /// How many records have been handed out.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.next
    }
}
