//! One self-contained page: the findings, the curves, the tables, and how they came about.

use super::charts::SweepChart;
use super::curves::Curves;
use super::findings::Findings;
use super::rows::{Part, legend, parts, shows_load};
use crate::page::background;
use crate::units;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page of a sweep with its charts.
#[must_use]
pub fn html(curves: &Curves, charts: &[SweepChart]) -> String {
    let findings = Findings::of(curves);
    let varied: Vec<&str> = curves.axes.iter().map(|axis| axis.setting.as_str()).collect();
    let title = format!("weir: {} over {}", curves.workload, varied.join(" and "));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("../page/page.css"))) }
            }
            body {
                main {
                    h1 { (title) }
                    @for sentence in findings.crossovers.iter().chain(&findings.against_loop) {
                        p { (sentence) }
                    }
                    @if let Some(base) = &curves.base {
                        p.soft {
                            "Measured on " (base.environment.cpu_model)
                            " (" (base.environment.cpus) " processors), begun " (base.created) ", weir "
                            (base.weir_version) ", seed " (base.seed) "."
                            @if let Some(workload) = base.workloads.first() {
                                " Input: " (workload.input) "."
                            }
                        }
                    }
                    @if !findings.missing.is_empty() || !findings.settling.is_empty() {
                        ul.notes {
                            @for note in findings.missing.iter().chain(&findings.settling) {
                                li { (note) "." }
                            }
                        }
                    }
                    div.charts {
                        @for chart in charts { figure { (PreEscaped(&chart.svg)) } }
                    }
                    section aria-labelledby="cells" {
                        h2 #cells { "Every cell" }
                        p.soft { (legend(curves)) }
                        @for part in parts(curves) { (table(curves, &part)) }
                    }
                    (background::how_to_read())
                    section aria-labelledby="repeat" {
                        h2 #repeat { "Repeat it" }
                        pre { code { (curves.command) } }
                    }
                    @if let Some(base) = &curves.base { (background::environment(&base.environment)) }
                    (background::settings(&curves.settings))
                }
            }
        }
    }
    .into_string()
}

fn table(curves: &Curves, part: &Part<'_>) -> Markup {
    let load = shows_load(curves);
    let all = &part.lines;
    let saturated = all.iter().any(|line| line.cost_multiple.is_some());
    html! {
        h3 { (part.series.name) }
        p.soft { (part.label) }
        div.scroll tabindex="0" {
            table.results {
                thead {
                    tr {
                        @for axis in &curves.axes { th.n scope="col" { (axis.setting) } }
                        @if load { th scope="col" { "load" } }
                        th.n scope="col" { "rec/s" }
                        th scope="col" { "interval" }
                        @if saturated { th.n scope="col" { "x COST" } }
                        th.n scope="col" { "p50" }
                        th scope="col" { "interval" }
                        th.n scope="col" { "p99" }
                        th scope="col" { "interval" }
                        th scope="col" { "verdict" }
                    }
                }
                tbody {
                    @for line in all {
                        tr {
                            @for value in &line.cell.at { th.n scope="row" { (value.text) } }
                            @if load { td { (line.load().unwrap_or_default()) } }
                            (with_bounds(line.per_s()))
                            @if saturated {
                                (number(line.cost_multiple.map(units::multiple)))
                            }
                            (with_bounds(line.p50()))
                            (with_bounds(line.p99()))
                            td class=(class_of(line.verdict)) { (line.verdict) }
                        }
                    }
                }
            }
        }
    }
}

fn number(text: Option<String>) -> Markup {
    html! { td.n { @match text { Some(text) => (text), None => "-" } } }
}

fn with_bounds((value, bounds): (Option<String>, Option<String>)) -> Markup {
    html! {
        (number(value))
        td.soft { (bounds.unwrap_or_default()) }
    }
}

fn class_of(word: &str) -> &'static str {
    match word {
        "ok" => "ok",
        "INVALID" | "FAILED" | "never settled" | "no result" => "bad",
        _ => "warn",
    }
}
