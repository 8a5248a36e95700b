//! Submitting, activating, killing; a topology run to completion.

use crate::components::{Count, Split};
use crossbeam_channel::{Sender, bounded};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_topology::{
    ComponentResult, Config, FeederSpout, FixedTupleSpout, KillOptions, LocalCluster,
    MockedSources, OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout,
    SpoutOutputCollector, SubmitOptions, TopologyBuilder, TopologyContext, TopologyStatus, Tuple,
    Value, values,
};

fn word_count() -> TopologyBuilder {
    let mut builder = TopologyBuilder::new();
    let nothing = FixedTupleSpout::new(["sentence"], []).expect("fields");
    builder.set_spout("sentences", move || nothing.clone(), 2);
    builder.set_basic_bolt("split", || Split, 3).shuffle_grouping("sentences");
    builder
        .set_basic_bolt("count", Count::default, 2)
        .set_num_tasks(4)
        .fields_grouping("split", ["word"]);
    builder
}

#[test]
fn a_topology_runs_to_completion() {
    let topology = word_count().create_topology().expect("a topology");
    for ackers in [0, 1, 2] {
        let conf = Config::new().set(Config::TOPOLOGY_ACKER_EXECUTORS, ackers);
        let sentences = [values!["the cat"], values!["the door"], values!["a cat"]];
        let sources = MockedSources::new().add("sentences", sentences);
        let done = LocalCluster::new()
            .complete_topology(topology.clone(), conf, sources)
            .expect("it completes");
        let counts = done.read_sorted("count");
        let want = [("a", 1), ("cat", 1), ("cat", 2), ("door", 1), ("the", 1), ("the", 2)];
        assert_eq!(counts, want.map(|(word, count)| values![word, count]), "{ackers} ackers");
    }
}

#[test]
fn a_topology_submitted_inactive_prepares_nothing_until_it_is_activated() {
    let cluster = LocalCluster::with_simulated_time();
    let feeder = FeederSpout::new(["sentence"]).expect("fields");
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("sentences", move || spout.clone(), 1);
    builder.set_basic_bolt("split", || Split, 1).shuffle_grouping("sentences");
    let topology = builder.create_topology().expect("a topology");
    let inactive = SubmitOptions { inactive: true };
    let running = cluster.submit_with("t", Config::new(), topology, inactive).expect("submitted");
    feeder.feed(values!["so it"], 1);
    cluster.advance_time(Duration::from_secs(20));
    assert_eq!(running.status(), TopologyStatus::Submitted);
    assert!(feeder.status().acked.is_empty());
    running.activate().expect("it starts");
    cluster.await_quiet();
    assert_eq!(feeder.take_status().acked, [Value::from(1)]);
    running.deactivate();
    feeder.feed(values!["goes"], 2);
    cluster.advance_time(Duration::from_secs(20));
    assert_eq!(running.status(), TopologyStatus::Inactive);
    assert!(feeder.status().acked.is_empty());
    running.activate().expect("it goes on");
    cluster.await_quiet();
    assert_eq!(feeder.take_status().acked, [Value::from(2)]);
    let summary = running.kill(KillOptions::NOW).expect("it ends");
    assert_eq!(summary.components[1].total().executed, 2);
    assert_eq!(running.status(), TopologyStatus::Ended);
}

/// A spout with streams of its own.
struct Streams;

impl RichSpout for Streams {
    fn next_tuple(&mut self, _: &mut SpoutOutputCollector) -> ComponentResult {
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare_stream("shouts", ["sentence"]);
        declarer.declare_stream("whispers", ["sentence"]);
    }
}

#[test]
fn tuples_take_the_place_of_a_spouts_on_any_of_its_streams() {
    let mut builder = TopologyBuilder::new();
    builder.set_spout("voices", || Streams, 1);
    builder
        .set_basic_bolt("split", || Split, 1)
        .shuffle_grouping(("voices", "shouts"))
        .shuffle_grouping(("voices", "whispers"));
    let topology = builder.create_topology().expect("a topology");
    let complete =
        |sources| LocalCluster::new().complete_topology(topology.clone(), Config::new(), sources);
    let sources = MockedSources::new()
        .add_to("voices", "shouts", [values!["to be"]])
        .add_to("voices", "whispers", [values!["or not"]])
        .add_to("voices", "shouts", [values!["to be"]]);
    let done = complete(sources).expect("it completes");
    assert_eq!(done.read_stream("voices", "shouts"), [values!["to be"], values!["to be"]]);
    assert_eq!(done.read_stream("voices", "whispers"), [values!["or not"]]);
    assert_eq!(done.read_tuples("split").len(), 6);
    let error = complete(MockedSources::new().add("voices", [values!["hm"]])).expect_err("none");
    assert!(error.to_string().contains("spout voices has no stream default"), "{error}");
}

#[test]
fn settings_that_cannot_be_are_refused_even_where_they_have_no_effect() {
    for (key, value) in [
        (Config::TOPOLOGY_DEBUG, "loud"),
        (Config::TOPOLOGY_BACKPRESSURE_WAIT_STRATEGY, "dozing"),
        (Config::TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL1_COUNT, "few"),
        (Config::TOPOLOGY_SPOUT_WAIT_STRATEGY, "dozing"),
        (Config::TOPOLOGY_SLEEP_SPOUT_WAIT_STRATEGY_TIME_MS, "long"),
        (Config::TOPOLOGY_MAX_SPOUT_PENDING, "abc"),
        (Config::TOPOLOGY_MAX_SPOUT_PENDING, "-1"),
        (Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, "0"),
    ] {
        let topology = word_count().create_topology().expect("a topology");
        let number = value.parse().map_or_else(|_| Value::from(value), |n: i64| Value::from(n));
        let conf = Config::new().set(key, number);
        let error = LocalCluster::new().submit_topology("t", conf, topology).expect_err(key);
        assert!(error.to_string().starts_with(&format!("{key} is {value}")), "{error}");
    }
}

