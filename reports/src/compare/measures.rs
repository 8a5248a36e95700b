//! What the rounds of both sides came to.

use super::document::{Comparison, Finding};
use super::judged::{Beside, Sides, ratio, several, share, share_by_machine};
use super::machine::{Loops, Yardstick};
use crate::schema::{ResultFile, Run};
use crate::text::clean;
use serde::Serialize;
use std::collections::HashMap;
use weir_statistics::sample::median;
use weir_statistics::verdict::{Better, Judge, Verdict};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Records per second at saturation.
    Throughput,
    /// Processor seconds per million records at saturation.
    CpuPerMillion,
    /// Median latency of a round, nanoseconds.
    LatencyP50,
    /// 99th percentile of a round, nanoseconds.
    LatencyP99,
    /// Share of the rounds in which the engine kept up with the rate.
    KeptUp,
    /// Share of the runs that settled.
    Settled,
    /// Share of the runs that came to their end with the oracle's output.
    Valid,
}

impl Metric {
    /// As tables call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "rec/s",
            Self::CpuPerMillion => "CPU/M",
            Self::LatencyP50 => "p50",
            Self::LatencyP99 => "p99",
            Self::KeptUp => "kept up",
            Self::Settled => "settled",
            Self::Valid => "valid",
        }
    }

    pub(super) const fn better(self) -> Better {
        match self {
            Self::Throughput | Self::KeptUp | Self::Settled | Self::Valid => Better::Higher,
            Self::CpuPerMillion | Self::LatencyP50 | Self::LatencyP99 => Better::Lower,
        }
    }

    /// Whether there is a multiple of what the hand-written loop did.
    pub(super) const fn has_multiple(self) -> bool {
        matches!(self, Self::Throughput | Self::CpuPerMillion)
    }

    /// Whether it is a share of rounds that did.
    const fn is_share(self) -> bool {
        matches!(self, Self::KeptUp | Self::Settled | Self::Valid)
    }

    /// The same as a multiple of what the hand-written loop did in that round, in which the machine's speed
    /// cancels out; `None` of what has no such multiple.
    fn to_loop(self, value: f64, loop_per_s: f64) -> Option<f64> {
        match self {
            Self::Throughput => Some(value / loop_per_s),
            // Seconds per million records, over those of the loop.
            Self::CpuPerMillion => Some(value * loop_per_s / 1e6),
            _ => None,
        }
    }

    /// What a run says of it.
    fn of(self, run: &Run) -> Option<f64> {
        let latency = run.latency.as_ref();
        let value = match self {
            Self::Throughput => run.achieved_per_s,
            Self::CpuPerMillion => {
                let used = run.resources.user_s + run.resources.system_s;
                used / run.records as f64 * 1e6
            }
            // Of an engine that fell behind, latency is how long the run was.
            Self::LatencyP50 | Self::LatencyP99 if run.sustained == Some(false) => return None,
            Self::LatencyP50 => latency?.p50_ns as f64,
            Self::LatencyP99 => latency?.p99_ns as f64,
            Self::KeptUp => f64::from(u8::from(run.sustained?)),
            Self::Settled => {
                run.steady.as_ref()?;
                f64::from(u8::from(!run.never_settled()))
            }
            Self::Valid => f64::from(u8::from(run.is_right())),
        };
        // Ratios are of positive numbers.
        (value.is_finite() && (value > 0.0 || self.is_share())).then_some(value)
    }
}

/// Workload and row.
type Name<'a> = (&'a str, &'a str);

/// The rows of one side, over all its results.
struct Rows<'a> {
    /// Each once, in the order in which they first come.
    names: Vec<Name<'a>>,
    sides: HashMap<Name<'a>, Side<'a>>,
}

impl<'a> Rows<'a> {
    fn of(files: &'a [ResultFile]) -> Self {
        let mut all = Self { names: Vec::new(), sides: HashMap::new() };
        for workload in files.iter().flat_map(|file| &file.workloads) {
            let yardstick = Yardstick::of(workload);
            for row in &workload.rows {
                let name = (workload.name.as_str(), row.id.as_str());
                let side = all.sides.entry(name).or_insert_with(|| {
                    all.names.push(name);
                    Side::default()
                });
                side.rounds.extend(row.runs.iter().map(|run| (run, yardstick.in_round(run.round))));
            }
        }
        // What is of one workload stands together, whichever of the results it is from.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (workload, _) in &all.names {
            let next = places.len();
            places.entry(workload).or_insert(next);
        }
        all.names.sort_by_key(|(workload, _)| places[workload]);
        all
    }
}

/// One side of a row: its runs over all results of that side, each with what the hand-written loop did in
/// its round.
#[derive(Default)]
struct Side<'a> {
    rounds: Vec<(&'a Run, Option<f64>)>,
}

impl<'a> Side<'a> {
    /// Loads in the order in which they first come.
    fn loads(&self) -> Vec<&'a str> {
        let mut loads = Vec::new();
        for (run, _) in &self.rounds {
            if !loads.contains(&run.load()) {
                loads.push(run.load());
            }
        }
        loads
    }

    fn under(&self, load: &str) -> impl Iterator<Item = &(&'a Run, Option<f64>)> {
        self.rounds.iter().filter(move |(run, _)| run.load() == load)
    }

    /// A load as a share of what was done at saturation, if that was measured. What comes in bursts is more for a
    /// time than its rate says.
    fn utilisation(&self, load: &str) -> Option<f64> {
        let (capacity, _) = self.values(Run::SATURATION, Metric::Throughput);
        let (run, _) = self.under(load).next()?;
        let even = ["constant", "poisson"].iter().any(|shape| run.schedule.starts_with(shape));
        let offered = run.offered_per_s.filter(|_| even && !capacity.is_empty())?;
        Some(offered / median(&capacity))
    }

    /// A value for each round that has one, and the multiple of the loop's for each that has that.
    fn values(&self, load: &str, metric: Metric) -> (Vec<f64>, Vec<f64>) {
        // A run that never settled has no numbers, but it can be right, and can keep up.
        let counts = metric.is_share();
        let valid = |run: &Run| {
            metric == Metric::Valid
                || Metric::Valid.of(run) == Some(1.0) && (counts || !run.never_settled())
        };
        let (mut values, mut to_loop) = (Vec::new(), Vec::new());
        for (run, loop_per_s) in self.under(load).filter(|(run, _)| valid(run)) {
            let Some(value) = metric.of(run) else { continue };
            values.push(value);
            to_loop.extend(loop_per_s.and_then(|speed| metric.to_loop(value, speed)));
        }
        (values, to_loop)
    }
}

