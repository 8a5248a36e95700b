//! Maps with transactions: memory and disk against a model, errors, and a process that is killed.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use weir_topology::state::{
    InMemoryKeyValueState, KeyValue, KeyValueState, Namespace, State, StateError, StateProvider,
};
use weir_topology::{Config, Value, Values, values};

fn namespace() -> Namespace {
    Namespace { topology: "t".into(), component: "$b/../x".into(), task: 3 }
}

fn open(provider: &StateProvider) -> KeyValue<u8, Values> {
    provider.key_value(&namespace()).expect("nobody else has it")
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Put(u8, i64),
    Delete(u8),
    Prepare(i64),
    Commit(i64),
    Persist,
    Rollback,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0u8..5, 0i64..100).prop_map(|(key, value)| Op::Put(key, value)),
        2 => (0u8..5).prop_map(Op::Delete),
        3 => (0i64..5).prop_map(Op::Prepare),
        4 => (0i64..5).prop_map(Op::Commit),
        1 => Just(Op::Persist),
        2 => Just(Op::Rollback),
        2 => Just(Op::Reopen),
    ]
}

type Map = BTreeMap<u8, i64>;

/// What state is, in full copies.
#[derive(Clone, Debug, Default)]
struct Model {
    present: Map,
    committed: Map,
    committed_txid: Option<i64>,
    prepared: Option<(i64, Map)>,
}

impl Model {
    /// Does it; `None` if it is an error.
    fn apply(&mut self, op: Op) -> Option<Option<i64>> {
        match (op, &self.prepared) {
            (Op::Put(key, value), _) => drop(self.present.insert(key, value)),
            (Op::Delete(key), _) => return Some(self.present.remove(&key)),
            (Op::Prepare(txid), Some((pending, _))) if txid > *pending => return None,
            (Op::Prepare(txid), _) => self.prepared = Some((txid, self.present.clone())),
            (Op::Commit(txid), Some((prepared, _))) if *prepared == txid => {
                self.committed = self.prepared.take()?.1;
                self.committed_txid = Some(txid);
            }
            (Op::Commit(_), _) => return None,
            (Op::Persist, _) => self.committed = self.present.clone(),
            (Op::Rollback, _) => {
                self.prepared = None;
                self.present = self.committed.clone();
            }
            (Op::Reopen, Some((_, prepared))) => self.present = prepared.clone(),
            (Op::Reopen, None) => self.present = self.committed.clone(),
        }
        Some(None)
    }

    fn is_committed(&self, txid: i64) -> bool {
        self.committed_txid == Some(txid) && self.prepared.as_ref().is_none_or(|p| p.0 != txid)
    }
}

fn apply(map: &mut KeyValue<u8, Values>, op: Op) -> Result<Option<i64>, StateError> {
    match op {
        Op::Put(key, value) => map.put(key, values![value, "x"])?,
        Op::Delete(key) => return Ok(map.delete(&key)?.and_then(|values| values[0].as_int())),
        Op::Prepare(txid) => map.prepare_commit(txid)?,
        Op::Commit(txid) => map.commit(txid)?,
        Op::Persist => map.persist()?,
        Op::Rollback => map.rollback()?,
        Op::Reopen => {}
    }
    Ok(None)
}

