//! ReceiverTrackerSuite, StreamingListenerSuite, InputStreamsSuite, BasicOperationsSuite: receivers of
//! a context, and the blocks that they store.

use crate::{Bench, KEEP, PATIENCE, SECOND};
use crossbeam_channel::{Receiver as Channel, Sender, bounded};
use std::io::Write;
use std::net::TcpListener;

use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock, SystemClock};
use weir_microbatch::receiver::{
    BlockGeneratorListener, BlockHandler, BlockReports, BlockStore, Codec, ReceivedBlock, Receiver,
    ReceiverError, ReceiverHandle, ReceiverSupervisor, StorageLevel as BlockLevel, StoreError,
    StoringSink,
};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::{BlockId, ReceivedBlockInfo, ReceivedBlockTracker};

use weir_microbatch::{
    ActiveScope, Rdd, ReceiverInfo, SparkConf, SparkContext, StorageLevel, StreamingContext,
    StreamingListener, Time,
};

/// Waits for what other threads do.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = SystemClock::new();
    while !done() {
        assert!(Duration::from_nanos(started.now_ns()) < PATIENCE, "{what} does not happen");
        std::thread::yield_now();
    }
}

/// Gives its handle away.
pub(crate) struct Given(Sender<ReceiverHandle<u64>>);

impl Receiver<u64> for Given {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        self.0.send(handle).map_err(|error| ReceiverError::Failed(error.to_string()))
    }
    fn on_stop(&mut self) {}
}

pub(crate) fn given() -> (Given, Channel<ReceiverHandle<u64>>) {
    let (give, handles) = bounded(100);
    (Given(give), handles)
}

pub(crate) fn next<T>(from: &Channel<T>) -> T {
    from.recv_timeout(PATIENCE).expect("something comes")
}

fn conf() -> SparkConf {
    SparkConf::new().set_master("local[2]").set("spark.streaming.blockInterval", "5ms")
}

/// A context with batches on a clock that the test moves, and receivers on the real one.
fn manual(conf: &SparkConf, batch: Duration) -> (StreamingContext, Arc<ManualClock>) {
    let (clock, sc) = (Arc::new(ManualClock::new()), SparkContext::from_conf(conf));
    let builder = StreamingContext::builder(&sc.expect("good settings"), batch);
    let ssc = builder.clock(clock.clone()).scope(ActiveScope::private()).build();
    (ssc.expect("a context"), clock)
}

#[test]
fn track_the_number_of_input_streams() {
    let bench = Bench::new();
    for _ in 0..2 {
        bench.ssc.receiver_stream(given().0).expect("a stream");
    }
    for _ in 0..3 {
        bench.input();
    }
    let inputs: Vec<_> = bench.ssc.streams().iter().filter_map(|stream| stream.input).collect();
    assert_eq!(inputs, [0, 1, 2, 3, 4]);
    let receivers: Vec<_> = bench.ssc.receivers().iter().map(|one| one.stream).collect();
    assert_eq!(receivers, [0, 1]);
}

#[test]
fn allocated_executors() {
    let (ssc, _) = manual(&conf(), SECOND);
    let (receiver, handles) = given();
    let stream = ssc.receiver_stream(receiver).expect("a stream");
    stream.foreach_rdd(|_, _| Ok(())).expect("an output");
    ssc.start().expect("a start");
    next(&handles);
    let name = "PluggableInputDStream-0".to_owned();
    let running = ReceiverInfo { stream: 0, name, active: true, ..ReceiverInfo::default() };
    until("a start", || ssc.receivers() == [running.clone()]);
    ssc.stop(KEEP).expect("a stop");
    assert_eq!(Bench::started().ssc.receivers(), []);
}

