//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{
    Aggregate, Claim, Clock, Data, Emit, Event, EventTime, Flow, Load, ManualClock, Meter,
    RunContext, RunSummary, Source, UpdateState,
};
use weir_topology::{Acking, TopologyConfig};

/// Words of lines that depend on the index alone.
pub(crate) const WORDS: [&str; 7] = ["a", "be", "cat", "door", "every", "flower", "garden"];

/// Lines of `i % 5` words.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) ordered: bool,
}

pub(crate) fn line(index: u64) -> Vec<&'static str> {
    (0..index % 5).map(|k| WORDS[((index * 31 + k * k * 17) % 7) as usize]).collect()
}

impl Source for Lines {
    type Item = Vec<&'static str>;
    fn record(&self, index: u64, scheduled: EventTime) -> Event<Self::Item> {
        Event { at: scheduled, watermark: scheduled, value: line(index) }
    }
    fn ordered(&self) -> bool {
        self.ordered
    }
}

/// The numbers from 0, `jitter` steps out of order, with a watermark `bound` steps behind.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub(crate) jitter: u64,
    pub(crate) bound: u64,
    pub(crate) ordered: bool,
}

impl Numbers {
    pub(crate) const IN_ORDER: Self = Self { jitter: 0, bound: 0, ordered: false };

    pub(crate) fn event(&self, index: u64, scheduled: u64) -> Event<u64> {
        let back = if self.jitter == 0 { 0 } else { (index * 7919) % (self.jitter + 1) };
        Event {
            at: EventTime(scheduled.saturating_sub(back)),
            watermark: EventTime(scheduled.saturating_sub(self.bound)),
            value: index,
        }
    }
}

impl Source for Numbers {
    type Item = u64;
    fn record(&self, index: u64, scheduled: EventTime) -> Event<u64> {
        self.event(index, scheduled.0)
    }
    fn ordered(&self) -> bool {
        self.ordered
    }
    fn in_order(&self) -> bool {
        self.jitter == 0
    }
}

/// Counts records by a key.
#[derive(Clone)]
pub(crate) struct CountBy<T, K>(pub(crate) fn(&T) -> K);

impl<T: Data, K: weir_dataflow::Key> Aggregate for CountBy<T, K> {
    type In = T;
    type Key = K;
    type Value = u64;
    type State = u64;
    type Out = (K, u64);
    fn split(&self, input: T) -> (K, u64) {
        ((self.0)(&input), 1)
    }
    fn update(&self, state: &mut u64, value: u64) {
        *state += value;
    }
    fn merge(&self, state: &mut u64, other: u64) {
        *state += other;
    }
    fn output(&self, key: &K, state: &u64) -> (K, u64) {
        (key.clone(), *state)
    }
    fn label(&self) -> String {
        "count".into()
    }
}

/// Adds numbers up by `n % 10`; a number whose last two digits are 7 x key removes the key and emits
/// the sum so far, with the order of the last number.
#[derive(Clone)]
pub(crate) struct Session;

impl UpdateState for Session {
    type In = u64;
    type Key = u64;
    type Value = u64;
    type State = (u64, u64);
    type Out = (u64, u64, u64);
    fn split(&self, input: u64) -> (u64, u64) {
        (input % 10, input)
    }
    fn update(
        &self,
        key: &u64,
        state: &mut Option<(u64, u64)>,
        value: u64,
        out: &mut impl Emit<Self::Out>,
    ) {
        let (sum, hash) = state.take().unwrap_or_default();
        let next = (sum + value, hash.wrapping_mul(31).wrapping_add(value));
        if (value / 10) % 7 == *key % 7 {
            out.emit((*key, next.0, next.1));
        } else {
            *state = Some(next);
        }
    }
}

pub(crate) fn config(parallelism: usize, batch_size: usize, acking: bool) -> TopologyConfig {
    TopologyConfig {
        parallelism,
        batch_size,
        acking: if acking { Acking::ONE } else { Acking::Off },
        max_spout_pending: NonZeroUsize::new(64),
        flush_interval: Duration::from_micros(100),
        // Manual clocks run fast.
        message_timeout: Duration::from_secs(1_000_000),
        ..TopologyConfig::default()
    }
}

pub(crate) fn all(records: u64) -> AllAtOnce {
    AllAtOnce { records, spacing_ns: 1_000 }
}

/// Runs a flow over `records` records that are all due, and returns its rows, sorted.
pub(crate) fn rows<T: Data + Ord, F: Flow<Item = T>>(
    flow: F,
    records: u64,
) -> (Vec<T>, RunSummary) {
    let (sink, context) = (CollectSink::new(), all(records).context());
    let summary = flow.run(sink.clone(), &context).expect("the flow runs");
    assert_eq!(context.meter.completed(), records, "completed");
    assert_eq!(context.meter.taken(), records, "taken");
    assert_eq!(summary.records, records, "records");
    let mut rows = sink.take();
    rows.sort();
    (rows, summary)
}

pub(crate) fn latest<K: Ord, V>(rows: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    rows.into_iter().collect()
}

/// A load that becomes due as a clock moves: one record every `spacing_ns`, from 0.
pub(crate) struct Paced {
    pub(crate) records: u64,
    pub(crate) spacing_ns: u64,
}

impl Load for Paced {
    fn paced(&self) -> bool {
        true
    }
    fn count_before(&self, t_ns: u64) -> u64 {
        t_ns.div_ceil(self.spacing_ns)
    }
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        for (k, t) in (0..).zip(out) {
            *t = (first + k * step) * self.spacing_ns;
        }
    }
    fn claim(&self, _: u64, now_ns: u64) -> Claim {
        let due = self.count_before(now_ns).min(self.records);
        Claim { limit: due, closed: due == self.records }
    }
}

pub(crate) fn paced(load: Paced, clock: Arc<dyn Clock>, meter: Meter) -> RunContext {
    RunContext::new(clock, Arc::new(load), Arc::new(meter))
}

/// Moves a manual clock to its next alarm, if that is near. A clock that leapt from one message
/// timeout to the next would fail every tree before a thread could get to it.
pub(crate) fn tick(clock: &ManualClock) {
    const NEAR_NS: u64 = 100_000_000;
    if let Some(alarm_ns) = clock.next_alarm_ns()
        && alarm_ns < clock.now_ns() + NEAR_NS
    {
        clock.set(alarm_ns);
    }
}
