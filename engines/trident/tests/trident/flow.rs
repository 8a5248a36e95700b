//! The contract on Trident: what the harness's workloads do not have, against sequential loops; and how a
//! run ends early.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{
    Aggregate, Cancel, Clock, Data, Engine, Event, EventTime, Flow, Meter, Recorder, RunContext,
    RunError, RunSummary, Sample, Source, SystemClock, Windowed, Windows,
};
use weir_trident::TridentEngine;

const RECORDS: u64 = 2_000;
const SPACING_NS: u64 = 10_000;
/// The gap that ends sessions.
const GAP_NS: u64 = 300_000;

/// Record *i* is *i*; some are so far from one another that sessions end.
#[derive(Clone, Copy)]
struct Numbers;

impl Source for Numbers {
    type Item = u64;
    fn record(&self, index: u64, scheduled: EventTime) -> Event<u64> {
        let at = EventTime(scheduled.0 + index / 100 * 1_000_000);
        Event { at, watermark: at, value: index }
    }
    fn in_order(&self) -> bool {
        false
    }
}

/// Counts per remainder.
#[derive(Clone)]
struct CountBy(u64);

impl Aggregate for CountBy {
    type In = u64;
    type Key = u64;
    type Value = u64;
    type State = u64;
    type Out = (u64, u64);
    fn split(&self, number: u64) -> (u64, u64) {
        (number % self.0, 1)
    }
    fn update(&self, count: &mut u64, more: u64) {
        *count += more;
    }
    fn merge(&self, count: &mut u64, more: u64) {
        *count += more;
    }
    fn output(&self, key: &u64, count: &u64) -> (u64, u64) {
        (*key, *count)
    }
}

fn load() -> AllAtOnce {
    AllAtOnce { records: RECORDS, spacing_ns: SPACING_NS }
}

/// Runs a flow. Returns its rows, sorted.
fn run<T: Data + Ord>(
    flow: impl Flow<Item = T>,
    context: &RunContext,
) -> Result<(Vec<T>, RunSummary), RunError> {
    let sink = CollectSink::new();
    let summary = flow.run(sink.clone(), context)?;
    let mut rows = sink.take();
    rows.sort();
    Ok((rows, summary))
}

fn engines() -> impl Iterator<Item = TridentEngine> {
    let rows = [(1, 0, 1), (1, 1, 4), (2, 3, 2), (3, 0, 8), (8, 1_000, 3)];
    rows.into_iter().map(|(parallelism, interval_ms, in_flight)| {
        TridentEngine::new()
            .parallelism(parallelism)
            .batch_interval(Duration::from_millis(interval_ms))
            .max_batches_in_flight(NonZeroUsize::new(in_flight).expect("one at least"))
    })
}

/// Checks that the flow that a function makes of an engine has these rows.
macro_rules! same {
    ($flow:expr, $want:expr) => {
        let want = $want;
        assert!(!want.is_empty());
        for engine in engines() {
            let (rows, summary) = run($flow(&engine), &load().context()).expect("a run");
            assert_eq!(rows, want, "{engine:?}");
            let RunSummary { records, late, counters, .. } = summary;
            assert_eq!((records, late, counters["replays"]), (RECORDS, 0, 0), "{engine:?}");
        }
    };
}

/// When a number happens.
fn at(number: u64) -> EventTime {
    Numbers.record(number, EventTime(number * SPACING_NS)).at
}

/// How many there are of each.
fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

/// The results of tumbling windows over a count per remainder.
fn windowed(windows: Windows, by: u64) -> Vec<(i64, u64, u64)> {
    let ends = |number| windows.assign(at(number)).map(move |window| (window.end_ns, number % by));
    let counts = counted((0..RECORDS).flat_map(ends));
    counts.into_iter().map(|((end_ns, key), count)| (end_ns, key, count)).collect()
}

fn results(row: Windowed<(u64, u64), (u64, u64)>) -> Option<(i64, u64, u64)> {
    match row {
        Windowed::Result { window, value: (key, count) } => Some((window.end_ns, key, count)),
        Windowed::Late(_) => None,
    }
}

fn union<E: Engine>(engine: &E) -> impl Flow<Item = (u64, u64)> {
    let one = engine.source(Numbers).filter(|number| number % 3 > 0);
    one.union(engine.source(Numbers).map(|number| number * 2)).running(CountBy(7))
}

