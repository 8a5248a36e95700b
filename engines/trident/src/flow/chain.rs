//! A stream with a chain of narrow operators on it.

use super::chunk::Chunk;
use super::engine::TridentEngine;
use super::execute::{Definition, execute, write};
use super::running::RunningFlow;
use super::source::CHUNK;
use super::stage::stage;
use super::update_state::InOrder;
use super::windowed::{Panes, Sessions, Windowing};
use crate::Stream;
use crate::tuple::TridentTuple;
use std::sync::Arc;
use weir_dataflow::{
    Aggregate, Chain, Data, Event, Flow, Identity, NodeKind, Plan, RunContext, RunError,
    RunSummary, Sink, Transform, UpdateState, Windowed, Windows,
};
use weir_topology::values;

/// How a native stream is defined, once there is a topology to define it in.
pub(super) type Define = Box<dyn FnOnce(&Definition) -> Stream + Send>;

/// Everything before the chain: a native stream of chunks of records, yet to be defined.
pub(super) struct Upstream {
    pub(super) engine: TridentEngine,
    pub(super) plan: Plan,
    /// The plan's node that the stream comes out of.
    pub(super) last: usize,
    pub(super) define: Define,
}

impl Upstream {
    /// Adds a node to the plan behind the last one.
    pub(super) fn then(&mut self, label: impl Into<String>, kind: NodeKind, edge: &str) {
        let to = self.plan.node(label, kind, self.engine.parallelism);
        self.plan.edge(self.last, to, edge);
        self.last = to;
    }

    /// The same position with another stream.
    pub(super) fn with(self, define: impl FnOnce(Define) -> Define) -> Self {
        let Self { engine, plan, last, define: before } = self;
        Self { engine, plan, last, define: define(before) }
    }
}

/// A stream of the Trident engine: a native stream, and the narrow operators since the last repartition
/// as one static chain.
pub struct TridentFlow<T: Data, C = Identity<T>> {
    pub(super) upstream: Upstream,
    pub(super) chain: C,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T: Data, C: Transform<In = T>> std::fmt::Debug for TridentFlow<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TridentFlow").field("chain", &self.chain.label()).finish_non_exhaustive()
    }
}

impl<T: Data> TridentFlow<T> {
    pub(super) const fn new(upstream: Upstream) -> Self {
        Self::chained(upstream, Identity::new())
    }
}

impl<T: Data, C> TridentFlow<T, C> {
    const fn chained(upstream: Upstream, chain: C) -> Self {
        Self { upstream, chain, kind: std::marker::PhantomData }
    }
}

impl<T: Data, C: Transform<In = T>> TridentFlow<T, C> {
    /// The label of an operation that begins with the chain.
    pub(super) fn operation_label(&self, operator: &str) -> String {
        match self.chain.label() {
            chain if chain.is_empty() => operator.to_owned(),
            chain => format!("{chain} · {operator}"),
        }
    }
}

impl<T: Data, C: Transform<In = T>> Flow for TridentFlow<T, C> {
    type Item = C::Out;
    type Engine = TridentEngine;

    fn transform<F: Transform<In = C::Out>>(
        self,
        operator: F,
    ) -> impl Flow<Item = F::Out, Engine = TridentEngine> {
        TridentFlow::chained(self.upstream, Chain(self.chain, operator))
    }

    fn running<A: Aggregate<In = C::Out>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = TridentEngine> {
        RunningFlow::new(self, aggregate)
    }

    fn update_state<U: UpdateState<In = C::Out>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = TridentEngine> {
        let map = self.operation_label("map side");
        let Self { mut upstream, chain, .. } = self;
        upstream.then(map, NodeKind::Operator, "identity partition");
        let label = format!("update state {}", update.label());
        upstream.then(label, NodeKind::State, "partition by key");
        TridentFlow::new(upstream.with(|before| {
            Box::new(move |run| stage(run, &before(run), InOrder { chain, update }))
        }))
    }

    fn windowed<A: Aggregate<In = C::Out>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = TridentEngine> {
        let sessions = windows.session_gap_ns().is_some();
        let map = self.operation_label(if sessions { "map side" } else { "map-side combine" });
        let Self { mut upstream, chain, .. } = self;
        upstream.then(map, NodeKind::Operator, "identity partition");
        let label = format!("event-time window {}", aggregate.label());
        upstream.then(label, NodeKind::State, "partition by key");
        TridentFlow::new(upstream.with(|before| {
            Box::new(move |run| {
                let (before, batches) = (before(run), Arc::clone(&run.batches));
                let windowing = Windowing { chain, aggregate, windows, batches };
                if sessions {
                    stage(run, &before, Sessions(windowing))
                } else {
                    stage(run, &before, Panes(windowing))
                }
            })
        }))
    }

    fn erase(self) -> TridentFlow<C::Out> {
        let Self { mut upstream, chain, .. } = self;
        let label = chain.label();
        if !label.is_empty() {
            upstream.then(label, NodeKind::Operator, "identity partition");
        }
        TridentFlow::new(upstream.with(|before| apply(before, chain)))
    }

    fn union(
        self,
        other: impl Flow<Item = C::Out, Engine = TridentEngine>,
    ) -> impl Flow<Item = C::Out, Engine = TridentEngine> {
        let (left, right) = (self.erase().upstream, other.erase().upstream);
        let (engine, mut plan) = (left.engine, left.plan);
        let shift = plan.nodes.len();
        plan.nodes.extend(right.plan.nodes);
        for edge in right.plan.edges {
            plan.edge(edge.from + shift, edge.to + shift, edge.label);
        }
        let last = plan.node("merge", NodeKind::Operator, engine.parallelism);
        plan.edge(left.last, last, "");
        plan.edge(right.last + shift, last, "");
        let (one, two) = (left.define, right.define);
        let define: Define = Box::new(move |run| {
            let (one, two) = (one(run), two(run));
            run.topology.merge(&[&one, &two])
        });
        TridentFlow::new(Upstream { engine, plan, last, define })
    }

    fn run<K: Sink<C::Out>>(self, sink: K, context: &RunContext) -> Result<RunSummary, RunError> {
        let Self { upstream: Upstream { engine, define, .. }, chain, .. } = self;
        execute(&engine, context, move |run| write(run, &define(run), chain, sink))
    }

    fn plan(&self) -> Plan {
        let mut plan = self.upstream.plan.clone();
        let label = self.operation_label("sink");
        let to = plan.node(label, NodeKind::Sink, self.upstream.engine.parallelism);
        plan.edge(self.upstream.last, to, "");
        plan
    }
}

/// A chain as an operation of its own.
fn apply<C: Transform>(before: Define, chain: C) -> Define {
    Box::new(move |run| {
        let mut chain = chain;
        let each = move |tuple: &TridentTuple| {
            let (origin, records) = Chunk::<Vec<Event<C::In>>>::take(tuple.get(0)?)?;
            let mut out = Vec::with_capacity(records.len());
            for Event { at, watermark, value } in records {
                chain.apply(value, &mut |value| out.push(Event { at, watermark, value }));
            }
            Ok(values![Chunk::value(origin, out)])
        };
        before(run).map_to(each, [CHUNK])
    })
}
