//! No thread outlives what it was started for.
//!
//! Every engine thread that reads the load leaves a mark in its thread-local storage, whose
//! destructor has run once the thread has been joined, and not before it ends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::testing::CollectSink;
use weir_dataflow::{
    Claim, Engine, Event, EventTime, Flow, Load, ManualClock, Meter, RunContext, Source,
};
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{
    ActiveScope, BatchInfo, MicroBatch, SparkConf, SparkContext, StopOptions, StreamingContext,
    StreamingListener,
};

type Names = Arc<Mutex<BTreeSet<String>>>;

/// Which marked threads are alive, and which there have been.
#[derive(Clone, Default)]
struct Register {
    alive: Names,
    seen: Names,
}

struct Mark(Names, String);

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.lock().expect("names").remove(&self.1);
    }
}

thread_local! {
    static MARK: std::cell::OnceCell<Mark> = const { std::cell::OnceCell::new() };
}

impl Register {
    fn mark(&self) {
        MARK.with(|mark| {
            mark.get_or_init(|| {
                let name = std::thread::current().name().unwrap_or_default().to_owned();
                self.alive.lock().expect("names").insert(name.clone());
                self.seen.lock().expect("names").insert(name.clone());
                Mark(Arc::clone(&self.alive), name)
            });
        });
    }

    fn alive(&self) -> BTreeSet<String> {
        self.alive.lock().expect("names").clone()
    }

    fn has_seen(&self, name: &str) -> bool {
        self.seen.lock().expect("names").iter().any(|seen| seen.starts_with(name))
    }
}

/// A record per microsecond, over time.
struct Marking {
    register: Register,
    records: u64,
}

impl Load for Marking {
    fn paced(&self) -> bool {
        true
    }
    fn count_before(&self, t_ns: u64) -> u64 {
        self.register.mark();
        t_ns.div_ceil(1_000)
    }
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        self.register.mark();
        for (k, t) in (0..).zip(out) {
            *t = (first + k * step) * 1_000;
        }
    }
    fn claim(&self, _: u64, now_ns: u64) -> Claim {
        let due = now_ns.div_ceil(1_000);
        Claim { limit: due.min(self.records), closed: due >= self.records }
    }
}

#[derive(Clone)]
struct Count;

impl Source for Count {
    type Item = u64;
    fn record(&self, index: u64, at: EventTime) -> Event<u64> {
        assert!(index < 9_000, "the end");
        Event { at, watermark: at, value: index }
    }
}

#[test]
fn workers_end_with_the_last_handle_of_their_context() {
    let register = Register::default();
    let sc = SparkContext::local(3).expect("a context");
    let marks = register.clone();
    let mark = move |x: i32| {
        marks.mark();
        x
    };
    let rdd = sc.parallelize((0..100).collect(), 9).expect("slices").map(mark);
    assert_eq!(rdd.count(), Ok(100));
    drop(sc);
    assert!(!register.alive().is_empty(), "the RDD holds the context");
    drop(rdd);
    assert_eq!(register.alive(), BTreeSet::new());
}

/// A record that marks the threads that encode it.
#[derive(Clone)]
struct Encoded(Register);

impl serde::Serialize for Encoded {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.mark();
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for Encoded {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <()>::deserialize(from).map(|()| Self(Register::default()))
    }
}

/// Stores records from a thread, and marks all threads that it is called in.
struct Storing(Register, Vec<std::thread::JoinHandle<()>>);

impl Receiver<Encoded> for Storing {
    fn on_start(&mut self, handle: ReceiverHandle<Encoded>) -> Result<(), ReceiverError> {
        self.0.mark();
        let register = self.0.clone();
        let store = move || {
            register.mark();
            while !handle.is_stopped() && handle.store(Encoded(register.clone())).is_ok() {}
        };
        let named = std::thread::Builder::new().name("storing".into());
        self.1.push(named.spawn(store).expect("a thread"));
        Ok(())
    }
    fn on_stop(&mut self) {
        self.1.drain(..).for_each(|thread| thread.join().expect("no panic"));
    }
}

impl StreamingListener for Register {
    fn on_batch_completed(&self, _: &BatchInfo) {
        self.mark();
    }
}

#[test]
fn a_stop_joins_the_threads_of_receivers() {
    let conf = SparkConf::new()
        .set_master("local[2]")
        .set("spark.streaming.blockInterval", "2ms")
        .set("spark.streaming.receiver.maxRate", "5000");
    let sc = SparkContext::from_conf(&conf).expect("good settings");
    for graceful in [false, true] {
        let register = Register::default();
        let builder = StreamingContext::builder(&sc, Duration::from_millis(10));
        let ssc = builder.scope(ActiveScope::private()).build().expect("a context");
        let receiver = Storing(register.clone(), Vec::new());
        let stream = ssc.receiver_stream(receiver).expect("a stream");
        let (marks, (done, batches)) = (register.clone(), crossbeam_channel::bounded(100));
        let output = stream.foreach_rdd(move |rdd, _| {
            marks.mark();
            // Nobody listens once the test has seen enough.
            let _ = done.try_send(rdd.count()?);
            Ok(())
        });
        output.expect("an output");
        ssc.add_streaming_listener(Arc::new(register.clone()));
        ssc.start().expect("starts");
        while batches.recv_timeout(Duration::from_secs(20)).expect("a batch") == 0 {}
        ssc.stop(StopOptions { stop_spark_context: false, graceful }).expect("stops");
        // Workers are the Spark context's.
        let mut alive = register.alive();
        alive.retain(|name| !name.starts_with("microbatch-worker-"));
        assert_eq!(alive, BTreeSet::new());
        for name in ["receiver-0", "storing", "block-pusher-0", "microbatch-scheduler-0"] {
            assert!(register.has_seen(name), "{name}");
        }
    }
}

#[test]
fn runs_join_their_threads() {
    let engine = MicroBatch::new().parallelism(4).batch_interval(Duration::from_millis(1));
    for (records, good) in [(5_000, true), (20_000, false)] {
        let register = Register::default();
        let load = Marking { register: register.clone(), records };
        let clock = Arc::new(ManualClock::auto());
        let context = RunContext::new(clock, Arc::new(load), Arc::new(Meter::counting()));
        let result = engine.source(Count).run(CollectSink::new(), &context);
        assert_eq!(result.is_ok(), good, "{result:?}");
        assert_eq!(register.alive(), BTreeSet::new(), "after {records} records");
        // A run that fails may do so before it has come to its second batch.
        for name in ["microbatch-generator", "microbatch-listener", "microbatch-worker-"] {
            assert!(register.has_seen(name) || !good, "{name}");
        }
    }
}
