//! Where a task puts what it emits.

use crate::runtime::acker::{AckOut, Balance, News};
use crate::runtime::census::Census;
use crate::runtime::inbox::{Closed, Inbox};
use crate::runtime::packet::{Mark, UNTRACKED};
use crate::runtime::progress::MarkPacer;
use crate::runtime::route::{Extent, Io, Route, StageRun};
use std::sync::Arc;
use weir_dataflow::{Data, Stamp};

/// Emissions that are staged before they are routed, at most: one record may emit without bound.
const STAGE: usize = 4096;

/// What a task emits into. An emission is a push to a vector; subscribers are dealt with once per
/// packet of input.
pub struct Collector<T> {
    values: Vec<T>,
    runs: Vec<StageRun>,
    current: StageRun,
    /// The first tree of the packet at hand, and so on: see [`StageRun::balance`].
    pub(crate) balances: Vec<Balance>,
    pub(crate) acks: AckOut,
    pub(crate) inbox: Option<Inbox>,
    pub(crate) mark: Mark,
    pub(crate) emitted: u64,
    routes: Vec<Box<dyn Route<T>>>,
    pacer: MarkPacer,
    closed: bool,
    census: Option<Arc<Census>>,
}

impl<T: Data> Collector<T> {
    pub(crate) fn new(
        routes: Vec<Box<dyn Route<T>>>,
        acks: AckOut,
        inbox: Option<Inbox>,
        pacer: MarkPacer,
        census: Option<Arc<Census>>,
    ) -> Self {
        let current = StageRun { stamp: Stamp::default(), root: UNTRACKED, balance: 0, end: 0 };
        Self {
            values: Vec::new(),
            runs: Vec::new(),
            current,
            balances: Vec::new(),
            acks,
            inbox,
            mark: Mark::default(),
            emitted: 0,
            routes,
            pacer,
            closed: false,
            census,
        }
    }

    /// Emits a tuple, caused by and anchored to the tuple at hand.
    #[inline(always)]
    pub fn emit(&mut self, value: T) {
        self.values.push(value);
        if self.values.len() >= STAGE {
            self.spill();
        }
    }

    /// Emits a tuple with times of its own, anchored to the tuple at hand.
    pub fn emit_at(&mut self, stamp: Stamp, value: T) {
        let before = self.current;
        self.begin_run(stamp, before.root, before.balance);
        self.emit(value);
        self.begin_run(before.stamp, before.root, before.balance);
    }

    /// Says that a tuple held back (see [`Outcome::Hold`](crate::typed::Outcome::Hold)) has been handled.
    pub fn ack(&mut self, anchor: crate::typed::Anchor) {
        // No run gets it: see the acker's page.
        self.settle(Balance { done: anchor.edge, ..Balance::of(anchor.root) });
    }

    /// Says that a tuple held back cannot be handled: its tree is to be replayed.
    pub fn fail(&mut self, anchor: crate::typed::Anchor) {
        self.settle(Balance { news: News::Fail, ..Balance::of(anchor.root) });
    }

    fn settle(&mut self, balance: Balance) {
        if balance.root != UNTRACKED {
            self.balances.push(balance);
        }
    }

    /// What follows is caused by a record, within a tree.
    #[inline(always)]
    pub(crate) fn begin_run(&mut self, stamp: Stamp, root: u64, balance: usize) {
        // Tuples outside of trees that have their times in common need not be told apart.
        if root == UNTRACKED && self.current.root == UNTRACKED && stamp == self.current.stamp {
            return;
        }
        self.change_run(StageRun { stamp, root, balance, end: 0 });
    }

    #[inline]
    fn change_run(&mut self, next: StageRun) {
        self.end_run();
        self.current = next;
    }

    #[inline(always)]
    fn end_run(&mut self) {
        let end = self.values.len();
        if self.runs.last().map_or(0, |run| run.end) < end {
            self.runs.push(StageRun { end, ..self.current });
        }
    }

    #[cold]
    fn spill(&mut self) {
        // The executor sees it at the end of the packet. More may come of the tuple at hand.
        let _ = self.route_staged(false);
    }

