//! Every operator of the contract against a sequential expectation, over parallelism and interval.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{
    Aggregate, Claim, Emit, Engine, Event, EventTime, Flow, Load, ManualClock, Meter, Recorder,
    RunContext, RunSummary, Sample, Source, UpdateState, Windowed, Windows,
};
use weir_microbatch::MicroBatch;

const RECORDS: u64 = 3_000;
const SPACING_NS: u64 = 100_000;
const MS: u64 = 1_000_000;

/// Keys from a small generator; event times up to `jitter` behind, watermark `bound` behind.
#[derive(Clone, Copy)]
struct Numbers {
    jitter_ns: u64,
    bound_ns: u64,
    ordered: bool,
}

const IN_ORDER: Numbers = Numbers { jitter_ns: 0, bound_ns: 0, ordered: false };
const ORDERED: Numbers = Numbers { ordered: true, ..IN_ORDER };
const JITTERED: Numbers = Numbers { jitter_ns: 9 * MS, bound_ns: 6 * MS, ordered: false };

fn mix(index: u64) -> u64 {
    let x = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11
}

impl Source for Numbers {
    type Item = (u64, u64);
    fn record(&self, index: u64, scheduled: EventTime) -> Event<(u64, u64)> {
        let behind = if self.jitter_ns == 0 { 0 } else { mix(index) % self.jitter_ns };
        Event {
            at: EventTime(scheduled.0.saturating_sub(behind)),
            watermark: EventTime(scheduled.0.saturating_sub(self.bound_ns)),
            value: (mix(index) % 23, index),
        }
    }
    fn ordered(&self) -> bool {
        self.ordered
    }
    fn in_order(&self) -> bool {
        self.jitter_ns == 0
    }
}

fn events(source: Numbers) -> impl Iterator<Item = Event<(u64, u64)>> {
    (0..RECORDS).map(move |i| source.record(i, EventTime(i * SPACING_NS)))
}

/// The same records, due over time.
struct Steady;
impl Load for Steady {
    fn paced(&self) -> bool {
        true
    }
    fn count_before(&self, t_ns: u64) -> u64 {
        t_ns.div_ceil(SPACING_NS)
    }
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        for (k, t) in (0..).zip(out) {
            *t = (first + k * step) * SPACING_NS;
        }
    }
    fn claim(&self, _: u64, now_ns: u64) -> Claim {
        let due = self.count_before(now_ns);
        Claim { limit: due.min(RECORDS), closed: due >= RECORDS }
    }
}

fn saturated() -> RunContext {
    AllAtOnce { records: RECORDS, spacing_ns: SPACING_NS }.context()
}

/// A clock that moves when the generator waits: the run is paced and takes no time.
fn paced() -> RunContext {
    let clock = Arc::new(ManualClock::auto());
    RunContext::new(clock, Arc::new(Steady), Arc::new(Meter::counting()))
}

/// Sums and counts per key.
#[derive(Clone)]
struct Totals;
impl Aggregate for Totals {
    type In = (u64, u64);
    type Key = u64;
    type Value = u64;
    type State = (u64, u64);
    type Out = (u64, u64, u64);
    fn split(&self, input: (u64, u64)) -> (u64, u64) {
        input
    }
    fn update(&self, state: &mut (u64, u64), value: u64) {
        *state = (state.0 + 1, state.1 + value);
    }
    fn merge(&self, state: &mut (u64, u64), other: (u64, u64)) {
        *state = (state.0 + other.0, state.1 + other.1);
    }
    fn output(&self, key: &u64, state: &(u64, u64)) -> (u64, u64, u64) {
        (*key, state.0, state.1)
    }
}

