//! What topologies tell of themselves: counts and latencies by task and stream, and metrics of
//! components' own.

use crate::components::{Count, Split};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_topology::metrics::{
    AssignableMetric, CountMetric, DataPoint, InputMetrics, Metric, MultiCountMetric,
    StreamMetrics, TaskInfo,
};
use weir_topology::testing::MockContext;
use weir_topology::{
    ComponentResult, Config, FeederSpout, LocalCluster, MockedSources, OutputCollector,
    OutputFieldsDeclarer, RichBolt, RunningTopology, SYSTEM_COMPONENT, TICK_STREAM,
    TopologyBuilder, TopologyContext, Tuple, Value, values,
};

/// Holds tuples until as many seconds have passed as their field says, and acks them then; 0 is at
/// once, and less than that fails at once. Emits each on "late" when it does.
#[derive(Default)]
struct Delays {
    held: Vec<(u64, Tuple)>,
    now_ns: Option<Arc<TopologyContext>>,
}

const SECOND_NS: u64 = 1_000_000_000;

impl RichBolt for Delays {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.now_ns = Some(Arc::new(context.clone()));
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if tuple.is_tick() {
            return Ok(());
        }
        match tuple.int(0)? {
            0 => out.ack(&tuple),
            ..0 => out.fail(&tuple),
            seconds => {
                let now_ns = self.now_ns.as_ref().map_or(0, |context| context.now_ns());
                self.held.push((now_ns + seconds.unsigned_abs() * SECOND_NS, tuple));
            }
        }
        Ok(())
    }

    fn wake_at(&self) -> Option<u64> {
        self.held.iter().map(|(at_ns, _)| *at_ns).min()
    }

    fn wake(&mut self, now_ns: u64, out: &mut OutputCollector) -> ComponentResult {
        let (due, held) =
            std::mem::take(&mut self.held).into_iter().partition(|(at_ns, _)| *at_ns <= now_ns);
        self.held = held;
        for (_, tuple) in due {
            out.emit_to("late", [&tuple], values![1])?;
            out.ack(&tuple);
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare_stream("late", ["x"]);
    }
}

struct Sink;

impl RichBolt for Sink {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        out.ack(&tuple);
        Ok(())
    }
}

/// A spout of delays, in seconds, a bolt that waits for so long, and a bolt of three tasks that all
/// get what comes late.
fn delays(conf: Config) -> (LocalCluster, FeederSpout, Arc<RunningTopology>) {
    let cluster = LocalCluster::with_simulated_time();
    let feeder = FeederSpout::new(["seconds"]).expect("fields");
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("delays", move || spout.clone(), 1);
    let _ = builder.set_bolt("waits", Delays::default, 1).shuffle_grouping("delays");
    let late = builder.set_bolt("sink", || Sink, 2).set_num_tasks(3);
    let _ = late.all_grouping(("waits", "late"));
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("t", conf, topology).expect("submitted");
    (cluster, feeder, running)
}

/// Every tuple is measured.
fn all_measured() -> Config {
    Config::new().set(Config::TOPOLOGY_STATS_SAMPLE_RATE, 1.0)
}

fn spout_stream(running: &RunningTopology) -> StreamMetrics {
    running.metrics().components["delays"].stream("default")
}

fn bolt_input(running: &RunningTopology) -> InputMetrics {
    running.metrics().components["waits"].input("delays")
}

#[test]
fn counts_and_latencies_are_those_of_what_was_done() {
    let (cluster, feeder, running) = delays(all_measured());
    // Delays in seconds, how long it goes on, and the counts and latencies after that: of the spout,
    // emitted, acked, failed, and complete latency; of the bolt, executed, acked, failed, process
    // latency; and what it emitted and transferred.
    let rows: [(&[i64], u64, _, _, _); 5] = [
        (&[], 0, (0, 0, 0, 0.0), (0, 0, 0, 0.0), (0, 0)),
        (&[0, 0], 1, (2, 2, 0, 0.0), (2, 2, 0, 0.0), (0, 0)),
        (&[-1], 1, (3, 2, 1, 0.0), (3, 2, 1, 0.0), (0, 0)),
        (&[6], 5, (4, 2, 1, 0.0), (4, 2, 1, 0.0), (0, 0)),
        (&[], 1, (4, 3, 1, 2000.0), (4, 3, 1, 2000.0), (1, 3)),
    ];
    let mut id = 0;
    for (fed, seconds, spout, bolt, late) in rows {
        for delay in fed {
            id += 1;
            feeder.feed(values![*delay], id);
        }
        cluster.await_quiet();
        cluster.advance_time(Duration::from_secs(seconds));
        let of = spout_stream(&running);
        let got = (of.emitted, of.acked, of.failed, of.complete_latency_ms);
        assert_eq!((got.0.all_time, got.1.all_time, got.2.all_time, got.3.all_time), spout);
        let of = bolt_input(&running);
        let got = (of.executed, of.acked, of.failed, of.process_latency_ms);
        assert_eq!((got.0.all_time, got.1.all_time, got.2.all_time, got.3.all_time), bolt);
        let of = running.metrics().components["waits"].stream("late");
        assert_eq!((of.emitted.all_time, of.transferred.all_time), late);
    }
    let metrics = running.metrics();
    assert_eq!(metrics.uptime_ms, 8_000);
    let sinks = &metrics.components["sink"];
    assert_eq!(sinks.executors.iter().map(|e| e.tasks.len()).collect::<Vec<_>>(), [2, 1]);
    for task in sinks.tasks() {
        assert_eq!(task.inputs[&("waits", "late").into()].executed.all_time, 1, "{}", task.task);
    }
}

