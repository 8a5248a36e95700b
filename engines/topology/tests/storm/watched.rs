//! Those who watch: task hooks, groupings that are told of loads, and whoever waits for bolts.

use crate::components::{Count, Split};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_topology::grouping::{Chosen, GroupingContext, GroupingError, StreamGrouping};
use weir_topology::state::{KeyValue, StatefulBolt};
use weir_topology::{
    ComponentError, ComponentResult, Config, EmitInfo, FeederSpout, FixedTupleSpout, KillOptions,
    LocalCluster, MockedSources, OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout,
    SpoutOutputCollector, TaskHook, TaskId, TopologyBuilder, TopologyContext, TreeInfo, Tuple,
    TupleInfo, Value, values,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often hooks were told what.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, usize>>>);

impl Seen {
    fn note(&self, what: impl Into<String>) {
        *lock(&self.0).entry(what.into()).or_default() += 1;
    }

    fn all(&self) -> Vec<(String, usize)> {
        lock(&self.0).iter().map(|(what, times)| (what.clone(), *times)).collect()
    }
}

impl TaskHook for Seen {
    fn emit(&mut self, info: EmitInfo<'_>) {
        self.note(format!("emit on {} to {}", info.stream, info.tasks.len()));
    }
    fn spout_ack(&mut self, info: TreeInfo<'_>) {
        self.note(format!("spout ack {:?}, {:?}", info.message_id, info.latency_ns));
    }
    fn spout_fail(&mut self, info: TreeInfo<'_>) {
        self.note(format!("spout fail {:?}", info.message_id));
    }
    fn bolt_execute(&mut self, info: TupleInfo<'_>) {
        self.note(format!("execute {:?}", info.tuple.values()));
    }
    fn bolt_ack(&mut self, info: TupleInfo<'_>) {
        self.note(format!("ack {:?}, {:?}", info.tuple.values(), info.latency_ns));
    }
    fn bolt_fail(&mut self, info: TupleInfo<'_>) {
        self.note(format!("fail {:?}", info.tuple.values()));
    }
}

/// A feeder with a hook.
#[derive(Clone)]
struct HookedSpout(FeederSpout, Seen);

impl RichSpout for HookedSpout {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        context.add_task_hook(self.1.clone())?;
        self.0.open(conf, context)
    }
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.0.next_tuple(out)
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.0.declare_output_fields(declarer);
    }
}

/// Emits each number to nobody and acks it, but fails 0.
struct HookedBolt(Seen);

impl RichBolt for HookedBolt {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        Ok(context.add_task_hook(self.0.clone())?)
    }
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if tuple.int(0)? == 0 {
            out.fail(&tuple);
            return Ok(());
        }
        out.emit([&tuple], tuple.values().clone())?;
        out.ack(&tuple);
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

fn hooked(ackers: i64) -> (Vec<(String, usize)>, Vec<(String, usize)>) {
    let cluster = LocalCluster::with_simulated_time();
    let feeder = FeederSpout::new(["x"]).expect("fields");
    let (of_spout, of_bolt) = (Seen::default(), Seen::default());
    let (spout, seen) = (HookedSpout(feeder.clone(), of_spout.clone()), of_bolt.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", move || spout.clone(), 1);
    let _ = builder.set_bolt("2", move || HookedBolt(seen.clone()), 1).shuffle_grouping("1");
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new()
        .set(Config::TOPOLOGY_STATS_SAMPLE_RATE, 1.0)
        .set(Config::TOPOLOGY_ACKER_EXECUTORS, ackers);
    let running = cluster.submit_topology("t", conf, topology).expect("submitted");
    feeder.feed(values![1], "a");
    feeder.feed(values![0], "b");
    feeder.feed(values![1], Value::Null);
    cluster.await_quiet();
    running.kill(KillOptions::NOW).expect("it ends");
    (of_spout.all(), of_bolt.all())
}

fn times(of: &[(&str, usize)]) -> Vec<(String, usize)> {
    of.iter().map(|(what, times)| ((*what).to_owned(), *times)).collect()
}

#[test]
fn hooks_see_what_tasks_do() {
    let (spout, bolt) = hooked(1);
    let id = |id: &str| format!("{:?}", Value::from(id));
    let (acked, failed) =
        (format!("spout ack {}, Some(0)", id("a")), format!("spout fail {}", id("b")));
    assert_eq!(
        spout,
        times(&[
            ("emit on __ack_init to 0", 2),
            ("emit on default to 1", 3),
            (&acked, 1),
            (&failed, 1)
        ])
    );
    let [zero, one] = [0, 1].map(|x| format!("{:?}", values![x]));
    let of_one = [format!("ack {one}, Some(0)"), format!("execute {one}")];
    let of_zero = [format!("execute {zero}"), format!("fail {zero}")];
    let mut want = times(&[
        (&of_one[0], 2),
        ("emit on __ack_ack to 0", 1),
        ("emit on __ack_fail to 0", 1),
        ("emit on default to 0", 2),
        (&of_zero[0], 1),
        (&of_one[1], 2),
        (&of_zero[1], 1),
    ]);
    want.sort();
    assert_eq!(bolt, want);
}

#[test]
fn with_acking_off_hooks_see_no_acks_of_bolts() {
    let (spout, bolt) = hooked(0);
    let seen = |all: &[(String, usize)], what: &str| {
        all.iter().filter(|(seen, _)| seen.starts_with(what)).map(|(_, times)| times).sum::<usize>()
    };
    assert_eq!((seen(&spout, "spout ack"), seen(&spout, "spout fail")), (2, 0));
    assert_eq!((seen(&bolt, "ack"), seen(&bolt, "fail"), seen(&bolt, "execute")), (0, 0, 3));
}

/// The lowest task; what it is told of the loads is noted.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<f64>>>, Option<TaskId>);

impl StreamGrouping for Told {
    fn prepare(&mut self, context: &GroupingContext) {
        self.1 = context.targets.first().copied();
    }
    fn choose(&mut self, _: TaskId, _: &[Value], to: &mut Chosen) -> Result<(), GroupingError> {
        to.extend(self.1);
        Ok(())
    }
    fn refresh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        lock(&self.0).push(self.1.map_or(-1.0, load));
    }
}

