//! A stream with a chain of narrow operators on it.

use super::engine::MicroBatch;
use super::execute::{Definition, Writers, execute};
use super::running::RunningFlow;
use crate::{DStream, StreamingError};
use std::sync::{Arc, PoisonError};
use weir_dataflow::{
    Aggregate, Chain, Data, Event, Flow, Identity, NodeKind, Plan, RunContext, RunError,
    RunSummary, Sink, Transform, UpdateState, Windowed, Windows, Writer,
};

/// How a native stream is defined, once there is a context to define it in.
pub(super) type Define<T> =
    Box<dyn FnOnce(&Definition) -> Result<DStream<Event<T>>, StreamingError> + Send>;

/// Everything before the chain: a native stream, yet to be defined.
pub(super) struct Upstream<T> {
    pub(super) engine: MicroBatch,
    pub(super) plan: Plan,
    /// The plan's node that the stream comes out of.
    pub(super) last: usize,
    /// Whether a record's event time is its scheduled time, so that batches are spans of event time.
    pub(super) in_order: bool,
    /// For how long empty batches have to follow the end of the load.
    pub(super) drain_ns: u64,
    pub(super) define: Define<T>,
}

impl<T> Upstream<T> {
    /// Adds a node to the plan behind the last one.
    pub(super) fn then(&mut self, label: impl Into<String>, kind: NodeKind, edge: &str) {
        let to = self.plan.node(label, kind, self.engine.parallelism);
        self.plan.edge(self.last, to, edge);
        self.last = to;
    }

    /// The same position with another stream.
    pub(super) fn with<U>(self, define: impl FnOnce(Define<T>) -> Define<U>) -> Upstream<U> {
        let Self { engine, plan, last, in_order, drain_ns, define: before } = self;
        Upstream { engine, plan, last, in_order, drain_ns, define: define(before) }
    }
}

/// A stream of the micro-batch engine: a native stream, and the narrow operators since the last
/// shuffle as one static chain.
pub struct MicroBatchFlow<T: Data, C = Identity<T>> {
    pub(super) upstream: Upstream<T>,
    pub(super) chain: C,
}

impl<T: Data> MicroBatchFlow<T> {
    pub(super) const fn new(upstream: Upstream<T>) -> Self {
        Self { upstream, chain: Identity::new() }
    }
}

impl<T: Data, C: Transform<In = T>> MicroBatchFlow<T, C> {
    /// The label of a stage that begins with the chain.
    pub(super) fn stage_label(&self, operator: &str) -> String {
        match self.chain.label() {
            chain if chain.is_empty() => operator.to_owned(),
            chain => format!("{chain} · {operator}"),
        }
    }
}

impl<T: Data, C: Transform<In = T>> Flow for MicroBatchFlow<T, C> {
    type Item = C::Out;
    type Engine = MicroBatch;

    fn transform<F: Transform<In = C::Out>>(
        self,
        operator: F,
    ) -> impl Flow<Item = F::Out, Engine = MicroBatch> {
        MicroBatchFlow { upstream: self.upstream, chain: Chain(self.chain, operator) }
    }

    fn running<A: Aggregate<In = C::Out>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = MicroBatch> {
        RunningFlow::new(self, aggregate)
    }

    fn update_state<U: UpdateState<In = C::Out>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = MicroBatch> {
        super::update_state::update_state(self, update)
    }

    fn windowed<A: Aggregate<In = C::Out>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = MicroBatch> {
        super::windowed::windowed(self, windows, aggregate)
    }

    fn erase(self) -> MicroBatchFlow<C::Out> {
        let Self { mut upstream, chain } = self;
        let label = chain.label();
        if !label.is_empty() {
            upstream.then(label, NodeKind::Operator, "");
        }
        MicroBatchFlow::new(upstream.with(|define| {
            Box::new(move |run| {
                define(run)?.transform_partitions(move |input, _, out| {
                    let mut chain = chain.clone();
                    input.for_each(|event| {
                        let Event { at, watermark, value } = event;
                        chain.apply(value, &mut |value| out(Event { at, watermark, value }));
                    })
                })
            })
        }))
    }

    fn union(
        self,
        other: impl Flow<Item = C::Out, Engine = MicroBatch>,
    ) -> impl Flow<Item = C::Out, Engine = MicroBatch> {
        let (left, right) = (self.erase().upstream, other.erase().upstream);
        let (mut plan, shift) = (left.plan, 0);
        let shift = shift + plan.nodes.len();
        plan.nodes.extend(right.plan.nodes);
        for edge in right.plan.edges {
            plan.edge(edge.from + shift, edge.to + shift, edge.label);
        }
        let last = plan.node("union", NodeKind::Operator, left.engine.parallelism);
        plan.edge(left.last, last, "");
        plan.edge(right.last + shift, last, "");
        let (first, second) = (left.define, right.define);
        MicroBatchFlow::new(Upstream {
            engine: left.engine,
            plan,
            last,
            in_order: left.in_order && right.in_order,
            drain_ns: left.drain_ns.max(right.drain_ns),
            define: Box::new(move |run| first(run)?.union(&second(run)?)),
        })
    }

    fn run<K: Sink<C::Out>>(self, sink: K, context: &RunContext) -> Result<RunSummary, RunError> {
        let label: Arc<str> = self.stage_label("sink").into();
        let Self { upstream, chain } = self;
        let Upstream { engine, drain_ns, define, .. } = upstream;
        let writers = Arc::new(Writers::new(sink));
        let into = Arc::clone(&writers);
        let output = move |run: &Definition| {
            define(run)?.foreach_rdd(move |rdd, _| {
                let write = |input: crate::Partition<'_, Event<T>>| {
                    let writer = into.of(input.index());
                    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                    let mut chain = chain.clone();
                    input.for_each(|event| chain.apply(event.value, &mut |row| writer.write(row)))
                };
                rdd.run_job(&label, write).map(drop)
            })
        };
        let result = execute(&engine, drain_ns, context, output, |()| Ok(()));
        writers.close();
        result
    }

    fn plan(&self) -> Plan {
        let mut plan = self.upstream.plan.clone();
        let label = self.stage_label("sink");
        let to = plan.node(label, NodeKind::Sink, self.upstream.engine.parallelism);
        plan.edge(self.upstream.last, to, "");
        plan
    }
}
