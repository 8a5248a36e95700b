//! A result as plain text for a terminal: tables, the classic table, and the answer. No line is
//! longer than asked for; columns that do not fit are left out and named.

pub(crate) mod table;

use crate::answer::Answer;
use crate::classic::{Classic, ClassicRow};
use crate::fitness;
use crate::schema::Percentiles;
use crate::summary::{Load, Paced, RowSummary, Settling, Status, Summary, WorkloadSummary};
use crate::text::{capitalised, wrap};
use crate::units;
use table::{Align, Cell, Column, Table, Tone};

/// Whether to colour. The caller knows whether it writes to a terminal and what `NO_COLOR` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Text only.
    Plain,
    /// ANSI escapes, in the engines' fixed colours.
    Ansi,
}

/// The narrowest width that is honoured.
pub const MIN_COLUMNS: usize = 50;

/// The whole result, for a terminal of so many columns.
#[must_use]
pub fn render(summary: &Summary, columns: usize, colour: Colour) -> String {
    let mut page = Page { columns: columns.max(MIN_COLUMNS), colour, out: String::new() };
    for workload in &summary.workloads {
        page.workload(workload);
    }
    if !summary.workloads.is_empty() {
        page.legend();
    }
    if let Some(classic) = Classic::of(summary) {
        page.classic(&classic);
    }
    let answer = Answer::of(summary);
    page.prose(&answer.latency, "");
    page.prose(&answer.throughput, "");
    // Of no run at all there is nothing to be said.
    if let (Some(warning), false) =
        (fitness::warning(&summary.environment), summary.workloads.is_empty())
    {
        page.prose(&format!("! {}", capitalised(&warning)), "  ");
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

    fn workload(&mut self, workload: &WorkloadSummary) {
        self.heading(&format!("{}: {}", workload.name, workload.summary));
        let rounds =
            workload.charted().filter_map(|row| Some(row.saturation.as_ref()?.per_s.rounds));
        let mut about = vec![workload.input.clone()];
        if let Some(rounds) = rounds.max() {
            let s = if rounds == 1 { "" } else { "s" };
            about.push(format!("throughput is the median of {rounds} round{s} at saturation"));
        }
        if let Some(load) = workload.reference_label() {
            about.push(format!("latency is at {load}"));
        }
        about.retain(|part| !part.is_empty());
        self.prose(&format!("  {}.", about.join("; ")), "  ");
        if let Some(ceiling) = workload.ceiling() {
            self.prose(&format!("  {}.", capitalised(&ceiling)), "  ");
        }
        self.table(&main_table(workload));
        for (label, rows) in workload.labels() {
            self.prose(&format!("  * {label}: {}", rows.join(", ")), "    ");
        }
        for note in notes(workload, workload.reference_load) {
            self.prose(&format!("  ! {note}"), "    ");
        }
        for at in (0..workload.loads.len()).filter(|at| Some(*at) != workload.reference_load) {
            self.other_load(workload, at);
        }
        self.line("");
    }

    fn other_load(&mut self, workload: &WorkloadSummary, at: usize) {
        let load: &Load = &workload.loads[at];
        self.line("");
        self.prose(&format!("  At {}:", load.label(workload.noun())), "  ");
        self.table(&load_table(workload, at));
        for note in load_notes(workload, at) {
            self.prose(&format!("  ! {note}"), "    ");
        }
    }

    fn legend(&mut self) {
        self.prose(
            "rec/s: records per second at saturation; x COST: multiple of a hand-written \
             single-threaded loop; p50, p99, max: latency from the scheduled time; service: median \
             from when the engine took the record in; CPU/M: processor seconds per million records; untimed: \
             results do not depend on time.",
            "",
        );
        self.line("");
    }

    fn classic(&mut self, classic: &Classic) {
        let load = classic.load.as_ref().map(|l| format!(", latency at {l}")).unwrap_or_default();
        self.heading(&format!("The two models, as measured on {}{load}", classic.workload));
        let table = classic_table(classic);
        if table.natural_width() <= self.columns {
            self.table(&table);
        } else {
            self.table(&classic_table_upright(classic));
        }
        self.line("");
    }
}

fn classic_table(classic: &Classic) -> Table {
    let mut table = Table::new(vec![
        Column::new("model", Align::Left),
        Column::new("unit of data", Align::Left),
        Column::new("throughput (x COST)", Align::Left),
        Column::new("median latency", Align::Left),
    ]);
    for row in &classic.rows {
        table.push(vec![
            Cell::new(model_of(row)).tone(Tone::of_engine(&row.engine)),
            Cell::new(row.unit.clone()),
            Cell::new(row.throughput.clone()),
            Cell::new(row.latency.clone()),
        ]);
    }
    table
}

/// The same with a column per model, for narrow terminals.
fn classic_table_upright(classic: &Classic) -> Table {
    let mut table = Table::new(vec![Column::new("", Align::Left); 3]);
    let lines: [(&str, fn(&ClassicRow) -> String); 4] = [
        ("model", model_of),
        ("unit of data", |row| row.unit.clone()),
        ("throughput (x COST)", |row| row.throughput.clone()),
        ("median latency", |row| row.latency.clone()),
    ];
    for (name, value) in lines {
        let mut cells = vec![Cell::new(name.to_owned()).tone(Tone::Faint)];
        cells.extend(
            classic.rows.iter().map(|row| Cell::new(value(row)).tone(Tone::of_engine(&row.engine))),
        );
        table.push(cells);
    }
    table
}

fn model_of(row: &ClassicRow) -> String {
    format!("{} ({})", row.model, row.like)
}

fn main_table(workload: &WorkloadSummary) -> Table {
    let mut table = Table::new(vec![
        Column::new("row", Align::Left),
        Column::new("guarantee", Align::Left).drop_at(1),
        Column::new("rec/s", Align::Right),
        Column::new("x COST", Align::Right),
        Column::new("p50", Align::Right),
        Column::new("p99", Align::Right),
        Column::new("max", Align::Right).drop_at(4),
        Column::new("service", Align::Right).drop_at(3),
        Column::new("CPU/M", Align::Right).drop_at(2),
        Column::new("verdict", Align::Left),
    ]);
    for row in &workload.rows {
        table.push(main_cells(row, workload.reference_load));
    }
    let references = [
        ("COST loop", "loop", &workload.cost, &workload.cost_latency),
        ("null engine", "null", &workload.null, &workload.null_latency),
    ];
    for (name, engine, throughput, latency) in references {
        let Some(per_s) = throughput else { continue };
        let cost = workload.cost.map(|cost| per_s.median / cost.median);
        let mut cells = vec![
            Cell::new(name.to_owned()).tone(Tone::of_engine(engine)),
            Cell::none(),
            Cell::new(units::quantity(per_s.median)),
            Cell::of(cost.map(units::multiple)),
        ];
        cells.extend(points(latency.as_ref()));
        cells.extend([Cell::none(), Cell::none(), Cell::new("reference".to_owned())]);
        table.push(cells);
    }
    table
}

fn main_cells(row: &RowSummary, load: Option<usize>) -> Vec<Cell> {
    let saturation = row.saturation.as_ref();
    let paced = row.at(load);
    // At saturation: at a low rate most of it is waiting, and the two do not belong into one column. Of
    // a row that only was paced there is no other.
    let only_paced = paced.filter(|_| row.settling.rounds == 0);
    let cpu = saturation
        .and_then(|at| at.cpu_s_per_million)
        .or_else(|| only_paced.and_then(|paced| paced.cpu_s_per_million));
    let mut cells = vec![
        Cell::new(row.id.clone()).tone(Tone::of_engine(&row.engine)),
        Cell::new(short_guarantee(&row.guarantee)),
        Cell::of(saturation.map(|at| units::quantity(at.per_s.median))),
        Cell::of(saturation.and_then(|at| at.cost_multiple).map(units::multiple)),
    ];
    cells.extend(points(latency_of(paced)));
    cells.push(Cell::of(service_of(paced).map(|points| units::duration(points.p50_ns))));
    cells.push(Cell::of(cpu.map(units::seconds)));
    cells.push(verdict(verdict_word(row, paced)));
    cells
}

fn load_table(workload: &WorkloadSummary, at: usize) -> Table {
    let mut table = Table::new(vec![
        Column::new("row", Align::Left),
        Column::new("p50", Align::Right),
        Column::new("p99", Align::Right),
        Column::new("max", Align::Right),
        Column::new("p99.9", Align::Right).drop_at(1),
        Column::new("service", Align::Right).drop_at(3),
        Column::new("CPU/M", Align::Right).drop_at(2),
        Column::new("verdict", Align::Left),
    ]);
    for row in &workload.rows {
        let Some(paced) = row.at(Some(at)) else { continue };
        let rare = latency_of(Some(paced)).and_then(|points| points.p999_ns);
        let mut cells = vec![Cell::new(row.id.clone()).tone(Tone::of_engine(&row.engine))];
        cells.extend(points(latency_of(Some(paced))));
        cells.push(Cell::of(rare.map(units::duration)));
        cells.push(Cell::of(service_of(Some(paced)).map(|points| units::duration(points.p50_ns))));
        cells.push(Cell::of(paced.cpu_s_per_million.map(units::seconds)));
        cells.push(verdict(pace_word(paced)));
        table.push(cells);
    }
    table
}

fn latency_of(paced: Option<&Paced>) -> Option<&Percentiles> {
    Some(&paced?.latency.as_ref()?.points)
}

fn service_of(paced: Option<&Paced>) -> Option<&Percentiles> {
    Some(&paced?.service.as_ref()?.points)
}

fn points(points: Option<&Percentiles>) -> [Cell; 3] {
    let cell = |ns: fn(&Percentiles) -> u64| Cell::of(points.map(|p| units::duration(ns(p))));
    [cell(|p| p.p50_ns), cell(|p| p.p99_ns), cell(|p| p.max_ns)]
}

/// `at least once` as `at least 1`: three columns of the hundred.
fn short_guarantee(guarantee: &str) -> String {
    match guarantee.strip_suffix(" once") {
        Some(start) => format!("{start} 1"),
        None => guarantee.to_owned(),
    }
}

/// A row's verdict in a word.
pub(crate) fn verdict_word(row: &RowSummary, paced: Option<&Paced>) -> &'static str {
    match &row.status {
        Status::Invalid(_) => "INVALID",
        Status::Failed(_) => "FAILED",
        Status::NotRun => "not run",
        Status::Valid if row.settling.never_settled() || never_settled_at(row, paced) => {
            "never settled"
        }
        Status::Valid if paced.is_some_and(|paced| paced.sustained == Some(false)) => "behind",
        Status::Valid if row.saturation.as_ref().is_some_and(|at| at.generator_bound()) => {
            "gen-bound"
        }
        Status::Valid => "ok",
    }
}

