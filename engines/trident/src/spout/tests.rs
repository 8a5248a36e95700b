//! What the emitters of a source whose partitions change are told.

use super::partition::Coordinating;
use super::{BatchCoordinator, FeederBatchSpout, PartitionCoordinator, SpoutPlace, TridentSpout};
use crate::TridentTopology;
use crate::coordinator::CURRENT_TX;
use crate::store::{MemoryStore, TransactionalState, TransactionalStore};
use std::sync::Arc;
use std::time::Duration;
use weir_topology::testing::MockContext;
use weir_topology::{ComponentError, Config, KillOptions, LocalCluster, Value, values};

/// Says one thing after the other.
struct Says(Vec<i64>);

impl PartitionCoordinator for Says {
    fn partitions_for_batch(&mut self) -> Result<Value, ComponentError> {
        Ok(self.0.remove(0).into())
    }
}

/// A coordinator whose source says these things, and what it is given and answers: the batch that comes,
/// what was said of it before, and the batch that is next to be committed; `None` for a batch that fails.
fn check(says: &[i64], same_again: bool, rows: &[(i64, Option<i64>, i64, Option<i64>)]) {
    let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
    let (conf, context) = (Config::new(), MockContext::new("spout", 1).build());
    let hold = Arc::default();
    let place =
        SpoutPlace { txid: "s", conf: &conf, context: &context, store: &store, hold: &hold };
    let mut coordinating = Coordinating::new(Box::new(Says(says.to_vec())), same_again, &place);
    for (row, (txid, before, next, want)) in rows.iter().enumerate() {
        let state = TransactionalState::coordinator(&store, "s");
        state.put(CURRENT_TX, &(*next).into()).expect("memory");
        let before = before.map(Value::from);
        let told = coordinating.initialize_transaction(*txid, None, before.as_ref());
        match (told, want) {
            (Ok(told), Some(want)) => assert_eq!(told, (*want).into(), "row {row}"),
            (Err(ComponentError::Failed(_)), None) => {}
            (told, _) => panic!("row {row}: {told:?} instead of {want:?}"),
        }
    }
}

#[test]
fn other_partitions_wait_until_all_batches_before_are_committed() {
    let rows = [
        (1, None, 1, Some(2)),
        (2, None, 1, Some(2)),
        (3, None, 1, None),
        // Nobody knows yet which partitions 3 will have.
        (4, None, 1, None),
        (3, None, 2, None),
        (3, None, 3, Some(9)),
        (4, None, 3, Some(9)),
    ];
    check(&[2, 2, 9, 2, 9, 9, 9], false, &rows);
}

#[test]
fn what_has_failed_is_not_gone_by() {
    // Batch 2 comes again with others, while the second attempt at 3 has the partitions of the first at 2.
    let rows =
        [(1, None, 1, Some(2)), (2, None, 1, Some(2)), (2, None, 1, None), (3, None, 1, None)];
    check(&[2, 2, 9, 2], false, &rows);
}

#[test]
fn a_batch_that_has_to_be_the_same_waits_as_well() {
    let rows = [
        (5, None, 5, Some(2)),
        (6, Some(9), 5, None),
        (6, Some(9), 6, Some(9)),
        (7, Some(9), 6, Some(9)),
    ];
    check(&[2], true, &rows);
}

#[test]
fn a_fed_batch_is_there_until_its_own_transaction_is_committed() {
    let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
    let (conf, context, hold) =
        (Config::new(), MockContext::new("spout", 1).build(), Arc::default());
    let place =
        SpoutPlace { txid: "s", conf: &conf, context: &context, store: &store, hold: &hold };
    let feeder = FeederBatchSpout::new(["x"]).expect("one field");
    (0..4).for_each(|number| feeder.feed([values![number]]));
    let coordinator = || feeder.coordinator(&place).expect("a coordinator");
    let mut first = coordinator();
    assert!(first.is_ready(1) && first.is_ready(2));
    first.success(1).expect("counted");
    // A topology that begins anew: batch 1 is still that of transaction 2, which has not been committed.
    let mut second = coordinator();
    assert!(second.is_ready(1) && second.is_ready(2) && second.is_ready(3));
    second.success(1).expect("counted");
    assert_eq!(feeder.committed(), 2, "batches 0 and 2");
    let told = second.initialize_transaction(2, None, None).expect("told");
    assert_eq!((told, feeder.waiting()), (1.into(), vec![1, 3]));
    // Word of transaction 2 is lost.
    second.success(3).expect("counted");
    assert_eq!((feeder.committed(), feeder.waiting()), (4, vec![]));
}

#[test]
fn who_wants_to_hear_of_what_is_fed_is_woken_until_the_topology_has_ended() {
    let feeder = FeederBatchSpout::new(["x"]).expect("one field");
    let topology = TridentTopology::new();
    let _ = topology.new_stream("s", feeder.clone()).project(["x"]);
    let built = topology.build().expect("a topology");
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("t", Config::new(), built).expect("submitted");
    feeder.feed([values![1]]);
    assert!(feeder.await_committed_for(Duration::from_secs(20)), "not committed");
    assert_eq!(feeder.wakers().len(), 2, "the master and the coordinator");
    running.kill(KillOptions::NOW).expect("it ends");
    assert!(feeder.wakers().is_empty());
}
