//! What a sweep says: a point for each cell, row and load.

use super::estimate::Estimate;
use super::schema::{Axis, AxisValue, Cell, SweepFile};
use crate::schema::{Mode, ResultFile, Row, Run, Setting};
use crate::summary::{Load, RowSummary, Status, Summary, WorkloadSummary, clean_setting};
use crate::text::clean;

/// A sweep, worked out. Every text in it has been through [`clean`].
#[derive(Clone, Debug)]
pub struct Curves {
    /// The workload.
    pub workload: String,
    /// Its records in a word.
    pub noun: String,
    /// The command that repeats it.
    pub command: String,
    /// The settings that all cells share.
    pub settings: Vec<Setting>,
    /// What was varied.
    pub axes: Vec<Axis>,
    /// The points of the grid, in its order.
    pub cells: Vec<CellSummary>,
    /// What is drawn as a line: a row by what is not varied of it.
    pub series: Vec<Series>,
    /// The first result, for what all cells share.
    pub base: Option<Summary>,
}

/// A row over the cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its name: that of the row, less what an axis says of it.
    pub name: String,
    /// The engine.
    pub engine: String,
    /// Whether it processes records one at a time.
    pub record_at_a_time: bool,
    /// Whether it processes batches.
    pub micro_batch: bool,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct CellSummary {
    /// Its name.
    pub name: String,
    /// The value on each axis.
    pub at: Vec<AxisValue>,
    /// Why there is nothing, if so.
    pub gap: Option<String>,
    /// Throughput of the hand-written loop, records per second.
    pub cost: Option<Estimate>,
    /// Its rows.
    pub rows: Vec<CellRow>,
}

/// A row in a cell.
#[derive(Clone, Debug)]
pub struct CellRow {
    /// Which of the [series](Curves::series).
    pub series: usize,
    /// Its own name.
    pub id: String,
    /// Whether its numbers count, and whether it kept up.
    pub state: State,
    /// At saturation and at each rate, in this order.
    pub points: Vec<Point>,
}

/// A row in a cell at one load.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The load; `None` at saturation.
    pub load: Option<String>,
    /// Records per second that the load offers.
    pub offered_per_s: Option<f64>,
    /// Whether the engine kept up in every round that says; `None` at saturation.
    pub sustained: Option<bool>,
    /// Records per second that were completed.
    pub per_s: Option<Estimate>,
    /// Median latency, nanoseconds.
    pub p50_ns: Option<Estimate>,
    /// 99th percentile of latency, nanoseconds.
    pub p99_ns: Option<Estimate>,
}

/// What became of a row in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its numbers count.
    Ok,
    /// They count, and it did not keep up with a rate.
    Behind,
    /// Its output differed from the oracle's; says how.
    Invalid(String),
    /// A run ended early; says why.
    Failed(String),
    /// It was not run.
    NotRun,
}

impl State {
    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Behind => "behind",
            Self::Invalid(_) => "INVALID",
            Self::Failed(_) => "FAILED",
            Self::NotRun => "not run",
        }
    }

    /// Why there are no numbers, if there is more to say than the word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Invalid(why) | Self::Failed(why) => Some(why),
            _ => None,
        }
    }
}

impl Curves {
    /// Works out a sweep.
    #[must_use]
    pub fn of(sweep: &SweepFile) -> Self {
        let axes: Vec<Axis> = sweep.axes.iter().map(clean_axis).collect();
        let results = || sweep.cells.iter().filter_map(|cell| cell.result.as_ref());
        let mut series = Vec::new();
        let cells = sweep.cells.iter().map(|cell| cell_of(cell, &axes, &mut series)).collect();
        let base = results().next().map(Summary::of);
        let noun = base.as_ref().and_then(|base| base.workloads.first()).map(|w| w.noun());
        Self {
            workload: clean(&sweep.workload),
            noun: noun.unwrap_or("records").to_owned(),
            command: clean(&sweep.command),
            settings: sweep.settings.iter().map(clean_setting).collect(),
            axes,
            cells,
            series,
            base,
        }
    }

    /// Every row's state in every cell.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.cells.iter().flat_map(|cell| &cell.rows).map(|row| &row.state)
    }

    /// Whether a cell has no result.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        self.cells.iter().any(|cell| cell.gap.is_some())
    }

    /// The place of an axis.
    #[must_use]
    pub fn axis(&self, setting: &str) -> Option<usize> {
        self.axes.iter().position(|axis| axis.setting == setting)
    }

    /// The loads that rows were paced at, in the order in which they first come, other than those that
    /// an axis varies.
    #[must_use]
    pub fn loads(&self) -> Vec<&str> {
        let mut loads: Vec<&str> = Vec::new();
        let rows = self.cells.iter().flat_map(|cell| &cell.rows);
        for load in rows.flat_map(|row| &row.points).filter_map(|point| point.load.as_deref()) {
            if !loads.contains(&load) {
                loads.push(load);
            }
        }
        loads
    }
}

