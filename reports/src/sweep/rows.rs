//! The lines of a sweep's tables: the same for the terminal and the page.

use super::curves::{CellRow, CellSummary, Curves, Series};
use super::estimate::Estimate;
use super::point::{Point, State};
use crate::summary::{GENERATOR_BOUND, Semantics};
use crate::units;

/// How the numbers are made, for terminal and page.
pub(super) fn legend(curves: &Curves) -> String {
    let intervals = match curves.sureness() {
        Some(sure) if sure.has_intervals() => format!(
            "with intervals of order statistics, which hold the true median with a confidence of {sure} \
             ({})",
            sure.rounds()
        ),
        _ => "without intervals, which take two rounds or more".to_owned(),
    };
    format!(
        "Numbers are medians of the rounds of a cell that settled, {intervals}; the percentiles are each \
         round's own. rec/s: records completed per second; x COST: multiple of the hand-written \
         single-threaded loop of the same cell; untimed: results do not depend on time.{}",
        ceiling(curves)
    )
}

/// What `gen-bound` means, where a line says that.
fn ceiling(curves: &Curves) -> String {
    if !curves.points().any(|point| point.state() == State::GeneratorBound) {
        return String::new();
    }
    let share = 100.0 * GENERATOR_BOUND;
    format!(
        " gen-bound: above {share:.0} % of the null engine's throughput, so that the harness may be the limit."
    )
}

/// The lines of one series that have the same semantics.
pub(super) struct Part<'a> {
    pub(super) series: &'a Series,
    pub(super) label: &'a Semantics,
    pub(super) lines: Vec<Line<'a>>,
}

impl Part<'_> {
    /// What it is called: `topology: at least once, acking on, checkpointing off, untimed`.
    pub(super) fn heading(&self) -> String {
        format!("{}: {}", self.series.name, self.label)
    }
}

/// A line: a row in a cell at one load, or a cell or row without numbers.
pub(super) struct Line<'a> {
    pub(super) cell: &'a CellSummary,
    pub(super) point: Option<&'a Point>,
    /// Multiple of the hand-written loop, at saturation.
    pub(super) cost_multiple: Option<f64>,
    /// In a word.
    pub(super) verdict: &'static str,
}

/// All tables: one for each series and label, in the order of the series.
pub(super) fn parts(curves: &Curves) -> Vec<Part<'_>> {
    let labels = Curves::labels(curves.cells.iter());
    let mut parts = Vec::new();
    for (at, series) in curves.series.iter().enumerate() {
        let is = |row: &CellRow, label: &Semantics| row.series == at && row.semantics == *label;
        for label in &labels {
            if curves.cells.iter().flat_map(|cell| &cell.rows).any(|row| is(row, label)) {
                let lines = lines(curves, |row| is(row, label));
                parts.push(Part { series, label, lines });
            }
        }
    }
    parts
}

/// The lines of some rows, in the order of the cells; a cell without a result is a line of any.
fn lines<'a>(curves: &'a Curves, which: impl Fn(&CellRow) -> bool) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for cell in &curves.cells {
        if cell.gap.is_some() {
            lines.push(Line { cell, point: None, cost_multiple: None, verdict: "no result" });
        }
        for row in cell.rows.iter().filter(|row| which(row)) {
            lines.extend(of_row(cell, row));
        }
    }
    lines
}

fn of_row<'a>(cell: &'a CellSummary, row: &'a CellRow) -> Vec<Line<'a>> {
    if row.points.is_empty() {
        let verdict = row.state.word();
        return vec![Line { cell, point: None, cost_multiple: None, verdict }];
    }
    let line = |point: &'a Point| Line {
        cell,
        point: Some(point),
        cost_multiple: match (point.load.is_none(), point.per_s, cell.cost) {
            (true, Some(per_s), Some(cost)) => Some(per_s.value / cost.value),
            _ => None,
        },
        verdict: point.state().word(),
    };
    row.points.iter().map(line).collect()
}

impl Line<'_> {
    /// What was offered: `max` at saturation.
    pub(super) fn load(&self) -> Option<String> {
        let point = self.point?;
        Some(point.load.clone().unwrap_or_else(|| "max".to_owned()))
    }

    pub(super) fn per_s(&self) -> (Option<String>, Option<String>) {
        texts(self.point.and_then(|point| point.per_s), units::quantity)
    }

    pub(super) fn p50(&self) -> (Option<String>, Option<String>) {
        texts(self.point.and_then(|point| point.p50_ns), |ns| units::duration(ns as u64))
    }

    pub(super) fn p99(&self) -> (Option<String>, Option<String>) {
        texts(self.point.and_then(|point| point.p99_ns), |ns| units::duration(ns as u64))
    }
}

/// A number and its bounds; no bounds from a single round.
fn texts(of: Option<Estimate>, text: impl Fn(f64) -> String) -> (Option<String>, Option<String>) {
    let Some(estimate) = of else { return (None, None) };
    let bounds =
        (estimate.rounds > 1).then(|| format!("{} .. {}", text(estimate.low), text(estimate.high)));
    (Some(text(estimate.value)), bounds)
}

/// Whether the load says something that the axes do not.
pub(super) fn shows_load(curves: &Curves) -> bool {
    curves.axis("rate").is_none()
}
