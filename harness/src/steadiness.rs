//! How much more than the configured warm-up has to be cut from a run, or that it never settled.
//!
//! **At saturation** the throughput is looked at, between two completions at a time: a batch engine's progress
//! is a staircase, whose slope is exact from step to step. **At a rate** it is the median latency of the
//! records scheduled in an interval that is as long as a batch at least, and as the schedule's period: within
//! one, latency rises and falls by design. It is the median, as a stall is no warm-up: what it delays
//! belongs to the figures.
//!
//! What is steady, and how often a steady run is refused, is [`settle_averages`]'s matter.

use crate::recorder::LatencyResult;
use weir_dataflow::Point;
use weir_reports::schema::{Steadiness as State, Steady};
use weir_statistics::steady::{Rule, Steadiness, settle_averages};

/// What is looked at, as a result file calls it.
const THROUGHPUT: &str = "throughput";
/// Likewise.
const LATENCY: &str = "median latency";

/// Parts that the measured phase at saturation is cut into, at most.
const PARTS: u64 = 50;

/// Intervals of latency that are looked at, at most.
const INTERVALS: u64 = 200;

/// Records that an interval of latency has on average at least.
const RECORDS: f64 = 20.0;

/// What was found, and what to leave out.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// As a result file has it.
    pub steady: Steady,
    /// Nanoseconds from the start of the measured phase that do not count.
    pub cut_ns: u64,
}

impl Looked {
    /// A run that is not asked whether it settled, with the reason.
    fn unasked(series: &str, state: State, intervals: usize, interval_ns: f64) -> Self {
        let steady = Steady {
            series: series.to_owned(),
            state,
            intervals,
            interval_ms: interval_ns / 1e6,
            cut_s: 0.0,
            drift: None,
        };
        Self { steady, cut_ns: 0 }
    }

    /// `ends` says at which time from the start of the measured phase the given number of values ends.
    fn of(series: &str, values: &[f64], interval_ns: f64, ends: impl Fn(usize) -> u64) -> Self {
        let with = |state| Self::unasked(series, state, values.len(), interval_ns);
        let cut = |state, cut: usize, drift| {
            let Self { steady, .. } = with(state);
            let cut_ns = ends(cut);
            Self { steady: Steady { cut_s: cut_ns as f64 / 1e9, drift, ..steady }, cut_ns }
        };
        match settle_averages(values, &Rule::default()) {
            Ok(Steadiness::Settled { cut: at, .. }) => cut(State::Settled, at, None),
            Ok(Steadiness::StillChanging { cut: at }) => cut(State::StillChanging, at, None),
            Ok(Steadiness::Drifting { cut: at, drift }) => cut(State::Drifting, at, Some(drift)),
            Err(_) => with(State::TooShort),
        }
    }
}

/// Looks at the throughput of a run whose measured phase begins at `from_ns` and is `measured_ns` long.
#[must_use]
pub fn of_throughput(points: &[Point], from_ns: u64, measured_ns: u64) -> Looked {
    let least_ns = (measured_ns / PARTS).max(1);
    let mut inside = points.iter().filter(|point| point.at_ns >= from_ns);
    let (mut rates, mut ends) = (Vec::new(), Vec::new());
    let Some(mut last) = inside.next() else {
        return Looked::unasked(THROUGHPUT, State::TooShort, 0, 0.0);
    };
    ends.push(last.at_ns - from_ns);
    for point in inside {
        let length_ns = point.at_ns.saturating_sub(last.at_ns);
        // Progress that is noted by several threads may be out of order by a step.
        if length_ns >= least_ns && point.completed >= last.completed {
            rates.push((point.completed - last.completed) as f64 * 1e9 / length_ns as f64);
            ends.push(point.at_ns - from_ns);
            last = point;
        }
    }
    let length_ns = ends.last().copied().unwrap_or(0) - ends[0];
    let interval_ns = length_ns as f64 / rates.len().max(1) as f64;
    // Without a cut, throughput counts from where it always has.
    let at = |cut: usize| if cut == 0 { 0 } else { ends.get(cut).copied().unwrap_or(0) };
    Looked::of(THROUGHPUT, &rates, interval_ns, at)
}

/// The measured phase of a run at a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paced {
    /// Where it begins, in nanoseconds from the start of the run ...
    pub from_ns: u64,
    /// ... and where it ends.
    pub to_ns: u64,
    /// The batch interval, or the schedule's period if that is longer, or 0.
    pub period_ns: u64,
    /// Records per second.
    pub rate: f64,
    /// Whether the rate is the same from period to period.
    pub even: bool,
    /// Whether the engine kept up.
    pub sustained: Option<bool>,
}

/// Looks at the latency of a run. The cut is of whole pieces of [`LatencyResult`], each `piece_ns` long;
/// there are `pieces`.
#[must_use]
pub fn of_latency(latency: &LatencyResult, phase: &Paced, piece_ns: u64, pieces: usize) -> Looked {
    let grid_ns = latency.interval_ns().max(1);
    let (from, to) = (phase.from_ns.div_ceil(grid_ns), phase.to_ns / grid_ns);
    let sparse = (RECORDS * 1e9 / phase.rate.max(1e-9)) as u64;
    let least_ns = phase.period_ns.max(sparse).max(1);
    let fewest = to.saturating_sub(from).div_ceil(INTERVALS);
    let step = least_ns.div_ceil(grid_ns).max(fewest).max(1);
    let step_ns = step.saturating_mul(grid_ns);
    let not_asked = match phase.sustained {
        // Its backlog grows: it has no level to settle at, and is marked for that.
        Some(false) => Some(State::Behind),
        _ => (!phase.even).then_some(State::LoadVaries),
    };
    if let Some(state) = not_asked {
        return Looked::unasked(LATENCY, state, 0, step_ns as f64);
    }
    let medians = latency.medians(from as usize, to as usize, step as usize);
    let grid_from_ns = from * grid_ns - phase.from_ns;
    let ends = |cut: usize| match cut as u64 {
        0 => 0,
        cut => (grid_from_ns + cut * step_ns).div_ceil(piece_ns.max(1)) * piece_ns,
    };
    let mut looked = Looked::of(LATENCY, &medians, step_ns as f64, ends);
    if looked.cut_ns > piece_ns * pieces as u64 && looked.steady.state == State::Settled {
        // Rounded up to whole pieces it is more than half.
        looked.steady.state = State::StillChanging;
    }
    looked
}

#[cfg(test)]
mod tests;