fn clean_axis(axis: &Axis) -> Axis {
    let number = |value: &AxisValue| value.number.filter(|number| number.is_finite());
    Axis {
        setting: clean(&axis.setting),
        unit: axis.unit,
        values: axis
            .values
            .iter()
            .map(|value| AxisValue { text: clean(&value.text), number: number(value) })
            .collect(),
    }
}

fn cell_of(cell: &Cell, axes: &[Axis], series: &mut Vec<Series>) -> CellSummary {
    // A value on every axis, whatever the document says.
    let place = |(at, axis): (usize, &Axis)| {
        let text = cell.at.get(at).map_or_else(String::new, |text| clean(text));
        let known = axis.values.iter().find(|value| value.text == text);
        known.cloned().unwrap_or(AxisValue { text, number: None })
    };
    let mut summary = CellSummary {
        name: clean(&cell.name),
        at: axes.iter().enumerate().map(place).collect(),
        gap: None,
        cost: None,
        rows: Vec::new(),
    };
    let Some(result) = &cell.result else {
        summary.gap = Some(cell.error.as_deref().map_or_else(|| "no result".to_owned(), clean));
        return summary;
    };
    let said = Summary::of(result);
    let Some((raw, workload)) = result.workloads.first().zip(said.workloads.first()) else {
        summary.gap = Some("the result has no workload".to_owned());
        return summary;
    };
    summary.cost = cost(result);
    let both = raw.rows.iter().zip(&workload.rows);
    summary.rows = both.map(|(raw, row)| row_of(raw, row, workload, axes, series)).collect();
    summary
}

fn cost(result: &ResultFile) -> Option<Estimate> {
    let loops = result.workloads.first()?.cost.as_ref()?;
    Estimate::of(loops.records_per_s.iter().copied())
}

fn row_of(
    raw: &Row,
    row: &RowSummary,
    workload: &WorkloadSummary,
    axes: &[Axis],
    all: &mut Vec<Series>,
) -> CellRow {
    let series = Series {
        name: name_without(&row.id, axes),
        engine: row.engine.clone(),
        record_at_a_time: row.is_record_at_a_time(),
        micro_batch: row.is_micro_batch(),
    };
    let at = all.iter().position(|known| known.name == series.name).unwrap_or(all.len());
    if at == all.len() {
        all.push(series);
    }
    let counted: &[Run] = if row.status.has_numbers() { &raw.runs } else { &[] };
    let points = points(counted, workload);
    let behind = points.iter().any(|point| point.sustained == Some(false));
    let state = match &row.status {
        Status::Valid if behind => State::Behind,
        Status::Valid => State::Ok,
        Status::Invalid(how) => State::Invalid(how.clone()),
        Status::Failed(why) => State::Failed(why.clone()),
        Status::NotRun => State::NotRun,
    };
    CellRow { series: at, id: row.id.clone(), state, points }
}

/// A row's name less what the axes say of it: `microbatch 10ms` is `microbatch` where the batch interval
/// is varied.
fn name_without(id: &str, axes: &[Axis]) -> String {
    let varied = |setting: &str| axes.iter().find(|axis| axis.setting == setting);
    let mut words: Vec<&str> = id.split(' ').collect();
    if varied("acking").is_some() {
        words.retain(|word| *word != "no-ack");
    }
    if varied("queue-batch").is_some()
        && let Some(at) = words.iter().position(|word| *word == "batch")
    {
        words.drain(at..(at + 2).min(words.len()));
    }
    if let Some(axis) = varied("batch-interval") {
        words.retain(|word| !axis.values.iter().any(|value| value.text == *word));
    }
    words.join(" ")
}

fn points(runs: &[Run], workload: &WorkloadSummary) -> Vec<Point> {
    let of = |load: Option<&Load>| {
        let under = |run: &&Run| match load {
            None => run.mode == Mode::Saturation,
            Some(load) => load.holds(run),
        };
        let runs: Vec<&Run> = runs.iter().filter(under).collect();
        let first = runs.first()?;
        let said: Vec<bool> = runs.iter().filter_map(|run| run.sustained).collect();
        let latency = |of: fn(&Run) -> Option<u64>| {
            Estimate::of(runs.iter().filter_map(|run| of(run)).map(|ns| ns as f64))
        };
        Some(Point {
            load: load.map(|load| load.label(workload.noun())),
            offered_per_s: first.offered_per_s.filter(|_| load.is_some()),
            sustained: (!said.is_empty()).then(|| said.iter().all(|kept_up| *kept_up)),
            per_s: Estimate::of(runs.iter().map(|run| run.achieved_per_s)),
            p50_ns: latency(|run| Some(run.latency?.p50_ns.max(1))),
            p99_ns: latency(|run| Some(run.latency?.p99_ns.max(1))),
        })
    };
    std::iter::once(None).chain(workload.loads.iter().map(Some)).filter_map(of).collect()
}
