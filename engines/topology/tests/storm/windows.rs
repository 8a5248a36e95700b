//! Bolts of windows in topologies, most on simulated time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_topology::state::{KeyValue, StatefulBolt};
use weir_topology::windowing::{
    Count, PersistentOutputCollector, PersistentTupleWindow, PersistentWindowedBolt,
    StatefulWindowedBolt, TupleWindow, WindowConfig, WindowedBolt, WindowedOutputCollector,
};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, Config, FeederSpout,
    FixedTupleSpout, LocalCluster, MockedSources, OutputCollector, OutputFieldsDeclarer,
    RunningTopology, TopologyBuilder, TopologyError, Tuple, Value, values,
};

const SECOND: Duration = Duration::from_secs(1);

/// What bolts have seen.
#[derive(Clone, Debug, Default)]
struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Log<T> {
    fn list(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.list())
    }
}

/// Notes the numbers of each window, and emits their sum. Dies with the first window that has a
/// certain number.
#[derive(Clone, Default)]
struct Sum {
    windows: Log<Vec<i64>>,
    dies_at: Arc<Mutex<Option<i64>>>,
}

impl Sum {
    fn take(&self, numbers: Vec<i64>) -> Result<i64, ComponentError> {
        let mut dies_at = self.dies_at.lock().unwrap_or_else(PoisonError::into_inner);
        if dies_at.is_some_and(|number| numbers.contains(&number)) {
            *dies_at = None;
            return Err(ComponentError::fatal("it dies"));
        }
        let sum = numbers.iter().sum();
        self.windows.list().push(numbers);
        Ok(sum)
    }
}

fn numbers<'t>(tuples: impl IntoIterator<Item = &'t Tuple>) -> Result<Vec<i64>, ComponentError> {
    tuples.into_iter().map(|tuple| Ok(tuple.int("number")?)).collect()
}

impl WindowedBolt for Sum {
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        collector: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let sum = self.take(numbers(window.get())?)?;
        collector.emit(values![sum])?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["sum"]);
    }
}

impl StatefulWindowedBolt for Sum {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        state: &mut Self::State,
        collector: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let total = state.get_or(&"total".to_owned(), 0)? + self.take(numbers(window.get())?)?;
        state.put("total".to_owned(), total)?;
        collector.emit(values![total])?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["sum"]);
    }
}

impl PersistentWindowedBolt for Sum {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        window: &mut PersistentTupleWindow<'_>,
        state: &mut Self::State,
        collector: &mut PersistentOutputCollector<'_>,
    ) -> ComponentResult {
        let tuples = window.get().collect::<Result<Vec<_>, _>>()?;
        let total = state.get_or(&"total".to_owned(), 0)? + self.take(numbers(&tuples)?)?;
        state.put("total".to_owned(), total)?;
        collector.emit(values![total])?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["sum"]);
    }
}

/// Notes the values of the sums that come.
#[derive(Clone, Default)]
struct Sink(Log<i64>);

impl BasicBolt for Sink {
    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        self.0.list().push(tuple.int("sum")?);
        Ok(())
    }
}

/// Notes the numbers of tuples that were late.
#[derive(Clone, Default)]
struct Late(Log<i64>);

impl BasicBolt for Late {
    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let late: &Tuple = tuple.object("late_tuple")?;
        self.0.list().push(late.int("number")?);
        Ok(())
    }
}

/// A topology on simulated time: what it is fed goes through a bolt of windows, and their sums to a
/// sink.
struct Bench {
    cluster: LocalCluster,
    running: Arc<RunningTopology>,
    feeder: FeederSpout,
    bolt: Sum,
    sums: Log<i64>,
    late: Log<i64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Stateful,
}