fn follows_the_model(provider: &StateProvider, ops: &[Op]) {
    let (mut model, mut map) = (Model::default(), Some(open(provider)));
    for (n, op) in ops.iter().enumerate() {
        if matches!(op, Op::Reopen) {
            map = None;
        }
        let map = map.get_or_insert_with(|| open(provider));
        let context = || format!("{provider:?}, step {n} of {ops:?}");
        assert_eq!(apply(map, *op).ok(), model.apply(*op), "{}", context());
        let number = |values: Values| values[0].as_int().expect("a number");
        let entries: Result<Map, _> =
            map.iter().map(|entry| entry.map(|(key, values)| (key, number(values)))).collect();
        assert_eq!(entries.expect("readable"), model.present, "{}", context());
        for key in 0..5 {
            let value = map.get(&key).expect("readable").map(number);
            assert_eq!(value.as_ref(), model.present.get(&key), "{}", context());
        }
        for txid in 0..5 {
            assert_eq!(map.is_committed(txid), model.is_committed(txid), "{}", context());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_map_in_memory_follows_the_model(ops in proptest::collection::vec(op(), 0..60)) {
        follows_the_model(&StateProvider::memory(), &ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_map_on_disk_follows_the_model(ops in proptest::collection::vec(op(), 0..40)) {
        let folder = tempfile::tempdir().expect("a folder");
        follows_the_model(&StateProvider::disk(folder.path()), &ops);
    }
}

#[test]
fn a_map_is_open_once_only() {
    let folder = tempfile::tempdir().expect("a folder");
    for provider in [StateProvider::memory(), StateProvider::disk(folder.path())] {
        let first = open(&provider);
        let second = provider.clone().key_value::<u8, Values>(&namespace()).err();
        assert_eq!(second, Some(StateError::InUse { namespace: "t/$b/../x/3".into() }));
        let other = Namespace { task: 4, ..namespace() };
        provider.key_value::<u8, Values>(&other).expect("another task's");
        drop(first);
        open(&provider);
    }
}

#[test]
fn a_map_in_memory_keeps_its_types() {
    let provider = StateProvider::memory();
    drop(open(&provider));
    let error = provider.key_value::<u8, i64>(&namespace()).err().expect("other types");
    let text = error.to_string();
    assert!(text.starts_with("the state of t/$b/../x/3 holds (u8, "), "{text}");
    assert!(text.ends_with(", not (u8, i64)"), "{text}");
    open(&provider);
}

#[test]
fn values_of_every_other_kind_are_what_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = StateProvider::disk(folder.path());
    let bytes: Value = b"\0\xff"[..].into();
    let nested = values![values![(), values![]], "x"];
    let numbers = values![i64::MIN, i64::MAX, f64::NAN, -0.0, f64::INFINITY];
    let rows = [values![], values![(), true, "", "\u{1F980}", bytes], nested, numbers];
    let check = |map: &KeyValue<u8, Values>| {
        for (key, row) in (0u8..).zip(&rows) {
            assert_eq!(map.get(&key), Ok(Some(row.clone())));
        }
    };
    let mut map = open(&provider);
    for (key, row) in (0u8..).zip(&rows) {
        map.put(key, row.clone()).expect("in memory");
    }
    map.prepare_commit(1).expect("writable");
    drop(map);
    let mut map = open(&provider);
    check(&map);
    map.commit(1).expect("prepared");
    check(&map);
    drop(map);
    check(&open(&provider));
}

#[test]
fn an_object_cannot_be_kept_on_disk_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut map = open(&StateProvider::disk(folder.path()));
    map.put(1, values![1]).expect("in memory yet");
    map.put(2, values![1, values![Value::object(1u8)]]).expect("in memory yet");
    let error = map.prepare_commit(1).expect_err("an object").to_string();
    assert_eq!(
        error,
        "the state of t/$b/../x/3: cannot write weir_topology::tuple::values::Values: a part of it \
         has no serial form, such as an object in a tuple's value"
    );
    map.delete(&2).expect("readable");
    map.prepare_commit(1).expect("the one that failed has left nothing");
    map.commit(1).expect("prepared");
    assert_eq!(map.get(&1), Ok(Some(values![1])));
}

#[test]
fn a_file_that_is_no_state_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = StateProvider::disk(folder.path());
    let mut map = open(&provider);
    (0..=255).for_each(|key| map.put(key, values![i64::from(key)]).expect("in memory"));
    map.persist().expect("writable");
    drop(map);
    let file = folder.path().join("t/%24b%2f%2e%2e%2fx-3.redb");
    let whole = std::fs::read(&file).expect("written");
    let mut other = whole.clone();
    other[..64].fill(b'?');
    for damaged in [&other, &whole[..whole.len() / 2], &whole[..100], b"something else"] {
        std::fs::write(&file, damaged).expect("ours");
        let error = provider.key_value::<u8, Values>(&namespace()).err().expect("no state");
        let text = error.to_string();
        assert!(text.starts_with("the state of t/$b/../x/3: cannot open its file: "), "{text}");
        assert!(text.contains("x-3.redb"), "{text}");
    }
    std::fs::write(&file, &whole).expect("ours");
    assert_eq!(open(&provider).iter().count(), 256);
}

#[test]
fn the_configuration_says_where_state_is_kept() {
    let conf = |kind: &str| Config::new().set(Config::TOPOLOGY_STATE_PROVIDER, kind);
    let folder = conf("disk").set(Config::TOPOLOGY_STATE_PROVIDER_CONFIG, "/tmp/x");
    let rows = [
        (Config::new(), Ok("Memory")),
        (conf("memory"), Ok("Memory")),
        (folder, Ok("Disk(\"/tmp/x\")")),
        (
            conf("disk"),
            Err("topology.state.provider.config is not set: it must be the folder in \
                            which state is kept on disk"),
        ),
        (conf("redis"), Err("topology.state.provider is redis: it must be memory or disk")),
        (
            conf("disk").set(Config::TOPOLOGY_STATE_PROVIDER_CONFIG, 7),
            Err("topology.state.provider.config is 7: it must be a text"),
        ),
    ];
    for (conf, want) in rows {
        match (StateProvider::from_config(&conf), want) {
            (Ok(provider), Ok(want)) => assert!(format!("{provider:?}").contains(want), "{want}"),
            (got, want) => assert_eq!(got.err().map(|e| e.to_string()).as_deref(), want.err()),
        }
    }
}

#[test]
fn a_map_of_no_provider_starts_empty_and_ends_with_its_owner() {
    let mut map = InMemoryKeyValueState::new();
    map.put("a".to_owned(), 1).expect("in memory");
    assert_eq!(map.get_or(&"a".to_owned(), 7), Ok(1));
    assert_eq!(map.get_or(&"b".to_owned(), 7), Ok(7));
    map.rollback().expect("in memory");
    assert_eq!(map.iter().count(), 0);
}

const CHILD: &str = "WEIR_STATE_CHILD";

fn say(what: &str, number: i64) {
    let mut out = std::io::stdout();
    writeln!(out, "{what} {number}").and_then(|()| out.flush()).expect("a parent that listens");
}

/// The process that is killed: it opens one state after the other, in files that are not there yet.
#[test]
fn child_that_opens() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let provider = StateProvider::disk(folder);
    for task in 0.. {
        say("opening", task as i64);
        let map = provider.key_value::<u8, Values>(&Namespace { task, ..namespace() });
        assert_eq!(map.err(), None, "what the last child has left");
    }
}

