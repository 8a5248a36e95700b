//! Topologies made of streams.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_topology::streams::{
    CountItems, Item, PairStream, Predicate, Stream, StreamBuilder, StreamError, Sum,
};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{Count, WindowConfig};
use weir_topology::{
    Config, FeederSpout, FixedTupleSpout, LocalCluster, MockedSources, RichBolt, StormTopology,
    Tuple, Value, Values, values,
};

const MS: Duration = Duration::from_millis(1);

fn numbers_of(builder: &StreamBuilder, numbers: &[i64], parallelism: usize) -> Stream<i64> {
    let tuples: Vec<Values> = numbers.iter().map(|n| values![*n]).collect();
    let spout = FixedTupleSpout::new(["n"], tuples).expect("one field");
    builder.new_stream(move || spout.clone(), |tuple| Ok(tuple.int("n")?), parallelism)
}

fn pairs_of(builder: &StreamBuilder, pairs: &[(i64, i64)]) -> PairStream<i64, i64> {
    let tuples: Vec<Values> = pairs.iter().map(|(k, v)| values![*k, *v]).collect();
    let spout = FixedTupleSpout::new(["k", "v"], tuples).expect("two fields");
    builder.new_pair_stream(move || spout.clone(), |t| Ok((t.int(0)?, t.int(1)?)), 1)
}

/// What a stream brings.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Value, Value)>>>);

impl Seen {
    fn of<T: Item>(stream: &Stream<T>) -> Self {
        let seen = Self::default();
        let sees = seen.clone();
        stream.for_each(move |item| {
            let row = item.into_row();
            sees.0.lock().expect("nobody panicked").push((row.key, row.value));
        });
        seen
    }

    fn rows(&self) -> Vec<(Value, Value)> {
        self.0.lock().expect("nobody panicked").clone()
    }

    fn values(&self) -> Vec<Value> {
        self.rows().into_iter().map(|(_, value)| value).collect()
    }

    fn sorted(&self) -> Vec<(Value, Value)> {
        let mut rows = self.rows();
        rows.sort();
        rows
    }
}

fn row(key: impl Into<Value>, value: impl Into<Value>) -> (Value, Value) {
    (key.into(), value.into())
}

/// Runs it to its end. Without acking, for the tuples of a last window are never acked.
fn run(builder: &StreamBuilder) {
    run_with(builder, Config::new());
}

fn run_with(builder: &StreamBuilder, conf: Config) {
    let conf = conf.set(Config::TOPOLOGY_ACKER_EXECUTORS, 0);
    let topology = builder.build().expect("a good topology");
    LocalCluster::new().complete_topology(topology, conf, MockedSources::new()).expect("it ends");
}

#[test]
fn operations_on_single_items() {
    let builder = StreamBuilder::new();
    let numbers = numbers_of(&builder, &[1, 2, 3, 4, 5, 6], 1);
    let peeked = Arc::new(Mutex::new(0));
    let peeks = Arc::clone(&peeked);
    let odd = numbers.filter(|n| n % 2 == 1).peek(move |n| *peeks.lock().expect("one") += n);
    let doubled = Seen::of(&odd.flat_map(|n| [n, 10 * n]));
    let sum = Seen::of(&numbers.aggregate(Sum));
    let largest = Seen::of(&numbers.reduce(|a, b| a.max(b)));
    let predicates: [Predicate<i64>; 2] = [Box::new(|n| n % 2 == 0), Box::new(|n| n % 3 == 0)];
    let [even, rest] = numbers.branch(predicates);
    let (even, rest) = (Seen::of(&even), Seen::of(&rest));
    let pairs = Seen::of(&numbers.flat_map_to_pair(|n| (n == 2).then_some((n, n))));
    run(&builder);
    let ints = |all: &[i64]| all.iter().map(|n| Value::from(*n)).collect::<Vec<_>>();
    assert_eq!(doubled.values(), ints(&[1, 10, 3, 30, 5, 50]));
    assert_eq!(*peeked.lock().expect("one"), 9);
    assert_eq!(sum.values(), ints(&[1, 3, 6, 10, 15, 21]));
    assert_eq!(largest.values(), ints(&[1, 2, 3, 4, 5, 6]));
    assert_eq!((even.values(), rest.values()), (ints(&[2, 4, 6]), ints(&[3])));
    assert_eq!(pairs.rows(), [row(2, 2)]);
}

