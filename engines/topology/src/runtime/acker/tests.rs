use super::*;
use crate::runtime::packet::Cause;
use crate::runtime::sync::channel::mailbox;
use Verdict::{Acked, Failed};
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};
use std::collections::VecDeque;
use weir_dataflow::Stamp;

fn account(root: u64, xor: u64, news: News) -> Account {
    Account { root, xor, news }
}

#[test]
fn a_tree_ends_when_all_edges_were_told_twice_in_any_order() {
    // The spout makes edges a and b; the task of a makes c and d; one task handles each.
    let (a, b, c, d) = (3, 5, 9, 17);
    let told = [
        account(1, a ^ b, News::Init(4)),
        account(1, a ^ c ^ d, News::Ack),
        account(1, b, News::Ack),
        account(1, c, News::Ack),
        account(1, d, News::Ack),
    ];
    let mut order: Vec<usize> = (0..told.len()).collect();
    for swap in 0..120 {
        let mut table = AckerTable::new(1, Begin::Told);
        for (k, at) in order.iter().enumerate() {
            let end = table.take(told[*at]);
            let last = k + 1 == told.len();
            assert_eq!(end, last.then_some((4, Acked)), "{order:?} at {k}");
        }
        order.swap(swap % 5, (swap * 7 + 1) % 5);
    }
}

#[test]
fn verdict_table() {
    let rows: &[(&str, &[Account], &[Option<(u32, Verdict)>])] = &[
        (
            "a root with no edges is acked at once",
            &[account(1, 0, News::Init(0))],
            &[Some((0, Acked))],
        ),
        (
            "a failure before the init is remembered",
            &[account(1, 0, News::Fail), account(1, 7, News::Init(2))],
            &[None, Some((2, Failed))],
        ),
        (
            "a failure after the init counts at once",
            &[account(1, 7, News::Init(2)), account(1, 0, News::Fail)],
            &[None, Some((2, Failed))],
        ),
        (
            "a zero sum beats a failure",
            &[account(1, 7, News::Ack), account(1, 0, News::Fail), account(1, 7, News::Init(0))],
            &[None, None, Some((0, Acked))],
        ),
        (
            "a tuple acked twice leaves the tree open",
            &[account(1, 7, News::Init(0)), account(1, 7, News::Ack), account(1, 7, News::Ack)],
            &[None, Some((0, Acked)), None],
        ),
        (
            "trees do not mix",
            &[account(1, 7, News::Init(0)), account(2, 7, News::Init(1)), account(2, 7, News::Ack)],
            &[None, None, Some((1, Acked))],
        ),
    ];
    for (name, told, want) in rows {
        let mut table = AckerTable::new(1, Begin::Told);
        let got: Vec<_> = told.iter().map(|account| table.take(*account)).collect();
        assert_eq!(got, *want, "{name}");
    }
}

#[test]
fn a_tree_is_forgotten_after_three_rotations() {
    for (rotations, end) in [(0, Some((0, Acked))), (2, Some((0, Acked))), (3, None)] {
        let mut table = AckerTable::new(1, Begin::Told);
        table.take(account(1, 7, News::Init(0)));
        (0..rotations).for_each(|_| table.rotate());
        assert_eq!(table.take(account(1, 7, News::Ack)), end, "{rotations}");
    }
}

#[test]
fn a_reset_makes_a_tree_young_and_goes_on_to_its_spout() {
    let reset = account(1, 0, News::Reset);
    let mut table = AckerTable::new(1, Begin::Told);
    assert_eq!(table.take(reset), None, "no spout is known yet");
    table.take(account(1, 7, News::Init(3)));
    for _ in 0..4 {
        table.rotate();
        table.rotate();
        assert_eq!(table.take(reset), Some((3, Verdict::Reset)));
    }
    table.rotate();
    assert_eq!(table.take(account(1, 7, News::Ack)), Some((3, Acked)));
}

