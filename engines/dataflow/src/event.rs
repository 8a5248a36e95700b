//! Values, keys, and the times that travel with them.

use std::hash::Hash;

/// Anything that flows: it can be copied to another thread and outlives the call that made it.
pub trait Data: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Data for T {}

/// A value that state can be kept under.
pub trait Key: Data + Hash + Eq {}
impl<T: Data + Hash + Eq> Key for T {}

/// When something happened, in nanoseconds from the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventTime(pub u64);

impl EventTime {
    /// Before everything.
    pub const ZERO: Self = Self(0);
    /// After everything: the watermark of a stream that has ended.
    pub const END: Self = Self(u64::MAX);

    /// The time `ms` milliseconds after the start of the run.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }
}

/// A value with its event time and the stream's watermark at its position.
///
/// The watermark is part of the *input*: it says that no record at this position or after it, of any
/// partition, is promised to be earlier than [`watermark`](Self::watermark). Whether a record is late
/// therefore depends on the record alone and not on how threads interleave, which is what makes a
/// windowed run comparable with the oracle, key by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<T> {
    /// When it happened.
    pub at: EventTime,
    /// The watermark at this record's position in the whole stream. Never decreases along a stream.
    pub watermark: EventTime,
    /// What happened.
    pub value: T,
}

impl<T> Event<T> {
    /// The same event with another value.
    pub fn with<U>(&self, value: U) -> Event<U> {
        Event { at: self.at, watermark: self.watermark, value }
    }
}

/// What a tuple of a record-at-a-time engine carries besides its value: the record that caused it
/// and that record's times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Index of the source record that caused this tuple, counted over the whole stream.
    pub index: u64,
    /// Event time.
    pub at: EventTime,
    /// Watermark at the record's position.
    pub watermark: EventTime,
}
