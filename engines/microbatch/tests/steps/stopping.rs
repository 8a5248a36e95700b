//! StreamingContextSuite: stops that wait for what was received.

use crate::{PATIENCE, SECOND};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{
    ActiveScope, InputBatch, InputStream, Rdd, SparkConf, SparkContext, StopOptions,
    StreamingContext, StreamingError,
};

const GRACEFULLY: StopOptions = StopOptions { stop_spark_context: false, graceful: true };

fn conf() -> SparkConf {
    SparkConf::new().set_master("local[2]").set("spark.streaming.blockInterval", "10ms")
}

/// A context of 100 ms on the real clock.
fn context(sc: &SparkContext) -> StreamingContext {
    let builder = StreamingContext::builder(sc, Duration::from_millis(100));
    builder.scope(ActiveScope::private()).build().expect("a context")
}

/// A context that counts what a receiver stores.
fn counting(sc: &SparkContext, receiver: Counter) -> (StreamingContext, Arc<AtomicU64>) {
    let (ssc, count) = (context(sc), Arc::new(AtomicU64::new(0)));
    let into = Arc::clone(&count);
    let stream = ssc.receiver_stream(receiver).expect("a stream");
    let counted = stream.foreach_rdd(move |rdd, _| {
        into.fetch_add(rdd.count()?, Ordering::Relaxed);
        Ok(())
    });
    counted.expect("an output");
    (ssc, count)
}

/// Stores numbers from a thread.
#[derive(Default)]
struct Counter {
    /// How many it has stored.
    stored: Arc<AtomicU64>,
    /// It stops of its own after so many; the one behind the first waits for the stop.
    slow: Option<u64>,
    begun: Option<crossbeam_channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver<u64> for Counter {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let (stored, slow, begun) = (Arc::clone(&self.stored), self.slow, self.begun.take());
        let body = move || loop {
            let number = stored.load(Ordering::Relaxed);
            let over = slow.map_or_else(|| handle.is_stopped(), |last| number == last);
            if over || handle.store(number).is_err() {
                return;
            }
            stored.fetch_add(1, Ordering::Relaxed);
            if let Some(begun) = &begun {
                // Nobody listens after the first.
                let _ = begun.try_send(());
            }
            while slow.is_some() && !handle.is_stopped() {
                std::thread::yield_now();
            }
        };
        let named = std::thread::Builder::new().name("counter".into());
        self.thread = Some(named.spawn(body).expect("a thread"));
        Ok(())
    }
    fn on_stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

#[test]
fn stop_gracefully_processes_everything_received() {
    let conf = conf().set("spark.streaming.receiver.maxRate", "2000");
    let sc = SparkContext::from_conf(&conf).expect("a context");
    for _ in 0..4 {
        let (begin, begun) = crossbeam_channel::bounded(1);
        let counter = Counter { begun: Some(begin), ..Counter::default() };
        let stored = Arc::clone(&counter.stored);
        let (ssc, count) = counting(&sc, counter);
        ssc.start().expect("a start");
        begun.recv_timeout(PATIENCE).expect("it begins");
        ssc.stop(GRACEFULLY).expect("a stop");
        let stored = stored.load(Ordering::Relaxed);
        assert!(stored > 0);
        assert_eq!(count.load(Ordering::Relaxed), stored);
    }
}

#[test]
fn stop_gracefully_even_if_a_receiver_misses_stopreceiver() {
    let sc = SparkContext::from_conf(&conf()).expect("a context");
    let counter = Counter::default();
    let stored = Arc::clone(&counter.stored);
    let (ssc, count) = counting(&sc, counter);
    ssc.start().expect("a start");
    ssc.stop(GRACEFULLY).expect("a stop that returns");
    assert_eq!(count.load(Ordering::Relaxed), stored.load(Ordering::Relaxed));
}

#[test]
fn stop_slow_receiver_gracefully() {
    let conf = conf().set("spark.streaming.gracefulStopTimeout", "20000s");
    let sc = SparkContext::from_conf(&conf).expect("a context");
    let (begin, begun) = crossbeam_channel::bounded(1);
    // All but the first are stored after the stop has begun.
    let counter = Counter { slow: Some(15), begun: Some(begin), ..Counter::default() };
    let (ssc, count) = counting(&sc, counter);
    ssc.start().expect("a start");
    begun.recv_timeout(PATIENCE).expect("it begins");
    ssc.stop(GRACEFULLY).expect("a stop");
    assert_eq!(count.load(Ordering::Relaxed), 15);
}

/// Cannot make batches once it was stopped.
#[derive(Default)]
struct UntilStopped(AtomicBool);

impl InputStream<u64> for UntilStopped {
    fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }
    fn compute(&self, batch: &InputBatch<'_>) -> Result<Option<Rdd<u64>>, StreamingError> {
        assert!(!self.0.load(Ordering::Acquire), "it was stopped");
        Ok(Some(batch.spark_context().empty()))
    }
}

#[test]
fn graceful_shutdown_shouldnt_lead_to_job_generation_error() {
    let conf = conf().set("spark.streaming.gracefulStopTimeout", "60s");
    let sc = SparkContext::from_conf(&conf).expect("a context");
    let clock = Arc::new(ManualClock::new());
    let builder = StreamingContext::builder(&sc, SECOND / 10).clock(clock.clone());
    let ssc = builder.scope(ActiveScope::private()).build().expect("a context");
    let input = ssc.input_stream(UntilStopped::default()).expect("an input");
    input.foreach_rdd(|_, _| Ok(())).expect("an output");
    ssc.start().expect("a start");
    clock.set(i64::MAX.unsigned_abs());
    ssc.stop(GRACEFULLY).expect("a stop");
    assert_eq!(ssc.await_termination(), Ok(()));
}
