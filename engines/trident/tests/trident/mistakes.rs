//! Mistakes that only show when a topology runs: it ends with an error that says what to do.

use weir_topology::{
    ComponentError, ComponentResult, Config, Fields, IntoFields, LocalCluster, Value, Values,
    values,
};
use weir_trident::operation::{Aggregator, Count, Function, TridentCollector};
use weir_trident::spout::{
    Batched, FixedBatchSpout, PartitionCoordinator, Partitioned, PartitionedEmitter,
    PartitionedSpout, SpoutPartition, SpoutPlace,
};
use weir_trident::state::{MemoryMapState, PartitionId, StateFactory};
use weir_trident::window::{MemoryWindowsStore, WindowConfig, WindowsStore};
use weir_trident::{
    BatchId, LocalDrpc, Stream, TransactionAttempt, TridentError, TridentTopology, TridentTuple,
};

/// Emits these values.
#[derive(Clone)]
struct Emits(Values);

impl Function for Emits {
    fn execute(&mut self, _: &TridentTuple, out: &mut TridentCollector<'_>) -> ComponentResult {
        out.emit(self.0.clone());
        Ok(())
    }
}

/// How a topology ends.
fn ends(topology: &TridentTopology, conf: Config) -> String {
    let built = topology.build().expect("a topology");
    let conf = conf
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 1);
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("mistaken", conf, built);
    running.expect("submitted").join().map(drop).expect_err("a mistake").to_string()
}

fn numbers(topology: &TridentTopology, row: Values) -> Stream {
    let spout = FixedBatchSpout::new(["number"], 1, [row]).expect("fields");
    topology.new_stream("numbers", Batched(spout))
}

#[test]
fn another_number_of_values_than_fields() {
    type Define = fn(&TridentTopology);
    let rows: [(Define, &str); 4] = [
        (
            |topology| {
                let x = Emits(values![1]);
                let _ = numbers(topology, values![1]).each(["number"], x, ["x", "y"]);
            },
            "1 values were emitted for the 2 fields [x, y]",
        ),
        (
            |topology| {
                let x = Emits(values![1, 2, 3]);
                let _ = numbers(topology, values![1]).shuffle().each(["number"], x, ["x"]);
            },
            "3 values were emitted for the 1 fields [x]",
        ),
        (
            |topology| {
                let map = |_: &TridentTuple| Ok(values![]);
                let _ = numbers(topology, values![1]).map_to(map, ["x"]);
            },
            "0 values were emitted for the 1 fields [x]",
        ),
        (
            |topology| {
                let _ = numbers(topology, values![1, 2]).project(["number"]);
            },
            "2 values were emitted for the 1 fields [number]",
        ),
    ];
    for (define, want) in rows {
        let topology = TridentTopology::new();
        define(&topology);
        let error = ends(&topology, Config::new());
        assert!(error.contains(want), "{error}");
    }
}

impl Aggregator for Emits {
    type State = ();
    fn init(&mut self, _: BatchId, _: &mut TridentCollector<'_>) -> ComponentResult {
        Ok(())
    }
    fn aggregate(
        &mut self,
        (): &mut (),
        _: &TridentTuple,
        _: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        Ok(())
    }
    fn complete(&mut self, (): (), out: &mut TridentCollector<'_>) -> ComponentResult {
        out.emit(self.0.clone());
        Ok(())
    }
}