/// Tells what receivers do.
struct Told(Sender<(&'static str, ReceiverInfo)>);

impl StreamingListener for Told {
    fn on_receiver_started(&self, receiver: &ReceiverInfo) {
        self.0.send(("started", receiver.clone())).expect("a test");
    }
    fn on_receiver_error(&self, receiver: &ReceiverInfo) {
        self.0.send(("error", receiver.clone())).expect("a test");
    }
    fn on_receiver_stopped(&self, receiver: &ReceiverInfo) {
        self.0.send(("stopped", receiver.clone())).expect("a test");
    }
}

type Heard = Channel<(&'static str, ReceiverInfo)>;

fn told(ssc: &StreamingContext) -> (Heard, Channel<ReceiverHandle<u64>>) {
    let ((receiver, handles), (tell, heard)) = (given(), bounded(100));
    let stream = ssc.receiver_stream(receiver).expect("a stream");
    stream.foreach_rdd(|_, _| Ok(())).expect("an output");
    ssc.add_streaming_listener(Arc::new(Told(tell)));
    ssc.start().expect("a start");
    (heard, handles)
}

#[test]
fn receiver_is_restarted_after_it_stops_itself() {
    let (ssc, _) = manual(&conf(), SECOND);
    let (heard, handles) = told(&ssc);
    next(&handles).stop("stop");
    // It runs again.
    next(&handles).store(1).expect("stored");
    ssc.stop(KEEP).expect("a stop");
    let events: Vec<_> = heard.try_iter().map(|(event, _)| event).collect();
    assert_eq!(events, ["started", "stopped", "started", "stopped"]);
}

#[test]
fn receiver_info_reporting() {
    let (ssc, _) = manual(&conf(), SECOND);
    let (heard, handles) = told(&ssc);
    let handle = next(&handles);
    handle.report_error("test report error", "test report exception");
    handle.stop("test stop");
    let (event, info) = next(&heard);
    assert_eq!((event, info.stream, info.active), ("started", 0, true));
    assert_eq!((info.last_error_message.as_str(), info.last_error_at), ("", None));
    let (event, info) = next(&heard);
    assert_eq!((event, info.stream, info.active), ("error", 0, true));
    assert_eq!(info.last_error_message, "test report error");
    assert_eq!(info.last_error, "test report exception");
    assert!(info.last_error_at.is_some());
    let (event, stopped) = next(&heard);
    assert_eq!((event, stopped), ("stopped", ReceiverInfo { active: false, ..info }));
    ssc.stop(KEEP).expect("a stop");
}

/// Takes note of nothing.
struct Silent;

impl BlockReports for Silent {
    fn add_block(&self, _: ReceivedBlockInfo) -> Result<(), String> {
        Ok(())
    }
    fn report_error(&self, _: usize, message: &str, cause: &str) {
        panic!("{message}: {cause}");
    }
}

impl BlockGeneratorListener<u64, String> for Silent {
    fn on_push_block(&self, _: BlockId, _: Vec<u64>) -> Result<(), String> {
        Ok(())
    }
    fn on_error(&self, message: &str, cause: &str) {
        panic!("{message}: {cause}");
    }
}

#[test]
fn send_rate_update_to_receivers() {
    let settings = Settings::default().set("spark.streaming.blockInterval", "1ms");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Arc::new(BlockStore::new(Codec::serde(), 1 << 20));
    let handler = BlockHandler::new(store, BlockLevel::MemoryOnly, None, clock.clone());
    let sink = StoringSink::new(0, &settings, clock.clone(), Arc::new(handler), Arc::new(Silent));
    let sink = Arc::new(sink.expect("good settings"));
    let (receiver, handles) = given();
    let supervisor = ReceiverSupervisor::new(0, Box::new(receiver), sink, &settings, clock.clone());
    let supervisor = supervisor.expect("good settings");
    supervisor.start().expect("a start");
    let handle = next(&handles);
    let custom = handle.block_generator(Arc::new(Silent)).expect("a generator");
    custom.add_data_with_callback(1, "one".into()).expect("it runs");
    supervisor.update_rate(100);
    assert_eq!((supervisor.rate_limit(), custom.current_limit()), (Some(100), 100));
    // Also one that is made later.
    let late = handle.block_generator(Arc::new(Silent)).expect("a generator");
    assert_eq!(late.current_limit(), 100);
    custom.stop();
    supervisor.update_rate(50);
    assert_eq!((supervisor.rate_limit(), late.current_limit()), (Some(50), 50));
    supervisor.stop("done");
    supervisor.stop("again");
    assert!(custom.is_stopped() && late.is_stopped());
    let tracker = ReceivedBlockTracker::new([0], clock, None, false).expect("a tracker");
    tracker.stop();
    tracker.stop();
}

#[test]
fn block_does_not_fit_memory_only_block_manager_handler() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Arc::new(BlockStore::new(Codec::serde(), 12_000));
    let handler = BlockHandler::new(store, BlockLevel::MemoryOnly, None, clock);
    let block = || ReceivedBlock::Iterator(Box::new((0..70).map(|_| vec![7u8; 100])));
    let (first, second) = (BlockId::new(0, 1), BlockId::new(0, 2));
    handler.store(first, block()).expect("there is room for one");
    let error = handler.store(second, block()).expect_err("and not for two");
    assert!(matches!(error, StoreError::NoRoom { .. }));
    assert!(error.to_string().starts_with("Could not store input-0-2"), "{error}");
    assert!(!handler.block_store().contains(second));
    handler.block_store().remove(first);
    let info = handler.store(second, block()).expect("there is room again");
    assert_eq!(info.num_records, Some(70));
}

/// Runs the batch that has what waits, once so many records do.
fn batch(ssc: &StreamingContext, clock: &ManualClock, batch: Duration, records: u64, number: u64) {
    until("receiving", || ssc.waiting_records() >= records);
    clock.advance(batch);
    let time = Time::from_ns(batch.as_nanos() as u64 * number);
    assert!(ssc.await_batch(time, PATIENCE), "the batch at {time}");
}

type Rdds = Arc<Mutex<Vec<Rdd<String>>>>;

fn keep(stream: &weir_microbatch::DStream<String>) -> Rdds {
    let rdds = Rdds::default();
    let into = Arc::clone(&rdds);
    let output = stream.foreach_rdd(move |rdd, _| {
        rdd.count()?;
        into.lock().expect("no panic").push(rdd);
        Ok(())
    });
    output.expect("an output");
    rdds
}

/// Sends a line for each of six batches; the RDDs of the lines, and of what was mapped and persisted.
fn six_batches(conf: &SparkConf) -> (StreamingContext, Vec<Rdd<String>>, Vec<Rdd<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (ssc, clock) = manual(conf, SECOND);
    let lines = ssc.socket_text_stream("127.0.0.1", port).expect("a stream");
    let mapped = lines.map(|line| line + ".").expect("a stream");
    mapped.persist().expect("in time");
    let (received, kept) = (keep(&lines), keep(&mapped));
    ssc.start().expect("a start");
    let (mut stream, _) = listener.accept().expect("a connection");
    for number in 1..=6 {
        writeln!(stream, "{number}").expect("sent");
        batch(&ssc, &clock, SECOND, 1, number);
    }
    let taken = |rdds: Rdds| std::mem::take(&mut *rdds.lock().expect("no panic"));
    (ssc, taken(received), taken(kept))
}

#[test]
fn rdd_cleanup_input_blocks_and_persisted_rdds() {
    let (ssc, received, kept) = six_batches(&conf());
    assert_eq!((received.len(), kept.len()), (6, 6));
    let level = |rdd: &Rdd<String>| rdd.get_storage_level();
    assert_ne!(level(&kept[5]), StorageLevel::NONE);
    assert_eq!(level(&kept[0]), StorageLevel::NONE);
    assert_eq!(received[5].collect(), Ok(vec!["6".to_owned()]));
    let gone = received[0].collect().expect_err("its blocks are gone").to_string();
    assert!(gone.contains("is not there any more"), "{gone}");
    ssc.stop(KEEP).expect("a stop");
    // What the settings keep is there until nobody holds it.
    let (ssc, _, kept) = six_batches(&conf().set("spark.streaming.unpersist", "false"));
    assert_eq!(kept[0].collect(), Ok(vec!["1.".to_owned()]));
    ssc.stop(KEEP).expect("a stop");
}

#[test]
fn spark_6222_do_not_clear_received_block_data_too_soon() {
    let (ssc, clock) = manual(&conf(), SECOND);
    ssc.checkpoint(crate::checkpoints("spark-6222")).expect("a directory");
    let (receiver, handles) = given();
    let stream = ssc.receiver_stream(receiver).expect("a stream");
    let ((entered, enters), (go, gate)) = (bounded(1), bounded::<()>(0));
    let batches = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&batches);
    let output = stream.foreach_rdd(move |rdd, time| {
        if time == Time::from_ms(3_000) {
            entered.send(()).expect("a test");
            // Until the test opens it.
            let _ = gate.recv();
        }
        into.lock().expect("no panic").push(rdd.collect()?);
        Ok(())
    });
    output.expect("an output");
    ssc.start().expect("a start");
    assert_eq!(ssc.streams()[0].remember, Some(SECOND));
    let handle = next(&handles);
    for number in 1..=10 {
        handle.store_many(vec![number]).expect("stored");
        assert_eq!(ssc.waiting_records(), 1);
        clock.advance(SECOND);
        until("the batch", || {
            ssc.pending_times().contains(&Time::from_ms(1_000 * number)) || {
                number < 3 && ssc.await_batch(Time::from_ms(1_000 * number), PATIENCE)
            }
        });
        until("the allocation", || ssc.waiting_records() == 0);
    }
    next(&enters);
    // Listeners are told a little later.
    let completed = || ssc.progress().expect("it runs").totals().completed_batches;
    until("two batches", || completed() == 2);
    drop(go);
    assert!(ssc.await_batch(Time::from_ms(10_000), PATIENCE));
    ssc.stop(KEEP).expect("a stop");
    assert_eq!(ssc.await_termination(), Ok(()));
    let expected: Vec<_> = (1..=10).map(|number| vec![number]).collect();
    assert_eq!(*batches.lock().expect("no panic"), expected);
}
