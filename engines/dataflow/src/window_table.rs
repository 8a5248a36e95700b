//! The state of a windowed aggregate, shared by the engines: what they differ in is when they insert
//! and when they advance.

use crate::session_table::SessionTable;
use crate::{Aggregate, Event, EventTime, PaneTable, Windowed, Windows};

/// What a windowed operator emits for the aggregate `A`.
pub(crate) type Output<A> =
    Windowed<<A as Aggregate>::Out, (<A as Aggregate>::Key, <A as Aggregate>::Value)>;

/// Window state for one partition of keys.
#[derive(Clone)]
pub enum WindowTable<A: Aggregate> {
    /// Tumbling and sliding windows.
    Panes(PaneTable<A>),
    /// Session windows.
    Sessions(SessionTable<A>),
}

impl<A: Aggregate> WindowTable<A> {
    /// Empty state.
    #[must_use]
    pub fn new(windows: Windows, aggregate: A) -> Self {
        match windows.session_gap_ns() {
            None => Self::Panes(PaneTable::new(windows, aggregate)),
            Some(gap_ns) => Self::Sessions(SessionTable::new(gap_ns, windows, aggregate)),
        }
    }

    /// Adds one record: `event.value` is its key and value, `hash` the key's. Emits at once if the
    /// record is late, or if it updates a window that has closed.
    #[inline]
    pub fn insert(
        &mut self,
        hash: u64,
        event: Event<(A::Key, A::Value)>,
        out: &mut impl FnMut(Output<A>),
    ) {
        match self {
            Self::Panes(table) => table.insert(hash, event, out),
            Self::Sessions(table) => table.insert(hash, event, out),
        }
    }

    /// Raises the watermark: closes and drops windows, and emits the closed ones in the order of
    /// their ends. [`EventTime::END`] closes everything.
    pub fn advance(&mut self, watermark: EventTime, out: &mut impl FnMut(Output<A>)) {
        match self {
            Self::Panes(table) => table.advance(watermark, out),
            Self::Sessions(table) => table.advance(watermark, out),
        }
    }

    /// How many records came too late for all their windows.
    #[must_use]
    pub const fn late(&self) -> u64 {
        match self {
            Self::Panes(table) => table.late(),
            Self::Sessions(table) => table.late(),
        }
    }
}

#[cfg(test)]
mod tests;
