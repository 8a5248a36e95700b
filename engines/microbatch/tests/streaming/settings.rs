//! What settings do to a streaming context.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Data, ManualClock};
use weir_microbatch::rate::{Scaling, ScalingPolicy};
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::settings::Settings;
use weir_microbatch::wal::{Records, WalError, WalHandle, WalRegistry, WriteAheadLog};
use weir_microbatch::{
    ActiveScope, BatchInfo, DStream, KNOWN_KEYS, ListenerRegistry, ProgressListener, Rdd,
    SparkConf, SparkContext, StopOptions, StorageLevel, StreamingContext, StreamingContextBuilder,
    StreamingError, StreamingListener, Time, UNSUPPORTED_KEYS,
};

const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn conf() -> SparkConf {
    SparkConf::new().set_master("local[2]")
}

fn builder(conf: &SparkConf) -> (StreamingContextBuilder, Arc<ManualClock>) {
    let sc = SparkContext::from_conf(conf).expect("good settings");
    let clock = Arc::new(ManualClock::new());
    let builder = StreamingContext::builder(&sc, SECOND).clock(clock.clone());
    (builder.scope(ActiveScope::private()), clock)
}

fn context(conf: &SparkConf) -> (StreamingContext, Arc<ManualClock>) {
    let (builder, clock) = builder(conf);
    (builder.build().expect("a context"), clock)
}

/// A stream of empty batches, with an output.
fn ready(ssc: &StreamingContext) {
    let queue = ssc.queue_stream::<u32>(Arc::default()).expect("a queue");
    queue.foreach_rdd(|_, _| Ok(())).expect("an output");
}

fn batch(ssc: &StreamingContext, clock: &ManualClock, number: u64) {
    clock.set(number * 1_000_000_000);
    assert!(ssc.await_batch(Time::from_ms(number * 1_000), PATIENCE), "batch {number}");
}

/// The RDDs of a stream, for whoever looks at them later.
fn rdds<T: Data>(stream: &DStream<T>) -> Arc<Mutex<Vec<Rdd<T>>>> {
    let rdds = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&rdds);
    let output = stream.foreach_rdd(move |rdd, _| {
        rdd.count()?;
        into.lock().expect("RDDs").push(rdd);
        Ok(())
    });
    output.expect("an output");
    rdds
}

#[test]
fn stop_only_streaming_context_via_conf() {
    for (value, usable) in [(None, false), (Some("true"), false), (Some("false"), true)] {
        let key = "spark.streaming.stopSparkContextByDefault";
        let conf = value.map_or_else(conf, |value| conf().set(key, value));
        let (ssc, _) = context(&conf);
        ready(&ssc);
        ssc.start().expect("starts");
        ssc.stop_as_configured().expect("stops");
        let numbers = ssc.spark_context().parallelize((1..=100).collect::<Vec<_>>(), 2);
        let count = numbers.expect("partitions").collect().map(|all| all.len());
        assert_eq!(count.ok(), usable.then_some(100), "{value:?}");
    }
}

#[test]
fn what_would_have_no_effect_is_refused() {
    for key in UNSUPPORTED_KEYS {
        let harmless = conf().set(key.key, key.default);
        assert_eq!(harmless.check(), Ok(()), "{}", key.key);
        let error = SparkContext::from_conf(&conf().set(key.key, "something else"));
        let error = error.expect_err("no effect").to_string();
        assert!(error.contains(key.key) && error.contains(key.remedy), "{error}");
    }
}

#[test]
fn a_batch_interval_of_zero_is_refused_at_the_start() {
    let sc = SparkContext::local(1).expect("a context");
    let builder = StreamingContext::builder(&sc, Duration::ZERO).scope(ActiveScope::private());
    let ssc = builder.build().expect("as in Spark");
    ready(&ssc);
    let error = ssc.start().expect_err("no interval");
    assert_eq!(error, StreamingError::BatchInterval(Duration::ZERO));
    assert!(error.to_string().ends_with("use 1 ms or more"), "{error}");
    let sc = ssc.spark_context();
    let error = StreamingContext::new(sc, Duration::from_micros(999)).expect_err("too short");
    assert_eq!(error, StreamingError::BatchInterval(Duration::from_micros(999)));
}

#[test]
fn repartitioning_into_nothing_is_refused_where_it_is_defined() {
    let (ssc, _) = context(&conf());
    let queue = ssc.queue_stream::<u32>(Arc::default()).expect("a queue");
    let error = queue.repartition(0).expect_err("no partitions").to_string();
    assert!(error.contains("Positive number of partitions required"), "{error}");
}

struct Counting(Arc<AtomicUsize>);