/// The process that is killed: it counts to where it is stopped, and says so at every step.
#[test]
fn child_that_counts() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let mut map = open(&StateProvider::disk(folder));
    // What was under way when the last child was killed is not to be.
    map.rollback().expect("writable");
    let last = map.get(&0).expect("readable").and_then(|values| values[0].as_int()).unwrap_or(0);
    for txid in last + 1.. {
        for key in 0..=4 {
            map.put(key, values![txid]).expect("in memory");
        }
        say("preparing", txid);
        map.prepare_commit(txid).expect("writable");
        say("prepared", txid);
        // Not part of the transaction.
        map.put(0, values![-1]).expect("in memory");
        map.commit(txid).expect("prepared");
        say("committed", txid);
    }
}

/// Lets a child run until it has said `lines` things, and kills it. Returns what it said last, at
/// which it may have been long past.
fn kill_after(child: &str, folder: &Path, lines: usize) -> (String, i64) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([child, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some((what, txid)) = line.split_once(' ')
            && let Ok(txid) = txid.parse()
        {
            said.push((what.to_owned(), txid));
        }
        if said.len() == lines {
            break;
        }
    }
    child.kill().expect("ours");
    child.wait().expect("killed");
    said.pop().expect("it said something")
}

#[test]
fn a_killed_process_leaves_what_it_prepared_or_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..12 {
        let (what, txid) = kill_after("map::child_that_counts", folder.path(), 1 + round % 7);
        let mut map = open(&StateProvider::disk(folder.path()));
        let read = |map: &KeyValue<u8, Values>| -> Vec<i64> {
            let all = (0..=4).map(|key| map.get(&key).expect("readable"));
            all.map(|values| values.map_or(0, |values| values[0].as_int().expect("a number")))
                .collect()
        };
        let found = read(&map);
        assert!(found.iter().all(|value| *value == found[0]), "in part: {found:?}");
        let least = if what == "preparing" { txid - 1 } else { txid };
        assert!(found[0] >= least, "lost: {found:?} after {what} {txid}");
        // Either it is committed, or prepared and can be committed or rolled back.
        if map.is_committed(found[0]) || found[0] == 0 {
            map.rollback().expect("writable");
            assert_eq!(read(&map), found);
        } else if round % 2 == 0 {
            map.commit(found[0]).expect("prepared");
            map.rollback().expect("writable");
            assert_eq!(read(&map), found);
        } else {
            map.rollback().expect("writable");
            assert_eq!(read(&map), vec![found[0] - 1; 5]);
        }
    }
}

