//! The engine and its streams.

use super::bolts::{RunningBolt, TransformBolt, UpdateBolt, WindowBolt};
use super::planner::{Demand, Order, Planned, Planner, Rows};
use super::source::SourceSpout;
use crate::TopologyConfig;
use crate::typed::{Bolt, Report};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{
    Aggregate, ComponentInfo, Data, Engine, Flow, Identity, Key, NodeKind, Part, Plan, RunContext,
    RunError, RunSummary, Sink, Source, Stamp, Transform, UpdateState, Windowed, Windows, Writer,
    hash_of,
};

/// The contract's record-at-a-time engine.
#[derive(Clone, Debug, Default)]
pub struct TopologyEngine {
    config: TopologyConfig,
}

impl TopologyEngine {
    /// The engine with these settings.
    #[must_use]
    pub fn new(config: TopologyConfig) -> Self {
        Self { config: config.normalised() }
    }

    /// The settings in force.
    #[must_use]
    pub const fn config(&self) -> &TopologyConfig {
        &self.config
    }
}

type Declare<T> = Arc<dyn Fn(&mut Planner, Demand) -> Vec<Planned<T>> + Send + Sync>;

/// A stream of the topology engine: how to declare the components that make it.
///
/// Operators are erased in it at no cost at run time, because each is a component of its own anyway.
pub struct TopologyFlow<T> {
    engine: TopologyEngine,
    /// Whether order matters to the source.
    ordered: bool,
    declare: Declare<T>,
}

impl<T> std::fmt::Debug for TopologyFlow<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopologyFlow").field("ordered", &self.ordered).finish_non_exhaustive()
    }
}

impl Engine for TopologyEngine {
    type Stream<T: Data> = TopologyFlow<T>;

    fn name(&self) -> &str {
        "topology"
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        let ordered = source.ordered();
        let declare = move |planner: &mut Planner, _: Demand| {
            let id = planner.id(&source.label());
            // An ordered stream has one reader.
            let tasks = if ordered { 1 } else { planner.config.parallelism };
            let (source, context) = (source.clone(), planner.context.clone());
            let counted = (planner.sources == 0).then(|| planner.tallies.clone());
            planner.sources += 1;
            let max_attempts = planner.config.max_attempts;
            let stream = planner.builder.set_spout(&id, tasks, move |task| {
                let part = Part { index: task.index as u64, count: task.tasks as u64 };
                let (context, counted) = (context.clone(), counted.clone());
                SourceSpout::new(source.clone(), part, context, max_attempts, counted)
            });
            vec![Planned { stream, by_spout: true, in_line: ordered }]
        };
        TopologyFlow { engine: self.clone(), ordered, declare: Arc::new(declare) }
    }
}

/// What kind of bolt follows a stream.
struct Next {
    label: String,
    kind: NodeKind,
}

impl<T: Data> TopologyFlow<T> {
    fn with<O>(
        &self,
        declare: impl Fn(&mut Planner, Demand) -> Vec<Planned<O>> + Send + Sync + 'static,
    ) -> TopologyFlow<O> {
        let (engine, ordered) = (self.engine.clone(), self.ordered);
        TopologyFlow { engine, ordered, declare: Arc::new(declare) }
    }

    /// A keyed bolt behind a fields grouping. `wants` is what order it wants of its own input.
    fn keyed<K, V, B>(
        self,
        next: Next,
        wants: Order,
        split: impl Fn(T) -> (K, V) + Clone + Send + Sync + 'static,
        make: impl Fn(&Planner, Rows) -> Box<dyn Fn() -> B + Send + Sync> + Send + Sync + 'static,
    ) -> TopologyFlow<B::Out>
    where
        K: Key,
        V: Data,
        B: Bolt<In = (K, V)>,
    {
        let (before, ordered) = (Arc::clone(&self.declare), self.ordered);
        self.with(move |planner, demand| {
            let order = if demand.order == Order::OfSource { demand.order } else { wants };
            let inputs = before(planner, Demand { rows: Rows::Changes, order });
            let in_line = ordered && demand.order == Order::OfSource;
            let tasks = if in_line { 1 } else { planner.config.parallelism };
            let id = planner.id(&next.label);
            let make = make(planner, demand.rows);
            let mut declarer = planner.builder.set_bolt(&id, tasks, move |_| make());
            for input in &inputs {
                declarer =
                    declarer.keyed_grouping(&input.stream, split.clone(), |(key, _)| hash_of(key));
            }
            let stream = declarer.stream();
            if next.kind == NodeKind::State {
                planner.builder.mark_state(&stream);
            }
            // From here on the rows of one key are in order, and must stay so.
            vec![Planned { stream, by_spout: false, in_line: true }]
        })
    }

