//! From a task's emissions to its subscribers' queues: one dynamic call per packet of input, a loop
//! over the tuples inside it.

use crate::flow_control::BatchSize;
use crate::runtime::acker::{AckOut, Balance};
use crate::runtime::census::Census;
use crate::runtime::inbox::{Closed, Inbox};
use crate::runtime::packet::{Batch, Body, Cause, Mark, Packet, Run, UNTRACKED, mix64};
use crate::runtime::queue::Feed;
use crate::typed::grouping::Place;
use weir_dataflow::Stamp;

/// Consecutive emissions of one cause; they begin where the run before ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageRun {
    pub(crate) stamp: Stamp,
    pub(crate) root: u64,
    /// Where the edges of the tree are added up; of no meaning if it is not tracked.
    pub(crate) balance: usize,
    pub(crate) end: usize,
}

/// What a route needs of its task.
pub(crate) struct Io<'a> {
    /// How far the task has got.
    pub(crate) mark: Mark,
    /// Whether nothing more comes of the tuples at hand, be it by another route.
    pub(crate) complete: bool,
    /// The trees of the packet at hand.
    pub(crate) balances: &'a mut [Balance],
    /// What the task has to tell of earlier packets.
    pub(crate) acks: &'a mut AckOut,
    /// Of a spout.
    pub(crate) inbox: Option<&'a mut Inbox>,
    pub(crate) census: Option<&'a Census>,
}

