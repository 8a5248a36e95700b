//! The checkpoint protocol as a whole: a replayable source, two bolts with state one behind the other,
//! and executors and processes that die between any two steps.

use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use weir_topology::state::{
    CHECKPOINT_COMPONENT, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID, CHECKPOINT_STREAM,
    CheckpointSpout, KeyValue, Namespace, StateProvider, StatefulBolt, StatefulBoltExecutor,
};
use weir_topology::testing::{MockCollector, MockContext, MockSpoutCollector, tuple};
use weir_topology::{
    ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout, Tuple,
    Value, Values, values,
};

const MESSAGES: i64 = 12;
/// Keys of what is not a message: how many there were, and how many tuples.
const DIFFERENT: i64 = -1;
const ALL: i64 = -2;

thread_local! {
    /// The transaction that a state had committed last when a bolt was given it.
    static FOUND: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Counts messages, each once: it keeps which it has seen.
struct Once;

impl StatefulBolt for Once {
    type State = KeyValue<i64, i64>;

    fn init_state(&mut self, state: &mut Self::State) -> ComponentResult {
        let committed = (0..1_000).rev().find(|txid| state.is_committed(*txid));
        FOUND.set(Some(committed.unwrap_or(-1)));
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        collector: &mut OutputCollector,
    ) -> ComponentResult {
        let message = tuple.int("message")?;
        state.put(ALL, state.get_or(&ALL, 0)? + 1)?;
        if state.get(&message)?.is_none() {
            state.put(message, 1)?;
            state.put(DIFFERENT, state.get_or(&DIFFERENT, 0)? + 1)?;
        }
        collector.emit([&tuple], tuple.values().clone())?;
        collector.ack(&tuple);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["message", "attempt"]);
    }
}

/// A bolt's task, what waits for it, and what it said.
struct Task {
    id: &'static str,
    bolt: StatefulBoltExecutor<Once>,
    mock: MockCollector,
    queue: VecDeque<Tuple>,
}

impl Task {
    fn new(id: &'static str, before: &'static str, provider: &StateProvider) -> Self {
        let mut bolt = StatefulBoltExecutor::new(Once, provider.clone());
        let fields = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];
        let context = MockContext::new(id, 1)
            .tasks(before, [1])
            .input(before, CHECKPOINT_STREAM, fields)
            .expect("a stream")
            .build();
        bolt.prepare(&Config::new(), &context).expect("state");
        let mock = MockCollector::of_bolt(id, 1, &bolt).expect("streams").in_stateful_topology();
        Self { id, bolt, mock, queue: VecDeque::new() }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The source sends a message that it has not sent yet.
    Source,
    /// The checkpoint spout is asked, after an interval.
    Spout,
    /// A bolt takes a tuple.
    First,
    Second,
    /// An executor dies, and what it had is timed out.
    FirstDies,
    SecondDies,
    /// The process dies. The source does not know any more what was acked.
    AllDie,
    /// Everything that is open times out.
    TimeOut,
}

struct World {
    provider: StateProvider,
    spout: CheckpointSpout,
    spout_mock: MockSpoutCollector,
    first: Task,
    second: Task,
    /// Open trees: what is left to ack of each message, by message and attempt.
    open: BTreeMap<(i64, i64), u8>,
    attempt: i64,
    /// How many messages have been sent, and which are known to be done.
    sent: i64,
    acked: Vec<bool>,
    /// The checkpoint that is under way: its tree, and what is left to ack of it.
    checkpoint: Option<(u64, i64, u8)>,
    /// Which tree a checkpoint tuple is of.
    trees: Vec<(Tuple, u64)>,
}

impl World {
    fn new(provider: StateProvider) -> Self {
        let spout = CheckpointSpout::new(provider.clone());
        let spout_mock =
            MockSpoutCollector::of_spout(CHECKPOINT_COMPONENT, 1, &spout).expect("a stream");
        let mut world = Self {
            first: Task::new("first", CHECKPOINT_COMPONENT, &provider),
            second: Task::new("second", "first", &provider),
            provider,
            spout,
            spout_mock,
            open: BTreeMap::new(),
            attempt: 0,
            sent: 0,
            acked: vec![false; MESSAGES as usize],
            checkpoint: None,
            trees: Vec::new(),
        };
        let context = MockContext::new(CHECKPOINT_COMPONENT, 1).build();
        world.spout.open(&Config::new(), &context).expect("state");
        world
    }