#[test]
fn operations_by_key() {
    let builder = StreamBuilder::new();
    let pairs = pairs_of(&builder, &[(1, 1), (2, 5), (1, 2), (1, 3)]);
    let windows = pairs.window(WindowConfig::tumbling(Count(4)));
    let counts = Seen::of(&windows.count_by_key());
    let groups = Seen::of(&windows.group_by_key());
    let sums = Seen::of(&windows.map_values(|v| 10 * v).reduce_by_key(|a, b| a + b));
    let running = Seen::of(&pairs.aggregate_by_key(Sum));
    let split = Seen::of(&pairs.flat_map_values(|v| (0..v).filter(|n| n % 2 == 1)));
    run(&builder);
    assert_eq!(counts.rows(), [row(1, 3), row(2, 1)]);
    assert_eq!(groups.rows(), [row(1, values![1, 2, 3]), row(2, values![5])]);
    assert_eq!(sums.rows(), [row(1, 60), row(2, 50)]);
    assert_eq!(running.rows(), [row(1, 1), row(2, 5), row(1, 3), row(1, 6)]);
    assert_eq!(split.rows(), [row(2, 1), row(2, 3), row(1, 1), row(1, 1)]);
}

#[test]
fn the_topologys_number_of_tasks_is_not_that_of_streams() {
    let builder = StreamBuilder::new();
    let pairs = pairs_of(&builder, &[1, 2, 3, 4, 5, 6, 7, 8].map(|value| (1, value)));
    let sums = Seen::of(&pairs.aggregate_by_key(Sum));
    run_with(&builder, Config::new().set(Config::TOPOLOGY_TASKS, 3));
    assert_eq!(sums.sorted().last(), Some(&row(1, 36)), "one task has all of a key");
}

#[test]
fn without_windows_a_join_goes_on() {
    let builder = StreamBuilder::new();
    let pairs = pairs_of(&builder, &[(1, 1), (2, 2), (1, 3)]);
    let negative = pairs.map_values(|v| -v);
    let joined = Seen::of(&pairs.join(&negative));
    let outer = Seen::of(&pairs.left_outer_join(&negative.filter(|pair| pair.0 == 1)));
    let grouped = Seen::of(&pairs.co_group_by_key(&negative));
    run(&builder);
    let want = [(1, 1, -3), (1, 1, -1), (1, 3, -3), (1, 3, -1), (2, 2, -2)];
    assert_eq!(joined.sorted(), want.map(|(key, one, other)| row(key, values![one, other])));
    assert!(outer.rows().contains(&row(2, values![2, ()])), "{:?}", outer.rows());
    assert_eq!(outer.rows().iter().filter(|(key, _)| *key == 2.into()).count(), 1);
    let last = Value::from(values![values![1, 3], values![-1, -3]]);
    assert_eq!(grouped.rows().last(), Some(&(1.into(), last)));
}

#[test]
fn state_is_updated_and_queried() {
    let builder = StreamBuilder::new();
    let pairs = pairs_of(&builder, &[(1, 10), (2, 20), (1, 11)]);
    let sums = pairs.update_state_by_key(|| 100, |sum: i64, v| sum + v);
    let updates = Seen::of(&sums.to_pair_stream());
    let queries = pairs.flat_map(|pair| [pair.0, 7]);
    let found = Seen::of(&queries.state_query(&sums));
    run(&builder);
    assert_eq!(updates.rows(), [row(1, 110), row(2, 120), row(1, 121)]);
    let found = found.rows();
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|(key, sum)| (*key == 7.into()) == sum.is_null()
        || [110, 120, 121].map(Value::from).contains(sum)));
    assert_eq!(found.iter().filter(|(key, sum)| *key == 7.into() && sum.is_null()).count(), 3);
}

