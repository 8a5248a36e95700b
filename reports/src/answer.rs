//! The answer in two sentences: one about latency, one about throughput.

use crate::contenders::{Model, common_load, pick, spoken};
use crate::summary::{Paced, RowSummary, Saturation, Settling, Summary, WorkloadSummary};
use crate::text::capitalised;
use crate::units;
use std::fmt;
use weir_statistics::ranks::mann_whitney;

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
            "On {} latency cannot be compared, as {}.",
            workload.name,
            no_common_load((a_name, records), (b_name, batches))
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

/// Why two rows have no latency at the same load: rows that never settle have none, however they were paced.
fn no_common_load(a: (&str, &RowSummary), b: (&str, &RowSummary)) -> String {
    let ((a_name, a), (b_name, b)) = (a, b);
    match (a.never_settled_paced(), b.never_settled_paced()) {
        (true, true) => format!("neither {a_name} nor {b_name} settled at any load"),
        (true, false) => format!("{a_name} never settled at any load"),
        (false, true) => format!("{b_name} never settled at any load"),
        (false, false) if settles_apart(a, b) => {
            format!("{a_name} and {b_name} settled at no load that both were paced at")
        }
        (false, false) => format!("{a_name} and {b_name} were not paced at the same load"),
    }
}

/// Whether there is a load that both were paced at, and did not both settle at.
fn settles_apart(a: &RowSummary, b: &RowSummary) -> bool {
    let both = a.paced.iter().zip(&b.paced).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
    both.into_iter().any(|(a, b)| a.settling.never_settled() || b.settling.never_settled())
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

/// How often chance may put two rows in an order that is stated.
const BY_CHANCE: f64 = 0.05;

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
        (None, None) => return no_throughput((a_name, records), (b_name, batches)),
    };
    let (first, second) = if b.per_s.median >= a.per_s.median {
        ((b_name.as_str(), b), (a_name, a))
    } else {
        ((a_name, a), (b_name.as_str(), b))
    };
    let ratio = units::multiple_spoken(first.1.per_s.median / second.1.per_s.median);
    let verdict = match first.1.per_s.rounds.min(second.1.per_s.rounds) {
        1 => format!("{ratio} as much, in a single round"),
        // Fewer rounds than it takes to rule out chance: how many there were is for the reader to weigh.
        rounds @ 2..4 if !a.per_s.overlaps(&b.per_s) => {
            format!("{ratio} as much, in all of {rounds} rounds")
        }
        4.. if mann_whitney(&a.rates, &b.rates).is_ok_and(|test| test.p <= BY_CHANCE) => {
            format!("{ratio} as much")
        }
        rounds => format!("by {rounds} rounds of each it is not certain which is ahead"),
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

fn no_throughput(a: (&str, &RowSummary), b: (&str, &RowSummary)) -> String {
    match (a.1.settling.never_settled(), b.1.settling.never_settled()) {
        (true, true) => "At saturation neither settled.".to_owned(),
        (false, false) => "Neither was run at saturation.".to_owned(),
        _ => format!("At saturation {} {}; {} {}.", a.0, absent(a.1), b.0, absent(b.1)),
    }
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
        let mut settlings = row.paced.iter().flatten().map(|paced| &paced.settling);
        let never = row.settling.never_settled() || settlings.any(Settling::never_settled);
        said.push(if never {
            "was run, but never settled".to_owned()
        } else {
            "was run, but neither paced nor at saturation".to_owned()
        });
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
