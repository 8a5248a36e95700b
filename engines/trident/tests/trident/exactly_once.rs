//! Batches that fail at random, before and while they are committed, and come again: every tuple counts
//! once, with the right spouts and states.

use crate::numbers::{Flaky, Numbers, counted, key};
use std::collections::BTreeMap;
use weir_topology::{ComponentError, Config, Fields, LocalCluster, Value};
use weir_trident::TridentTopology;
use weir_trident::operation::Count;
use weir_trident::spout::{Opaque, Partitioned, TridentSpout};
use weir_trident::state::{
    MapState, MemoryBacking, NonTransactionalMap, OpaqueMap, PartitionId, StateFactory,
    TransactionalMap,
};

const PARTITIONS: i64 = 3;
const END: i64 = 400;

/// So many batches under way at once; no executor may die.
fn conf(pending: i64) -> Config {
    Config::new()
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 1)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, pending)
}

/// Counts numbers by key, with failures, into a state.
fn count<F>(spout: impl TridentSpout, state: F, conf: Config, seed: u64)
where
    F: StateFactory,
    F::State: MapState,
{
    let before = Flaky::new(151, seed);
    let within = Flaky::new(61, seed + 1);
    let topology = TridentTopology::new();
    let counts = topology
        .new_stream("numbers", spout)
        .parallelism_hint(2)
        .map_to(key, ["key"])
        .each(["key"], before.clone(), Fields::none())
        .group_by(["key"])
        .persistent_aggregate(state, Fields::none(), Count, ["count"])
        .parallelism_hint(3);
    let _ = counts.new_values_stream().each(["key"], within.clone(), Fields::none());
    let built = topology.build().expect("a topology");
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("t", conf, built).expect("submitted");
    running.join().expect("it ends");
    assert!(before.failures() > 0 && within.failures() > 0, "nothing was put to the test");
}

/// What a backing map holds, by key.
fn held<T: Clone>(backings: &[MemoryBacking<T>], value: impl Fn(T) -> Value) -> BTreeMap<i64, i64> {
    let rows = backings.iter().flat_map(MemoryBacking::entries);
    counted(rows.map(|(key, held)| (key, value(held))))
}

fn oracle() -> BTreeMap<i64, i64> {
    crate::numbers::oracle(PARTITIONS, END)
}

fn numbers() -> Numbers {
    Numbers::new(PARTITIONS, END, 10)
}

macro_rules! in_partitions {
    ($map:ident) => {{
        let backings: Vec<_> = (0..3).map(|_| MemoryBacking::default()).collect();
        let of = backings.clone();
        let factory = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
            Ok($map::new(of[partition.index].clone()))
        };
        (backings, factory)
    }};
}

#[test]
fn transactional_batches_count_once_in_transactional_and_opaque_states() {
    for pending in [1, 4] {
        let (backings, factory) = in_partitions!(TransactionalMap);
        count(Partitioned(numbers()), factory, conf(pending), 1);
        assert_eq!(held(&backings, |held| held.value), oracle(), "transactional, {pending}");
        let (backings, factory) = in_partitions!(OpaqueMap);
        count(Partitioned(numbers()), factory, conf(pending), 2);
        assert_eq!(held(&backings, |held| held.curr), oracle(), "opaque, {pending}");
    }
}

#[test]
fn opaque_batches_count_once_in_opaque_states() {
    for pending in [1, 4] {
        let (backings, factory) = in_partitions!(OpaqueMap);
        count(Opaque(numbers()), factory, conf(pending), 3);
        assert_eq!(held(&backings, |held| held.curr), oracle(), "{pending}");
    }
}

/// The other way round: without a state that knows of batches, replays do count, so the failures of these
/// tests do matter.
#[test]
fn batches_that_come_again_count_again_in_other_states() {
    let (backings, factory) = in_partitions!(NonTransactionalMap);
    count(Partitioned(numbers()), factory, conf(2), 4);
    let (held, want) = (held(&backings, |held| held), oracle());
    assert!(held.iter().all(|(key, count)| *count >= want[key]), "nothing is lost");
    assert_ne!(held, want);
}

#[test]
fn partitions_that_come_and_go_with_batches_in_flight() {
    for pending in [2, 4] {
        let backings = [(); 3].map(|()| MemoryBacking::default());
        let of = backings.clone();
        let state = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
            Ok(OpaqueMap::new(of[partition.index].clone()))
        };
        let changing = numbers().changing();
        count(Opaque(changing.clone()), state, conf(pending), 31);
        assert!(changing.changed() > 10, "{} changes", changing.changed());
        assert_eq!(held(&backings, |held| held.curr), oracle(), "opaque, {pending} pending");
        let backings = [(); 3].map(|()| MemoryBacking::default());
        let of = backings.clone();
        let state = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
            Ok(TransactionalMap::new(of[partition.index].clone()))
        };
        let changing = numbers().changing();
        count(Partitioned(changing.clone()), state, conf(pending), 37);
        assert!(changing.changed() > 10, "{} changes", changing.changed());
        assert_eq!(
            held(&backings, |held| held.value),
            oracle(),
            "transactional, {pending} pending"
        );
    }
}

#[test]
fn emitters_coordinators_and_masters_that_die_with_batches_in_flight() {
    let deaths = || [Flaky::new(97, 41), Flaky::new(29, 42), Flaky::new(37, 43)];
    let died = |dies: &[Flaky; 3]| dies.iter().all(|flaky| flaky.failures() > 0);
    let restarted = || conf(3).set(Config::WEIR_EXECUTOR_RESTARTS, -1);
    let (dies, backings) = (deaths(), [(); 3].map(|()| MemoryBacking::default()));
    let of = backings.clone();
    let state = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
        Ok(OpaqueMap::new(of[partition.index].clone()))
    };
    count(Opaque(numbers().dying(&dies)), state, restarted(), 51);
    assert_eq!(held(&backings, |held| held.curr), oracle(), "opaque");
    assert!(died(&dies), "{dies:?}");
    let (dies, backings) = (deaths(), [(); 3].map(|()| MemoryBacking::default()));
    let of = backings.clone();
    let state = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
        Ok(TransactionalMap::new(of[partition.index].clone()))
    };
    count(Partitioned(numbers().dying(&dies)), state, restarted(), 57);
    assert_eq!(held(&backings, |held| held.value), oracle(), "transactional");
    assert!(died(&dies), "{dies:?}");
}
