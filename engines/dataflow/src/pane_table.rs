//! Sliding and tumbling windows by panes.
//!
//! A pane is a span as long as the greatest common divisor of length and slide; window edges fall on
//! pane edges, so a record is added once, to its pane, however many windows it is in, and a window's
//! result is the merge of its panes when it closes.

use crate::window_table::Output;
use crate::{Aggregate, Event, EventTime, KeyedTable, Window, Windowed, Windows};
use std::collections::BTreeMap;

/// Where a record's value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// In the pane with this number: it counts for every window over the pane.
    Pane(u64),
    /// For one window only: the record came too late for other windows over its pane, which on
    /// another thread may not have closed yet.
    Window(Window),
}

/// Window state of tumbling and sliding windows.
#[derive(Clone)]
pub struct PaneTable<A: Aggregate> {
    windows: Windows,
    aggregate: A,
    length_ns: u64,
    slide_ns: u64,
    pane_ns: u64,
    /// The watermark that has been advanced to.
    watermark: EventTime,
    /// No window closes and none is dropped before the watermark reaches this time.
    quiet_until_ns: u64,
    late: u64,
    /// By number, ascending. A vector, searched from the back: a record's pane is nearly always the
    /// newest or the one before.
    panes: Vec<(u64, KeyedTable<A::Key, A::State>)>,
    extras: BTreeMap<Window, KeyedTable<A::Key, A::State>>,
}