#[test]
fn mistakes_are_told_when_the_topology_is_built() {
    let wrong = |declare: fn(&StreamBuilder, &PairStream<i64, i64>)| {
        let builder = StreamBuilder::new();
        declare(&builder, &pairs_of(&builder, &[]));
        builder.build().expect_err("a mistake")
    };
    let error = wrong(|_, pairs| drop(pairs.join(&pairs_of(&StreamBuilder::new(), &[]))));
    assert_eq!(error, StreamError::ForeignStream);
    let error = wrong(|_, pairs| {
        let windows = pairs.window(WindowConfig::tumbling(Count(1)));
        drop(windows.join(&pairs.window(WindowConfig::tumbling(Count(2)))));
    });
    assert_eq!(error, StreamError::TwoWindows { bolt: "bolt2".into() });
    let error = wrong(|_, pairs| {
        let window = WindowConfig::tumbling(Count(1));
        drop(pairs.window(window).update_state_by_key(|| 0, |_: i64, v| v));
    });
    assert_eq!(error, StreamError::StateOfWindow);
    let error = wrong(|_, pairs| {
        let state = pairs.update_state_by_key(|| 0, |_: i64, v| v);
        drop(
            state.to_pair_stream().map(|pair| pair.1).repartition(2).map(|v| v).state_query(&state),
        );
    });
    assert_eq!(error, StreamError::QueryOfItself);
    let error =
        wrong(|_, pairs| drop(pairs.window(WindowConfig::tumbling(Count(0))).count_by_key()));
    assert!(error.to_string().starts_with("Window length must be positive"), "{error}");
    let error = wrong(|_, pairs| drop(pairs.repartition(0).map(|pair| pair.1)));
    assert!(error.to_string().starts_with("Parallelism must be positive"), "{error}");
    let error = wrong(|_, pairs| {
        let window = || WindowConfig::tumbling(Count(1));
        drop(pairs.window(window()).window(window()).count_by_key());
    });
    assert_eq!(error, StreamError::WindowOfWindow);
    let error = wrong(|_, pairs| {
        let window = |field| WindowConfig::tumbling(MS * 10).timestamp_field(field);
        drop(pairs.window(window("a")).count_by_key());
        drop(pairs.window(window("b")).count_by_key());
    });
    let (first, second) = ("b".into(), "a".into());
    assert_eq!(error, StreamError::TwoTimestamps { bolt: "bolt1".into(), first, second });
}

/// A bolt of a topology that merges what two tasks of `bolt2` send.
struct Merging {
    bolt: Box<dyn RichBolt>,
    mock: MockCollector,
    stream: &'static str,
}

impl Merging {
    fn new(topology: &StormTopology, stream: &'static str) -> Self {
        let mut bolt = topology.make_bolt("bolt3").expect("it is there");
        let mock = MockCollector::of_bolt("bolt3", 9, &bolt).expect("good streams");
        let context = MockContext::new("bolt3", 9).tasks("bolt2", [1, 2]).build();
        bolt.prepare(&Config::new(), &context).expect("it needs nothing");
        Self { bolt, mock, stream }
    }

    fn feed(&mut self, task: i32, n: i64) -> Tuple {
        let fed = tuple("bolt2", self.stream, ["value"], task, values![n]).expect("one field");
        self.bolt.execute(fed.clone(), self.mock.collector()).expect("a number");
        fed
    }

    fn end(&mut self, task: i32) {
        let values = values!["__punctuation"];
        let stream = format!("{}__punctuation", self.stream);
        let fed = tuple("bolt2", &stream, ["p"], task, values).expect("one field");
        self.bolt.execute(fed, self.mock.collector()).expect("it ends a window");
    }
}

#[test]
fn windows_of_several_tasks_are_brought_together_in_step() {
    let builder = StreamBuilder::new();
    let windows = numbers_of(&builder, &[], 2).window(WindowConfig::tumbling(Count(2)));
    windows.map(|n| n).repartition(1).aggregate(Sum).repartition(1).for_each(|_| ());
    let mut merging = Merging::new(&builder.build().expect("a good topology"), "s2");
    let first = [merging.feed(1, 1), merging.feed(2, 10)];
    merging.end(1);
    // The first task is a whole window ahead.
    let ahead = merging.feed(1, 100);
    merging.end(1);
    let last = merging.feed(2, 20);
    assert!(merging.mock.emitted().is_empty() && merging.mock.acked().is_empty());
    merging.end(2);
    assert_eq!(merging.mock.emitted_on("s3"), [values![31]]);
    let acked = merging.mock.acked();
    assert!(first.iter().chain([&last]).all(|tuple| acked.iter().any(|a| a.is(tuple))));
    assert!(!acked.iter().any(|a| a.is(&ahead)), "it belongs to the next window");
    assert_eq!(acked.len(), 5, "with what told the ends");
    merging.end(2);
    assert_eq!(merging.mock.emitted_on("s3"), [values![31], values![100]]);
    assert_eq!(merging.mock.emitted_on("s3__punctuation").len(), 2);
    assert_eq!(merging.mock.acked().len(), 8);
}

