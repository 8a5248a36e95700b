//! The events of a window manager, in order of arrival.

use std::collections::VecDeque;

/// An event in the queue.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// Events are told apart by this, not by what they are.
    pub(super) seq: u64,
    pub(super) ts_ms: i64,
    /// The last window that marked it, and whether it was new to that; see [`Members::Marked`].
    pub(super) window: u64,
    pub(super) fresh: bool,
    pub(super) event: T,
}

/// Which events are, or were, in a window.
#[derive(Clone, Copy, Debug)]
pub(super) enum Members {
    /// All with a smaller sequence number.
    Before(u64),
    /// Those that carry the window's number.
    Marked(u64),
}

impl Members {
    pub(super) const NONE: Self = Self::Before(0);

    pub(super) const fn has<T>(self, entry: &Entry<T>) -> bool {
        match self {
            Self::Before(seq) => entry.seq < seq,
            Self::Marked(window) => entry.window == window,
        }
    }
}

#[derive(Debug)]
pub(super) struct EventQueue<T> {
    pub(super) entries: VecDeque<Entry<T>>,
    next_seq: u64,
    latest_ms: i64,
    /// The last event that arrived with a timestamp before an earlier one's.
    disorder: u64,
}

impl<T> EventQueue<T> {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new(), next_seq: 1, latest_ms: i64::MIN, disorder: 0 }
    }

    pub(super) fn push(&mut self, event: T, ts_ms: i64) {
        if ts_ms < self.latest_ms {
            self.disorder = self.next_seq;
        }
        self.latest_ms = self.latest_ms.max(ts_ms);
        let seq = self.next_seq;
        self.next_seq += 1;
        self.entries.push_back(Entry { seq, ts_ms, window: 0, fresh: false, event });
    }

    /// Whether timestamps ascend. Nothing behind the last event out of order is before it, so they do
    /// once all in front of that one are gone.
    pub(super) fn is_ordered(&self) -> bool {
        self.entries.front().is_none_or(|front| front.seq >= self.disorder)
    }

    /// How many of an ordered queue are not after a time.
    pub(super) fn until(&self, ts_ms: i64) -> usize {
        self.entries.partition_point(|entry| entry.ts_ms <= ts_ms)
    }

    /// The sequence number of the event at a position, or that of the next to come.
    pub(super) fn seq_at(&self, position: usize) -> u64 {
        self.entries.get(position).map_or(self.next_seq, |entry| entry.seq)
    }

    pub(super) fn count_until(&self, ts_ms: i64) -> u64 {
        if self.is_ordered() {
            return self.until(ts_ms) as u64;
        }
        self.entries.iter().filter(|entry| entry.ts_ms <= ts_ms).count() as u64
    }

    pub(super) fn earliest(&self, after_ms: i64, until_ms: i64) -> Option<i64> {
        let within = |ts_ms: &i64| *ts_ms > after_ms && *ts_ms <= until_ms;
        if self.is_ordered() {
            let first = self.entries.get(self.until(after_ms))?;
            return Some(first.ts_ms).filter(within);
        }
        self.entries.iter().map(|entry| entry.ts_ms).filter(within).min()
    }

    pub(super) fn every_nth(&self, after_ms: i64, until_ms: i64, every: u64) -> Vec<i64> {
        let times = self.entries.iter().map(|entry| entry.ts_ms);
        if self.is_ordered() {
            let (from, to) = (self.until(after_ms), self.until(until_ms));
            let skip = usize::try_from(every - 1).unwrap_or(usize::MAX);
            let rest = times.skip(from).take(to.saturating_sub(from)).skip(skip);
            return rest.step_by(skip.saturating_add(1)).collect();
        }
        every_nth(times, after_ms, until_ms, every)
    }
}

/// For each `every`th of these times in `(after_ms, until_ms]`, the latest so far.
pub(super) fn every_nth(
    times: impl Iterator<Item = i64>,
    after_ms: i64,
    until_ms: i64,
    every: u64,
) -> Vec<i64> {
    let (mut count, mut latest, mut found) = (0, i64::MIN, Vec::new());
    for ts_ms in times.filter(|ts_ms| *ts_ms > after_ms && *ts_ms <= until_ms) {
        latest = latest.max(ts_ms);
        count += 1;
        if count % every == 0 {
            found.push(latest);
        }
    }
    found
}
