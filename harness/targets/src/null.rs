//! The null engine: reads every record when it is due, and does nothing with it. Its throughput is
//! the harness's own ceiling and its latency the harness's own floor.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::{
    Aggregate, Data, Engine, EventTime, Flow, NodeKind, Plan, RunContext, RunError, RunSummary,
    Sample, Sink, Source, Transform, UpdateState, Windowed, Windows,
};

/// The engine that does nothing. Its sink stays empty, so it has no verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

/// Records are claimed and read in pieces of this many.
const CHUNK: u64 = 1024;

/// Reads records `first, first + 1, ...` with these scheduled times.
type Read = Arc<dyn Fn(u64, &[u64]) + Send + Sync>;

/// A stream of the null engine: only its sources are left of it.
pub struct NullStream<T> {
    sources: Vec<Read>,
    of: PhantomData<fn() -> T>,
}

impl<T> NullStream<T> {
    fn retyped<U>(self) -> NullStream<U> {
        NullStream { sources: self.sources, of: PhantomData }
    }
}

impl Engine for Null {
    type Stream<T: Data> = NullStream<T>;

    fn name(&self) -> &str {
        "null"
    }

    fn source<S: Source>(&self, source: S) -> impl Flow<Item = S::Item, Engine = Self> {
        let read: Read = Arc::new(move |first, times| {
            for (index, time) in (first..).zip(times) {
                black_box(source.record(index, EventTime(*time)));
            }
        });
        NullStream { sources: vec![read], of: PhantomData }
    }
}

impl<T: Data> Flow for NullStream<T> {
    type Item = T;
    type Engine = Null;

    fn transform<F: Transform<In = T>>(self, _: F) -> impl Flow<Item = F::Out, Engine = Null> {
        self.retyped()
    }
    fn running<A: Aggregate<In = T>>(self, _: A) -> impl Flow<Item = A::Out, Engine = Null> {
        self.retyped()
    }
    fn update_state<U: UpdateState<In = T>>(self, _: U) -> impl Flow<Item = U::Out, Engine = Null> {
        self.retyped()
    }
    fn windowed<A: Aggregate<In = T>>(
        self,
        _: Windows,
        _: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = Null> {
        self.retyped()
    }
    fn erase(self) -> Self {
        self
    }
    fn union(
        mut self,
        other: impl Flow<Item = T, Engine = Null>,
    ) -> impl Flow<Item = T, Engine = Null> {
        self.sources.extend(other.erase().sources);
        self
    }

    fn run<K: Sink<T>>(self, _: K, context: &RunContext) -> Result<RunSummary, RunError> {
        let RunContext { load, meter, clock, cancel, .. } = context;
        let mut recorder = meter.recorder();
        let mut times = [0; CHUNK as usize];
        let mut samples = Vec::with_capacity(CHUNK as usize);
        context.begin();
        let mut next = 0;
        loop {
            cancel.check()?;
            let taken_ns = context.now_ns();
            let claim = load.claim(next + CHUNK, taken_ns);
            let limit = claim.limit.min(next + CHUNK);
            let times = &mut times[..(limit - next) as usize];
            load.scheduled_ns(next, 1, times);
            self.sources.iter().for_each(|read| read(next, times));
            meter.add_taken(limit - next);
            let visible_ns = context.now_ns();
            if load.paced() {
                samples.clear();
                samples.extend(times.iter().map(|&scheduled_ns| Sample {
                    scheduled_ns,
                    taken_ns,
                    visible_ns,
                }));
                recorder.record(&samples);
            }
            next = limit;
            meter.complete(next, visible_ns);
            if claim.closed && next == claim.limit {
                break;
            }
            if load.paced() && next == claim.limit {
                let mut due = [0];
                load.scheduled_ns(next, 1, &mut due);
                clock.sleep_until(context.clock_time_ns(due[0]));
            }
        }
        Ok(RunSummary { engine: Null.name().to_owned(), records: next, ..RunSummary::default() })
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        plan.node("read", NodeKind::Source, 1);
        plan
    }
}
