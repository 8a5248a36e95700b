//! Latency at one load: rounds merged by their histograms.

use crate::histogram::{self, Packed};
use crate::schema::{Component, Mode, Percentiles, Row, Run, SeriesPoint};
use crate::summary::{Effort, Settling, Spread};
use crate::text::clean;
use crate::units;
use hdrhistogram::Histogram;

/// A load at which rows were paced.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// The schedule in words.
    pub schedule: String,
    /// Records per second that it offers.
    pub offered_per_s: Option<f64>,
}

impl Load {
    /// The loads of some rows' paced runs, by rate, each once.
    pub(super) fn all(rows: &[Row]) -> Vec<Self> {
        let mut loads: Vec<Self> = Vec::new();
        for run in rows.iter().flat_map(|row| &row.runs) {
            if run.mode == Mode::Paced && !loads.iter().any(|load| load.holds(run)) {
                let offered_per_s = run.offered_per_s.filter(|rate| rate.is_finite());
                loads.push(Self { schedule: clean(&run.schedule), offered_per_s });
            }
        }
        let rate = |load: &Self| load.offered_per_s.unwrap_or(0.0);
        loads.sort_by(|a, b| rate(a).total_cmp(&rate(b)).then_with(|| a.schedule.cmp(&b.schedule)));
        loads
    }

    /// Whether a run was paced by this load. A random schedule offers a little more in one round than
    /// in another, hence the 1 %.
    pub(crate) fn holds(&self, run: &Run) -> bool {
        let same_rate = match (self.offered_per_s, run.offered_per_s.filter(|r| r.is_finite())) {
            (Some(a), Some(b)) => (a - b).abs() <= 0.01 * a.abs().max(b.abs()),
            (None, None) => true,
            _ => false,
        };
        run.mode == Mode::Paced && same_rate && self.schedule == clean(&run.schedule)
    }

    /// What it is called: `10 k lines/s` at a constant rate, else with its schedule.
    #[must_use]
    pub fn label(&self, noun: &str) -> String {
        match self.offered_per_s {
            Some(rate) if self.schedule.is_empty() || self.schedule.starts_with("constant") => {
                format!("{} {noun}/s", units::quantity_short(rate))
            }
            Some(rate) => {
                format!("{} {noun}/s ({})", units::quantity_short(rate), self.schedule)
            }
            None if self.schedule.is_empty() => "an unnamed load".to_owned(),
            None => self.schedule.clone(),
        }
    }
}

/// A row at one load, all rounds together.
#[derive(Clone, Debug)]
pub struct Paced {
    /// How many rounds that settled.
    pub rounds: usize,
    /// Whether they settled, those that did not included.
    pub settling: Settling,
    /// Records per second that were completed.
    pub achieved: Option<Spread>,
    /// From the scheduled time to visible.
    pub latency: Option<Distribution>,
    /// From taken in to visible.
    pub service: Option<Distribution>,
    /// Whether the engine kept up in every round that says.
    pub sustained: Option<bool>,
    /// The furthest that completion was behind the schedule in the measured phases.
    pub behind_s: Option<f64>,
    /// Processor seconds per million records.
    pub cpu_s_per_million: Option<f64>,
    /// Processors in use on average.
    pub cpus_used: Option<f64>,
    /// Memory, context switches and batches.
    pub effort: Effort,
    /// Which round `series` is of.
    pub series_round: u32,
    /// Progress over time of one round, the first that has any.
    pub series: Vec<SeriesPoint>,
    /// Rounds whose latency is not in `latency`, because they came without a histogram.
    pub rounds_left_out: usize,
}

/// A latency distribution.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Its points.
    pub points: Percentiles,
    /// The distribution itself, where the file holds it.
    pub histogram: Option<Packed>,
    /// How many rounds are in it.
    pub rounds: usize,
}