#[test]
fn more_tasks_than_there_can_be_are_an_error() {
    let mut builder = word_count();
    let _ = builder
        .set_basic_bolt("many", || Split, 1)
        .set_num_tasks(usize::MAX)
        .shuffle_grouping("sentences");
    let topology = builder.create_topology().expect("a topology");
    let error = LocalCluster::new().submit_topology("t", Config::new(), topology);
    let error = error.expect_err("too many").to_string();
    assert!(error.starts_with("many has") && error.contains("room for 65535"), "{error}");
}

/// Emits once, and notes whether it is active.
struct Noting {
    emitted: bool,
    notes: Sender<&'static str>,
}

impl RichSpout for Noting {
    fn activate(&mut self) {
        let _ = self.notes.send("activate");
    }
    fn deactivate(&mut self) {
        let _ = self.notes.send("deactivate");
    }
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        if !std::mem::replace(&mut self.emitted, true) {
            out.emit(values!["to be"], 1)?;
        }
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["sentence"]);
    }
}

/// Never acks.
struct Holds(Vec<Tuple>);

impl RichBolt for Holds {
    fn execute(&mut self, tuple: Tuple, _: &mut OutputCollector) -> ComponentResult {
        self.0.push(tuple);
        Ok(())
    }
}

#[test]
fn a_spout_with_as_many_trees_open_as_may_be_is_told_when_it_is_to_rest() {
    let (notes, noted) = bounded(8);
    let mut builder = TopologyBuilder::new();
    let spout = move || Noting { emitted: false, notes: notes.clone() };
    builder.set_spout("noting", spout, 1).set_max_spout_pending(1);
    let _ = builder.set_bolt("holds", || Holds(Vec::new()), 1).shuffle_grouping("noting");
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::with_simulated_time();
    let running = cluster.submit_topology("t", Config::new(), topology).expect("it starts");
    cluster.await_quiet();
    running.deactivate();
    cluster.await_quiet();
    running.activate().expect("it goes on");
    cluster.await_quiet();
    let noted: Vec<_> = noted.try_iter().collect();
    assert_eq!(noted, ["activate", "deactivate", "activate"]);
}

/// Emits its task's number once.
struct Once(Option<i64>);

impl RichSpout for Once {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.0 = Some(context.task_id().into());
        Ok(())
    }
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        if let Some(number) = self.0.take() {
            out.emit(values![number], number)?;
        }
        Ok(())
    }
    fn is_exhausted(&self) -> bool {
        self.0.is_none()
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number"]);
    }
}

/// Counts by task what it gets.
struct ByTask(Arc<Mutex<BTreeMap<i32, u64>>>, i32);

impl RichBolt for ByTask {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.1 = context.task_id();
        Ok(())
    }
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        *self.0.lock().expect("no panic").entry(self.1).or_default() += 1;
        out.ack(&tuple);
        Ok(())
    }
}

/// As many executors as tasks, each with one tuple: chance spreads them over the targets.
#[test]
fn executors_of_a_component_do_not_all_begin_with_the_same_task() {
    for disabled in [false, true] {
        let counts = Arc::new(Mutex::new(BTreeMap::new()));
        let mut builder = TopologyBuilder::new();
        builder.set_spout("once", || Once(None), 16);
        let by = Arc::clone(&counts);
        let bolt = move || ByTask(Arc::clone(&by), 0);
        let _ = builder.set_bolt("by task", bolt, 4).shuffle_grouping("once");
        let topology = builder.create_topology().expect("a topology");
        let conf = Config::new().set(Config::TOPOLOGY_DISABLE_LOADAWARE_MESSAGING, disabled);
        let cluster = LocalCluster::new();
        cluster.submit_topology("t", conf, topology).expect("starts").join().expect("ends");
        let counts = counts.lock().expect("no panic");
        assert_eq!(counts.values().sum::<u64>(), 16);
        assert!(counts.len() > 1 && counts.values().all(|count| *count < 12), "{counts:?}");
    }
}

#[test]
fn the_topologys_number_of_tasks_is_that_of_components_without_one() {
    let mut builder = word_count();
    let _ =
        builder.set_basic_bolt("own", || Split, 1).set_num_tasks(2).shuffle_grouping("sentences");
    let _ = builder
        .set_basic_bolt("at most", || Split, 3)
        .set_max_task_parallelism(2)
        .shuffle_grouping("sentences");
    let topology = builder.create_topology().expect("a topology");
    let conf =
        Config::new().set(Config::TOPOLOGY_TASKS, 5).set(Config::TOPOLOGY_ACKER_EXECUTORS, 1);
    let assignment = topology.assignment(&conf).expect("it can be laid out");
    let size = |id: &str| {
        let tasks = &assignment.components[id];
        (tasks.tasks().count(), tasks.executors.len())
    };
    assert_eq!(size("split"), (5, 3));
    assert_eq!(size("sentences"), (5, 2));
    assert_eq!(size("count"), (4, 2));
    assert_eq!(size("own"), (2, 1));
    assert_eq!(size("at most"), (2, 2));
    assert_eq!(size("__acker"), (1, 1));
}
