//! Executors that die in other places than where tuples are handled: who is told what afterwards, and
//! whether that is a death like any other.

use std::collections::{BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_topology::grouping::{Chosen, GroupingContext, GroupingError, StreamGrouping};
use weir_topology::metrics::{CountMetric, DataPoint, TaskInfo};
use weir_topology::{
    ComponentError, ComponentResult, Config, FeederSpout, KillOptions, LocalCluster,
    OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout, RunningTopology,
    SpoutOutputCollector, StormTopology, TaskHook, TaskId, TopologyBuilder, TopologyContext,
    TreeInfo, Tuple, TupleInfo, Value, values,
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn die() -> ! {
    resume_unwind(Box::new("it dies"))
}

pub(crate) fn submit(
    cluster: &LocalCluster,
    topology: StormTopology,
    conf: Config,
) -> Arc<RunningTopology> {
    cluster.submit_topology("deaths", conf, topology).expect("submitted")
}

/// So often executors start again; -1 is as often as they like.
pub(crate) fn restarts(restarts: i64) -> Config {
    Config::new().set(Config::WEIR_EXECUTOR_RESTARTS, restarts)
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
            let conf = restarts(-1).set(Config::TOPOLOGY_MAX_SPOUT_PENDING, pending);
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

/// Where the end of a component is the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    CleanUp,
    Drop,
}

/// Dies of its end, if it is the second task of its component, and notes that it has come.
struct Ends {
    dies_in: Last,
    task: Option<usize>,
    ended: Arc<Mutex<Vec<(&'static str, usize)>>>,
}

impl Ends {
    fn begin(&mut self, context: &TopologyContext) -> ComponentResult {
        self.task = Some(context.task_index());
        Ok(())
    }

    fn end(&self, who: &'static str) {
        lock(&self.ended).push((who, self.task.unwrap_or(usize::MAX)));
        self.at(Last::CleanUp);
    }

    fn at(&self, last: Last) {
        if last == self.dies_in && self.task == Some(1) {
            die();
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.at(Last::Drop);
    }
}

impl RichBolt for Ends {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.begin(context)
    }
    fn execute(&mut self, _: Tuple, _: &mut OutputCollector) -> ComponentResult {
        Ok(())
    }
    fn cleanup(&mut self) {
        self.end("bolt");
    }
}

impl RichSpout for Ends {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.begin(context)
    }
    fn next_tuple(&mut self, _: &mut SpoutOutputCollector) -> ComponentResult {
        Ok(())
    }
    fn is_exhausted(&self) -> bool {
        true
    }
    fn close(&mut self) {
        self.end("spout");
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

#[test]
fn what_dies_of_its_end_is_reported_and_each_ends_once() {
    for (dies_in, left) in [(Last::CleanUp, 0), (Last::CleanUp, -1), (Last::Drop, 0)] {
        let ended = Arc::new(Mutex::new(Vec::new()));
        let made = Arc::clone(&ended);
        let ends = move || Ends { dies_in, task: None, ended: Arc::clone(&made) };
        let mut builder = TopologyBuilder::new();
        builder.set_spout("spout", ends.clone(), 1).set_num_tasks(3);
        let _ = builder.set_bolt("bolt", ends, 1).set_num_tasks(3).shuffle_grouping("spout");
        let topology = builder.create_topology().expect("a topology");
        let done = submit(&LocalCluster::new(), topology, restarts(left)).join();
        let mut errors: Vec<_> = done.expect("it ends").errors;
        errors.sort_by(|a, b| a.component.cmp(&b.component));
        let errors: Vec<_> = errors.iter().map(|e| (&*e.component, &*e.message)).collect();
        assert_eq!(errors, [("bolt", "it dies"), ("spout", "it dies")], "{dies_in:?}, {left}");
        let mut ended = lock(&ended).clone();
        ended.sort_unstable();
        let each = ["bolt", "spout"].into_iter().flat_map(|who| (0..3).map(move |at| (who, at)));
        assert_eq!(ended, each.collect::<Vec<_>>(), "{dies_in:?}, {left}");
    }
}

/// Where something dies that is not a component at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Corner {
    IsExhausted,
    SpoutAckHook,
    BoltExecuteHook,
    BoltFailHook,
    Refresh,
    Consumer,
    WakeAt,
    Drop,
}

/// It dies there, once.
struct Fate {
    corner: Corner,
    died: AtomicBool,
    starts: AtomicUsize,
}

impl Fate {
    fn at(&self, corner: Corner) {
        if corner == self.corner && !self.died.swap(true, Ordering::SeqCst) {
            die();
        }
    }

    /// Some corners are come to only by a death.
    fn leads_on(&self) -> bool {
        let dies_twice = matches!(self.corner, Corner::BoltFailHook | Corner::Drop);
        dies_twice && !self.died.load(Ordering::SeqCst)
    }
}

/// A spout, bolt, hook and grouping, each of which dies where it is to.
struct Fated {
    fate: Arc<Fate>,
    feeder: FeederSpout,
    target: Option<TaskId>,
    started: bool,
}

impl Fated {
    fn new(fate: &Arc<Fate>, feeder: &FeederSpout) -> Self {
        Self { fate: Arc::clone(fate), feeder: feeder.clone(), target: None, started: false }
    }

    fn start(&mut self, context: &TopologyContext) -> ComponentResult {
        self.started = true;
        self.fate.starts.fetch_add(1, Ordering::SeqCst);
        context.add_task_hook(Self::new(&self.fate, &self.feeder))?;
        Ok(())
    }
}

impl Drop for Fated {
    fn drop(&mut self) {
        if self.started {
            self.fate.at(Corner::Drop);
        }
    }
}

impl TaskHook for Fated {
    fn spout_ack(&mut self, _: TreeInfo<'_>) {
        self.fate.at(Corner::SpoutAckHook);
    }
    fn bolt_execute(&mut self, _: TupleInfo<'_>) {
        self.fate.at(Corner::BoltExecuteHook);
    }
    fn bolt_fail(&mut self, _: TupleInfo<'_>) {
        self.fate.at(Corner::BoltFailHook);
    }
}

impl StreamGrouping for Fated {
    fn prepare(&mut self, context: &GroupingContext) {
        self.target = context.targets.first().copied();
    }
    fn choose(&mut self, _: TaskId, _: &[Value], to: &mut Chosen) -> Result<(), GroupingError> {
        to.extend(self.target);
        Ok(())
    }
    fn refresh(&mut self, _: &dyn Fn(TaskId) -> f64) {
        self.fate.at(Corner::Refresh);
    }
}

impl RichSpout for Fated {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.start(context)?;
        self.feeder.open(conf, context)
    }
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.feeder.next_tuple(out)
    }
    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.feeder.ack(message_id)
    }
    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.feeder.fail(message_id)
    }
    fn is_exhausted(&self) -> bool {
        self.fate.at(Corner::IsExhausted);
        false
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

impl RichBolt for Fated {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.start(context)?;
        context.register_metric("tuples", CountMetric::default(), Duration::from_secs(1))?;
        Ok(())
    }
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if self.fate.leads_on() {
            return Err(ComponentError::fatal("it leads on"));
        }
        out.ack(&tuple);
        Ok(())
    }
    fn wake_at(&self) -> Option<u64> {
        self.fate.at(Corner::WakeAt);
        None
    }
}

