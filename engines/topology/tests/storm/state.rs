//! Topologies with state: how they are put together, how they end, and that what dies in them changes
//! no count.

use crate::exactly_once::{Count, Entry, Lines, Split, counts_in};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_topology::state::{
    CHECKPOINT_COMPONENT, CHECKPOINT_STREAM, KeyValue, Namespace, StateProvider, StatefulBolt,
};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, Config, FeederSpout,
    FixedTupleSpout, KillOptions, LocalCluster, OutputCollector, OutputFieldsDeclarer, RichSpout,
    SpoutOutputCollector, StreamId, TopologyBuilder, TopologyContext, TopologyError, Tuple, Value,
    values,
};

/// Sums up the numbers of its tuples.
#[derive(Clone, Default)]
struct Sum {
    /// What it has committed last.
    committed: Arc<Mutex<i64>>,
    unanchored: bool,
}

const SUM: &str = "sum";

impl StatefulBolt for Sum {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let sum = state.get_or(&SUM.to_owned(), 0)? + tuple.int("number")?;
        state.put(SUM.to_owned(), sum)?;
        if self.unanchored {
            out.emit_unanchored(values![sum])?;
        } else {
            out.emit([&tuple], values![sum])?;
        }
        out.ack(&tuple);
        Ok(())
    }

    fn pre_commit(&mut self, _: i64, state: &mut Self::State) -> ComponentResult {
        *lock(&self.committed) = state.get_or(&SUM.to_owned(), 0)?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number"]);
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn numbers() -> FixedTupleSpout {
    FixedTupleSpout::new(["number"], (1..=100).map(|n| values![n])).expect("fields")
}

#[derive(Clone)]
struct Pass;

impl BasicBolt for Pass {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        out.emit(values![tuple.int("number")?])?;
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number"]);
    }
}

#[test]
fn one_bolt_with_state_leads_checkpoints_through_all() {
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", numbers, 2);
    builder.set_basic_bolt("pass", || Pass, 3).shuffle_grouping("numbers");
    builder
        .set_stateful_bolt("sum", Sum::default, 2)
        .shuffle_grouping("pass")
        .shuffle_grouping("numbers");
    builder.set_basic_bolt("last", || Pass, 1).shuffle_grouping("sum");
    let topology = builder.create_topology().expect("a topology");
    assert_eq!(topology.spout_ids().collect::<Vec<_>>(), [CHECKPOINT_COMPONENT, "numbers"]);
    let checkpoints = |id: &str| {
        let inputs = topology.inputs(id).filter(|(from, _)| from.stream == CHECKPOINT_STREAM);
        inputs.map(|(from, how)| (from.component.clone(), how)).collect::<Vec<_>>()
    };
    let all = |from: &str| (from.to_owned(), "all grouping");
    assert_eq!(checkpoints("pass"), [all(CHECKPOINT_COMPONENT)]);
    assert_eq!(checkpoints("sum"), [all("pass"), all(CHECKPOINT_COMPONENT)]);
    assert_eq!(checkpoints("last"), [all("sum")]);
    assert_eq!(topology.inputs("sum").next(), Some((&StreamId::from("pass"), "shuffle grouping")));
    for id in topology.component_ids() {
        let own = topology.streams(id).any(|(stream, _)| stream == CHECKPOINT_STREAM);
        assert_eq!(own, id != "numbers", "{id}");
    }
    let assignment = topology.assignment(&Config::new()).expect("an assignment");
    assert_eq!(assignment.components[CHECKPOINT_COMPONENT].tasks().count(), 1);
}

#[test]
fn a_topology_without_state_has_no_checkpoints_and_their_spout_has_one_name() {
    let mut builder = TopologyBuilder::new();
    builder.set_spout(CHECKPOINT_COMPONENT, numbers, 1);
    builder.set_basic_bolt("pass", || Pass, 1).shuffle_grouping(CHECKPOINT_COMPONENT);
    let topology = builder.create_topology().expect("without state the name is free");
    assert_eq!(topology.inputs("pass").count(), 1);

    let mut builder = TopologyBuilder::new();
    builder.set_spout(CHECKPOINT_COMPONENT, numbers, 1);
    builder.set_stateful_bolt("sum", Sum::default, 1).shuffle_grouping(CHECKPOINT_COMPONENT);
    let taken = TopologyError::Duplicate { kind: "Spout", id: CHECKPOINT_COMPONENT.into() };
    assert_eq!(builder.create_topology().expect_err("taken"), taken);
}