impl StreamingListener for Counting {
    fn on_batch_completed(&self, _: &BatchInfo) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn listeners_that_settings_name_are_there_from_the_beginning() {
    let key = "spark.streaming.extraListeners";
    let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let mut registry = ListenerRegistry::new();
    for (name, count) in ["first", "second"].iter().zip(&counts) {
        let count = Arc::clone(count);
        registry.register(name, move |_| Ok(Arc::new(Counting(Arc::clone(&count)))));
    }
    registry.register("broken", |conf| Err(format!("no port in {:?}", conf.get("my.port"))));
    let registry = Arc::new(registry);
    let made = |names: &str| {
        let (builder, clock) = builder(&conf().set(key, names));
        builder.listener_registry(Arc::clone(&registry)).build().map(|ssc| (ssc, clock))
    };
    let (ssc, clock) = made(" first, second,first,").expect("a context");
    ready(&ssc);
    ssc.start().expect("starts");
    batch(&ssc, &clock, 3);
    ssc.stop(StopOptions::default()).expect("stops");
    assert_eq!(counts.map(|count| count.load(Ordering::Relaxed)), [6, 3]);
    for (names, gist) in [
        ("first,third", "spark.streaming.extraListeners names third: it is not known"),
        ("broken", "names broken: no port in None"),
    ] {
        let error = made(names).expect_err("no such listener").to_string();
        assert!(error.contains(gist) && error.contains("ListenerRegistry::register"), "{error}");
    }
}

#[test]
fn kept_partitions_go_with_their_batch_unless_settings_keep_them() {
    for (value, kept) in [("true", false), ("false", true)] {
        let (ssc, clock) = context(&conf().set("spark.streaming.unpersist", value));
        let one = ssc.spark_context().parallelize(vec![1], 1).expect("partitions");
        let queue = Arc::new(Mutex::new([one].into_iter().collect()));
        let computed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&computed);
        let mapped = ssc.queue_stream(queue).expect("a queue").map(move |x| {
            count.fetch_add(1, Ordering::Relaxed);
            x
        });
        let mapped = mapped.expect("a stream");
        mapped.persist_at(StorageLevel::MEMORY_ONLY).expect("before the start");
        let rdds = rdds(&mapped);
        ssc.start().expect("starts");
        batch(&ssc, &clock, 1);
        let first = rdds.lock().expect("RDDs")[0].clone();
        let computed_again = || {
            let before = computed.load(Ordering::Relaxed);
            assert_eq!(first.collect(), Ok(vec![1]));
            computed.load(Ordering::Relaxed) > before
        };
        batch(&ssc, &clock, 2);
        // By the third batch, the second is over, and what the first kept is gone.
        batch(&ssc, &clock, 3);
        assert_eq!(computed_again(), !kept, "spark.streaming.unpersist={value}");
        ssc.stop(StopOptions::default()).expect("stops");
    }
}

/// Stores one block, and says how that went.
struct Once(crossbeam_channel::Sender<Result<(), String>>);

impl Receiver<u32> for Once {
    fn on_start(&mut self, handle: ReceiverHandle<u32>) -> Result<(), ReceiverError> {
        let told = self.0.clone();
        let store = move || {
            let stored = handle.store_many(vec![1, 2]).map_err(|error| error.to_string());
            told.send(stored).expect("a test");
        };
        std::thread::Builder::new().name("storing".into()).spawn(store).expect("a thread");
        Ok(())
    }
    fn on_stop(&mut self) {}
}

#[test]
fn received_blocks_go_with_their_batch_unless_settings_keep_them() {
    for (value, kept) in [("true", false), ("false", true)] {
        let (ssc, clock) = context(&conf().set("spark.streaming.unpersist", value));
        let (tell, told) = crossbeam_channel::bounded(4);
        let received = ssc.receiver_stream(Once(tell)).expect("a stream");
        let rdds = rdds(&received);
        ssc.start().expect("starts");
        assert_eq!(told.recv_timeout(PATIENCE), Ok(Ok(())));
        for number in 1..=3 {
            batch(&ssc, &clock, number);
        }
        let first = rdds.lock().expect("RDDs")[0].clone();
        let read = first.collect().ok();
        assert_eq!(read, kept.then(|| vec![1, 2]), "spark.streaming.unpersist={value}");
        ssc.stop(StopOptions::default()).expect("stops");
    }
}

/// A log that takes for ever, until it is let through.
#[derive(Debug)]
struct Stuck(crossbeam_channel::Receiver<()>);

impl WriteAheadLog for Stuck {
    fn write(&self, _: &[u8], _: u64) -> Result<WalHandle, WalError> {
        // A gate that is gone is open.
        let _ = self.0.recv();
        Ok(WalHandle { path: "nowhere".into(), offset: 0, length: 0 })
    }
    fn read(&self, _: &WalHandle) -> Result<Vec<u8>, WalError> {
        Err(WalError::Other("nothing is kept".into()))
    }
    fn read_all(&self) -> Result<Records, WalError> {
        Ok(Box::new(std::iter::empty()))
    }
    fn clean(&self, _: u64, _: bool) -> Result<(), WalError> {
        Ok(())
    }
    fn close(&self) {}
    fn describe(&self) -> String {
        "Stuck".into()
    }
}