#[test]
fn what_is_long_past_leaves_the_windows() {
    let (cluster, feeder, running) = delays(all_measured());
    feeder.feed(values![2], 1);
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let soon = Duration::from_secs(5);
    // After so long: emitted in ten minutes, three hours, a day and ever.
    let rows = [(soon, [1, 1, 1, 1]), (hours(1), [0, 1, 1, 1]), (hours(4), [0, 0, 1, 1])];
    for (pass, want) in rows.into_iter().chain([(hours(30), [0, 0, 0, 1])]) {
        cluster.advance_time_in_steps(pass, (pass / 200).max(Duration::from_secs(1)));
        let of = spout_stream(&running);
        assert_eq!(of.emitted.by_name().map(|(_, count)| count), want, "{pass:?}");
        let latencies = of.complete_latency_ms.by_name().map(|(_, ms)| ms);
        assert_eq!(latencies, want.map(|count| 2000.0 * f64::from(count as u32)), "{pass:?}");
    }
}

/// Storm counts 20 for each sample that failed, and nothing for what is no sample.
#[test]
fn derived_timeout_fail_stat() {
    for rate in [0.05, 1.0] {
        let conf = Config::new()
            .set(Config::TOPOLOGY_STATS_SAMPLE_RATE, rate)
            .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 10);
        let (cluster, feeder, running) = delays(conf);
        (1..=7).for_each(|id| feeder.feed(values![1000], id));
        cluster.advance_time(Duration::from_secs(25));
        assert_eq!(spout_stream(&running).failed.all_time, 7, "at a rate of {rate}");
    }
}

/// Tasks that no tuple was measured of have no say in an average, though they have done as much.
#[test]
fn averages_are_over_what_was_measured() {
    let (cluster, feeder) =
        (LocalCluster::with_simulated_time(), FeederSpout::new(["delay"]).expect("fields"));
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || spout.clone(), 1);
    builder.set_bolt("delays", Delays::default, 16).shuffle_grouping("spout");
    // One tuple of twenty is measured, and each task gets four.
    let conf = Config::new()
        .set(Config::TOPOLOGY_DISABLE_LOADAWARE_MESSAGING, true)
        .set(Config::TOPOLOGY_STATS_SAMPLE_RATE, 0.05);
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("t", conf, topology).expect("submitted");
    (0..64).for_each(|id| feeder.feed(values![2], id));
    cluster.advance_time(Duration::from_secs(3));
    let metrics = running.metrics();
    let from = weir_topology::StreamId::from("spout");
    let tasks = || metrics.components["delays"].tasks().map(|task| task.inputs[&from]);
    let measured = tasks().filter(|input| input.process_samples.all_time > 0.0).count();
    assert!((1..16).contains(&measured), "{measured} of 16 tasks have a sample");
    assert!(tasks().all(|input| input.acked.all_time == 4));
    let all = metrics.components["delays"].input("spout");
    assert_eq!(all.process_latency_ms.all_time, 2_000.0);
    assert_eq!(all.process_samples.all_time, tasks().map(|i| i.process_samples.all_time).sum());
}

#[test]
fn a_rate_of_samples_that_is_none_is_refused() {
    let mut builder = TopologyBuilder::new();
    let feeder = FeederSpout::new(["x"]).expect("fields");
    builder.set_spout("s", move || feeder.clone(), 1);
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new().set(Config::TOPOLOGY_STATS_SAMPLE_RATE, 0);
    let cluster = LocalCluster::with_simulated_time();
    let error = cluster.submit_topology("t", conf, topology).expect_err("no samples");
    assert!(error.to_string().starts_with("topology.stats.sample.rate is 0"), "{error}");
}

