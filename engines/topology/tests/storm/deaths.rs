//! Executors that die in other places than where tuples are handled: who is told what afterwards, and
//! whether those that cannot start leave the rest alone.

use std::collections::{BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_topology::{
    ComponentResult, Config, LocalCluster, OutputCollector, OutputFieldsDeclarer, RichBolt,
    RichSpout, RunningTopology, SpoutOutputCollector, StormTopology, TopologyBuilder,
    TopologyContext, Tuple, Value, values,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn die() -> ! {
    resume_unwind(Box::new("it dies"))
}

/// Submits a topology whose executors start again as often as they like.
fn submit(cluster: &LocalCluster, topology: StormTopology, conf: Config) -> Arc<RunningTopology> {
    let conf = conf.set(Config::WEIR_EXECUTOR_RESTARTS, -1);
    cluster.submit_topology("deaths", conf, topology).expect("submitted")
}

/// Where a spout dies, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    NextTuple,
    Ack,
    Fail,
}

/// What all the spouts of a test did.
#[derive(Default)]
struct Spouts {
    opened: i64,
    died: bool,
    /// Message ids of others that one was told of.
    foreign: Vec<i64>,
    acked: BTreeSet<i64>,
}

/// Messages that each spout sends, all with one call; their ids tell the spout.
const MESSAGES: i64 = 3;

/// Sends its messages until each is acked, and knows which are its own.
struct Mortal {
    dies_in: Place,
    all: Arc<Mutex<Spouts>>,
    number: i64,
    asked: usize,
    owed: VecDeque<i64>,
    open: BTreeSet<i64>,
}

impl Mortal {
    fn new(dies_in: Place, all: &Arc<Mutex<Spouts>>) -> Self {
        let (owed, open) = (VecDeque::new(), BTreeSet::new());
        Self { dies_in, all: Arc::clone(all), number: 0, asked: 0, owed, open }
    }

    /// The first of the first spouts dies where it is to.
    fn at(&self, place: Place) {
        if place == self.dies_in && self.number == 0 && !lock(&self.all).died {
            lock(&self.all).died = true;
            die();
        }
    }

    fn told_of(&mut self, message_id: &Value) -> i64 {
        let id = message_id.as_int().unwrap_or(-1);
        if !self.open.remove(&id) {
            lock(&self.all).foreign.push(id);
        }
        id
    }
}

impl RichSpout for Mortal {
    fn open(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        let mut all = lock(&self.all);
        self.number = all.opened;
        all.opened += 1;
        self.owed.extend((0..MESSAGES).map(|n| self.number * MESSAGES + n));
        Ok(())
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.asked += 1;
        if self.asked == 2 {
            self.at(Place::NextTuple);
        }
        for id in std::mem::take(&mut self.owed) {
            self.open.insert(id);
            out.emit(values![id], id)?;
        }
        Ok(())
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.at(Place::Ack);
        let id = self.told_of(&message_id);
        lock(&self.all).acked.insert(id);
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.at(Place::Fail);
        let id = self.told_of(&message_id);
        self.owed.push_back(id);
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.asked > 2 && self.owed.is_empty()
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["id"]);
    }
}

/// Fails every tuple when it comes first, unless it acks the even ones, and acks it when it comes again.
#[derive(Default)]
struct SecondTime(bool, BTreeSet<i64>);

impl RichBolt for SecondTime {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        let id = tuple.int("id")?;
        let first = self.1.insert(id);
        if first && !(self.0 && id % 2 == 0) {
            out.fail(&tuple)
        } else {
            out.ack(&tuple)
        }
        Ok(())
    }
}

#[test]
fn a_spout_that_starts_again_is_told_of_its_own_messages_and_of_all_of_them() {
    for dies_in in [Place::NextTuple, Place::Ack, Place::Fail] {
        for (tasks, pending) in [(1, None), (2, None), (2, Some(1))] {
            let all = Arc::new(Mutex::new(Spouts::default()));
            let mut builder = TopologyBuilder::new();
            let spouts = Arc::clone(&all);
            builder
                .set_spout("spout", move || Mortal::new(dies_in, &spouts), 1)
                .set_num_tasks(tasks);
            let acks_some = || SecondTime(true, BTreeSet::new());
            let _ = builder.set_bolt("bolt", acks_some, 1).shuffle_grouping("spout");
            let topology = builder.create_topology().expect("a topology");
            let conf = Config::new().set(Config::TOPOLOGY_MAX_SPOUT_PENDING, pending);
            let cluster = LocalCluster::new();
            submit(&cluster, topology, conf).join().expect("it ends");
            let all = lock(&all);
            let what = format!("{dies_in:?}, {tasks} tasks, {pending:?}");
            assert!(all.died, "{what}");
            assert_eq!(all.foreign, [0i64; 0], "{what}: message ids of others");
            let tasks = tasks as i64;
            assert_eq!(all.opened, 2 * tasks, "{what}");
            let successors = tasks * MESSAGES..2 * tasks * MESSAGES;
            let lost: Vec<_> = successors.filter(|id| !all.acked.contains(id)).collect();
            assert_eq!(lost, [0i64; 0], "{what}: messages without an end");
        }
    }
}
