//! One run: set up, warm up, measure, drain.

use crate::recorder::{LatencyResult, RecordingSpec, Recordings};
use crate::resources::ResourceMeter;
use crate::schedule::{PacedLoad, Rate, SaturationLoad, Schedule, ScheduleError, Shape};
use crate::series::{MeasuredPhase, Progress, Sampler, sustained, time_series};
use crate::steadiness::{self, Looked, of_latency, of_throughput};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use weir_dataflow::{
    BatchTiming, Cancel, Clock, Load, Point, RunContext, RunError, RunSummary, SystemClock,
};
use weir_reports::histogram::{encode, percentiles};
use weir_reports::schema::{Batches, Mode, Phases, Ran, Resources, Run, Verdict};
use weir_targets::target::{Outcome, Target, TargetError};
use weir_targets::verdict::Detail;
use weir_workloads::Settings;

/// What a run offers, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// When records are due; [`Shape::Max`] is saturation.
    pub shape: Shape,
    /// Mean rate; at saturation that of the nominal time axis.
    pub rate: Rate,
    /// Load that is not measured.
    pub warm_up: Duration,
    /// Load that is.
    pub measured: Duration,
    /// Of random schedules.
    pub seed: u64,
}

impl Offer {
    /// Whether everything is due at once.
    #[must_use]
    pub fn is_saturation(&self) -> bool {
        self.shape == Shape::Max
    }

    /// The load; made anew for each run, since a load remembers what was claimed.
    ///
    /// # Errors
    /// The schedule is impossible.
    pub fn load(&self) -> Result<Arc<dyn Load>, ScheduleError> {
        let horizon = self.warm_up + self.measured;
        let schedule = Schedule::new(self.shape, self.rate, horizon, self.seed)?;
        Ok(if self.is_saturation() {
            Arc::new(SaturationLoad::new(schedule, horizon.as_nanos() as u64))
        } else {
            Arc::new(PacedLoad::new(schedule))
        })
    }

    /// In words, as in a result file.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.shape {
            Shape::Max => "max".to_owned(),
            Shape::Ramp { .. } => self.shape.to_string(),
            _ => format!("{} {}", self.shape, self.rate),
        }
    }
}

/// Why a run could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The schedule is impossible.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The workload or its input.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The harness could not start its own thread.
    #[error(transparent)]
    Sampler(RunError),
}

/// A run that is over, not yet judged.
pub struct Executed {
    /// What it offered.
    pub offer: Offer,
    /// What the engine says and left behind.
    pub outcome: Outcome,
    /// Records that the load gave out: what the engine has to answer for, whatever it says it read.
    pub given: u64,
    /// Latencies, in nanoseconds.
    latency: LatencyResult,
    /// How many there have to be.
    samples: Samples,
    /// Progress by the sampler.
    progress: Vec<Progress>,
    /// Progress by the engine.
    points: Vec<Point>,
    resources: Resources,
    ended_ns: u64,
    set_up_ns: u64,
    batch_interval_ns: u64,
    /// Whether the engine kept up; `None` at saturation.
    sustained: Option<bool>,
    /// Whether it settled.
    looked: Looked,
}

/// The sequential reference, which has no latency to state.
const WITHOUT_LATENCIES: &str = "oracle";

/// Latencies of the measured phase before anything was cut.
#[derive(Clone, Copy, Debug)]
struct Samples {
    /// Records that were scheduled in it.
    due: u64,
    /// Records whose latency is known.
    taken: u64,
}

impl Samples {
    /// What is wrong with the latencies of a paced run that went to its end, if anything is: each record has
    /// one, none sampled and none clamped.
    fn fault(self, latency: &LatencyResult) -> Option<String> {
        let LatencyResult { overflow, early, unfinished, .. } = latency;
        let Self { due, taken } = self;
        let lost = overflow + early + *unfinished as u64;
        if lost == 0 && taken == due {
            return None;
        }
        Some(format!(
            "{taken} latencies of {due} records: {overflow} above an hour, {early} visible before they were due \
             or taken, {unfinished} recorders lost"
        ))
    }
}

/// How finely a run's time series is cut.
const SERIES_INTERVAL: Duration = Duration::from_millis(50);

