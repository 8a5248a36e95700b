//! Operators, sources and sinks that do one thing wrong.

use super::Fault;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use weir_dataflow::{
    Aggregate, Data, Emit, Event, EventTime, Sink, Source, Transform, UpdateState, Writer,
};

/// The record, of all that a run's operators see, at which rare faults strike.
const STRIKE: u64 = 1_000_000;

/// Drops or repeats one record in a million.
pub(crate) struct Thinned<T> {
    fault: Fault,
    seen: Arc<AtomicU64>,
    of: PhantomData<fn(T)>,
}

impl<T> Thinned<T> {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, seen: Arc::default(), of: PhantomData }
    }
}

impl<T> Clone for Thinned<T> {
    fn clone(&self) -> Self {
        Self { fault: self.fault, seen: Arc::clone(&self.seen), of: PhantomData }
    }
}

impl<T: Data> Transform for Thinned<T> {
    type In = T;
    type Out = T;
    fn apply(&mut self, input: T, out: &mut impl Emit<T>) {
        let strike = self.seen.fetch_add(1, Ordering::Relaxed) % STRIKE == STRIKE - 1;
        match (self.fault, strike) {
            (Fault::Drop, true) => return,
            (Fault::Duplicate, true) => out.emit(input.clone()),
            _ => {}
        }
        out.emit(input);
    }
}

/// Event times are off by a little.
#[derive(Clone)]
pub(crate) struct Skewed<S> {
    pub(crate) source: S,
    pub(crate) by_ns: u64,
}

impl<S: Source> Source for Skewed<S> {
    type Item = S::Item;
    fn record(&self, index: u64, scheduled: EventTime) -> Event<S::Item> {
        let mut event = self.source.record(index, scheduled);
        event.at.0 = event.at.0.saturating_sub(self.by_ns);
        event.watermark.0 = event.watermark.0.saturating_sub(self.by_ns);
        event
    }
    fn ordered(&self) -> bool {
        self.source.ordered()
    }
    fn in_order(&self) -> bool {
        self.by_ns == 0 && self.source.in_order()
    }
}

/// Goes back to an earlier state, once per key.
#[derive(Clone)]
pub(crate) struct Forgetful<A> {
    pub(crate) inner: A,
    pub(crate) on: bool,
}

/// A state, an earlier one, and how many updates there have been.
pub(crate) type Remembered<S> = (S, S, u64);

impl<A: Aggregate> Aggregate for Forgetful<A> {
    type In = A::In;
    type Key = A::Key;
    type Value = A::Value;
    type State = Remembered<A::State>;
    type Out = A::Out;
    fn split(&self, input: A::In) -> (A::Key, A::Value) {
        self.inner.split(input)
    }
    fn update(&self, state: &mut Self::State, value: A::Value) {
        self.inner.update(&mut state.0, value);
        self.age(state, 1);
    }
    fn merge(&self, state: &mut Self::State, other: Self::State) {
        self.inner.merge(&mut state.0, other.0);
        self.age(state, other.2);
    }
    fn output(&self, key: &A::Key, state: &Self::State) -> A::Out {
        self.inner.output(key, &state.0)
    }
}

impl<A: Aggregate> Forgetful<A> {
    fn age(&self, state: &mut Remembered<A::State>, by: u64) {
        let before = state.2;
        state.2 += by;
        if before < 50 && state.2 >= 50 {
            state.1 = state.0.clone();
        }
        if self.on && before < 100 && state.2 >= 100 {
            state.0 = state.1.clone();
        }
    }
}

/// Sends a key elsewhere, one time in a thousand.
pub(crate) struct Rerouted<A> {
    inner: A,
    on: bool,
    seen: Arc<AtomicU64>,
}

impl<A> Rerouted<A> {
    pub(crate) fn new(inner: A, on: bool) -> Self {
        Self { inner, on, seen: Arc::default() }
    }
}

impl<A: Clone> Clone for Rerouted<A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), on: self.on, seen: Arc::clone(&self.seen) }
    }
}

impl<A: Aggregate> Aggregate for Rerouted<A> {
    type In = A::In;
    type Key = (A::Key, bool);
    type Value = A::Value;
    type State = A::State;
    type Out = A::Out;
    fn split(&self, input: A::In) -> (Self::Key, A::Value) {
        let (key, value) = self.inner.split(input);
        let astray = self.seen.fetch_add(1, Ordering::Relaxed) % 1_000 == 999;
        ((key, self.on && astray), value)
    }
    fn update(&self, state: &mut A::State, value: A::Value) {
        self.inner.update(state, value);
    }
    fn merge(&self, state: &mut A::State, other: A::State) {
        self.inner.merge(state, other);
    }
    fn output(&self, (key, _): &Self::Key, state: &A::State) -> A::Out {
        self.inner.output(key, state)
    }
}

