//! Bolts with state, by themselves.

use weir_topology::state::{
    Action, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID, CHECKPOINT_STREAM,
    CheckpointTupleForwarder, KeyValue, Namespace, StateProvider, StatefulBolt,
    StatefulBoltExecutor,
};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::{
    ComponentError, ComponentResult, Config, FixedTupleSpout, LocalCluster, OutputCollector,
    OutputFieldsDeclarer, RichBolt, TopologyBuilder, Tuple, values,
};

/// Adds numbers up; a 0 is failed, and a negative number is fatal.
struct Sum;

impl StatefulBolt for Sum {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        collector: &mut OutputCollector,
    ) -> ComponentResult {
        let number = tuple.int("x")?;
        if number < 0 {
            return Err(ComponentError::fatal("negative"));
        }
        if number == 0 {
            collector.fail(&tuple);
            return Ok(());
        }
        let sum = state.get_or(&"sum".into(), 0)? + number;
        state.put("sum".into(), sum)?;
        collector.emit([&tuple], values![sum])?;
        collector.ack(&tuple);
        Ok(())
    }

    fn pre_prepare(&mut self, txid: i64, _state: &mut Self::State) -> ComponentResult {
        if txid == 13 { Err(ComponentError::fatal("not 13")) } else { Ok(()) }
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["sum"]);
    }
}

/// A bolt under test behind two tasks of one component.
struct Bench<B> {
    bolt: B,
    mock: MockCollector,
}

const FIELDS: [&str; 2] = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];

impl<B: RichBolt> Bench<B> {
    fn new(mut bolt: B) -> Self {
        let context = MockContext::new("sum", 9)
            .tasks("before", [4, 5])
            .input("before", "default", ["x"])
            .and_then(|context| context.input("before", CHECKPOINT_STREAM, FIELDS))
            .expect("streams")
            .build();
        let mock = MockCollector::of_bolt("sum", 9, &bolt).expect("streams");
        bolt.prepare(&Config::new(), &context).expect("state");
        Self { bolt, mock: mock.in_stateful_topology() }
    }

    fn number(&mut self, x: i64) -> Tuple {
        let tuple = tuple("before", "default", ["x"], 4, values![x]).expect("one field");
        self.bolt.execute(tuple.clone(), self.mock.collector()).expect("not negative");
        tuple
    }

    fn checkpoint_from(&mut self, task: i32, action: Action, txid: i64) -> Tuple {
        let values = values![txid, action.name()];
        let tuple = tuple("before", CHECKPOINT_STREAM, FIELDS, task, values).expect("two fields");
        self.bolt.execute(tuple.clone(), self.mock.collector()).expect("a checkpoint");
        tuple
    }

    /// From both tasks. Whether it was carried out.
    fn checkpoint(&mut self, action: Action, txid: i64) -> bool {
        let sent = self.mock.emitted_on(CHECKPOINT_STREAM).len();
        let [first, last] = [4, 5].map(|task| self.checkpoint_from(task, action, txid));
        assert!(self.is_acked(&first), "the first of two is acked whatever comes");
        assert!(self.is_acked(&last) != self.is_failed(&last));
        let sent = self.mock.emitted_on(CHECKPOINT_STREAM).len() > sent;
        assert_eq!(sent, self.is_acked(&last), "what is carried out is sent on");
        sent
    }

    fn is_acked(&self, tuple: &Tuple) -> bool {
        self.mock.acked().iter().any(|acked| acked.is(tuple))
    }

    fn is_failed(&self, tuple: &Tuple) -> bool {
        self.mock.failed().iter().any(|failed| failed.is(tuple))
    }

    fn sums(&self) -> Vec<i64> {
        self.mock.emitted_on("default").iter().filter_map(|values| values[0].as_int()).collect()
    }
}

fn sum(provider: &StateProvider) -> Bench<StatefulBoltExecutor<Sum>> {
    Bench::new(StatefulBoltExecutor::new(Sum, provider.clone()))
}

#[test]
fn tuples_wait_for_the_state_and_then_come_in_order() {
    let mut bench = sum(&StateProvider::memory());
    let numbers = [1, 2, 3].map(|x| bench.number(x));
    assert!(bench.sums().is_empty());
    assert!(bench.checkpoint(Action::InitState, -1));
    assert_eq!(bench.sums(), [1, 3, 6]);
    assert!(bench.mock.emitted()[2].anchors[0].is(&numbers[2]));
    assert!(bench.checkpoint(Action::InitState, -1), "sent on, but there is nothing to do");
    assert_eq!(bench.sums(), [1, 3, 6]);
}