#[test]
fn a_finite_topology_ends_with_all_committed() {
    for ackers in [0, 1, 2] {
        let sum = Sum::default();
        let committed = Arc::clone(&sum.committed);
        let mut builder = TopologyBuilder::new();
        builder.set_spout("numbers", numbers, 2);
        builder.set_basic_bolt("pass", || Pass, 2).shuffle_grouping("numbers");
        builder.set_stateful_bolt("sum", move || sum.clone(), 1).shuffle_grouping("pass");
        let conf = Config::new()
            .set(Config::TOPOLOGY_ACKER_EXECUTORS, ackers)
            .set(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, 100);
        let topology = builder.create_topology().expect("a topology");
        let cluster = LocalCluster::new();
        let running = cluster.submit_topology("sum", conf, topology).expect("submitted");
        running.join().expect("it ends");
        assert_eq!(*lock(&committed), 5050, "{ackers} ackers");
    }
}

#[test]
fn what_a_bolt_with_state_has_not_anchored_is_refused() {
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", numbers, 1);
    let sum = || Sum { unanchored: true, ..Sum::default() };
    builder.set_stateful_bolt("sum", sum, 1).shuffle_grouping("numbers");
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("sum", Config::new(), topology).expect("submitted");
    let error = running.join().expect_err("it must not go on").to_string();
    assert!(error.contains("anchor"), "{error}");
}

/// On simulated time: a tuple is acked when a checkpoint covers it.
#[test]
fn tuples_are_acked_when_they_are_committed() {
    let cluster = LocalCluster::with_simulated_time();
    let feeder = FeederSpout::new(["number"]).expect("fields");
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    builder.set_stateful_bolt("sum", Sum::default, 1).shuffle_grouping("numbers");
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("sum", Config::new(), topology).expect("submitted");
    // The first checkpoint is made at once.
    cluster.advance_time_in_steps(Duration::from_millis(100), Duration::from_millis(1));
    feeder.feed(values![1], 1);
    cluster.advance_time_in_steps(Duration::from_millis(800), Duration::from_millis(1));
    assert_eq!(feeder.take_status().acked, []);
    cluster.advance_time_in_steps(Duration::from_millis(200), Duration::from_millis(1));
    assert_eq!(feeder.take_status().acked, [Value::from(1)]);
    running.kill(KillOptions::NOW).expect("it ends");
}

/// Who kills a topology and waits has all that was emitted committed, far sooner than after the wait.
#[test]
fn a_killed_topology_commits_what_is_open() {
    let feeder = FeederSpout::new(["number"]).expect("fields");
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    builder.set_stateful_bolt("sum", Sum::default, 1).shuffle_grouping("numbers");
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::new();
    let conf = Config::new().set(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, 300);
    let running = cluster.submit_topology("sum", conf, topology).expect("submitted");
    (0..10).for_each(|n| feeder.feed(values![n], n));
    let clock = cluster.clock();
    while feeder.status().acked.is_empty() {
        clock.sleep_until(clock.now_ns() + 1_000_000);
    }
    (10..20).for_each(|n| feeder.feed(values![n], n));
    let begun = clock.now_ns();
    let wait = Duration::from_secs(600);
    let summary = running.kill(KillOptions { wait }).expect("it ends");
    assert!(Duration::from_nanos(clock.now_ns() - begun) < wait / 10);
    let numbers = summary.components.iter().find(|component| component.id == "numbers");
    let total = numbers.expect("the spout").total();
    assert_eq!((total.acked, total.failed + total.timed_out), (total.emitted, 0));
}

// ---- what dies ----

/// Decides when something dies.
#[derive(Clone)]
struct Fate(Arc<Mutex<u64>>, u64);

impl Fate {
    fn may_strike(&self) -> ComponentResult {
        let mut lots = lock(&self.0);
        *lots = lots.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        let lot = *lots >> 33;
        drop(lots);
        if !lot.is_multiple_of(self.1) {
            return Ok(());
        }
        if (lot / self.1).is_multiple_of(2) {
            return Err(ComponentError::fatal("it cannot go on"));
        }
        resume_unwind(Box::new("it dies"))
    }
}

/// Dies before or after it has done what it should.
struct Mortal<C>(C, Fate, Snapshot);

/// By word, what was committed last.
type Snapshot = Arc<Mutex<BTreeMap<String, i64>>>;

impl StatefulBolt for Mortal<Count> {
    type State = KeyValue<Entry, i64>;

    fn init_state(&mut self, state: &mut Self::State) -> ComponentResult {
        self.1.may_strike()?;
        self.0.init_state(state)
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        self.1.may_strike()?;
        self.0.execute(tuple, state, out)?;
        self.1.may_strike()
    }

    fn pre_prepare(&mut self, _: i64, _: &mut Self::State) -> ComponentResult {
        self.1.may_strike()
    }

    fn pre_commit(&mut self, _: i64, state: &mut Self::State) -> ComponentResult {
        self.1.may_strike()?;
        lock(&self.2).extend(counts_in(state)?);
        Ok(())
    }