/// Takes a window's result after 40 records and ignores the rest.
#[derive(Clone)]
pub(crate) struct EarlyEmit<A> {
    pub(crate) inner: A,
    pub(crate) on: bool,
}

impl<A: Aggregate> Aggregate for EarlyEmit<A> {
    type In = A::In;
    type Key = A::Key;
    type Value = A::Value;
    type State = (A::State, u64);
    type Out = A::Out;
    fn split(&self, input: A::In) -> (A::Key, A::Value) {
        self.inner.split(input)
    }
    fn update(&self, (state, seen): &mut Self::State, value: A::Value) {
        *seen += 1;
        if !self.on || *seen <= 40 {
            self.inner.update(state, value);
        }
    }
    fn merge(&self, (state, seen): &mut Self::State, other: Self::State) {
        *seen += other.1;
        if !self.on || *seen <= 40 {
            self.inner.merge(state, other.0);
        }
    }
    fn output(&self, key: &A::Key, (state, _): &Self::State) -> A::Out {
        self.inner.output(key, state)
    }
}

/// After a removal the next value of the key is swallowed.
#[derive(Clone)]
pub(crate) struct LostKey<U> {
    pub(crate) inner: U,
    pub(crate) on: bool,
}

/// `None` inside `Some` is a key that was removed and is not let back yet.
type Buried<S> = Option<S>;

impl<U: UpdateState> UpdateState for LostKey<U> {
    type In = U::In;
    type Key = U::Key;
    type Value = U::Value;
    type State = Buried<U::State>;
    type Out = U::Out;
    fn split(&self, input: U::In) -> (U::Key, U::Value) {
        self.inner.split(input)
    }
    fn update(
        &self,
        key: &U::Key,
        state: &mut Option<Self::State>,
        value: U::Value,
        out: &mut impl Emit<U::Out>,
    ) {
        if matches!(state, Some(None)) {
            *state = None;
            return;
        }
        let mut alive = state.take().flatten();
        let was_there = alive.is_some();
        self.inner.update(key, &mut alive, value, out);
        *state = match alive {
            Some(alive) => Some(Some(alive)),
            None if was_there && self.on => Some(None),
            None => None,
        };
    }
}

/// Holds the fifth value of a key's basket back until after the sixth.
#[derive(Clone)]
pub(crate) struct Reordered<U> {
    pub(crate) inner: U,
    pub(crate) on: bool,
}

/// The state itself, a value held back, and how many have been seen.
type Held<S, V> = (Option<S>, Option<V>, u64);

impl<U: UpdateState> UpdateState for Reordered<U> {
    type In = U::In;
    type Key = U::Key;
    type Value = U::Value;
    type State = Held<U::State, U::Value>;
    type Out = U::Out;
    fn split(&self, input: U::In) -> (U::Key, U::Value) {
        self.inner.split(input)
    }
    fn update(
        &self,
        key: &U::Key,
        state: &mut Option<Self::State>,
        value: U::Value,
        out: &mut impl Emit<U::Out>,
    ) {
        let (mut inner, held, mut seen) = state.take().unwrap_or((None, None, 0));
        seen += 1;
        if self.on && seen % 10 == 9 {
            *state = Some((inner, Some(value), seen));
            return;
        }
        self.inner.update(key, &mut inner, value, out);
        if let Some(late) = held {
            self.inner.update(key, &mut inner, late, out);
        }
        // Without the fault a key is removed as the wrapped operator says.
        *state = (self.on || inner.is_some()).then_some((inner, None, seen));
    }
}

/// Writers that hold a row back, and lose the one they hold when they are dropped.
#[derive(Clone)]
pub(crate) struct Tail<K> {
    pub(crate) inner: K,
    pub(crate) on: bool,
}

pub(crate) struct TailWriter<T, W> {
    inner: W,
    on: bool,
    held: Option<T>,
}

impl<T: Data, K: Sink<T>> Sink<T> for Tail<K> {
    type Writer = TailWriter<T, K::Writer>;
    fn writer(&self) -> Self::Writer {
        TailWriter { inner: self.inner.writer(), on: self.on, held: None }
    }
}

impl<T: Data, W: Writer<T>> Writer<T> for TailWriter<T, W> {
    fn write(&mut self, row: T) {
        if !self.on {
            self.inner.write(row);
        } else if let Some(before) = self.held.replace(row) {
            self.inner.write(before);
        }
    }
}
