//! Bolts: what takes tuples.

use crate::runtime::packet::{Cause, UNTRACKED};
use crate::typed::{Collector, TaskContext};
use weir_dataflow::{Data, EventTime, Stamp};

/// A tuple as a bolt gets it.
#[derive(Debug)]
pub struct Input<'a, T> {
    /// The tuple.
    pub value: T,
    /// Which source record caused it, and that record's times.
    pub stamp: &'a Stamp,
    pub(crate) cause: &'a Cause,
    /// Its place among the tuples of its run, and how many those are.
    pub(crate) place: (usize, usize),
}

impl<T> Input<'_, T> {
    /// The tuple's place in its tree, to ack or fail it later (see [`Outcome::Hold`]).
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        let (k, tuples) = self.place;
        let edge = if self.cause.root == UNTRACKED { 0 } else { self.cause.edge(k, tuples) };
        Anchor { root: self.cause.root, edge }
    }
}

/// A tuple's place in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub(crate) root: u64,
    pub(crate) edge: u64,
}

/// What became of a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has been handled: it is acked once what it caused has been sent.
    Ack,
    /// It cannot be handled: its tree fails and goes back to its spout. Storm's `FailedException`.
    Fail,
    /// The bolt keeps its [`Anchor`] and will [`Collector::ack`] or [`Collector::fail`] it later. A
    /// bolt that never does lets the tree time out.
    Hold,
}

/// Something that takes tuples and emits others. One value per task; it never leaves its thread.
///
/// Protocol: `prepare (execute | watermark | wake)* finish cleanup`. `finish` is left out of a run that
/// fails. Whatever is emitted while a tuple is at hand is anchored to it.
pub trait Bolt: 'static {
    /// What it takes.
    type In: Data;
    /// What it emits.
    type Out: Data;

    /// Called once, before the first tuple.
    fn prepare(&mut self, _context: &TaskContext) {}

    /// Takes one tuple.
    fn execute(&mut self, input: Input<'_, Self::In>, out: &mut Collector<Self::Out>) -> Outcome;

    /// The watermark, the least over all that feeds the task, has risen to `to`; called after the
    /// tuple, or the batch of tuples, that raised it. At the end of the stream it rises to
    /// [`EventTime::END`]. `stamp` is that of the last record of the batch, or of the record before
    /// the mark.
    fn watermark(&mut self, _to: EventTime, _stamp: &Stamp, _out: &mut Collector<Self::Out>) {}

    /// When it wants [`wake`](Self::wake) to be called, in nanoseconds of the run's clock; asked
    /// again after every packet of input and every call.
    fn wake_at(&self) -> Option<u64> {
        None
    }

    /// The time that it asked for has come.
    fn wake(&mut self, _now_ns: u64, _out: &mut Collector<Self::Out>) {}

    /// Until when it can take nothing, in nanoseconds of the run's clock, if that is so; asked before
    /// every packet of input. Until then what comes stays in its queue, and who sends it waits for room.
    /// It is woken meanwhile, should it have asked for that.
    #[inline]
    fn paused_until(&self) -> Option<u64> {
        None
    }

    /// The input has ended.
    fn finish(&mut self, _out: &mut Collector<Self::Out>) {}

    /// Called last.
    fn cleanup(&mut self) {}

    /// Whether executing a tuple has an effect that can be seen from outside although, or before,
    /// something is emitted: state, for one. A record's latency counts up to its last effect.
    fn keeps_state(&self) -> bool {
        false
    }
}
