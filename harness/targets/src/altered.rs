//! An engine that is altered in a known way, to see whether the harness notices.
//!
//! An [`Alteration`] works through the contract alone: on the source, the operators and the sink that
//! the engine is handed. So each can be made to every engine.

use weir_dataflow::{
    Aggregate, Data, Engine, Flow, Plan, RunContext, RunError, RunSummary, Sink, Source, Transform,
    UpdateState, Windowed, Windows,
};

/// What is altered; nothing, if none of these is defined.
pub trait Alteration: Clone + Send + Sync + 'static {
    /// The source that the engine gets.
    fn source<S: Source>(self, source: S) -> impl Source<Item = S::Item> {
        source
    }

    /// An aggregate per key, on the engine's own flow.
    fn running<F: Flow, A: Aggregate<In = F::Item>>(
        self,
        flow: F,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = F::Engine> {
        flow.running(aggregate)
    }

    /// State per key, on the engine's own flow.
    fn update_state<F: Flow, U: UpdateState<In = F::Item>>(
        self,
        flow: F,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = F::Engine> {
        flow.update_state(update)
    }

    /// An aggregate per window, on the engine's own flow.
    fn windowed<F: Flow, A: Aggregate<In = F::Item>>(
        self,
        flow: F,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = F::Engine> {
        flow.windowed(windows, aggregate)
    }

    /// The run of the engine's own flow.
    ///
    /// # Errors
    /// The run failed.
    fn run<F: Flow, K: Sink<F::Item>>(
        &self,
        flow: F,
        sink: K,
        context: &RunContext,
    ) -> Result<RunSummary, RunError> {
        flow.run(sink, context)
    }
}

/// An engine, altered.
#[derive(Clone, Debug)]
pub struct Altered<E, A> {
    /// The engine within.
    pub engine: E,
    /// What is altered.
    pub by: A,
}

/// A flow of an altered engine.
pub struct AlteredFlow<F, A> {
    inner: F,
    by: A,
}

impl<F: Flow, A: Alteration> AlteredFlow<F, A> {
    fn wrap<E>(inner: F, by: A) -> impl Flow<Item = F::Item, Engine = Altered<E, A>>
    where
        E: Engine,
        F: Flow<Engine = E>,
    {
        Self { inner, by }
    }
}

impl<E: Engine, B: Alteration> Engine for Altered<E, B> {
    type Stream<T: Data> = AlteredFlow<E::Stream<T>, B>;

    fn name(&self) -> &str {
        self.engine.name()
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        AlteredFlow::wrap(self.engine.source(self.by.clone().source(source)), self.by.clone())
    }
}

impl<E: Engine, F: Flow<Engine = E>, B: Alteration> Flow for AlteredFlow<F, B> {
    type Item = F::Item;
    type Engine = Altered<E, B>;

    fn transform<T: Transform<In = Self::Item>>(
        self,
        operator: T,
    ) -> impl Flow<Item = T::Out, Engine = Altered<E, B>> {
        AlteredFlow::wrap(self.inner.transform(operator), self.by)
    }

    fn running<A: Aggregate<In = Self::Item>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = Altered<E, B>> {
        let by = self.by.clone();
        AlteredFlow::wrap(self.by.running(self.inner, aggregate), by)
    }

    fn update_state<U: UpdateState<In = Self::Item>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = Altered<E, B>> {
        let by = self.by.clone();
        AlteredFlow::wrap(self.by.update_state(self.inner, update), by)
    }

    fn windowed<A: Aggregate<In = Self::Item>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = Altered<E, B>> {
        let by = self.by.clone();
        AlteredFlow::wrap(self.by.windowed(self.inner, windows, aggregate), by)
    }

    fn erase(self) -> AlteredFlow<E::Stream<F::Item>, B> {
        AlteredFlow { inner: self.inner.erase(), by: self.by }
    }

    fn union(
        self,
        other: impl Flow<Item = Self::Item, Engine = Altered<E, B>>,
    ) -> impl Flow<Item = Self::Item, Engine = Altered<E, B>> {
        AlteredFlow::wrap(self.inner.union(other.erase().inner), self.by)
    }

    fn run<K: Sink<Self::Item>>(
        self,
        sink: K,
        context: &RunContext,
    ) -> Result<RunSummary, RunError> {
        self.by.run(self.inner, sink, context)
    }

    fn plan(&self) -> Plan {
        self.inner.plan()
    }
}
