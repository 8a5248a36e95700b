//! StreamingContextSuite: states, and what validation refuses.

use crate::{Bench, KEEP, SECOND, checkpoints, in_turn, refused};
use std::sync::Arc;
use std::time::Duration;
use weir_microbatch::{
    ActiveScope, ContextState, DStream, JobError, ProgressListener, SparkContext, StopOptions,
    StreamingContext, StreamingError, StreamingListener,
};

const ACTIVE: ContextState = ContextState::Active;
const STOPPED: ContextState = ContextState::Stopped;

#[test]
fn from_existing_sparkcontext() {
    let sc = SparkContext::local(1).expect("a context");
    let ssc = StreamingContext::new(&sc, SECOND).expect("a streaming context");
    assert_eq!(ssc.state(), ContextState::Initialized);
}

#[test]
fn start_and_stop_state_check() {
    let bench = Bench::ready();
    assert_eq!(bench.state(), ContextState::Initialized);
    bench.ssc.start().expect("a start");
    assert_eq!(bench.state(), ACTIVE);
    bench.ssc.stop(StopOptions::default()).expect("a stop");
    assert_eq!(bench.state(), STOPPED);
    assert_eq!(bench.spark_works(), Err(JobError::ContextStopped));
}

#[test]
fn java_context_state() {
    start_and_stop_state_check();
}

#[test]
fn no_output_operations() {
    let bench = Bench::new();
    let _ = bench.input();
    refused(bench.ssc.start(), "No output operations registered, so nothing to execute");
    assert_eq!(bench.state(), STOPPED);
}

#[test]
fn start_failure_should_stop_internal_components() {
    let bench = Bench::new();
    let pairs = bench.input().map(|x| (x, 1)).expect("pairs");
    pairs
        .update_state_by_key(|ones, n| Some(ones.sum::<i64>() + n.unwrap_or(0)), 0)
        .expect("state");
    refused(bench.ssc.start(), "No output operations registered, so nothing to execute");
    assert_eq!(bench.state(), STOPPED);
    assert!(!bench.scope.is_taken());
    assert_eq!(bench.ssc.await_termination(), Ok(()));
}

/// Registers what `define` makes of a stream of pairs, and starts.
fn start_with<T: Clone + Send + Sync + 'static>(
    directory: Option<&str>,
    define: impl Fn(&DStream<(i64, i64)>) -> Result<DStream<T>, StreamingError>,
) -> (Bench, Result<(), StreamingError>) {
    let bench = Bench::new();
    if let Some(name) = directory {
        bench.ssc.checkpoint(checkpoints(name)).expect("a directory");
    }
    let pairs = bench.input().map(|x| (x, 1)).expect("pairs");
    let stream = define(&pairs).expect("a stream");
    stream.foreach_rdd(|_, _| Ok(())).expect("an output");
    let started = bench.ssc.start();
    (bench, started)
}

const NO_DIRECTORY: &str =
    "The checkpoint directory has not been set. Please set it by StreamingContext.checkpoint().";

#[test]
fn stateful_stream_without_checkpoint_dir() {
    let (bench, started) = start_with(None, |pairs| {
        pairs.update_state_by_key(|ones, n| Some(ones.sum::<i64>() + n.unwrap_or(0)), 0)
    });
    refused(started, NO_DIRECTORY);
    assert_eq!(bench.state(), STOPPED);
}

#[test]
fn inverse_window_without_checkpoint_dir() {
    let (_bench, started) = start_with(None, |pairs| {
        pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, 2 * SECOND, SECOND, 0)
    });
    refused(started, NO_DIRECTORY);
}

#[test]
fn non_inverse_window_without_checkpoint_dir() {
    let (bench, started) = start_with(None, |pairs| {
        pairs.reduce_by_key_and_window(|a, b| a + b, 2 * SECOND, SECOND, 0)
    });
    started.expect("a start");
    assert_eq!(bench.state(), ACTIVE);
}

/// Checkpoints a mapped stream, and starts.
fn checkpointed(directory: Option<&str>, every: Duration) -> Result<(), StreamingError> {
    let define = |pairs: &DStream<(i64, i64)>| {
        let mapped = pairs.map(|(x, _)| x)?;
        mapped.checkpoint(every)?;
        Ok(mapped)
    };
    start_with(directory, define).1
}

#[test]
fn checkpoint_interval_lower_than_slide() {
    refused(
        checkpointed(Some("lower"), Duration::from_millis(500)),
        "The checkpoint interval for MappedDStream has been set to 500 ms which is lower than its \
         slide time (1000 ms). Please set it to at least 1000 ms.",
    );
}

#[test]
fn checkpoint_interval_not_multiple_of_slide() {
    refused(
        checkpointed(Some("multiple"), Duration::from_millis(1_500)),
        "has been set to  1500 ms which not a multiple of its slide time (1000 ms). Please set it to a \
         multiple of 1000 ms.",
    );
}

#[test]
fn checkpoint_interval_on_a_stream_but_no_checkpoint_dir() {
    refused(checkpointed(None, 2 * SECOND), NO_DIRECTORY);
}

