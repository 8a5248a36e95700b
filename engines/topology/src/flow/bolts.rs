//! The operators of the contract, as bolts.

use super::planner::{Rows, Tallies};
use crate::typed::{Bolt, Collector, Input, Outcome};
use std::sync::atomic::Ordering;
use weir_dataflow::{
    Aggregate, Event, EventTime, KeyedTable, Stamp, Transform, UpdateState, WindowTable, Windowed,
    Windows, hash_of,
};

/// A narrow operator.
pub(crate) struct TransformBolt<F>(pub(crate) F);

impl<F: Transform> Bolt for TransformBolt<F> {
    type In = F::In;
    type Out = F::Out;
    #[inline]
    fn execute(&mut self, input: Input<'_, F::In>, out: &mut Collector<F::Out>) -> Outcome {
        self.0.apply(input.value, &mut |value| out.emit(value));
        Outcome::Ack
    }
}

/// A running aggregate.
pub(crate) struct RunningBolt<A: Aggregate> {
    aggregate: A,
    table: KeyedTable<A::Key, A::State>,
    rows: Rows,
}

impl<A: Aggregate> RunningBolt<A> {
    pub(crate) fn new(aggregate: A, rows: Rows) -> Self {
        Self { aggregate, table: KeyedTable::new(), rows }
    }
}

impl<A: Aggregate> Bolt for RunningBolt<A> {
    type In = (A::Key, A::Value);
    type Out = A::Out;

    #[inline]
    fn execute(&mut self, input: Input<'_, Self::In>, out: &mut Collector<A::Out>) -> Outcome {
        let (key, value) = input.value;
        let hash = hash_of(&key);
        match self.rows {
            Rows::Last => {
                let aggregate = &self.aggregate;
                let add = |state: &mut A::State| aggregate.update(state, value);
                self.table.update(hash, key, A::State::default, add);
            }
            Rows::Changes => {
                let state = self.table.get_or_insert_with(hash, key.clone(), A::State::default);
                self.aggregate.update(state, value);
                out.emit(self.aggregate.output(&key, state));
            }
        }
        Outcome::Ack
    }

    fn finish(&mut self, out: &mut Collector<A::Out>) {
        if self.rows == Rows::Last {
            for (key, state) in self.table.iter() {
                out.emit(self.aggregate.output(key, state));
            }
        }
    }

    fn keeps_state(&self) -> bool {
        true
    }
}

/// Explicit state.
pub(crate) struct UpdateBolt<U: UpdateState> {
    update: U,
    /// Never `None` between records: that is how [`UpdateState`] removes a key.
    table: KeyedTable<U::Key, Option<U::State>>,
}

impl<U: UpdateState> UpdateBolt<U> {
    pub(crate) fn new(update: U) -> Self {
        Self { update, table: KeyedTable::new() }
    }
}

impl<U: UpdateState> Bolt for UpdateBolt<U> {
    type In = (U::Key, U::Value);
    type Out = U::Out;

    #[inline]
    fn execute(&mut self, input: Input<'_, Self::In>, out: &mut Collector<U::Out>) -> Outcome {
        let (key, value) = input.value;
        let hash = hash_of(&key);
        let mut emit = |row| out.emit(row);
        if let Some(state) = self.table.get_mut(hash, &key) {
            self.update.update(&key, state, value, &mut emit);
            if state.is_none() {
                self.table.remove(hash, &key);
            }
        } else {
            let mut state = None;
            self.update.update(&key, &mut state, value, &mut emit);
            if state.is_some() {
                self.table.get_or_insert_with(hash, key, || state);
            }
        }
        Outcome::Ack
    }

    fn keeps_state(&self) -> bool {
        true
    }
}

/// An aggregate per window.
pub(crate) struct WindowBolt<A: Aggregate> {
    table: WindowTable<A>,
    tallies: Tallies,
}

impl<A: Aggregate> WindowBolt<A> {
    pub(crate) fn new(windows: Windows, aggregate: A, tallies: Tallies) -> Self {
        Self { table: WindowTable::new(windows, aggregate), tallies }
    }
}

type WindowRow<A> =
    Windowed<<A as Aggregate>::Out, (<A as Aggregate>::Key, <A as Aggregate>::Value)>;

/// A window's result happens at the last instant of the window.
#[inline]
fn emit_row<O, L>(row: Windowed<O, L>, stamp: &Stamp, out: &mut Collector<Windowed<O, L>>)
where
    O: weir_dataflow::Data,
    L: weir_dataflow::Data,
{
    match &row {
        Windowed::Late(_) => out.emit(row),
        Windowed::Result { window, .. } => {
            let at = EventTime((window.end_ns - 1).max(0) as u64);
            out.emit_at(Stamp { index: stamp.index, at, watermark: stamp.watermark.min(at) }, row);
        }
    }
}

impl<A: Aggregate> Bolt for WindowBolt<A> {
    type In = (A::Key, A::Value);
    type Out = WindowRow<A>;

    #[inline]
    fn execute(&mut self, input: Input<'_, Self::In>, out: &mut Collector<Self::Out>) -> Outcome {
        let (key, value) = input.value;
        let hash = hash_of(&key);
        let Stamp { at, watermark, .. } = *input.stamp;
        let event = Event { at, watermark, value: (key, value) };
        self.table.insert(hash, event, &mut |row| emit_row(row, input.stamp, out));
        Outcome::Ack
    }

    fn watermark(&mut self, to: EventTime, stamp: &Stamp, out: &mut Collector<Self::Out>) {
        self.table.advance(to, &mut |row| emit_row(row, stamp, out));
    }

    fn cleanup(&mut self) {
        self.tallies.late.fetch_add(self.table.late(), Ordering::Relaxed);
    }

    fn keeps_state(&self) -> bool {
        true
    }
}
