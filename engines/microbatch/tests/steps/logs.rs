//! ReceiverSuite: the log files of receivers come and go.

use crate::PATIENCE;
use crate::receivers::{given, next, until};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::wal::{LogFile, receiver_log_directory};
use weir_microbatch::{
    ActiveScope, DStream, SparkConf, SparkContext, StopOptions, StreamingContext, Time,
};

const BATCH: Duration = Duration::from_millis(500);
const BLOCK: Duration = Duration::from_millis(10);

/// A context with receiver logs, all of whose times are those of one clock.
fn logging(folder: &Path) -> (StreamingContext, Arc<ManualClock>) {
    let conf = SparkConf::new()
        .set_master("local[2]")
        .set("spark.streaming.blockInterval", "10ms")
        .set("spark.streaming.receiver.writeAheadLog.enable", "true")
        .set("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", "1");
    let sc = SparkContext::from_conf(&conf).expect("good settings");
    let clock = Arc::new(ManualClock::new());
    let builder = StreamingContext::builder(&sc, BATCH).clock(clock.clone());
    let builder = builder.receiver_clock(clock.clone()).scope(ActiveScope::private());
    let ssc = builder.build().expect("a context");
    ssc.checkpoint(folder).expect("a directory");
    (ssc, clock)
}

/// Stops gracefully. That waits for ends of blocks and of a batch, so the clock goes on: a few batches
/// at most.
fn stop_gracefully(ssc: StreamingContext, clock: &ManualClock) {
    let (done, ended) = crossbeam_channel::bounded(1);
    let stopping = crate::spawn(move || {
        let options = StopOptions { graceful: true, ..StopOptions::default() };
        done.send(ssc.stop(options)).expect("a test");
    });
    let stopped = loop {
        match ended.recv_timeout(BLOCK) {
            Ok(stopped) => break stopped,
            Err(_) => clock.advance(BLOCK),
        }
    };
    stopped.expect("a stop");
    stopping.join().expect("no panic");
}

fn collect(stream: &DStream<u64>) -> Arc<Mutex<Vec<Vec<u64>>>> {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&batches);
    let output = stream.foreach_rdd(move |rdd, _| {
        into.lock().expect("no panic").push(rdd.collect()?);
        Ok(())
    });
    output.expect("an output");
    batches
}

#[test]
fn write_ahead_log_generating_and_cleaning() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ssc, clock) = logging(folder.path());
    let ((first, first_handles), (second, second_handles)) = (given(), given());
    let single = collect(&ssc.receiver_stream(first).expect("a stream"));
    let second = ssc.receiver_stream(second).expect("a stream");
    let windows = collect(&second.window(6 * BATCH, BATCH).expect("a window"));
    ssc.start().expect("a start");
    let handles = [next(&first_handles), next(&second_handles)];
    let files = |stream: usize| {
        LogFile::list(&receiver_log_directory(folder.path(), stream)).expect("a folder")
    };
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    for number in 0..40 {
        for handle in &handles {
            handle.store_many(vec![number]).expect("stored");
        }
        seen.iter_mut().enumerate().for_each(|(stream, seen)| seen.extend(files(stream)));
        clock.advance(BATCH);
        let time = Time::from_ns(BATCH.as_nanos() as u64 * (number + 1));
        assert!(ssc.await_batch(time, PATIENCE), "the batch at {time}");
    }
    for (stream, seen) in seen.iter().enumerate() {
        assert!(seen.len() >= 7, "{} files of receiver {stream}", seen.len());
        let oldest = seen.first().expect("a file");
        until("cleaning", || !oldest.path.exists());
    }
    let (first, second) = (files(0), files(1));
    assert_eq!(ssc.await_termination_or_timeout(Duration::ZERO), Ok(false));
    stop_gracefully(ssc, &clock);
    let needed = [&first[first.len() - 1..], &second[second.len() - 3..]].concat();
    assert!(needed.iter().all(|file| file.path.exists()), "{needed:?}");
    let batches = single.lock().expect("no panic");
    assert_eq!(batches.concat(), (0..40).collect::<Vec<_>>());
    let windows = windows.lock().expect("no panic");
    assert_eq!(windows[39], [34, 35, 36, 37, 38, 39]);
}
