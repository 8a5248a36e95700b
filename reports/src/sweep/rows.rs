//! The lines of a sweep's tables: the same for the terminal and the page.

use super::curves::{CellRow, CellSummary, Curves, Point, State};
use super::estimate::Estimate;
use crate::units;

/// A line: a row in a cell at one load, or a cell or row without numbers.
pub(super) struct Line<'a> {
    pub(super) cell: &'a CellSummary,
    pub(super) point: Option<&'a Point>,
    /// Multiple of the hand-written loop, at saturation.
    pub(super) cost_multiple: Option<f64>,
    /// In a word.
    pub(super) verdict: &'static str,
}

/// The lines of one series, in the order of the cells; a cell without a result is in every series.
pub(super) fn lines(curves: &Curves, series: usize) -> Vec<Line<'_>> {
    let of_cell = |cell: &'_ CellSummary| -> bool {
        cell.gap.is_some() || cell.rows.iter().any(|row| row.series == series)
    };
    let mut lines = Vec::new();
    for cell in curves.cells.iter().filter(|cell| of_cell(cell)) {
        if cell.gap.is_some() {
            lines.push(Line { cell, point: None, cost_multiple: None, verdict: "no result" });
        }
        for row in cell.rows.iter().filter(|row| row.series == series) {
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
        verdict: match point.sustained {
            Some(false) => State::Behind.word(),
            _ => State::Ok.word(),
        },
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