/// Collects values; every seventh record of a key closes the basket. Depends on order.
#[derive(Clone)]
struct Baskets;
impl UpdateState for Baskets {
    type In = (u64, u64);
    type Key = u64;
    type Value = u64;
    type State = Vec<u64>;
    type Out = (u64, Vec<u64>);
    fn split(&self, input: (u64, u64)) -> (u64, u64) {
        input
    }
    fn update(
        &self,
        key: &u64,
        state: &mut Option<Vec<u64>>,
        value: u64,
        out: &mut impl Emit<(u64, Vec<u64>)>,
    ) {
        let basket = state.get_or_insert_default();
        basket.push(value);
        if basket.len() == 7 {
            out.emit((*key, state.take().unwrap_or_default()));
        }
    }
}

/// Every combination that a flow is tried in.
fn everywhere(check: impl Fn(&MicroBatch, &RunContext, &str)) {
    for parallelism in [1, 2, 3, 8] {
        for interval_ms in [1, 10, 1_000] {
            let engine = MicroBatch::new()
                .parallelism(parallelism)
                .batch_interval(Duration::from_millis(interval_ms));
            let name = format!("parallelism {parallelism}, interval {interval_ms} ms");
            check(&engine, &saturated(), &format!("{name}, at saturation"));
            check(&engine, &paced(), &format!("{name}, paced"));
        }
    }
}

fn sorted<T: Ord + Send + 'static>(sink: &CollectSink<T>) -> Vec<T> {
    let mut rows = sink.take();
    rows.sort();
    rows
}

fn run<T: Ord + Send + 'static>(
    flow: impl Flow<Item = T>,
    context: &RunContext,
    name: &str,
) -> (Vec<T>, RunSummary) {
    let sink = CollectSink::new();
    let summary = flow.run(sink.clone(), context).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(summary.records, RECORDS, "{name}");
    assert_eq!(context.meter.completed(), RECORDS, "{name}");
    assert_eq!(context.meter.taken(), RECORDS, "{name}");
    (sorted(&sink), summary)
}

fn totals() -> Vec<(u64, u64, u64)> {
    let mut sums: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for event in events(IN_ORDER) {
        Totals.update(sums.entry(event.value.0).or_default(), event.value.1);
    }
    sums.iter().map(|(key, state)| Totals.output(key, state)).collect()
}

#[test]
fn narrow_operators() {
    let mut want: Vec<u64> = (0..RECORDS).filter(|i| i % 3 == 0).flat_map(|i| [i, i + 7]).collect();
    want.sort_unstable();
    everywhere(|engine, context, name| {
        let flow =
            engine.source(IN_ORDER).map(|(_, i)| i).filter(|i| i % 3 == 0).flat_map(|i| [i, i + 7]);
        assert_eq!(run(flow, context, name).0, want, "{name}");
    });
}

#[test]
fn running_tables() {
    let want = totals();
    everywhere(|engine, context, name| {
        let (rows, summary) = run(engine.source(IN_ORDER).running(Totals), context, name);
        assert_eq!(rows, want, "{name}");
        assert_eq!(summary.batches.iter().map(|b| b.records).sum::<u64>(), RECORDS, "{name}");
    });
}

#[test]
fn running_emits_what_a_batch_changed() {
    let want = totals();
    everywhere(|engine, context, name| {
        let flow = engine.source(IN_ORDER).running(Totals).map(|row| row);
        let (rows, _) = run(flow, context, name);
        let last: BTreeMap<u64, _> = rows.iter().map(|row| (row.0, *row)).collect();
        assert_eq!(last.into_values().collect::<Vec<_>>(), want, "{name}");
        assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{name}: a row without a change");
    });
}

