//! Latency of every record, from one histogram per thread to one result per run.
//!
//! Two latencies are kept. The **scheduled-time latency** starts when a record was due, whether or
//! not the engine was ready for it: a stall shows in every record that was due during it. The
//! **service latency** starts when the engine took the record in, which hides exactly that; it is
//! shown beside the first so that the difference can be seen.
//!
//! Each recording thread counts on its own. What it has counted goes into the run's histograms when
//! the thread drops its recorder, and percentiles are taken from these: they are never averaged.
//!
//! The first half of the measured phase is kept in [pieces](RecordingSpec::piece_ns), so that what turns out
//! to be a part of the warm-up can be [cut](LatencyResult::cut) exactly.
//!
//! Memory: a recorder holds the counters of two histograms of 1 ns to 1 h at 3 digits (270 KiB each) for each of
//! at most ten pieces and for the rest, of which a run touches what it records, and of four coarser ones of an
//! interval each (36 KiB). Finished intervals live once per run, not once per thread: 5 MiB for 30 s at
//! 100 ms, and 11 MiB at most with the interval that [`RecordingSpec::after_warm_up`] chooses.

mod counters;

use counters::{Counters, bits_of};
use hdrhistogram::Histogram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::{Meter, Recorder, Sample};

/// The longest latency that a histogram is asked to hold, an hour. It holds all that have as many bits, up to 73
/// minutes; longer ones are counted as [`overflow`](LatencyResult::overflow).
pub const HIGHEST_NS: u64 = 3_600_000_000_000;
/// Significant decimal digits of the run's histograms.
const DIGITS: u8 = 3;
const BITS: u32 = bits_of(DIGITS);
/// Significant decimal digits of an interval's histogram.
const INTERVAL_DIGITS: u8 = 2;
const INTERVAL_BITS: u32 = bits_of(INTERVAL_DIGITS);
/// Intervals that a thread has open at a time.
const OPEN_INTERVALS: usize = 4;

/// Which records count, and how finely the time series is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingSpec {
    /// Records scheduled from here, in nanoseconds from the start of the run, are measured ...
    pub measured_from_ns: u64,
    /// ... up to here, exclusive.
    pub measured_to_ns: u64,
    /// Length of an interval of the time series; at least 1 ms is taken.
    pub interval_ns: u64,
    /// Length of the pieces in which the first half of the measured phase is kept; there are
    /// [`MOST_PIECES`](Self::MOST_PIECES) at most. 0: it cannot be cut.
    pub piece_ns: u64,
}

impl RecordingSpec {
    /// The most intervals that [`after_warm_up`](Self::after_warm_up) cuts a run into.
    pub const MOST_INTERVALS: u64 = 600;
    /// The most pieces that can be cut.
    pub const MOST_PIECES: u64 = 10;

    /// A warm-up followed by a measured phase. The interval is 100 ms, or longer in a long run: there
    /// are [`MOST_INTERVALS`](Self::MOST_INTERVALS) at most.
    #[must_use]
    pub fn after_warm_up(warm_up: Duration, measured: Duration) -> Self {
        const STEPS_MS: [u64; 9] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000];
        let measured_from_ns = warm_up.as_nanos() as u64;
        let measured_to_ns = measured_from_ns.saturating_add(measured.as_nanos() as u64);
        let least_ns = measured_to_ns.div_ceil(Self::MOST_INTERVALS);
        let mut steps = STEPS_MS.into_iter().map(|ms| ms * 1_000_000);
        let interval_ns = steps.find(|step_ns| *step_ns >= least_ns).unwrap_or(least_ns);
        Self { measured_from_ns, measured_to_ns, interval_ns, piece_ns: 0 }
    }

    /// With pieces of a twentieth of the measured phase that hold whole periods of so long: in a batch
    /// those that came first wait longest, so that a part of one is not like the whole.
    #[must_use]
    pub const fn with_pieces(mut self, period_ns: u64) -> Self {
        let period_ns = if period_ns == 0 { 1 } else { period_ns };
        let measured_ns = self.measured_to_ns.saturating_sub(self.measured_from_ns);
        let least_ns = measured_ns.div_ceil(2 * Self::MOST_PIECES);
        self.piece_ns = least_ns.div_ceil(period_ns).saturating_mul(period_ns);
        self
    }

    /// How many pieces there are.
    #[must_use]
    pub fn pieces(&self) -> usize {
        let half_ns = self.measured_to_ns.saturating_sub(self.measured_from_ns) / 2;
        let pieces = half_ns.checked_div(self.piece_ns).unwrap_or(0);
        pieces.min(Self::MOST_PIECES) as usize
    }

    /// The stretch of scheduled times around one, all of which are recorded in the same places.
    fn span_at(&self, scheduled_ns: u64) -> Span {
        let (from_ns, to_ns) = (self.measured_from_ns, self.measured_to_ns);
        if scheduled_ns >= to_ns {
            return Span { from_ns: to_ns, last_ns: u64::MAX, place: Place::Outside };
        }
        let interval = scheduled_ns / self.interval_ns();
        let starts_ns = interval * self.interval_ns();
        let ends_ns = starts_ns.saturating_add(self.interval_ns());
        if scheduled_ns < from_ns {
            let last_ns = ends_ns.min(from_ns) - 1;
            return Span { from_ns: starts_ns, last_ns, place: Place::WarmUp { interval } };
        }
        let (pieces, since_ns) = (self.pieces(), scheduled_ns - from_ns);
        let piece =
            since_ns.checked_div(self.piece_ns).map_or(pieces, |piece| pieces.min(piece as usize));
        // All that comes after the pieces is one more.
        let piece_from_ns = from_ns + piece as u64 * self.piece_ns;
        let piece_to_ns = if piece < pieces { piece_from_ns + self.piece_ns } else { to_ns };
        Span {
            from_ns: starts_ns.max(piece_from_ns),
            last_ns: ends_ns.min(piece_to_ns) - 1,
            place: Place::Measured { interval, piece },
        }
    }

    fn interval_ns(&self) -> u64 {
        self.interval_ns.max(1_000_000)
    }
}