#[test]
fn a_process_that_is_killed_while_it_makes_a_file_leaves_none_in_part() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..8 {
        let (_, last) = kill_after("map::child_that_opens", folder.path(), 1 + round);
        let provider = StateProvider::disk(folder.path());
        for task in 0..=last as usize + 1 {
            let map = provider.key_value::<u8, Values>(&Namespace { task, ..namespace() });
            assert_eq!(map.err(), None, "task {task}");
        }
        let half = names_in(&folder.path().join("t")).into_iter().filter(|n| n.ends_with(".new"));
        assert_eq!(half.count(), 0, "what was begun is gone");
        std::fs::remove_dir_all(folder.path()).expect("ours");
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What a process has begun that was killed is in nobody's way, and does not stay.
#[test]
fn what_killed_processes_have_begun_goes_when_nobody_makes_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let within = folder.path().join("t");
    std::fs::create_dir_all(&within).expect("a folder");
    let own = std::process::id();
    // Also of one that had the number of this process.
    let left = ["c-0.redb.1-0.new".to_owned(), "other-7.redb.4000000-12.new".to_owned()];
    let left = left.into_iter().chain((0..3).map(|n| format!("c-0.redb.{own}-{n}.new")));
    let left: Vec<_> = left.collect();
    // They are not of the form that such files have.
    let others = ["c-0.new", "c-0.redb.1-.new", "c-0.redb.x-1.new", "c.redb.1-1.news", ".1-1.new"];
    for name in left.iter().map(String::as_str).chain(others) {
        std::fs::write(within.join(name), "half a file").expect("a file");
    }
    let provider = StateProvider::disk(folder.path());
    let open = |task| {
        let namespace = Namespace { topology: "t".into(), component: "c".into(), task };
        provider.key_value::<i64, i64>(&namespace).expect("a whole file")
    };
    let names = |more: &[&str], left: &[String]| {
        let names = others.iter().chain(more).map(|name| (*name).to_owned());
        let mut names: Vec<_> = names.chain(left.iter().cloned()).collect();
        names.sort();
        names
    };
    // Somebody makes a file: which one is not known, so all stay.
    let making = std::fs::File::open(&within).expect("a folder");
    making.lock_shared().expect("folders can be locked");
    drop(open(0));
    assert_eq!(names_in(&within), names(&["c-0.redb"], &left));
    making.unlock().expect("it was locked");
    drop(open(0));
    assert_eq!(names_in(&within), names(&["c-0.redb"], &[]), "to open one is enough");
}

/// Whoever makes a file first, all find a whole one, and nothing else that is there is touched.
#[test]
fn a_file_that_many_make_at_once_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let within = folder.path().join("a").join("t");
    std::fs::create_dir_all(&within).expect("a folder");
    std::fs::write(within.join("c-0.new"), "somebody's own").expect("a file");
    let namespace = Namespace { topology: "t".into(), component: "c".into(), task: 0 };
    let provider = StateProvider::disk(folder.path().join("a"));
    std::thread::scope(|scope| {
        for maker in 0..4i64 {
            let (provider, namespace) = (&provider, &namespace);
            scope.spawn(move || {
                let state = loop {
                    match provider.key_value::<i64, i64>(namespace) {
                        Err(StateError::InUse { .. }) => std::thread::yield_now(),
                        opened => break opened,
                    }
                };
                let mut state = state.expect("a whole file");
                state.put(maker, maker).expect("on disk");
                state.persist().expect("on disk");
            });
        }
    });
    let state = provider.key_value::<i64, i64>(&namespace).expect("a whole file");
    let mut kept: Vec<_> = state.iter().map(|entry| entry.expect("readable").0).collect();
    kept.sort_unstable();
    assert_eq!(kept, [0, 1, 2, 3]);
    assert_eq!(names_in(&within), ["c-0.new", "c-0.redb"]);
}