#[test]
fn two_shuffles() {
    // How many emissions... of the last counts: the second aggregate sees each key's growth.
    let want: u64 = (0..RECORDS).sum();
    #[derive(Clone)]
    struct Latest;
    impl Aggregate for Latest {
        type In = (u64, u64, u64);
        type Key = ();
        type Value = (u64, u64);
        type State = BTreeMap<u64, u64>;
        type Out = u64;
        fn split(&self, (key, _, sum): (u64, u64, u64)) -> ((), (u64, u64)) {
            ((), (key, sum))
        }
        fn update(&self, state: &mut BTreeMap<u64, u64>, (key, sum): (u64, u64)) {
            let best = state.entry(key).or_default();
            *best = sum.max(*best);
        }
        fn merge(&self, state: &mut BTreeMap<u64, u64>, other: BTreeMap<u64, u64>) {
            other.into_iter().for_each(|entry| self.update(state, entry));
        }
        fn output(&self, (): &(), state: &BTreeMap<u64, u64>) -> u64 {
            state.values().sum()
        }
    }
    everywhere(|engine, context, name| {
        let flow = engine.source(IN_ORDER).running(Totals).running(Latest);
        assert_eq!(run(flow, context, name).0, [want], "{name}");
    });
}

#[test]
fn explicit_state_in_stream_order() {
    let mut baskets: BTreeMap<u64, Option<Vec<u64>>> = BTreeMap::new();
    let mut want = Vec::new();
    for event in events(ORDERED) {
        let (key, value) = event.value;
        let state = baskets.entry(key).or_default();
        Baskets.update(&key, state, value, &mut |row| want.push(row));
    }
    want.sort();
    everywhere(|engine, context, name| {
        let flow = engine.source(ORDERED).update_state(Baskets);
        assert_eq!(run(flow, context, name).0, want, "{name}");
    });
}

type Row = (i64, i64, u64, u64, u64);

/// The last result of every window and key, and the late records.
fn windows_of(source: Numbers, windows: Windows) -> (Vec<Row>, Vec<u64>) {
    let mut states: BTreeMap<(i64, i64, u64), (u64, u64)> = BTreeMap::new();
    let mut late = Vec::new();
    for event in events(source) {
        let all: Vec<_> = windows.assign(event.at).collect();
        let open = all.iter().filter(|w| !windows.dropped(**w, event.watermark));
        if open.clone().count() == 0 && !all.is_empty() {
            late.push(event.value.1);
        }
        for window in open {
            let key = (window.start_ns, window.end_ns, event.value.0);
            Totals.update(states.entry(key).or_default(), event.value.1);
        }
    }
    late.sort_unstable();
    (states.into_iter().map(|((s, e, k), (n, sum))| (s, e, k, n, sum)).collect(), late)
}

type WindowRow = Windowed<(u64, u64, u64), (u64, u64)>;

fn last_results(rows: Vec<WindowRow>) -> (Vec<Row>, Vec<u64>) {
    let (mut last, mut late) = (BTreeMap::new(), Vec::new());
    for row in rows {
        match row {
            Windowed::Result { window, value: (key, n, sum) } => {
                let best = last.entry((window.start_ns, window.end_ns, key)).or_insert((n, sum));
                *best = (n, sum).max(*best);
            }
            Windowed::Late((_, index)) => late.push(index),
        }
    }
    late.sort_unstable();
    (last.into_iter().map(|((s, e, k), (n, sum))| (s, e, k, n, sum)).collect(), late)
}

fn check_windows(source: Numbers, windows: Windows) {
    let want = windows_of(source, windows);
    everywhere(|engine, context, name| {
        let sink = CollectSink::new();
        let flow = engine.source(source).windowed(windows, Totals);
        let summary = flow.run(sink.clone(), context).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(last_results(sink.take()), want, "{windows:?}, {name}");
        assert_eq!(summary.late, want.1.len() as u64, "{windows:?}, {name}");
        assert_eq!(summary.records, RECORDS, "{name}");
    });
}

#[test]
fn in_order_windows() {
    for (length, slide) in [(20, 20), (30, 10), (50, 20), (10, 40), (1_000, 500), (2_000, 1_000)] {
        check_windows(IN_ORDER, Windows::sliding(length * MS, slide * MS));
    }
    check_windows(IN_ORDER, Windows::sliding(7 * MS + 1, 3 * MS + 7));
}

