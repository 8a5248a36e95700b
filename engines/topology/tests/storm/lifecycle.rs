//! Submitting, activating, killing; a topology run to completion.

use crate::components::{Count, Split};
use std::time::Duration;
use weir_topology::{
    ComponentResult, Config, FeederSpout, FixedTupleSpout, KillOptions, LocalCluster,
    MockedSources, OutputFieldsDeclarer, RichSpout, SpoutOutputCollector, SubmitOptions,
    TopologyBuilder, TopologyStatus, Value, values,
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
    ] {
        let topology = word_count().create_topology().expect("a topology");
        let conf = Config::new().set(key, value);
        let error = LocalCluster::new().submit_topology("t", conf, topology).expect_err(key);
        assert!(error.to_string().starts_with(&format!("{key} is {value}")), "{error}");
    }
}