#[test]
fn accounts_of_one_tree_are_added_up_by_the_sender() {
    let (send, from) = mailbox(4);
    let mut out = AckOut::new(vec![send], 2, None);
    for (root, xor) in [(1, 3), (1, 5), (2, 9), (UNTRACKED, 1)] {
        out.push(account(root, xor, News::Ack), None).expect("open");
    }
    out.flush(None).expect("open");
    let want = vec![account(1, 6, News::Ack), account(2, 9, News::Ack)];
    assert_eq!(from.try_iter().collect::<Vec<_>>(), [want]);
}

/// One spout keeps the acker busy for ever: its inbox is full, so that there is always more.
#[test]
fn a_spout_hears_of_its_tree_although_another_keeps_the_acker_busy() {
    let messages = 2 * MESSAGES_PER_LOOK as u64;
    let (to, from) = mailbox(messages as usize + 1);
    let (to_busy, busy) = mailbox(MESSAGES_PER_LOOK + 8);
    let (to_quiet, quiet) = mailbox(1);
    // Each tree ends with its first edge.
    let ends = |root| account(root, first_edge(root), News::Ack);
    let id = |spout: u64, tree: u64| ((spout + 1) << ORIGIN) + tree;
    to.send(vec![ends(id(1, 1))]).expect("room");
    for tree in 2..2 + messages {
        let trees = [tree, tree + messages].map(|tree| ends(id(0, tree)));
        to.send(trees.to_vec()).expect("room");
    }
    let inboxes = vec![to_busy, to_quiet];
    let shared = crate::runtime::task::testing::shared(0, 2, &inboxes);
    let (timeout_ns, limit) = (u64::MAX, 2);
    let acker =
        AckerExecutor { shared, from, spouts: inboxes, timeout_ns, limit, ackers: 1, place: 0 };
    std::thread::scope(|scope| {
        scope.spawn(move || acker.run());
        let heard = quiet.recv_timeout(std::time::Duration::from_secs(20));
        drop((busy, to));
        assert!(matches!(heard, Ok(Notice::Settled(trees)) if trees == [(id(1, 1), Acked)]));
    });
}

/// What may happen to a tree next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A task handles a run of tuples, and so many come of it; or it does not say that this is all.
    Handle { run: usize, into: usize, complete: bool },
    /// A task handles a run but for one of its tuples, which it handles later.
    Hold { run: usize, tuple: usize, into: usize },
    /// The acker hears of the first account of a task.
    Tell { task: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8usize, 0..4usize, 0..4u8)
            .prop_map(|(run, into, n)| Step::Handle { run, into, complete: n > 0 }),
        1 => (0..8usize, 0..4usize, 0..3usize)
            .prop_map(|(run, tuple, into)| Step::Hold { run, tuple, into }),
        3 => (0..8usize).prop_map(|task| Step::Tell { task }),
    ]
}

/// A tree, and all that its tasks have still to do and to tell.
struct Growth {
    table: AckerTable,
    /// Edges of runs that nobody has handled, how many tuples those have, and which task holds them.
    open: Vec<(u64, usize, Option<usize>)>,
    /// By task, in its order: what a task has emitted for a tuple that it holds, it tells before it
    /// tells that the tuple is done.
    untold: Vec<VecDeque<Account>>,
    edge: u64,
}

impl Growth {
    const ROOT: u64 = (3 << ORIGIN) + 7;

    /// A task is done with some tuples, and so many runs come of them.
    fn done(&mut self, edges: u64, task: Option<usize>, into: usize, complete: bool) -> usize {
        let mut balance = Balance { done: edges, ..Balance::of(Self::ROOT) };
        for run in 1..=into {
            let edges = balance.edges(complete && run == into, || {
                self.edge += 1;
                mix64(self.edge)
            });
            self.open.push((edges, run, None));
        }
        let task = task.unwrap_or_else(|| {
            self.untold.push(VecDeque::new());
            self.untold.len() - 1
        });
        // Who has nothing to say does not say it.
        self.untold[task].extend(Some(balance.account()).filter(|account| account.xor != 0));
        task
    }

