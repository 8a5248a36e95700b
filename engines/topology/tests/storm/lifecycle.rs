//! Submitting, activating, killing; a topology run to completion.

use crate::components::{Count, Split};
use std::time::Duration;
use weir_topology::{
    Config, FeederSpout, FixedTupleSpout, KillOptions, LocalCluster, MockedSources, SubmitOptions,
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
