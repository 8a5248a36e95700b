//! Spouts: what brings tuples in.

use crate::runtime::acker::{Balance, ORIGIN, first_edge};
use crate::runtime::packet::{Mark, UNTRACKED};
use crate::runtime::task::Shared;
use crate::runtime::trees::TreeTable;
use crate::typed::{Collector, TaskContext};
use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use weir_dataflow::{Data, EventTime, RunError, Stamp};

/// What a spout has to say about the tuples after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask again at once.
    More,
    /// Nothing is there before this time, in nanoseconds from the start of the run. It is asked
    /// again then, and earlier if a tree of it ends.
    Idle {
        /// When to ask again; [`u64::MAX`] if only the end of a tree can bring something.
        until_ns: u64,
    },
    /// The next record is beyond [`SpoutCollector::limit`].
    Blocked,
    /// Nothing new will come. The spout stays until its open trees have ended, and is asked again
    /// after each that fails.
    Done,
}

/// Why a tree goes back to its spout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// A bolt failed a tuple of it.
    Failed,
    /// It took longer than the message timeout.
    TimedOut,
}

/// A source of tuples. One value per task; all calls come from its thread.
///
/// Protocol: `open (next_tuple | at_limit | look | ack | fail)* close`. No call may block for long: while one is under
/// way, nothing is acked and nothing is cancelled.
pub trait Spout: 'static {
    /// What it emits.
    type Out: Data;
    /// What it knows an emitted tuple by.
    type Id: Send + 'static;

    /// Called once, before the first tuple.
    fn open(&mut self, _context: &TaskContext) {}

    /// Emits what is there, one or some tuples.
    fn next_tuple(&mut self, out: &mut SpoutCollector<Self::Out, Self::Id>) -> Next;

    /// Called in the place of [`next_tuple`](Self::next_tuple) while as many trees are open as may be.
    /// [`Next::More`] has the spout look again at once; else it is asked again when a tree has ended, or
    /// at the time that it says.
    fn at_limit(&mut self, _out: &mut SpoutCollector<Self::Out, Self::Id>) -> Next {
        Next::Idle { until_ns: u64::MAX }
    }

    /// Called now and then between two calls of [`next_tuple`](Self::next_tuple), with the time in
    /// nanoseconds of the run's clock: after some that together took about ten microseconds, or after
    /// one that took longer. For what is due at some time whatever there is to emit.
    fn look(&mut self, _now_ns: u64, _out: &mut SpoutCollector<Self::Out, Self::Id>) {}

    /// The tree of a tuple has been handled to its last leaf.
    fn ack(&mut self, _id: Self::Id) {}

    /// The tree of a tuple failed. A spout that wants it replayed emits it again from
    /// [`next_tuple`](Self::next_tuple). An error ends the run.
    fn fail(&mut self, _id: Self::Id, _reason: FailReason) -> Result<(), RunError> {
        Ok(())
    }

    /// The lowest record that failed and will be emitted again; it counts as incomplete.
    fn owes(&self) -> Option<u64> {
        None
    }

    /// Called last.
    fn close(&mut self) {}
}

/// Ended trees that are remembered among the open ones, beside as many as are open.
const SPARE: usize = 1024;

/// What a spout emits into.
pub struct SpoutCollector<T, Id> {
    pub(crate) out: Collector<T>,
    pub(crate) pending: TreeTable<Id>,
    /// Emitted without acking: acked at once.
    pub(crate) accepted: Vec<Id>,
    pub(crate) reached: Mark,
    /// Open trees by record, in the order of emission, with ended ones among them.
    order: VecDeque<(u64, u64)>,
    /// Open trees of records that were emitted again.
    again: BTreeSet<(u64, u64)>,
    next_root: u64,
    max_pending: usize,
    shared: Arc<Shared>,
}