#[test]
fn a_task_acts_when_all_tasks_before_it_have_asked() {
    let mut bench = sum(&StateProvider::memory());
    for _ in 0..3 {
        bench.checkpoint_from(4, Action::InitState, 0);
    }
    assert!(bench.mock.emitted_on(CHECKPOINT_STREAM).is_empty(), "one task, several times");
    bench.checkpoint_from(5, Action::InitState, 0);
    assert_eq!(bench.mock.emitted_on(CHECKPOINT_STREAM), [values![0, "INITSTATE"]]);
}

#[test]
fn what_was_asked_before_a_rollback_does_not_count_after_it() {
    let mut bench = sum(&StateProvider::memory());
    bench.checkpoint(Action::InitState, 0);
    bench.number(1);
    // The other task never got to send this one.
    bench.checkpoint_from(4, Action::Prepare, 1);
    bench.checkpoint(Action::Rollback, 1);
    bench.number(2);
    bench.mock.clear();
    bench.checkpoint_from(5, Action::Prepare, 1);
    assert!(bench.mock.emitted().is_empty(), "half of it is from before");
    bench.checkpoint_from(4, Action::Prepare, 1);
    assert_eq!(bench.mock.emitted_on(CHECKPOINT_STREAM), [values![1, "PREPARE"]]);
}

#[test]
fn a_request_of_a_faster_task_is_not_forgotten() {
    let mut bench = sum(&StateProvider::memory());
    bench.checkpoint(Action::InitState, 0);
    // The checkpoint failed elsewhere, and the one task is faster than the other.
    bench.checkpoint_from(4, Action::Prepare, 1);
    bench.checkpoint_from(4, Action::Rollback, 1);
    bench.checkpoint_from(5, Action::Prepare, 1);
    bench.mock.clear();
    bench.checkpoint_from(5, Action::Rollback, 1);
    assert_eq!(bench.mock.emitted_on(CHECKPOINT_STREAM), [values![1, "ROLLBACK"]]);
}

#[test]
fn a_tuple_is_done_when_a_commit_covers_it_and_fails_with_a_rollback() {
    let mut bench = sum(&StateProvider::memory());
    bench.checkpoint(Action::InitState, 0);
    let covered = bench.number(1);
    let failed = bench.number(0);
    assert!(bench.is_failed(&failed), "at once");
    assert!(bench.checkpoint(Action::Prepare, 1));
    let later = bench.number(2);
    assert!(!bench.is_acked(&covered));
    assert!(bench.checkpoint(Action::Commit, 1));
    assert!(bench.is_acked(&covered) && !bench.is_acked(&later));
    assert!(bench.checkpoint(Action::Prepare, 2));
    let last = bench.number(4);
    assert!(bench.checkpoint(Action::Rollback, 2));
    assert!(bench.is_failed(&later) && bench.is_failed(&last) && !bench.is_failed(&covered));
    bench.number(8);
    assert_eq!(bench.sums(), [1, 3, 7, 9], "the last on top of what was committed");
}

#[test]
fn a_commit_that_is_sent_again_is_done_once() {
    let mut bench = sum(&StateProvider::memory());
    bench.checkpoint(Action::InitState, 0);
    bench.number(1);
    assert!(bench.checkpoint(Action::Prepare, 1));
    assert!(bench.checkpoint(Action::Commit, 1));
    bench.number(2);
    assert!(bench.checkpoint(Action::Commit, 1), "some other task has not done it yet");
    assert!(bench.checkpoint(Action::Rollback, 2));
    bench.number(4);
    assert_eq!(bench.sums(), [1, 3, 5]);
    assert!(!bench.checkpoint(Action::Commit, 7), "never prepared");
    let want = "Invalid prepared state for commit, preparedState None txid 7";
    assert_eq!(bench.mock.errors(), [want]);
}

#[test]
fn a_bolt_that_cannot_prepare_fails_the_checkpoint() {
    let mut bench = sum(&StateProvider::memory());
    bench.checkpoint(Action::InitState, 12);
    let tuple = bench.number(1);
    assert!(!bench.checkpoint(Action::Prepare, 13));
    assert_eq!(bench.mock.errors(), ["not 13"]);
    assert!(!bench.is_acked(&tuple) && !bench.is_failed(&tuple));
    assert!(bench.checkpoint(Action::Rollback, 13));
    assert!(bench.is_failed(&tuple));
}