    fn post_rollback(&mut self, state: &mut Self::State) -> ComponentResult {
        self.0.post_rollback(state)
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.0.declare_output_fields(declarer);
    }
}

impl BasicBolt for Mortal<Split> {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        self.0.execute(tuple, out)?;
        self.1.may_strike()
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.0.declare_output_fields(declarer);
    }
}

impl RichSpout for Mortal<Lines> {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.0.open(conf, context)
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        let before = out.pending_count();
        self.0.next_tuple(out)?;
        // How often it is asked in vain is a matter of time.
        if out.pending_count() > before { self.1.may_strike() } else { Ok(()) }
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.0.ack(message_id)
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.0.fail(message_id)
    }

    fn is_exhausted(&self) -> bool {
        self.0.is_exhausted()
    }

    fn close(&mut self) {
        self.0.close();
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.0.declare_output_fields(declarer);
    }
}

fn line(number: i64) -> String {
    format!("a{} b{} c a{}", number % 7, number % 13, number % 3)
}

fn oracle(lines: i64) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for number in 0..lines {
        line(number).split(' ').for_each(|word| *counts.entry(word.into()).or_default() += 1);
    }
    counts
}

/// Runs the count with things that die once in `rarity` times. Returns what was committed last, and
/// how many have died.
fn run(lines: i64, rarity: u64, seed: u64, conf: Config) -> (BTreeMap<String, i64>, usize) {
    let (fate, counts) = (Fate(Arc::new(Mutex::new(seed)), rarity), Snapshot::default());
    let mortal = |fate: &Fate| (fate.clone(), Arc::clone(&counts));
    let [(f1, s1), (f2, s2), (f3, s3)] = [mortal(&fate), mortal(&fate), mortal(&fate)];
    let mut builder = TopologyBuilder::new();
    let spout = move || Mortal(Lines::new(line, lines), f1.clone(), Arc::clone(&s1));
    builder.set_spout("lines", spout, 1);
    let split = move || Mortal(Split, f2.clone(), Arc::clone(&s2));
    builder.set_basic_bolt("split", split, 2).shuffle_grouping("lines");
    let count = move || Mortal(Count::default(), f3.clone(), Arc::clone(&s3));
    builder
        .set_stateful_bolt("count", count, 2)
        .set_num_tasks(3)
        .fields_grouping("split", ["word"]);
    builder.set_basic_bolt("last", || Last, 2).shuffle_grouping("count");
    let conf = conf
        .set(Config::WEIR_EXECUTOR_RESTARTS, -1)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 0.3)
        .set(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, 100)
        // Each death undoes what was done since the last commit: that must be less than is done between
        // two deaths.
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 40);
    let topology = builder.create_topology().expect("a topology");
    let of_all = Config::new().set(Config::TOPOLOGY_TASKS, 7);
    let assignment = topology.assignment(&of_all).expect("it can be laid out");
    let tasks = |id: &str| assignment.components[id].tasks().count();
    assert_eq!((tasks("$checkpointspout"), tasks("count"), tasks("split")), (1, 3, 7));
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("deaths", conf, topology).expect("submitted");
    let summary = running.join().expect("it ends");
    let counts = lock(&counts).clone();
    (counts, summary.errors.len())
}

struct Last;

impl BasicBolt for Last {
    fn execute(&mut self, _: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        Ok(())
    }
}

#[test]
fn counts_in_memory_are_exact_whatever_dies() {
    let (counts, deaths) = run(1_000, 2_000, 17, Config::new());
    assert!(deaths > 3, "{deaths}");
    assert_eq!(counts, oracle(1_000));
}

#[test]
fn counts_on_disk_are_exact_whatever_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let conf = Config::new()
        .set(Config::TOPOLOGY_STATE_PROVIDER, "disk")
        .set(Config::TOPOLOGY_STATE_PROVIDER_CONFIG, folder.path().display().to_string());
    let provider = StateProvider::disk(folder.path());
    let mut lines = 0;
    for seed in [5, 6] {
        // The second one goes on where the first has ended.
        lines += 500;
        let (_, deaths) = run(lines, 1_500, seed, conf.clone());
        assert!(deaths > 2, "{deaths}");
        let mut counts = BTreeMap::new();
        for task in 0..3 {
            let (topology, component) = ("deaths".to_owned(), "count".to_owned());
            let state: KeyValue<Entry, i64> =
                provider.key_value(&Namespace { topology, component, task }).expect("a state");
            counts.extend(counts_in(&state).expect("counts"));
        }
        assert_eq!(counts, oracle(lines));
        assert_eq!(Lines::finished(&provider, "deaths", "lines").expect("a number"), lines);
    }
}
