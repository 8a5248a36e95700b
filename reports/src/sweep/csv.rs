//! Comma-separated values (RFC 4180): a line for each cell, row and load; cells and rows without numbers
//! have a line too, with the reason.

use super::curves::{CellRow, CellSummary, Curves, Point};
use super::estimate::Estimate;
use crate::export::Lines;

const COLUMNS: [&str; 18] = [
    "cell",
    "row",
    "load",
    "offered_per_s",
    "sustained",
    "rounds",
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
        let mut push = |values: [String; 18]| {
            let at: Vec<String> = cell.at.iter().map(|value| value.text.clone()).collect();
            lines.push(at.iter().chain(&values));
        };
        if let Some(why) = &cell.gap {
            push(without_numbers(cell, "", "no result", why));
        }
        for row in &cell.rows {
            if row.points.is_empty() {
                let why = row.state.reason().unwrap_or_default();
                push(without_numbers(cell, &row.id, row.state.word(), why));
            }
            row.points.iter().for_each(|point| push(line(cell, row, point)));
        }
    }
    lines.end()
}

fn without_numbers(cell: &CellSummary, row: &str, verdict: &str, why: &str) -> [String; 18] {
    let mut values = [const { String::new() }; 18];
    values[0].clone_from(&cell.name);
    row.clone_into(&mut values[1]);
    verdict.clone_into(&mut values[16]);
    why.clone_into(&mut values[17]);
    values
}

fn line(cell: &CellSummary, row: &CellRow, point: &Point) -> [String; 18] {
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let three = |estimate: Option<Estimate>| {
        [|e: Estimate| e.low, |e: Estimate| e.value, |e: Estimate| e.high]
            .map(|of| text(estimate.map(of)))
    };
    let [per_s_low, per_s, per_s_high] = three(point.per_s);
    let [p50_low, p50, p50_high] = three(point.p50_ns);
    let [p99_low, p99, p99_high] = three(point.p99_ns);
    let behind = point.sustained == Some(false);
    [
        cell.name.clone(),
        row.id.clone(),
        point.load.clone().unwrap_or_else(|| "max".to_owned()),
        text(point.offered_per_s),
        point.sustained.map_or_else(String::new, |sustained| sustained.to_string()),
        point.per_s.map_or_else(String::new, |per_s| per_s.rounds.to_string()),
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
        if behind { "behind" } else { "ok" }.to_owned(),
        String::new(),
    ]
}
