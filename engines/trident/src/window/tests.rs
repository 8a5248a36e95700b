//! What windows know after they have been taken back, broken off and found again.

use super::{Content, Cut, Journal, MemoryWindowsStore, Taken, WindowsStore};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_topology::{ComponentError, ComponentResult, Value, Values, values};

/// A store in memory that fails to remove anything while it is told to.
#[derive(Clone, Default)]
struct Stubborn {
    store: MemoryWindowsStore,
    keeps: Arc<AtomicBool>,
}

impl WindowsStore for Stubborn {
    fn get(&mut self, keys: &[String]) -> Result<Vec<Value>, ComponentError> {
        self.store.get(keys)
    }
    fn put(&mut self, entries: Vec<(String, Value)>) -> ComponentResult {
        self.store.put(entries)
    }
    fn remove(&mut self, keys: &[String]) -> ComponentResult {
        if self.keeps.load(Ordering::Relaxed) {
            return Err(ComponentError::failed("not now"));
        }
        self.store.remove(keys)
    }
    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, ComponentError> {
        self.store.keys(prefix)
    }
}

const THREE: Cut = Cut::Count { length: 3, slide: 3 };

fn open(store: impl WindowsStore, cut: Cut, now_ns: i64) -> Journal {
    Journal::open(Box::new(store), "w|".to_owned(), cut, now_ns).expect("opens")
}

/// Takes a batch as it would be if it were new. Returns its windows.
fn take(journal: &mut Journal, txid: i64, at_ns: i64, tuples: &[Values]) -> Vec<Vec<Values>> {
    journal.take_back(txid).expect("not committed");
    assert!(journal.missing_before(txid).is_none(), "{txid} has one before it");
    let windows = journal.cut(at_ns, tuples);
    let taken = Taken { at_ns, tuples: tuples.to_vec(), results: Vec::new() };
    journal.keep(txid, taken).expect("memory");
    windows
}

fn numbers(numbers: std::ops::Range<i64>) -> Vec<Values> {
    numbers.map(|number| values![number]).collect()
}

#[test]
fn what_the_store_does_not_let_go_of_is_not_taken_back() {
    let store = Stubborn::default();
    let mut journal = open(store.clone(), THREE, 0);
    (1..=3).for_each(|txid| drop(take(&mut journal, txid, 0, &numbers(2 * txid..2 * txid + 2))));
    store.keeps.store(true, Ordering::Relaxed);
    assert!(journal.take_back(2).is_err());
    store.keeps.store(false, Ordering::Relaxed);
    assert!(journal.results(3, &numbers(6..8)).is_some(), "a journal after this one finds it, too");
    let windows = take(&mut journal, 2, 0, &numbers(7..9));
    assert_eq!(windows, [[values![2], values![3], values![7]]]);
    let mut after = open(store, THREE, 0);
    assert!(after.results(3, &numbers(6..8)).is_none());
    assert_eq!(take(&mut after, 3, 0, &numbers(9..11)), [[values![8], values![9], values![10]]]);
}

#[test]
fn what_follows_a_gap_was_being_taken_back() {
    let mut store = MemoryWindowsStore::new();
    let mut journal = open(store.clone(), THREE, 0);
    (1..=3).for_each(|txid| drop(take(&mut journal, txid, 0, &numbers(2 * txid..2 * txid + 2))));
    store.remove(&[format!("w|b|{:020}", 2)]).expect("memory");
    let mut journal = open(store.clone(), THREE, 0);
    assert!(journal.results(3, &numbers(6..8)).is_none());
    assert!(journal.missing_before(4).is_some() && journal.missing_before(2).is_none());
    assert_eq!(store.keys("w|b|").expect("memory").len(), 1);
    let windows = take(&mut journal, 2, 0, &numbers(7..9));
    assert_eq!(windows, [[values![2], values![3], values![7]]]);
}

fn cuts() -> impl Strategy<Value = Cut> {
    (1usize..6, 1usize..6, any::<bool>()).prop_map(|(one, other, of_time)| {
        let (length, slide) = (one.max(other), one.min(other));
        if of_time {
            Cut::Duration { length_ns: 10 * length as i64, slide_ns: 10 * slide as i64 }
        } else {
            Cut::Count { length, slide }
        }
    })
}

/// What happens before a batch comes.
#[derive(Clone, Debug)]
struct Step {
    /// Time goes on.
    after_ns: i64,
    tuples: i64,
    /// So many batches before it come again, at the same time as it: as far as they may.
    again: i64,
    /// A journal takes the place of this one, on a clock that stands here.
    reopened_at_ns: Option<i64>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0i64..40, 0i64..6, 0i64..3, prop::option::of(0i64..1000));
    let step = step.prop_map(|(after_ns, tuples, again, reopened_at_ns)| Step {
        after_ns,
        tuples,
        again,
        reopened_at_ns,
    });
    prop::collection::vec(step, 1..25)
}

/// The windows of the last of some batches.
fn windows_of(cut: Cut, batches: &[(i64, Vec<Values>)]) -> Vec<Vec<Values>> {
    let mut content = Content::new(cut, 0);
    let windows = batches.iter().map(|(at_ns, tuples)| content.step(*at_ns, tuples));
    windows.last().unwrap_or_default()
}

proptest! {
    /// Batches in flight are taken back and come again, and journals are found again on other clocks, which
    /// go on from the last sign of life of the one before.
    #[test]
    fn windows_are_what_they_would_be_without(cut in cuts(), most in 1i64..4, steps in steps()) {
        let store = MemoryWindowsStore::new();
        let mut journal = open(store.clone(), cut, 0);
        let (mut batches, mut now_ns, mut behind_ns) = (Vec::new(), 0, 0);
        for Step { after_ns, tuples, again, reopened_at_ns } in steps {
            if let Some(at_ns) = reopened_at_ns {
                behind_ns = now_ns - at_ns;
                journal = open(store.clone(), cut, at_ns);
            }
            now_ns += after_ns;
            let next = i64::try_from(batches.len()).expect("few") + 1;
            batches.push((now_ns, numbers(100 * next..100 * next + tuples)));
            // The last that are known to be committed are so many batches before the last.
            let first = (next - again).max(next - most).max(1);
            for txid in first..=next {
                let at = usize::try_from(txid).expect("from 1") - 1;
                batches[at].0 = now_ns;
                if txid < next {
                    batches[at].1.push(values![txid]);
                }
                let (tuples, here_ns) = (batches[at].1.clone(), now_ns - behind_ns);
                let windows = take(&mut journal, txid, here_ns, &tuples);
                prop_assert_eq!(windows, windows_of(cut, &batches[..=at]));
                journal.committed(txid - most, here_ns).expect("memory");
            }
        }
    }
}
