//! Sources of a streaming context: sockets, receivers of one's own, files.

#[path = "../../examples/network_word_count.rs"]
#[expect(dead_code, reason = "its main function is not run here")]
mod network_word_count;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use weir_dataflow::{Clock, ManualClock, SystemClock};
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{
    ActiveScope, DStream, ReceiverInfo, SparkConf, SparkContext, StopOptions, StreamingContext,
    StreamingListener, Time,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn conf() -> SparkConf {
    SparkConf::new()
        .set_master("local[2]")
        .set("spark.streaming.blockInterval", "5ms")
        .set("spark.streaming.receiverRestartDelay", "1ms")
}

/// A context with batches of a second on a clock that the test moves.
fn manual(conf: &SparkConf) -> (StreamingContext, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let sc = SparkContext::from_conf(conf).expect("good settings");
    let builder = StreamingContext::builder(&sc, Duration::from_secs(1));
    let ssc = builder.clock(clock.clone()).scope(ActiveScope::private()).build();
    (ssc.expect("a context"), clock)
}

/// All batches, in order, each sorted.
fn collect<T: weir_dataflow::Data + Ord>(stream: &DStream<T>) -> Arc<Mutex<Vec<Vec<T>>>> {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&batches);
    let output = stream.foreach_rdd(move |rdd, _| {
        let mut all = rdd.collect()?;
        all.sort();
        into.lock().expect("batches").push(all);
        Ok(())
    });
    output.expect("an output");
    batches
}

/// Waits until so many records wait for a batch, and then for the batch that has them.
fn next_batch(ssc: &StreamingContext, clock: &ManualClock, records: u64, batch_s: u64) {
    let started = SystemClock::new();
    while ssc.waiting_records() < records {
        assert!(
            started.now_ns() < PATIENCE.as_nanos() as u64,
            "{} of {records}",
            ssc.waiting_records()
        );
        std::thread::yield_now();
    }
    clock.advance(Duration::from_secs(1));
    assert!(ssc.await_batch(Time::from_ms(1_000 * batch_s), PATIENCE), "batch {batch_s}");
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("text").write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().expect("a connection").0
}

fn counted(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
}

#[test]
fn network_word_count_is_exact_also_over_a_killed_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (ssc, clock) = manual(&conf());
    let lines = ssc.socket_text_stream("127.0.0.1", address.port()).expect("a stream");
    let counts = network_word_count::word_counts(&lines).expect("a stream");
    let (batches, printed) = (collect(&counts), Printed::default());
    counts.print_to(10, printed.clone()).expect("an output");
    ssc.start().expect("starts");

    let mut stream = accept(&listener);
    stream.write_all(b"to be or\nnot to be\n").expect("sent");
    next_batch(&ssc, &clock, 2, 1);
    next_batch(&ssc, &clock, 0, 2);
    // What was sent before the end is a line, if it has no end of its own.
    stream.write_all(b"be\nlast words").expect("sent");
    drop((stream, listener));
    next_batch(&ssc, &clock, 2, 3);
    let listener = TcpListener::bind(address).expect("the same port");
    let mut stream = accept(&listener);
    stream.write_all(b"be again\r\nbe\n").expect("sent");
    next_batch(&ssc, &clock, 2, 4);
    ssc.stop(StopOptions::default()).expect("stops");

    let expected = [
        counted(&[("be", 2), ("not", 1), ("or", 1), ("to", 2)]),
        vec![],
        counted(&[("be", 1), ("last", 1), ("words", 1)]),
        counted(&[("again", 1), ("be", 2)]),
    ];
    assert_eq!(*batches.lock().expect("batches"), expected);
    let printed = String::from_utf8(printed.0.lock().expect("text").clone()).expect("UTF-8");
    let first = printed.split("Time: 2000").next().unwrap_or_default();
    for line in ["Time: 1000", "(be,2)", "(not,1)", "(or,1)", "(to,2)"] {
        assert!(first.contains(line), "{line} is not in {first}");
    }
}

