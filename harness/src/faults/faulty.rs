//! An engine with a known fault, wrapped around an engine without.
//!
//! Every fault is planted through the contract alone: in the operators, the source or the sink that
//! the wrapped engine is handed. So each can be planted in every engine.

use super::planted::{
    Blurred, EarlyEmit, Forgetful, LostKey, Reordered, Rerouted, Skewed, Tail, Thinned,
};
use weir_dataflow::{
    Aggregate, Data, Engine, Flow, Plan, RunContext, RunError, RunSummary, Sink, Source, Transform,
    UpdateState, Windowed, Windows,
};

/// What is wrong with the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the wrapper itself must be harmless.
    None,
    /// One record in a million goes missing before a keyed operator.
    Drop,
    /// One record in a million arrives twice.
    Duplicate,
    /// A window's first nanosecond belongs to the window before.
    WindowEdge,
    /// A key that has been removed stays away for one more value.
    LostKey,
    /// Two values of a key change places, once.
    Reorder,
    /// A key's state falls back to what it was a while ago, once.
    StaleState,
    /// A key is sent to another partition now and then.
    WrongPartition,
    /// A window's result is taken before its last record.
    EarlyEmit,
    /// Late records are not counted.
    UncountedLate,
    /// The last row of a task is lost at shutdown.
    LostTail,
}

impl Fault {
    /// All that must be caught, with a workload that shows it.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Drop, "word-count"),
        (Self::Duplicate, "word-count"),
        (Self::WindowEdge, "windowed"),
        (Self::LostKey, "stateful"),
        (Self::Reorder, "stateful"),
        (Self::StaleState, "word-count"),
        (Self::WrongPartition, "word-count"),
        (Self::EarlyEmit, "windowed"),
        (Self::UncountedLate, "windowed"),
        (Self::LostTail, "word-count"),
    ];
}

/// `engine`, with a fault.
pub struct Faulty<E> {
    /// The engine that is wrapped.
    pub engine: E,
    /// What is wrong with it.
    pub fault: Fault,
}

/// A flow of the wrapped engine, with a fault.
pub struct FaultyFlow<F> {
    inner: F,
    fault: Fault,
}

fn wrap<E: Engine, F: Flow<Engine = E>>(
    inner: F,
    fault: Fault,
) -> impl Flow<Item = F::Item, Engine = Faulty<E>> {
    FaultyFlow { inner, fault }
}

impl<E: Engine> Engine for Faulty<E> {
    type Stream<T: Data> = FaultyFlow<E::Stream<T>>;

    fn name(&self) -> &str {
        self.engine.name()
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        let skewed = Skewed { source, by_ns: u64::from(self.fault == Fault::WindowEdge) };
        wrap(self.engine.source(skewed), self.fault)
    }
}

impl<E: Engine, F: Flow<Engine = E>> Flow for FaultyFlow<F> {
    type Item = F::Item;
    type Engine = Faulty<E>;

    fn transform<T: Transform<In = Self::Item>>(
        self,
        operator: T,
    ) -> impl Flow<Item = T::Out, Engine = Faulty<E>> {
        wrap(self.inner.transform(operator), self.fault)
    }

    fn running<A: Aggregate<In = Self::Item>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = Faulty<E>> {
        let fault = self.fault;
        let thinned = self.inner.transform(Thinned::new(fault));
        let forgetful = Forgetful { inner: aggregate, on: fault == Fault::StaleState };
        wrap(thinned.running(Rerouted::new(forgetful, fault == Fault::WrongPartition)), fault)
    }

    fn update_state<U: UpdateState<In = Self::Item>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = Faulty<E>> {
        let fault = self.fault;
        let thinned = self.inner.transform(Thinned::new(fault));
        let lost = LostKey { inner: update, on: fault == Fault::LostKey };
        wrap(thinned.update_state(Reordered { inner: lost, on: fault == Fault::Reorder }), fault)
    }

    fn windowed<A: Aggregate<In = Self::Item>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = Faulty<E>> {
        let fault = self.fault;
        let early = EarlyEmit { inner: aggregate, on: fault == Fault::EarlyEmit };
        wrap(self.inner.transform(Thinned::new(fault)).windowed(windows, early), fault)
    }

    fn erase(self) -> FaultyFlow<E::Stream<F::Item>> {
        FaultyFlow { inner: self.inner.erase(), fault: self.fault }
    }

    fn union(
        self,
        other: impl Flow<Item = Self::Item, Engine = Faulty<E>>,
    ) -> impl Flow<Item = Self::Item, Engine = Faulty<E>> {
        wrap(self.inner.union(other.erase().inner), self.fault)
    }

    fn run<K: Sink<Self::Item>>(
        self,
        sink: K,
        context: &RunContext,
    ) -> Result<RunSummary, RunError> {
        let tail = Tail { inner: sink, on: self.fault == Fault::LostTail };
        let mut summary = self.inner.run(tail, context)?;
        Blurred { on: self.fault == Fault::UncountedLate }.blur(&mut summary);
        Ok(summary)
    }

    fn plan(&self) -> Plan {
        self.inner.plan()
    }
}