impl<T: Data, Id: Send + 'static> SpoutCollector<T, Id> {
    /// Two buckets: a tree fails after one to two timeouts.
    const BUCKETS: usize = 2;

    pub(crate) fn new(
        out: Collector<T>,
        number: u32,
        max_pending: Option<NonZeroUsize>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            out,
            pending: TreeTable::new(Self::BUCKETS),
            accepted: Vec::new(),
            reached: Mark::default(),
            order: VecDeque::new(),
            again: BTreeSet::new(),
            next_root: (u64::from(number) + 1) << ORIGIN,
            max_pending: max_pending.map_or(usize::MAX, NonZeroUsize::get),
            shared,
        }
    }

    /// Emits a tuple that is not tracked.
    #[inline(always)]
    pub fn emit(&mut self, stamp: Stamp, value: T) {
        self.advance(stamp.index.saturating_add(1), stamp.watermark);
        self.out.begin_run(stamp, UNTRACKED, 0);
        self.out.emit(value);
    }

    /// Emits the root of a tree. [`Spout::ack`] or [`Spout::fail`] gets `id` when it has ended; with
    /// acking off that is at once.
    #[inline(always)]
    pub fn emit_tracked(&mut self, stamp: Stamp, value: T, id: Id) {
        if !self.tracks() {
            self.emit(stamp, value);
            self.accepted.push(id);
            return;
        }
        let (root, balance) = self.open_tree_of(&stamp, id);
        self.advance(stamp.index.saturating_add(1), stamp.watermark);
        self.out.begin_run(stamp, root, balance);
        self.out.emit(value);
    }

    /// Opens the tree of a record. Returns its id and its balance.
    #[inline]
    fn open_tree_of(&mut self, stamp: &Stamp, id: Id) -> (u64, usize) {
        let root = self.next_root;
        self.next_root += 1;
        self.pending.insert_new(root, id);
        if self.order.back().is_none_or(|(last, _)| *last <= stamp.index) {
            self.order.push_back((stamp.index, root));
            if self.order.len() > 2 * self.pending.len() + SPARE {
                self.forget_ended();
            }
        } else {
            self.again.insert((stamp.index, root));
        }
        let balance = self.out.balances.len();
        self.out.balances.push(Balance { done: first_edge(root), ..Balance::of(root) });
        (root, balance)
    }

    /// Ended trees behind one that stays open need no place.
    #[cold]
    fn forget_ended(&mut self) {
        let pending = &self.pending;
        self.order.retain(|(_, root)| pending.contains(*root));
    }

    /// Begins a tree whose first edges add up to `xor`.
    pub(crate) fn open_tree(&mut self, root: u64, xor: u64, id: Id) {
        self.pending.insert_new(root, id);
        let made = first_edge(root) ^ xor;
        self.out.balances.push(Balance { made, ..Balance::of(root) });
    }

    /// Sets how many trees may be open; `None` is no limit.
    pub(crate) fn limit_pending(&mut self, limit: Option<usize>) {
        self.max_pending = limit.unwrap_or(usize::MAX);
    }

    /// Says that no new record below `position` will come from this spout, and none that is promised
    /// to be earlier than `watermark`. Emitting a record says so of its own.
    #[inline(always)]
    pub fn advance(&mut self, position: u64, watermark: EventTime) {
        self.reached.raise(Mark { position, watermark });
    }

    /// Whether trees are tracked.
    #[must_use]
    pub fn tracks(&self) -> bool {
        self.out.acks.tracks()
    }

    /// How many more trees this task may open.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.tracks() { self.max_pending.saturating_sub(self.pending.len()) } else { usize::MAX }
    }

    /// Records from this index on must not be emitted yet: too many before them are incomplete.
    /// There is no such limit at saturation.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.shared.tracker.limit()
    }

    /// Notes when a record was scheduled and when it was taken in: where its latencies begin.
    /// Needed only for runs whose load is paced; a record that is emitted again keeps its first.
    pub fn take(&self, index: u64, scheduled_ns: u64, taken_ns: u64) {
        self.shared.tracker.take(index, scheduled_ns, taken_ns);
    }

    /// The lowest record with an open tree, or the first that has not been emitted.
    pub(crate) fn settled(&mut self) -> u64 {
        while let Some((_, root)) = self.order.front()
            && !self.pending.contains(*root)
        {
            self.order.pop_front();
        }
        while let Some((_, root)) = self.again.first()
            && !self.pending.contains(*root)
        {
            self.again.pop_first();
        }
        let oldest = self.order.front().into_iter().chain(self.again.first());
        oldest.map(|(index, _)| *index).fold(self.reached.position, u64::min)
    }

    /// Takes a tree off the list of open ones.
    pub(crate) fn close_tree(&mut self, root: u64) -> Option<Id> {
        self.pending.remove(root)
    }
}

impl<T, Id> std::fmt::Debug for SpoutCollector<T, Id> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pending = self.pending.len();
        f.debug_struct("SpoutCollector").field("pending", &pending).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::runtime::acker::AckOut;
    use crate::runtime::progress::MarkPacer;
    use crate::runtime::sync::channel::mailbox;
    use crate::runtime::task::testing::shared;

    /// A tree stays open while a million others begin and end: what is remembered of them is bounded,
    /// and what is settled is what it would be.
    #[test]
    fn ended_trees_behind_an_open_one_take_no_room() {
        let (to_acker, accounts) = mailbox(1);
        let acks = AckOut::new(vec![to_acker], usize::MAX, None);
        let out = Collector::new(vec![], acks, None, MarkPacer::new(0), None);
        let mut out = SpoutCollector::<u64, u64>::new(out, 0, None, shared(0, 1, &[]));
        let first = out.next_root;
        for index in 0..1_000_000 {
            out.emit_tracked(Stamp { index, ..Stamp::default() }, index, index);
            out.out.balances.clear();
            out.out.route().expect("there is no route");
            if index > 0 {
                assert_eq!(out.close_tree(first + index), Some(index));
            }
            assert!(out.order.len() <= SPARE + 4, "{}", out.order.len());
        }
        assert_eq!(out.settled(), 0);
        assert_eq!(out.close_tree(first), Some(0));
        assert_eq!(out.settled(), 1_000_000);
        drop(accounts);
    }
}
