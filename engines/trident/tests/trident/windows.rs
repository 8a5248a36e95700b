//! Windows over batches that fail now and then: each result comes out once.

use crate::numbers::{Flaky, Numbers};
use std::sync::Arc;
use std::time::Duration;
use weir_topology::{
    ComponentError, ComponentResult, Config, Fields, KillOptions, LocalCluster, Value, Values,
    values,
};
use weir_trident::operation::{Count, ReducerAggregator, Sum};
use weir_trident::spout::{
    Batched, FeederBatchSpout, FixedBatchSpout, Opaque, Partitioned, TridentSpout,
};
use weir_trident::state::MemoryMapState;
use weir_trident::store::MemoryStore;
use weir_trident::window::{MemoryWindowsStore, WindowConfig, WindowsStore};
use weir_trident::{TridentError, TridentTopology, TridentTuple};

fn conf(pending: i64) -> Config {
    Config::new()
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 1)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, pending)
}

/// The sums of windows over the numbers from 0, seven to a batch, and how often each came out.
fn sums(window: WindowConfig, numbers: i64, one_in: u64, seed: u64) -> (Vec<Values>, u64) {
    let spout = FixedBatchSpout::new(["number"], 7, (0..numbers).map(|number| values![number]));
    let (state, flaky) = (MemoryMapState::factory(), Flaky::new(one_in, seed));
    let topology = TridentTopology::new();
    let _ = topology
        .new_stream("numbers", Batched(spout.expect("fields")))
        .window(window, ["number"], Sum, ["sum"])
        .each(["sum"], flaky.clone(), Fields::none())
        .group_by(["sum"])
        .persistent_aggregate(state.clone(), Fields::none(), Count, ["count"])
        .new_values_stream()
        .each(["sum"], flaky.clone(), Fields::none())
        .parallelism_hint(2);
    let cluster = LocalCluster::new();
    let built = topology.build().expect("a topology");
    cluster.submit_topology("t", conf(1), built).expect("submitted").join().expect("it ends");
    let mut rows = state.tuples();
    rows.sort();
    (rows, flaky.failures())
}

#[test]
fn windows_of_counts_come_out_once() {
    let want: Vec<Values> = (0..20).map(|k| values![3 * (3 * k + 1), 1]).collect();
    let (rows, failures) = sums(WindowConfig::TumblingCount(3), 62, 5, 1);
    assert_eq!(rows, want);
    assert!(failures > 0, "nothing was put to the test");
    let sliding = WindowConfig::SlidingCount { length: 4, slide: 2 };
    let want: Vec<Values> =
        std::iter::once(values![1, 1]).chain((0..29).map(|k| values![8 * k + 6, 1])).collect();
    assert_eq!(sums(sliding, 60, 7, 2).0, want);
}

#[test]
fn windows_of_time_come_out_with_a_later_batch() {
    let feeder = FeederBatchSpout::new(["number"]).expect("fields");
    let state = MemoryMapState::factory();
    let topology = TridentTopology::new();
    topology
        .new_stream("numbers", feeder.clone())
        .tumbling_time_window(Duration::from_secs(10), ["number"], Sum, ["sum"])
        .group_by(["sum"])
        .persistent_aggregate(state.clone(), Fields::none(), Count, ["count"]);
    let cluster = LocalCluster::with_simulated_time();
    let built = topology.build().expect("a topology");
    let running = cluster.submit_topology("t", conf(1), built).expect("submitted");
    for (number, seconds, want) in [(1, 3, vec![]), (2, 8, vec![]), (4, 1, vec![values![3, 1]])] {
        feeder.feed([values![number]]);
        cluster.advance_time(Duration::from_secs(seconds));
        assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
        assert_eq!(state.tuples(), want, "after {number}");
    }
    running.kill(KillOptions::NOW).expect("it ends");
}

/// Adds up, fails once in a while and dies once in a while.
#[derive(Clone)]
struct FlakySum {
    fails: Flaky,
    dies: Flaky,
}