/// Stores numbers from a thread, and ends itself `ends` times.
struct Numbers {
    from: u64,
    each: u64,
    ends: u64,
    done: crossbeam_channel::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Receiver<u64> for Numbers {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let (from, to, done) = (self.from, self.from + self.each, self.done.clone());
        self.from = to;
        let end = self.ends > 0;
        self.ends = self.ends.saturating_sub(1);
        let store = move || {
            for number in from..to {
                // Half of them in blocks of one's own.
                if number % 2 == 0 {
                    handle.store(number).expect("stored");
                } else {
                    handle.store_many(vec![number]).expect("stored");
                }
            }
            done.send(()).expect("a test");
            if end {
                handle.stop("enough");
            }
        };
        let named = std::thread::Builder::new().name("numbers".into());
        self.thread = Some(named.spawn(store).expect("a thread"));
        Ok(())
    }
    fn on_stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

struct Told(crossbeam_channel::Sender<String>);

/// Tells why receivers are started again or what they skip.
struct Errors(crossbeam_channel::Sender<String>);

impl StreamingListener for Errors {
    fn on_receiver_error(&self, receiver: &ReceiverInfo) {
        let ReceiverInfo { last_error_message, last_error, .. } = receiver;
        self.0.send(format!("{last_error_message}: {last_error}")).expect("a test");
    }
}

/// A context that is sent something, and what its receiver complains of.
fn complaining(ssc: &StreamingContext) -> crossbeam_channel::Receiver<String> {
    let (tell, told) = crossbeam_channel::bounded(100);
    ssc.add_streaming_listener(Arc::new(Errors(tell)));
    told
}

#[test]
fn lines_are_bounded_whatever_a_client_sends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (ssc, clock) = manual(&conf().set("weir.streaming.socket.maxLineBytes", "8b"));
    let lines = ssc.socket_text_stream("127.0.0.1", port).expect("a stream");
    let (batches, told) = (collect(&lines), complaining(&ssc));
    ssc.start().expect("starts");
    let mut stream = accept(&listener);
    // Ends of all kinds, empty lines, the longest line that is allowed, and bytes that are no UTF-8.
    stream.write_all(b"a\nb\rc\r\n\n\rexactly8\nd\xff\xe2\x82\n").expect("sent");
    next_batch(&ssc, &clock, 7, 1);
    // One byte too many, and a line that is longer than anybody would keep.
    stream.write_all(b"exactly 9\ne\n").expect("sent");
    let flood = [b'x'; 1 << 16];
    (0..1 << 8).for_each(|_| stream.write_all(&flood).expect("sent"));
    stream.write_all(b"\nlast").expect("sent");
    drop(stream);
    next_batch(&ssc, &clock, 2, 2);
    ssc.stop(StopOptions::default()).expect("stops");
    let expected: [&[&str]; 2] =
        [&["", "", "a", "b", "c", "d\u{fffd}\u{fffd}", "exactly8"], &["e", "last"]];
    assert_eq!(*batches.lock().expect("batches"), expected);
    let told: Vec<String> = told.try_iter().filter(|told| told.starts_with("Skipped")).collect();
    let skipped = |bytes: usize| {
        let remedy = "8 are allowed; raise weir.streaming.socket.maxLineBytes";
        format!("Skipped a line that is too long: it has {bytes} bytes, {remedy}")
    };
    assert_eq!(told, [skipped(9), skipped(1 << 24)]);

    let conf = conf().set("weir.streaming.socket.maxLineBytes", "long");
    let refused = SparkContext::from_conf(&conf).map(drop).expect_err("no size").to_string();
    assert!(refused.contains("weir.streaming.socket.maxLineBytes"), "{refused}");
}

#[test]
fn blocks_that_are_no_blocks_end_the_connection_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (ssc, clock) = manual(&conf().set("spark.streaming.raw.maxBlockSizeBytes", "1k"));
    let numbers = ssc.raw_socket_stream::<u64>("127.0.0.1", port).expect("a stream");
    let (batches, told) = (collect(&numbers), complaining(&ssc));
    ssc.start().expect("starts");
    let frame = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let block = |number: u64| frame(&[1, u8::try_from(number).expect("small")]);
    let announced = |bytes: i32| bytes.to_be_bytes().to_vec();
    let table = [
        (announced(-1), "a block of -1 bytes is announced, 0 to 1024 are allowed"),
        (announced(i32::MAX), "a block of 2147483647 bytes is announced"),
        (announced(1_025), "a block of 1025 bytes is announced"),
        (vec![0, 0], "unexpected end of file"),
        ([&announced(10)[..], b"short"].concat(), "unexpected end of file"),
        // Not encoded: a sequence of 2^56 numbers, and one with bytes behind it.
        (
            frame(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            "cannot be encoded or decoded",
        ),
        (frame(&[1, 5, 5]), "1 bytes follow the records"),
    ];
    for (number, (wrong, gist)) in (0..).zip(&table) {
        let mut stream = accept(&listener);
        stream.write_all(&[&*block(number), wrong].concat()).expect("sent");
        drop(stream);
        let why = told.recv_timeout(PATIENCE).expect("an error");
        assert!(why.contains("Error receiving data: ") && why.contains(gist), "{why}");
    }
    // It has come back once more: all good blocks are stored.
    let _last = accept(&listener);
    next_batch(&ssc, &clock, 0, 1);
    ssc.stop(StopOptions::default()).expect("stops");
    assert_eq!(batches.lock().expect("batches").concat(), [0, 1, 2, 3, 4, 5, 6]);
}

impl StreamingListener for Told {
    fn on_receiver_started(&self, receiver: &ReceiverInfo) {
        self.0.send(format!("started {} {}", receiver.stream, receiver.active)).expect("a test");
    }
    fn on_receiver_stopped(&self, receiver: &ReceiverInfo) {
        self.0.send(format!("stopped {} {}", receiver.stream, receiver.active)).expect("a test");
    }
}

