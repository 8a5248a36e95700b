//! A sweep as plain text for a terminal: a table per row, and the findings in sentences.

use super::curves::Curves;
use super::findings::Findings;
use super::rows::{Line, Part, legend, parts, shows_load};
use crate::terminal::table::{Align, Cell, Column, Table, Tone};
use crate::terminal::{Colour, MIN_COLUMNS, verdict};
use crate::text::wrap;
use crate::units;

/// Notes on rounds that did not settle, or not at once: so many are shown here, and all on the page.
const MOST_NOTES: usize = 20;

/// The whole sweep, for a terminal of so many columns.
#[must_use]
pub fn render(curves: &Curves, columns: usize, colour: Colour) -> String {
    let mut page = Page { columns: columns.max(MIN_COLUMNS), colour, out: String::new() };
    let varied: Vec<&str> = curves.axes.iter().map(|axis| axis.setting.as_str()).collect();
    page.heading(&format!("{}: over {}", curves.workload, varied.join(" and ")));
    if let Some(workload) = curves.base.as_ref().and_then(|base| base.workloads.first()) {
        page.prose(&format!("  {}.", workload.summary), "  ");
    }
    for part in parts(curves) {
        page.line("");
        page.coloured(&format!("  {}", part.heading()), Tone::of_engine(&part.series.engine));
        page.table(&table(curves, &part));
    }
    page.line("");
    let findings = Findings::of(curves);
    for note in &findings.missing {
        page.prose(&format!("! {note}"), "  ");
    }
    for note in findings.settling.iter().take(MOST_NOTES) {
        page.prose(&format!("! {note}"), "  ");
    }
    if findings.settling.len() > MOST_NOTES {
        let more = findings.settling.len() - MOST_NOTES;
        page.prose(&format!("! and {more} more of the last kind, which the page has"), "  ");
    }
    page.prose(&legend(curves), "");
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
        self.coloured(text, Tone::Strong);
    }

    fn coloured(&mut self, text: &str, tone: Tone) {
        for line in wrap(text, self.columns, "  ") {
            let line = tone.paint(&line, self.colour);
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

fn table(curves: &Curves, part: &Part<'_>) -> Table {
    let all = &part.lines;
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
    columns.push(Column::new("rec/s interval", Align::Right).drop_at(2));
    if saturated {
        columns.push(Column::new("x COST", Align::Right).drop_at(4));
    }
    if paced {
        columns.push(Column::new("p50", Align::Right));
        columns.push(Column::new("p50 interval", Align::Right).drop_at(1));
        columns.push(Column::new("p99", Align::Right));
        columns.push(Column::new("p99 interval", Align::Right).drop_at(3));
    }
    columns.push(Column::new("verdict", Align::Left));
    let mut table = Table::new(columns);
    for line in all {
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
