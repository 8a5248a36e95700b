//! A comparison as people read it.

use super::document::{Comparison, Finding};
use super::measures::Metric;
use crate::terminal::table::{Align, Cell, Column, Table, Tone};
use crate::terminal::{Colour, MIN_COLUMNS};
use crate::text::wrap;
use crate::units;
use std::fmt::Write as _;
use weir_statistics::sample::median;
use weir_statistics::verdict::Verdict;

/// For a terminal of so many columns: a table for each workload, and the verdict.
#[must_use]
pub fn terminal(comparison: &Comparison, columns: usize, colour: Colour) -> String {
    let columns = columns.max(MIN_COLUMNS);
    let mut out = String::new();
    let mut say = |text: &str, indent: &str| {
        for line in wrap(text, columns, indent) {
            let _ = writeln!(out, "{line}");
        }
    };
    for workload in workloads(comparison) {
        say(workload, "");
        let findings = || comparison.findings.iter().filter(|f| f.workload == workload);
        let mut table = table();
        findings().for_each(|finding| table.push(cells(finding, comparison)));
        let (lines, left_out) = table.lines(columns, colour);
        lines.iter().for_each(|line| say_line(&mut say, line));
        if !left_out.is_empty() {
            say(&format!("  (too narrow for: {})", left_out.join(", ")), "   ");
        }
        for note in notes(findings()) {
            say(&format!("  ! {note}"), "    ");
        }
        say("", "");
    }
    for line in remarks(comparison) {
        say(&line, "  ");
    }
    say(&conclusion(comparison), "");
    out
}

/// Lines of a table keep their spaces.
fn say_line(say: &mut impl FnMut(&str, &str), line: &str) {
    // A table's lines fit, and `wrap` leaves what fits as it is.
    say(line, "");
}

fn workloads(comparison: &Comparison) -> Vec<&str> {
    let mut names: Vec<&str> = comparison.findings.iter().map(|f| f.workload.as_str()).collect();
    names.dedup();
    names
}

fn table() -> Table {
    Table::new(vec![
        Column::new("row", Align::Left),
        Column::new("load", Align::Left),
        Column::new("", Align::Left),
        Column::new("old", Align::Right).drop_at(4),
        Column::new("new", Align::Right).drop_at(5),
        Column::new("change", Align::Right),
        Column::new("interval", Align::Left).drop_at(6),
        Column::new("p", Align::Right).drop_at(1),
        Column::new("q", Align::Right).drop_at(2),
        Column::new("n", Align::Right).drop_at(3),
        Column::new("verdict", Align::Left),
    ])
}

fn cells(finding: &Finding, of: &Comparison) -> Vec<Cell> {
    let change = finding.change.map(|[_, estimate, _]| percent(estimate));
    vec![
        Cell::new(finding.row.clone()),
        Cell::new(short(&finding.load).to_owned()),
        Cell::new(finding.metric.name().to_owned()),
        Cell::new(value(finding, &finding.old)),
        Cell::new(value(finding, &finding.new)),
        Cell::of(change),
        Cell::of(range(finding, of)),
        Cell::of(finding.p.map(chance)),
        Cell::of(finding.q.map(chance)),
        Cell::new(rounds(finding)),
        Cell::new(finding.verdict.to_string()).tone(tone(finding.verdict)),
    ]
}

const fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Improved => Tone::Good,
        Verdict::Regressed => Tone::Bad,
        Verdict::Mixed => Tone::Warn,
        Verdict::Unchanged => Tone::Plain,
        Verdict::Inconclusive => Tone::Faint,
    }
}

/// The median of the rounds, in the measure's unit.
fn value(finding: &Finding, values: &[f64]) -> String {
    if values.is_empty() {
        return "-".to_owned();
    }
    let middle = median(values);
    match finding.metric {
        Metric::Throughput if finding.relative => units::multiple(middle),
        Metric::Throughput => units::quantity(middle),
        Metric::CpuPerMillion if finding.relative => units::multiple(middle),
        Metric::CpuPerMillion => units::seconds(middle),
        Metric::LatencyP50 | Metric::LatencyP99 => units::duration(middle as u64),
        Metric::KeptUp | Metric::Settled | Metric::Valid => {
            let count = values.iter().filter(|value| **value > 0.0).count();
            format!("{count} of {}", values.len())
        }
    }
}

/// A relative change, as `+3.1 %`; from ten times on as a multiple.
fn percent(change: f64) -> String {
    if change >= 9.0 { units::multiple(change + 1.0) } else { format!("{:+.1} %", change * 100.0) }
}

/// The interval, which one round has none of, with how sure it is if that is not as was asked for.
fn range(finding: &Finding, of: &Comparison) -> Option<String> {
    let [low, _, high] = finding.change?;
    let level = level(finding.confidence?, of);
    let several = finding.old.len().min(finding.new.len()) > 1;
    several.then(|| format!("{}{level}", interval(low, high)))
}

fn level(confidence: f64, of: &Comparison) -> String {
    let less = confidence < of.confidence;
    if less { format!(", {:.0} % sure", 100.0 * confidence) } else { String::new() }
}