    fn planned(
        &self,
        context: &RunContext,
        attach: impl Fn(&mut Planner, Vec<Planned<T>>),
    ) -> Planner {
        let mut planner = Planner::new(&self.engine.config, context);
        let demand = Demand { rows: Rows::Last, order: Order::Any };
        let ends = (self.declare)(&mut planner, demand);
        // A spout does not write to sinks: a bolt in between does.
        let ends = ends
            .into_iter()
            .map(|end| if end.by_spout { self.narrow(&mut planner, vec![end]) } else { end })
            .collect();
        attach(&mut planner, ends);
        planner
    }

    /// A bolt that passes records on.
    fn narrow(&self, planner: &mut Planner, ends: Vec<Planned<T>>) -> Planned<T> {
        narrow(planner, "write", &ends, &Identity::new())
    }
}

/// A bolt of a narrow operator. Of an unordered stream it takes records from everywhere; of one whose
/// order matters, its task i takes those of task i before it.
fn narrow<F: Transform>(
    planner: &mut Planner,
    label: &str,
    inputs: &[Planned<F::In>],
    operator: &F,
) -> Planned<F::Out> {
    let id = planner.id(label);
    let most = inputs.iter().map(|input| input.stream.tasks()).max().unwrap_or(1);
    let in_line = inputs.iter().any(|input| input.in_line);
    let tasks = if in_line { most } else { planner.config.parallelism };
    let operator = operator.clone();
    let make = move |_: &crate::typed::TaskContext| TransformBolt(operator.clone());
    let mut declarer = planner.builder.set_bolt(&id, tasks, make);
    for Planned { stream, .. } in inputs {
        declarer = match (in_line, stream.tasks() == tasks) {
            (false, _) => declarer.shuffle_grouping(stream),
            (true, true) => declarer.forward_grouping(stream),
            // One of several inputs, with fewer tasks, which is one: a single reader.
            (true, false) => declarer.global_grouping(stream),
        };
    }
    Planned { stream: declarer.stream(), by_spout: false, in_line }
}

impl<T: Data> Flow for TopologyFlow<T> {
    type Item = T;
    type Engine = TopologyEngine;

    fn transform<F: Transform<In = T>>(
        self,
        operator: F,
    ) -> impl Flow<Item = F::Out, Engine = TopologyEngine> {
        let before = Arc::clone(&self.declare);
        self.with(move |planner, demand| {
            let inputs = before(planner, Demand { rows: Rows::Changes, ..demand });
            vec![narrow(planner, &operator.label(), &inputs, &operator)]
        })
    }

