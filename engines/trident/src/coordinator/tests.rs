//! What a master does with spouts that are ready now and not then.

use super::*;
use crate::spout::{
    BatchCoordinator, BatchEmitter, PartitionCoordinator, Partitioned, PartitionedEmitter,
    PartitionedSpout, SpoutPlace, TridentSpout,
};
use crate::store::{MemoryStore, TransactionalState, TransactionalStore};
use std::sync::{Arc, Mutex};
use weir_topology::testing::{MockContext, MockSpoutCollector};
use weir_topology::{ComponentError, Config, Fields, IntoFields, RichSpout, Value, values};

/// A spout that is ready for a batch from so many questions on.
#[derive(Clone, Copy)]
struct ReadyAfter {
    questions: usize,
}

impl BatchCoordinator for ReadyAfter {
    fn initialize_transaction(
        &mut self,
        _txid: i64,
        _previous: Option<&Value>,
        _current: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        Ok(Value::Null)
    }

    fn is_ready(&mut self, _txid: i64) -> bool {
        let ready = self.questions == 0;
        self.questions = self.questions.saturating_sub(1);
        ready
    }
}

impl TridentSpout for ReadyAfter {
    fn coordinator(
        &self,
        _place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        Ok(Box::new(*self))
    }

    fn emitter(&self, _place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        Err(ComponentError::fatal("nobody emits"))
    }

    fn output_fields(&self) -> Fields {
        ["x"].into_fields().expect("one field")
    }
}

fn master(questions: usize) -> MasterBatchCoordinator {
    let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
    let spout = Arc::new(ReadyAfter { questions });
    MasterBatchCoordinator::new(vec![ManagedSpout::new("spout", spout, store)])
}

fn conf() -> Config {
    Config::new()
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 3)
}

#[test]
fn a_batch_does_not_begin_before_one_with_a_smaller_id() {
    for questions in 0..6 {
        let (mut master, conf) = (master(questions), conf());
        let context = MockContext::new("master", 1).config(conf.clone()).build();
        master.open(&conf, &context).expect("opens");
        let mut mock = MockSpoutCollector::of_spout("master", 1, &master).expect("fields");
        for _ in 0..10 {
            master.next_tuple(mock.collector()).expect("no failure");
        }
        let begun: Vec<Value> = mock.emitted().iter().map(|e| e.values[0].clone()).collect();
        let want: Vec<Value> = (1..=3).map(|txid| values![txid, 0].into()).collect();
        assert_eq!(begun, want, "ready after {questions} questions");
    }
}

#[test]
fn a_topology_without_ackers_is_refused() {
    let conf = conf().set(Config::TOPOLOGY_ACKER_EXECUTORS, 0);
    let context = MockContext::new("master", 1).config(conf.clone()).build();
    let error = master(0).open(&conf, &context).expect_err("nothing would be known of batches");
    assert!(error.to_string().contains("topology.acker.executors"), "{error}");
}

#[test]
fn spouts_whose_stored_batches_differ_go_on_at_the_greatest() {
    let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
    let spouts: Vec<ManagedSpout> = ["ahead", "behind", "new"]
        .map(|txid| {
            ManagedSpout::new(txid, Arc::new(ReadyAfter { questions: 0 }), Arc::clone(&store))
        })
        .into();
    for (txid, current) in [("ahead", 5), ("behind", 4)] {
        let state = TransactionalState::coordinator(&store, txid);
        state.put(CURRENT_TX, &current.into()).expect("memory");
    }
    let conf = conf();
    let context = MockContext::new("master", 1).config(conf.clone()).build();
    let mut master = MasterBatchCoordinator::new(spouts.clone());
    master.open(&conf, &context).expect("opens");
    for spout in &spouts {
        let turn = spout.place(&conf, &context).turn();
        assert_eq!(turn.current().expect("memory"), 5, "{}", spout.txid);
    }
}

/// Says these partitions of its batches, one after the other.
struct Says(Mutex<Vec<i64>>);

impl PartitionCoordinator for Arc<Says> {
    fn partitions_for_batch(&mut self) -> Result<Value, ComponentError> {
        Ok(self.0.lock().expect("no panic").remove(0).into())
    }
}

impl PartitionedSpout for Arc<Says> {
    fn coordinator(
        &self,
        _place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn PartitionCoordinator>, ComponentError> {
        Ok(Box::new(Self::clone(self)))
    }
    fn emitter(
        &self,
        _place: &SpoutPlace<'_>,
    ) -> Result<Box<dyn PartitionedEmitter>, ComponentError> {
        Err(ComponentError::fatal("nobody emits"))
    }
    fn output_fields(&self) -> Fields {
        ["x"].into_fields().expect("one field")
    }
}

#[test]
fn a_batch_that_has_to_wait_begins_again_when_its_turn_has_come() {
    let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
    let says = Arc::new(Says(Mutex::new(vec![2, 2, 9, 9])));
    let spout = ManagedSpout::new("spout", Arc::new(Partitioned(says)), store);
    let conf = conf();
    let context = MockContext::new("master", 1).config(conf.clone()).build();
    let mut master = MasterBatchCoordinator::new(vec![spout.clone()]);
    master.open(&conf, &context).expect("opens");
    let place = spout.place(&conf, &context);
    let mut coordinator = spout.spout.coordinator(&place).expect("a coordinator");
    let mut mock = MockSpoutCollector::of_spout("master", 1, &master).expect("fields");
    let mut begun = |master: &mut MasterBatchCoordinator| -> Vec<Value> {
        mock.clear();
        master.next_tuple(mock.collector()).expect("no failure");
        let begun = mock.emitted().iter().filter(|e| e.stream == BATCH_STREAM);
        begun.map(|e| e.values[0].clone()).collect()
    };
    let id = |txid: i64, attempt: i64| -> Value { values![txid, attempt].into() };
    assert_eq!(begun(&mut master), [id(1, 0), id(2, 0), id(3, 0)]);
    let mut initialize = |txid| coordinator.initialize_transaction(txid, None, None);
    let told = [1, 2, 3].map(|txid| initialize(txid).is_ok());
    assert_eq!(told, [true, true, false], "3 has other partitions");
    master.fail(id(3, 0)).expect("no failure");
    assert_eq!(begun(&mut master), [], "it would only fail again");
    for txid in [1, 2] {
        master.ack(id(txid, 0)).expect("processed");
        assert_eq!(begun(&mut master), []);
        master.ack(id(txid, 0)).expect("committed");
    }
    assert_eq!(begun(&mut master), [id(3, 1), id(4, 0), id(5, 0)]);
    initialize(3).expect("its turn has come");
}