#[test]
fn a_graceful_stop_processes_all_that_was_received_also_by_receivers_that_ended() {
    let sc = SparkContext::from_conf(&conf()).expect("good settings");
    let builder = StreamingContext::builder(&sc, Duration::from_millis(50));
    let ssc = builder.scope(ActiveScope::private()).build().expect("a context");
    let (done, runs) = crossbeam_channel::bounded(10);
    let receiver = Numbers { from: 0, each: 500, ends: 2, done, thread: None };
    let batches = collect(&ssc.receiver_stream(receiver).expect("a stream"));
    let (tell, told) = crossbeam_channel::bounded(100);
    ssc.add_streaming_listener(Arc::new(Told(tell)));
    ssc.start().expect("starts");
    for _ in 0..3 {
        runs.recv_timeout(PATIENCE).expect("the receiver runs again");
    }
    ssc.stop(StopOptions { graceful: true, ..StopOptions::default() }).expect("stops");
    let mut all = batches.lock().expect("batches").concat();
    all.sort_unstable();
    assert_eq!(all, (0..1_500).collect::<Vec<_>>());
    let told: Vec<String> = told.try_iter().collect();
    assert_eq!(told, ["started 0 true", "stopped 0 false"].repeat(3));
}

#[test]
fn a_receiver_log_needs_a_checkpoint_directory() {
    let with_log = conf().set("spark.streaming.receiver.writeAheadLog.enable", "true");
    let receiver = |done| Numbers { from: 0, each: 4, ends: 0, done, thread: None };
    let (done, _) = crossbeam_channel::bounded(10);
    let (ssc, _) = manual(&with_log);
    let _batches = collect(&ssc.receiver_stream(receiver(done)).expect("a stream"));
    let refused = ssc.start().expect_err("no directory").to_string();
    let gist = "Cannot enable receiver write-ahead log without checkpoint directory set";
    assert!(refused.starts_with(gist), "{refused}");

    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().to_str().expect("UTF-8");
    let (ssc, clock) = manual(&with_log.set("spark.streaming.checkpoint.directory", directory));
    let (done, _runs) = crossbeam_channel::bounded(10);
    let batches = collect(&ssc.receiver_stream(receiver(done)).expect("a stream"));
    ssc.start().expect("starts");
    next_batch(&ssc, &clock, 4, 1);
    ssc.stop(StopOptions::default()).expect("stops");
    assert_eq!(*batches.lock().expect("batches"), [[0, 1, 2, 3]]);
    for log in ["receivedData/0", "receivedBlockMetadata"] {
        let files = std::fs::read_dir(folder.path().join(log)).expect("a folder").count();
        assert!(files > 0, "{log} has no files");
    }
}

fn put(folder: &Path, name: &str, bytes: &[u8], modified_ms: u64) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    let file = std::fs::File::options().write(true).open(&path).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_millis(modified_ms)).expect("a time");
}

#[test]
fn files_belong_to_the_batch_that_they_were_written_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ssc, clock) = manual(&conf());
    clock.advance(Duration::from_secs(100));
    let directory = folder.path().to_str().expect("UTF-8");
    put(folder.path(), "before", b"before\n", 99_000);
    let text = collect(&ssc.text_file_stream(directory).expect("a stream"));
    let old = ssc.file_stream(
        directory,
        |path| !path.ends_with("filtered"),
        false,
        |path| Ok(vec![path.file_name().unwrap_or_default().to_string_lossy().into_owned()]),
    );
    let names = collect(&old.expect("a stream"));
    let records = collect(&ssc.binary_records_stream(directory, 2).expect("a stream"));
    ssc.start().expect("starts");
    put(folder.path(), "a,b [c]", b"1\n2\n", 100_500);
    put(folder.path(), ".hidden", b"no\n", 100_500);
    next_batch(&ssc, &clock, 0, 101);
    put(folder.path(), "filtered", b"3\n", 101_500);
    // Changed after it was taken, and one of the future.
    put(folder.path(), "a,b [c]", b"4\n", 101_500);
    put(folder.path(), "later", b"5\n", 102_500);
    next_batch(&ssc, &clock, 0, 102);
    next_batch(&ssc, &clock, 0, 103);
    next_batch(&ssc, &clock, 0, 104);
    ssc.stop(StopOptions::default()).expect("stops");
    let strings = |batches: &[&[&str]]| -> Vec<Vec<String>> {
        batches.iter().map(|all| all.iter().map(|one| (*one).to_owned()).collect()).collect()
    };
    let lines = strings(&[&["1", "2"], &["3"], &["5"], &[]]);
    assert_eq!(*text.lock().expect("batches"), lines);
    let files = strings(&[&[".hidden", "a,b [c]", "before"], &[], &["later"], &[]]);
    assert_eq!(*names.lock().expect("batches"), files);
    let bytes = |text: &str| text.as_bytes().to_vec();
    let expected =
        [vec![bytes("1\n"), bytes("2\n")], vec![bytes("3\n")], vec![bytes("5\n")], vec![]];
    assert_eq!(*records.lock().expect("batches"), expected);
}