fn union_of_tables<E: Engine>(engine: &E) -> impl Flow<Item = (i64, u64, u64)> {
    let windows = Windows::tumbling(500_000);
    let one = engine.source(Numbers).windowed(windows, CountBy(4)).flat_map(results);
    one.union(engine.source(Numbers).windowed(windows, CountBy(3)).flat_map(results))
}

fn join<E: Engine>(engine: &E) -> impl Flow<Item = (u64, u64, u64)> {
    let one = engine.source(Numbers).map(|number| (number % 50, number));
    let two = engine.source(Numbers).filter(|number| number % 5 == 0).map(|n| (n % 40, n));
    one.join(two, Windows::tumbling(2_000_000)).map(|row| (row.key, row.left, row.right))
}

fn sessions<E: Engine>(engine: &E) -> impl Flow<Item = (i64, u64, u64)> {
    engine.source(Numbers).windowed(Windows::session(GAP_NS), CountBy(4)).flat_map(results)
}

#[test]
fn unions() {
    let one = (0..RECORDS).filter(|number| number % 3 > 0);
    let counts = counted(one.chain((0..RECORDS).map(|number| number * 2)).map(|n| n % 7));
    same!(union, counts.into_iter().collect::<Vec<_>>());
    let windows = Windows::tumbling(500_000);
    let mut rows: Vec<_> = windowed(windows, 4).into_iter().chain(windowed(windows, 3)).collect();
    rows.sort_unstable();
    same!(union_of_tables, rows);
}

#[test]
fn joins() {
    let windows = Windows::tumbling(2_000_000);
    let window = |number| windows.assign(at(number)).next();
    let pairs = (0..RECORDS).flat_map(|left| (0..RECORDS).step_by(5).map(move |n| (left, n)));
    let meet =
        |(left, right): &(u64, u64)| left % 50 == right % 40 && window(*left) == window(*right);
    let rows = pairs.filter(meet).map(|(left, right)| (left % 50, left, right));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    same!(join, rows);
}

#[test]
fn sessions_end_after_a_gap() {
    let mut open: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut rows = Vec::new();
    let mut end = |key, (last, count)| rows.push(((last + GAP_NS) as i64, key, count));
    for number in 0..RECORDS {
        let (key, now) = (number % 4, at(number).0);
        match open.get_mut(&key) {
            Some((last, count)) if now < *last + GAP_NS => (*last, *count) = (now, *count + 1),
            _ => {
                if let Some(before) = open.insert(key, (now, 1)) {
                    end(key, before);
                }
            }
        }
    }
    open.into_iter().for_each(|(key, session)| end(key, session));
    rows.sort_unstable();
    assert!(rows.len() > 50, "sessions end: {}", rows.len());
    same!(sessions, rows);
}

/// Whether the operator has been held up.
#[derive(Clone)]
struct Held(Arc<Once>);

impl Default for Held {
    fn default() -> Self {
        Self(Arc::new(Once::new()))
    }
}

/// Counts the results of windows per key, with an operator in between that some result holds up, once.
fn held_up<E: Engine>(engine: &E, held: Held) -> impl Flow<Item = (u64, u64)> {
    let windowed = engine.source(Numbers).windowed(Windows::tumbling(500_000), CountBy(4));
    let keys = windowed.flat_map(results).map(move |(end_ns, key, _)| {
        if end_ns > 10_000_000 {
            held.0.call_once(|| {
                let clock = SystemClock::new();
                clock.sleep_until(3_000_000_000);
            });
        }
        key
    });
    keys.running(CountBy(3))
}

/// The first state has taken the batch when it times out, and the second has not.
#[test]
fn a_batch_that_comes_again_counts_once() {
    let keys = windowed(Windows::tumbling(500_000), 4).into_iter().map(|(_, key, _)| key % 3);
    let want: Vec<_> = counted(keys).into_iter().collect();
    let engine = TridentEngine::new()
        .parallelism(2)
        .batch_interval(Duration::from_millis(1))
        .message_timeout(Duration::from_secs(1));
    let got = run(held_up(&engine, Held::default()), &load().context()).expect("a run");
    assert!(got.1.counters["replays"] > 0, "nothing was put to the test: {:?}", got.1);
    assert_eq!((got.0, got.1.records), (want, RECORDS));
}

