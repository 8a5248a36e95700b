//! Session windows: per key, spans that grow and merge.

use crate::window_table::Output;
use crate::{Aggregate, Event, EventTime, KeyedTable, Window, Windowed, Windows};
use std::collections::BTreeMap;

/// Window state of session windows.
///
/// Whether a record is late, and which sessions it can still join, is decided by the watermark at its
/// own position, so that the answer does not depend on how far other threads have got. With allowed
/// lateness, a straggler may join two sessions that have closed: the joined session is a new result
/// under its own window, and the two earlier results stand.
#[derive(Clone)]
pub struct SessionTable<A: Aggregate> {
    gap_ns: u64,
    windows: Windows,
    aggregate: A,
    watermark: EventTime,
    late: u64,
    sessions: KeyedTable<A::Key, Vec<(Window, A::State)>>,
    /// Keys to look at when the watermark reaches a time: ends, and drop times.
    due: BTreeMap<u64, Vec<(u64, A::Key)>>,
}

impl<A: Aggregate> SessionTable<A> {
    pub(crate) fn new(gap_ns: u64, windows: Windows, aggregate: A) -> Self {
        Self {
            gap_ns,
            windows,
            aggregate,
            watermark: EventTime::ZERO,
            late: 0,
            sessions: KeyedTable::new(),
            due: BTreeMap::new(),
        }
    }

    pub(crate) const fn late(&self) -> u64 {
        self.late
    }

    pub(crate) fn insert(
        &mut self,
        hash: u64,
        event: Event<(A::Key, A::Value)>,
        out: &mut impl FnMut(Output<A>),
    ) {
        let Event { at, watermark, value: (key, value) } = event;
        let start_ns = at.0.min(i64::MAX as u64 / 2) as i64;
        let mut window = Window { start_ns, end_ns: start_ns + self.gap_ns as i64 };
        if self.windows.dropped(window, watermark) {
            self.late += 1;
            out(Windowed::Late((key, value)));
            return;
        }
        let windows = self.windows;
        let sessions = self.sessions.get_or_insert_with(hash, key.clone(), Vec::new);
        let mut state = A::State::default();
        self.aggregate.update(&mut state, value);
        let mut kept = Vec::with_capacity(sessions.len() + 1);
        for (other, gathered) in sessions.drain(..) {
            let touches = other.start_ns < window.end_ns && window.start_ns < other.end_ns;
            if touches && !windows.dropped(other, watermark) {
                window.start_ns = window.start_ns.min(other.start_ns);
                window.end_ns = window.end_ns.max(other.end_ns);
                self.aggregate.merge(&mut state, gathered);
            } else {
                kept.push((other, gathered));
            }
        }
        if windows.closed(window, self.watermark) {
            out(Windowed::Result { window, value: self.aggregate.output(&key, &state) });
        }
        kept.push((window, state));
        *sessions = kept;
        let end = window.end_ns as u64;
        for time in [end, end.saturating_add(windows.lateness_ns())] {
            let keys = self.due.entry(time).or_default();
            if keys.last().is_none_or(|(h, k)| *h != hash || *k != key) {
                keys.push((hash, key.clone()));
            }
        }
    }

    pub(crate) fn advance(&mut self, watermark: EventTime, out: &mut impl FnMut(Output<A>)) {
        let before = self.watermark;
        if watermark <= before {
            return;
        }
        self.watermark = watermark;
        let later = match watermark.0.checked_add(1) {
            Some(after) => self.due.split_off(&after),
            None => BTreeMap::new(),
        };
        let mut seen = KeyedTable::new();
        for (hash, key) in std::mem::replace(&mut self.due, later).into_values().flatten() {
            if std::mem::replace(seen.get_or_insert_with(hash, key.clone(), || false), true) {
                continue;
            }
            let Some(sessions) = self.sessions.get_mut(hash, &key) else { continue };
            sessions.sort_by_key(|(window, _)| *window);
            for (window, state) in sessions.iter() {
                if self.windows.closed(*window, watermark) && !self.windows.closed(*window, before)
                {
                    let value = self.aggregate.output(&key, state);
                    out(Windowed::Result { window: *window, value });
                }
            }
            sessions.retain(|(window, _)| !self.windows.dropped(*window, watermark));
            if sessions.is_empty() {
                self.sessions.remove(hash, &key);
            }
        }
    }
}