    fn running<A: Aggregate<In = T>>(
        self,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = TopologyEngine> {
        let next = Next { label: aggregate.label(), kind: NodeKind::State };
        let splitter = aggregate.clone();
        let split = move |input| splitter.split(input);
        self.keyed::<_, _, RunningBolt<A>>(next, Order::Any, split, move |_, rows| {
            let aggregate = aggregate.clone();
            Box::new(move || RunningBolt::new(aggregate.clone(), rows))
        })
    }

    fn update_state<U: UpdateState<In = T>>(
        self,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = TopologyEngine> {
        let next = Next { label: update.label(), kind: NodeKind::State };
        let splitter = update.clone();
        let split = move |input| splitter.split(input);
        self.keyed::<_, _, UpdateBolt<U>>(next, Order::OfSource, split, move |_, _| {
            let update = update.clone();
            Box::new(move || UpdateBolt::new(update.clone()))
        })
    }

    fn windowed<A: Aggregate<In = T>>(
        self,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = TopologyEngine> {
        let next = Next { label: aggregate.label(), kind: NodeKind::State };
        let splitter = aggregate.clone();
        let split = move |input| splitter.split(input);
        self.keyed::<_, _, WindowBolt<A>>(next, Order::Any, split, move |planner, _| {
            let (aggregate, tallies) = (aggregate.clone(), planner.tallies.clone());
            Box::new(move || WindowBolt::new(windows, aggregate.clone(), tallies.clone()))
        })
    }

    fn erase(self) -> Self {
        self
    }

    fn union(
        self,
        other: impl Flow<Item = T, Engine = TopologyEngine>,
    ) -> impl Flow<Item = T, Engine = TopologyEngine> {
        let other = other.erase();
        let ordered = self.ordered || other.ordered;
        let (one, two) = (Arc::clone(&self.declare), other.declare);
        let union = self.with(move |planner, demand| {
            let demand = Demand { rows: Rows::Changes, ..demand };
            let mut streams = one(planner, demand);
            streams.extend(two(planner, demand));
            streams
        });
        TopologyFlow { ordered, ..union }
    }

    fn run<K: Sink<T>>(self, sink: K, context: &RunContext) -> Result<RunSummary, RunError> {
        let planner = self.planned(context, |planner, ends| {
            for end in ends {
                let sink = sink.clone();
                planner.builder.consume(&end.stream, move |_| {
                    let mut writer = sink.writer();
                    move |_: &Stamp, row| writer.write(row)
                });
            }
        });
        let tallies = planner.tallies.clone();
        let topology = planner.builder.build()?;
        let sources: Vec<bool> = topology.spouts().collect();
        let reports = topology.run(context)?;
        let mut summary = summary(&self.engine, &reports, &sources);
        summary.records = tallies.records.load(Ordering::Relaxed);
        summary.late = tallies.late.load(Ordering::Relaxed);
        Ok(summary)
    }

    fn plan(&self) -> Plan {
        let nothing = AllAtOnce { records: 0, spacing_ns: 1 }.context();
        let last = Cell::new(Vec::new());
        let planner = self.planned(&nothing, |_, ends| last.set(ends));
        let Ok(topology) = planner.builder.build() else { return Plan::default() };
        let mut plan = topology.plan();
        let ends = last.into_inner();
        let sink = plan.node("sink", NodeKind::Sink, ends.iter().map(|e| e.stream.tasks()).sum());
        for end in ends {
            plan.edge(end.stream.component(), sink, "");
        }
        plan
    }
}

fn summary(engine: &TopologyEngine, reports: &[Report], spouts: &[bool]) -> RunSummary {
    let mut summary = RunSummary {
        engine: engine.name().to_owned(),
        settings: engine.config.settings(),
        ..RunSummary::default()
    };
    let mut count = |key: String, value| *summary.counters.entry(key).or_default() += value;
    for (at, report) in reports.iter().enumerate() {
        let (total, tasks) = (report.total(), report.tasks.len());
        summary.components.push(ComponentInfo { name: report.id.clone(), tasks, threads: tasks });
        count(format!("executed.{}", report.id), total.executed);
        count(format!("emitted.{}", report.id), total.emitted);
        if report.id != "__acker" {
            count(format!("busy_permille.{}", report.id), (total.busy() * 1e3).round() as u64);
        }
        if !spouts.get(at).copied().unwrap_or(false) && total.queue_peak > 0 {
            count(format!("queue_peak.{}", report.id), total.queue_peak);
        }
        if spouts.get(at).copied().unwrap_or(false) {
            count("acked".into(), total.acked);
            count("failed".into(), total.failed);
            count("timed_out".into(), total.timed_out);
            count("replayed".into(), total.failed + total.timed_out);
        }
    }
    summary
}
