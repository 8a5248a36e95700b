//! `running`: an aggregate that lives as long as the stream.

use super::chain::TridentFlow;
use super::combine::{Changes, Combine, Table};
use super::engine::TridentEngine;
use super::execute::execute;
use super::stage::stage;
use weir_dataflow::{
    Aggregate, Data, Flow, NodeKind, Plan, RunContext, RunError, RunSummary, Sink, Transform,
    UpdateState, Windowed, Windows,
};

/// A stream that ends, for now, with a running aggregate.
///
/// If the flow goes on, the keys that a batch has changed are emitted once per batch. If it ends here,
/// the aggregate is a table: nothing is emitted, and the table goes to the sink with the last batch. A
/// record's effect is visible once the state has changed.
pub(super) struct RunningFlow<T: Data, C, A> {
    before: TridentFlow<T, C>,
    aggregate: A,
}

impl<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>> RunningFlow<T, C, A> {
    pub(super) const fn new(before: TridentFlow<T, C>, aggregate: A) -> Self {
        Self { before, aggregate }
    }

    /// The stream of changed keys.
    fn emitting(self) -> TridentFlow<A::Out> {
        let map = self.before.operation_label("map-side combine");
        let Self { before: TridentFlow { mut upstream, chain, .. }, aggregate } = self;
        upstream.then(map, NodeKind::Operator, "identity partition");
        let label = format!("running {}", aggregate.label());
        upstream.then(label, NodeKind::State, "partition by key");
        TridentFlow::new(upstream.with(|before| {
            Box::new(move |run| stage(run, &before(run), Changes(Combine::new(chain, aggregate))))
        }))
    }
}

impl<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>> Flow for RunningFlow<T, C, A> {
    type Item = A::Out;
    type Engine = TridentEngine;

    fn transform<F: Transform<In = A::Out>>(
        self,
        operator: F,
    ) -> impl Flow<Item = F::Out, Engine = TridentEngine> {
        self.emitting().transform(operator)
    }

    fn running<B: Aggregate<In = A::Out>>(
        self,
        aggregate: B,
    ) -> impl Flow<Item = B::Out, Engine = TridentEngine> {
        self.emitting().running(aggregate)
    }

    fn update_state<U: UpdateState<In = A::Out>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = TridentEngine> {
        self.emitting().update_state(update)
    }

    fn windowed<B: Aggregate<In = A::Out>>(
        self,
        windows: Windows,
        aggregate: B,
    ) -> impl Flow<Item = Windowed<B::Out, (B::Key, B::Value)>, Engine = TridentEngine> {
        self.emitting().windowed(windows, aggregate)
    }

    fn erase(self) -> TridentFlow<A::Out> {
        self.emitting()
    }

    fn union(
        self,
        other: impl Flow<Item = A::Out, Engine = TridentEngine>,
    ) -> impl Flow<Item = A::Out, Engine = TridentEngine> {
        self.emitting().union(other)
    }

    fn run<K: Sink<A::Out>>(self, sink: K, context: &RunContext) -> Result<RunSummary, RunError> {
        let Self { before: TridentFlow { upstream, chain, .. }, aggregate } = self;
        let (engine, define) = (upstream.engine, upstream.define);
        execute(&engine, context, move |run| {
            let combine = Combine::new(chain, aggregate);
            drop(stage(run, &define(run), Table { combine, sink }));
        })
    }

    fn plan(&self) -> Plan {
        let upstream = &self.before.upstream;
        let (mut plan, tasks) = (upstream.plan.clone(), upstream.engine.parallelism);
        let map =
            plan.node(self.before.operation_label("map-side combine"), NodeKind::Operator, tasks);
        plan.edge(upstream.last, map, "identity partition");
        let label = format!("running {}", self.aggregate.label());
        let state = plan.node(label, NodeKind::State, tasks);
        plan.edge(map, state, "partition by key");
        let sink = plan.node("sink: table", NodeKind::Sink, tasks);
        plan.edge(state, sink, "");
        plan
    }
}
