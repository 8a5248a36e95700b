//! Comma-separated values (RFC 4180): a line for each cell, row and load; cells and rows without numbers
//! have a line too, with the reason.

use super::curves::{CellRow, CellSummary, Curves};
use super::estimate::Estimate;
use super::point::Point;
use crate::export::Lines;

const COLUMNS: [&str; 20] = [
    "cell",
    "row",
    "semantics",
    "load",
    "offered_per_s",
    "sustained",
    "rounds",
    "confidence",
    "per_s_low",
    "per_s",
    "per_s_high",
    "cost_per_s",
    "p50_ns_low",
    "p50_ns",
    "p50_ns_high",
    "p99_ns_low",
    "p99_ns",
    "p99_ns_high",
    "verdict",
    "reason",
];

/// The table of all cells, behind a column for each axis.
#[must_use]
pub fn csv(curves: &Curves) -> String {
    let axes: Vec<&str> = curves.axes.iter().map(|axis| axis.setting.as_str()).collect();
    let mut lines = Lines::new(axes.iter().chain(&COLUMNS));
    for cell in &curves.cells {
        let mut push = |values: [String; 20]| {
            let at: Vec<String> = cell.at.iter().map(|value| value.text.clone()).collect();
            lines.push(at.iter().chain(&values));
        };
        if let Some(why) = &cell.gap {
            push(without_numbers(cell, None, "no result", why));
        }
        for row in &cell.rows {
            if row.points.is_empty() {
                let why = row.state.reason().unwrap_or_default();
                push(without_numbers(cell, Some(row), row.state.word(), why));
            }
            row.points.iter().for_each(|point| push(line(cell, row, point)));
        }
    }
    lines.end()
}

fn without_numbers(
    cell: &CellSummary,
    row: Option<&CellRow>,
    verdict: &str,
    why: &str,
) -> [String; 20] {
    let mut values = [const { String::new() }; 20];
    values[0].clone_from(&cell.name);
    if let Some(row) = row {
        values[1].clone_from(&row.id);
        values[2] = row.semantics.to_string();
    }
    verdict.clone_into(&mut values[18]);
    why.clone_into(&mut values[19]);
    values
}

fn line(cell: &CellSummary, row: &CellRow, point: &Point) -> [String; 20] {
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let three = |estimate: Option<Estimate>| {
        [|e: Estimate| e.low, |e: Estimate| e.value, |e: Estimate| e.high]
            .map(|of| text(estimate.map(of)))
    };
    let [per_s_low, per_s, per_s_high] = three(point.per_s);
    let [p50_low, p50, p50_high] = three(point.p50_ns);
    let [p99_low, p99, p99_high] = three(point.p99_ns);
    // Of the least sure of the three, to four digits.
    let confidence = point.numbers().map(|number| number.confidence).reduce(f64::min);
    let confidence = confidence.map(|confidence| (confidence * 1e4).round() / 1e4);
    let never = point.settling.why.clone().filter(|_| point.settling.never_settled());
    [
        cell.name.clone(),
        row.id.clone(),
        row.semantics.to_string(),
        point.load.clone().unwrap_or_else(|| "max".to_owned()),
        text(point.offered_per_s),
        point.sustained.map_or_else(String::new, |sustained| sustained.to_string()),
        point.rounds.to_string(),
        text(confidence),
        per_s_low,
        per_s,
        per_s_high,
        text(cell.cost.map(|cost| cost.value)),
        p50_low,
        p50,
        p50_high,
        p99_low,
        p99,
        p99_high,
        point.state().word().to_owned(),
        never.unwrap_or_default(),
    ]
}
