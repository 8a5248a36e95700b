//! Receivers under a supervisor, and the sockets that they read.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock, SystemClock};
use weir_microbatch::receiver::{
    BlockGenerator, BlockGeneratorListener, RawSocketReceiver, ReceivedBlock, Receiver,
    ReceiverError, ReceiverHandle, ReceiverSink, ReceiverState, ReceiverSupervisor, SocketReceiver,
};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::BlockId;

/// Tells what happens, in words.
struct Told(crossbeam_channel::Sender<String>);

impl ReceiverSink<String> for Told {
    fn push_single(&self, record: String) -> Result<(), ReceiverError> {
        self.0.send(format!("single {record}")).map_err(|e| ReceiverError::Failed(e.to_string()))
    }
    fn push_block(&self, block: ReceivedBlock<String>) -> Result<(), ReceiverError> {
        self.0.send(format!("{block:?}")).map_err(|e| ReceiverError::Failed(e.to_string()))
    }
    fn report_error(&self, message: &str, _: &str) {
        self.0.send(format!("error {message}")).expect("a listener");
    }
}

struct Recording {
    told: crossbeam_channel::Sender<String>,
    handles: Arc<Mutex<Vec<ReceiverHandle<String>>>>,
    panics: bool,
}

impl Receiver<String> for Recording {
    fn on_start(&mut self, handle: ReceiverHandle<String>) -> Result<(), ReceiverError> {
        self.handles.lock().expect("handles").push(handle);
        self.told.send("onStart".into()).expect("a listener");
        assert!(!std::mem::take(&mut self.panics), "a bad start");
        Ok(())
    }
    fn on_stop(&mut self) {
        self.told.send("onStop".into()).expect("a listener");
    }
}

type Heard = crossbeam_channel::Receiver<String>;

fn next(heard: &Heard) -> String {
    heard.recv_timeout(Duration::from_secs(20)).expect("something happens")
}

fn supervise(
    receiver: impl FnOnce(crossbeam_channel::Sender<String>) -> Box<dyn Receiver<String>>,
    clock: Arc<dyn Clock>,
) -> (ReceiverSupervisor<String>, Heard) {
    let (tell, heard) = crossbeam_channel::bounded(10_000);
    let settings = Settings::default().set("spark.streaming.receiverRestartDelay", "1ms");
    let sink = Arc::new(Told(tell.clone()));
    let made = ReceiverSupervisor::new(0, receiver(tell), sink, &settings, clock);
    (made.expect("good settings"), heard)
}

#[test]
fn receiver_life_cycle() {
    let clock = Arc::new(ManualClock::new());
    let handles = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&handles);
    let make = |told| Box::new(Recording { told, handles: seen, panics: false }) as Box<_>;
    let (supervisor, heard) = supervise(make, clock.clone());
    assert_eq!(supervisor.state(), ReceiverState::Initialized);
    supervisor.start().expect("starts");
    assert_eq!(next(&heard), "onStart");
    let handle = handles.lock().expect("handles")[0].clone();
    assert!(handle.is_started() && !handle.is_stopped());
    handle.store("a".into()).expect("stored");
    handle.store_bytes(vec![1, 2]).expect("stored");
    handle.store_many(vec!["b".into()]).expect("stored");
    handle.store_iter(std::iter::empty()).expect("stored");
    handle.report_error("Error", "a cause");
    for expected in ["single a", "Bytes(2)", "Records(1)", "Iterator", "error Error"] {
        assert_eq!(next(&heard), expected);
    }
    handle.restart_after("restarting", "", 100);
    assert_eq!(next(&heard), "error Restarting receiver with delay 100 ms: restarting");
    assert_eq!(next(&heard), "onStop");
    while clock.next_alarm_ns().is_none() {
        std::thread::yield_now();
    }
    clock.advance(Duration::from_millis(99));
    assert!(heard.is_empty() && handle.is_stopped() && !supervisor.is_receiver_started());
    clock.advance(Duration::from_millis(1));
    assert_eq!(next(&heard), "onStart");
    // The first run's handle cannot end the second run.
    handle.restart("late", "");
    handles.lock().expect("handles")[1].stop("test");
    assert_eq!(next(&heard), "onStop");
    supervisor.await_termination();
    supervisor.stop("again");
    assert_eq!(supervisor.state(), ReceiverState::Stopped);
    assert!(heard.is_empty());
}

#[test]
fn a_receiver_that_panics_is_restarted() {
    let make = |told| Box::new(Recording { told, handles: Arc::default(), panics: true }) as Box<_>;
    let (supervisor, heard) = supervise(make, Arc::new(SystemClock::new()));
    supervisor.start().expect("starts");
    let error = "error Restarting receiver with delay 1 ms: Receiver panicked while starting";
    for expected in ["onStart", error, "onStop", "onStart"] {
        assert_eq!(next(&heard), expected);
    }
    supervisor.stop("done");
}

/// Only the lines: connections come and go in between.
fn lines(heard: &Heard, count: usize) -> Vec<String> {
    let singles = std::iter::repeat_with(|| next(heard));
    let singles = singles.filter_map(|told| told.strip_prefix("single ").map(str::to_owned));
    singles.take(count).collect()
}