#[test]
fn persist_checkpoint_interval_after_start() {
    let bench = Bench::new();
    let stream = bench.input();
    stream.foreach_rdd(|_, _| Ok(())).expect("an output");
    bench.ssc.start().expect("a start");
    refused(
        stream.persist().map(drop),
        "Cannot change storage level of a DStream after streaming context has started",
    );
    refused(
        stream.checkpoint(SECOND).map(drop),
        "Cannot change checkpoint interval of a DStream after streaming context has started",
    );
}

#[test]
fn remember_twice() {
    let bench = Bench::new();
    bench.ssc.remember(3 * SECOND).expect("the first time");
    let again = bench.ssc.remember(4 * SECOND);
    refused(again, "Remember duration already set as 3000 ms. Cannot set it again.");
}

#[test]
fn start_multiple_times() {
    let bench = Bench::started();
    bench.ssc.start().expect("nothing to do");
    assert_eq!(bench.state(), ACTIVE);
}

#[test]
fn stop_multiple_times() {
    let bench = Bench::stopped();
    bench.ssc.stop(StopOptions::default()).expect("nothing to do");
    assert_eq!(bench.state(), STOPPED);
}

#[test]
fn stop_before_start() {
    let bench = Bench::ready();
    bench.ssc.stop(StopOptions::default()).expect("a stop");
    assert_eq!(bench.state(), STOPPED);
}

#[test]
fn start_after_stop() {
    let bench = Bench::stopped();
    refused(bench.ssc.start(), "StreamingContext has already been stopped");
    assert_eq!(bench.state(), STOPPED);
}

#[test]
fn stop_only_streaming_context() {
    let bench = Bench::started();
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(bench.state(), STOPPED);
    assert_eq!(bench.spark_works(), Ok(true));
}

#[test]
fn py_stop_semantics() {
    let bench = Bench::started();
    for _ in 0..2 {
        bench.ssc.stop(KEEP).expect("a stop");
        assert_eq!(bench.spark_works(), Ok(true));
    }
}

#[test]
fn stop_stopsparkcontext_true_after_stop_false() {
    let bench = Bench::ready();
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(bench.spark_works(), Ok(true));
    bench.ssc.stop(StopOptions::default()).expect("a stop");
    assert_eq!(bench.spark_works(), Err(JobError::ContextStopped));
}

#[test]
fn multiple_streaming_contexts() {
    let bench = Bench::started();
    let second = bench.another();
    let input = second.queue_stream::<i64>(Arc::default()).expect("an input");
    input.foreach_rdd(|_, _| Ok(())).expect("an output");
    refused(second.start(), "Only one StreamingContext may be started in this");
    assert_eq!(second.state(), ContextState::Initialized);
    bench.ssc.stop(KEEP).expect("a stop");
    second.start().expect("a start, now that the place is free");
}

#[test]
fn sequential_contexts_on_one_sparkcontext() {
    let bench = Bench::started();
    for _ in 0..3 {
        bench.ssc.stop(KEEP).expect("a stop");
        let next = bench.another();
        let input = next.queue_stream::<i64>(Arc::default()).expect("an input");
        input.foreach_rdd(|_, _| Ok(())).expect("an output");
        next.start().expect("a start");
        assert_eq!(bench.scope.active(), Some(next.clone()));
        next.stop(KEEP).expect("a stop");
    }
}

fn on_the_process(sc: &SparkContext) -> Result<StreamingContext, StreamingError> {
    let ssc = StreamingContext::new(sc, SECOND)?;
    ssc.queue_stream::<i64>(Arc::default())?.foreach_rdd(|_, _| Ok(()))?;
    Ok(ssc)
}

#[test]
fn getactive_getactiveorcreate() {
    let _turn = in_turn();
    let sc = SparkContext::local(1).expect("a context");
    assert_eq!(StreamingContext::get_active(), None);
    let create = || on_the_process(&sc);
    let ssc = StreamingContext::get_active_or_create(create).expect("a new one");
    assert_eq!(StreamingContext::get_active(), None, "one that has not started is not active");
    ssc.start().expect("a start");
    assert_eq!(StreamingContext::get_active(), Some(ssc.clone()));
    assert_eq!(StreamingContext::get_active_or_create(create), Ok(ssc.clone()));
    ssc.stop(KEEP).expect("a stop");
    assert_eq!(StreamingContext::get_active(), None);
    assert_ne!(StreamingContext::get_active_or_create(create), Ok(ssc));
}

#[test]
fn getactive_for_independently_created_context() {
    let _turn = in_turn();
    let sc = SparkContext::local(1).expect("a context");
    let ssc = on_the_process(&sc).expect("a context");
    assert_eq!(StreamingContext::get_active(), None);
    ssc.start().expect("a start");
    assert_eq!(ActiveScope::process().active(), Some(ssc.clone()));
    assert_eq!(StreamingContext::get_active_or_create(|| on_the_process(&sc)), Ok(ssc.clone()));
    ssc.stop(KEEP).expect("a stop");
    assert_eq!(StreamingContext::get_active(), None);
}

#[test]
fn progress_listener_registered_on_start_removed_on_stop() {
    let bench = Bench::ready();
    let progress = Arc::new(ProgressListener::default());
    bench.ssc.add_streaming_listener(Arc::clone(&progress) as Arc<dyn StreamingListener>);
    bench.ssc.start().expect("a start");
    bench.clock.advance(SECOND);
    assert!(bench.ssc.await_batch(weir_microbatch::Time::from_ms(1_000), crate::PATIENCE));
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(progress.totals().completed_batches, 1);
}