/// The verdict on one load alone, which throughput has no part in.
pub(crate) const fn pace_word(paced: &Paced) -> &'static str {
    match paced.sustained {
        _ if unsettled(paced) => "never settled",
        Some(true) => "ok",
        Some(false) => "behind",
        None => "-",
    }
}

const fn unsettled(paced: &Paced) -> bool {
    paced.settling.never_settled()
}

/// Whether it never settled at the load that is shown; where none is, since no row has a latency at it, at
/// any.
fn never_settled_at(row: &RowSummary, shown: Option<&Paced>) -> bool {
    match shown {
        Some(paced) => unsettled(paced),
        None => row.paced.iter().flatten().any(unsettled),
    }
}

pub(crate) fn verdict(word: &'static str) -> Cell {
    let tone = match word {
        "ok" => Tone::Good,
        "-" => Tone::Faint,
        "INVALID" | "FAILED" | "never settled" | "no result" => Tone::Bad,
        _ => Tone::Warn,
    };
    Cell::new(word.to_owned()).tone(tone)
}

/// What the words of a workload's table mean, row by row, for the page as for the terminal.
pub(crate) fn notes(workload: &WorkloadSummary, load: Option<usize>) -> Vec<String> {
    let mut notes = Vec::new();
    for row in &workload.rows {
        match &row.status {
            Status::Invalid(how) => notes.push(format!(
                "{} is INVALID: its output differs from the oracle's, so its numbers are not shown ({how})",
                row.id
            )),
            Status::Failed(why) => {
                notes.push(format!("{} FAILED, so its numbers are not shown ({why})", row.id));
            }
            Status::NotRun => notes.push(format!("{} was not run", row.id)),
            Status::Valid => {}
        }
        if let Some(share) = row.saturation.as_ref().filter(|at| at.generator_bound()) {
            notes.push(format!(
                "{} is generator bound: it reaches {:.0} % of what the harness does with a null engine, so the harness may be its limit",
                row.id,
                share.null_share.unwrap_or_default().min(10.0) * 100.0
            ));
        }
        notes.extend(row.settling.notes(&row.id, "at saturation"));
    }
    notes.extend(workload.reference_notes.iter().cloned());
    notes.extend(too_short(workload.rows.iter().map(|row| (row, &row.settling)), "at saturation"));
    if let Some(at) = load {
        notes.extend(load_notes(workload, at));
    }
    notes
}

