//! Whether a backlog grew.
//!
//! The backlog is what was due and not completed. Of an engine that works by batches it is a staircase below
//! a slope: it rises through an interval and falls at its end, and single looks at it say more about when
//! one looked than about the engine. So the measured phase is cut into windows of a **whole number of batch
//! intervals**, and the **mean** over each is taken: what rises and falls within an interval is the same in
//! each of them. The line of least squares through the means is the growth, and its interval
//! ([`weir_statistics::trend`]) is one of few points that are not independent of each other.
//!
//! No interval of a measured slope ends below zero where the slope *is* zero. So it is not asked whether the
//! backlog grows at all but, as in a test of equivalence (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987),
//! whether growth that matters is excluded: [`SHARE`] of the offered rate, a fifth of the step between two
//! rates that a search tells apart. An interval on both sides of it is unclear, and the probe is made again
//! at twice the length, which makes the interval about a third as wide.

use weir_dataflow::Point;
use weir_reports::search::schema::Growth;
use weir_statistics::bootstrap::Bootstrap;
use weir_statistics::trend::slope;

/// The growth that counts as none, as a share of the offered rate.
pub const SHARE: f64 = 0.01;
/// Of the interval of the slope.
pub const CONFIDENCE: f64 = 0.95;

/// Windows of the measured phase, where no batch interval asks for fewer; and the fewest that say anything.
const WINDOWS: (u64, u64) = (40, 8);
/// The shortest window: progress is noted every millisecond.
const SHORTEST_NS: u64 = 5_000_000;
const RESAMPLES: usize = 1_000;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// Records per second that were due, evenly.
    pub rate_per_s: f64,
    /// Where the measured phase begins, in nanoseconds from the start of the run ...
    pub from_ns: u64,
    /// ... and where it ends.
    pub to_ns: u64,
    /// The engine's batch interval, or 0.
    pub batch_interval_ns: u64,
}

/// What a growth says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// Growth that matters is excluded.
    Steady,
    /// It is certain.
    Growing,
    /// Neither.
    Unclear,
}

/// How long a phase must at least be, for a batch interval to have windows enough.
#[must_use]
pub const fn shortest_ns(batch_interval_ns: u64) -> u64 {
    let interval = if batch_interval_ns > SHORTEST_NS { batch_interval_ns } else { SHORTEST_NS };
    interval.saturating_mul(WINDOWS.1 + 2)
}

/// By how much the backlog grew, from an engine's progress; `None` if the phase is too short to tell.
#[must_use]
pub fn growth(points: &[Point], phase: &Phase) -> Option<Growth> {
    let length_ns = phase.to_ns.checked_sub(phase.from_ns)?;
    let about_ns = (length_ns / WINDOWS.0).max(SHORTEST_NS);
    let window_ns = match phase.batch_interval_ns {
        0 => about_ns,
        interval => about_ns.div_ceil(interval).checked_mul(interval)?,
    };
    let count = length_ns / window_ns;
    if count < WINDOWS.1 {
        return None;
    }
    // Flush with the end: what is left over is at the beginning.
    let first_ns = phase.to_ns - count * window_ns;
    let means: Vec<f64> = (0..count)
        .map(|at| {
            let (from, to) = (first_ns + at * window_ns, first_ns + (at + 1) * window_ns);
            let due = phase.rate_per_s * (from as f64 + to as f64) / 2e9;
            (due - mean_completed(points, from, to)).max(0.0)
        })
        .collect();
    let bootstrap =
        Bootstrap { confidence: CONFIDENCE, resamples: RESAMPLES, ..Bootstrap::default() };
    let found =
        slope(&means, &bootstrap).ok()?.map(|per_window| per_window * 1e9 / window_ns as f64);
    Some(Growth {
        per_s: found.estimate,
        low_per_s: found.low,
        high_per_s: found.high,
        windows: means.len(),
        window_ms: window_ns as f64 / 1e6,
        backlog: weir_statistics::sample::mean(&means),
    })
}

/// What a growth says at an offered rate.
#[must_use]
pub fn trend(growth: &Growth, rate_per_s: f64) -> Trend {
    let matters = SHARE * rate_per_s;
    if growth.high_per_s < matters {
        Trend::Steady
    } else if growth.low_per_s > matters {
        Trend::Growing
    } else {
        Trend::Unclear
    }
}

/// The mean over time of what was completed: between two points it stands still.
fn mean_completed(points: &[Point], from_ns: u64, to_ns: u64) -> f64 {
    let begin = points.partition_point(|point| point.at_ns <= from_ns);
    let (mut at_ns, mut completed) =
        (from_ns, begin.checked_sub(1).map_or(0, |i| points[i].completed));
    let mut area = 0.0;
    for point in points[begin..].iter().take_while(|point| point.at_ns < to_ns) {
        area += completed as f64 * (point.at_ns - at_ns) as f64;
        (at_ns, completed) = (point.at_ns, point.completed);
    }
    area += completed as f64 * (to_ns - at_ns) as f64;
    area / (to_ns - from_ns) as f64
}
