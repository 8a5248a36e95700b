//! The contract, on pipes.

use crate::operators::{Narrow, Operator, Running, Sessions, Sliding, Stateful};
use crate::pipe::{Both, Pipe, Read, Then};
use weir_dataflow::{
    Aggregate, ComponentInfo, Data, Engine, EventTime, Flow, Load, NodeKind, Plan, RunContext,
    RunError, RunSummary, Sink, Source, Transform, UpdateState, Windowed, Windows, Writer,
};

/// The reference engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracle;

/// A stream of the reference engine.
pub struct OracleStream<T> {
    pipe: Box<dyn Pipe<T>>,
    plan: Plan,
}

/// What the oracle says of a prefix of the stream, besides its rows.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How many records the prefix holds.
    pub records: u64,
    /// How many of them were late for all their windows.
    pub late: u64,
}

/// Scheduled times are asked for in pieces of this many.
const CHUNK: u64 = 1024;

impl<T: Data> OracleStream<T> {
    fn then<O: Operator<T>>(
        self,
        label: String,
        kind: NodeKind,
        operator: O,
    ) -> OracleStream<O::Out> {
        let mut plan = self.plan;
        let from = plan.nodes.len() - 1;
        let to = plan.node(label, kind, 1);
        plan.edge(from, to, "");
        OracleStream { pipe: Box::new(Then { before: self.pipe, operator }), plan }
    }

    fn feed(&mut self, load: &dyn Load, from: u64, to: u64, out: &mut impl FnMut(T)) {
        let mut times = [0; CHUNK as usize];
        for first in (from..to).step_by(CHUNK as usize) {
            let times = &mut times[..CHUNK.min(to - first) as usize];
            load.scheduled_ns(first, 1, times);
            for (index, time) in (first..).zip(times) {
                self.pipe.record(index, EventTime(*time), &mut |event| out(event.value));
            }
        }
    }

    /// The rows of several prefixes of the stream in one pass: the k-th writer that is returned holds
    /// those of the first `prefixes[k]` records. Prefixes must ascend.
    ///
    /// At each prefix the whole pipeline is copied, and the copy is brought to its end.
    pub fn answers<W: Writer<T> + Clone>(
        mut self,
        load: &dyn Load,
        prefixes: &[u64],
        mut so_far: W,
    ) -> Vec<(Answer, W)> {
        let mut done = 0;
        let mut answers = Vec::new();
        for &records in prefixes {
            self.feed(load, done, records, &mut |row| so_far.write(row));
            done = done.max(records);
            let (mut ended, mut rows) = (self.pipe.copy(), so_far.clone());
            ended.end(&mut |event| rows.write(event.value));
            answers.push((Answer { records, late: ended.late() }, rows));
        }
        answers
    }
}

impl Engine for Oracle {
    type Stream<T: Data> = OracleStream<T>;

    fn name(&self) -> &str {
        "oracle"
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        let mut plan = Plan::default();
        plan.node(source.label(), NodeKind::Source, 1);
        OracleStream { pipe: Box::new(Read(source)), plan }
    }
}

impl<T: Data> Flow for OracleStream<T> {
    type Item = T;
    type Engine = Oracle;

    fn transform<F: Transform<In = T>>(self, f: F) -> impl Flow<Item = F::Out, Engine = Oracle> {
        self.then(f.label(), NodeKind::Operator, Narrow(f))
    }

    fn running<A: Aggregate<In = T>>(self, a: A) -> impl Flow<Item = A::Out, Engine = Oracle> {
        self.then(a.label(), NodeKind::State, Running::new(a))
    }

    fn update_state<U: UpdateState<In = T>>(
        self,
        u: U,
    ) -> impl Flow<Item = U::Out, Engine = Oracle> {
        self.then(u.label(), NodeKind::State, Stateful::new(u))
    }

    fn windowed<A: Aggregate<In = T>>(
        self,
        windows: Windows,
        a: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = Oracle> {
        match windows.session_gap_ns() {
            None => self.then(a.label(), NodeKind::State, Sliding::new(windows, a)),
            Some(_) => self.then(a.label(), NodeKind::State, Sessions::new(windows, a)),
        }
    }

    fn erase(self) -> Self {
        self
    }

    fn union(
        self,
        other: impl Flow<Item = T, Engine = Oracle>,
    ) -> impl Flow<Item = T, Engine = Oracle> {
        let other = other.erase();
        let mut plan = self.plan;
        let (left, shift) = (plan.nodes.len() - 1, plan.nodes.len());
        plan.nodes.extend(other.plan.nodes);
        for edge in other.plan.edges {
            plan.edge(edge.from + shift, edge.to + shift, edge.label);
        }
        let right = plan.nodes.len() - 1;
        let union = plan.node("union", NodeKind::Operator, 1);
        plan.edge(left, union, "");
        plan.edge(right, union, "");
        Self { pipe: Box::new(Both(self.pipe, other.pipe)), plan }
    }

    fn run<K: Sink<T>>(mut self, sink: K, context: &RunContext) -> Result<RunSummary, RunError> {
        context.begin();
        let mut writer = sink.writer();
        let mut next = 0;
        loop {
            context.cancel.check()?;
            let claim = context.load.claim(next + CHUNK, context.now_ns());
            self.feed(&*context.load, next, claim.limit, &mut |row| writer.write(row));
            context.meter.add_taken(claim.limit - next);
            next = claim.limit;
            context.meter.complete(next, context.now_ns());
            if claim.closed {
                break;
            }
            let mut due = [0];
            context.load.scheduled_ns(next, 1, &mut due);
            if context.load.paced() {
                context.clock.sleep_until(context.clock_time_ns(due[0]));
            }
        }
        self.pipe.end(&mut |event| writer.write(event.value));
        drop(writer);
        Ok(RunSummary {
            engine: Oracle.name().to_owned(),
            records: next,
            late: self.pipe.late(),
            components: vec![ComponentInfo { name: "loop".into(), tasks: 1, threads: 1 }],
            ..RunSummary::default()
        })
    }

    fn plan(&self) -> Plan {
        let mut plan = self.plan.clone();
        let from = plan.nodes.len() - 1;
        let sink = plan.node("sink", NodeKind::Sink, 1);
        plan.edge(from, sink, "");
        plan
    }
}
