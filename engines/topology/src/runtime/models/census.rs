//! Quiet: never while a message is under way or an executor has something to do.

use super::{explore, start};
use crate::runtime::census::Census;
use crate::runtime::inbox::deliver;
use crate::runtime::sync::atomic::{AtomicUsize, Ordering};
use crate::runtime::sync::channel::{Receiver, Sender, bounded};
use crate::runtime::sync::thread::JoinHandle;
use std::sync::Arc;
use weir_dataflow::{Alarm, Received};

struct Executor {
    census: Arc<Census>,
    place: usize,
    from: Receiver<()>,
    to: Option<Sender<()>>,
    done: Arc<AtomicUsize>,
}

impl Executor {
    /// Passes on what comes. `due_ns` is a time that has come, at which there is something to do.
    fn start(self, due_ns: Option<u64>) -> JoinHandle<()> {
        start("executor", move || {
            let Self { census, place, from, to, done } = self;
            let (mut taken, mut due_ns) = (0, due_ns);
            loop {
                let (until_ns, alarm) = match due_ns {
                    Some(due_ns) => (due_ns, Alarm::Now),
                    None => (u64::MAX, Alarm::Never),
                };
                match census.wait(place, taken, &from, until_ns, alarm) {
                    Received::Message(()) => taken = 1,
                    Received::TimedOut => (taken, due_ns) = (0, None),
                    Received::Closed => break,
                }
                if let Some(to) = &to {
                    deliver(to, (), None, Some(&census)).expect("open");
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            census.left(place, 0);
        })
    }
}

/// Two executors in a row; returns the way to the first.
fn chain(census: &Arc<Census>, due_ns: Option<u64>) -> (Sender<()>, Arc<AtomicUsize>) {
    let (done, census) = (Arc::default(), Arc::clone(census));
    let (to_first, from) = bounded(1);
    let (to_second, from_first) = bounded(1);
    let (other, all) = (Arc::clone(&census), Arc::clone(&done));
    Executor { census: other, place: 1, from: from_first, to: None, done: all }.start(None);
    let executor =
        Executor { census, place: 0, from, to: Some(to_second), done: Arc::clone(&done) };
    executor.start(due_ns);
    (to_first, done)
}

/// Catches a message that counts for nothing while its receiver has not seen it.
#[test]
fn nothing_is_under_way_when_it_is_quiet() {
    explore(Some(3), || {
        let census = Arc::new(Census::new(2, vec![]));
        let (to, done) = chain(&census, None);
        deliver(&to, (), None, Some(&census)).expect("open");
        census.await_quiet(0);
        assert_eq!(done.load(Ordering::Relaxed), 2);
    });
}

/// Catches an executor that is taken for a waiting one although its time has come.
#[test]
fn what_is_due_has_been_done_when_it_is_quiet() {
    explore(Some(3), || {
        let census = Arc::new(Census::new(2, vec![]));
        let (to, done) = chain(&census, Some(7));
        census.await_quiet(7);
        assert_eq!(done.load(Ordering::Relaxed), 2);
        drop(to);
    });
}

/// Whoever waits for quiet sees the end of the run, and its failure.
#[test]
fn an_ended_or_failed_run_is_quiet() {
    explore(None, || {
        let census = Arc::new(Census::new(1, vec![]));
        census.sending();
        let ends = Arc::clone(&census);
        start("executor", move || ends.left(0, 1));
        census.await_quiet(0);
    });
    explore(None, || {
        let census = Arc::new(Census::new(1, vec![]));
        census.sending();
        let fails = Arc::clone(&census);
        start("executor", move || fails.failed());
        census.await_quiet(0);
    });
}