/// Makes one run. `batch_interval` is that of the engine, or zero.
///
/// # Errors
/// Only if the run cannot be made; a failed run is an outcome.
pub fn execute(
    target: &dyn Target,
    workload: &str,
    settings: &Settings,
    offer: Offer,
    batch_interval: Duration,
    cancel: &Cancel,
) -> Result<Executed, ExecuteError> {
    let load = offer.load()?;
    let period = batch_interval.max(offer.shape.period().unwrap_or_default());
    let period_ns = period.as_nanos() as u64;
    let mut spec = RecordingSpec::after_warm_up(offer.warm_up, offer.measured);
    spec.interval_ns = SERIES_INTERVAL.as_nanos() as u64;
    spec = spec.with_pieces(period_ns);
    let recordings = Recordings::new(spec);
    let clock = Arc::new(SystemClock::new());
    let mut context = RunContext::new(clock.clone(), load, Arc::new(recordings.meter()));
    context.cancel = cancel.clone();
    let resources = ResourceMeter::start(&*clock);
    let asked_ns = clock.now_ns();
    let sampler = Sampler::start(&context, SERIES_INTERVAL).map_err(ExecuteError::Sampler)?;
    let outcome = target.run(workload, settings, &context, Detail::Digests);
    let ended_ns = context.now_ns();
    let progress = sampler.stop();
    let resources = resources.finish(&*clock);
    let began_ns = context.begin();
    let points = context.meter.points();
    let mut latency = recordings.finish();
    let (from_ns, to_ns) = (spec.measured_from_ns, spec.measured_to_ns);
    let due = context.load.count_before(to_ns) - context.load.count_before(from_ns);
    let samples = Samples { due, taken: latency.scheduled.len() };
    let phase = MeasuredPhase {
        points: &progress,
        from_ns,
        to_ns,
        batch_interval_ns: period_ns,
        drain_ns: Some(ended_ns.saturating_sub(to_ns)),
    };
    let sustained = sustained(&phase).sustained.filter(|_| !offer.is_saturation());
    let looked = look(&offer, &spec, period_ns, &points, &mut latency, sustained);
    Ok(Executed {
        offer,
        outcome: outcome?,
        given: context.load.claim(0, u64::MAX).limit,
        latency,
        samples,
        progress,
        points,
        resources,
        ended_ns,
        set_up_ns: began_ns.saturating_sub(asked_ns),
        batch_interval_ns: batch_interval.as_nanos() as u64,
        sustained,
        looked,
    })
}

/// Looks whether the run settled, and cuts what came before from its latencies.
fn look(
    offer: &Offer,
    spec: &RecordingSpec,
    period_ns: u64,
    points: &[Point],
    latency: &mut LatencyResult,
    sustained: Option<bool>,
) -> Looked {
    let (from_ns, to_ns) = (spec.measured_from_ns, spec.measured_to_ns);
    if offer.is_saturation() {
        return of_throughput(points, from_ns, to_ns - from_ns);
    }
    let (rate, even) = (offer.rate.as_f64(), offer.shape.uses_rate());
    let paced = steadiness::Paced { from_ns, to_ns, period_ns, rate, even, sustained };
    let looked = of_latency(latency, &paced, spec.piece_ns, spec.pieces());
    latency.cut((looked.cut_ns / spec.piece_ns.max(1)) as usize);
    looked
}

/// Records per second while there was load: the slope from the first of the points in `counted` to the last.
///
/// Both ends are times at which something was completed: a batch engine's progress is a staircase,
/// and between two of its steps the slope is exact, while between two arbitrary times it is not. The
/// load may end in the midst of a batch interval, and that batch, done after the load, has a part of an
/// interval's records: hence no step after it. If there is one step in `counted` or none, it is the slope of the
/// last step before the load's end, which begins in the warm-up; without such a step, that of what there is;
/// and without two points, the `records` of the whole run by when it ended.
#[must_use]
pub fn throughput(points: &[Point], counted: Range<u64>, records: u64, ended_ns: u64) -> f64 {
    let slope = |a: &Point, b: &Point| {
        b.completed.saturating_sub(a.completed) as f64 * 1e9 / (b.at_ns - a.at_ns) as f64
    };
    let (Some(earliest), Some(latest)) = (points.first(), points.last()) else {
        return if ended_ns > 0 { records as f64 * 1e9 / ended_ns as f64 } else { 0.0 };
    };
    let last = points.iter().rfind(|point| point.at_ns <= counted.end).unwrap_or(latest);
    let mut counts = points.iter().filter(|point| point.at_ns >= counted.start);
    if let Some(first) = counts.next().filter(|first| first.at_ns < last.at_ns) {
        return slope(first, last);
    }
    // A run begins with a step, too: with nothing done at time 0.
    let began = Point { at_ns: 0, completed: 0 };
    let before = points.iter().rfind(|point| point.at_ns < last.at_ns).unwrap_or(&began);
    match last.at_ns > before.at_ns && earliest.at_ns < latest.at_ns {
        true => slope(before, last),
        false if ended_ns > 0 => records as f64 * 1e9 / ended_ns as f64,
        false => 0.0,
    }
}

