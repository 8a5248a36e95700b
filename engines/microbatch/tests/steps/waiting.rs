//! StreamingContextSuite: what waits for the end, and what it hears.

use crate::{Bench, KEEP, PATIENCE, SECOND, spawn};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_microbatch::{ContextState, Rdd, StreamingError, Time};

#[test]
fn awaittermination_blocks_timeout_returns_on_stop() {
    let bench = Bench::started();
    assert_eq!(bench.ssc.await_termination_or_timeout(Duration::from_millis(20)), Ok(false));
    let waiting = bench.ssc.clone();
    let waiter = spawn(move || waiting.await_termination());
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(waiter.join().expect("no panic"), Ok(()));
}

#[test]
fn awaittermination_after_stop() {
    let bench = Bench::stopped();
    assert_eq!(bench.ssc.await_termination(), Ok(()));
}

#[test]
fn awaitterminationortimeout_return_values() {
    let bench = Bench::started();
    assert_eq!(bench.ssc.await_termination_or_timeout(Duration::from_millis(1)), Ok(false));
    let waiting = bench.ssc.clone();
    let waiter = spawn(move || waiting.await_termination_or_timeout(PATIENCE));
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(waiter.join().expect("no panic"), Ok(true));
}

#[test]
fn py_awaitterminationortimeout() {
    let bench = Bench::started();
    assert_eq!(bench.ssc.await_termination_or_timeout(Duration::from_millis(1)), Ok(false));
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(bench.ssc.await_termination_or_timeout(Duration::from_millis(1)), Ok(true));
}

/// An input of one batch of one record.
fn queue(bench: &Bench) -> Arc<Mutex<VecDeque<Rdd<i64>>>> {
    let rdd = bench.sc.parallelize(vec![1], 1).expect("partitions");
    Arc::new(Mutex::new(VecDeque::from([rdd])))
}

/// Runs two batches, of which the first fails. The context goes on.
fn error_of(bench: &Bench) -> StreamingError {
    bench.ssc.start().expect("a start");
    bench.clock.advance(2 * SECOND);
    assert!(bench.ssc.await_batch(Time::from_ms(2_000), PATIENCE));
    let error = bench.ssc.await_termination_or_timeout(PATIENCE).expect_err("an error");
    assert_eq!(bench.state(), ContextState::Active, "an error does not stop the context");
    assert_eq!(bench.ssc.await_termination().expect_err("an error"), error);
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(bench.ssc.await_termination().expect_err("it wins over the stop"), error);
    error
}

#[test]
fn awaittermination_with_error_in_task() {
    let bench = Bench::new();
    let input = bench.ssc.queue_stream(queue(&bench)).expect("an input");
    let failing = input.map(|_| -> i64 { panic!("error in map task") }).expect("a stream");
    failing.foreach_rdd(|rdd, _| rdd.count().map(drop)).expect("an output");
    let error = error_of(&bench).to_string();
    assert!(error.contains("error in map task"), "{error}");
}

#[test]
fn awaittermination_with_error_in_job_generation() {
    let bench = Bench::new();
    let input = bench.ssc.queue_stream(queue(&bench)).expect("an input");
    let failing = input.transform(|rdd, time| {
        assert!(time > Time::from_ms(1_000), "error in transform");
        rdd
    });
    failing.expect("a stream").foreach_rdd(|_, _| Ok(())).expect("an output");
    let error = error_of(&bench).to_string();
    assert!(error.contains("error in transform"), "{error}");
}

#[test]
fn creating_an_inputdstream_but_not_using_it_should_not_crash() {
    let bench = Bench::new();
    let _unused = bench.input();
    bench.output();
    bench.ssc.start().expect("a start");
    bench.clock.advance(2 * SECOND);
    assert!(bench.ssc.await_batch(Time::from_ms(2_000), PATIENCE));
    assert_eq!(bench.ssc.await_termination_or_timeout(Duration::ZERO), Ok(false));
    bench.ssc.stop(KEEP).expect("a stop");
}