fn a_death_is_survived(corner: Corner) {
    let fate = Arc::new(Fate { corner, died: false.into(), starts: 0.into() });
    let feeder = FeederSpout::new(["x"]).expect("fields");
    let make = || {
        let (fate, feeder) = (Arc::clone(&fate), feeder.clone());
        move || Fated::new(&fate, &feeder)
    };
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", make(), 1);
    let _ = builder.set_bolt("bolt", make(), 1).custom_grouping("spout", make());
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::with_simulated_time();
    let consumer = Arc::clone(&fate);
    cluster.register_metrics_consumer(move |_: &TaskInfo, _: &[DataPoint]| {
        consumer.at(Corner::Consumer);
    });
    let running = submit(&cluster, topology, restarts(1));
    cluster.advance_time(Duration::from_secs(3));
    for id in 0..3 {
        feeder.feed(values![id], id);
        assert!(running.await_processed(0, Duration::ZERO), "{corner:?}");
    }
    let twice = matches!(corner, Corner::BoltFailHook | Corner::Drop);
    assert_eq!(running.errors().len(), 1 + usize::from(twice), "{corner:?}");
    assert_eq!(fate.starts.load(Ordering::SeqCst), 3, "{corner:?}: one starts again");
    let status = feeder.take_status();
    assert!(status.acked.ends_with(&[1.into(), 2.into()]), "{corner:?}: {status:?}");
    assert_eq!(status.failed.len(), usize::from(twice), "{corner:?}");
    running.kill(KillOptions::NOW).expect("it ends");
}

#[test]
fn a_death_in_any_corner_is_one_of_the_executor() {
    use Corner::*;
    let of_spout = [IsExhausted, SpoutAckHook, Refresh];
    let of_bolt = [BoltExecuteHook, BoltFailHook, Consumer, WakeAt, Drop];
    of_spout.into_iter().chain(of_bolt).for_each(a_death_is_survived);
}
