//! What a queue carries.

use weir_dataflow::{EventTime, Stamp};

/// A tree that nobody tracks.
pub(crate) const UNTRACKED: u64 = 0;

/// Spreads `x` over 64 bits, one to one: the last step of SplitMix64.
///
/// Tree and edge ids are mixed counters. They are distinct by construction, and as far as XOR is
/// concerned as good as Storm's random ones: a set of them cancels with probability 2^-64.
#[inline(always)]
pub(crate) const fn mix64(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What tuples have in common that one source record caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) stamp: Stamp,
    /// The id of the tree, or [`UNTRACKED`].
    pub(crate) root: u64,
    /// All edges of the run, added up.
    pub(crate) edges: u64,
}

impl Cause {
    /// The edge of tuple `k` of a run of `tuples`. All but the last are mixed from the sum; the last is
    /// what makes them add up. Mostly nobody needs the edges one by one: a receiver that has handled
    /// every tuple takes off the sum.
    #[cold]
    pub(crate) fn edge(&self, k: usize, tuples: usize) -> u64 {
        let mixed = |k: usize| mix64(self.edges.wrapping_add(k as u64 + 1));
        if k + 1 < tuples { mixed(k) } else { (0..k).fold(self.edges, |sum, k| sum ^ mixed(k)) }
    }
}

/// Consecutive tuples of one cause; they begin where the run before ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) cause: Cause,
    pub(crate) end: usize,
}

/// Tuples handed over together.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(crate) values: Vec<T>,
    pub(crate) runs: Vec<Run>,
}

/// How far a sender has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Whatever the sender has to send for records below this index, it has sent.
    pub(crate) position: u64,
    /// Nothing that it sends from now on is promised to be earlier.
    pub(crate) watermark: EventTime,
}

impl Mark {
    /// Of a sender that will send no more.
    pub(crate) const END: Self = Self { position: u64::MAX, watermark: EventTime::END };

    pub(crate) fn raise(&mut self, to: Self) {
        self.position = self.position.max(to.position);
        self.watermark = self.watermark.max(to.watermark);
    }

    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            position: self.position.min(other.position),
            watermark: self.watermark.min(other.watermark),
        }
    }

    /// Whether it says more than `other` in any respect.
    pub(crate) fn is_ahead_of(self, other: Self) -> bool {
        self.position > other.position || self.watermark > other.watermark
    }
}

#[derive(Debug)]
pub(crate) enum Body<T> {
    /// One tuple; nothing is allocated for it.
    One(Cause, T),
    Batch(Batch<T>),
    /// Only the mark.
    Mark,
    /// The sender ends.
    End,
}

/// One element of a queue. Protocol of a channel: `(One | Batch | Mark)* End`, with marks that never
/// fall; a channel that closes without `End` is one whose sender failed.
#[derive(Debug)]
pub(crate) struct Packet<T> {
    /// True once the packet's tuples have been handled.
    pub(crate) mark: Mark,
    pub(crate) body: Body<T>,
}
