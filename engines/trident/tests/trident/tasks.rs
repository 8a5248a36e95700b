//! How many tasks components have when the topology says how many all have.

use crate::numbers::{Numbers, counted, key, oracle};
use weir_topology::{ComponentError, Config, Fields, LocalCluster, values};
use weir_trident::operation::{Count, Sum, TridentCollector};
use weir_trident::spout::{Batched, FixedBatchSpout, Opaque};
use weir_trident::state::{MemoryMapState, MemoryMapStateFactory, PartitionId, StateFactory};
use weir_trident::{TridentTopology, TridentTuple};

/// A state of two partitions.
struct InTwo(MemoryMapStateFactory);

impl StateFactory for InTwo {
    type State = MemoryMapState;
    fn make_state(
        &self,
        conf: &Config,
        partition: PartitionId,
    ) -> Result<MemoryMapState, ComponentError> {
        assert_eq!(partition.of, 2);
        self.0.make_state(conf, partition)
    }
    fn required_partitions(&self) -> Option<usize> {
        Some(2)
    }
}

#[test]
fn the_topologys_number_of_tasks_is_that_of_all_but_masters_and_what_has_partitions() {
    let (topology, state) = (TridentTopology::new(), MemoryMapState::factory());
    let (one, two) = (MemoryMapState::factory(), MemoryMapState::factory());
    topology
        .new_stream("numbers", Opaque(Numbers::new(3, 200, 10)))
        .map_to(key, ["key"])
        .group_by(["key"])
        .persistent_aggregate(state.clone(), Fields::none(), Count, ["count"]);
    // The spout has one task, and what follows it takes from the task of its own place.
    let rows = (0..40).map(|number| values![number]);
    let spout = FixedBatchSpout::new(["number"], 7, rows).expect("fields");
    let summed = topology
        .new_stream("fixed", Batched(spout))
        .map_to(|tuple: &TridentTuple| Ok(values![tuple.int(0)?]), ["n"])
        .aggregate(["n"], Sum, ["sum"])
        .map_to(|tuple: &TridentTuple| Ok(values!["all", tuple.int(0)?]), ["all", "sum"])
        .group_by(["all"]);
    summed.persistent_aggregate(InTwo(two.clone()), ["sum"], Sum, ["sum"]);
    let spout = FixedBatchSpout::new(["x"], 1, [values![1]]).expect("fields");
    let nothing = |_: &mut MemoryMapState, _: &[TridentTuple], _: &mut TridentCollector<'_>| Ok(());
    let alone = topology.new_stream("alone", Batched(spout));
    alone.partition_persist(one, ["x"], nothing, Fields::none());
    let built = topology.build().expect("a topology");
    let conf = Config::new()
        .set(Config::TOPOLOGY_TASKS, 5)
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 3);
    let assignment = built.assignment(&conf).expect("it can be laid out");
    let mut bolts = Vec::new();
    for (id, component) in &assignment.components {
        let tasks = component.tasks().count();
        match &**id {
            "spout-numbers" => assert_eq!(tasks, 5),
            id if id.starts_with("b-") => bolts.push(tasks),
            id => assert_eq!(tasks, 1, "{id}"),
        }
    }
    bolts.sort_unstable();
    assert_eq!(bolts, [1, 1, 2, 5, 5, 5], "{assignment:?}");
    LocalCluster::new().submit_topology("t", conf, built).expect("submitted").join().expect("ends");
    let counts = state.tuples().into_iter().map(|row| (values![row[0].clone()], row[1].clone()));
    assert_eq!(counted(counts), oracle(3, 200));
    assert_eq!(two.tuples(), [values!["all", 780]]);
}
