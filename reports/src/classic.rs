//! The classic table: model, unit of data, throughput, latency; filled with what was measured.

use crate::contenders::{Model, common_load, interval, pick};
use crate::summary::{RowSummary, Summary, WorkloadSummary};
use crate::units;

/// The classic table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classic {
    /// Which workload was measured.
    pub workload: String,
    /// The load at which latency was measured, if it is the same for both.
    pub load: Option<String>,
    /// Storm-like, then Spark-like.
    pub rows: [ClassicRow; 2],
}

/// A row of the classic table. A cell that was not measured says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicRow {
    /// `record at a time` or `micro-batch`.
    pub model: &'static str,
    /// The system that made the model known.
    pub like: &'static str,
    /// The engine that stood for it, for its colour; empty if none did.
    pub engine: String,
    /// The row that stood for it.
    pub row: Option<String>,
    /// What is processed at a time.
    pub unit: String,
    /// Throughput at saturation, and in brackets as a multiple of the COST loop's.
    pub throughput: String,
    /// Median latency, and in brackets its 99th percentile.
    pub latency: String,
}

impl Classic {
    /// The headline workload's classic table; `None` if no workload was run.
    #[must_use]
    pub fn of(summary: &Summary) -> Option<Self> {
        let workload = summary.headline()?;
        let records = pick(workload, Model::RecordAtATime);
        let batches = pick(workload, Model::MicroBatch);
        let common = match (&records, &batches) {
            (Ok(a), Ok(b)) => common_load(a, b).map(|(at, ..)| at),
            _ => workload.reference_load,
        };
        let row = |model, picked| classic_row(workload, model, picked, common);
        Some(Self {
            workload: workload.name.clone(),
            load: common.map(|at| workload.loads[at].label(workload.noun())),
            rows: [row(Model::RecordAtATime, records), row(Model::MicroBatch, batches)],
        })
    }
}

fn classic_row(
    workload: &WorkloadSummary,
    model: Model,
    picked: Result<&RowSummary, String>,
    load: Option<usize>,
) -> ClassicRow {
    let row = picked.as_ref().ok();
    let unit = match (model, row.and_then(|row| interval(row))) {
        (Model::RecordAtATime, _) => "one tuple".to_owned(),
        (Model::MicroBatch, Some(interval)) => format!("a batch of {interval}"),
        (Model::MicroBatch, None) => "a batch".to_owned(),
    };
    let (throughput, latency) = match &picked {
        Ok(row) => (throughput(workload, row), latency(row, load)),
        Err(why) => (why.clone(), "-".to_owned()),
    };
    ClassicRow {
        model: model.name(),
        like: match model {
            Model::RecordAtATime => "Storm-like",
            Model::MicroBatch if row.is_some_and(|row| row.is_on_topology()) => "Trident-like",
            Model::MicroBatch => "Spark-like",
        },
        engine: row.map(|row| row.engine.clone()).unwrap_or_default(),
        row: row.map(|row| row.id.clone()),
        unit,
        throughput,
        latency,
    }
}

fn throughput(workload: &WorkloadSummary, row: &RowSummary) -> String {
    let Some(at) = &row.saturation else {
        if row.settling.never_settled() {
            return "never settled".to_owned();
        }
        return "not run at saturation".to_owned();
    };
    let rate = format!("{} {}/s", units::quantity(at.per_s.median), workload.noun());
    match at.cost_multiple {
        Some(cost) => format!("{rate} ({})", units::multiple(cost)),
        None => rate,
    }
}

fn latency(row: &RowSummary, load: Option<usize>) -> String {
    let Some(paced) = row.at(load) else {
        return match row.paced.iter().flatten().next() {
            None => "not run paced",
            Some(_) if row.never_settled_paced() => "never settled",
            Some(_) => "no load in common",
        }
        .to_owned();
    };
    if paced.settling.never_settled() {
        return "never settled".to_owned();
    }
    let Some(latency) = &paced.latency else { return "not measured".to_owned() };
    let behind = if paced.sustained == Some(false) { " (falling behind)" } else { "" };
    format!(
        "{} (p99 {}){behind}",
        units::duration(latency.points.p50_ns),
        units::duration(latency.points.p99_ns)
    )
}
