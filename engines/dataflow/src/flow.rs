//! The stream as a workload sees it.

use crate::join::{Either, JoinAggregate, Joined};
use crate::{
    Aggregate, Data, Filter, FlatMap, Key, Map, Plan, RunContext, RunError, RunSummary, Sink,
    Source, Transform, UpdateState, Windowed, Windows,
};

/// A way to process a stream.
///
/// An engine value is a configuration; it holds no thread and no data. Every [`Flow::run`] sets up,
/// runs and tears down.
pub trait Engine: Sized + Send + Sync + 'static {
    /// The engine's stream of `T` with its operators erased. Engines that fuse statically pay one
    /// dynamic call per record for passing through it, at a union.
    type Stream<T: Data>: Flow<Item = T, Engine = Self>;

    /// The engine's name, as in `--engine`.
    fn name(&self) -> &str;

    /// A stream from a source.
    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self>;
}

/// A stream on some engine. Engines return their own chain types; workloads see only this.
///
/// What the engine may choose: where it puts queues and where it fuses, in which order records of
/// different keys meet an operator, and how many records of a key a [`running`](Self::running)
/// aggregate takes before it emits. What it may not choose: the final contents of the sink.
#[must_use = "a flow does nothing until it is run"]
pub trait Flow: Sized + Send {
    /// What flows.
    type Item: Data;
    /// On what.
    type Engine: Engine;

    /// A narrow operator.
    fn transform<F: Transform<In = Self::Item>>(
        self,
        operator: F,
    ) -> impl Flow<Item = F::Out, Engine = Self::Engine>;

    /// An aggregate per key over the whole stream so far.
    ///
    /// Emits a key's output whenever its state has changed: per record, or per batch. The last output
    /// of a key is its final state. At the end of a flow it is a materialised table: the sink sees
    /// each key's latest output.
    fn running<A: Aggregate<In = Self::Item>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = Self::Engine>;

    /// Explicit state per key, with removal.
    fn update_state<U: UpdateState<In = Self::Item>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = Self::Engine>;

    /// An aggregate per key and event-time window.
    fn windowed<A: Aggregate<In = Self::Item>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = Self::Engine>;

    /// The engine's own stream type, operators erased.
    fn erase(self) -> <Self::Engine as Engine>::Stream<Self::Item>;

    /// The records of both, in no particular order between them.
    ///
    /// The two sides may have sources of their own. Every source of a flow reads the whole load:
    /// record *i* of the run is record *i* of each, and it is complete when its effects through all of
    /// them are.
    fn union(
        self,
        other: impl Flow<Item = Self::Item, Engine = Self::Engine>,
    ) -> impl Flow<Item = Self::Item, Engine = Self::Engine>;

    /// Runs to the end of the load, every row into `sink`.
    fn run<K: Sink<Self::Item>>(
        self,
        sink: K,
        context: &RunContext,
    ) -> Result<RunSummary, RunError>;

    /// What would run.
    fn plan(&self) -> Plan;

    /// Every record through a function.
    fn map<O: Data>(
        self,
        f: impl Fn(Self::Item) -> O + Clone + Send + Sync + 'static,
    ) -> impl Flow<Item = O, Engine = Self::Engine> {
        self.transform(Map::new(f))
    }

    /// The records that `keep` accepts.
    fn filter(
        self,
        keep: impl Fn(&Self::Item) -> bool + Clone + Send + Sync + 'static,
    ) -> impl Flow<Item = Self::Item, Engine = Self::Engine> {
        self.transform(Filter::new(keep))
    }

    /// Every record into any number.
    fn flat_map<O: Data, I: IntoIterator<Item = O>>(
        self,
        f: impl Fn(Self::Item) -> I + Clone + Send + Sync + 'static,
    ) -> impl Flow<Item = O, Engine = Self::Engine> {
        self.transform(FlatMap::new(f))
    }

    /// Pairs of records of two streams that have a key in common and share a window.
    ///
    /// Emits every pair once per window that both are in, when the window closes.
    fn join<K: Key, L: Data, R: Data>(
        self,
        other: impl Flow<Item = (K, R), Engine = Self::Engine>,
        windows: Windows,
    ) -> impl Flow<Item = Joined<K, L, R>, Engine = Self::Engine>
    where
        Self: Flow<Item = (K, L)>,
    {
        let left = self.map(|(key, value)| (key, Either::Left(value)));
        let right = other.map(|(key, value)| (key, Either::Right(value)));
        left.union(right).windowed(windows, JoinAggregate::new()).flat_map(|result| match result {
            Windowed::Result { value, .. } => value,
            Windowed::Late(_) => Vec::new(),
        })
    }
}