/// One subscription, as one emitting task sees it.
pub(crate) trait Route<T>: Send {
    /// Takes all `values`, which `runs` divide.
    fn route(
        &mut self,
        values: &mut Vec<T>,
        runs: &[StageRun],
        io: &mut Io<'_>,
    ) -> Result<(), Closed>;
    /// Hands over batches that are full, or all.
    fn hand_over(&mut self, extent: Extent, io: &mut Io<'_>) -> Result<(), Closed>;
    /// How full the channel to one of its queues is, from 0 to 1.
    fn fullness(&self, queue: usize) -> f64;
    /// Whether some queue has been told less than the mark.
    fn lags(&self, mark: Mark) -> bool;
    /// Tells the mark to the queues that have been told less. Batches must have been handed over.
    fn tell(&mut self, io: &mut Io<'_>) -> Result<(), Closed>;
    /// The last words: hands over what is left, and ends.
    fn end(&mut self, io: &mut Io<'_>) -> Result<(), Closed>;
}

/// What to hand over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Full,
    All,
}

struct Queue<U> {
    to: Feed<U>,
    batch: Batch<U>,
    size: BatchSize,
    told: Mark,
}

impl<U> Queue<U> {
    /// Whether something came in since the last run.
    #[inline(always)]
    fn has_open_run(&self) -> bool {
        self.batch.runs.last().map_or(0, |run| run.end) < self.batch.values.len()
    }

    /// Makes a run of what came in since the last one. `last` says whether no other comes of its tuples.
    #[inline(always)]
    fn close_run(&mut self, run: &StageRun, last: bool, edge: &mut u64, balances: &mut [Balance]) {
        if !self.has_open_run() {
            return;
        }
        let mut cause = Cause { stamp: run.stamp, root: run.root, edges: 0 };
        if run.root != UNTRACKED {
            cause.edges = balances[run.balance].edges(last, || {
                *edge = edge.wrapping_add(1);
                mix64(*edge)
            });
        }
        self.batch.runs.push(Run { cause, end: self.batch.values.len() });
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.batch.values.len() >= self.size.get()
    }

    #[inline(always)]
    fn send(&mut self, io: &mut Io<'_>) -> Result<(), Closed> {
        let Batch { values, runs } = &mut self.batch;
        self.size.flushed(values.len());
        if values.len() == 1
            && let Some(value) = values.pop()
        {
            let cause = runs.first().map_or_else(Cause::default, |run| run.cause);
            runs.clear();
            return self.say(Body::One(cause, value), io);
        }
        self.send_batch(io)
    }

    #[inline(never)]
    fn send_batch(&mut self, io: &mut Io<'_>) -> Result<(), Closed> {
        let Batch { values, runs } = &self.batch;
        let next = self.to.spent_batch().unwrap_or_else(|| Batch {
            values: Vec::with_capacity(values.len()),
            runs: Vec::with_capacity(runs.len()),
        });
        let full = std::mem::replace(&mut self.batch, next);
        self.say(Body::Batch(full), io)
    }

    #[inline(always)]
    fn say(&mut self, body: Body<U>, io: &mut Io<'_>) -> Result<(), Closed> {
        self.told = io.mark;
        let packet = Packet { mark: io.mark, body };
        self.to.send(packet, io.inbox.as_deref_mut(), io.census)
    }
}

/// Whether no more comes of the tuples that a run came of.
#[inline(always)]
fn is_last(runs: &[StageRun], at: usize, complete: bool) -> bool {
    complete && runs.get(at + 1).is_none_or(|next| next.balance != runs[at].balance)
}

/// Sends the batch of a queue. If that is to wait, nobody else is left waiting for what the task has
/// done before: it may take as long as a receiver takes for a packet, or hangs.
#[inline(always)]
fn send_to<U>(queues: &mut [Queue<U>], at: usize, io: &mut Io<'_>) -> Result<(), Closed> {
    if queues[at].to.is_full() {
        call_all(queues, io)?;
    }
    queues[at].send(io)
}

#[cold]
fn call_all<U>(queues: &mut [Queue<U>], io: &mut Io<'_>) -> Result<(), Closed> {
    queues.iter_mut().try_for_each(|queue| queue.to.call())?;
    io.acks.flush(io.inbox.as_deref_mut())
}

/// To the queues of a bolt.
pub(crate) struct QueueRoute<T, P: Place<T>> {
    place: P,
    queues: Vec<Queue<P::Out>>,
    /// The last new edge, unmixed. Routes start 2^40 apart.
    edge: u64,
}

impl<T, P: Place<T>> QueueRoute<T, P> {
    /// To `queues`. `number` tells apart all the routes of a topology.
    pub(crate) fn new(place: P, queues: Vec<Feed<P::Out>>, size: BatchSize, number: u64) -> Self {
        let queue = |to| Queue {
            to,
            batch: Batch { values: Vec::new(), runs: Vec::new() },
            size,
            told: Mark::default(),
        };
        let queues = queues.into_iter().map(queue).collect();
        Self { place, queues, edge: (number + 1) << 40 }
    }
}

impl<T, P: Place<T>> QueueRoute<T, P> {
    /// With one destination there is nothing to choose: stretches of tuples are moved in a loop that
    /// does not look at the batch size.
    fn route_to_one(
        &mut self,
        values: &mut Vec<T>,
        runs: &[StageRun],
        io: &mut Io<'_>,
    ) -> Result<(), Closed> {
        let Self { place, queues, edge } = self;
        let (mut values, mut begin) = (values.drain(..), 0);
        for (at, run) in runs.iter().enumerate() {
            let mut left = run.end - begin;
            while left > 0 {
                if queues[0].is_full() {
                    queues[0].close_run(run, false, edge, io.balances);
                    send_to(queues, 0, io)?;
                }
                let queue = &mut queues[0];
                let stretch = left.min(queue.size.get() - queue.batch.values.len());
                let moved = values.by_ref().take(stretch).map(|value| place.place(value, 1).1);
                queue.batch.values.extend(moved);
                left -= stretch;
            }
            begin = run.end;
            queues[0].close_run(run, is_last(runs, at, io.complete), edge, io.balances);
        }
        Ok(())
    }
}

impl<T: Send, P: Place<T>> Route<T> for QueueRoute<T, P> {
    fn route(
        &mut self,
        values: &mut Vec<T>,
        runs: &[StageRun],
        io: &mut Io<'_>,
    ) -> Result<(), Closed> {
        if self.queues.len() == 1 {
            return self.route_to_one(values, runs, io);
        }
        let Self { place, queues, edge } = self;
        let (mut values, mut begin) = (values.drain(..), 0);
        for (at, run) in runs.iter().enumerate() {
            for value in values.by_ref().take(run.end - begin) {
                let (to, value) = place.place(value, queues.len());
                // A full batch goes when the next tuple comes, or at the end of the packet: by then
                // it can carry the packet's own mark.
                if queues[to].is_full() {
                    queues[to].close_run(run, false, edge, io.balances);
                    send_to(queues, to, io)?;
                }
                queues[to].batch.values.push(value);
            }
            begin = run.end;
            // The last place was given a value after any run that was closed above.
            let last = if is_last(runs, at, io.complete) {
                queues.iter().rposition(Queue::has_open_run)
            } else {
                None
            };
            for (at, queue) in queues.iter_mut().enumerate() {
                queue.close_run(run, Some(at) == last, edge, io.balances);
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, extent: Extent, io: &mut Io<'_>) -> Result<(), Closed> {
        for at in 0..self.queues.len() {
            let queue = &self.queues[at];
            let due = match extent {
                Extent::Full => queue.is_full(),
                Extent::All => !queue.batch.values.is_empty(),
            };
            if due {
                send_to(&mut self.queues, at, io)?;
            }
            self.queues[at].to.call()?;
        }
        Ok(())
    }

    fn fullness(&self, queue: usize) -> f64 {
        self.queues.get(queue).map_or(0.0, |queue| queue.to.fullness())
    }

    fn lags(&self, mark: Mark) -> bool {
        self.queues.iter().any(|queue| mark.is_ahead_of(queue.told))
    }

    fn tell(&mut self, io: &mut Io<'_>) -> Result<(), Closed> {
        for queue in &mut self.queues {
            if io.mark.is_ahead_of(queue.told) {
                queue.say(Body::Mark, io)?;
                queue.to.call()?;
            }
        }
        Ok(())
    }

    fn end(&mut self, io: &mut Io<'_>) -> Result<(), Closed> {
        self.hand_over(Extent::All, io)?;
        for queue in &mut self.queues {
            queue.say(Body::End, io)?;
            // A receiver that has seen the end may be gone before this sender looks.
            let _ = queue.to.call();
        }
        Ok(())
    }
}

/// Into a consumer within the task itself: what a bolt does that writes to a store.
pub(crate) struct LocalRoute<F>(pub(crate) F);

impl<T, F: FnMut(&Stamp, T) + Send> Route<T> for LocalRoute<F> {
    fn route(
        &mut self,
        values: &mut Vec<T>,
        runs: &[StageRun],
        _: &mut Io<'_>,
    ) -> Result<(), Closed> {
        let (mut values, mut begin) = (values.drain(..), 0);
        for run in runs {
            for value in values.by_ref().take(run.end - begin) {
                (self.0)(&run.stamp, value);
            }
            begin = run.end;
        }
        Ok(())
    }
    fn hand_over(&mut self, _: Extent, _: &mut Io<'_>) -> Result<(), Closed> {
        Ok(())
    }
    fn fullness(&self, _: usize) -> f64 {
        0.0
    }
    fn lags(&self, _: Mark) -> bool {
        false
    }
    fn tell(&mut self, _: &mut Io<'_>) -> Result<(), Closed> {
        Ok(())
    }
    fn end(&mut self, _: &mut Io<'_>) -> Result<(), Closed> {
        Ok(())
    }
}