#[test]
fn out_of_order_windows() {
    for (length, slide) in [(20, 20), (30, 10), (10, 40)] {
        for lateness in [0, 2, 50] {
            let windows = Windows::sliding(length * MS, slide * MS);
            check_windows(JITTERED, windows.allowed_lateness(lateness * MS));
        }
    }
}

#[test]
fn windows_name_their_path_in_the_plan() {
    let engine = MicroBatch::new().batch_interval(Duration::from_millis(10));
    let label = |source: Numbers, windows: Windows| {
        let plan = engine.source(source).windowed(windows, Totals).plan();
        plan.nodes[2].label.clone()
    };
    let fits = Windows::sliding(100 * MS, 20 * MS);
    let by_batches = "DStream window Totals";
    let by_event_time = "event-time window Totals";
    assert_eq!(label(IN_ORDER, fits), by_batches);
    assert_eq!(label(JITTERED, fits), by_event_time);
    assert_eq!(label(IN_ORDER, Windows::sliding(100 * MS, 15 * MS)), by_event_time);
    assert_eq!(label(IN_ORDER, Windows::sliding(95 * MS, 10 * MS)), by_event_time);
    assert_eq!(label(IN_ORDER, Windows::session(100 * MS)), by_event_time);
}

#[test]
fn unions_and_joins() {
    let mut want = totals();
    want.iter_mut().for_each(|row| *row = (row.0, row.1 * 2, row.2 * 2));
    everywhere(|engine, context, name| {
        let one = engine.source(IN_ORDER);
        let two = engine.source(JITTERED).map(|pair| pair);
        assert_eq!(run(one.union(two).running(Totals), context, name).0, want, "{name}");
    });
    let tumbling = Windows::tumbling(10 * MS);
    let small = |source: Numbers| events(source).filter(|event| event.value.0 < 3);
    let mut pairs = Vec::new();
    for left in small(IN_ORDER) {
        for right in small(IN_ORDER) {
            let shared =
                tumbling.assign(left.at).any(|w| tumbling.assign(right.at).any(|v| v == w));
            if left.value.0 == right.value.0 && shared {
                pairs.push((left.value.0, left.value.1, right.value.1));
            }
        }
    }
    pairs.sort_unstable();
    everywhere(|engine, context, name| {
        let side = || engine.source(IN_ORDER).filter(|pair| pair.0 < 3);
        let flow = side().join(side(), tumbling).map(|j| (j.key, j.left, j.right));
        assert_eq!(run(flow, context, name).0, pairs, "{name}");
    });
}

#[test]
fn sessions() {
    let windows = Windows::session(4 * MS);
    let sink = CollectSink::new();
    let engine = MicroBatch::new();
    let flow = engine.source(IN_ORDER).windowed(windows, Totals);
    flow.run(sink.clone(), &saturated()).expect("a run");
    let want = last_results(sink.take());
    assert!(want.0.len() > 50, "sessions end: {}", want.0.len());
    assert_eq!(want.0.iter().map(|row| row.3).sum::<u64>(), RECORDS);
    everywhere(|engine, context, name| {
        let sink = CollectSink::new();
        let flow = engine.source(IN_ORDER).windowed(windows, Totals);
        flow.run(sink.clone(), context).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(last_results(sink.take()), want, "{name}");
    });
}