#[test]
fn groupings_are_told_once_a_second_of_loads() {
    let cluster = LocalCluster::with_simulated_time();
    let spout = FeederSpout::new(["sentence"]).expect("fields");
    let [of_spout, of_bolt] = [Told::default(), Told::default()];
    let (by_spout, by_bolt) = (of_spout.clone(), of_bolt.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("s", move || spout.clone(), 1);
    let split = builder.set_basic_bolt("split", || Split, 1);
    let _ = split.custom_grouping("s", move || by_spout.clone());
    let count = builder.set_basic_bolt("count", Count::default, 1);
    let _ = count.custom_grouping("split", move || by_bolt.clone());
    let topology = builder.create_topology().expect("a topology");
    let _running = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
    cluster.advance_time(Duration::from_secs(3));
    assert_eq!(*lock(&of_spout.0), [0.0; 3]);
    assert_eq!(*lock(&of_bolt.0), [0.0; 3]);
}

/// Waits for a word before each tuple.
struct Gated(crossbeam_channel::Receiver<()>);

impl RichBolt for Gated {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.0.recv()?;
        out.ack(&tuple);
        Ok(())
    }
}

/// Looks again and again; a test that never sees it does not end.
fn await_that(seen: impl Fn() -> bool) {
    while !seen() {
        std::thread::yield_now();
    }
}

#[test]
fn what_waits_in_a_queue_is_a_load_and_has_not_been_processed() {
    let cluster = LocalCluster::new();
    let feeder = FeederSpout::new(["x"]).expect("fields");
    let (go, gate) = crossbeam_channel::bounded(64);
    let told = Told::default();
    let (spout, tells) = (feeder.clone(), told.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("s", move || spout.clone(), 1);
    let gated = builder.set_bolt("gated", move || Gated(gate.clone()), 1);
    let _ = gated.custom_grouping("s", move || tells.clone());
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new().set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, 64);
    let running = cluster.submit_topology("t", conf, topology).expect("submitted");
    (0..48).for_each(|id| feeder.feed(values![1], id));
    let counts = || running.metrics().components["s"].stream("default").transferred.all_time;
    await_that(|| counts() == 48);
    assert!(!running.await_processed(48, Duration::ZERO));
    // One is in hand: the spout sees by itself that the others wait.
    let last = || lock(&told.0).last().copied();
    await_that(|| last().is_some_and(|load| (load - 47.0 / 64.0).abs() < 1e-9));
    // A tuple that takes long is a gulp of its own, after which the executor says how many wait: at the
    // latest after as many as a gulp has at most.
    let executed = || -> u64 {
        let gated = &running.metrics().components["gated"];
        gated.tasks().flat_map(|task| task.inputs.values()).map(|one| one.executed.all_time).sum()
    };
    for done in 1..=33 {
        go.send(()).expect("open");
        await_that(|| executed() == done);
    }
    await_that(|| running.metrics().components["gated"].executors[0].queue_population > 0);
    let queue = &running.metrics().components["gated"].executors[0];
    assert!((1..48).contains(&queue.queue_population), "{queue:?}");
    assert_eq!(queue.queue_capacity, 64);
    (0..15).for_each(|_| go.send(()).expect("open"));
    assert!(running.await_processed(48, Duration::MAX));
    running.kill(KillOptions::NOW).expect("it ends");
    assert!(!running.await_processed(48, Duration::MAX), "it has ended");
}

