//! States by key, driven as Storm's own tests drive them.

use super::*;
use weir_topology::{Value, Values, values};

fn add(state: &mut dyn MapState, key: &str, by: i64) -> i64 {
    let made = state
        .multi_update(&[values![key]], &mut |_, stored| {
            Ok((stored.as_int().unwrap_or(0) + by).into())
        })
        .expect("in order");
    made[0].as_int().expect("a number")
}

fn get(state: &mut dyn MapState, key: &str) -> Value {
    state.multi_get(&[values![key]]).expect("in order").remove(0)
}

#[test]
fn a_transactional_map_applies_a_batch_once() {
    let mut state = TransactionalMap::new(MemoryBacking::default());
    for (txid, steps) in [
        (1, [("a", 1, 1), ("a", 2, 3)]),
        (1, [("a", 1, 3), ("a", 2, 3)]),
        (2, [("a", 3, 6), ("a", 1, 7)]),
    ] {
        state.begin_commit(Some(txid)).expect("memory");
        for (key, by, now) in steps {
            assert_eq!(add(&mut state, key, by), now, "batch {txid}");
        }
        state.commit(Some(txid)).expect("memory");
    }
}

#[test]
fn an_opaque_map_takes_a_batch_back_and_refuses_an_older_one() {
    let mut state = OpaqueMap::new(MemoryBacking::default());
    for (txid, by, now) in [(1, 1, 1), (2, 1, 2), (2, 5, 6), (3, 1, 7)] {
        state.begin_commit(Some(txid)).expect("memory");
        assert_eq!(add(&mut state, "a", by), now, "batch {txid}");
        // What the batch itself wrote is what it builds on.
        assert_eq!(add(&mut state, "a", 0), now, "batch {txid}");
        state.commit(Some(txid)).expect("memory");
    }
    state.begin_commit(Some(2)).expect("memory");
    let error = state.multi_get(&[values!["a"]]).expect_err("batch 3 was there");
    assert!(error.to_string().contains("(2) is behind the state's batch (3)"), "{error}");
    state.begin_commit(None).expect("memory");
    assert_eq!(get(&mut state, "a"), 7.into());
}

#[test]
fn a_non_transactional_map_applies_a_batch_each_time() {
    let mut state = NonTransactionalMap::new(MemoryBacking::default());
    for now in [1, 2] {
        state.begin_commit(Some(1)).expect("memory");
        assert_eq!(add(&mut state, "a", 1), now);
        state.commit(Some(1)).expect("memory");
    }
}

#[test]
fn a_removal_is_final_when_another_batch_begins() {
    let mut state = MemoryMapState::new();
    let keys = |key: &str| vec![values![key]];
    state.begin_commit(Some(1)).expect("memory");
    state.multi_put(&[values!["a"], values!["b"]], vec![1.into(), 2.into()]).expect("memory");
    state.commit(Some(1)).expect("memory");
    state.begin_commit(Some(2)).expect("memory");
    state.multi_remove(&keys("a")).expect("memory");
    assert_eq!(get(&mut state, "a"), Value::Null);
    state.commit(Some(2)).expect("memory");
    assert_eq!(state.tuples().expect("memory"), [values!["b", 2]]);
    state.begin_commit(Some(2)).expect("memory");
    assert_eq!(get(&mut state, "a"), 1.into(), "the batch comes again");
    state.multi_remove(&keys("a")).expect("memory");
    state.commit(Some(2)).expect("memory");
    state.begin_commit(Some(3)).expect("memory");
    assert_eq!(get(&mut state, "a"), Value::Null);
    assert_eq!(get(&mut state, "b"), 2.into());
}

#[test]
fn a_partition_that_is_made_again_finds_its_state() {
    let factory = MemoryMapState::factory();
    let make = |index| {
        let partition = PartitionId { index, of: 2 };
        factory.make_state(&weir_topology::Config::new(), partition).expect("memory")
    };
    let mut state = make(1);
    state.begin_commit(Some(1)).expect("memory");
    assert_eq!(add(&mut state, "a", 4), 4);
    state.commit(Some(1)).expect("memory");
    drop(state);
    assert_eq!(get(&mut make(1), "a"), 4.into());
    assert_eq!(get(&mut make(0), "a"), Value::Null);
    let all: Vec<Values> = factory.tuples();
    assert_eq!(all, [values!["a", 4]]);
}