#[test]
fn windows_of_windows() {
    #[derive(Clone)]
    struct PerWindow;
    impl Aggregate for PerWindow {
        type In = WindowRow;
        type Key = u64;
        type Value = u64;
        type State = u64;
        type Out = (u64, u64);
        fn split(&self, row: WindowRow) -> (u64, u64) {
            match row {
                Windowed::Result { value, .. } => (value.0, value.1),
                Windowed::Late((key, _)) => (key, 0),
            }
        }
        fn update(&self, state: &mut u64, value: u64) {
            *state += value;
        }
        fn merge(&self, state: &mut u64, other: u64) {
            *state += other;
        }
        fn output(&self, key: &u64, state: &u64) -> (u64, u64) {
            (*key, *state)
        }
    }
    let (inner, outer) = (Windows::tumbling(10 * MS), Windows::tumbling(40 * MS));
    let mut want: BTreeMap<(i64, u64), u64> = BTreeMap::new();
    for event in events(IN_ORDER) {
        for window in outer.assign(event.at) {
            *want.entry((window.end_ns, event.value.0)).or_default() += 1;
        }
    }
    everywhere(|engine, context, name| {
        let sink = CollectSink::new();
        let flow = engine.source(IN_ORDER).windowed(inner, Totals).windowed(outer, PerWindow);
        flow.run(sink.clone(), context).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut last: BTreeMap<(i64, u64), u64> = BTreeMap::new();
        for row in sink.take() {
            let Windowed::Result { window, value: (key, n) } = row else { panic!("late: {name}") };
            let best = last.entry((window.end_ns, key)).or_default();
            *best = n.max(*best);
        }
        assert_eq!(last, want, "{name}");
    });
}

#[test]
fn every_record_is_measured_once() {
    /// Keeps all samples.
    struct Keep(Arc<Mutex<Vec<Sample>>>);
    impl Recorder for Keep {
        fn record(&mut self, samples: &[Sample]) {
            self.0.lock().expect("samples").extend_from_slice(samples);
        }
    }
    for interval_ms in [1, 7, 10, 1_000] {
        let samples: Arc<Mutex<Vec<Sample>>> = Arc::default();
        let into = Arc::clone(&samples);
        let meter = Meter::new(move || Box::new(Keep(Arc::clone(&into))));
        let clock = Arc::new(ManualClock::auto());
        let context = RunContext::new(clock, Arc::new(Steady), Arc::new(meter));
        let interval_ns = interval_ms * MS;
        let engine = MicroBatch::new().batch_interval(Duration::from_millis(interval_ms));
        run(engine.source(IN_ORDER).running(Totals), &context, "measured");
        let samples = samples.lock().expect("samples");
        let times: Vec<u64> = samples.iter().map(|sample| sample.scheduled_ns).collect();
        assert_eq!(times, (0..RECORDS).map(|i| i * SPACING_NS).collect::<Vec<_>>());
        for sample in samples.iter() {
            // The clock stands still while a batch runs, but the generator may have moved it on to
            // later ticks.
            let tick = (sample.scheduled_ns / interval_ns + 1) * interval_ns;
            assert!(sample.taken_ns >= tick && sample.visible_ns >= sample.taken_ns, "{sample:?}");
        }
    }
}

#[test]
fn summaries_say_what_ran() {
    let engine = MicroBatch::new().parallelism(2).batch_interval(Duration::from_millis(10));
    let (_, summary) = run(engine.source(IN_ORDER).running(Totals), &saturated(), "summary");
    assert_eq!(summary.engine, "microbatch");
    assert_eq!(summary.settings["batch_interval_ms"], "10");
    assert_eq!((summary.settings["parallelism"].as_str(), summary.late), ("2", 0));
    let of = |name: &str| summary.components.iter().find(|part| part.name == name);
    assert_eq!(of("executor pool").map(|pool| pool.threads), Some(2));
    assert_eq!(of("stage running Totals: map side").map(|stage| stage.tasks), Some(2));
    // 100 records of 23 keys per batch, in two pieces.
    assert_eq!((summary.counters["batches"], summary.batches.len()), (30, 30));
    assert_eq!(summary.counters["tasks"], 30 * 4 + 2, "two map, two state, and the table");
    assert!((30 * 23..=30 * 46).contains(&summary.counters["shuffled_entries"]));
    for (batch, tick) in summary.batches.iter().zip(1..) {
        assert_eq!((batch.time_ns, batch.records), (tick * 10 * MS, 100));
        assert!(batch.submitted_ns <= batch.started_ns && batch.started_ns <= batch.ended_ns);
    }
}
