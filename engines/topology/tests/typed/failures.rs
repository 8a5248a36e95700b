//! A run that fails ends, with an error that names what failed, and leaves no thread behind.

use super::support::{CountBy, Numbers, Session, all, config};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use weir_dataflow::testing::CollectSink;
use weir_dataflow::{
    Engine, Event, EventTime, Flow, RunContext, RunError, Sink, Source, Windows, Writer,
};
use weir_topology::{TopologyConfig, TopologyEngine};

/// More than anybody will ever read: a run over it ends only by failing.
fn endless() -> RunContext {
    all(1 << 40).context()
}

fn engines() -> impl Iterator<Item = TopologyEngine> {
    [1, 3].into_iter().flat_map(|parallelism| {
        [1, 50].into_iter().flat_map(move |batch| {
            [false, true].into_iter().flat_map(move |acking| {
                [1, 256].map(move |queue_capacity| {
                    let config = config(parallelism, batch, acking);
                    TopologyEngine::new(TopologyConfig { queue_capacity, ..config })
                })
            })
        })
    })
}

fn panicked<R>(result: Result<R, RunError>, component: &str) {
    let Err(RunError::TaskPanicked { task, message }) = result else {
        panic!("the run must fail in {component}");
    };
    assert!(task.starts_with(&format!("{component}[")), "{task} is not {component}");
    assert_eq!(message, "as told");
}

fn tell<T>(value: T, now: bool) -> T {
    assert!(!now, "as told");
    value
}

#[derive(Clone)]
struct Broken;
impl Source for Broken {
    type Item = u64;
    fn record(&self, index: u64, at: EventTime) -> Event<u64> {
        Event { at, watermark: at, value: tell(index, index == 1_000) }
    }
}

#[derive(Clone)]
struct BrokenSink;
impl Sink<u64> for BrokenSink {
    type Writer = BrokenWriter;
    fn writer(&self) -> BrokenWriter {
        BrokenWriter
    }
}
struct BrokenWriter;
impl Writer<u64> for BrokenWriter {
    fn write(&mut self, row: u64) {
        tell((), row == 1_000);
    }
}

#[test]
fn a_panic_names_its_task_wherever_it_is() {
    for engine in engines() {
        let numbers = || engine.source(Numbers::IN_ORDER);
        let count = || CountBy(|n: &u64| tell(n % 7, *n == 1_000));
        let sink = CollectSink::new;
        let broken = engine.source(Broken).map(|n| n);
        panicked(broken.run(sink(), &endless()), "Broken");
        let mapped = numbers().map(|n| tell(n, n == 1_000)).filter(|_| true);
        panicked(mapped.run(sink(), &endless()), "map");
        // A keyed operator's input is taken apart where it is emitted.
        panicked(numbers().map(|n| n).running(count()).run(CollectSink::new(), &endless()), "map");
        let late = numbers().running(CountBy(|n: &u64| n % 7)).map(|row| tell(row, row.1 == 99));
        panicked(late.run(CollectSink::new(), &endless()), "map");
        panicked(numbers().map(|n| n).run(BrokenSink, &endless()), "map");
        panicked(numbers().run(BrokenSink, &endless()), "write");
    }
}

#[test]
fn a_panic_at_the_end_of_the_stream_is_reported() {
    for engine in engines() {
        let numbers = engine.source(Numbers::IN_ORDER).map(|n| n / 900);
        let windowed = numbers.windowed(Windows::tumbling(1 << 60), CountBy(|n: &u64| *n));
        let rows = windowed.map(|row| tell(row, true));
        panicked(rows.run(CollectSink::new(), &all(1_000).context()), "map-2");
    }
}

#[test]
fn a_run_can_be_cancelled() {
    for engine in engines() {
        let context = endless();
        let (cancel, seen) = (context.cancel.clone(), Arc::new(AtomicU64::new(0)));
        let numbers = engine.source(Numbers { ordered: true, ..Numbers::IN_ORDER });
        let counted = numbers.map(move |n| {
            if seen.fetch_add(1, Ordering::Relaxed) == 5_000 {
                cancel.cancel();
            }
            n
        });
        let error = counted.update_state(Session).run(CollectSink::new(), &context);
        assert_eq!(error.expect_err("cancelled"), RunError::Cancelled);
    }
}