impl Paced {
    pub(super) fn of(runs: &[&Run], components: &[Component]) -> Option<Self> {
        let settling = Settling::of(runs);
        let settled: Vec<&Run> = runs.iter().copied().filter(|run| !run.never_settled()).collect();
        let runs = settled.as_slice();
        let first_with_series = runs.iter().find(|run| !run.series.is_empty());
        let said: Vec<bool> = runs.iter().filter_map(|run| run.sustained).collect();
        let achieved: Vec<f64> = runs.iter().map(|run| run.achieved_per_s).collect();
        let latency = Distribution::merged(
            runs.iter().map(|run| (run.latency.as_ref(), run.latency_hdr.as_deref())),
        );
        let service = Distribution::merged(
            runs.iter().map(|run| (run.service.as_ref(), run.service_hdr.as_deref())),
        );
        let wall: f64 = runs.iter().map(|run| run.resources.wall_s).sum();
        (settling.rounds > 0).then(|| Self {
            rounds: runs.len(),
            settling,
            achieved: Spread::of(&achieved),
            sustained: (!said.is_empty()).then(|| said.iter().all(|kept_up| *kept_up)),
            behind_s: runs.iter().filter_map(|run| behind_s(run)).reduce(f64::max),
            cpu_s_per_million: cpu_s_per_million(runs),
            cpus_used: Some(cpu_s(runs) / wall).filter(|used| used.is_finite()),
            effort: Effort::of(runs, components),
            series_round: first_with_series.map_or(0, |run| run.round),
            series: first_with_series.map(|run| run.series.clone()).unwrap_or_default(),
            rounds_left_out: latency.as_ref().map_or(0, |l| runs.len() - l.rounds),
            latency,
            service,
        })
    }
}

impl Distribution {
    /// Merges what the rounds say. Points alone cannot be merged, so a round without a readable
    /// histogram counts only where it is the only one.
    fn merged<'a>(
        rounds: impl Iterator<Item = (Option<&'a Percentiles>, Option<&'a str>)>,
    ) -> Option<Self> {
        let rounds: Vec<_> = rounds.collect();
        let mut whole: Option<Histogram<u64>> = None;
        let mut merged = 0;
        let mut exact_max = Some(0);
        for (points, text) in &rounds {
            let Some(histogram) = text.and_then(|text| histogram::decode(text).ok()) else {
                continue;
            };
            let added = match &mut whole {
                Some(whole) => histogram::merge(whole, &histogram),
                None => {
                    whole = Some(histogram);
                    true
                }
            };
            if added {
                merged += 1;
                exact_max = exact_max.zip(*points).map(|(max, points)| max.max(points.max_ns));
            }
        }
        let merged_points = whole.as_ref().and_then(histogram::percentiles);
        match (merged_points, rounds.as_slice()) {
            (Some(points), _) => {
                // The file states the largest value exactly, the histogram to three digits.
                let max_ns = exact_max.filter(|max| *max >= points.p99_ns).unwrap_or(points.max_ns);
                let points = Percentiles { max_ns, ..points };
                let histogram = whole.and_then(|whole| Packed::of(&whole).ok());
                Some(Self { points, histogram, rounds: merged })
            }
            (None, [(Some(points), _)]) if points.count > 0 => {
                Some(Self { points: supported(**points), histogram: None, rounds: 1 })
            }
            _ => None,
        }
    }
}

/// Leaves out percentiles that too few records support, whatever the file says.
fn supported(points: Percentiles) -> Percentiles {
    let enough = |least: u64| points.count >= least;
    Percentiles {
        p999_ns: points.p999_ns.filter(|_| enough(histogram::MIN_COUNT_P999)),
        p9999_ns: points.p9999_ns.filter(|_| enough(histogram::MIN_COUNT_P9999)),
        ..points
    }
}

/// How far completion was behind the schedule at worst: backlog over the offered rate. Where there is
/// no series, how long the end of the run took.
fn behind_s(run: &Run) -> Option<f64> {
    let offered = run.offered_per_s.filter(|rate| rate.is_finite() && *rate > 0.0);
    let backlog = run
        .series
        .iter()
        .filter(|point| !point.warm_up)
        .filter_map(|point| Some(point.due?.saturating_sub(point.completed)))
        .max();
    match (backlog, offered) {
        (Some(backlog), Some(offered)) => Some(backlog as f64 / offered),
        _ => Some(run.phases.drain_s).filter(|drain| drain.is_finite() && *drain > 0.0),
    }
}

fn cpu_s(runs: &[&Run]) -> f64 {
    runs.iter().map(|run| run.resources.user_s + run.resources.system_s).sum()
}

/// Processor seconds per million records over some runs.
pub(super) fn cpu_s_per_million(runs: &[&Run]) -> Option<f64> {
    let records: f64 = runs.iter().map(|run| run.records as f64).sum();
    let used = cpu_s(runs);
    (records > 0.0 && used.is_finite() && used > 0.0).then(|| used / records * 1e6)
}