/// The table of a pane, made if absent.
#[inline]
fn pane_mut<T: Default>(panes: &mut Vec<(u64, T)>, pane: u64) -> &mut T {
    let after = panes.iter().rposition(|(other, _)| *other <= pane);
    let at = match after {
        Some(at) if panes[at].0 == pane => at,
        before => {
            let at = before.map_or(0, |at| at + 1);
            panes.insert(at, (pane, T::default()));
            at
        }
    };
    &mut panes[at].1
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl<A: Aggregate> PaneTable<A> {
    /// Empty state. `windows` must not be sessions; they are taken as tumbling windows of the gap.
    #[must_use]
    pub fn new(windows: Windows, aggregate: A) -> Self {
        let (length_ns, slide_ns) = windows.length_and_slide().unwrap_or_else(|| {
            let gap = windows.session_gap_ns().unwrap_or(1);
            (gap, gap)
        });
        Self {
            windows,
            aggregate,
            length_ns,
            slide_ns,
            pane_ns: gcd(length_ns, slide_ns),
            watermark: EventTime::ZERO,
            quiet_until_ns: 0,
            late: 0,
            panes: Vec::new(),
            extras: BTreeMap::new(),
        }
    }

    /// How many records came too late for all their windows.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Adds one record.
    #[inline]
    pub fn insert(
        &mut self,
        hash: u64,
        event: Event<(A::Key, A::Value)>,
        out: &mut impl FnMut(Output<A>),
    ) {
        let Event { at, watermark, value: (key, value) } = event;
        let pane = at.0 / self.pane_ns;
        // A record that is not behind its own watermark is late for nothing.
        if at < watermark && !self.on_time(at, watermark) {
            self.insert_partly_late(hash, at, watermark, key, value, out);
            return;
        }
        let table = pane_mut(&mut self.panes, pane);
        if at >= self.watermark {
            let aggregate = &self.aggregate;
            table.update(hash, key, A::State::default, |state| aggregate.update(state, value));
        } else {
            let state = table.get_or_insert_with(hash, key.clone(), A::State::default);
            self.aggregate.update(state, value);
            self.emit_updates(hash, &key, Slot::Pane(pane), out);
        }
    }

    /// Adds what another table has gathered in a slot: the reduce side of a map-side combine. The
    /// other table has already dealt with late records.
    pub fn merge(
        &mut self,
        slot: Slot,
        hash: u64,
        key: A::Key,
        state: A::State,
        out: &mut impl FnMut(Output<A>),
    ) {
        let table = match slot {
            Slot::Pane(pane) => pane_mut(&mut self.panes, pane),
            Slot::Window(window) => self.extras.entry(window).or_default(),
        };
        let into = table.get_or_insert_with(hash, key.clone(), A::State::default);
        self.aggregate.merge(into, state);
        self.emit_updates(hash, &key, slot, out);
    }

    /// Empties the table into `each`: the map side of a map-side combine.
    pub fn drain(&mut self, mut each: impl FnMut(Slot, u64, A::Key, A::State)) {
        for (pane, mut table) in std::mem::take(&mut self.panes) {
            table.drain().for_each(|(hash, key, state)| each(Slot::Pane(pane), hash, key, state));
        }
        for (window, mut table) in std::mem::take(&mut self.extras) {
            table
                .drain()
                .for_each(|(hash, key, state)| each(Slot::Window(window), hash, key, state));
        }
    }

    /// Raises the watermark.
    pub fn advance(&mut self, watermark: EventTime, out: &mut impl FnMut(Output<A>)) {
        let before = self.watermark;
        if watermark <= before {
            return;
        }
        self.watermark = watermark;
        if watermark.0 >= self.quiet_until_ns {
            self.close_and_drop(before, watermark, out);
        }
    }

    /// Windows end at multiples of the slide, so that is where something happens, and again once the
    /// allowed lateness has passed.
    const fn next_event_ns(&self) -> u64 {
        let (slide, late) = (self.slide_ns, self.windows.lateness_ns());
        let close = (self.watermark.0 / slide).saturating_add(1).saturating_mul(slide);
        let drop = if self.watermark.0 < late {
            late
        } else {
            let ends = ((self.watermark.0 - late) / slide).saturating_add(1);
            ends.saturating_mul(slide).saturating_add(late)
        };
        if close < drop { close } else { drop }
    }

    fn close_and_drop(
        &mut self,
        before: EventTime,
        watermark: EventTime,
        out: &mut impl FnMut(Output<A>),
    ) {
        self.quiet_until_ns = self.next_event_ns();
        let mut end_ns = 0;
        while let Some(window) = self.next_window(end_ns) {
            end_ns = window.end_ns;
            if !self.windows.closed(window, watermark) {
                break;
            }
            if !self.windows.closed(window, before) {
                self.emit_window(window, out);
            }
        }
        let (windows, pane_ns) = (self.windows, self.pane_ns);
        self.extras.retain(|window, _| !windows.dropped(*window, watermark));
        self.panes.retain(|(pane, _)| {
            let last = windows.assign(EventTime(pane * pane_ns)).last();
            last.is_some_and(|window| !windows.dropped(window, watermark))
        });
    }

    fn on_time(&self, at: EventTime, watermark: EventTime) -> bool {
        self.windows.assign(at).next().is_none_or(|first| !self.windows.dropped(first, watermark))
    }

    #[cold]
    fn insert_partly_late(
        &mut self,
        hash: u64,
        at: EventTime,
        watermark: EventTime,
        key: A::Key,
        value: A::Value,
        out: &mut impl FnMut(Output<A>),
    ) {
        let windows = self.windows;
        let mut open = windows.assign(at).filter(|w| !windows.dropped(*w, watermark)).peekable();
        if open.peek().is_none() {
            self.late += 1;
            out(Windowed::Late((key, value)));
            return;
        }
        for window in open {
            let table = self.extras.entry(window).or_default();
            let state = table.get_or_insert_with(hash, key.clone(), A::State::default);
            self.aggregate.update(state, value.clone());
            self.emit_updates(hash, &key, Slot::Window(window), out);
        }
    }

    /// The next window after `end_ns` that holds data.
    fn next_window(&self, end_ns: i64) -> Option<Window> {
        let slide = self.slide_ns as i64;
        let next = end_ns.div_euclid(slide) * slide + slide;
        let from_pane = ((next - self.length_ns as i64).max(0) as u64).div_ceil(self.pane_ns);
        let in_panes = self.panes_from(from_pane).iter().filter_map(|(pane, _)| {
            let at = EventTime(pane * self.pane_ns);
            self.windows.assign(at).find(|w| w.end_ns > end_ns)
        });
        let in_extras = self.extras.keys().find(|w| w.end_ns > end_ns).copied();
        in_panes.take(1).chain(in_extras).min()
    }

    fn panes_of(&self, window: Window) -> impl Iterator<Item = &KeyedTable<A::Key, A::State>> {
        let from = window.start_ns.max(0) as u64 / self.pane_ns;
        let to = window.end_ns.max(0) as u64 / self.pane_ns;
        let panes = self.panes_from(from).iter().take_while(move |(pane, _)| *pane < to);
        panes.map(|(_, table)| table).chain(self.extras.get(&window))
    }

    fn panes_from(&self, pane: u64) -> &[(u64, KeyedTable<A::Key, A::State>)] {
        &self.panes[self.panes.partition_point(|(other, _)| *other < pane)..]
    }

    fn emit_window(&self, window: Window, out: &mut impl FnMut(Output<A>)) {
        let mut tables = self.panes_of(window);
        let (Some(first), second) = (tables.next(), tables.next()) else { return };
        let Some(second) = second else {
            for (key, state) in first.iter() {
                out(Windowed::Result { window, value: self.aggregate.output(key, state) });
            }
            return;
        };
        let mut sum = first.clone();
        for table in std::iter::once(second).chain(tables) {
            for (hash, key, state) in table.entries() {
                let into = sum.get_or_insert_with(hash, key.clone(), A::State::default);
                self.aggregate.merge(into, state.clone());
            }
        }
        for (key, state) in sum.iter() {
            out(Windowed::Result { window, value: self.aggregate.output(key, state) });
        }
    }

    /// New results of one key for the windows over a slot that have closed and are still kept.
    fn emit_updates(&self, hash: u64, key: &A::Key, slot: Slot, out: &mut impl FnMut(Output<A>)) {
        let emit = |window: Window| {
            let mut sum = A::State::default();
            for table in self.panes_of(window) {
                if let Some(state) = table.get(hash, key) {
                    self.aggregate.merge(&mut sum, state.clone());
                }
            }
            Windowed::Result { window, value: self.aggregate.output(key, &sum) }
        };
        let closed = |window: &Window| self.windows.closed(*window, self.watermark);
        match slot {
            Slot::Pane(pane) => {
                let at = EventTime(pane * self.pane_ns);
                self.windows.assign(at).take_while(closed).for_each(|window| out(emit(window)));
            }
            Slot::Window(window) => {
                if closed(&window) {
                    out(emit(window));
                }
            }
        }
    }
}