fn interval(low: f64, high: f64) -> String {
    format!("{} to {}", percent(low), percent(high))
}

fn chance(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

fn rounds(finding: &Finding) -> String {
    format!("{}/{}", finding.old.len(), finding.new.len())
}

/// What is noted of findings. What is the same of many is said once.
fn notes<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
    let mut by_text: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let Some(text) = finding.note.as_deref() else { continue };
        match by_text.iter_mut().find(|(other, _)| *other == text) {
            Some((_, findings)) => findings.push(finding),
            None => by_text.push((text, vec![finding])),
        }
    }
    let name = |Finding { row, load, metric, .. }: &Finding| {
        format!("{row}, {}, {}", short(load), metric.name())
    };
    let note = |(text, findings): (&str, Vec<&Finding>)| match findings.as_slice() {
        [one] => format!("{}: {text}", name(one)),
        [one, others @ ..] => format!("{} and {} more: {text}", name(one), others.len()),
        [] => text.to_owned(),
    };
    by_text.into_iter().map(note).collect()
}

/// A load in few letters: most are constant rates.
fn short(load: &str) -> &str {
    load.strip_prefix("constant ").unwrap_or(load)
}

/// What holds for the whole comparison.
fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for machine in comparison.machines.iter().filter(|machine| machine.differs) {
        let [low, change, high] = machine.change;
        lines.push(format!(
            "! the hand-written loop of {} went {} ({}): the machine, or the compiler, has changed; \
             throughput and CPU/M are compared as multiples of it",
            machine.workload,
            percent(change),
            interval(low, high),
        ));
    }
    for machine in comparison.machines.iter().filter(|machine| machine.open) {
        let [low, change, high] = machine.change;
        lines.push(format!(
            "! the hand-written loop of {} went {} ({}{}), so that the machine may have changed: a change counts \
             only if it is clear of that, too",
            machine.workload,
            percent(change),
            interval(low, high),
            level(machine.confidence, comparison),
        ));
    }
    let known = |workload: &&str| comparison.machines.iter().any(|of| of.workload == **workload);
    for workload in workloads(comparison).into_iter().filter(|workload| !known(workload)) {
        lines.push(format!(
            "! no hand-written loop of {workload} was run on both sides, so that nothing says whether the machine \
             was as fast: run with max among --rate"
        ));
    }
    lines.extend(comparison.unmatched.iter().map(|text| format!("! {text}")));
    for allowed in &comparison.allowed {
        lines.push(format!("! compared although they differ in {allowed}"));
    }
    lines
}

fn conclusion(comparison: &Comparison) -> String {
    let band = percent(comparison.noise_band);
    format!(
        "{}: {}. A change is the median ratio of new to old over all pairs of rounds; it counts if all of its {} % \
         interval lies beyond {} either way and it is no chance among so many (q).",
        comparison.verdict.to_uppercase(),
        counts(comparison),
        comparison.confidence * 100.0,
        band.trim_start_matches('+'),
    )
}

/// How many findings of each kind there are.
fn counts(comparison: &Comparison) -> String {
    let kinds = [
        Verdict::Improved,
        Verdict::Regressed,
        Verdict::Unchanged,
        Verdict::Mixed,
        Verdict::Inconclusive,
    ];
    let counted = kinds.iter().filter_map(|kind| {
        let count = comparison.findings.iter().filter(|f| f.verdict == *kind).count();
        (count > 0).then(|| format!("{count} {kind}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// As Markdown, for a comment on a change.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("**weir compare: {}** ({})\n", comparison.verdict, counts(comparison));
    for workload in workloads(comparison) {
        let _ = writeln!(out, "\n### {}\n", escaped(workload));
        out.push_str("| row | load | | old | new | change | interval | p | q | n | verdict |\n");
        out.push_str("|---|---|---|--:|--:|--:|---|--:|--:|--:|---|\n");
        let findings = || comparison.findings.iter().filter(|f| f.workload == workload);
        for finding in findings() {
            let change = finding.change.map_or("-".to_owned(), |[_, change, _]| percent(change));
            let range = range(finding, comparison).unwrap_or_else(|| "-".to_owned());
            let strong = matches!(finding.verdict, Verdict::Improved | Verdict::Regressed);
            let mark = if strong { "**" } else { "" };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {change} | {range} | {} | {} | {} | {mark}{}{mark} |",
                escaped(&finding.row),
                escaped(short(&finding.load)),
                finding.metric.name(),
                value(finding, &finding.old),
                value(finding, &finding.new),
                escaped(&finding.p.map_or("-".to_owned(), chance)),
                escaped(&finding.q.map_or("-".to_owned(), chance)),
                rounds(finding),
                finding.verdict,
            );
        }
        for note in notes(findings()) {
            let _ = writeln!(out, "\n- {}", escaped(&note));
        }
    }
    let remarks = remarks(comparison);
    if !remarks.is_empty() {
        out.push('\n');
    }
    for remark in remarks {
        let _ = writeln!(out, "- {}", escaped(remark.trim_start_matches("! ")));
    }
    let _ = writeln!(out, "\n{}", escaped(&conclusion(comparison)));
    out
}

/// Text in which Markdown and HTML mean nothing.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '!' | '~' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}