#[test]
fn what_a_batch_did_is_undone_when_it_comes_again_without_it() {
    let backing = MemoryBacking::default();
    let mut state = OpaqueMap::new(backing.clone());
    for (txid, key, now) in [(1, "a", 1), (1, "b", 1), (2, "a", 2)] {
        state.begin_commit(Some(txid)).expect("memory");
        assert_eq!(add(&mut state, key, 1), now);
        state.commit(Some(txid)).expect("memory");
    }
    // The executor is another one when batch 2 comes again, with other content.
    let mut state = OpaqueMap::new(backing);
    state.undo(2).expect("memory");
    state.undo(2).expect("memory");
    state.begin_commit(Some(2)).expect("memory");
    assert_eq!(add(&mut state, "b", 1), 2);
    state.commit(Some(2)).expect("memory");
    state.undo(1).expect("memory");
    state.begin_commit(Some(3)).expect("memory");
    assert_eq!(get(&mut state, "a"), 1.into());
    assert_eq!(get(&mut state, "b"), 2.into(), "nothing is known of batch 1 any more");
}

#[test]
fn what_is_set_again_after_it_was_removed_stays() {
    for updated in [false, true] {
        let mut state = MemoryMapState::new();
        state.begin_commit(Some(1)).expect("memory");
        state.multi_put(&[values!["a"], values!["b"]], vec![1.into(), 1.into()]).expect("memory");
        state.commit(Some(1)).expect("memory");
        state.begin_commit(Some(2)).expect("memory");
        state.multi_remove(&[values!["a"], values!["b"]]).expect("memory");
        if updated {
            assert_eq!(add(&mut state, "a", 5), 5);
        } else {
            state.multi_put(&[values!["a"]], vec![5.into()]).expect("memory");
        }
        state.commit(Some(2)).expect("memory");
        state.begin_commit(Some(3)).expect("memory");
        assert_eq!(get(&mut state, "a"), 5.into(), "updated: {updated}");
        assert_eq!(get(&mut state, "b"), Value::Null);
    }
}

#[test]
fn a_transactional_map_refuses_a_batch_from_before_what_it_has() {
    let mut state = TransactionalMap::new(MemoryBacking::default());
    state.begin_commit(Some(900)).expect("memory");
    assert_eq!(add(&mut state, "a", 1), 1);
    state.commit(Some(900)).expect("memory");
    state.begin_commit(Some(1)).expect("memory");
    let late = state.multi_update(&[values!["a"]], &mut |_, _| Ok(0.into()));
    let put = state.multi_put(&[values!["b"], values!["a"]], vec![7.into(), 7.into()]);
    for late in [late.map(drop), put] {
        let error = late.expect_err("the spout began anew").to_string();
        assert!(error.contains("(1) is behind the state's batch (900)"), "{error}");
    }
    state.begin_commit(None).expect("memory");
    assert_eq!([get(&mut state, "a"), get(&mut state, "b")], [1.into(), Value::Null]);
    state.multi_put(&[values!["a"]], vec![7.into()]).expect("a request has no place");
    assert_eq!(get(&mut state, "a"), 7.into());
}

#[test]
fn one_state_serves_groups_and_all_there_is_also_behind_a_pointer() {
    let map = OpaqueMap::new(CachedMap::new(MemoryBacking::default(), 3));
    let mut state = SnapshottableMap::new(map, values!["$all"]);
    state.begin_commit(Some(1)).expect("memory");
    assert_eq!(add(&mut state, "a", 4), 4);
    let mut all: Box<dyn Snapshottable> = Box::new(state);
    let add_one = &mut |stored: &Value| Ok((stored.as_int().unwrap_or(0) + 1).into());
    assert_eq!(Snapshottable::update(&mut all, add_one).expect("memory"), 1.into());
    all.commit(Some(1)).expect("memory");
    assert_eq!(Snapshottable::get(&mut all).expect("memory"), 1.into());
}