/// Everything that both sides have.
pub(super) fn all(old: &[ResultFile], new: &[ResultFile], judge: &Judge) -> Comparison {
    let mut comparison = Comparison {
        verdict: String::new(),
        confidence: judge.confidence,
        noise_band: judge.band,
        machines: Vec::new(),
        findings: Vec::new(),
        unmatched: Vec::new(),
        allowed: Vec::new(),
    };
    let (old_rows, new_rows) = (Rows::of(old), Rows::of(new));
    for name in &old_rows.names {
        if !new_rows.sides.contains_key(name) {
            comparison.unmatched.push(format!("{} is in the old result only", place(*name)));
        }
    }
    let mut loops: Option<(&str, Loops)> = None;
    for name in &new_rows.names {
        let (Some(old_side), Some(new_side)) = (old_rows.sides.get(name), new_rows.sides.get(name))
        else {
            comparison.unmatched.push(format!("{} is in the new result only", place(*name)));
            continue;
        };
        let (workload, _) = *name;
        if loops.as_ref().is_none_or(|(of, _)| *of != workload) {
            let found = Loops::of(old, new, workload, judge);
            comparison.machines.extend(found.machine.clone());
            loops = Some((workload, found));
        }
        let Some((_, loops)) = &loops else { continue };
        let row = Pair { name: *name, old: old_side, new: new_side };
        row.compare(loops, judge, &mut comparison);
    }
    several(&mut comparison.findings, judge);
    comparison
}

fn place((workload, row): Name<'_>) -> String {
    clean(&format!("{workload} on {row}"))
}

/// A row that both sides have.
struct Pair<'a> {
    name: Name<'a>,
    old: &'a Side<'a>,
    new: &'a Side<'a>,
}

impl Pair<'_> {
    fn compare(&self, loops: &Loops, judge: &Judge, into: &mut Comparison) {
        let (olds, news) = (self.old.loads(), self.new.loads());
        let mut only = |load: &str, side: &str| {
            let at = clean(load);
            into.unmatched
                .push(format!("{} at {at} is in the {side} result only", place(self.name)));
        };
        olds.iter().filter(|load| !news.contains(load)).for_each(|load| only(load, "old"));
        news.iter().filter(|load| !olds.contains(load)).for_each(|load| only(load, "new"));
        for load in news.into_iter().filter(|load| olds.contains(load)) {
            into.findings.extend(self.at(load, loops, judge));
        }
    }

    /// What is wrong with the output, or with keeping up, comes before any number.
    fn at(&self, load: &str, loops: &Loops, judge: &Judge) -> Vec<Finding> {
        let sides = |metric: Metric| {
            let ((old, old_to_loop), (new, new_to_loop)) =
                (self.old.values(load, metric), self.new.values(load, metric));
            let finding = self.finding(load, metric, old, new);
            Sides { finding, to_loop: (old_to_loop, new_to_loop) }
        };
        let beside = Beside {
            loops,
            utilisation: self.old.utilisation(load),
            unsettled: (unsettled(self.old, load), unsettled(self.new, load)),
        };
        let compared = |metric: Metric| ratio(sides(metric), &beside, judge);
        let valid = share(sides(Metric::Valid).finding, "runs ended, and were right,", judge);
        let mut found: Vec<Finding> = valid.into_iter().collect();
        // One round in some that does not settle is nothing to go by; all of them are.
        let none = |finding: &Finding| finding.old.contains(&1.0) != finding.new.contains(&1.0);
        let settled = share(sides(Metric::Settled).finding, "runs settled", judge).filter(none);
        found.extend(settled.filter(|finding| finding.p.is_some()));
        if load == Run::SATURATION {
            found.extend(
                [Metric::Throughput, Metric::CpuPerMillion].into_iter().filter_map(compared),
            );
            return found;
        }
        let kept_up = sides(Metric::KeptUp).finding;
        let kept_up = share_by_machine(kept_up, "the engine kept up", &beside, judge);
        let behind = kept_up.is_some();
        found.extend(kept_up);
        let latencies = [Metric::LatencyP50, Metric::LatencyP99].into_iter().filter_map(compared);
        // Where a side has no round that kept up, that has been said.
        found.extend(latencies.filter(|latency| !behind || latency.change.is_some()));
        found
    }

    fn finding(&self, load: &str, metric: Metric, old: Vec<f64>, new: Vec<f64>) -> Finding {
        let (workload, row) = self.name;
        Finding {
            workload: clean(workload),
            row: clean(row),
            load: clean(load),
            metric,
            relative: false,
            old,
            new,
            change: None,
            confidence: None,
            p: None,
            q: None,
            dominance: None,
            verdict: Verdict::Inconclusive,
            note: None,
        }
    }
}

/// How many of the runs under a load never settled.
fn unsettled(side: &Side<'_>, load: &str) -> usize {
    side.under(load).filter(|(run, _)| run.never_settled()).count()
}