impl ReducerAggregator for FlakySum {
    fn init(&mut self) -> Value {
        0.into()
    }
    fn reduce(&mut self, sum: &Value, tuple: &TridentTuple) -> Result<Value, ComponentError> {
        self.fails.maybe_fail()?;
        self.dies.maybe_die();
        Ok((sum.as_int().unwrap_or(0) + tuple.int(0)?).into())
    }
}

/// A store that fails, and makes its task die, once in a while.
#[derive(Clone)]
struct FlakyStore {
    store: MemoryWindowsStore,
    fails: Flaky,
    dies: Flaky,
}

impl FlakyStore {
    /// Before or after anything is done.
    fn maybe_fail(&self) -> ComponentResult {
        self.dies.maybe_die();
        self.fails.maybe_fail()
    }
}

impl WindowsStore for FlakyStore {
    fn get(&mut self, keys: &[String]) -> Result<Vec<Value>, ComponentError> {
        self.maybe_fail()?;
        self.store.get(keys)
    }
    fn put(&mut self, entries: Vec<(String, Value)>) -> ComponentResult {
        self.maybe_fail()?;
        self.store.put(entries)?;
        self.maybe_fail()
    }
    fn remove(&mut self, keys: &[String]) -> ComponentResult {
        self.maybe_fail()?;
        // One by one, and perhaps not all.
        for key in keys {
            self.store.remove(std::slice::from_ref(key))?;
            self.maybe_fail()?;
        }
        Ok(())
    }
    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, ComponentError> {
        self.maybe_fail()?;
        self.store.keys(prefix)
    }
}

/// Sums of windows over a spout of one partition with its numbers in order, with failures and deaths in and
/// behind the windows and in their store, and how often each came out.
fn flaky_sums(spout: impl TridentSpout, window: WindowConfig, pending: i64) -> Vec<Values> {
    let (fails, dies, behind) = (Flaky::new(83, 3), Flaky::new(211, 4), Flaky::new(19, 5));
    let (store_fails, store_dies) = (Flaky::new(23, 6), Flaky::new(61, 7));
    let state = MemoryMapState::factory();
    let topology = TridentTopology::new();
    let sum = FlakySum { fails: fails.clone(), dies: dies.clone() };
    let (kept, of) = (MemoryWindowsStore::new(), (store_fails.clone(), store_dies.clone()));
    let store = move || -> Result<Box<dyn WindowsStore>, ComponentError> {
        let (store, (fails, dies)) = (kept.clone(), of.clone());
        Ok(Box::new(FlakyStore { store, fails, dies }))
    };
    topology
        .new_stream("numbers", spout)
        .window_in(store, window, ["number"], sum, ["sum"])
        .each(["sum"], behind.clone(), Fields::none())
        .group_by(["sum"])
        .persistent_aggregate(state.clone(), Fields::none(), Count, ["count"]);
    let conf = conf(pending).set(Config::WEIR_EXECUTOR_RESTARTS, -1);
    let cluster = LocalCluster::new();
    let built = topology.build().expect("a topology");
    cluster.submit_topology("t", conf, built).expect("submitted").join().expect("it ends");
    for flaky in [fails, dies, behind, store_fails, store_dies] {
        assert!(flaky.failures() > 0, "nothing was put to the test");
    }
    let mut rows = state.tuples();
    rows.sort();
    rows
}

#[test]
fn windows_are_exact_whatever_fails_with_batches_in_flight() {
    let tumbling = WindowConfig::TumblingCount(3);
    let sums: Vec<Values> = (0..100).map(|k| values![3 * (3 * k + 1), 1]).collect();
    let sliding = WindowConfig::SlidingCount { length: 4, slide: 2 };
    let slid = (0..149).map(|k| values![8 * k + 6, 1]);
    let slid: Vec<Values> = std::iter::once(values![1, 1]).chain(slid).collect();
    for pending in [1, 3] {
        for (window, want) in [(tumbling, &sums), (sliding, &slid)] {
            let numbers = || Numbers::new(1, 300, 7);
            let rows = flaky_sums(Partitioned(numbers()), window, pending);
            assert_eq!(rows, *want, "transactional, {window:?}, {pending}");
            let rows = flaky_sums(Opaque(numbers()), window, pending);
            assert_eq!(rows, *want, "opaque, {window:?}, {pending}");
        }
    }
}

