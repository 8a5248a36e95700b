//! A search as text for a terminal.

use super::schema::{Finding, Growth, Probe, Purpose, SearchFile, SearchRow};
use super::sentence::{answer, ending_word, level, noun};
use crate::fitness;
use crate::terminal::table::{Align, Cell, Column, Table, Tone};
use crate::terminal::{Colour, MIN_COLUMNS};
use crate::text::{capitalised, clean, wrap};
use crate::units;

/// The whole search, for a terminal of so many columns.
#[must_use]
pub fn render(search: &SearchFile, columns: usize, colour: Colour) -> String {
    let mut page = Sheet { columns: columns.max(MIN_COLUMNS), colour, out: String::new() };
    let Sheet { colour, .. } = page;
    let title = format!("{}: {}", search.workload.name, search.workload.summary);
    page.prose(&title, "  ", Tone::Strong);
    page.prose(&format!("  {}", about(search)), "  ", Tone::Plain);
    page.table(&overview(search), colour);
    for row in &search.rows {
        page.out.push('\n');
        let s = if row.probes.len() == 1 { "" } else { "s" };
        let title = format!("{}, {} probe{s}", row.id, row.probes.len());
        page.prose(&title, "  ", Tone::Strong);
        if !row.probes.is_empty() {
            page.table(&trace(row), colour);
        }
        page.prose(&format!("  {}", answer(search, row)), "  ", Tone::Plain);
        for note in &row.notes {
            page.prose(&format!("  ! {note}"), "    ", Tone::Plain);
        }
        if let Some(command) = &row.measure {
            page.prose(&format!("  Measure it: {command}"), "    ", Tone::Plain);
        }
    }
    if let Some(warning) = fitness::warning(&search.environment) {
        page.out.push('\n');
        page.prose(&format!("! {}", capitalised(&warning)), "  ", Tone::Plain);
    }
    page.out
}

/// How it was searched, in a sentence or two.
pub(super) fn about(search: &SearchFile) -> String {
    let rules = &search.rules;
    format!(
        "{}. The highest rate that is sustained {}, to {} %, each side of the boundary {}. A rate \
         holds if growth of the backlog by {} % of it is excluded with {} % \
         confidence{}, and the output is right. Latencies beside a rate are of the last probe of it \
         that held. Probes are short runs: measure what was found with the command given.",
        search.workload.input,
        level(search),
        round(rules.resolution * 100.0),
        match rules.confirm {
            0 => "tried once".to_owned(),
            1 => "repeated once".to_owned(),
            times => format!("repeated {times} times"),
        },
        round(rules.growth_share * 100.0),
        round(rules.confidence * 100.0),
        if search.level.is_empty() { "" } else { ", the level is met" },
    )
}