/// Rows whose rounds were too short to tell whether they settled.
fn too_short<'a>(
    rows: impl Iterator<Item = (&'a RowSummary, &'a Settling)>,
    place: &str,
) -> Option<String> {
    let short = rows.filter(|(_, settling)| settling.too_short > 0);
    let short: Vec<&str> = short.map(|(row, _)| row.id.as_str()).collect();
    (!short.is_empty()).then(|| {
        format!(
            "too short {place} to tell whether they settled, for which it takes ten intervals: {}",
            short.join(", ")
        )
    })
}

/// What the words of a table of one load mean.
pub(crate) fn load_notes(workload: &WorkloadSummary, at: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let load = workload.loads[at].label(workload.noun());
    for row in &workload.rows {
        let Some(paced) = row.at(Some(at)) else { continue };
        if paced.sustained == Some(false) {
            let by = match paced.behind_s {
                Some(behind) => format!(" by {}", units::duration((behind * 1e9) as u64)),
                None => String::new(),
            };
            notes.push(format!(
                "{} fell behind schedule{by} at {load}; latency includes waiting",
                row.id
            ));
        }
        if paced.latency.is_some() && paced.rounds_left_out > 0 {
            notes.push(format!(
                "{} has {} of {} rounds without a histogram; they are not in its latency",
                row.id, paced.rounds_left_out, paced.rounds
            ));
        }
        notes.extend(paced.settling.notes(&row.id, &format!("at {load}")));
    }
    let rows = workload.rows.iter().filter_map(|row| Some((row, &row.at(Some(at))?.settling)));
    notes.extend(too_short(rows, &format!("at {load}")));
    notes
}

#[cfg(test)]
mod tests;