#[test]
fn windows_of_time_go_on_in_the_next_life() {
    let (progress, windows) = (Arc::new(MemoryStore::new()), MemoryWindowsStore::new());
    let feeder = FeederBatchSpout::new(["number"]).expect("fields");
    let state = MemoryMapState::factory();
    // In each life the numbers that are fed, so many seconds before the next. Between lives no time goes by.
    for (life, want) in [
        (vec![(1, 3)], vec![]),
        (vec![(2, 11), (4, 1)], vec![values![3, 1]]),
        (vec![(8, 10), (16, 1)], vec![values![3, 1], values![15, 1]]),
    ] {
        let topology = TridentTopology::with_store(progress.clone());
        let (length, slide) = (Duration::from_secs(20), Duration::from_secs(10));
        let window = WindowConfig::SlidingDuration { length, slide };
        topology
            .new_stream("numbers", feeder.clone())
            .window_in(windows.clone(), window, ["number"], Sum, ["sum"])
            .group_by(["sum"])
            .persistent_aggregate(state.clone(), Fields::none(), Count, ["count"]);
        let cluster = LocalCluster::with_simulated_time();
        let built = topology.build().expect("a topology");
        let running = cluster.submit_topology("t", conf(1), built).expect("submitted");
        for (number, seconds) in life {
            feeder.feed([values![number]]);
            cluster.advance_time(Duration::from_secs(seconds));
            assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
        }
        running.kill(KillOptions::NOW).expect("it ends");
        let mut rows = state.tuples();
        rows.sort();
        assert_eq!(rows, want);
    }
}

#[test]
fn a_committed_batch_that_the_windows_store_has_lost_is_an_error() {
    for pending in [1, 3] {
        let (progress, mut windows) = (Arc::new(MemoryStore::new()), MemoryWindowsStore::new());
        let of = windows.clone();
        let run = |numbers: i64| {
            let rows = (0..numbers).map(|number| values![number]);
            let spout = FixedBatchSpout::new(["number"], 7, rows).expect("fields");
            let topology = TridentTopology::with_store(progress.clone());
            let stream = topology.new_stream("numbers", Batched(spout));
            let window = WindowConfig::TumblingCount(3);
            let _ = stream.window_in(of.clone(), window, ["number"], Sum, ["sum"]);
            let built = topology.build().expect("a topology");
            LocalCluster::new().submit_topology("t", conf(pending), built).expect("submitted")
        };
        run(28).join().expect("four batches");
        let kept = windows.keys("").expect("memory");
        let last = kept.into_iter().filter(|key| key.ends_with("b|00000000000000000004"));
        windows.remove(&last.collect::<Vec<_>>()).expect("memory");
        let running = run(56);
        let error = running.join().expect_err("4 is missing").to_string();
        let text = "ends with batch 3, but its spouts have committed batches 4 to 4";
        assert!(error.contains(text) && error.contains("empty it"), "{error}");
        let reported = running.errors();
        assert!(reported.iter().any(|error| error.message.contains(text)), "{reported:?}");
    }
}

#[test]
fn windows_that_cannot_be_are_refused() {
    for window in [
        WindowConfig::TumblingCount(0),
        WindowConfig::SlidingCount { length: 2, slide: 3 },
        WindowConfig::TumblingDuration(Duration::ZERO),
    ] {
        let topology = TridentTopology::new();
        let feeder = FeederBatchSpout::new(["number"]).expect("fields");
        let stream = topology.new_stream("numbers", feeder);
        let _ = stream.window(window, ["number"], Count, ["count"]);
        let error = topology.build().expect_err("no window");
        assert!(matches!(error, TridentError::BadAmount { .. }), "{error}");
    }
}