    /// How many tuples have been emitted, those on the stage included.
    #[inline(always)]
    pub(crate) fn emitted_so_far(&self) -> u64 {
        self.emitted + self.values.len() as u64
    }

    /// Routes what is staged. No more comes of the packet at hand.
    pub(crate) fn route(&mut self) -> Result<(), Closed> {
        self.route_staged(true)
    }

    fn route_staged(&mut self, complete: bool) -> Result<(), Closed> {
        self.end_run();
        self.emitted += self.values.len() as u64;
        let Self { values, runs, balances, acks, inbox, routes, mark, closed, census, .. } = self;
        if !values.is_empty() && !*closed {
            let (inbox, census) = (inbox.as_mut(), census.as_deref());
            let mut io = Io { mark: *mark, complete: false, balances, acks, inbox, census };
            let done = routes.split_last_mut().map_or(Ok(()), |(last, others)| {
                for route in others {
                    route.route(&mut values.clone(), runs, &mut io)?;
                    // The next one may wait for room.
                    route.hand_over(Extent::Full, &mut io)?;
                }
                io.complete = complete;
                last.route(values, runs, &mut io)
            });
            *closed = done.is_err();
        }
        values.clear();
        runs.clear();
        if *closed { Err(Closed) } else { Ok(()) }
    }

    /// How full the channel to a queue of the first subscription is, from 0 to 1.
    pub(crate) fn fullness(&self, queue: usize) -> f64 {
        self.routes.first().map_or(0.0, |route| route.fullness(queue))
    }

    /// Ends the packet at hand: the task's mark is now `mark`, and the packet's trees are told.
    pub(crate) fn end_packet(&mut self, mark: Mark) -> Result<(), Closed> {
        self.route()?;
        self.mark = mark;
        self.hand_over(Extent::Full)?;
        for balance in self.balances.drain(..) {
            self.acks.push(balance.account(), self.inbox.as_mut())?;
        }
        Ok(())
    }

    fn hand_over(&mut self, extent: Extent) -> Result<(), Closed> {
        self.each(|route, io| route.hand_over(extent, io))
    }

    /// Hands over whatever has been gathered, acks last.
    pub(crate) fn flush(&mut self) -> Result<(), Closed> {
        self.flush_tuples()?;
        self.flush_acks()
    }

    pub(crate) fn flush_tuples(&mut self) -> Result<(), Closed> {
        self.hand_over(Extent::All)
    }

    pub(crate) fn flush_acks(&mut self) -> Result<(), Closed> {
        self.acks.flush(self.inbox.as_mut())
    }

    /// Tells queues that carried no data how far the task has got, if that is due by `now_ns`.
    /// Returns when it will be, if it is not. Call after [`flush`](Self::flush).
    pub(crate) fn tell_marks(&mut self, now_ns: u64) -> Result<Option<u64>, Closed> {
        let mark = self.mark;
        if !self.routes.iter().any(|route| route.lags(mark)) {
            return Ok(None);
        }
        if let Some(later) = self.pacer.not_before(mark, now_ns) {
            return Ok(Some(later));
        }
        self.each(|route, io| route.tell(io))?;
        Ok(None)
    }

    /// Hands over what is left and ends every queue.
    pub(crate) fn end(&mut self) -> Result<(), Closed> {
        self.mark = Mark::END;
        self.each(|route, io| route.end(io))?;
        self.acks.flush(self.inbox.as_mut())
    }

    fn each(
        &mut self,
        mut f: impl FnMut(&mut dyn Route<T>, &mut Io<'_>) -> Result<(), Closed>,
    ) -> Result<(), Closed> {
        let Self { balances, acks, inbox, routes, mark, census, .. } = self;
        let (inbox, census) = (inbox.as_mut(), census.as_deref());
        let mut io = Io { mark: *mark, complete: false, balances, acks, inbox, census };
        routes.iter_mut().try_for_each(|route| f(&mut **route, &mut io))
    }
}

impl<T> std::fmt::Debug for Collector<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("emitted", &self.emitted).finish_non_exhaustive()
    }
}