    /// Whether nothing is open, and nothing that the acker has not heard of.
    fn has_ended(&self) -> bool {
        self.open.is_empty() && self.untold.iter().all(VecDeque::is_empty)
    }

    fn take(&mut self, step: Step) -> Option<(u32, Verdict)> {
        match step {
            Step::Handle { run, into, complete } if !self.open.is_empty() => {
                let (edges, _, task) = self.open.swap_remove(run % self.open.len());
                // An edge that is handed on may overtake what its task has still to tell. Of a tuple that
                // was held it is not handed on: there may be such a thing.
                self.done(edges, task, into, complete && task.is_none());
            }
            Step::Hold { run, tuple, into } if !self.open.is_empty() => {
                let (edges, tuples, task) = self.open.swap_remove(run % self.open.len());
                let cause = Cause { stamp: Stamp::default(), root: Self::ROOT, edges };
                let held = cause.edge(tuple % tuples, tuples);
                let task = self.done(edges ^ held, task, into, task.is_none());
                self.open.push((held, 1, Some(task)));
            }
            Step::Tell { task } => {
                let tasks = self.untold.iter_mut().filter(|accounts| !accounts.is_empty());
                let mut tasks: Vec<_> = tasks.collect();
                let count = tasks.len().max(1);
                let account = tasks.get_mut(task % count)?.pop_front()?;
                return self.table.take(account);
            }
            _ => {}
        }
        None
    }
}

proptest! {
    /// However a tree grows, and in whatever order the acker hears of that, its sum is zero when
    /// nothing is open and all has been told, and not before.
    #[test]
    fn a_tree_ends_when_nothing_is_open_and_all_is_told(
        first in 0..4usize,
        steps in vec(step(), 0..60),
    ) {
        let table = AckerTable::new(1, Begin::Known);
        let mut growth = Growth { table, open: Vec::new(), untold: Vec::new(), edge: 5 << 40 };
        growth.done(first_edge(Growth::ROOT), None, first, true);
        let (handle, tell) = (Step::Handle { run: 0, into: 0, complete: true }, Step::Tell { task: 0 });
        let mut ended = false;
        for step in steps.into_iter().chain([handle, tell].into_iter().cycle().take(600)) {
            if ended {
                break;
            }
            let end = growth.take(step);
            ended = growth.has_ended();
            prop_assert_eq!(end, ended.then_some((2, Acked)), "{:?} after {:?}", growth.open, step);
        }
        prop_assert_eq!(ended, true);
    }
}

#[test]
fn of_a_tree_whose_id_says_how_it_begins_nobody_need_tell_that() {
    const ROOT: u64 = 2 << ORIGIN;
    let first = first_edge(ROOT);
    let rows: &[(&str, &[Account], &[Option<(u32, Verdict)>])] = &[
        ("one edge", &[account(ROOT, first, News::Ack)], &[Some((1, Acked))]),
        (
            "two",
            &[account(ROOT, first ^ 5, News::Ack), account(ROOT, 5, News::Ack)],
            &[None, Some((1, Acked))],
        ),
        (
            "it fails once, and does not end well after that",
            &[
                account(ROOT, 0, News::Fail),
                account(ROOT, 0, News::Fail),
                account(ROOT, first, News::Ack),
            ],
            &[Some((1, Failed)), None, None],
        ),
        (
            "its spout is told of a reset, whatever else was heard",
            &[account(ROOT, 0, News::Reset), account(ROOT, first, News::Ack)],
            &[Some((1, Verdict::Reset)), Some((1, Acked))],
        ),
    ];
    for (name, told, want) in rows {
        let mut table = AckerTable::new(1, Begin::Known);
        let got: Vec<_> = told.iter().map(|account| table.take(*account)).collect();
        assert_eq!(got, *want, "{name}");
    }
}
