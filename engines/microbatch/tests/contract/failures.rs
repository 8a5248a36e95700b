//! Runs that end without an answer: what they say, and what they leave behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{
    Aggregate, Cancel, Engine, Event, EventTime, Flow, RunContext, RunError, Source,
};
use weir_microbatch::MicroBatch;

#[derive(Clone, Copy)]
struct Count;

impl Source for Count {
    type Item = u64;
    fn record(&self, index: u64, scheduled: EventTime) -> Event<u64> {
        Event { at: scheduled, watermark: scheduled, value: index }
    }
}

#[derive(Clone)]
struct Sum;
impl Aggregate for Sum {
    type In = u64;
    type Key = u64;
    type Value = u64;
    type State = u64;
    type Out = (u64, u64);
    fn split(&self, input: u64) -> (u64, u64) {
        (input % 10, input)
    }
    fn update(&self, state: &mut u64, value: u64) {
        *state += value;
    }
    fn merge(&self, state: &mut u64, other: u64) {
        *state += other;
    }
    fn output(&self, key: &u64, state: &u64) -> (u64, u64) {
        assert_ne!(*state, u64::MAX, "the sum is poisoned");
        (*key, *state)
    }
}

fn engine() -> MicroBatch {
    MicroBatch::new().parallelism(3).batch_interval(Duration::from_millis(10))
}

/// A thousand records per batch of 10 ms.
fn context(records: u64) -> RunContext {
    AllAtOnce { records, spacing_ns: 10_000 }.context()
}

fn fails<T: Send + 'static>(flow: impl Flow<Item = T>, context: &RunContext) -> RunError {
    flow.run(CollectSink::new(), context).expect_err("a failure")
}

#[test]
fn a_panic_in_an_operator_names_batch_stage_and_partition() {
    let bad = |at: u64| move |i: u64| if i == at { panic!("record {i}") } else { i };
    let engine = engine();
    let error = fails(engine.source(Count).map(bad(2_400)).running(Sum), &context(5_000));
    let RunError::JobFailed { batch_ms: 30, stage: 0, partition, message } = error else {
        panic!("{error}")
    };
    assert!(partition < 3, "{partition}");
    assert_eq!(message, "running Sum: map side: panicked: record 2400");
    let error = fails(engine.source(Count).map(bad(0)), &context(5_000));
    let RunError::JobFailed { batch_ms: 10, stage: 0, partition: 0, .. } = error else {
        panic!("{error}")
    };
}

#[test]
fn a_panic_after_a_shuffle_is_in_a_later_stage() {
    let engine = engine();
    let flow = engine.source(Count).running(Sum).map(|(key, sum)| {
        assert!(key != 4 || sum < 100_000, "too much");
        sum
    });
    let error = fails(flow, &context(50_000));
    let RunError::JobFailed { stage: 2, message, .. } = error else { panic!("{error}") };
    assert!(message.ends_with("panicked: too much"), "{message}");
}

#[test]
fn a_panic_in_a_source_is_a_failure() {
    #[derive(Clone)]
    struct Torn;
    impl Source for Torn {
        type Item = u64;
        fn record(&self, index: u64, at: EventTime) -> Event<u64> {
            assert!(index < 1_500, "the file ends here");
            Event { at, watermark: at, value: index }
        }
    }
    let engine = engine();
    // The generator looks at a batch's last record, for its watermark.
    let error = fails(engine.source(Torn).running(Sum), &context(5_000));
    let RunError::TaskPanicked { task, message } = error else { panic!("{error}") };
    assert_eq!(task, "job generator, batch at 20 ms");
    assert!(message.contains("the file ends here"), "{message}");
}

#[test]
fn a_panic_when_the_table_is_written_is_a_failure() {
    #[derive(Clone)]
    struct Poison;
    impl Source for Poison {
        type Item = u64;
        fn record(&self, index: u64, at: EventTime) -> Event<u64> {
            let value = if index == 7 { u64::MAX } else { 0 };
            Event { at, watermark: at, value }
        }
    }
    let engine = engine();
    let error = fails(engine.source(Poison).running(Sum), &context(100));
    let RunError::JobFailed { message, .. } = error else { panic!("{error}") };
    assert!(message.contains("the sum is poisoned"), "{message}");
}

#[test]
fn a_run_can_be_cancelled() {
    let engine = engine();
    let before = context(100);
    before.cancel.cancel();
    assert_eq!(fails(engine.source(Count).running(Sum), &before), RunError::Cancelled);
    // From inside, so that no time has to pass.
    let during = context(10_000_000);
    let (cancel, seen): (Cancel, Arc<AtomicU64>) = (during.cancel.clone(), Arc::default());
    let counted = Arc::clone(&seen);
    let flow = engine.source(Count).map(move |i| {
        if counted.fetch_add(1, Ordering::Relaxed) == 20_000 {
            cancel.cancel();
        }
        i
    });
    assert_eq!(fails(flow.running(Sum), &during), RunError::Cancelled);
    assert!(seen.load(Ordering::Relaxed) < 1_000_000, "it went on");
}

#[test]
fn intervals_are_checked() {
    let engine = MicroBatch::new().batch_interval(Duration::from_micros(999));
    let error = fails(engine.source(Count), &context(10));
    let RunError::Unsupported { what, remedy } = error else { panic!("{error}") };
    assert_eq!((what.as_str(), remedy.as_str()), ("a batch interval of 999µs", "use 1 ms or more"));
}

#[test]
fn runs_in_parallel_do_not_exclude_each_other() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let sink = CollectSink::new();
                let engine = engine();
                let flow = engine.source(Count).running(Sum);
                flow.run(sink.clone(), &context(20_000)).expect("a run");
                assert_eq!(sink.take().iter().map(|row| row.1).sum::<u64>(), 19_999 * 10_000);
            });
        }
    });
}