fn batches(timings: &[BatchTiming], interval_ns: u64, paced: bool) -> Option<Batches> {
    if timings.is_empty() {
        return None;
    }
    let median = |mut values: Vec<u64>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    let processing = |batch: &BatchTiming| batch.ended_ns.saturating_sub(batch.started_ns);
    let empty = |batch: &&BatchTiming| batch.records == 0;
    let on_time = |batch: &&BatchTiming| batch.started_ns < batch.time_ns + interval_ns;
    let count = timings.len() as u64;
    Some(Batches {
        count,
        empty: timings.iter().filter(empty).count() as u64,
        on_time: paced.then(|| timings.iter().filter(on_time).count() as f64 / count as f64),
        scheduling_p50_ns: median(
            timings.iter().map(|b| b.started_ns.saturating_sub(b.submitted_ns)).collect(),
        )
        .unwrap_or(0),
        processing_p50_ns: median(timings.iter().map(processing).collect()).unwrap_or(0),
        processing_max_ns: timings.iter().map(processing).max().unwrap_or(0),
        empty_processing_p50_ns: median(timings.iter().filter(empty).map(processing).collect()),
    })
}

fn ran(summary: &RunSummary) -> Ran {
    let sum = |count: fn(&weir_dataflow::ComponentInfo) -> usize| {
        summary.components.iter().map(count).fold(0, usize::saturating_add)
    };
    let executed = summary.counters.iter().filter(|(key, _)| key.starts_with("executed."));
    let executed: Vec<u64> = executed.map(|(_, count)| *count).collect();
    Ran {
        engine: summary.engine.clone(),
        tasks: sum(|component| component.tasks),
        threads: sum(|component| component.threads),
        batches: (!summary.batches.is_empty()).then_some(summary.batches.len() as u64),
        executed: (!executed.is_empty())
            .then(|| executed.iter().copied().fold(0, u64::saturating_add)),
        settings: summary.settings.clone(),
    }
}

impl Executed {
    /// What the engine says it did; empty if it failed.
    #[must_use]
    pub fn summary(&self) -> RunSummary {
        self.outcome.summary.clone().unwrap_or_default()
    }

    /// Progress, as the engine reported it.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Where what counts begins, in nanoseconds from the start of the run: after the warm-up, and what was
    /// cut.
    fn counted_from_ns(&self) -> u64 {
        self.offer.warm_up.as_nanos() as u64 + self.looked.cut_ns
    }

    /// Records per second that were completed under load, after the warm-up and what was cut.
    #[must_use]
    pub fn achieved_per_s(&self) -> f64 {
        let records = self.summary().records;
        let to_ns = (self.offer.warm_up + self.offer.measured).as_nanos() as u64;
        throughput(&self.points, self.counted_from_ns()..to_ns, records, self.ended_ns)
    }

    /// Why its latencies are not those of every record, if they are not. At saturation, where the scheduled
    /// times are nominal, nothing is asked of them.
    #[must_use]
    pub fn latency_fault(&self) -> Option<String> {
        let engine = self.outcome.summary.as_ref().map(|summary| summary.engine.as_str());
        let states_none = engine == Ok(WITHOUT_LATENCIES) && self.samples.taken == 0;
        let asked = !self.offer.is_saturation() && !states_none;
        self.samples.fault(&self.latency).filter(|_| asked)
    }

    /// Records per second due in the measured phase. What is due evenly has its rate, and Poisson's arrivals have it
    /// on average; of bursts and ramps the phase may hold any part, so that they are counted.
    fn offered_per_s(&self) -> f64 {
        match self.offer.shape {
            Shape::Burst(_) | Shape::Ramp { .. } => {
                self.samples.due as f64 / self.offer.measured.as_secs_f64()
            }
            Shape::Constant | Shape::Poisson | Shape::Max => self.offer.rate.as_f64(),
        }
    }

