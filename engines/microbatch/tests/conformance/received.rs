//! Cases about receivers in a running context.

use crate::case::{Case, Outcome, equal};
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
pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
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
    fn new(case: &Case<'_>) -> Result<Self, String> {
        let batch = Duration::from_millis(case.int("batch_ms")?);
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

fn socket(case: &Case<'_>) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let port = listener.local_addr().map_err(text)?.port();
    let mut running = Running::new(case)?;
    let lines = running.ssc.socket_text_stream("127.0.0.1", port).map_err(text)?;
    let batches = collect(&lines)?;
    running.ssc.start().map_err(text)?;
    let (mut stream, _) = listener.accept().map_err(text)?;
    let sent = case.list("sent_lines")?;
    for line in sent {
        let line = line.as_str().ok_or("a line is no text")?;
        stream.write_all(format!("{line}\n").as_bytes()).map_err(text)?;
    }
    running.receive(sent.len() as u64)?;
    while running.batches < case.int_or("num_batches", 0)? {
        running.batch()?;
    }
    // Listeners have heard of everything once the context has stopped.
    running.ssc.stop(StopOptions::default()).map_err(text)?;
    let batches = batches.lock().expect("batches");
    let mut all = batches.concat();
    let mut wanted = case.get("expected_concatenated").cloned();
    if case.get("ordered").is_none_or(|ordered| ordered == false)
        && let Some(lines) = wanted.as_mut().and_then(Json::as_array_mut)
    {
        lines.sort_by_key(ToString::to_string);
        all.sort();
    }
    let totals = running.progress.totals();
    let facts = [
        ("batches", json!(*batches), case.get("expected").cloned()),
        ("records", json!(all), wanted),
        (
            "received",
            json!(totals.received_records),
            case.get("expected_total_received_records").cloned(),
        ),
        (
            "processed",
            json!(totals.processed_records),
            case.get("expected_total_processed_records").cloned(),
        ),
    ];
    if facts.iter().all(|(_, _, want)| want.is_none()) {
        return Err("the case expects nothing".into());
    }
    let wanted = facts.into_iter().filter_map(|(what, got, want)| Some((what, got, want?)));
    wanted.into_iter().try_for_each(|(what, got, want)| equal(what, &got, &want))
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

fn threads(case: &Case<'_>) -> Outcome {
    let (count, each) = (case.int("threads")?, case.int("records_per_thread")?);
    let mut running = Running::new(case)?;
    let receiver = Threads { count, each, running: Vec::new() };
    let batches = collect(&running.ssc.receiver_stream(receiver).map_err(text)?)?;
    running.ssc.start().map_err(text)?;
    running.receive(count * each)?;
    running.ssc.stop(StopOptions::default()).map_err(text)?;
    let mut all = batches.lock().expect("batches").concat();
    equal("count", &(all.len() as u64), &case.int("expected_total_count")?)?;
    all.sort_unstable();
    all.dedup();
    equal("count of distinct records", &(all.len() as u64), &(count * each))
}