#[test]
fn ticks_are_executed_and_counted_by_themselves() {
    let (cluster, feeder, running) =
        delays(all_measured().set(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS, 2));
    feeder.feed(values![0], 1);
    cluster.advance_time(Duration::from_secs(7));
    let metrics = running.metrics();
    let ticks = metrics.components["waits"].input((SYSTEM_COMPONENT, TICK_STREAM));
    assert_eq!(ticks.executed.all_time, 3);
    assert_eq!(bolt_input(&running).executed.all_time, 1);
}

#[test]
fn nothing_is_acked_where_acking_is_off_or_no_tree_is() {
    for (ackers, id) in [(0, Value::from(1)), (1, Value::Null)] {
        let (cluster, feeder, running) =
            delays(all_measured().set(Config::TOPOLOGY_ACKER_EXECUTORS, ackers));
        feeder.feed(values![0], id.clone());
        cluster.advance_time(Duration::from_secs(1));
        let (spout, bolt) = (spout_stream(&running), bolt_input(&running));
        assert_eq!((spout.emitted.all_time, bolt.executed.all_time), (1, 1));
        // A bolt acks what it gets, whether or not that is in a tree.
        let acked = u64::try_from(ackers).expect("from 0");
        assert_eq!((spout.acked.all_time, bolt.acked.all_time), (0, acked), "{ackers} {id:?}");
    }
}

#[test]
fn the_summary_has_the_metrics_of_the_end() {
    let mut builder = TopologyBuilder::new();
    let nothing = FeederSpout::new(["sentence"]).expect("fields");
    builder.set_spout("sentences", move || nothing.clone(), 1);
    let _ = builder.set_basic_bolt("split", || Split, 2).shuffle_grouping("sentences");
    let _ = builder.set_basic_bolt("count", Count::default, 3).fields_grouping("split", ["word"]);
    let topology = builder.create_topology().expect("a topology");
    let sources = MockedSources::new().add("sentences", [values!["a b c"], values!["b c d"]]);
    let done = LocalCluster::new().complete_topology(topology, Config::new(), sources);
    let metrics = done.expect("it completes").summary.metrics;
    let split = &metrics.components["split"];
    assert_eq!(split.stream("default").emitted.all_time, 6);
    assert_eq!(split.input("sentences").acked.all_time, 2);
    let count = &metrics.components["count"];
    assert_eq!(count.input("split").executed.all_time, 6);
    let emitted = count.stream("default");
    assert_eq!((emitted.emitted.all_time, emitted.transferred.all_time), (6, 0));
    assert_eq!(metrics.components["sentences"].stream("default").acked.all_time, 2);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What consumers were told, by task: name and value of each point.
type Told = Arc<Mutex<BTreeMap<i32, Vec<(u64, String, Value)>>>>;

fn tells(cluster: &LocalCluster) -> Told {
    let told = Told::default();
    let tells = Arc::clone(&told);
    cluster.register_metrics_consumer(move |task: &TaskInfo, points: &[DataPoint]| {
        let mut told = lock(&tells);
        let points = points.iter().map(|p| (task.time_ms, p.name.clone(), p.value.clone()));
        told.entry(task.task).or_default().extend(points);
    });
    told
}

/// Counts its tuples in buckets of 5 s, and knows the latest, in buckets of 10 s.
#[derive(Default)]
struct Measures {
    tuples: Option<Arc<CountMetric>>,
    latest: Option<Arc<AssignableMetric>>,
}

impl RichBolt for Measures {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
        self.tuples = Some(context.register_metric("tuples", CountMetric::default(), five)?);
        self.latest = Some(context.register_metric("latest", AssignableMetric::default(), ten)?);
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.tuples.iter().for_each(|tuples| tuples.increment());
        self.latest.iter().for_each(|latest| latest.assign(tuple.values()[0].clone()));
        out.ack(&tuple);
        Ok(())
    }
}

#[test]
fn metrics_of_components_are_told_at_the_end_of_each_bucket() {
    let cluster = LocalCluster::with_simulated_time();
    let told = tells(&cluster);
    let feeder = FeederSpout::new(["x"]).expect("fields");
    let (spout, mut builder) = (feeder.clone(), TopologyBuilder::new());
    builder.set_spout("s", move || spout.clone(), 1);
    let _ = builder.set_bolt("b", Measures::default, 1).shuffle_grouping("s");
    let topology = builder.create_topology().expect("a topology");
    let _running = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
    cluster.advance_time(Duration::from_secs(12));
    feeder.feed(values!["a"], 1);
    feeder.feed(values!["b"], 2);
    cluster.advance_time(Duration::from_secs(10));
    let told = lock(&told);
    let point = |ms, name: &str, value: Value| (ms, name.to_owned(), value);
    // What was never assigned is not told.
    let want = vec![
        point(5_000, "tuples", 0.into()),
        point(10_000, "tuples", 0.into()),
        point(15_000, "tuples", 2.into()),
        point(20_000, "tuples", 0.into()),
        point(20_000, "latest", "b".into()),
    ];
    assert_eq!(told.values().collect::<Vec<_>>(), [&want]);
}