#[test]
fn parts_of_windows_are_aggregated_where_they_are() {
    let builder = StreamBuilder::new();
    let windows = numbers_of(&builder, &[], 2).window(WindowConfig::tumbling(Count(2)));
    windows.map(|n| n).reduce(|a, b| a.max(b)).repartition(1).for_each(|_| ());
    let topology = builder.build().expect("a good topology");
    let inputs = |bolt: &str| -> Vec<(String, &str)> {
        topology.inputs(bolt).map(|(from, grouping)| (from.to_string(), grouping)).collect()
    };
    assert_eq!(inputs("bolt2"), [("bolt1:s1".to_owned(), "shuffle grouping")]);
    let global = ("bolt2:s3".to_owned(), "global grouping");
    let ends = ("bolt2:s3__punctuation".to_owned(), "all grouping");
    assert_eq!(inputs("bolt3"), [global, ends]);
    let mut merging = Merging::new(&topology, "s3");
    merging.feed(1, 7);
    merging.end(1);
    merging.feed(2, 5);
    merging.end(2);
    assert_eq!(merging.mock.emitted_on("s4"), [values![7]]);
    // Straight after the window there are no parts: it is cut where all items are.
    let builder = StreamBuilder::new();
    let windows = numbers_of(&builder, &[], 2).window(WindowConfig::tumbling(Count(2)));
    windows.aggregate(Sum).for_each(|_| ());
    let topology = builder.build().expect("a good topology");
    let input = topology.inputs("bolt2").map(|(from, grouping)| (from.to_string(), grouping));
    assert_eq!(input.collect::<Vec<_>>(), [("bolt1:s1".to_owned(), "global grouping")]);
    let assignment = topology.assignment(&Config::new()).expect("good numbers");
    assert_eq!(assignment.components["bolt2"].tasks().count(), 1);
}

#[test]
fn windows_of_the_time_of_items_end_with_watermarks() {
    let builder = StreamBuilder::new();
    let feeder = FeederSpout::new(["n", "at"]).expect("two fields");
    let feeds = feeder.clone();
    let numbers = builder.new_stream(move || feeds.clone(), |t| Ok(t.int("n")?), 1);
    let windows = |length| WindowConfig::tumbling(MS * length).timestamp_field("at");
    let sums = numbers.filter(|n| *n > 0).window(windows(10)).aggregate(Sum);
    let sums_seen = Seen::of(&sums);
    // A window of windows: each sum has the time at which its window ended.
    let counts =
        Seen::of(&sums.repartition(1).map(|n| n).window(windows(20)).aggregate(CountItems));
    let cluster = LocalCluster::with_simulated_time();
    let topology = builder.build().expect("a good topology");
    let running = cluster.submit_topology("times", Config::new(), topology).expect("it starts");
    for (n, at) in [(1, 5), (2, 9), (-9, 9), (3, 10), (4, 11), (5, 19), (6, 35), (7, 75)] {
        feeder.feed(values![n, at], ());
    }
    for _ in 0..4 {
        cluster.await_quiet();
        cluster.advance_time(MS * 1000);
    }
    cluster.await_quiet();
    assert_eq!(sums_seen.values(), [6, 9, 6].map(Value::from));
    assert_eq!(counts.values(), [2, 1].map(Value::from));
    drop(running);
}