#[test]
fn an_executor_that_is_started_again_finds_its_state() {
    let folder = tempfile::tempdir().expect("a folder");
    for provider in [StateProvider::memory(), StateProvider::disk(folder.path())] {
        let mut bench = sum(&provider);
        bench.checkpoint(Action::InitState, 0);
        bench.number(1);
        bench.checkpoint(Action::Prepare, 1);
        bench.number(2);
        drop(bench);
        let mut bench = sum(&provider);
        assert!(!bench.checkpoint(Action::Prepare, 2), "it does not know what it should prepare");
        drop(bench);
        let mut bench = sum(&provider);
        assert!(bench.checkpoint(Action::Commit, 1), "that is what recovery is for");
        bench.number(4);
        assert!(bench.checkpoint(Action::InitState, 1));
        assert_eq!(bench.sums(), [5], "{provider:?}");
        drop(bench);
        let mut bench = sum(&provider);
        assert!(bench.checkpoint(Action::Commit, 1), "again");
        assert!(bench.checkpoint(Action::InitState, 1));
        bench.number(8);
        assert_eq!(bench.sums(), [9], "{provider:?}");
    }
}

#[test]
fn a_fatal_error_is_fatal_also_of_a_tuple_that_waited() {
    let mut bench = sum(&StateProvider::memory());
    bench.number(-1);
    bench.checkpoint_from(4, Action::InitState, 0);
    let values = values![0, "INITSTATE"];
    let last = tuple("before", CHECKPOINT_STREAM, FIELDS, 5, values).expect("two fields");
    let error = bench.bolt.execute(last, bench.mock.collector()).expect_err("negative");
    assert_eq!(error.to_string(), "negative");
}

#[test]
fn a_bolt_without_state_sends_checkpoints_on() {
    struct Twice;
    impl RichBolt for Twice {
        fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
            collector.emit([&tuple], values![2 * tuple.int(0)?])?;
            collector.ack(&tuple);
            Ok(())
        }
        fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
            declarer.declare(["x"]);
        }
    }
    let mut bench = Bench::new(CheckpointTupleForwarder::new(Twice));
    let number = bench.number(4);
    assert_eq!(bench.mock.emitted_on("default"), [values![8]], "it has no state to wait for");
    assert!(bench.is_acked(&number));
    for (action, txid) in [(Action::Prepare, 5), (Action::Rollback, 5), (Action::Prepare, 5)] {
        assert!(bench.checkpoint(action, txid));
    }
    let old = bench.checkpoint_from(4, Action::Commit, 4);
    let old_too = bench.checkpoint_from(5, Action::Commit, 4);
    assert!(bench.is_acked(&old) && bench.is_acked(&old_too));
    assert_eq!(bench.mock.emitted_on(CHECKPOINT_STREAM).len(), 3, "an old one is not sent on");
}

#[test]
fn several_states_of_a_task_have_names_of_their_own() {
    let one = Namespace { topology: "t".into(), component: "b".into(), task: 0 };
    let provider = StateProvider::memory();
    let _whole: KeyValue<u8, u8> = provider.key_value(&one).expect("free");
    let _part: KeyValue<u8, u8> = provider.key_value(&one.part("windows")).expect("free");
    assert_eq!(one.part("windows").to_string(), "t/b/windows/0");
}

/// Checkpoints that are forgotten with the process are of no use to state that is not.
#[test]
fn state_on_disk_wants_its_checkpoints_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, at) = (Config::TOPOLOGY_STATE_PROVIDER, Config::TOPOLOGY_STATE_PROVIDER_CONFIG);
    let place = folder.path().display().to_string();
    for (topology, refused) in [("memory", true), ("disk", false)] {
        let mut builder = TopologyBuilder::new();
        let spout = FixedTupleSpout::new(["x"], []).expect("fields");
        builder.set_spout("numbers", move || spout.clone(), 1);
        builder
            .set_stateful_bolt("sum", || Sum, 1)
            .shuffle_grouping("numbers")
            .add_configuration(key, "disk")
            .add_configuration(at, place.clone());
        let built = builder.create_topology().expect("a topology");
        let conf = Config::new().set(key, topology).set(at, place.clone());
        let cluster = LocalCluster::with_simulated_time();
        let submitted = cluster.submit_topology("sums", conf, built);
        let error = submitted.err().map(|error| error.to_string());
        assert_eq!(error.is_some(), refused, "{error:?}");
        assert!(error.is_none_or(|error| error.contains("\"sum\" has its state on disk")));
    }
}