fn round(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

struct Sheet {
    columns: usize,
    colour: Colour,
    out: String,
}

impl Sheet {
    fn prose(&mut self, text: &str, indent: &str, tone: Tone) {
        for line in wrap(&clean(text), self.columns, indent) {
            self.out.push_str(&tone.paint(&line, self.colour));
            self.out.push('\n');
        }
    }

    fn table(&mut self, table: &Table, colour: Colour) {
        let (lines, left_out) = table.lines(self.columns, colour);
        for line in lines {
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
        if !left_out.is_empty() {
            let text = format!("  (too narrow for: {})", left_out.join(", "));
            self.prose(&text, "   ", Tone::Plain);
        }
    }
}

fn overview(search: &SearchFile) -> Table {
    let mut table = Table::new(vec![
        Column::new("row", Align::Left),
        Column::new("sustains", Align::Right),
        Column::new("fails at", Align::Right),
        Column::new("saturation", Align::Right).drop_at(1),
        Column::new("p50", Align::Right).drop_at(2),
        Column::new("p99", Align::Right),
        Column::new("max", Align::Right).drop_at(3),
        Column::new("probes", Align::Right),
        Column::new("result", Align::Left),
    ]);
    let unit = noun(search);
    let rate =
        |rate: Option<f64>| Cell::of(rate.map(|r| format!("{} {unit}/s", units::quantity(r))));
    for row in &search.rows {
        let at = row.at_found();
        let ns = |ns: Option<u64>| Cell::of(ns.map(units::duration));
        let word = ending_word(search, row);
        let tone = match word {
            "found" => Tone::Good,
            "INVALID" | "FAILED" => Tone::Bad,
            _ => Tone::Warn,
        };
        table.push(vec![
            Cell::new(clean(&row.id)).tone(Tone::of_engine(&row.engine)),
            rate(row.found_per_s),
            rate(row.fails_per_s),
            rate(row.saturation_per_s),
            ns(at.map(|p| p.p50_ns)),
            ns(at.map(|p| p.p99_ns)),
            ns(at.map(|p| p.max_ns)),
            Cell::new(row.probes.len().to_string()),
            Cell::new(word.to_owned()).tone(tone),
        ]);
    }
    table
}

fn trace(row: &SearchRow) -> Table {
    let mut table = Table::new(vec![
        Column::new("#", Align::Right),
        Column::new("for", Align::Left).drop_at(3),
        Column::new("offered", Align::Right),
        Column::new("achieved", Align::Right),
        Column::new("growth", Align::Right),
        Column::new("low", Align::Right).drop_at(4),
        Column::new("high", Align::Right).drop_at(4),
        Column::new("p50", Align::Right).drop_at(5),
        Column::new("p99", Align::Right),
        Column::new("p99.9", Align::Right).drop_at(2),
        Column::new("max", Align::Right).drop_at(6),
        Column::new("seconds", Align::Right).drop_at(1),
        Column::new("finding", Align::Left),
    ]);
    for probe in &row.probes {
        let (word, tone) = finding_word(probe.finding);
        let ns = |ns: Option<u64>| Cell::of(ns.map(units::duration));
        let latency = probe.latency.as_ref();
        let growth = |of: fn(&Growth) -> f64| {
            Cell::of(probe.growth.as_ref().map(|growth| share(of(growth), probe)))
        };
        table.push(vec![
            Cell::new(probe.number.to_string()),
            Cell::new(purpose_word(probe.purpose).to_owned()),
            Cell::new(units::quantity(probe.rate_per_s)),
            Cell::new(units::quantity(probe.achieved_per_s)),
            growth(|growth| growth.per_s),
            growth(|growth| growth.low_per_s),
            growth(|growth| growth.high_per_s),
            ns(latency.map(|p| p.p50_ns)),
            ns(latency.map(|p| p.p99_ns)),
            ns(latency.and_then(|p| p.p999_ns)),
            ns(latency.map(|p| p.max_ns)),
            Cell::new(units::seconds(probe.measured_s)),
            Cell::new(word.to_owned()).tone(tone),
        ]);
    }
    table
}

/// A growth as a share of the offered rate.
pub(super) fn share(per_s: f64, probe: &Probe) -> String {
    let percent = 100.0 * per_s / probe.rate_per_s;
    if percent.is_finite() && percent.abs() < 1e6 {
        // Without a minus in front of a zero.
        format!("{:.1} %", (percent * 10.0).round() / 10.0 + 0.0)
    } else {
        "-".to_owned()
    }
}

pub(super) const fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Ramp => "ramp",
        Purpose::Bisect => "bisect",
        Purpose::Confirm => "confirm",
        Purpose::Resolve => "resolve",
    }
}

pub(super) const fn finding_word(finding: Finding) -> (&'static str, Tone) {
    match finding {
        Finding::Held => ("holds", Tone::Good),
        Finding::Growing => ("backlog", Tone::Warn),
        Finding::Missed => ("too late", Tone::Warn),
        Finding::Unclear => ("unclear", Tone::Faint),
        Finding::Failed => ("FAILED", Tone::Bad),
        Finding::WrongOutput => ("INVALID", Tone::Bad),
    }
}