impl Bench {
    fn new(kind: Kind, windows: WindowConfig, late_stream: Option<&str>) -> Self {
        let (bolt, sink, late) = (Sum::default(), Sink::default(), Late::default());
        let (sums, lates) = (sink.0.clone(), late.0.clone());
        let feeder = FeederSpout::new(["number", "at_ms"]).expect("fields");
        let (spout, made) = (feeder.clone(), bolt.clone());
        let mut builder = TopologyBuilder::new();
        builder.set_spout("numbers", move || spout.clone(), 1);
        let windowed = match kind {
            Kind::Plain => builder.set_windowed_bolt("sum", move || made.clone(), windows, 1),
            Kind::Stateful => {
                builder.set_stateful_windowed_bolt("sum", move || made.clone(), windows, 1)
            }
        };
        let _ = windowed
            .shuffle_grouping("numbers")
            .add_configuration(Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME, "number");
        builder.set_basic_bolt("sink", move || sink.clone(), 1).shuffle_grouping("sum");
        if let Some(stream) = late_stream {
            builder
                .set_basic_bolt("late", move || late.clone(), 1)
                .shuffle_grouping(("sum", stream));
        }
        let topology = builder.create_topology().expect("a topology");
        let cluster = LocalCluster::with_simulated_time();
        let conf = Config::new().set(Config::WEIR_EXECUTOR_RESTARTS, -1);
        let running = cluster.submit_topology("windows", conf, topology).expect("submitted");
        Self { cluster, running, feeder, bolt, sums, late: lates }
    }

    /// Feeds numbers, one after the other, each with a time and itself as message id.
    fn feed(&self, tuples: impl IntoIterator<Item = (i64, i64)>) {
        for (number, at_ms) in tuples {
            self.feeder.feed(values![number, at_ms], number);
            self.pass(Duration::from_millis(2));
        }
    }

    fn pass(&self, time: Duration) {
        self.cluster.advance_time_in_steps(time, Duration::from_millis(1));
    }

    fn windows(&self) -> Vec<Vec<i64>> {
        self.bolt.windows.take()
    }

    fn acked(&self) -> Vec<i64> {
        self.feeder.take_status().acked.iter().filter_map(Value::as_int).collect()
    }

    fn failed(&self) -> Vec<i64> {
        let mut failed: Vec<_> =
            self.feeder.take_status().failed.iter().filter_map(Value::as_int).collect();
        failed.sort_unstable();
        failed
    }
}

fn at_0(numbers: impl IntoIterator<Item = i64>) -> impl Iterator<Item = (i64, i64)> {
    numbers.into_iter().map(|number| (number, 0))
}

#[test]
fn windows_of_a_number_of_tuples_are_acked_when_their_tuples_have_left() {
    let bench = Bench::new(Kind::Plain, WindowConfig::sliding(Count(4), Count(2)), None);
    bench.feed(at_0(1..=7));
    assert_eq!(bench.windows(), [vec![1, 2], vec![1, 2, 3, 4], vec![3, 4, 5, 6]]);
    assert_eq!(bench.sums.take(), [3, 10, 18]);
    assert_eq!(bench.acked(), [1, 2]);
    bench.feed(at_0([8]));
    assert_eq!(bench.windows(), [[5, 6, 7, 8]]);
    assert_eq!(bench.acked(), [3, 4]);
}

#[test]
fn windows_of_processing_time_end_when_their_time_has_come() {
    let windows = WindowConfig::tumbling(10 * SECOND);
    let bench = Bench::new(Kind::Plain, windows, None);
    bench.feed(at_0([1, 2]));
    bench.pass(9 * SECOND);
    assert!(bench.windows().is_empty());
    bench.pass(SECOND);
    assert_eq!(bench.windows(), [[1, 2]]);
    assert!(bench.acked().is_empty(), "they are in the window until the next one ends");
    bench.feed(at_0([3]));
    bench.pass(10 * SECOND);
    assert_eq!(bench.windows(), [[3]]);
    assert_eq!(bench.acked(), [1, 2]);
    assert_eq!(bench.sums.take(), [3, 3]);
}

