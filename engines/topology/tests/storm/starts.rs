//! Executors that cannot start, at first or for ever: they leave the rest alone, and nothing is lost.

use crate::deaths::{die, restarts, submit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use weir_topology::{
    ComponentError, ComponentResult, Config, FeederSpout, FixedTupleSpout, KillOptions,
    LocalCluster, OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout, SpoutOutputCollector,
    StormTopology, TopologyBuilder, TopologyContext, Tuple, Value, values,
};

/// What a component dies of when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Make,
    /// A bolt's `prepare`, a spout's `open`.
    Prepare,
    Activate,
}

/// A component that dies in one step of its start, the first times.
#[derive(Debug)]
struct Trouble {
    step: Step,
    deaths: usize,
    attempts: Mutex<usize>,
    attempted: Condvar,
    /// Calls of the factory; the first is to see what is declared.
    made: AtomicUsize,
}

const ALWAYS: usize = usize::MAX;

impl Trouble {
    fn new(step: Step, deaths: usize) -> Arc<Self> {
        Arc::new(Self {
            step,
            deaths,
            attempts: Mutex::default(),
            attempted: Condvar::new(),
            made: 0.into(),
        })
    }

    fn none() -> Arc<Self> {
        Self::new(Step::Make, 0)
    }

    fn attempts(&self) -> usize {
        self.await_attempts(0)
    }

    /// Waits until there have been so many. Returns how many there have been.
    fn await_attempts(&self, least: usize) -> usize {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.attempted.wait_while(attempts, |attempts| *attempts < least);
        *waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, step: Step) {
        if step != self.step {
            return;
        }
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        *attempts += 1;
        self.attempted.notify_all();
        let dies = *attempts <= self.deaths;
        drop(attempts);
        if dies {
            die();
        }
    }

    fn make(&self) {
        if self.made.fetch_add(1, Ordering::SeqCst) > 0 {
            self.at(Step::Make);
        }
    }
}

/// Acks whatever comes.
struct Takes(Arc<Trouble>);

impl RichBolt for Takes {
    fn prepare(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        self.0.at(Step::Prepare);
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        out.ack(&tuple);
        Ok(())
    }
}

/// Emits some tuples, and minds that it is active then.
struct Gives {
    trouble: Arc<Trouble>,
    tuples: FixedTupleSpout,
    active: bool,
}

const TUPLES: u64 = 20;

impl Gives {
    fn new(trouble: &Arc<Trouble>) -> Self {
        let tuples = (0..TUPLES.cast_signed()).map(|x| values![x]);
        let tuples = FixedTupleSpout::new(["x"], tuples).expect("fields");
        Self { trouble: Arc::clone(trouble), tuples, active: false }
    }
}

impl RichSpout for Gives {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.trouble.at(Step::Prepare);
        self.tuples.open(conf, context)
    }

    fn activate(&mut self) {
        self.trouble.at(Step::Activate);
        self.active = true;
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        if !self.active {
            return Err(ComponentError::fatal("it is asked before it is active"));
        }
        self.tuples.next_tuple(out)
    }

    fn is_exhausted(&self) -> bool {
        self.tuples.is_exhausted()
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.tuples.declare_output_fields(declarer);
    }
}

/// A spout and a bolt with two tasks each in one executor.
fn troubled(spout: &Arc<Trouble>, bolt: &Arc<Trouble>) -> StormTopology {
    let (spout, bolt) = (Arc::clone(spout), Arc::clone(bolt));
    let mut builder = TopologyBuilder::new();
    let gives = move || {
        spout.make();
        Gives::new(&spout)
    };
    builder.set_spout("spout", gives, 1).set_num_tasks(2);
    let takes = move || {
        bolt.make();
        Takes(Arc::clone(&bolt))
    };
    let _ = builder.set_bolt("bolt", takes, 1).set_num_tasks(2).shuffle_grouping("spout");
    builder.create_topology().expect("a topology")
}

/// Topologies with each trouble that a start can have: what dies, its trouble, and the topology.
fn troubles(deaths: usize) -> impl Iterator<Item = (String, Arc<Trouble>, StormTopology)> {
    let spout = [Step::Make, Step::Prepare, Step::Activate].map(|step| ("spout", step));
    let bolt = [Step::Make, Step::Prepare].map(|step| ("bolt", step));
    spout.into_iter().chain(bolt).map(move |(who, step)| {
        let (trouble, none) = (Trouble::new(step, deaths), Trouble::none());
        let topology =
            if who == "spout" { troubled(&trouble, &none) } else { troubled(&none, &trouble) };
        (format!("{who}, {step:?}"), trouble, topology)
    })
}

