//! States that batches bring up to date, and requests that query them.

use std::time::Duration;
use weir_topology::{
    ComponentResult, Config, Fields, LocalCluster, RunningTopology, Values, values,
};
use weir_trident::operation::{Count, CountAsAggregator, FilterNull, Split, Sum, TridentCollector};
use weir_trident::spout::FeederBatchSpout;
use weir_trident::state::{MapGet, MemoryMapState, MemoryMapStateFactory, TupleCollectionGet};
use weir_trident::{LocalDrpc, TridentState, TridentTopology, TridentTuple};

type Counts = TridentState<MemoryMapState>;

fn word_counts(
    topology: &TridentTopology,
    feeder: &FeederBatchSpout,
) -> (Counts, MemoryMapStateFactory) {
    let factory = MemoryMapState::factory();
    let counts = topology
        .new_stream("tester", feeder.clone())
        .each(["sentence"], Split, ["word"])
        .group_by(["word"])
        .persistent_aggregate(factory.clone(), Fields::none(), Count, ["count"])
        .parallelism_hint(6);
    (counts, factory)
}

fn run(topology: &TridentTopology) -> (LocalCluster, std::sync::Arc<RunningTopology>) {
    let cluster = LocalCluster::new();
    let conf = Config::new().set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 1);
    let built = topology.build().expect("a topology");
    let running = cluster.submit_topology("tester", conf, built).expect("submitted");
    (cluster, running)
}

fn drpc() -> LocalDrpc {
    LocalDrpc::with_timeout(Duration::from_secs(20))
}

fn sorted(mut rows: Vec<Values>) -> Vec<Values> {
    rows.sort();
    rows
}

#[test]
fn words_are_counted_and_queried() {
    let (topology, server) = (TridentTopology::new(), drpc());
    let feeder = FeederBatchSpout::new(["sentence"]).expect("fields");
    let (counts, _) = word_counts(&topology, &feeder);
    let _ = topology
        .new_drpc_stream("words", &server)
        .each(["args"], Split, ["word"])
        .group_by(["word"])
        .state_query(&counts, ["word"], MapGet, ["count"])
        .filter(["count"], FilterNull)
        .aggregate(["count"], Sum, ["sum"])
        .project(["sum"]);
    let (_cluster, running) = run(&topology);
    let ask = |words: &str| server.execute("words", words).expect("an answer");
    feeder.feed([values!["hello the man said"], values!["the"]]);
    assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
    assert_eq!(ask("the"), "[[2]]");
    assert_eq!(ask("hello"), "[[1]]");
    feeder.feed([values!["the man on the moon"], values!["where are you"]]);
    assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
    assert_eq!(ask("the"), "[[4]]");
    assert_eq!(ask("man"), "[[2]]");
    assert_eq!(ask("man where you the"), "[[8]]");
    assert_eq!(running.errors(), []);
}

#[test]
fn a_state_is_listed() {
    let (topology, server) = (TridentTopology::new(), drpc());
    let feeder = FeederBatchSpout::new(["sentence"]).expect("fields");
    let (counts, factory) = word_counts(&topology, &feeder);
    let _ = topology
        .new_drpc_stream("all-tuples", &server)
        .broadcast()
        .state_query(&counts, ["args"], TupleCollectionGet, ["word", "count"])
        .project(["word", "count"]);
    let (_cluster, _running) = run(&topology);
    feeder.feed([values!["hello the man said"], values!["the"]]);
    assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
    let rows = server.execute_tuples("all-tuples", "man").expect("an answer");
    let want = [values!["hello", 1], values!["man", 1], values!["said", 1], values!["the", 2]];
    assert_eq!(sorted(rows), want);
    feeder.feed([values!["the foo"]]);
    assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
    let rows = server.execute_tuples("all-tuples", "man").expect("an answer");
    assert_eq!(sorted(rows.clone()), sorted(factory.tuples()));
    assert!(rows.contains(&values!["the", 3]) && rows.contains(&values!["foo", 1]));
}

#[test]
fn an_aggregate_of_an_empty_batch_is_zero() {
    let (topology, server) = (TridentTopology::new(), drpc());
    let _ = topology
        .new_drpc_stream("numwords", &server)
        .each(["args"], Split, ["word"])
        .aggregate(Fields::none(), CountAsAggregator, ["count"])
        .parallelism_hint(2);
    let (_cluster, _running) = run(&topology);
    for _ in 0..100 {
        assert_eq!(server.execute("numwords", "the").expect("an answer"), "[[1]]");
    }
    assert_eq!(server.execute("numwords", "").expect("an answer"), "[[0]]");
    assert_eq!(server.execute("numwords", "1 2 3 4 5 6 7 8").expect("an answer"), "[[8]]");
}

fn length(tuple: &TridentTuple, out: &mut TridentCollector<'_>) -> ComponentResult {
    out.emit(values![i64::try_from(tuple.text(0)?.len())?]);
    Ok(())
}

#[test]
fn a_stream_is_split_and_merged() {
    let (topology, server) = (TridentTopology::new(), drpc());
    let stream = topology.new_drpc_stream("splitter", &server);
    let words = stream.each(["args"], Split, ["word"]).project(["word"]);
    let lengths = stream.each(["args"], length, ["len"]).project(["len"]);
    let _ = topology.merge(&[&words, &lengths]);
    let (_cluster, _running) = run(&topology);
    let ask = |args| sorted(server.execute_tuples("splitter", args).expect("an answer"));
    assert_eq!(ask("the man"), [values![7], values!["man"], values!["the"]]);
    assert_eq!(ask("hello"), [values![5], values!["hello"]]);
}

#[test]
fn a_topology_answers_several_functions_wherever_they_are_defined() {
    let (topology, server) = (TridentTopology::new(), drpc());
    let _ = topology.new_drpc_stream("echo", &server).project(["args"]);
    let feeder = FeederBatchSpout::new(["sentence"]).expect("fields");
    let (counts, _) = word_counts(&topology, &feeder);
    let _ = topology
        .new_drpc_stream("count", &server)
        .group_by(["args"])
        .state_query(&counts, ["args"], MapGet, ["count"])
        .project(["count"]);
    let _ = topology
        .new_drpc_stream("split", &server)
        .each(["args"], Split, ["word"])
        .project(["word"]);
    let (_cluster, running) = run(&topology);
    feeder.feed([values!["to be or not to be"]]);
    assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
    let ask = |function: &str, args: &str| {
        sorted(server.execute_tuples(function, args).expect("an answer"))
    };
    assert_eq!(ask("echo", "x y"), [values!["x y"]]);
    assert_eq!(ask("count", "be"), [values![2]]);
    assert_eq!(ask("split", "x y"), [values!["x"], values!["y"]]);
    running.kill(weir_topology::KillOptions::NOW).expect("it ends");
}