    fn send(&mut self, message: i64) {
        self.attempt += 1;
        let (fields, values) = (["message", "attempt"], values![message, self.attempt]);
        let sent = tuple("source", "default", fields, 1, values).expect("two fields");
        self.first.queue.push_back(sent);
        self.open.insert((message, self.attempt), 2);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Source if self.sent < MESSAGES => {
                self.send(self.sent);
                self.sent += 1;
            }
            Step::Source => {}
            Step::Spout => self.ask_spout(),
            Step::First => self.execute(true),
            Step::Second => self.execute(false),
            Step::FirstDies | Step::SecondDies => {
                let first = matches!(step, Step::FirstDies);
                let (task, before) = if first {
                    (&mut self.first, CHECKPOINT_COMPONENT)
                } else {
                    (&mut self.second, "first")
                };
                // The state is open once only.
                let id = task.id;
                *task = Task::new(id, before, &StateProvider::memory());
                *task = Task::new(id, before, &self.provider);
                self.time_out();
            }
            Step::TimeOut => self.time_out(),
            Step::AllDie => {
                let nowhere = StateProvider::memory();
                self.spout = CheckpointSpout::new(nowhere.clone());
                self.first = Task::new("first", CHECKPOINT_COMPONENT, &nowhere);
                self.second = Task::new("second", "first", &nowhere);
                *self = Self { attempt: self.attempt, ..Self::new(self.provider.clone()) };
            }
        }
    }

    fn ask_spout(&mut self) {
        self.spout_mock.clock().advance(Duration::from_millis(1001));
        self.spout.next_tuple(self.spout_mock.collector()).expect("a step");
        let emitted: Vec<Values> = self.spout_mock.emitted_on(CHECKPOINT_STREAM);
        self.spout_mock.clear();
        for values in emitted {
            assert!(self.checkpoint.is_none(), "one at a time");
            self.attempt += 1;
            let tree = self.attempt as u64;
            self.checkpoint = Some((tree, values[0].as_int().expect("a txid"), 2));
            let sent = checkpoint(CHECKPOINT_COMPONENT, values);
            self.trees.push((sent.clone(), tree));
            self.first.queue.push_back(sent);
        }
    }

    fn execute(&mut self, first: bool) {
        let task = if first { &mut self.first } else { &mut self.second };
        let Some(tuple) = task.queue.pop_front() else { return };
        task.bolt.execute(tuple.clone(), task.mock.collector()).expect("no error");
        if let Some(found) = FOUND.take() {
            // Wherever they were when something died, all tasks begin with the same transaction.
            assert_eq!(tuple.int(CHECKPOINT_FIELD_TXID), Ok(found), "{}", task.id);
        }
        let (acked, failed) = (task.mock.acked(), task.mock.failed());
        let emitted = task.mock.emitted().to_vec();
        task.mock.clear();
        for emission in emitted.into_iter().filter(|_| first) {
            if emission.stream == CHECKPOINT_STREAM {
                let sent = checkpoint("first", emission.values);
                let tree = self.tree(&emission.anchors[0]).expect("sent by the spout");
                self.trees.push((sent.clone(), tree));
                self.second.queue.push_back(sent);
            } else {
                let fields = ["message", "attempt"];
                let sent = tuple_of("first", "default", fields, emission.values);
                self.second.queue.push_back(sent);
            }
        }
        acked.iter().for_each(|tuple| self.settle(tuple, true));
        failed.iter().for_each(|tuple| self.settle(tuple, false));
    }

    fn tree(&self, tuple: &Tuple) -> Option<u64> {
        self.trees.iter().find(|(other, _)| other.is(tuple)).map(|(_, tree)| *tree)
    }

    fn settle(&mut self, tuple: &Tuple, acked: bool) {
        if tuple.source_stream() == CHECKPOINT_STREAM {
            // A tree that is not known has been given up.
            let Some((tree, txid, left)) = self.checkpoint else { return };
            if self.tree(tuple) != Some(tree) {
                return;
            }
            let left_then = if acked { left - 1 } else { 0 };
            self.checkpoint = (left_then > 0).then_some((tree, txid, left_then));
            if !acked {
                self.spout.fail(Value::from(txid)).expect("no error");
            } else if left == 1 {
                self.spout.ack(Value::from(txid)).expect("no error");
            }
            return;
        }
        let [message, attempt] = [0, 1].map(|n| tuple.int(n).expect("a number"));
        let Some(left) = self.open.get_mut(&(message, attempt)) else { return };
        *left -= 1;
        if !acked {
            self.open.remove(&(message, attempt));
            self.send(message);
        } else if *left == 0 {
            self.open.remove(&(message, attempt));
            self.acked[message as usize] = true;
        }
    }

    fn time_out(&mut self) {
        if let Some((_, txid, _)) = self.checkpoint.take() {
            self.spout.fail(Value::from(txid)).expect("no error");
        }
        for ((message, _), _) in std::mem::take(&mut self.open) {
            self.send(message);
        }
    }

    /// Runs without further trouble until all messages are done.
    fn finish(&mut self) {
        for _ in 0..1_000 {
            if self.acked.iter().all(|acked| *acked) {
                return;
            }
            for step in [Step::Source, Step::Spout, Step::First, Step::Second] {
                self.take(step);
            }
        }
        panic!("it does not end: {:?}, {:?}", self.acked, self.spout);
    }
}

fn tuple_of<const N: usize>(from: &str, stream: &str, fields: [&str; N], values: Values) -> Tuple {
    tuple(from, stream, fields, 1, values).expect("as many values as fields")
}

fn checkpoint(from: &str, values: Values) -> Tuple {
    tuple_of(from, CHECKPOINT_STREAM, [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION], values)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Source),
        12 => Just(Step::Spout),
        24 => Just(Step::First),
        24 => Just(Step::Second),
        1 => Just(Step::FirstDies),
        1 => Just(Step::SecondDies),
        1 => Just(Step::AllDie),
        1 => Just(Step::TimeOut),
    ]
}

/// When a message is done, what is committed of all bolts has it, and has it once.
fn exactly_once(provider: StateProvider, steps: &[Step]) {
    let mut world = World::new(provider.clone());
    steps.iter().for_each(|step| world.take(*step));
    world.finish();
    drop(world);
    for component in ["first", "second"] {
        let (topology, component) = ("test".to_owned(), component.to_owned());
        let namespace = Namespace { topology, component, task: 0 };
        let mut state: KeyValue<i64, i64> = provider.key_value(&namespace).expect("free");
        state.rollback().expect("writable");
        assert_eq!(state.get(&DIFFERENT), Ok(Some(MESSAGES)), "{namespace} after {steps:?}");
        assert!(state.get_or(&ALL, 0).expect("readable") >= MESSAGES, "{namespace}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn messages_that_are_done_are_committed_once(
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        exactly_once(StateProvider::memory(), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn on_disk_too(steps in proptest::collection::vec(step(), 0..120)) {
        let folder = tempfile::tempdir().expect("a folder");
        exactly_once(StateProvider::disk(folder.path()), &steps);
    }
}