#[test]
fn times_reach_the_windows_that_go_by_them() {
    let builder = StreamBuilder::new();
    let spout = FixedTupleSpout::new(["n", "at"], []).expect("two fields");
    let numbers = builder.new_stream(move || spout.clone(), |t| Ok(t.int("n")?), 1);
    let window = |length| WindowConfig::tumbling(MS * length).timestamp_field("at");
    let sums = numbers.map(|n| n).window(window(10)).aggregate(Sum);
    sums.repartition(1).map(|n| n).window(window(50)).aggregate(CountItems).for_each(|_| ());
    let topology = builder.build().expect("a good topology");
    let fields = |bolt: &str| topology.streams(bolt).next().map(|(_, f)| f.to_string());
    for bolt in ["bolt1", "bolt2", "bolt3"] {
        assert_eq!(fields(bolt).as_deref(), Some("[value, at]"), "{bolt}");
    }
    assert_eq!(fields("bolt4"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However items are spread, aggregates without windows come to the same.
    #[test]
    fn spreading_changes_no_result(
        pairs in proptest::collection::vec((0i64..5, -50i64..50), 1..60),
        (before, after) in (1usize..4, 1usize..4),
    ) {
        let builder = StreamBuilder::new();
        let spread = pairs_of(&builder, &pairs).repartition(before).filter(|_| true).repartition(after);
        let sums = Seen::of(&spread.reduce_by_key(|a, b| a + b));
        let count = Seen::of(&spread.map(|pair| pair.1).aggregate(CountItems));
        run(&builder);
        let mut want: BTreeMap<Value, i64> = BTreeMap::new();
        pairs.iter().for_each(|(k, v)| *want.entry((*k).into()).or_default() += v);
        let last: BTreeMap<Value, Value> = sums.rows().into_iter().collect();
        prop_assert_eq!(sums.rows().len(), pairs.len());
        prop_assert_eq!(last, want.into_iter().map(|(k, v)| (k, v.into())).collect());
        prop_assert_eq!(count.values().pop(), Some(Value::from(pairs.len() as i64)));
    }

    /// A join in a window finds all pairs of a key, and an outer one all rows.
    #[test]
    fn a_join_of_a_window_is_complete(
        left in proptest::collection::vec((0i64..4, 0i64..100), 0..12),
        right in proptest::collection::vec((0i64..4, 100i64..200), 1..12),
        spread in 1usize..3,
    ) {
        let (full, inner) = (StreamBuilder::new(), StreamBuilder::new());
        // All rows of a key are in one task, so that one window of a task is all of them only if
        // there is one task; windows of time would do for more.
        let window = || WindowConfig::tumbling(Count((left.len() + right.len()) as i64));
        let outer = pairs_of(&full, &left).window(window()).full_outer_join(&pairs_of(&full, &right));
        let outer = Seen::of(&outer);
        run(&full);
        let joined = pairs_of(&inner, &left).repartition(spread).join(&pairs_of(&inner, &right));
        let joined = Seen::of(&joined);
        run(&inner);
        let (mut both, mut want) = (Vec::new(), Vec::new());
        for (k, l) in &left {
            let of_key: Vec<i64> = right.iter().filter(|(r, _)| r == k).map(|(_, r)| *r).collect();
            both.extend(of_key.iter().map(|r| row(*k, values![*l, *r])));
            if of_key.is_empty() {
                want.push(row(*k, values![*l, ()]));
            }
        }
        let alone = right.iter().filter(|(k, _)| left.iter().all(|(l, _)| l != k));
        want.extend(alone.map(|(k, r)| row(*k, values![(), *r])));
        want.extend(both.iter().cloned());
        want.sort();
        both.sort();
        prop_assert_eq!(outer.sorted(), want);
        prop_assert_eq!(joined.sorted(), both);
    }
}

/// A task without items has windows on the clock, too: those behind do not wait for it for ever.
#[test]
fn idle_tasks_have_windows_on_the_clock() {
    let builder = StreamBuilder::new();
    let feeder = FeederSpout::new(["k", "v"]).expect("two fields");
    let spout = feeder.clone();
    let pairs: PairStream<i64, i64> = builder.new_pair_stream(
        move || spout.clone(),
        |tuple| Ok((tuple.int(0)?, tuple.int(1)?)),
        1,
    );
    // All items are of one key: three of the four tasks have none.
    let parts = pairs.repartition(4).partition_by_key();
    let counts = parts.window(WindowConfig::tumbling(MS * 1000)).count_by_key();
    let counts = counts.repartition(1).map_values(|count| count);
    let seen = Seen::default();
    let sees = seen.clone();
    counts.for_each(move |item| {
        let row = item.into_row();
        sees.0.lock().expect("nobody panicked").push((row.key, row.value));
    });
    let cluster = LocalCluster::with_simulated_time();
    let topology = builder.build().expect("a good topology");
    let running = cluster.submit_topology("idle", Config::new(), topology).expect("submitted");
    for window in 1..=3i64 {
        for _ in 0..window {
            feeder.feed(values![7, 1], ());
        }
        cluster.await_quiet();
        cluster.advance_time(MS * 1000);
        cluster.await_quiet();
        let want: Vec<_> = (1..=window).map(|count| row(7, count)).collect();
        assert_eq!(seen.rows(), want);
    }
    drop(running);
}