#[test]
fn a_socket_that_comes_back_loses_and_doubles_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let receiver = SocketReceiver::new("127.0.0.1", address.port()).max_line_bytes(10);
    let (supervisor, heard) = supervise(|_| Box::new(receiver), Arc::new(SystemClock::new()));
    supervisor.start().expect("starts");
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.write_all(b"1\n2\r\nmuch too long for this\n3\rrest").expect("sent");
    drop((stream, listener));
    let mut told = std::iter::repeat_with(|| next(&heard));
    let first: Vec<String> = told.by_ref().take(5).collect();
    let long = "error Skipped a line that is too long";
    assert_eq!(first, ["single 1", "single 2", long, "single 3", "single rest"]);
    assert!(next(&heard).ends_with("Socket data stream had no more data"));
    // Nobody listens: it tries again until somebody does.
    while !next(&heard).contains("Error connecting to 127.0.0.1") {}
    let listener = TcpListener::bind(address).expect("the same port");
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.write_all(b"4\n\n5\n").expect("sent");
    assert_eq!(lines(&heard, 3), ["4", "", "5"]);
    supervisor.stop("done");
    assert!(!heard.try_iter().any(|told| told.starts_with("single")));
}

#[test]
fn raw_blocks_come_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let settings = Settings::default().set("spark.streaming.raw.maxBlockSizeBytes", "1k");
    let receiver = RawSocketReceiver::new("127.0.0.1", port, &settings).expect("a size");
    let (supervisor, heard) = supervise(|_| Box::new(receiver), Arc::new(SystemClock::new()));
    supervisor.start().expect("starts");
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.write_all(b"\0\0\0\x03abc\0\0\x04\x01").expect("sent");
    assert_eq!(next(&heard), "Bytes(3)");
    assert!(next(&heard).ends_with("Error receiving data"));
    let _second = listener.accept().expect("it comes back after a block that is too long");
    supervisor.stop("done");
}

/// Fails to store, and tells of errors.
struct NoRoom(crossbeam_channel::Sender<String>);

impl BlockGeneratorListener<u64, ()> for NoRoom {
    fn on_push_block(&self, _: BlockId, _: Vec<u64>) -> Result<(), String> {
        Err("no room".into())
    }
    fn on_error(&self, message: &str, cause: &str) {
        self.0.send(format!("{message}: {cause}")).expect("a listener");
    }
}

#[test]
fn block_push_errors_are_reported() {
    let (tell, heard) = crossbeam_channel::bounded(10);
    let clock = Arc::new(ManualClock::new());
    let listener = Arc::new(NoRoom(tell));
    let settings = Settings::default();
    let generator = BlockGenerator::new(0, &settings, clock.clone(), listener).expect("settings");
    generator.start().expect("starts");
    for n in 0..2 {
        generator.add_data(n).expect("active");
        clock.advance(Duration::from_millis(200));
        assert_eq!(next(&heard), "Error in block pushing thread: no room");
    }
}

/// Pushes a block when it is allowed to.
struct Slow(crossbeam_channel::Receiver<()>, Mutex<Vec<u64>>);

impl BlockGeneratorListener<u64, ()> for Slow {
    fn on_push_block(&self, _: BlockId, records: Vec<u64>) -> Result<(), String> {
        // A gate that is gone is open.
        let _ = self.0.recv();
        self.1.lock().expect("records").extend(records);
        Ok(())
    }
    fn on_error(&self, message: &str, cause: &str) {
        panic!("{message}: {cause}");
    }
}

#[test]
fn who_adds_waits_while_the_queue_of_blocks_is_full() {
    let (open, gate) = crossbeam_channel::bounded(0);
    let slow = Arc::new(Slow(gate, Mutex::default()));
    let clock = Arc::new(ManualClock::new());
    let settings = Settings::default().set("spark.streaming.blockQueueSize", "1");
    let generator = BlockGenerator::new(0, &settings, clock.clone(), slow.clone());
    let generator = Arc::new(generator.expect("settings"));
    generator.start().expect("starts");
    // One is pushed, one is queued, one waits: the timer's thread, which sets no alarm then, with it.
    for n in 0..3 {
        while clock.next_alarm_ns().is_none() {
            std::thread::yield_now();
        }
        generator.add_data(n).expect("active");
        clock.advance(Duration::from_millis(200));
        while !format!("{generator:?}").contains("buffered: 0") {
            std::thread::yield_now();
        }
    }
    while !format!("{generator:?}").contains("full: true") {
        std::thread::yield_now();
    }
    let adding = Arc::clone(&generator);
    let (added, done) = crossbeam_channel::bounded(1);
    let adder = std::thread::Builder::new().name("adder".into()).spawn(move || {
        adding.add_data(3).expect("active");
        added.send(()).expect("a test");
    });
    assert!(done.recv_timeout(Duration::from_millis(20)).is_err(), "it was added");
    drop(open);
    done.recv_timeout(Duration::from_secs(20)).expect("there is room again");
    adder.expect("a thread").join().expect("no panic");
    let stopping = std::thread::Builder::new().name("stopping".into());
    let stopped = stopping.spawn(move || generator.stop()).expect("a thread");
    while !stopped.is_finished() {
        clock.advance(Duration::from_millis(200));
        std::thread::yield_now();
    }
    stopped.join().expect("no panic");
    assert_eq!(*slow.1.lock().expect("records"), [0, 1, 2, 3]);
}

#[test]
fn block_interval_must_be_positive() {
    let (tell, _heard) = crossbeam_channel::bounded(1);
    let settings = Settings::default().set("spark.streaming.blockInterval", "0");
    let clock = Arc::new(ManualClock::new());
    let error = BlockGenerator::new(0, &settings, clock, Arc::new(NoRoom(tell))).expect_err("zero");
    let gist = "'spark.streaming.blockInterval' should be a positive value";
    assert!(error.to_string().contains(gist), "{error}");
}
