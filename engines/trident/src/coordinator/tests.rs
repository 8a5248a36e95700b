//! What a master does with spouts that are ready now and not then.

use super::*;
use crate::spout::{BatchCoordinator, BatchEmitter, SpoutPlace, TridentSpout};
use crate::store::{MemoryStore, TransactionalState, TransactionalStore};
use std::sync::Arc;
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
    MasterBatchCoordinator::new(vec![ManagedSpout { txid: "spout".to_owned(), spout, store }])
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
            let (txid, spout) = (txid.to_owned(), Arc::new(ReadyAfter { questions: 0 }));
            ManagedSpout { txid, spout, store: Arc::clone(&store) }
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
        let turn = spout.place(&conf, &context).next_to_be_committed();
        let come = [5, 6].map(|txid| turn.has_come(txid).expect("memory"));
        assert_eq!(come, [true, false], "{}", spout.txid);
    }
}