/// A stretch of scheduled times. Finding one takes divisions, which are not for every record.
#[derive(Clone, Copy, Debug)]
struct Span {
    from_ns: u64,
    /// Inclusive.
    last_ns: u64,
    place: Place,
}

/// Where the records of a [`Span`] are recorded.
#[derive(Clone, Copy, Debug)]
enum Place {
    WarmUp { interval: u64 },
    Measured { interval: u64, piece: usize },
    Outside,
}

impl Span {
    const fn holds(&self, scheduled_ns: u64) -> bool {
        self.from_ns <= scheduled_ns && scheduled_ns <= self.last_ns
    }
}

/// Where the recorders of one run leave what they have measured.
#[derive(Clone, Debug)]
pub struct Recordings {
    spec: RecordingSpec,
    merged: Arc<Mutex<Merged>>,
}

/// The latencies of one run, merged over all threads.
#[derive(Clone, Debug)]
pub struct LatencyResult {
    /// From the scheduled time to visible, of the records scheduled in the measured phase.
    pub scheduled: Histogram<u64>,
    /// From when the engine took a record in to visible, of the same records.
    pub service: Histogram<u64>,
    /// Scheduled-time latency of all phases, by the interval that records were scheduled in. Empty
    /// intervals are left out.
    pub intervals: Vec<IntervalLatency>,
    /// Records with a latency so far above [`HIGHEST_NS`] that no histogram holds it: a run with any has no
    /// percentiles to trust.
    pub overflow: u64,
    /// Records that were visible before they were due or taken, in no histogram. Normal at
    /// saturation, where the scheduled time is nominal; a fault of the engine otherwise.
    pub early: u64,
    /// Records scheduled past the end of the measured phase, in no histogram. Only at saturation.
    pub outside: u64,
    /// Recorders that still exist: their samples are missing here.
    pub unfinished: usize,
    /// Both latencies by piece, the rest last.
    pieces: Vec<Both>,
    /// The histograms behind `intervals`, from the start of the run.
    by_interval: Vec<Option<Histogram<u32>>>,
    interval_ns: u64,
}

/// Scheduled-time and service latency of the same records.
#[derive(Clone, Debug)]
struct Both {
    scheduled: Histogram<u64>,
    service: Histogram<u64>,
}

impl Both {
    fn new() -> Self {
        Self { scheduled: histogram(), service: histogram() }
    }

    fn many(pieces: usize) -> Vec<Self> {
        std::iter::repeat_with(Self::new).take(pieces + 1).collect()
    }

    fn add(&mut self, other: &Self) {
        // Most pieces of a short run are empty, and adding goes over every counter. The same bounds on
        // both sides: nothing can be out of range.
        if !other.scheduled.is_empty() {
            let _ = self.scheduled.add(&other.scheduled);
        }
        if !other.service.is_empty() {
            let _ = self.service.add(&other.service);
        }
    }

    fn take(&mut self, counted: &mut BothCounted) {
        for (latency_ns, records) in counted.scheduled.drain() {
            // The same bounds on both sides: nothing can be out of range.
            let _ = self.scheduled.record_n(latency_ns, records);
        }
        for (latency_ns, records) in counted.service.drain() {
            let _ = self.service.record_n(latency_ns, records);
        }
    }

    fn sum(pieces: &[Self]) -> Self {
        let mut sum = Self::new();
        pieces.iter().for_each(|piece| sum.add(piece));
        sum
    }
}

