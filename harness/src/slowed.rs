//! An engine made slower by a known time for each record: what it can sustain is then arithmetic.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{
    Aggregate, Clock, Data, Engine, Event, EventTime, Flow, Plan, RunContext, RunError, RunSummary,
    Sink, Source, Transform, UpdateState, Windowed, Windows,
};

/// How the time for a record passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The clock is waited for: right for a clock that is told the time.
    Sleep,
    /// The clock is read until the time is over: exact on a real one, and keeps a processor busy.
    Spin,
}

/// `engine`, in which the reading of each record takes a time.
#[derive(Clone, Debug)]
pub struct Slowed<E> {
    engine: E,
    pace: Pace,
}

/// The time that a record takes, by its index.
type Times = Arc<dyn Fn(u64) -> Duration + Send + Sync>;

#[derive(Clone)]
struct Pace {
    clock: Arc<dyn Clock>,
    times: Times,
    wait: Wait,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("wait", &self.wait).finish_non_exhaustive()
    }
}

impl<E> Slowed<E> {
    /// An engine whose source takes `service` for each record, by `clock`.
    pub fn new(engine: E, clock: Arc<dyn Clock>, service: Duration, wait: Wait) -> Self {
        Self::by(engine, clock, move |_| service, wait)
    }

    /// An engine whose source takes the time that `times` says for the record of an index. Where that is zero,
    /// the clock is not even read.
    pub fn by(
        engine: E,
        clock: Arc<dyn Clock>,
        times: impl Fn(u64) -> Duration + Send + Sync + 'static,
        wait: Wait,
    ) -> Self {
        Self { engine, pace: Pace { clock, times: Arc::new(times), wait } }
    }
}

impl Pace {
    fn pass(&self, index: u64) {
        let service = (self.times)(index);
        if service.is_zero() {
            return;
        }
        let service_ns = u64::try_from(service.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.clock.now_ns().saturating_add(service_ns);
        match self.wait {
            Wait::Sleep => self.clock.sleep_until(until_ns),
            Wait::Spin => {
                while self.clock.now_ns() < until_ns {
                    std::hint::spin_loop();
                }
            }
        }
    }
}

/// A source whose records take their time.
#[derive(Clone)]
struct SlowSource<S> {
    source: S,
    pace: Pace,
}

/// A flow of the engine within.
pub struct SlowedFlow<F> {
    inner: F,
}

impl<S: Source> Source for SlowSource<S> {
    type Item = S::Item;

    fn record(&self, index: u64, scheduled: EventTime) -> Event<S::Item> {
        self.pace.pass(index);
        self.source.record(index, scheduled)
    }
    fn ordered(&self) -> bool {
        self.source.ordered()
    }
    fn in_order(&self) -> bool {
        self.source.in_order()
    }
    fn label(&self) -> String {
        self.source.label()
    }
}

fn wrap<E: Engine, F: Flow<Engine = E>>(inner: F) -> impl Flow<Item = F::Item, Engine = Slowed<E>> {
    SlowedFlow { inner }
}

impl<E: Engine> Engine for Slowed<E> {
    type Stream<T: Data> = SlowedFlow<E::Stream<T>>;

    fn name(&self) -> &str {
        self.engine.name()
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        wrap(self.engine.source(SlowSource { source, pace: self.pace.clone() }))
    }
}

impl<E: Engine, F: Flow<Engine = E>> Flow for SlowedFlow<F> {
    type Item = F::Item;
    type Engine = Slowed<E>;

    fn transform<T: Transform<In = Self::Item>>(
        self,
        operator: T,
    ) -> impl Flow<Item = T::Out, Engine = Slowed<E>> {
        wrap(self.inner.transform(operator))
    }
    fn running<A: Aggregate<In = Self::Item>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = Slowed<E>> {
        wrap(self.inner.running(aggregate))
    }
    fn update_state<U: UpdateState<In = Self::Item>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = Slowed<E>> {
        wrap(self.inner.update_state(update))
    }
    fn windowed<A: Aggregate<In = Self::Item>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = Slowed<E>> {
        wrap(self.inner.windowed(windows, aggregate))
    }
    fn erase(self) -> SlowedFlow<E::Stream<F::Item>> {
        SlowedFlow { inner: self.inner.erase() }
    }
    fn union(
        self,
        other: impl Flow<Item = Self::Item, Engine = Slowed<E>>,
    ) -> impl Flow<Item = Self::Item, Engine = Slowed<E>> {
        wrap(self.inner.union(other.erase().inner))
    }
    fn run<K: Sink<Self::Item>>(
        self,
        sink: K,
        context: &RunContext,
    ) -> Result<RunSummary, RunError> {
        self.inner.run(sink, context)
    }
    fn plan(&self) -> Plan {
        self.inner.plan()
    }
}
