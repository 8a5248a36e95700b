//! The answer in two sentences: one about latency, one about throughput.

use crate::contenders::{Model, common_load, pick, spoken};
use crate::summary::{Paced, RowSummary, Saturation, Summary, WorkloadSummary};
use crate::text::capitalised;
use crate::units;
use std::fmt;

/// What a result says about the two models, in two sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// About latency at a load that both sustain, if there is one.
    pub latency: String,
    /// About throughput at saturation.
    pub throughput: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.latency, self.throughput)
    }
}

impl Answer {
    /// The answer that a result gives.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let Some(workload) = summary.headline() else {
            return Self {
                latency: "No workload was run.".to_owned(),
                throughput: "There is nothing to compare.".to_owned(),
            };
        };
        let records = pick(workload, Model::RecordAtATime);
        let batches = pick(workload, Model::MicroBatch);
        match (records, batches) {
            (Ok(records), Ok(batches)) => Self {
                latency: compare_latency(workload, records, batches),
                throughput: compare_throughput(workload, records, batches),
            },
            (Ok(row), Err(why)) => one_sided(workload, (Model::RecordAtATime, row), &why),
            (Err(why), Ok(row)) => one_sided(workload, (Model::MicroBatch, row), &why),
            (Err(records), Err(batches)) => Self {
                latency: format!(
                    "On {} nothing can be compared: record at a time {records}.",
                    workload.name
                ),
                throughput: format!("Micro-batch {batches}."),
            },
        }
    }
}

fn compare_latency(
    workload: &WorkloadSummary,
    records: &RowSummary,
    batches: &RowSummary,
) -> String {
    let a_name = &spoken(Model::RecordAtATime, records);
    let b_name = &spoken(Model::MicroBatch, batches);
    let Some((at, a, b)) = common_load(records, batches) else {
        return format!(
            "On {} latency cannot be compared, as {a_name} and {b_name} were not paced at the same load.",
            workload.name
        );
    };
    let start = format!("On {} at {}", workload.name, workload.loads[at].label(workload.noun()));
    let (a_p50, b_p50) = (median_ns(a), median_ns(b));
    let both = format!(
        "{a_name} answers in {} at the median, {b_name} in {} ({} as long)",
        units::duration(a_p50),
        units::duration(b_p50),
        units::multiple_spoken(b_p50 as f64 / a_p50.max(1) as f64),
    );
    match (a.sustained, b.sustained) {
        (Some(true), Some(true)) => format!("{start} both keep up: {both}."),
        (Some(false), Some(false)) => format!(
            "{start} neither keeps up: {a_name} falls behind{}, {b_name}{}.",
            by(a),
            if b.behind_s.is_some() { by(b) } else { " too".to_owned() }
        ),
        (kept_up, Some(false)) => one_behind(&start, (a_name, a_p50, kept_up), (b_name, b)),
        (Some(false), kept_up) => one_behind(&start, (b_name, b_p50, kept_up), (a_name, a)),
        _ => format!("{start} {both}."),
    }
}

fn one_behind(start: &str, good: (&str, u64, Option<bool>), bad: (&str, &Paced)) -> String {
    let (name, p50, kept_up) = good;
    let verb = if kept_up == Some(true) { "keeps up and answers" } else { "answers" };
    format!(
        "{start} {name} {verb} in {} at the median, while {} falls behind{}.",
        units::duration(p50),
        bad.0,
        by(bad.1)
    )
}

fn by(paced: &Paced) -> String {
    match paced.behind_s {
        Some(behind) => format!(" by {}", units::duration((behind * 1e9) as u64)),
        None => String::new(),
    }
}

fn median_ns(paced: &Paced) -> u64 {
    paced.latency.as_ref().map_or(0, |latency| latency.points.p50_ns)
}

