//! Cases about receivers in a running context.

use serde_json::{Value as Json, json};
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Clock, Data, ManualClock, SystemClock};
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{
    ActiveScope, DStream, ProgressListener, SparkConf, SparkContext, StopOptions, StreamingContext,
    Time,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Executes a case; `None` if it is of a kind that belongs elsewhere.
pub(crate) fn run(kind: &str, case: &Json) -> Option<Result<(), String>> {
    match kind {
        "receiver_socket" => Some(socket(case)),
        "receiver" => Some(threads(case)),
        _ => None,
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A context whose batches the case asks for one by one.
struct Running {
    ssc: StreamingContext,
    clock: Arc<ManualClock>,
    batch: Duration,
    batches: u64,
    progress: Arc<ProgressListener>,
}

impl Running {
    fn new(case: &Json) -> Result<Self, String> {
        let batch = Duration::from_millis(case["batch_ms"].as_u64().ok_or("no batch_ms")?);
        let conf = SparkConf::new()
            .set_master("local[2]")
            .set("spark.streaming.blockInterval", "10ms")
            .set("spark.streaming.receiverRestartDelay", "1ms");
        let sc = SparkContext::from_conf(&conf).map_err(text)?;
        let clock = Arc::new(ManualClock::new());
        let builder = StreamingContext::builder(&sc, batch).clock(clock.clone());
        let ssc = builder.scope(ActiveScope::private()).build().map_err(text)?;
        let progress = Arc::new(ProgressListener::new(1_000));
        ssc.add_streaming_listener(progress.clone());
        Ok(Self { ssc, clock, batch, batches: 0, progress })
    }

    fn batch(&mut self) -> Result<(), String> {
        self.batches += 1;
        self.clock.advance(self.batch);
        let time = Time::from_ns(self.batches * self.batch.as_nanos() as u64);
        let ended = self.ssc.await_batch(time, PATIENCE);
        ended.then_some(()).ok_or_else(|| format!("the batch at {time} does not end"))
    }

    /// Runs batches until they have had so many records.
    fn receive(&mut self, records: u64) -> Result<(), String> {
        let (started, mut taken) = (SystemClock::new(), 0);
        while taken < records {
            let waiting = self.ssc.waiting_records();
            if waiting == 0 {
                if started.now_ns() > PATIENCE.as_nanos() as u64 {
                    return Err(format!("only {taken} of {records} records came"));
                }
                std::thread::yield_now();
                continue;
            }
            taken += waiting;
            self.batch()?;
        }
        Ok(())
    }
}

type Batches<T> = Arc<Mutex<Vec<Vec<T>>>>;

fn collect<T: Data>(stream: &DStream<T>) -> Result<Batches<T>, String> {
    let batches = Batches::default();
    let into = Arc::clone(&batches);
    let output = stream.foreach_rdd(move |rdd, _| {
        let batch = rdd.collect()?;
        into.lock().expect("batches").push(batch);
        Ok(())
    });
    output.map_err(text).map(|()| batches)
}

fn same(what: &str, got: &Json, expected: &Json) -> Result<(), String> {
    if expected.is_null() || got == expected {
        return Ok(());
    }
    Err(format!("{what}: {got} instead of {expected}"))
}

fn socket(case: &Json) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let port = listener.local_addr().map_err(text)?.port();
    let mut running = Running::new(case)?;
    let lines = running.ssc.socket_text_stream("127.0.0.1", port).map_err(text)?;
    let batches = collect(&lines)?;
    running.ssc.start().map_err(text)?;
    let (mut stream, _) = listener.accept().map_err(text)?;
    let sent: Vec<&str> =
        case["sent_lines"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for line in &sent {
        stream.write_all(format!("{line}\n").as_bytes()).map_err(text)?;
    }
    running.receive(sent.len() as u64)?;
    while running.batches < case["num_batches"].as_u64().unwrap_or(0) {
        running.batch()?;
    }
    // Listeners have heard of everything once the context has stopped.
    running.ssc.stop(StopOptions::default()).map_err(text)?;
    let batches = batches.lock().expect("batches");
    same("batches", &json!(*batches), &case["expected"])?;
    let mut all = batches.concat();
    let mut expected = case["expected_concatenated"].clone();
    if case["ordered"] != true
        && let Some(lines) = expected.as_array_mut()
    {
        lines.sort_by_key(ToString::to_string);
        all.sort();
    }
    same("records", &json!(all), &expected)?;
    let totals = running.progress.totals();
    same("received", &json!(totals.received_records), &case["expected_total_received_records"])?;
    same("processed", &json!(totals.processed_records), &case["expected_total_processed_records"])
}

/// Stores from several threads at once.
struct Threads {
    count: u64,
    each: u64,
    running: Vec<JoinHandle<()>>,
}

impl Receiver<u64> for Threads {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        for thread in 0..self.count {
            let (handle, each) = (handle.clone(), self.each);
            let store = move || {
                for n in 0..each {
                    handle.store(thread * each + n).expect("stored");
                }
            };
            let named = std::thread::Builder::new().name(format!("storing-{thread}"));
            self.running.push(named.spawn(store).expect("a thread"));
        }
        Ok(())
    }
    fn on_stop(&mut self) {
        for thread in self.running.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

fn threads(case: &Json) -> Result<(), String> {
    let of = |field: &str| case[field].as_u64().ok_or_else(|| format!("no {field}"));
    let (count, each) = (of("threads")?, of("records_per_thread")?);
    let mut running = Running::new(case)?;
    let receiver = Threads { count, each, running: Vec::new() };
    let batches = collect(&running.ssc.receiver_stream(receiver).map_err(text)?)?;
    running.ssc.start().map_err(text)?;
    running.receive(count * each)?;
    running.ssc.stop(StopOptions::default()).map_err(text)?;
    let mut all = batches.lock().expect("batches").concat();
    same("count", &json!(all.len()), &case["expected_total_count"])?;
    all.sort_unstable();
    all.dedup();
    same("count of distinct records", &json!(all.len()), &json!(count * each))
}