/// In a topology with state, bolts without it pass on checkpoints, and what their executor tells them.
#[test]
fn windows_without_state_end_in_time_in_a_topology_with_state() {
    let cluster = LocalCluster::with_simulated_time();
    let (feeder, bolt) = (FeederSpout::new(["number"]).expect("fields"), Sum::default());
    let (spout, made) = (feeder.clone(), bolt.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    let windows = WindowConfig::tumbling(SECOND);
    builder.set_windowed_bolt("sum", move || made.clone(), windows, 1).shuffle_grouping("numbers");
    builder.set_stateful_bolt("total", || Total, 1).shuffle_grouping("sum");
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("windows", Config::new(), topology).expect("submitted");
    feeder.feed(values![1], 1);
    feeder.feed(values![2], 2);
    cluster.advance_time_in_steps(2 * SECOND, Duration::from_millis(1));
    assert_eq!(bolt.windows.take(), [[1, 2]]);
    assert!(running.errors().is_empty());
}

struct Total;

impl StatefulBolt for Total {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let total = state.get_or(&"total".to_owned(), 0)? + tuple.int("sum")?;
        state.put("total".to_owned(), total)?;
        out.ack(&tuple);
        Ok(())
    }
}

#[test]
fn windows_of_event_time_wait_for_the_lag_and_put_late_tuples_aside() {
    let windows = WindowConfig::tumbling(10 * SECOND)
        .timestamp_field("at_ms")
        .lag(2 * SECOND)
        .late_tuple_stream("late");
    let bench = Bench::new(Kind::Plain, windows, Some("late"));
    // Out of order, but within the lag.
    bench.feed([(1, 1_000), (2, 9_000), (3, 11_500), (4, 9_900)]);
    bench.pass(2 * SECOND);
    assert!(bench.windows().is_empty(), "the watermark is at 9500");
    bench.feed([(5, 12_500)]);
    bench.pass(2 * SECOND);
    assert_eq!(bench.windows(), [[1, 2, 4]]);
    assert_eq!(bench.late.take(), []);
    bench.feed([(6, 9_999), (7, 13_000), (8, 25_000)]);
    bench.pass(2 * SECOND);
    assert_eq!(bench.late.take(), [6]);
    assert_eq!(bench.windows(), [[3, 5, 7]]);
    // The late one at once, the others when they have left their window.
    let mut acked = bench.acked();
    acked.sort_unstable();
    assert_eq!(acked, [1, 2, 4, 6]);
    assert_eq!(bench.sums.take(), [7, 15]);
}

#[test]
fn a_window_that_dies_with_its_executor_comes_again() {
    let bench = Bench::new(Kind::Plain, WindowConfig::tumbling(Count(3)), None);
    *bench.bolt.dies_at.lock().expect("a lock") = Some(5);
    bench.feed(at_0(1..=6));
    assert_eq!(bench.windows(), [[1, 2, 3]]);
    // What the dead held in memory times out; the tuple that it died of failed at once.
    bench.cluster.advance_time(90 * SECOND);
    let failed = bench.failed();
    assert!([4, 5, 6].iter().all(|number| failed.contains(number)), "{failed:?}");
    bench.feed(at_0(4..=6));
    assert_eq!(bench.windows(), [[4, 5, 6]]);
    assert_eq!(bench.running.errors().len(), 1);
}

/// The state and the windows return to the last commit together.
#[test]
fn a_window_with_state_is_counted_once_through_a_death() {
    let bench = Bench::new(Kind::Stateful, WindowConfig::tumbling(Count(3)), None);
    bench.pass(SECOND / 10);
    bench.feed(at_0(1..=3));
    bench.pass(2 * SECOND);
    *bench.bolt.dies_at.lock().expect("a lock") = Some(5);
    bench.feed(at_0(4..=6));
    assert_eq!(bench.windows(), [[1, 2, 3]]);
    assert_eq!(bench.sums.take(), [6]);
    bench.cluster.advance_time(90 * SECOND);
    assert_eq!(bench.failed(), [1, 2, 3, 4, 5, 6]);
    bench.feed(at_0(1..=6));
    bench.pass(5 * SECOND);
    // Those of the first window fill it, without that it is handled again.
    assert_eq!(bench.windows(), [[4, 5, 6]]);
    assert_eq!(bench.sums.take(), [21]);
    assert_eq!(bench.acked(), [1, 2, 3]);
}

