//! `running`: an aggregate that lives as long as the stream.

use super::batches::Batches;
use super::chain::{MicroBatchFlow, Upstream};
use super::combine::{Combine, Sums};
use super::engine::MicroBatch;
use super::execute::{Definition, Writers, execute};
use crate::{Partition, StatefulStage, TaskError, Time};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::{
    Aggregate, Data, Event, Flow, KeyedTable, NodeKind, Plan, RunContext, RunError, RunSummary,
    Sink, Transform, UpdateState, Windowed, Windows, Writer,
};

/// A stream that ends, for now, with a running aggregate.
///
/// If the flow goes on, the keys that a batch has changed are emitted once per batch. If it ends here,
/// the aggregate is a materialised table: nothing is emitted, and the table is written to the sink
/// when the run ends. A record's effect is visible once the state has changed.
pub(super) struct RunningFlow<T: Data, C, A> {
    before: MicroBatchFlow<T, C>,
    aggregate: A,
}

impl<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>> RunningFlow<T, C, A> {
    pub(super) const fn new(before: MicroBatchFlow<T, C>, aggregate: A) -> Self {
        Self { before, aggregate }
    }

    fn upstream_plan(&self) -> (Plan, usize) {
        let upstream = &self.before.upstream;
        let (mut plan, tasks) = (upstream.plan.clone(), upstream.engine.parallelism);
        let label = self.before.stage_label("map-side combine");
        let map = plan.node(label, NodeKind::Operator, tasks);
        plan.edge(upstream.last, map, "");
        let state = plan.node(self.label(), NodeKind::State, tasks);
        plan.edge(map, state, "shuffle");
        (plan, state)
    }

    fn label(&self) -> String {
        format!("running {}", self.aggregate.label())
    }

    /// The stream of changed keys.
    fn emitting(self) -> MicroBatchFlow<A::Out> {
        let (plan, last) = self.upstream_plan();
        let label = self.label();
        let Self { before: MicroBatchFlow { upstream, chain }, aggregate } = self;
        let Upstream { engine, drain_ns, define, .. } = upstream;
        let partitions = engine.parallelism;
        MicroBatchFlow::new(Upstream {
            engine,
            plan,
            last,
            in_order: false,
            drain_ns,
            define: Box::new(move |run| {
                let batches = Some(Arc::clone(&run.batches));
                let stage = Running { combine: Arc::new(Combine::new(chain, aggregate)), batches };
                Ok(define(run)?.stateful(&label, stage, partitions)?.outputs())
            }),
        })
    }
}

impl<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>> Flow for RunningFlow<T, C, A> {
    type Item = A::Out;
    type Engine = MicroBatch;

    fn transform<F: Transform<In = A::Out>>(
        self,
        operator: F,
    ) -> impl Flow<Item = F::Out, Engine = MicroBatch> {
        self.emitting().transform(operator)
    }

    fn running<B: Aggregate<In = A::Out>>(
        self,
        aggregate: B,
    ) -> impl Flow<Item = B::Out, Engine = MicroBatch> {
        self.emitting().running(aggregate)
    }

    fn update_state<U: UpdateState<In = A::Out>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = MicroBatch> {
        self.emitting().update_state(update)
    }

    fn windowed<B: Aggregate<In = A::Out>>(
        self,
        windows: Windows,
        aggregate: B,
    ) -> impl Flow<Item = Windowed<B::Out, (B::Key, B::Value)>, Engine = MicroBatch> {
        self.emitting().windowed(windows, aggregate)
    }

    fn erase(self) -> MicroBatchFlow<A::Out> {
        self.emitting()
    }

    fn union(
        self,
        other: impl Flow<Item = A::Out, Engine = MicroBatch>,
    ) -> impl Flow<Item = A::Out, Engine = MicroBatch> {
        self.emitting().union(other)
    }

    fn run<K: Sink<A::Out>>(self, sink: K, context: &RunContext) -> Result<RunSummary, RunError> {
        let label = self.label();
        let Self { before: MicroBatchFlow { upstream, chain }, aggregate } = self;
        let Upstream { engine, drain_ns, define, .. } = upstream;
        let writers = Arc::new(Writers::new(sink));
        let table = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&table);
        let (partitions, out) = (engine.parallelism, aggregate.clone());
        let output = move |run: &Definition| {
            let stage =
                Running { combine: Arc::new(Combine::new(chain, aggregate)), batches: None };
            let states = define(run)?.stateful(&label, stage, partitions)?;
            let nothing = "running: outputs".into();
            states.outputs().foreach_rdd(move |rdd, _| {
                rdd.run_job(&nothing, |rows| rows.for_each(drop)).map(drop)
            })?;
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(states);
            Ok(())
        };
        let into = Arc::clone(&writers);
        let write_table = move |()| {
            let states = table.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(tables) = states.and_then(|states| states.latest()) else { return Ok(()) };
            let write = |input: Partition<'_, Arc<Sums<A>>>| {
                let writer = into.of(input.index());
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                input.for_each(|table| {
                    table.iter().for_each(|(key, state)| writer.write(out.output(key, state)));
                })
            };
            tables.run_job(&"write table".into(), write).map(drop)
        };
        let result = execute(&engine, drain_ns, context, output, write_table);
        writers.close();
        result
    }

    fn plan(&self) -> Plan {
        let (mut plan, last) = self.upstream_plan();
        let sink =
            plan.node("sink: table", NodeKind::Sink, self.before.upstream.engine.parallelism);
        plan.edge(last, sink, "");
        plan
    }
}

/// Combines on the map side, merges into the state, and emits what has changed if somebody wants it.
struct Running<C, A> {
    combine: Arc<Combine<C, A>>,
    /// Set if the changed keys are emitted.
    batches: Option<Arc<Batches>>,
}

impl<C: Transform, A: Aggregate<In = C::Out>> StatefulStage<Event<C::In>> for Running<C, A> {
    type Map = Combine<C, A>;
    type State = Sums<A>;
    type Out = Event<A::Out>;
    fn map_side(self: &Arc<Self>) -> Arc<Combine<C, A>> {
        Arc::clone(&self.combine)
    }
    fn initial(&self) -> Sums<A> {
        KeyedTable::new()
    }
    fn update(
        &self,
        state: &mut Sums<A>,
        blocks: Vec<Sums<A>>,
        time: Time,
        out: &mut Vec<Event<A::Out>>,
    ) -> Result<(), TaskError> {
        let Some(batches) = &self.batches else {
            blocks.into_iter().for_each(|block| self.combine.merge_into(state, block));
            return Ok(());
        };
        let mut changes = KeyedTable::new();
        blocks.into_iter().for_each(|block| self.combine.merge_into(&mut changes, block));
        let at = batches.get(time).seen;
        let aggregate = &self.combine.aggregate;
        out.reserve(changes.len());
        for (hash, key, change) in changes {
            let value = if let Some(sum) = state.get_mut(hash, &key) {
                aggregate.merge(sum, change);
                aggregate.output(&key, sum)
            } else {
                let mut sum = A::State::default();
                aggregate.merge(&mut sum, change);
                let value = aggregate.output(&key, &sum);
                state.get_or_insert_with(hash, key, || sum);
                value
            };
            out.push(Event { at, watermark: at, value });
        }
        Ok(())
    }
}
