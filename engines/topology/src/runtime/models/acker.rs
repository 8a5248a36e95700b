//! Trees: told to their spout once, acked after all their effects, failed if a task failed them.

use super::{explore, shared, start};
use crate::runtime::acker::{Account, AckOut, AckerExecutor, News, ORIGIN, first_edge};
use crate::runtime::inbox::{Inbox, Notice, Verdict, deliver};
use crate::runtime::sync::atomic::{AtomicUsize, Ordering};
use crate::runtime::sync::channel::{Mailbox, Post, bounded, mailbox};
use std::sync::Arc;

const ROOT: u64 = 1 << ORIGIN;
/// The edge from the spout to the first bolt, and the one from there to the second.
const FIRST: u64 = 3;
const SECOND: u64 = 5;

fn account(xor: u64, news: News) -> Account {
    Account { root: ROOT, xor, news }
}

/// What a spout says that has not handed on the tree's first edge, but has made these.
fn began(edges: u64) -> Account {
    account(first_edge(ROOT) ^ edges, News::Ack)
}

fn told(inbox: &Mailbox<Notice>) -> Vec<(u64, Verdict)> {
    let mut told = Vec::new();
    while let Ok(notice) = inbox.recv() {
        match notice {
            Notice::Settled(trees) => told.extend(trees),
            Notice::Wake => {}
        }
    }
    told
}

/// Starts an acker; returns the ways to it.
fn acker(ways: usize, inbox: Post<Notice>) -> Vec<AckOut> {
    let (to, from) = mailbox(1);
    let shared = shared(0, 1, &[]);
    let executor = AckerExecutor {
        shared,
        from,
        spouts: vec![inbox],
        timeout_ns: 1,
        limit: 1,
        ackers: 1,
        place: 0,
    };
    start("acker", move || executor.run());
    (0..ways).map(|_| AckOut::new(vec![to.clone()], 1, None)).collect()
}

/// A spout, two bolts in a row and an acker. The spout says what it sent after it sent it, so that
/// the news of a tree come in every order.
fn chain(second: News) {
    let (notify, inbox) = mailbox(1);
    let [spout_acks, mut first_acks, mut second_acks] =
        <[AckOut; 3]>::try_from(acker(3, notify)).expect("three ways");
    let effects = Arc::new(AtomicUsize::new(0));
    let (to_first, from_spout) = bounded::<u64>(1);
    let (to_second, from_first) = bounded::<u64>(1);
    let first = Arc::clone(&effects);
    start("first", move || {
        let edge = from_spout.recv().expect("a tuple");
        first.fetch_add(1, Ordering::Relaxed);
        deliver(&to_second, SECOND, None, None).expect("open");
        first_acks.push(account(edge ^ SECOND, News::Ack), None).expect("open");
    });
    let last = Arc::clone(&effects);
    start("second", move || {
        let edge = from_first.recv().expect("a tuple");
        last.fetch_add(1, Ordering::Relaxed);
        let xor = if second == News::Ack { edge } else { 0 };
        second_acks.push(account(xor, second), None).expect("open");
    });
    let (mut inbox, mut acks) = (Inbox::new(inbox), spout_acks);
    deliver(&to_first, FIRST, Some(&mut inbox), None).expect("open");
    acks.push(began(FIRST), Some(&mut inbox)).expect("open");
    drop((to_first, acks));
    let mut all: Vec<_> = inbox.settled.drain(..).collect();
    all.extend(told(&inbox.from));
    let verdict = if second == News::Ack { Verdict::Acked } else { Verdict::Failed };
    assert_eq!(all, [(ROOT, verdict)]);
    assert_eq!(effects.load(Ordering::Relaxed), 2, "all that was done is visible by then");
}

/// Catches an account that leaves out the edges of what its task has emitted.
#[test]
fn a_tree_is_acked_once_and_after_all_its_effects() {
    explore(Some(2), || chain(News::Ack));
}

#[test]
fn a_tree_that_a_bolt_fails_is_failed_once_in_whatever_order_the_news_come() {
    explore(Some(2), || chain(News::Fail));
}

/// Two tasks that share a tree, one of which fails it: it ends once, whoever is first.
#[test]
fn a_tree_of_two_branches_fails_once() {
    explore(Some(2), || {
        let (notify, inbox) = mailbox(1);
        let [mut spout, mut left, mut right] =
            <[AckOut; 3]>::try_from(acker(3, notify)).expect("three ways");
        spout.push(began(FIRST ^ SECOND), None).expect("open");
        drop(spout);
        start("left", move || left.push(account(FIRST, News::Ack), None).expect("open"));
        start("right", move || right.push(account(0, News::Fail), None).expect("open"));
        assert_eq!(told(&inbox), [(ROOT, Verdict::Failed)]);
    });
}