#[test]
fn metrics_are_registered_once_and_for_some_time() {
    let context = MockContext::new("b", 1).build();
    let second = Duration::from_secs(1);
    let register =
        |name: &str, bucket| context.register_metric(name, CountMetric::default(), bucket);
    assert!(register("a", second).is_ok());
    for (name, bucket, want) in [
        ("a", second, "the task has one of that name"),
        ("b", Duration::ZERO, "its bucket must last a millisecond"),
    ] {
        let error = register(name, bucket).expect_err("refused").to_string();
        assert!(error.contains(want), "{error}");
    }
}

/// Registers a metric too late.
struct Late(Option<TopologyContext>);

impl RichBolt for Late {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.0 = Some(context.clone());
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        let second = Duration::from_secs(1);
        if let Some(context) = &self.0 {
            context.register_metric("late", CountMetric::default(), second)?;
        }
        out.ack(&tuple);
        Ok(())
    }
}

#[test]
fn metrics_are_registered_in_prepare_only() {
    let mut builder = TopologyBuilder::new();
    let nothing = FeederSpout::new(["x"]).expect("fields");
    builder.set_spout("s", move || nothing.clone(), 1);
    let _ = builder.set_bolt("late", || Late(None), 1).shuffle_grouping("s");
    let topology = builder.create_topology().expect("a topology");
    let sources = MockedSources::new().add("s", [values![1]]);
    let error = LocalCluster::new()
        .complete_topology(topology, Config::new(), sources)
        .expect_err("it dies")
        .to_string();
    assert!(error.contains("metric late cannot be registered: register it in prepare"), "{error}");
}

#[test]
fn metrics_begin_anew_with_each_bucket() {
    let many = MultiCountMetric::default();
    ["a", "b", "a"].iter().for_each(|name| many.increment(name));
    let read = |pairs: [(&str, i64); 2]| {
        let pair = |(name, n): (&str, i64)| Value::List([name.into(), n.into()].into());
        Some(Value::List(pairs.map(pair).into()))
    };
    assert_eq!(many.value_and_reset(), read([("a", 2), ("b", 1)]));
    assert_eq!(many.value_and_reset(), read([("a", 0), ("b", 0)]));
    let count = CountMetric::default();
    count.increment_by(3);
    assert_eq!([(); 2].map(|()| count.value_and_reset()), [Some(3.into()), Some(0.into())]);
    let latest = AssignableMetric::default();
    assert_eq!(latest.value_and_reset(), None);
    latest.assign(7);
    assert_eq!([(); 2].map(|()| latest.value_and_reset()), [Some(7.into()), Some(7.into())]);
}

/// As [`Measures`], but it dies of what is no text.
struct DiesOnce(Measures);

impl RichBolt for DiesOnce {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.0.prepare(conf, context)
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        tuple.text(0)?;
        self.0.execute(tuple, out)
    }
}

#[test]
fn an_executor_that_starts_again_has_metrics_anew() {
    let cluster = LocalCluster::with_simulated_time();
    let told = tells(&cluster);
    let feeder = FeederSpout::new(["x"]).expect("fields");
    let (spout, mut builder) = (feeder.clone(), TopologyBuilder::new());
    builder.set_spout("s", move || spout.clone(), 1);
    let _ = builder.set_bolt("b", || DiesOnce(Measures::default()), 1).shuffle_grouping("s");
    let topology = builder.create_topology().expect("a topology");
    let conf = Config::new().set(Config::WEIR_EXECUTOR_RESTARTS, 1);
    let running = cluster.submit_topology("t", conf, topology).expect("submitted");
    cluster.advance_time(Duration::from_secs(2));
    for value in [Value::from("a"), Value::from(0), Value::from("b"), Value::from("c")] {
        feeder.feed(values![value], 1);
        cluster.await_quiet();
    }
    cluster.advance_time(Duration::from_secs(5));
    let counts: Vec<_> = lock(&told).values().flatten().cloned().collect();
    // The bucket begins with the executor, and what was counted before is lost with it.
    assert_eq!(counts, [(7_000, "tuples".to_owned(), 2.into())]);
    assert_eq!(running.metrics().components["b"].input("s").executed.all_time, 4);
    assert_eq!(running.errors().len(), 1);
}
