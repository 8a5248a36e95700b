//! A sweep as plain text for a terminal: a table per row, and the findings in sentences.

use super::curves::Curves;
use super::findings::Findings;
use super::rows::{Line, lines, shows_load};
use crate::terminal::table::{Align, Cell, Column, Table, Tone};
use crate::terminal::{Colour, MIN_COLUMNS, verdict};
use crate::text::wrap;
use crate::units;

/// How the intervals are made, for terminal and page.
pub(super) const LEGEND: &str = "Numbers are medians of the rounds of a cell, with 95 % bootstrap \
    intervals; the percentiles are each round's own. rec/s: records completed per second; x COST: \
    multiple of the hand-written single-threaded loop of the same cell.";

/// The whole sweep, for a terminal of so many columns.
#[must_use]
pub fn render(curves: &Curves, columns: usize, colour: Colour) -> String {
    let mut page = Page { columns: columns.max(MIN_COLUMNS), colour, out: String::new() };
    let varied: Vec<&str> = curves.axes.iter().map(|axis| axis.setting.as_str()).collect();
    page.heading(&format!("{}: over {}", curves.workload, varied.join(" and ")));
    if let Some(workload) = curves.base.as_ref().and_then(|base| base.workloads.first()) {
        page.prose(&format!("  {}.", workload.summary), "  ");
    }
    for (at, series) in curves.series.iter().enumerate() {
        page.line("");
        page.line(&Tone::of_engine(&series.engine).paint(&format!("  {}", series.name), colour));
        page.table(&table(curves, at));
    }
    page.line("");
    let findings = Findings::of(curves);
    for note in &findings.missing {
        page.prose(&format!("! {note}"), "  ");
    }
    page.prose(LEGEND, "");
    for sentence in findings.crossovers.iter().chain(&findings.against_loop) {
        page.prose(sentence, "  ");
    }
    let machine = curves.base.as_ref().map(|base| &base.environment);
    if let Some(warning) = machine.and_then(crate::fitness::warning) {
        page.prose(&format!("! {}", crate::text::capitalised(&warning)), "  ");
    }
    page.out
}

struct Page {
    columns: usize,
    colour: Colour,
    out: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn prose(&mut self, text: &str, indent: &str) {
        for line in wrap(text, self.columns, indent) {
            self.line(&line);
        }
    }

    fn heading(&mut self, text: &str) {
        for line in wrap(text, self.columns, "  ") {
            let line = Tone::Strong.paint(&line, self.colour);
            self.line(&line);
        }
    }

    fn table(&mut self, table: &Table) {
        let (lines, left_out) = table.lines(self.columns, self.colour);
        for line in lines {
            self.line(line.trim_end());
        }
        if !left_out.is_empty() {
            let text = format!("  (too narrow for: {})", left_out.join(", "));
            self.prose(&text, "   ");
        }
    }
}

fn table(curves: &Curves, series: usize) -> Table {
    let all = lines(curves, series);
    let saturated = all.iter().any(|line| line.cost_multiple.is_some());
    let paced = all.iter().any(|line| line.p50().0.is_some());
    let mut columns: Vec<Column> = Vec::new();
    for axis in &curves.axes {
        columns.push(Column::new(axis_head(&axis.setting), Align::Right));
    }
    if shows_load(curves) {
        columns.push(Column::new("load", Align::Left).drop_at(5));
    }
    columns.push(Column::new("rec/s", Align::Right));
    columns.push(Column::new("95 % of rec/s", Align::Right).drop_at(2));
    if saturated {
        columns.push(Column::new("x COST", Align::Right).drop_at(4));
    }
    if paced {
        columns.push(Column::new("p50", Align::Right));
        columns.push(Column::new("95 % of p50", Align::Right).drop_at(1));
        columns.push(Column::new("p99", Align::Right));
        columns.push(Column::new("95 % of p99", Align::Right).drop_at(3));
    }
    columns.push(Column::new("verdict", Align::Left));
    let mut table = Table::new(columns);
    for line in &all {
        table.push(cells(line, shows_load(curves), saturated, paced));
    }
    table
}

fn cells(line: &Line<'_>, load: bool, saturated: bool, paced: bool) -> Vec<Cell> {
    let mut cells: Vec<Cell> =
        line.cell.at.iter().map(|value| Cell::new(value.text.clone())).collect();
    let with_bounds = |(value, bounds): (Option<String>, Option<String>)| {
        [Cell::of(value), Cell::of(bounds).tone(Tone::Faint)]
    };
    if load {
        cells.push(Cell::of(line.load()));
    }
    cells.extend(with_bounds(line.per_s()));
    if saturated {
        cells.push(Cell::of(line.cost_multiple.map(units::multiple)));
    }
    if paced {
        cells.extend(with_bounds(line.p50()));
        cells.extend(with_bounds(line.p99()));
    }
    cells.push(verdict(line.verdict));
    cells
}

/// Heads of columns live as long as the program; the settings that can be varied are known.
fn axis_head(setting: &str) -> &'static str {
    const KNOWN: [&str; 16] = [
        "rate",
        "batch-interval",
        "parallelism",
        "acking",
        "queue-batch",
        "flush-interval",
        "max-spout-pending",
        "cardinality",
        "skew",
        "words-per-line",
        "state-size",
        "window",
        "slide",
        "lateness",
        "disorder",
        "stragglers",
    ];
    KNOWN.into_iter().find(|known| *known == setting).unwrap_or("value")
}
