//! Progress over time, and whether an engine kept up.

use crate::recorder::IntervalLatency;
use crossbeam_channel::{Sender, bounded};
use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Received, RunContext, RunError, receive};
use weir_reports::schema::SeriesPoint;

/// How far a run had come at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nanoseconds from the start of the run.
    pub at_ns: u64,
    /// Records that were due; `None` at saturation, where all are.
    pub due: Option<u64>,
    /// Records that the engine had taken in.
    pub taken: u64,
    /// All records below this index were complete.
    pub completed: u64,
}

impl Progress {
    /// The state of a run now.
    #[must_use]
    pub fn of(context: &RunContext) -> Self {
        // Completed first: read later it could be ahead of what was due.
        let completed = context.meter.completed();
        let taken = context.meter.taken();
        let at_ns = context.now_ns();
        let due = context.load.paced().then(|| context.load.count_before(at_ns));
        Self { at_ns, due, taken, completed }
    }

    /// Records that were due and not complete; 0 at saturation.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.due.unwrap_or(0).saturating_sub(self.completed)
    }
}

/// A thread that notes a run's progress at regular times.
#[derive(Debug)]
pub struct Sampler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Vec<Progress>>>,
}

impl Sampler {
    /// How often an engine that is still setting up is looked at.
    const POLL: Duration = Duration::from_millis(1);

    /// Samples at every multiple of `interval` from the start of the run until
    /// [`stop`](Self::stop). Not for [`ManualClock::auto`](weir_dataflow::ManualClock::auto), which
    /// the sampler would drive on without an end.
    ///
    /// # Errors
    /// [`RunError::Spawn`] if there is no thread to be had.
    pub fn start(context: &RunContext, interval: Duration) -> Result<Self, RunError> {
        let (stop, stopped) = bounded::<()>(0);
        let context = context.clone();
        let interval_ns = (interval.as_nanos() as u64).max(1_000_000);
        let name = "weir-sampler";
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut points = Vec::new();
                loop {
                    let alarm = context.clock.alarm(next_look(&context, interval_ns));
                    let began = context.began_ns().is_some();
                    match receive(&stopped, alarm) {
                        Received::TimedOut if began => points.push(Progress::of(&context)),
                        Received::TimedOut => {}
                        Received::Message(()) | Received::Closed => break,
                    }
                }
                points.push(Progress::of(&context));
                points
            })
            .map_err(|error| RunError::Spawn {
                name: name.to_owned(),
                message: error.to_string(),
            })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends the thread. The last point is of now.
    #[must_use]
    pub fn stop(mut self) -> Vec<Progress> {
        self.join()
    }

    fn join(&mut self) -> Vec<Progress> {
        drop(self.stop.take());
        // A sampler that panicked has no points; the run's result does not depend on them.
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// The clock's time of the next sample; multiples that have been missed are left out.
fn next_look(context: &RunContext, interval_ns: u64) -> u64 {
    match context.began_ns() {
        None => context.clock.now_ns() + Sampler::POLL.as_nanos() as u64,
        Some(began_ns) => {
            let intervals = context.now_ns() / interval_ns + 1;
            began_ns.saturating_add(intervals.saturating_mul(interval_ns))
        }
    }
}

/// The result file's time series: progress and latency on one grid of `interval_ns`.
///
/// A point is filed under the multiple of the interval that is nearest to its time. Intervals without
/// a point take the progress of the one before.
#[must_use]
pub fn time_series(
    points: &[Progress],
    latencies: &[IntervalLatency],
    interval_ns: u64,
    warm_up_ns: u64,
) -> Vec<SeriesPoint> {
    let interval_ns = interval_ns.max(1);
    let mut grid: BTreeMap<u64, (Option<Progress>, Option<IntervalLatency>)> = BTreeMap::new();
    for point in points {
        let index = (point.at_ns + interval_ns / 2) / interval_ns;
        grid.entry(index.max(1)).or_default().0 = Some(*point);
    }
    for latency in latencies {
        grid.entry(latency.to_ns.div_ceil(interval_ns)).or_default().1 = Some(*latency);
    }
    let mut progress = Progress::default();
    let series = grid.into_iter().map(|(index, (point, latency))| {
        progress = point.unwrap_or(progress);
        let ends_ns = index * interval_ns;
        SeriesPoint {
            t_ms: ends_ns as f64 / 1e6,
            warm_up: ends_ns <= warm_up_ns,
            due: progress.due,
            completed: progress.completed,
            count: latency.map_or(0, |latency| latency.count),
            p50_ns: latency.map(|latency| latency.p50_ns),
            p99_ns: latency.map(|latency| latency.p99_ns),
            max_ns: latency.map(|latency| latency.max_ns),
        }
    });
    series.collect()
}

/// What [`sustained`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredPhase<'a> {
    /// Progress over the run, in order of time.
    pub points: &'a [Progress],
    /// Where the measured phase begins, in nanoseconds from the start of the run ...
    pub from_ns: u64,
    /// ... and where it ends.
    pub to_ns: u64,
    /// How long records may be held back without the engine being slow: its batch interval, or the
    /// schedule's [`period`](crate::schedule::Shape::period) if that is longer, or 0.
    pub batch_interval_ns: u64,
    /// From the last record's scheduled time to its completion, once the run is over.
    pub drain_ns: Option<u64>,
}