/// Passes numbers on by the stream that their tuple names.
struct Relay;

impl BasicBolt for Relay {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        out.emit_to(tuple.text("by")?, values![tuple.int("number")?])?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare_stream("one", ["number"]);
        declarer.declare_stream("other", ["number"]);
    }
}

/// A replay that takes another way than the first time, as behind a shuffle, is waited for in vain.
#[test]
fn a_topology_whose_replays_take_another_way_goes_on() {
    let (feeder, bolt) = (FeederSpout::new(["number", "by"]).expect("fields"), Sum::default());
    let (spout, made) = (feeder.clone(), bolt.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    builder.set_basic_bolt("relay", || Relay, 1).shuffle_grouping("numbers");
    let windows = WindowConfig::tumbling(Count(3));
    let _ = builder
        .set_stateful_windowed_bolt("sum", move || made.clone(), windows, 1)
        .shuffle_grouping(("relay", "one"))
        .shuffle_grouping(("relay", "other"))
        .add_configuration(Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME, "number");
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::with_simulated_time();
    let conf = Config::new().set(Config::WEIR_EXECUTOR_RESTARTS, -1);
    let running = cluster.submit_topology("windows", conf, topology).expect("submitted");
    let pass = |time| cluster.advance_time_in_steps(time, Duration::from_millis(1));
    let feed = |numbers: std::ops::RangeInclusive<i64>, by: &str| {
        for number in numbers {
            feeder.feed(values![number, by], number);
            pass(Duration::from_millis(2));
        }
    };
    pass(SECOND / 10);
    feed(1..=3, "one");
    pass(2 * SECOND);
    *bolt.dies_at.lock().expect("a lock") = Some(5);
    feed(4..=6, "one");
    assert_eq!(bolt.windows.take(), [[1, 2, 3]]);
    cluster.advance_time(90 * SECOND);
    assert_eq!(feeder.take_status().failed.len(), 6);
    // They come, and come again when they have timed out: nobody waits for them twice.
    feed(1..=6, "other");
    cluster.advance_time(70 * SECOND);
    let status = feeder.take_status();
    assert_eq!((status.acked.len(), status.failed.len()), (0, 6));
    feed(1..=6, "other");
    cluster.advance_time(30 * SECOND);
    assert_eq!(bolt.windows.take(), [[1, 2, 3], [4, 5, 6]]);
    let errors = running.errors();
    let told = "3 tuples that were in the last window of sum have not come again in 90s";
    assert!(errors.last().expect("one").message.starts_with(told), "{errors:?}");
    pass(2 * SECOND);
    let acked = feeder.take_status().acked;
    assert_eq!(acked, [1, 2, 3].map(Value::from), "the next window has put them out");
}

/// What a component says of its windows, and what the topology says of all.
#[test]
fn a_length_in_time_of_a_bolt_wins_over_one_in_tuples_of_the_topology() {
    let (feeder, bolt) = (FeederSpout::new(["number"]).expect("fields"), Sum::default());
    let (spout, made) = (feeder.clone(), bolt.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    let windows = WindowConfig::tumbling(SECOND);
    builder.set_windowed_bolt("sum", move || made.clone(), windows, 1).shuffle_grouping("numbers");
    let cluster = LocalCluster::with_simulated_time();
    let conf = Config::new()
        .set(Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT, 2)
        .set(Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_COUNT, 2);
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("windows", conf, topology).expect("submitted");
    (1..=3).for_each(|number| feeder.feed(values![number], number));
    cluster.advance_time_in_steps(2 * SECOND, Duration::from_millis(1));
    assert_eq!(bolt.windows.take(), [[1, 2, 3]]);
    assert!(running.errors().is_empty());
}

#[test]
fn times_that_cannot_be_are_refused_when_a_topology_is_submitted() {
    let submit = |conf: Config, own: (&str, Value)| {
        let mut builder = TopologyBuilder::new();
        let spout = FixedTupleSpout::new(["number"], []).expect("fields");
        builder.set_spout("numbers", move || spout.clone(), 1);
        let _ = builder
            .set_windowed_bolt("sum", Sum::default, WindowConfig::tumbling(SECOND), 1)
            .shuffle_grouping("numbers")
            .add_configuration(own.0, own.1);
        let topology = builder.create_topology().expect("a topology");
        let cluster = LocalCluster::with_simulated_time();
        let running = cluster.submit_topology("times", conf, topology)?;
        cluster.advance_time(SECOND);
        assert!(running.errors().is_empty(), "{:?}", running.errors());
        Ok::<_, TopologyError>(())
    };
    let ticks = Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS;
    let nothing = || ("my.own", Value::Null);
    for seconds in [-1, 0, 1, i64::from(i32::MAX)] {
        submit(Config::new().set(ticks, seconds), nothing()).expect("it can be");
        submit(Config::new(), (ticks, seconds.into())).expect("it can be");
    }
    let seconds = "a whole number of seconds, 2147483647 at most; 0 is no ticks";
    let (millis, count) = ("a number of milliseconds from 0", "a whole number from 0");
    for (key, value, wanted) in [
        (ticks, Value::from("soon"), seconds),
        (ticks, Value::from(20_000_000_000_i64), seconds),
        (ticks, Value::from(i64::MAX), seconds),
        (Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, Value::from("often"), millis),
        (Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, Value::from(-1), millis),
        (Config::TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS, Value::from("often"), count),
        (Config::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS, Value::from("short"), count),
        (Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, Value::from("often"), millis),
    ] {
        let error = submit(Config::new().set(key, value.clone()), nothing()).expect_err("no time");
        assert_eq!(error.to_string(), format!("{key} is {value}: it must be {wanted}"));
    }
    let error = submit(Config::new(), (ticks, "soon".into())).expect_err("no time");
    assert_eq!(error.to_string(), format!("{ticks} is soon: it must be {seconds}"));
}

#[test]
fn a_topology_with_persistent_windows_runs_to_completion() {
    let spout = FixedTupleSpout::new(["number"], (1..=100).map(|n| values![n])).expect("fields");
    let bolt = Sum::default();
    let windows = bolt.windows.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    let tumbling = WindowConfig::tumbling(Count(25));
    builder
        .set_persistent_windowed_bolt("sum", move || bolt.clone(), tumbling, 1)
        .shuffle_grouping("numbers");
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new().set(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, 100);
    let done = LocalCluster::new()
        .complete_topology(topology, conf, MockedSources::new())
        .expect("it completes");
    assert_eq!(done.read_tuples("sum"), [325, 1275, 2850, 5050].map(|sum| values![sum]));
    assert_eq!(windows.take().len(), 4);
}

#[test]
fn windows_that_cannot_be_are_refused_before_the_topology_runs() {
    let mut builder = TopologyBuilder::new();
    let spout = FixedTupleSpout::new(["number"], []).expect("fields");
    builder.set_spout("numbers", move || spout.clone(), 1);
    let nothing = WindowConfig::tumbling(Count(0));
    builder.set_windowed_bolt("sum", Sum::default, nothing, 1).shuffle_grouping("numbers");
    let error = builder.create_topology().expect_err("a window of nothing");
    assert!(matches!(error, TopologyError::Window(_)), "{error}");
}