    /// The run as a result file has it.
    #[must_use]
    pub fn into_run(self, round: u32, sequence: u32, mut verdict: Verdict) -> Run {
        let summary = self.summary();
        let saturation = self.offer.is_saturation();
        let warm_up_ns = self.offer.warm_up.as_nanos() as u64;
        let end_ns = warm_up_ns + self.offer.measured.as_nanos() as u64;
        let drain_ns = self.ended_ns.saturating_sub(end_ns);
        let finished = self.outcome.summary.is_ok();
        if let Some(fault) = self.latency_fault().filter(|_| finished) {
            verdict.valid = false;
            verdict.examples.push(fault);
        }
        let error = self.outcome.summary.as_ref().err().map(ToString::to_string);
        let text = |histogram| encode(histogram).ok().filter(|_| !saturation);
        Run {
            round,
            sequence,
            mode: if saturation { Mode::Saturation } else { Mode::Paced },
            schedule: self.offer.describe(),
            offered_per_s: (!saturation).then(|| self.offered_per_s()),
            achieved_per_s: self.achieved_per_s(),
            records: summary.records,
            verdict,
            sustained: self.sustained,
            phases: Phases {
                set_up_s: self.set_up_ns as f64 / 1e9,
                warm_up_s: self.offer.warm_up.as_secs_f64(),
                measured_s: self.offer.measured.as_secs_f64(),
                drain_s: drain_ns as f64 / 1e9,
            },
            steady: self.outcome.summary.is_ok().then(|| self.looked.steady.clone()),
            latency: percentiles(&self.latency.scheduled).filter(|_| !saturation),
            service: percentiles(&self.latency.service).filter(|_| !saturation),
            latency_hdr: text(&self.latency.scheduled),
            service_hdr: text(&self.latency.service),
            series: time_series(
                &self.progress,
                &self.latency.intervals,
                SERIES_INTERVAL.as_nanos() as u64,
                self.counted_from_ns(),
            ),
            resources: self.resources,
            batches: batches(&summary.batches, self.batch_interval_ns, !saturation),
            ran: self.outcome.summary.is_ok().then(|| ran(&summary)),
            counters: summary.counters,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_the_slope_between_completions() {
        let points = |rows: &[(u64, u64)]| -> Vec<Point> {
            rows.iter().map(|&(at_ns, completed)| Point { at_ns, completed }).collect()
        };
        let whole = |points: &[Point], counted: Range<u64>| {
            let last = points.last().expect("points");
            throughput(points, counted, last.completed, last.at_ns)
        };
        let ms = |from: u64, to: u64| from * 1_000_000..to * 1_000_000;
        // A thousand a second in steps of 500 ms; the last is of a load that ended after 1,600 ms.
        let rows = [(500, 500), (1_000, 1_000), (1_500, 1_500), (2_000, 1_600)];
        let stairs = points(&rows.map(|(at, completed)| (at * 1_000_000, completed)));
        for (counted, want) in [
            // From step to step, wherever between two steps the warm-up ends ...
            (ms(0, 1_600), 1_000.0),
            (ms(300, 1_600), 1_000.0),
            (ms(700, 1_600), 1_000.0),
            (ms(1_000, 1_600), 1_000.0),
            // ... and wherever the load does.
            (ms(0, 1_500), 1_000.0),
            (ms(0, 1_999), 1_000.0),
            (ms(0, 1_499), 1_000.0),
            // Not two steps in what counts: the last before the load's end.
            (ms(1_100, 1_600), 1_000.0),
            (ms(1_100, 1_400), 1_000.0),
            (ms(1_700, 1_900), 1_000.0),
            (ms(0, 900), 1_000.0),
            (ms(3_000, 4_000), 200.0),
            // Not a step before the load's end: what there is.
            (ms(0, 400), 1_100.0 / 1.5),
        ] {
            let is = whole(&stairs, counted.clone());
            assert!((is - want).abs() < 1e-9, "{counted:?}: {is} and not {want}");
        }
        // An engine that is behind completes at its own rate, after the load's end too.
        let behind = points(&[(1_000_000, 1), (2_000_000, 2), (9_000_000, 9)]);
        assert!((whole(&behind, 0..2_000_000) - 1_000.0).abs() < 1e-9);
        // A batch a second, warmed up for 150 ms and loaded for a second.
        let seconds = points(&[(1_000_000_000, 10_000), (2_000_000_000, 11_500)]);
        let is = whole(&seconds, ms(150, 1_150));
        assert!((is - 10_000.0).abs() < 1e-9, "{is}");
        // Without two points: everything over everything.
        assert!((throughput(&points(&[(7, 10)]), 0..9, 10, 2_000_000_000) - 5.0).abs() < 1e-9);
        assert!(throughput(&[], 0..9, 0, 0).abs() < 1e-9);
    }

    #[test]
    fn every_record_has_a_latency() {
        let with = |change: fn(&mut LatencyResult)| {
            let spec = RecordingSpec::after_warm_up(Duration::ZERO, Duration::from_secs(1));
            let mut latency = Recordings::new(spec).finish();
            change(&mut latency);
            latency
        };
        for (of, due, taken, says) in [
            (with(|_| ()), 10, 10, None),
            (with(|_| ()), 0, 0, None),
            (with(|_| ()), 10, 0, Some("0 latencies of 10 records")),
            (with(|_| ()), 10, 9, Some("9 latencies of 10 records")),
            (with(|_| ()), 10, 11, Some("11 latencies of 10 records")),
            (with(|of| of.early = 2), 10, 10, Some("2 visible before they were due")),
            (with(|of| of.overflow = 1), 10, 10, Some("1 above an hour")),
            (with(|of| of.unfinished = 1), 10, 10, Some("1 recorders lost")),
        ] {
            let fault = Samples { due, taken }.fault(&of);
            assert_eq!(fault.is_some(), says.is_some(), "{fault:?}");
            assert!(fault.unwrap_or_default().contains(says.unwrap_or_default()), "{says:?}");
        }
    }
}