#[test]
fn an_aggregator_that_emits_another_number_of_values_than_fields() {
    type Define = fn(Stream) -> Stream;
    let rows: [(Define, &str); 4] = [
        (
            |numbers| numbers.aggregate(["number"], Emits(values![1, 2]), ["x"]),
            "2 values were emitted for the 1 fields [x]",
        ),
        (
            |numbers| {
                let grouped = numbers.group_by(["number"]);
                grouped.aggregate(["number"], Emits(values![]), ["x"])
            },
            "0 values were emitted for the 1 fields [x]",
        ),
        (
            // Together they are as many as the fields.
            |numbers| {
                let chain = numbers.chained_agg();
                let chain = chain.aggregate(["number"], Emits(values![1, 2]), ["x"]);
                chain.aggregate(["number"], Emits(values![3]), ["y", "z"]).chain_end()
            },
            "2 values were emitted for the 1 fields [x]",
        ),
        (
            |numbers| numbers.partition_aggregate(["number"], Count, ["x", "y"]),
            "1 values were emitted for the 2 fields [x, y]",
        ),
    ];
    for (define, want) in rows {
        let topology = TridentTopology::new();
        let _ = define(numbers(&topology, values![1]));
        let error = ends(&topology, Config::new());
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn what_a_window_cannot_emit_is_not_kept() {
    let mut store = MemoryWindowsStore::new();
    let topology = TridentTopology::new();
    let (window, wrong) = (WindowConfig::TumblingCount(1), Emits(values![1, 2]));
    let stream = numbers(&topology, values![1]);
    let _ = stream.window_in(store.clone(), window, ["number"], wrong, ["x"]);
    let error = ends(&topology, Config::new());
    assert!(error.contains("2 values were emitted for the 1 fields [x]"), "{error}");
    let kept = store.keys("").expect("memory");
    assert!(!kept.is_empty() && kept.iter().all(|key| key.ends_with("meta")), "{kept:?}");
}

#[test]
fn no_ackers() {
    let topology = TridentTopology::new();
    let counts = MemoryMapState::factory();
    numbers(&topology, values![1]).group_by(["number"]).persistent_aggregate(
        counts,
        Fields::none(),
        Count,
        ["count"],
    );
    let requests = TridentTopology::new();
    let _ = requests.new_drpc_stream("echo", &LocalDrpc::new()).project(["args"]);
    for topology in [topology, requests] {
        let error = ends(&topology, Config::new().set(Config::TOPOLOGY_ACKER_EXECUTORS, 0));
        assert!(error.contains("topology.acker.executors is 0"), "{error}");
    }
}

/// A source that says nothing of its batches.
struct Silent;

impl PartitionCoordinator for Silent {
    fn partitions_for_batch(&mut self) -> Result<Value, ComponentError> {
        Ok(1.into())
    }
}

impl PartitionedEmitter for Silent {
    fn ordered_partitions(&mut self, _: &Value) -> Result<Vec<SpoutPartition>, ComponentError> {
        Ok(vec![SpoutPartition::new("only")])
    }
    fn emit_new(
        &mut self,
        _: TransactionAttempt,
        _: &mut TridentCollector<'_>,
        _: &SpoutPartition,
        _: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        Ok(Value::Null)
    }
    fn emit_again(
        &mut self,
        _: TransactionAttempt,
        _: &mut TridentCollector<'_>,
        _: &SpoutPartition,
        _: &Value,
    ) -> ComponentResult {
        Ok(())
    }
}

impl PartitionedSpout for Silent {
    fn coordinator(
        &self,
        _: &SpoutPlace<'_>,
    ) -> Result<Box<dyn PartitionCoordinator>, ComponentError> {
        Ok(Box::new(Self))
    }
    fn emitter(&self, _: &SpoutPlace<'_>) -> Result<Box<dyn PartitionedEmitter>, ComponentError> {
        Ok(Box::new(Self))
    }
    fn output_fields(&self) -> Fields {
        ["x"].into_fields().expect("one field")
    }
}

#[test]
fn nothing_by_which_a_batch_could_come_again() {
    let topology = TridentTopology::new();
    let _ = topology.new_stream("silent", Partitioned(Silent)).project(["x"]);
    let error = ends(&topology, Config::new());
    assert!(error.contains("emit_new returned null for 1:0 of partition only"), "{error}");
}

/// Makes states that need so many partitions.
struct Needs(usize);

impl StateFactory for Needs {
    type State = MemoryMapState;
    fn make_state(&self, _: &Config, _: PartitionId) -> Result<MemoryMapState, ComponentError> {
        Ok(MemoryMapState::new())
    }
    fn required_partitions(&self) -> Option<usize> {
        Some(self.0)
    }
}

fn persist(stream: &Stream, partitions: usize) {
    let nothing = |_: &mut MemoryMapState, _: &[TridentTuple], _: &mut TridentCollector<'_>| Ok(());
    stream.partition_persist(Needs(partitions), ["number"], nothing, Fields::none());
}

#[test]
fn numbers_of_partitions_that_cannot_be() {
    let topology = TridentTopology::new();
    let spread = numbers(&topology, values![1]).shuffle().project(["number"]);
    persist(&spread, 2);
    persist(&spread, 3);
    let error = topology.build().expect_err("2 and 3");
    assert!(matches!(error, TridentError::Partitions { one: 2, other: 3, .. }), "{error}");
    let topology = TridentTopology::new();
    // The spout has one task, and so has what follows it.
    persist(&numbers(&topology, values![1]), 2);
    let error = topology.build().expect_err("at most 1");
    assert!(matches!(error, TridentError::Parallelism { fixed: 2, most: 1, .. }), "{error}");
}

#[test]
fn a_hint_that_nothing_would_follow() {
    let topology = TridentTopology::new();
    let _ = numbers(&topology, values![1]).shuffle().parallelism_hint(2);
    let error = topology.build().expect_err("a repartition has no tasks").to_string();
    assert!(error.contains("parallelism_hint: it follows a repartition"), "{error}");
}

#[test]
fn streams_of_another_topology() {
    let (one, other) = (TridentTopology::new(), TridentTopology::new());
    let foreign = numbers(&other, values![1]);
    let _ = one.merge(&[&numbers(&one, values![1]), &foreign]);
    let error = one.build().expect_err("a foreign stream");
    assert!(matches!(error, TridentError::Foreign { operation: "merge" }), "{error}");
    let one = TridentTopology::new();
    let _ = one.join((&foreign, ["number", "number"]), (&foreign, ["number"]), ["number"]);
    one.build().expect_err("a field twice is an error of the topology that joins");
}