#[test]
fn components_say_what_they_counted() {
    let engine = TridentEngine::new().parallelism(2);
    let flow = engine.source(Numbers).running(CountBy(7));
    let (_, RunSummary { components, counters, .. }) = run(flow, &load().context()).expect("a run");
    let mut executed = 0;
    for name in components.iter().map(|component| &component.name) {
        let of = |what: &str| counters.get(&format!("{what}.{name}")).copied();
        executed += of("executed").expect("of each");
        assert!(of("emitted").is_some(), "{name}: {counters:?}");
        let busy = of("busy_permille");
        assert_eq!(busy.is_none(), name == "__acker", "{name}: {counters:?}");
        assert!(busy.is_none_or(|busy| busy <= 1000), "{name}: {counters:?}");
    }
    assert!(executed > 0 && executed == counters["tuples"], "{counters:?}");
    let bolts = counters.iter().filter(|(key, _)| key.starts_with("executed.b-"));
    assert!(bolts.map(|(_, count)| *count).sum::<u64>() > 0, "{counters:?}");
}

#[test]
fn a_run_that_is_cancelled_ends() {
    for engine in engines() {
        let mut context = AllAtOnce { records: u64::MAX, spacing_ns: 1 }.context();
        let cancel = Cancel::new();
        context.cancel = cancel.clone();
        let flow = engine.source(Numbers).map(move |number| {
            if number == 20_000 {
                cancel.cancel();
            }
            number
        });
        assert_eq!(run(flow.running(CountBy(7)), &context).err(), Some(RunError::Cancelled));
    }
}

#[test]
fn a_panic_is_an_error_that_names_its_task() {
    for engine in engines() {
        let flow = engine.source(Numbers).map(|number| {
            assert!(number != 777, "a bad number");
            number
        });
        match run(flow.running(CountBy(7)), &load().context()) {
            Err(RunError::TaskPanicked { message, .. }) => assert_eq!(message, "a bad number"),
            other => panic!("{other:?}"),
        }
    }
}

/// Records become due over time.
#[derive(Clone, Copy)]
struct Paced;

impl weir_dataflow::Load for Paced {
    fn paced(&self) -> bool {
        true
    }
    fn count_before(&self, t_ns: u64) -> u64 {
        t_ns.div_ceil(SPACING_NS).min(RECORDS)
    }
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        load().scheduled_ns(first, step, out);
    }
    fn claim(&self, _: u64, now_ns: u64) -> weir_dataflow::Claim {
        let limit = self.count_before(now_ns + 1);
        weir_dataflow::Claim { limit, closed: limit == RECORDS }
    }
}

/// Keeps all samples.
struct Keep(Arc<Mutex<Vec<Sample>>>);

impl Recorder for Keep {
    fn record(&mut self, samples: &[Sample]) {
        self.0.lock().expect("no panic").extend_from_slice(samples);
    }
}

#[test]
fn every_record_is_measured_once_and_batches_follow_the_interval() {
    for engine in engines() {
        let samples: Arc<Mutex<Vec<Sample>>> = Arc::default();
        let into = Arc::clone(&samples);
        let meter = Arc::new(Meter::new(move || Box::new(Keep(Arc::clone(&into)))));
        let clock = Arc::new(SystemClock::new());
        let context = RunContext::new(clock, Arc::new(Paced), Arc::clone(&meter));
        let flow = engine.source(Numbers).running(CountBy(7));
        let (_, summary) = run(flow, &context).expect("a run");
        let samples = samples.lock().expect("no panic");
        let scheduled: Vec<u64> = samples.iter().map(|sample| sample.scheduled_ns).collect();
        assert_eq!(scheduled, (0..RECORDS).map(|i| i * SPACING_NS).collect::<Vec<_>>());
        for sample in samples.iter() {
            assert!(sample.scheduled_ns <= sample.taken_ns, "{sample:?}");
            assert!(sample.taken_ns <= sample.visible_ns, "{sample:?}");
        }
        assert_eq!((meter.taken(), meter.completed()), (RECORDS, RECORDS));
        assert_eq!(summary.batches.iter().map(|batch| batch.records).sum::<u64>(), RECORDS);
        let interval: f64 = summary.settings["batch_interval_ms"].parse().expect("a number");
        if interval > 0.0 {
            let on_grid = |time_ns: u64| time_ns.is_multiple_of((interval * 1e6) as u64);
            assert!(summary.batches.iter().all(|batch| on_grid(batch.time_ns)), "{summary:?}");
        }
    }
}
