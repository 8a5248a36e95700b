//! Which two rows of a workload stand for the two models in the answer and the classic table.

use crate::summary::{Paced, RowSummary, Status, WorkloadSummary};
use crate::units;

/// One of the two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    RecordAtATime,
    MicroBatch,
}

impl Model {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RecordAtATime => "record at a time",
            Self::MicroBatch => "micro-batch",
        }
    }

    fn has(self, row: &RowSummary) -> bool {
        match self {
            Self::RecordAtATime => row.is_record_at_a_time(),
            Self::MicroBatch => row.is_micro_batch(),
        }
    }
}

/// The row that stands for a model, or why none does, as the end of a sentence about the model.
///
/// For micro-batch it is the one whose interval is nearest to 100 ms, of an engine of its own before one on a
/// topology; for record at a time the first with acking, whose guarantee is the nearest to micro-batch's. Rows
/// without numbers stand back.
pub(crate) fn pick(workload: &WorkloadSummary, model: Model) -> Result<&RowSummary, String> {
    let rows: Vec<&RowSummary> = workload.rows.iter().filter(|row| model.has(row)).collect();
    let with_numbers = rows.iter().copied().filter(|row| row.status.has_numbers());
    let picked = match model {
        Model::RecordAtATime => with_numbers.min_by_key(|row| row.acking == Some(false)),
        Model::MicroBatch => with_numbers.min_by(|a, b| {
            let off = off_100_ms(a).total_cmp(&off_100_ms(b));
            a.is_on_topology().cmp(&b.is_on_topology()).then(off)
        }),
    };
    picked.ok_or_else(|| {
        let statuses = || rows.iter().map(|row| &row.status);
        if statuses().any(|status| matches!(status, Status::Invalid(_))) {
            "gave another answer than the oracle and is INVALID".to_owned()
        } else if statuses().any(|status| matches!(status, Status::Failed(_))) {
            "did not finish a run".to_owned()
        } else {
            "was not run".to_owned()
        }
    })
}

fn off_100_ms(row: &RowSummary) -> f64 {
    row.batch_interval_ms.map_or(f64::MAX, |ms| (ms / 100.0).log10().abs())
}

/// What a row is called in a sentence: `micro-batch at 100 ms`, `record at a time with acking`.
pub(crate) fn spoken(model: Model, row: &RowSummary) -> String {
    let name = if row.is_on_topology() { &*row.model } else { model.name() };
    match (model, interval(row), row.acking) {
        (Model::MicroBatch, Some(interval), _) => format!("{name} at {interval}"),
        (Model::RecordAtATime, _, Some(true)) => format!("{name} with acking"),
        (Model::RecordAtATime, _, Some(false)) => format!("{name} without acking"),
        _ => name.to_owned(),
    }
}

/// The batch interval of a row: `100 ms`.
pub(crate) fn interval(row: &RowSummary) -> Option<String> {
    row.batch_interval_ms.map(|ms| units::duration_short(ms * 1e6))
}

/// The load at which two rows can be compared: the highest that both kept up with; else the lowest
/// at which both have a latency.
pub(crate) fn common_load<'a>(
    a: &'a RowSummary,
    b: &'a RowSummary,
) -> Option<(usize, &'a Paced, &'a Paced)> {
    let both = |at: usize| {
        let measured = |row: &'a RowSummary| row.at(Some(at)).filter(|p| p.latency.is_some());
        Some((at, measured(a)?, measured(b)?))
    };
    let loads = a.paced.len().min(b.paced.len());
    let kept_up = |paced: &Paced| paced.sustained != Some(false);
    (0..loads)
        .rev()
        .filter_map(both)
        .find(|(_, a, b)| kept_up(a) && kept_up(b))
        .or_else(|| (0..loads).find_map(both))
}