impl LatencyResult {
    /// Leaves the first pieces of the measured phase out of [`scheduled`](Self::scheduled) and
    /// [`service`](Self::service).
    pub fn cut(&mut self, pieces: usize) {
        let kept = Both::sum(&self.pieces[pieces.min(self.pieces.len())..]);
        (self.scheduled, self.service) = (kept.scheduled, kept.service);
    }

    /// Median latency of every `step` intervals from number `from` to number `to`, exclusive; those without
    /// a record are left out. Nanoseconds.
    #[must_use]
    pub fn medians(&self, from: usize, to: usize, step: usize) -> Vec<f64> {
        let to = to.min(self.by_interval.len());
        let inside = self.by_interval.get(from..to).unwrap_or_default();
        let median = |intervals: &[Option<Histogram<u32>>]| {
            let mut all = interval_histogram();
            for one in intervals.iter().flatten() {
                // The same bounds on both sides: nothing can be out of range.
                let _ = all.add(one);
            }
            (!all.is_empty()).then(|| all.value_at_quantile(0.5) as f64)
        };
        inside.chunks_exact(step.max(1)).filter_map(median).collect()
    }

    /// Length of an interval, in nanoseconds.
    #[must_use]
    pub const fn interval_ns(&self) -> u64 {
        self.interval_ns
    }
}

/// The latency of the records that were scheduled in one interval, to two digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalLatency {
    /// Start, in nanoseconds from the start of the run.
    pub from_ns: u64,
    /// End, exclusive.
    pub to_ns: u64,
    /// How many records.
    pub count: u64,
    /// Their median.
    pub p50_ns: u64,
    /// Their 99th percentile.
    pub p99_ns: u64,
    /// Their largest.
    pub max_ns: u64,
}

impl Recordings {
    /// No records yet.
    #[must_use]
    pub fn new(spec: RecordingSpec) -> Self {
        Self { spec, merged: Arc::new(Mutex::new(Merged::new(&spec))) }
    }

    /// A recorder for one thread. What it takes is part of the result once it is dropped.
    #[must_use]
    pub fn recorder(&self) -> Box<dyn Recorder> {
        lock(&self.merged).unfinished += 1;
        Box::new(ThreadRecorder {
            spec: self.spec,
            merged: Arc::clone(&self.merged),
            pieces: (0..=self.spec.pieces()).map(|_| BothCounted::new()).collect(),
            open: std::array::from_fn(|_| OpenInterval::unused()),
            span: None,
            counts: Counts::default(),
        })
    }

    /// A meter whose threads record here.
    #[must_use]
    pub fn meter(&self) -> Meter {
        let recordings = self.clone();
        Meter::new(move || recordings.recorder())
    }

    /// Takes what has been recorded. For after the run, when the engine has dropped its recorders;
    /// [`LatencyResult::unfinished`] tells if it has not.
    #[must_use]
    pub fn finish(&self) -> LatencyResult {
        let mut merged = lock(&self.merged);
        let unfinished = merged.unfinished;
        let taken = std::mem::replace(&mut *merged, Merged::new(&self.spec));
        merged.unfinished = unfinished;
        drop(merged);
        let interval_ns = self.spec.interval_ns();
        let intervals = (0..).zip(&taken.intervals).filter_map(|(index, histogram)| {
            let histogram = histogram.as_ref()?;
            Some(IntervalLatency {
                from_ns: index * interval_ns,
                to_ns: (index + 1) * interval_ns,
                count: histogram.len(),
                p50_ns: histogram.value_at_quantile(0.5),
                p99_ns: histogram.value_at_quantile(0.99),
                max_ns: histogram.max(),
            })
        });
        let whole = Both::sum(&taken.pieces);
        LatencyResult {
            intervals: intervals.collect(),
            overflow: taken.counts.overflow,
            early: taken.counts.early,
            outside: taken.counts.outside,
            unfinished,
            scheduled: whole.scheduled,
            service: whole.service,
            pieces: taken.pieces,
            by_interval: taken.intervals,
            interval_ns,
        }
    }
}

/// What finished threads and finished intervals have left.
#[derive(Debug)]
struct Merged {
    pieces: Vec<Both>,
    intervals: Vec<Option<Histogram<u32>>>,
    counts: Counts,
    unfinished: usize,
}

