//! What a sweep says: a point for each cell, row and load.

use super::estimate::{Estimate, Sureness};
use super::point::{Point, State};
use super::schema::{Axis, AxisValue, Cell, SweepFile};
use crate::schema::{Row, Setting};
use crate::summary::{
    RowSummary, Semantics, Summary, WorkloadSummary, allows_mixed, clean_setting,
};
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
    /// Whether charts may overlay rows whose semantics differ: the setting `allow-mixed`.
    pub allow_mixed: bool,
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
    /// Whether it has a batch interval, which micro-batch on a topology has too.
    pub batched: bool,
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
    /// Rounds of the loop and of the null engine that do not count, and why, without an end.
    pub reference_notes: Vec<String>,
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
    /// What its numbers are numbers of.
    pub semantics: Semantics,
    /// Whether its numbers count, and whether it kept up.
    pub state: State,
    /// At saturation and at each rate, in this order.
    pub points: Vec<Point>,
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
            allow_mixed: allows_mixed(&sweep.settings),
            base,
        }
    }

    /// Every row in every cell at every load.
    pub(super) fn points(&self) -> impl Iterator<Item = &Point> {
        self.cells.iter().flat_map(|cell| &cell.rows).flat_map(|row| &row.points)
    }

    /// The place of an axis.
    #[must_use]
    pub fn axis(&self, setting: &str) -> Option<usize> {
        self.axes.iter().position(|axis| axis.setting == setting)
    }

    /// How sure the intervals of all its numbers are.
    pub(super) fn sureness(&self) -> Option<Sureness> {
        Sureness::of(self.points().flat_map(Point::numbers))
    }

    /// The labels of some cells' rows, in the order in which they first come.
    pub(super) fn labels<'a>(cells: impl Iterator<Item = &'a CellSummary>) -> Vec<&'a Semantics> {
        let mut labels: Vec<&Semantics> = Vec::new();
        for row in cells.flat_map(|cell| &cell.rows) {
            if !labels.contains(&&row.semantics) {
                labels.push(&row.semantics);
            }
        }
        labels
    }

    /// The loads that rows were paced at, in the order in which they first come, other than those that
    /// an axis varies.
    #[must_use]
    pub fn loads(&self) -> Vec<&str> {
        let mut loads: Vec<&str> = Vec::new();
        for load in self.points().filter_map(|point| point.load.as_deref()) {
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
        reference_notes: Vec::new(),
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
    let loops = raw.cost.iter().flat_map(|reference| &reference.records_per_s);
    summary.cost = Estimate::of(loops.copied());
    summary.reference_notes.clone_from(&workload.reference_notes);
    let both = raw.rows.iter().zip(&workload.rows);
    summary.rows = both.map(|(raw, row)| row_of(raw, row, workload, axes, series)).collect();
    summary
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
        batched: row.batch_interval_ms.is_some(),
    };
    let at = all.iter().position(|known| known.name == series.name).unwrap_or(all.len());
    if at == all.len() {
        all.push(series);
    }
    let points = Point::all(raw, row, workload);
    let state = State::of(&row.status, &points);
    CellRow { series: at, id: row.id.clone(), semantics: row.semantics.clone(), state, points }
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