/// Whether an engine kept up with a paced load, and the figures that say so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptUp {
    /// The answer; `None` where the phase is too short to tell.
    pub sustained: Option<bool>,
    /// By how many records per second the low points of the backlog grew.
    pub growth_per_s: f64,
    /// By how many records they grew over the phase.
    pub growth: f64,
    /// Records per second that were due.
    pub offered_per_s: f64,
}

/// The share of the offered rate that the backlog may grow by.
const GROWTH_SHARE: f64 = 0.01;
/// Growth that is within the noise of scheduling and sampling, as a time at the offered rate.
const NOISE_S: f64 = 0.02;
/// Windows that the measured phase is cut into, at most and at least.
const WINDOWS: (u64, u64) = (10, 2);

/// Says whether the backlog grew through the measured phase.
///
/// A micro-batch engine's backlog is a saw-tooth: it rises by a batch interval's records and falls
/// when the batch is done. So the measured phase is cut into windows of at least one and a half batch
/// intervals, which hold an end of a batch each, and only each window's **lowest** backlog counts:
/// what was left when the engine had caught up as far as it ever did. The trend of the lows is the median slope over all pairs of
/// windows (Theil and Sen), which a stall that is recovered from does not move.
///
/// The run is **not sustained** if either holds:
///
/// - the lows grew by more than 1 % of the offered rate *and*, from the first window to the last, by
///   more than one batch interval's records plus 20 ms' worth. With a slower growth the engine may
///   just be late by a constant; telling that apart takes a longer run.
/// - the drain took longer than two batch intervals plus a tenth of the measured phase plus 0.1 s.
///
/// An overload that begins late (a ramp's last third) moves the median little; its drain tells.
///
/// Fewer than two windows with a point in each say nothing (`None`), nor does saturation; a long
/// drain is decisive even then.
#[must_use]
pub fn sustained(phase: &MeasuredPhase<'_>) -> KeptUp {
    let length_ns = phase.to_ns.saturating_sub(phase.from_ns);
    let inside = |point: &&Progress| {
        point.due.is_some() && (phase.from_ns..=phase.to_ns).contains(&point.at_ns)
    };
    let points: Vec<&Progress> = phase.points.iter().filter(inside).collect();
    let offered_per_s = match (points.first(), points.last()) {
        (Some(first), Some(last)) if last.at_ns > first.at_ns => {
            let due = last.due.unwrap_or(0).saturating_sub(first.due.unwrap_or(0));
            due as f64 * 1e9 / (last.at_ns - first.at_ns) as f64
        }
        _ => 0.0,
    };
    let interval_s = phase.batch_interval_ns as f64 / 1e9;
    let drained_late = phase.drain_ns.is_some_and(|drain_ns| {
        let limit_ns = 2 * phase.batch_interval_ns + length_ns / 10 + 100_000_000;
        drain_ns > limit_ns
    });
    let lows = window_lows(&points, phase, length_ns);
    let growth_per_s = median_slope(&lows);
    let growth = match (lows.first(), lows.last()) {
        (Some(first), Some(last)) => last.1 - first.1,
        _ => 0.0,
    };
    let grew = growth_per_s > GROWTH_SHARE * offered_per_s
        && growth > offered_per_s * (interval_s + NOISE_S) + 1.0;
    let enough = lows.len() as u64 >= WINDOWS.1 && offered_per_s > 0.0;
    let sustained = match (drained_late, enough) {
        (true, _) => Some(false),
        (false, true) => Some(!grew),
        (false, false) => None,
    };
    KeptUp { sustained, growth_per_s, growth, offered_per_s }
}

/// The lowest backlog of each window that has a point: seconds, records.
fn window_lows(points: &[&Progress], phase: &MeasuredPhase<'_>, length_ns: u64) -> Vec<(f64, f64)> {
    let shortest_ns = (phase.batch_interval_ns.saturating_mul(3) / 2).max(1);
    let windows = (length_ns / shortest_ns).clamp(1, WINDOWS.0);
    let window_ns = (length_ns / windows).max(1);
    let mut lows: BTreeMap<u64, &Progress> = BTreeMap::new();
    for point in points {
        let window = ((point.at_ns - phase.from_ns) / window_ns).min(windows - 1);
        let low = lows.entry(window).or_insert(point);
        if point.backlog() < low.backlog() {
            *low = point;
        }
    }
    lows.into_values().map(|low| (low.at_ns as f64 / 1e9, low.backlog() as f64)).collect()
}

/// The median of the slopes of all pairs of points; 0 without a pair.
fn median_slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes: Vec<f64> = Vec::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let later = points[index + 1..].iter().filter(|(later, _)| later > x);
        slopes.extend(later.map(|(later_x, later_y)| (later_y - y) / (later_x - x)));
    }
    slopes.sort_by(f64::total_cmp);
    match slopes.len() {
        0 => 0.0,
        n if n % 2 == 1 => slopes[n / 2],
        n => (slopes[n / 2 - 1] + slopes[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests;
