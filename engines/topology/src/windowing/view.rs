//! A window, as who handles it sees it.

use super::queue::{Entry, EventQueue, Members};

/// What became of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Its events stay until they expire.
    Done,
    /// Its events are taken out of the queue, and do not expire: they will come again.
    Failed,
    /// The same, but only those that were not in the window before: the others stay.
    FailedNew,
}

/// Whom a [`WindowManager`](super::WindowManager) tells of windows. Storm's `WindowLifecycleListener`.
pub trait WindowLifecycleListener<T> {
    /// What can go wrong in it.
    type Error;

    /// Some events are in no window any more. Called before the window that they first miss.
    fn on_expiry(&mut self, events: &[T]) -> Result<(), Self::Error>;

    /// A window is due. Never called with an empty one.
    fn on_activation(&mut self, window: &Window<'_, T>) -> Result<Handled, Self::Error>;

    /// A window on the clock was due, which ends at `end_ms`, and nothing was in it. weir's own.
    fn on_empty(&mut self, _end_ms: i64) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A window over the queue of a [`WindowManager`](super::WindowManager).
#[derive(Debug)]
pub struct Window<'q, T> {
    pub(super) queue: &'q EventQueue<T>,
    pub(super) members: Members,
    pub(super) previous: Members,
    /// Every member is in front of this.
    pub(super) end: usize,
    pub(super) len: usize,
    pub(super) expired: &'q [T],
    pub(super) reference_ms: i64,
}

impl<'q, T> Window<'q, T> {
    /// How many events are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its events, in order of arrival.
    pub fn events(&self) -> impl Iterator<Item = &'q T> + use<'q, T> {
        let members = self.members;
        let front = self.queue.entries.range(..self.end);
        front.filter(move |entry| members.has(entry)).map(|entry| &entry.event)
    }

    /// Those that were not in the window before, in order of arrival.
    pub fn new_events(&self) -> impl Iterator<Item = &'q T> + use<'q, T> {
        let (members, previous) = (self.members, self.previous);
        let entries = &self.queue.entries;
        let from = match previous {
            Members::Before(seq) => entries.partition_point(|entry| entry.seq < seq),
            Members::Marked(_) => 0,
        };
        let candidates = entries.range(from.min(self.end)..self.end);
        let is_new = move |entry: &&Entry<T>| match members {
            Members::Before(_) => !previous.has(entry),
            Members::Marked(window) => entry.window == window && entry.fresh,
        };
        candidates.filter(is_new).map(|entry| &entry.event)
    }

    /// What has expired since the trigger went off last.
    #[must_use]
    pub const fn expired(&self) -> &'q [T] {
        self.expired
    }

    /// The end of the window, in milliseconds.
    #[must_use]
    pub const fn reference_ms(&self) -> i64 {
        self.reference_ms
    }
}