#[test]
fn what_takes_some_attempts_to_start_loses_nothing() {
    for (what, trouble, topology) in troubles(3) {
        let cluster = LocalCluster::new();
        let conf = restarts(-1).set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, 1);
        let done = submit(&cluster, topology, conf).join().expect(&what);
        let errors: Vec<_> = done.errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(errors, ["it dies"; 3], "{what}");
        assert_eq!(trouble.attempts(), 3 + 2, "{what}");
        let spout = done.components.iter().find(|of| &*of.id == "spout").expect("it");
        assert_eq!((spout.total().acked, spout.total().failed), (TUPLES, 0), "{what}");
    }
}

#[test]
fn what_never_starts_pauses_between_attempts_and_can_be_killed() {
    for (what, trouble, topology) in troubles(ALWAYS) {
        let cluster = LocalCluster::with_simulated_time();
        let running = submit(&cluster, topology, restarts(-1));
        let mut attempts = vec![trouble.attempts()];
        let ms = Duration::from_millis;
        for (time, step) in [(9, 1), (1, 1), (19, 1), (1, 1), (20_000, 1_000)] {
            cluster.advance_time_in_steps(ms(time), ms(step));
            attempts.push(trouble.attempts());
        }
        assert_eq!(attempts, [2, 2, 3, 3, 4, 24], "{what}");
        running.kill(KillOptions::NOW).expect(&what);
    }
}

#[test]
fn what_is_killed_while_others_wait_for_it_to_start_ends() {
    for (what, trouble, topology) in troubles(ALWAYS) {
        let cluster = LocalCluster::new();
        let conf = restarts(-1).set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, 1);
        let running = submit(&cluster, topology, conf);
        // There is no pause before the second: from here on it is down for a while, again and again.
        trouble.await_attempts(3);
        running.kill(KillOptions::NOW).expect(&what);
    }
}

#[test]
fn attempts_to_start_use_up_restarts() {
    for left in [0, 2] {
        for (what, trouble, topology) in troubles(ALWAYS) {
            let cluster = LocalCluster::new();
            let running = submit(&cluster, topology, restarts(left));
            let error = running.join().expect_err(&what).to_string();
            let who = what.split(',').next().unwrap_or_default();
            assert!(error.starts_with(&format!("task {who}[")), "{what}: {error}");
            assert!(error.ends_with("it dies"), "{what}: {error}");
            assert_eq!(trouble.attempts() as i64, left + 1, "{what}");
        }
    }
}

/// Time stands still while anybody waits for it, so what comes for a bolt that is down is let go.
#[test]
fn what_comes_for_a_bolt_that_is_down_times_out_when_time_is_simulated() {
    let cluster = LocalCluster::with_simulated_time();
    let (feeder, trouble) =
        (FeederSpout::new(["x"]).expect("fields"), Trouble::new(Step::Prepare, 3));
    let (spout, bolt) = (feeder.clone(), Arc::clone(&trouble));
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || spout.clone(), 1);
    let takes = move || Takes(Arc::clone(&bolt));
    let _ = builder.set_bolt("bolt", takes, 1).shuffle_grouping("spout");
    let topology = builder.create_topology().expect("a topology");
    let running = submit(&cluster, topology, restarts(-1));
    feeder.feed(values![1], 1);
    assert!(running.await_processed(1, Duration::ZERO), "nothing is under way");
    assert_eq!((trouble.attempts(), feeder.take_status()), (2, Default::default()));
    cluster.advance_time_in_steps(Duration::from_millis(30), Duration::from_millis(1));
    assert_eq!(trouble.attempts(), 4);
    feeder.feed(values![2], 2);
    cluster.await_quiet();
    assert_eq!(feeder.take_status().acked, [Value::from(2)]);
    cluster.advance_time(Duration::from_secs(60));
    let status = feeder.take_status();
    assert_eq!((status.acked, status.failed), (vec![], vec![Value::from(1)]));
    running.kill(KillOptions::NOW).expect("it ends");
}