impl Merged {
    fn new(spec: &RecordingSpec) -> Self {
        Self {
            pieces: Both::many(spec.pieces()),
            intervals: Vec::new(),
            counts: Counts::default(),
            unfinished: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    overflow: u64,
    early: u64,
    outside: u64,
}

/// One thread's end of [`Recordings`].
struct ThreadRecorder {
    spec: RecordingSpec,
    merged: Arc<Mutex<Merged>>,
    pieces: Vec<BothCounted>,
    /// Interval `i` is open in slot `i % OPEN_INTERVALS` or not at all. Threads see scheduled times
    /// in nearly ascending order, so an interval is closed once or twice, not once a record.
    open: [OpenInterval; OPEN_INTERVALS],
    /// That of the record before; its interval is open.
    span: Option<Span>,
    counts: Counts,
}

struct OpenInterval {
    /// Its number; none if unused.
    interval: Option<u64>,
    latency: Counters<INTERVAL_BITS>,
}

/// What a thread has of [`Both`].
struct BothCounted {
    scheduled: Counters<BITS>,
    service: Counters<BITS>,
}

impl BothCounted {
    fn new() -> Self {
        Self { scheduled: Counters::upto(HIGHEST_NS), service: Counters::upto(HIGHEST_NS) }
    }
}

impl Recorder for ThreadRecorder {
    fn record(&mut self, mut samples: &[Sample]) {
        while let Some(first) = samples.first() {
            let span = self.span_at(first.scheduled_ns);
            let ends = samples.iter().position(|sample| !span.holds(sample.scheduled_ns));
            let (inside, others) = samples.split_at(ends.unwrap_or(samples.len()));
            self.record_at(span.place, inside);
            samples = others;
        }
    }
}

impl ThreadRecorder {
    fn span_at(&mut self, scheduled_ns: u64) -> Span {
        match self.span {
            Some(span) if span.holds(scheduled_ns) => span,
            _ => self.move_to(scheduled_ns),
        }
    }

    #[cold]
    fn move_to(&mut self, scheduled_ns: u64) -> Span {
        let span = self.spec.span_at(scheduled_ns);
        if let Place::WarmUp { interval } | Place::Measured { interval, .. } = span.place {
            let slot = &mut self.open[slot_of(interval)];
            if slot.interval != Some(interval) {
                slot.close(&mut lock(&self.merged).intervals);
                slot.interval = Some(interval);
            }
        }
        *self.span.insert(span)
    }

    fn record_at(&mut self, place: Place, samples: &[Sample]) {
        let latencies = samples.iter().filter_map(|sample| {
            let scheduled = sample.visible_ns.checked_sub(sample.scheduled_ns);
            scheduled.zip(sample.visible_ns.checked_sub(sample.taken_ns))
        });
        let (mut timely, mut overflow) = (0, 0);
        match place {
            Place::WarmUp { interval } => {
                let interval = &mut self.open[slot_of(interval)].latency;
                for (scheduled, _) in latencies {
                    timely += 1;
                    overflow += u64::from(!interval.count(scheduled));
                }
            }
            Place::Measured { interval, piece } => {
                let interval = &mut self.open[slot_of(interval)].latency;
                let piece = &mut self.pieces[piece];
                for (scheduled, service) in latencies {
                    timely += 1;
                    let mut in_range = interval.count(scheduled);
                    in_range &= piece.scheduled.count(scheduled);
                    in_range &= piece.service.count(service);
                    overflow += u64::from(!in_range);
                }
            }
            Place::Outside => {
                timely = latencies.count() as u64;
                self.counts.outside += timely;
            }
        }
        self.counts.early += samples.len() as u64 - timely;
        self.counts.overflow += overflow;
    }
}

const fn slot_of(interval: u64) -> usize {
    (interval % OPEN_INTERVALS as u64) as usize
}

impl OpenInterval {
    fn unused() -> Self {
        Self { interval: None, latency: Counters::upto(HIGHEST_NS) }
    }

    fn close(&mut self, into: &mut Vec<Option<Histogram<u32>>>) {
        let Some(interval) = self.interval else { return };
        let mut counted = self.latency.drain().peekable();
        if counted.peek().is_none() {
            return;
        }
        let index = interval as usize;
        if into.len() <= index {
            into.resize_with(index + 1, || None);
        }
        let kept = into[index].get_or_insert_with(interval_histogram);
        for (latency_ns, records) in counted {
            // The same bounds on both sides: nothing can be out of range.
            let _ = kept.record_n(latency_ns, u32::try_from(records).unwrap_or(u32::MAX));
        }
    }
}

impl Drop for ThreadRecorder {
    fn drop(&mut self) {
        let mut merged = lock(&self.merged);
        for interval in &mut self.open {
            interval.close(&mut merged.intervals);
        }
        for (into, piece) in merged.pieces.iter_mut().zip(&mut self.pieces) {
            into.take(piece);
        }
        merged.counts.overflow += self.counts.overflow;
        merged.counts.early += self.counts.early;
        merged.counts.outside += self.counts.outside;
        merged.unfinished = merged.unfinished.saturating_sub(1);
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).expect("bounds that are constants")
}

fn interval_histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, HIGHEST_NS, INTERVAL_DIGITS).expect("bounds that are constants")
}

fn lock(merged: &Mutex<Merged>) -> std::sync::MutexGuard<'_, Merged> {
    merged.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
