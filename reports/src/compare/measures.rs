//! What the rounds of both sides came to.

use super::document::{Comparison, Finding, Machine};
use crate::schema::{Mode, ResultFile, Run};
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
    /// Share of the runs whose output was the oracle's.
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
            Self::Valid => "valid",
        }
    }

    const fn better(self) -> Better {
        match self {
            Self::Throughput | Self::KeptUp | Self::Valid => Better::Higher,
            Self::CpuPerMillion | Self::LatencyP50 | Self::LatencyP99 => Better::Lower,
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
            Self::LatencyP50 => latency?.p50_ns as f64,
            Self::LatencyP99 => latency?.p99_ns as f64,
            Self::KeptUp => f64::from(u8::from(run.sustained?)),
            Self::Valid => f64::from(u8::from(run.verdict.valid && run.error.is_none())),
        };
        // Ratios are of positive numbers.
        let sound =
            value.is_finite() && (value > 0.0 || matches!(self, Self::KeptUp | Self::Valid));
        sound.then_some(value)
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
            for row in &workload.rows {
                let name = (workload.name.as_str(), row.id.as_str());
                let side = all.sides.entry(name).or_insert_with(|| {
                    all.names.push(name);
                    Side::default()
                });
                side.runs.extend(&row.runs);
            }
        }
        all
    }
}

/// One side of a row: its runs over all results of that side.
#[derive(Default)]
struct Side<'a> {
    runs: Vec<&'a Run>,
}

/// A load: how it is called, and whether a run was under it.
const SATURATION: &str = "saturation";

fn load_of(run: &Run) -> &str {
    match run.mode {
        Mode::Saturation => SATURATION,
        Mode::Paced => &run.schedule,
    }
}

impl<'a> Side<'a> {
    /// Loads in the order in which they first come.
    fn loads(&self) -> Vec<&'a str> {
        let mut loads = Vec::new();
        for run in &self.runs {
            if !loads.contains(&load_of(run)) {
                loads.push(load_of(run));
            }
        }
        loads
    }

    fn values(&self, load: &str, metric: Metric) -> Vec<f64> {
        // A run that never settled has no numbers, but it can be right, and can keep up.
        let counts = matches!(metric, Metric::Valid | Metric::KeptUp);
        let valid = |run: &Run| {
            metric == Metric::Valid
                || Metric::Valid.of(run) == Some(1.0) && (counts || !run.never_settled())
        };
        let under = self.runs.iter().filter(|run| load_of(run) == load && valid(run));
        under.filter_map(|run| metric.of(run)).collect()
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
        let (workload, row) = *name;
        if loops.as_ref().is_none_or(|(of, _)| *of != workload) {
            let found = Loops::of(old, new, workload, judge);
            comparison.machines.extend(found.machine.clone());
            loops = Some((workload, found));
        }
        let Some((_, loops)) = &loops else { continue };
        let place = (clean(workload), clean(row));
        of_row(&place, (old_side, new_side), loops, judge, &mut comparison);
    }
    comparison
}

fn place((workload, row): Name<'_>) -> String {
    clean(&format!("{workload} on {row}"))
}

/// The hand-written loops of a workload.
struct Loops {
    machine: Option<Machine>,
    /// Median throughput of the old and of the new loop, if the machine has changed.
    medians: Option<(f64, f64)>,
}

impl Loops {
    fn of(old: &[ResultFile], new: &[ResultFile], workload: &str, judge: &Judge) -> Self {
        let rates = |files: &[ResultFile]| -> Vec<f64> {
            let workloads = files.iter().flat_map(|file| &file.workloads);
            let costs = workloads.filter(|w| w.name == workload).filter_map(|w| w.cost.as_ref());
            let all = costs.flat_map(|cost| cost.records_per_s.iter().copied());
            all.filter(|rate| rate.is_finite() && *rate > 0.0).collect()
        };
        let (old, new) = (rates(old), rates(new));
        let Ok(found) = judge.groups(Better::Higher, &old, &new) else {
            return Self { machine: None, medians: None };
        };
        let differs = matches!(found.verdict, Verdict::Improved | Verdict::Regressed);
        let change = [found.change.low, found.change.estimate, found.change.high];
        Self {
            machine: Some(Machine { workload: clean(workload), change, differs }),
            medians: differs.then(|| (median(&old), median(&new))),
        }
    }
}