#[test]
fn on_time_that_stands_still_nothing_is_waited_for_in_vain() {
    let cluster = LocalCluster::with_simulated_time();
    let feeder = FeederSpout::new(["sentence"]).expect("fields");
    let (spout, mut builder) = (feeder.clone(), TopologyBuilder::new());
    builder.set_spout("s", move || spout.clone(), 1);
    let _ = builder.set_basic_bolt("split", || Split, 1).shuffle_grouping("s");
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
    feeder.feed(values!["to be"], 1);
    assert!(running.await_processed(1, Duration::MAX));
    assert!(!running.await_processed(2, Duration::MAX));
}

/// Counts numbers, with a state.
#[derive(Default)]
struct Stateful;

impl StatefulBolt for Stateful {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        state.put("seen".into(), state.get_or(&"seen".into(), 0)? + 1)?;
        out.ack(&tuple);
        Ok(())
    }
}

/// Checkpoints are not what whoever waits for a number of tuples waits for.
#[test]
fn checkpoints_are_no_tuples() {
    let (cluster, feeder) =
        (LocalCluster::with_simulated_time(), FeederSpout::new(["x"]).expect("fields"));
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || spout.clone(), 1);
    builder.set_stateful_bolt("count", Stateful::default, 1).shuffle_grouping("spout");
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
    cluster.advance_time(Duration::from_secs(10));
    assert!(!running.await_processed(1, Duration::ZERO));
    feeder.feed(values![1], 1);
    assert!(running.await_processed(1, Duration::ZERO));
    assert!(!running.await_processed(2, Duration::ZERO));
}

/// Dies of every other tuple.
#[derive(Clone, Default)]
struct Dies(Arc<Mutex<bool>>);

impl RichBolt for Dies {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        let mut dies = lock(&self.0);
        *dies = !*dies;
        if *dies {
            return Err(ComponentError::fatal("it dies"));
        }
        out.ack(&tuple);
        Ok(())
    }
}

/// A tuple that its executor died of has been executed, too.
#[test]
fn what_an_executor_died_of_is_processed() {
    let (cluster, feeder) =
        (LocalCluster::with_simulated_time(), FeederSpout::new(["x"]).expect("fields"));
    let (spout, dies) = (feeder.clone(), Dies::default());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || spout.clone(), 1);
    builder.set_bolt("dies", move || dies.clone(), 1).shuffle_grouping("spout");
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new().set(Config::WEIR_EXECUTOR_RESTARTS, -1);
    let running = cluster.submit_topology("t", conf, topology).expect("submitted");
    (0..10).for_each(|id| feeder.feed(values![id], id));
    assert!(running.await_processed(10, Duration::ZERO));
    let status = feeder.status();
    assert_eq!((status.acked.len(), status.failed.len()), (5, 5));
}

/// Takes its time.
struct Slow(Arc<dyn weir_dataflow::Clock>);

impl RichBolt for Slow {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.0.sleep_until(self.0.now_ns() + 2_000_000);
        out.ack(&tuple);
        Ok(())
    }
}

#[test]
fn an_executor_is_as_busy_as_its_bolt() {
    let cluster = LocalCluster::new();
    let clock = cluster.clock();
    let tuples = FixedTupleSpout::new(["x"], (0..30).map(|x| values![x])).expect("fields");
    let mut builder = TopologyBuilder::new();
    builder.set_spout("s", move || tuples.clone(), 1);
    let slow = builder.set_bolt("slow", move || Slow(Arc::clone(&clock)), 1);
    let _ = slow.shuffle_grouping("s");
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new().set(Config::TOPOLOGY_STATS_SAMPLE_RATE, 1.0);
    let done = cluster.complete_topology(topology, conf, MockedSources::new()).expect("it ends");
    let metrics = &done.summary.metrics;
    let executor = &metrics.components["slow"].executors[0];
    let latency_ms = metrics.components["slow"].input("s").execute_latency_ms.all_time;
    assert!(latency_ms >= 2.0, "{latency_ms}");
    let busy_ms = executor.capacity * metrics.uptime_ms as f64;
    assert!((busy_ms - 30.0 * latency_ms).abs() < 1e-6, "{busy_ms} ms");
    // Time is told in whole milliseconds.
    assert!(executor.capacity <= 1.0 + 1.0 / metrics.uptime_ms as f64, "{}", executor.capacity);
    assert_eq!(metrics.components["s"].executors[0].capacity, 0.0);
}
