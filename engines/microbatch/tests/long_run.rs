//! A day of batches in fast-forward: whatever a batch leaves behind adds up here.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, Rdd, SparkConf, SparkContext, StateSpec, StopOptions, StreamingContext,
    StreamingError, Time,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: u64 = 24 * 60 * 60;
/// By then every window has slid, every key is known and every buffer has grown.
const SETTLED: u64 = 100;
/// What an allocator may shift about. A leak of 100 bytes a batch is twice as much.
const SLACK_BYTES: u64 = 4 << 20;
const KEYS: u64 = 50;

/// Resident memory, where the system tells it.
fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// Where checkpoints go: a day of them is a million files, which a file system in memory has soonest.
fn checkpoints() -> tempfile::TempDir {
    let places = [Path::new("/dev/shm"), Path::new(env!("CARGO_TARGET_TMPDIR"))];
    let made = places.iter().find_map(|place| tempfile::tempdir_in(place).ok());
    made.expect("a folder for checkpoints")
}

type Queue = Arc<Mutex<VecDeque<Rdd<(u64, u64)>>>>;

/// State, records through a state, and a sliding window, all counting the records that they see.
fn define(
    ssc: &StreamingContext,
    queue: Queue,
    seen: [Arc<AtomicU64>; 3],
) -> Result<(), StreamingError> {
    let [states, records, windows] = seen;
    let input = ssc.queue_stream(queue)?;
    let sum = |values: u64, state: Option<u64>| Some(values + state.unwrap_or(0));
    let totals = input.update_state_by_key(move |values, state| sum(values.sum(), state), 2)?;
    let count = |rdd: Rdd<(u64, u64)>, into: &AtomicU64| {
        let total = rdd.map(|(_, n)| n).fold(0, |a, b| a + b)?;
        into.store(total, Ordering::Relaxed);
        Ok(())
    };
    totals.foreach_rdd(move |rdd, _| count(rdd, &states))?;
    let latest = StateSpec::function(|_: &u64, value: Option<u64>, state| {
        let total = value.unwrap_or(0) + state.get_option().copied().unwrap_or(0);
        // A state that times out cannot be updated; none does here.
        let _ = state.update(total);
        (total, 1)
    });
    let mapped = input.map_with_state(latest.num_partitions(2))?;
    mapped.foreach_rdd(move |rdd, _| count(rdd, &records))?;
    input
        .reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, 10 * SECOND, 2 * SECOND, 2)?
        .foreach_rdd(move |rdd, _| count(rdd, &windows))
}

#[test]
fn memory_is_flat_over_a_day_of_batches() {
    // Checkpoints are written as ever, but a day of them does not wait for the disk.
    let conf = SparkConf::new().set_master("local[2]").set("weir.streaming.checkpoint.sync", false);
    let sc = SparkContext::from_conf(&conf).expect("a context");
    let clock = Arc::new(ManualClock::new());
    let ssc = StreamingContext::builder(&sc, SECOND)
        .clock(Arc::clone(&clock) as _)
        .scope(ActiveScope::private())
        .build()
        .expect("a context");
    let checkpoints = checkpoints();
    ssc.checkpoint(checkpoints.path()).expect("a directory");
    let (queue, seen) = (Queue::default(), [(); 3].map(|()| Arc::<AtomicU64>::default()));
    define(&ssc, Arc::clone(&queue), seen.clone()).expect("a program");
    ssc.start().expect("a start");
    let mut settled = None;
    for batch in 1..=DAY {
        let rows = (0..KEYS / 2).map(|n| ((batch + n) % KEYS, 1)).collect();
        let rdd = sc.parallelize(rows, 2).expect("partitions");
        queue.lock().expect("no panic").push_back(rdd);
        clock.advance(SECOND);
        assert!(ssc.await_batch(Time::from_ms(batch * 1_000), 60 * SECOND), "batch {batch}");
        if batch == SETTLED {
            settled = resident_bytes();
        }
    }
    let per_batch = KEYS / 2;
    let [states, records, windows] = seen.map(|seen| seen.load(Ordering::Relaxed));
    assert_eq!([states, records, windows], [DAY * per_batch, per_batch, 10 * per_batch]);
    if let (Some(settled), Some(end)) = (settled, resident_bytes()) {
        assert!(
            end <= settled + SLACK_BYTES,
            "{settled} bytes after {SETTLED} batches, {end} after {DAY}"
        );
    }
    ssc.stop(StopOptions::default()).expect("a stop");
}