fn of_row(
    place: &(String, String),
    (old, new): (&Side<'_>, &Side<'_>),
    loops: &Loops,
    judge: &Judge,
    into: &mut Comparison,
) {
    let loads = new.loads();
    for load in old.loads() {
        if !loads.contains(&load) {
            let (workload, row) = place;
            let load = clean(load);
            into.unmatched.push(format!("{workload} on {row} at {load} is in the old result only"));
        }
    }
    for load in loads {
        if !old.loads().contains(&load) {
            let (workload, row) = place;
            let load = clean(load);
            into.unmatched.push(format!("{workload} on {row} at {load} is in the new result only"));
            continue;
        }
        let finding = |metric: Metric| Finding {
            workload: place.0.clone(),
            row: place.1.clone(),
            load: clean(load),
            metric,
            relative: false,
            old: old.values(load, metric),
            new: new.values(load, metric),
            change: None,
            p: None,
            dominance: None,
            verdict: Verdict::Inconclusive,
            note: None,
        };
        // What was wrong before and is right now, or the other way round, comes before any number.
        into.findings.extend(share(finding(Metric::Valid), "the output was the oracle's"));
        if load == SATURATION {
            into.findings.extend(ratio(finding(Metric::Throughput), loops, judge));
            into.findings.extend(ratio(finding(Metric::CpuPerMillion), loops, judge));
            continue;
        }
        let kept_up = share(finding(Metric::KeptUp), "the engine kept up");
        let behind = kept_up.is_some();
        into.findings.extend(kept_up);
        for metric in [Metric::LatencyP50, Metric::LatencyP99] {
            // Of an engine that fell behind, latency is how long the run was.
            into.findings.extend(ratio(finding(metric), loops, judge).filter(|_| !behind));
        }
    }
}

/// Of rounds that either did or did not: nothing to say if all did.
fn share(mut finding: Finding, what: &str) -> Option<Finding> {
    let all = |values: &[f64]| values.iter().all(|value| *value == 1.0);
    if all(&finding.old) && all(&finding.new) {
        return None;
    }
    let none = |values: &[f64]| values.iter().all(|value| *value == 0.0);
    let count = |values: &[f64]| {
        format!("{} of {}", values.iter().filter(|value| **value == 1.0).count(), values.len())
    };
    finding.verdict = match (all(&finding.old), all(&finding.new)) {
        // A single wrong output is one too many.
        (true, false) if finding.metric == Metric::Valid => Verdict::Regressed,
        (true, false) if none(&finding.new) => Verdict::Regressed,
        (false, true) if none(&finding.old) => Verdict::Improved,
        _ if none(&finding.old) && none(&finding.new) => Verdict::Unchanged,
        _ => Verdict::Inconclusive,
    };
    let (old, new) = (count(&finding.old), count(&finding.new));
    finding.note = Some(format!("{what} in {old} rounds, and now in {new}"));
    Some(finding)
}

/// Of values that are compared by their ratio. `None` if a side has none.
fn ratio(mut finding: Finding, loops: &Loops, judge: &Judge) -> Option<Finding> {
    let speed = loops.medians.map(|(old, new)| new / old);
    if let (Metric::Throughput, Some((old, new))) = (finding.metric, loops.medians) {
        finding.old.iter_mut().for_each(|value| *value /= old);
        finding.new.iter_mut().for_each(|value| *value /= new);
        finding.relative = true;
    }
    let better = finding.metric.better();
    let found = judge.groups(better, &finding.old, &finding.new).ok()?;
    finding.change = Some([found.change.low, found.change.estimate, found.change.high]);
    finding.p = Some(found.p);
    finding.dominance = Some(found.dominance);
    finding.verdict = found.verdict;
    if found.change.confidence < judge.confidence {
        let rounds = finding.old.len().min(finding.new.len());
        finding.note =
            Some(format!("{rounds} rounds are too few for a verdict: measure 4 or more"));
    }
    // A faster machine makes everything else better, too; how much, the loop cannot say.
    let explained = match (speed, finding.verdict) {
        (Some(speed), Verdict::Improved) => speed > 1.0,
        (Some(speed), Verdict::Regressed) => speed < 1.0,
        _ => false,
    };
    if explained && !finding.relative {
        finding.verdict = Verdict::Inconclusive;
        finding.note = Some("the machine has changed the same way".to_owned());
    }
    Some(finding)
}