#[test]
fn a_receiver_is_told_that_its_log_takes_too_long() {
    let (open, gate) = crossbeam_channel::bounded::<()>(0);
    let mut logs = WalRegistry::new();
    logs.register("stuck", move |_, _| Ok(Arc::new(Stuck(gate.clone()))));
    let folder = tempfile::tempdir().expect("a folder");
    let conf = conf()
        .set("spark.streaming.receiver.writeAheadLog.enable", true)
        .set("spark.streaming.receiver.writeAheadLog.class", "stuck")
        .set("spark.streaming.receiver.blockStoreTimeout", "1ms")
        .set("spark.streaming.checkpoint.directory", folder.path().display());
    let (builder, _) = builder(&conf);
    let ssc = builder.wal_registry(Arc::new(logs)).build().expect("a context");
    let (tell, told) = crossbeam_channel::bounded(4);
    let received = ssc.receiver_stream(Once(tell)).expect("a stream");
    let _rdds = rdds(&received);
    ssc.start().expect("starts");
    let error = told.recv_timeout(PATIENCE).expect("an outcome").expect_err("too slow");
    assert!(error.contains("raise spark.streaming.receiver.blockStoreTimeout"), "{error}");
    assert_eq!(ssc.waiting_records(), 0);
    drop(open);
    ssc.stop(StopOptions::default()).expect("stops");
}

#[test]
fn as_many_batches_are_retained_as_settings_say() {
    let few = conf().set("spark.streaming.ui.retainedBatches", 2);
    let listener = ProgressListener::from_conf(&few).expect("a number");
    for ms in 1..=5 {
        let batch = BatchInfo {
            time: Time::from_ms(ms),
            inputs: Arc::default(),
            submitted_ns: 0,
            started_ns: None,
            ended_ns: None,
            outputs: Vec::new(),
        };
        listener.on_batch_completed(&batch);
    }
    let kept: Vec<u64> =
        listener.retained_completed_batches().iter().map(|batch| batch.time.as_ms()).collect();
    let gauges = listener.gauges();
    assert_eq!((gauges["retainedCompletedBatches"], gauges["unprocessedBatches"]), (2, 0));
    assert_eq!((kept, listener.totals().completed_batches), (vec![4, 5], 5));
    assert!(
        ProgressListener::from_conf(&conf().set("spark.streaming.ui.retainedBatches", "x"))
            .is_err()
    );
}

#[test]
fn scaling_stays_within_its_bounds() {
    let key = |name: &str| format!("spark.streaming.dynamicAllocation.{name}");
    let plain = ScalingPolicy::new(&Settings::default()).expect("defaults");
    assert_eq!(plain.interval(), Duration::from_secs(60));
    let table = [
        (Scaling::Add(2), 2, 0, 4),
        (Scaling::Keep, 2, 0, 2),
        (Scaling::RemoveOne, 2, 0, 1),
        (Scaling::RemoveOne, 1, 0, 1),
        // Each receiver has one.
        (Scaling::RemoveOne, 3, 3, 3),
        (Scaling::Add(1), 1, 5, 5),
    ];
    for (decided, executors, receivers, target) in table {
        let got = plain.target(decided, executors, receivers);
        assert_eq!(got, target, "{decided:?} of {executors} with {receivers}");
    }
    let settings = Settings::default()
        .set(&key("minExecutors"), "3")
        .set(&key("maxExecutors"), "5")
        .set(&key("scalingInterval"), "10");
    let bounded = ScalingPolicy::new(&settings).expect("good bounds");
    assert_eq!(bounded.interval(), Duration::from_secs(10));
    assert_eq!(bounded.target(Scaling::Add(4), 3, 0), 5);
    assert_eq!(bounded.target(Scaling::RemoveOne, 3, 1), 3);
    for (name, value) in [
        ("minExecutors", "6"),
        ("maxExecutors", "0"),
        ("scalingInterval", "0"),
        ("scalingDownRatio", "0.9"),
    ] {
        let error = ScalingPolicy::new(&settings.clone().set(&key(name), value));
        let error = error.expect_err(name).to_string();
        assert!(error.contains(&key(name)), "{error}");
    }
}

/// Everything in the sources but the list of keys itself.
fn sources(folder: &std::path::Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if !path.ends_with("conf/known.rs") {
            into.push_str(&std::fs::read_to_string(path).expect("a source file"));
        }
    }
}

#[test]
fn keys_that_are_known_are_read() {
    let mut text = String::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    // Some keys are put together: "spark.streaming.{role}.writeAheadLog." and "class".
    let read = |key: &str| {
        let last = key.rsplit('.').next().unwrap_or(key);
        let role = key.replace(".driver.", ".{}.").replace(".receiver.", ".{}.");
        [&format!("{key}\""), &format!("{role}\""), &format!("\"{last}\"")]
            .into_iter()
            .any(|text_of_key| text.contains(text_of_key))
    };
    let unread: Vec<_> =
        KNOWN_KEYS.iter().map(|known| known.key).filter(|key| !read(key)).collect();
    // Moves a clock on at a recovery.
    assert_eq!(unread, ["spark.streaming.manualClock.jump"]);
}
