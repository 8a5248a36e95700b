//! Rules of a context's life that need more than one thread to be seen.

use std::collections::VecDeque;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, BatchInfo, SparkContext, StopOptions, StreamingContext, StreamingError,
    StreamingListener, Time,
};

const KEEP: StopOptions = StopOptions { stop_spark_context: false, graceful: false };
const PATIENCE: Duration = Duration::from_secs(30);

fn context(jobs: usize) -> (StreamingContext, Arc<ManualClock>, ActiveScope) {
    let sc = SparkContext::local(2).expect("a context");
    let (clock, scope) = (Arc::new(ManualClock::new()), ActiveScope::private());
    let ssc = StreamingContext::builder(&sc, Duration::from_secs(1))
        .clock(Arc::clone(&clock) as _)
        .scope(scope.clone())
        .concurrent_jobs(jobs)
        .build()
        .expect("a context");
    (ssc, clock, scope)
}

struct Stopper(Mutex<Option<StreamingContext>>, crossbeam_channel::Sender<StreamingError>);

impl StreamingListener for Stopper {
    fn on_batch_completed(&self, _: &BatchInfo) {
        if let Some(ssc) = self.0.lock().expect("a context").take() {
            let _ = self.1.send(ssc.stop(KEEP).expect_err("a refusal"));
        }
    }
}

#[test]
fn dont_call_ssc_stop_in_listener() {
    let (ssc, clock, _) = context(1);
    let (send, errors) = crossbeam_channel::bounded(1);
    let stopper = Stopper(Mutex::new(Some(ssc.clone())), send);
    ssc.add_streaming_listener(Arc::new(stopper));
    let input = ssc.queue_stream::<i32>(Arc::default()).expect("an input");
    input.foreach_rdd(|_, _| Ok(())).expect("an output");
    ssc.start().expect("a start");
    clock.advance(Duration::from_secs(1));
    assert_eq!(errors.recv_timeout(PATIENCE), Ok(StreamingError::StopInsideListener));
    ssc.stop(KEEP).expect("a stop from here");
}

#[test]
fn stop_within_listener_thread() {
    dont_call_ssc_stop_in_listener();
}

#[test]
fn jobs_of_one_batch_run_at_once_where_that_is_allowed() {
    let (ssc, clock, _) = context(2);
    let input = ssc.queue_stream::<i32>(Arc::default()).expect("an input");
    let both = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        let both = Arc::clone(&both);
        input
            .foreach_rdd(move |_, _| {
                // Neither goes on before the other has come.
                both.wait();
                Ok(())
            })
            .expect("an output");
    }
    ssc.start().expect("a start");
    clock.advance(Duration::from_secs(3));
    assert!(ssc.await_batch(Time::from_ms(3_000), PATIENCE));
    assert_eq!(ssc.pending_times(), []);
    ssc.stop(KEEP).expect("a stop");
}

#[test]
fn a_started_context_is_the_active_one() {
    let (ssc, _, scope) = context(1);
    let input = ssc.queue_stream::<i32>(Arc::default()).expect("an input");
    input.foreach_rdd(|_, _| Ok(())).expect("an output");
    assert_eq!(scope.active(), None);
    ssc.start().expect("a start");
    assert_eq!(scope.active(), Some(ssc.clone()));
    ssc.stop(KEEP).expect("a stop");
    assert_eq!(scope.active(), None);
}

#[test]
fn a_graceful_stop_does_not_wait_for_ever() {
    let sc = SparkContext::local(1).expect("a context");
    let ssc = StreamingContext::builder(&sc, Duration::from_secs(1))
        .clock(Arc::new(ManualClock::new()))
        .scope(ActiveScope::private())
        .graceful_stop_timeout(Duration::from_millis(20))
        .build()
        .expect("a context");
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let input = ssc.queue_stream::<i32>(queue).expect("an input");
    input.foreach_rdd(|_, _| Ok(())).expect("an output");
    ssc.start().expect("a start");
    // The clock stands still: the last tick never comes.
    ssc.stop(StopOptions { graceful: true, ..KEEP }).expect("a stop");
}

#[test]
fn stateful_streams_need_a_checkpoint_directory() {
    let (ssc, ..) = context(1);
    let input = ssc.queue_stream::<(i32, i32)>(Arc::default()).expect("an input");
    let states = input
        .update_state_by_key(|ones, n: Option<i32>| Some(ones.sum::<i32>() + n.unwrap_or(0)), 0);
    states.and_then(|states| states.foreach_rdd(|_, _| Ok(()))).expect("an output");
    assert_eq!(ssc.start(), Err(StreamingError::NoCheckpointDirectory));
}
