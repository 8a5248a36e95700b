//! One operator each, by the book.

use crate::pipe::Out;
use std::collections::{BTreeMap, HashMap};
use weir_dataflow::{
    Aggregate, Data, Event, EventTime, FastState, Transform, UpdateState, Window, Windowed, Windows,
};

/// Standard maps; only the hash state is ours, because it has to be the same in every run.
type Map<K, V> = HashMap<K, V, FastState>;

/// What follows a pipe.
pub(crate) trait Operator<T>: Clone + Send + 'static {
    type Out: Data;
    fn push(&mut self, event: Event<T>, out: Out<'_, Self::Out>);
    fn end(&mut self, _: Out<'_, Self::Out>) {}
    fn late(&self) -> u64 {
        0
    }
}

/// The end of the input, for rows that are emitted there.
fn at_end<T>(value: T) -> Event<T> {
    Event { at: EventTime::END, watermark: EventTime::END, value }
}

#[derive(Clone)]
pub(crate) struct Narrow<F>(pub(crate) F);

impl<F: Transform> Operator<F::In> for Narrow<F> {
    type Out = F::Out;
    fn push(&mut self, event: Event<F::In>, out: Out<'_, F::Out>) {
        let Event { at, watermark, value } = event;
        self.0.apply(value, &mut |value| out(Event { at, watermark, value }));
    }
}

#[derive(Clone)]
pub(crate) struct Running<A: Aggregate> {
    aggregate: A,
    states: Map<A::Key, A::State>,
}

impl<A: Aggregate> Running<A> {
    pub(crate) fn new(aggregate: A) -> Self {
        Self { aggregate, states: Map::default() }
    }
}

impl<A: Aggregate> Operator<A::In> for Running<A> {
    type Out = A::Out;
    fn push(&mut self, event: Event<A::In>, _: Out<'_, A::Out>) {
        let (key, value) = self.aggregate.split(event.value);
        self.aggregate.update(self.states.entry(key).or_default(), value);
    }
    fn end(&mut self, out: Out<'_, A::Out>) {
        for (key, state) in &self.states {
            out(at_end(self.aggregate.output(key, state)));
        }
    }
}

#[derive(Clone)]
pub(crate) struct Stateful<U: UpdateState> {
    update: U,
    states: Map<U::Key, U::State>,
}

impl<U: UpdateState> Stateful<U> {
    pub(crate) fn new(update: U) -> Self {
        Self { update, states: Map::default() }
    }
}

impl<U: UpdateState> Operator<U::In> for Stateful<U> {
    type Out = U::Out;
    fn push(&mut self, event: Event<U::In>, out: Out<'_, U::Out>) {
        let Event { at, watermark, value } = event;
        let (key, value) = self.update.split(value);
        let mut state = self.states.remove(&key);
        self.update.update(&key, &mut state, value, &mut |value| {
            out(Event { at, watermark, value });
        });
        if let Some(state) = state {
            self.states.insert(key, state);
        }
    }
}

#[derive(Clone)]
pub(crate) struct Sliding<A: Aggregate> {
    aggregate: A,
    windows: Windows,
    /// Windows that a record could still fall into, the one that ends first, first.
    open: BTreeMap<Window, Map<A::Key, A::State>>,
    late: u64,
}

impl<A: Aggregate> Sliding<A> {
    pub(crate) fn new(windows: Windows, aggregate: A) -> Self {
        Self { aggregate, windows, open: BTreeMap::new(), late: 0 }
    }

    fn emit(&self, window: Window, states: &Map<A::Key, A::State>, out: Out<'_, Output<A>>) {
        for (key, state) in states {
            out(at_end(Windowed::Result { window, value: self.aggregate.output(key, state) }));
        }
    }
}

type Output<A> = Windowed<<A as Aggregate>::Out, (<A as Aggregate>::Key, <A as Aggregate>::Value)>;

impl<A: Aggregate> Operator<A::In> for Sliding<A> {
    type Out = Output<A>;
    fn push(&mut self, event: Event<A::In>, out: Out<'_, Output<A>>) {
        let Event { at, watermark, value } = event;
        let (key, value) = self.aggregate.split(value);
        let (mut assigned, mut accepted) = (0, 0);
        for window in self.windows.assign(at) {
            assigned += 1;
            if !self.windows.dropped(window, watermark) {
                accepted += 1;
                let state = self.open.entry(window).or_default().entry(key.clone()).or_default();
                self.aggregate.update(state, value.clone());
            }
        }
        if assigned > 0 && accepted == 0 {
            self.late += 1;
            out(Event { at, watermark, value: Windowed::Late((key, value)) });
        }
        while let Some((&window, _)) = self.open.first_key_value() {
            if !self.windows.dropped(window, watermark) {
                break;
            }
            if let Some((window, states)) = self.open.pop_first() {
                self.emit(window, &states, out);
            }
        }
    }
    fn end(&mut self, out: Out<'_, Output<A>>) {
        for (window, states) in &self.open {
            self.emit(*window, states, out);
        }
    }
    fn late(&self) -> u64 {
        self.late
    }
}

#[derive(Clone)]
pub(crate) struct Sessions<A: Aggregate> {
    aggregate: A,
    windows: Windows,
    sessions: Map<A::Key, Vec<(Window, A::State)>>,
    late: u64,
}

impl<A: Aggregate> Sessions<A> {
    pub(crate) fn new(windows: Windows, aggregate: A) -> Self {
        Self { aggregate, windows, sessions: Map::default(), late: 0 }
    }
}

impl<A: Aggregate> Operator<A::In> for Sessions<A> {
    type Out = Output<A>;
    fn push(&mut self, event: Event<A::In>, out: Out<'_, Output<A>>) {
        let Event { at, watermark, value } = event;
        let (key, value) = self.aggregate.split(value);
        let Some(mut window) = self.windows.assign(at).next() else { return };
        if self.windows.dropped(window, watermark) {
            self.late += 1;
            out(Event { at, watermark, value: Windowed::Late((key, value)) });
            return;
        }
        let mut state = A::State::default();
        self.aggregate.update(&mut state, value);
        let sessions = self.sessions.entry(key).or_default();
        let mut apart = Vec::new();
        for (other, gathered) in std::mem::take(sessions) {
            let touches = other.start_ns < window.end_ns && window.start_ns < other.end_ns;
            if touches && !self.windows.dropped(other, watermark) {
                window.start_ns = window.start_ns.min(other.start_ns);
                window.end_ns = window.end_ns.max(other.end_ns);
                self.aggregate.merge(&mut state, gathered);
            } else {
                apart.push((other, gathered));
            }
        }
        apart.push((window, state));
        *sessions = apart;
    }
    fn end(&mut self, out: Out<'_, Output<A>>) {
        for (key, sessions) in &self.sessions {
            for (window, state) in sessions {
                let value = self.aggregate.output(key, state);
                out(at_end(Windowed::Result { window: *window, value }));
            }
        }
    }
    fn late(&self) -> u64 {
        self.late
    }
}
