//! What state costs, with the targets beside the figures. No statistics: what a batch takes that no other
//! process disturbs (the tenth percentile), to read, and to run again after a change.
//!
//! `cargo bench -p weir-microbatch --bench state`; under `cargo test --benches` it runs small, and the
//! figures mean nothing.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::SystemClock;
use weir_microbatch::{
    ActiveScope, BatchInfo, Cut, DStream, DirectSource, JobError, Pacing, Rdd, ReadRange,
    SparkContext, State, StateSpec, StopOptions, StreamingContext, StreamingError,
    StreamingListener, TaskContext, TaskError, Time,
};

const INTERVAL: Duration = Duration::from_millis(100);

type Pairs = DStream<(u64, u64)>;
type Defined = Result<(), StreamingError>;

/// A first batch that brings every key once, and batches of `active` records, each of another key.
#[derive(Clone, Copy)]
struct Keys {
    total: u64,
    active: u64,
    batches: u64,
    which: Which,
}

/// Which keys a batch has.
#[derive(Clone, Copy)]
enum Which {
    /// In every batch the same; the others are idle.
    Same,
    /// In every batch others, from all over the table: what is left is the latency of memory, which a
    /// table of 100,000 keys does not have, as it fits into a cache.
    Others,
}

impl Keys {
    fn key(&self, index: u64) -> u64 {
        let Some(later) = index.checked_sub(self.total) else { return index };
        let later = match self.which {
            Which::Same => later % self.active,
            Which::Others => later,
        };
        // A prime that divides no power of ten: `total` keys come before one comes again.
        later * 7_919 % self.total
    }
}

impl ReadRange<(u64, u64)> for Keys {
    fn read(
        &self,
        range: Range<u64>,
        _: &TaskContext,
        sink: &mut dyn FnMut((u64, u64)),
    ) -> Result<(), TaskError> {
        range.for_each(|index| sink((self.key(index), index)));
        Ok(())
    }
}

impl DirectSource<(u64, u64)> for Keys {
    fn cut(&self, _: u64, time: Time) -> Cut {
        let batch = u64::from(u32::try_from(time.as_ms() / 100).unwrap_or(u32::MAX));
        let until = self.total + batch.saturating_sub(1) * self.active;
        Cut { until, pieces: None, ended: batch > self.batches }
    }
}

/// How long the batches took after the first one, in nanoseconds.
#[derive(Default)]
struct Times(Mutex<Vec<f64>>);

impl StreamingListener for Times {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let took = batch.processing_delay_ns().unwrap_or(0);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(took as f64);
    }
}

/// The time of an undisturbed batch on one worker, without the first `skipped`, in nanoseconds.
fn per_batch(keys: Keys, skipped: usize, define: impl Fn(&Pairs) -> Defined) -> f64 {
    let sc = SparkContext::local(1).expect("a context");
    let ssc = StreamingContext::builder(&sc, INTERVAL)
        .clock(Arc::new(SystemClock::new()))
        .zero_time(Time::ZERO)
        .pacing(Pacing::Unpaced)
        .scope(ActiveScope::private())
        .build()
        .expect("a context");
    ssc.checkpoint(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench")).expect("a directory");
    let times = Arc::new(Times::default());
    ssc.add_streaming_listener(Arc::clone(&times) as _);
    define(&ssc.direct_stream(keys).expect("an input")).expect("a definition");
    ssc.start().expect("a start");
    ssc.await_termination().expect("a good end");
    ssc.stop(StopOptions { stop_spark_context: true, graceful: false }).expect("a stop");
    let mut times = std::mem::take(&mut *times.0.lock().unwrap_or_else(PoisonError::into_inner));
    let mut times = times.split_off((skipped + 1).min(times.len() - 1));
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}

/// Reads every row, and keeps none.
fn read<T: weir_dataflow::Data>(rdd: &Rdd<T>, _: Time) -> Result<(), JobError> {
    rdd.count().map(drop)
}

fn map_with_state(pairs: &Pairs) -> Defined {
    let sum = |_: &u64, value: Option<u64>, state: &mut State<'_, u64>| {
        let sum = state.get_option().copied().unwrap_or(0) + value.unwrap_or(0);
        state.update(sum).map_or(0, |()| sum)
    };
    pairs.map_with_state(StateSpec::function(sum))?.foreach_rdd(|rdd, time| read(&rdd, time))
}

fn update_state_by_key(pairs: &Pairs) -> Defined {
    let sums = pairs
        .update_state_by_key(|values, state| Some(state.unwrap_or(0) + values.sum::<u64>()), 0)?;
    sums.foreach_rdd(|rdd, time| read(&rdd, time))
}

fn window(slides: u32) -> impl Fn(&Pairs) -> Defined {
    move |pairs| {
        let (add, remove) = (|a: u64, b: u64| a.wrapping_add(b), |a: u64, b| a.wrapping_sub(b));
        let length = INTERVAL * slides;
        let sums = pairs.reduce_by_key_and_window_inverse(add, remove, length, INTERVAL, 0)?;
        sums.foreach_rdd(|rdd, time| read(&rdd, time))
    }
}

fn ratio(
    out: &mut impl Write,
    what: &str,
    small: f64,
    large: f64,
    most: f64,
) -> std::io::Result<()> {
    let (us, us_large, ratio) = (small / 1e3, large / 1e3, large / small);
    writeln!(
        out,
        "{what:<58} {us:>8.0} us, {us_large:>8.0} us: ratio {ratio:>5.2}, target {most} at most"
    )
}

fn main() -> std::io::Result<()> {
    let full = std::env::args().any(|argument| argument == "--bench");
    let (small, active, batches) = if full { (100_000, 10_000, 200) } else { (1_000, 100, 10) };
    let large = small * 10;
    let out = &mut std::io::stdout().lock();
    for (which, what) in [(Which::Same, "the same"), (Which::Others, "others each time")] {
        let of = |total| per_batch(Keys { total, active, batches, which }, 0, map_with_state);
        let what = format!("map_with_state, {active} keys a batch, {what}, of {small} / {large}");
        ratio(out, &what, of(small), of(large), 1.3)?;
    }
    let batches = batches / 5;
    let which = Which::Others;
    let of = |total| per_batch(Keys { total, active, batches, which }, 0, update_state_by_key);
    let (few, many) = (of(small), of(large));
    for (keys, took) in [(small, few), (large, many)] {
        let rate = keys as f64 * 1e3 / took;
        let what = format!("update_state_by_key, {keys} keys");
        writeln!(out, "{what:<58} {rate:>8.1} M keys/s per core, target 20 at least")?;
    }
    ratio(out, "update_state_by_key, ten times the keys", few, many, 13.0)?;
    let (keys, slides) = (Keys { total: active, active, batches: 150, which }, [10, 100]);
    let [short, long] = slides.map(|slides| per_batch(keys, slides as usize, window(slides)));
    ratio(out, "a window with an inverse, 10 / 100 slides", short, long, 1.3)
}