fn compare_throughput(
    workload: &WorkloadSummary,
    records: &RowSummary,
    batches: &RowSummary,
) -> String {
    let (a_name, b_name) = (Model::RecordAtATime.name(), &spoken(Model::MicroBatch, batches));
    let (a, b) = match (&records.saturation, &batches.saturation) {
        (Some(a), Some(b)) => (a, b),
        (Some(a), None) => return only_throughput(workload, (a_name, a), (b_name, batches)),
        (None, Some(b)) => return only_throughput(workload, (b_name, b), (a_name, records)),
        (None, None) if records.settling.never_settled() || batches.settling.never_settled() => {
            return "At saturation neither settled.".to_owned();
        }
        (None, None) => return "Neither was run at saturation.".to_owned(),
    };
    let (first, second) = if b.per_s.median >= a.per_s.median {
        ((b_name.as_str(), b), (a_name, a))
    } else {
        ((a_name, a), (b_name.as_str(), b))
    };
    let ratio = units::multiple_spoken(first.1.per_s.median / second.1.per_s.median);
    let single = first.1.per_s.rounds < 2 || second.1.per_s.rounds < 2;
    let verdict = if single {
        format!("{ratio} as much, in a single round")
    } else if a.per_s.overlaps(&b.per_s) {
        "their rounds overlap, so neither is ahead".to_owned()
    } else {
        format!("{ratio} as much")
    };
    format!(
        "At saturation {} processes {}, {} {}: {verdict}.",
        first.0,
        flow(workload, first.1, Saying::First),
        second.0,
        flow(workload, second.1, Saying::Again),
    )
}

/// Whether the units are still to be said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saying {
    First,
    Again,
}

fn flow(workload: &WorkloadSummary, at: &Saturation, saying: Saying) -> String {
    let rate = units::quantity(at.per_s.median);
    let cost = at.cost_multiple.map(units::multiple_spoken);
    match (saying, cost) {
        (Saying::First, Some(cost)) => {
            format!("{rate} {}/s ({cost} the single-threaded COST loop)", workload.noun())
        }
        (Saying::First, None) => format!("{rate} {}/s", workload.noun()),
        (Saying::Again, Some(cost)) => format!("{rate} ({cost})"),
        (Saying::Again, None) => rate,
    }
}

/// Why a row has no throughput.
const fn absent(row: &RowSummary) -> &'static str {
    if row.settling.never_settled() { "never settled" } else { "was not run so" }
}

fn only_throughput(
    workload: &WorkloadSummary,
    (name, at): (&str, &Saturation),
    (other, missing): (&str, &RowSummary),
) -> String {
    let flow = flow(workload, at, Saying::First);
    format!("At saturation {name} processes {flow}; {other} {}.", absent(missing))
}

/// What can be said where one model has no row with numbers.
fn one_sided(workload: &WorkloadSummary, there: (Model, &RowSummary), why: &str) -> Answer {
    let (model, row) = there;
    let missing = match model {
        Model::RecordAtATime => Model::MicroBatch,
        Model::MicroBatch => Model::RecordAtATime,
    };
    let name = spoken(model, row);
    let mut said = Vec::new();
    let measured = row.paced.iter().enumerate().find_map(|(at, paced)| {
        let latency = paced.as_ref()?.latency.as_ref()?;
        Some((&workload.loads[at], latency))
    });
    if let Some((load, latency)) = measured {
        let p50 = units::duration(latency.points.p50_ns);
        said.push(format!("answers in {p50} at the median at {}", load.label(workload.noun())));
    }
    if let Some(at) = &row.saturation {
        said.push(format!("processes {} at saturation", flow(workload, at, Saying::First)));
    }
    if said.is_empty() {
        said.push("was run, but neither paced nor at saturation".to_owned());
    }
    Answer {
        latency: format!(
            "On {} the models cannot be compared, as {} {why}.",
            workload.name,
            missing.name()
        ),
        throughput: format!("{} {}.", capitalised(&name), said.join(" and ")),
    }
}

#[cfg(test)]
mod tests;
