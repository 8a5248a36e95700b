//! A search as one self-contained page: what was found, the trace, and how it came about.

use super::schema::{Finding, Probe, SearchFile, SearchRow};
use super::sentence::{answer, ending_word, noun};
use super::terminal::{about, finding_word, purpose_word, share};
use crate::chart::search::RowChart;
use crate::page::{environment, settings};
use crate::text::clean;
use crate::units;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page of a search with its charts.
#[must_use]
pub fn html(search: &SearchFile, charts: &[RowChart]) -> String {
    let title = format!("weir: the highest sustainable rate of {}", clean(&search.workload.name));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "weir " (clean(&search.weir_version)) };
                title { (title) }
                style { (PreEscaped(include_str!("../page/page.css"))) }
            }
            body {
                main {
                    h1 { (title) }
                    @for row in &search.rows { p.answer { (clean(&answer(search, row))) } }
                    p.soft {
                        "Searched " (clean(&search.created)) " on "
                        (clean(&search.environment.cpu_model)) " (" (search.environment.cpus)
                        " processors), weir " (clean(&search.weir_version)) ", seed " (search.seed) "."
                    }
                    p { (clean(&about(search))) }
                    (overview(search))
                    @for (at, row) in search.rows.iter().enumerate() {
                        (section(at, row, charts))
                    }
                    section aria-labelledby="repeat" {
                        h2 #repeat { "Repeat it" }
                        pre { code { (clean(&search.command)) } }
                    }
                    (environment(&search.environment))
                    (settings(&search.settings))
                }
            }
        }
    }
    .into_string()
}

fn number(text: Option<String>) -> Markup {
    html! { td.n { @match text { Some(text) => (text), None => "-" } } }
}

fn overview(search: &SearchFile) -> Markup {
    let rate = |rate: Option<f64>| number(rate.map(units::quantity));
    html! {
        div.scroll tabindex="0" {
            table.results {
                caption { "Rates in " (clean(noun(search))) " per second; latency of the last probe that held" }
                thead {
                    tr {
                        th scope="col" { "row" }
                        th scope="col" { "result" }
                        th.n scope="col" { "sustains" }
                        th.n scope="col" { "fails at" }
                        th.n scope="col" { "at saturation" }
                        th.n scope="col" { "p50" }
                        th.n scope="col" { "p99" }
                        th.n scope="col" { "max" }
                        th.n scope="col" { "probes" }
                        th scope="col" { "guarantee" }
                    }
                }
                tbody {
                    @for row in &search.rows {
                        @let at = row.at_found();
                        tr {
                            th scope="row" { (clean(&row.id)) }
                            td { (ending_word(search, row)) }
                            (rate(row.found_per_s))
                            (rate(row.fails_per_s))
                            (rate(row.saturation_per_s))
                            (number(at.map(|p| units::duration(p.p50_ns))))
                            (number(at.map(|p| units::duration(p.p99_ns))))
                            (number(at.map(|p| units::duration(p.max_ns))))
                            td.n { (row.probes.len()) }
                            td { (clean(&row.guarantee)) }
                        }
                    }
                }
            }
        }
        @if let Some(null) = search.ceiling.null_paced_per_s {
            p.soft {
                "The null engine takes " (units::quantity(null)) "/s when every latency is measured; "
                "no rate above " (units::quantity(search.ceiling.most_per_s)) "/s is tried."
            }
        }
    }
}

fn section(at: usize, row: &SearchRow, charts: &[RowChart]) -> Markup {
    let own: Vec<&RowChart> = charts.iter().filter(|chart| chart.row == at).collect();
    html! {
        section aria-labelledby={ "r" (at) } {
            h2 id={ "r" (at) } { (clean(&row.id)) }
            @if !row.notes.is_empty() {
                ul.notes { @for note in &row.notes { li { (clean(note)) "." } } }
            }
            @if let Some(command) = &row.measure {
                p { "To measure what was found, in a run of its own:" }
                pre { code { (clean(command)) } }
            }
            @if !own.is_empty() {
                div.charts { @for chart in own { figure { (PreEscaped(&chart.svg)) } } }
            }
            @if !row.probes.is_empty() { (trace(row)) }
        }
    }
}

fn trace(row: &SearchRow) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.results {
                caption { "Every probe, in the order in which they were made; growth of the backlog as a share of the offered rate" }
                thead {
                    tr {
                        th.n scope="col" { "probe" }
                        th scope="col" { "for" }
                        th.n scope="col" { "offered/s" }
                        th.n scope="col" { "achieved/s" }
                        th.n scope="col" { "growth" }
                        th.n scope="col" { "interval" }
                        th.n scope="col" { "p50" }
                        th.n scope="col" { "p99" }
                        th.n scope="col" { "p99.9" }
                        th.n scope="col" { "max" }
                        th.n scope="col" { "measured" }
                        th scope="col" { "finding" }
                        th scope="col" { "why" }
                    }
                }
                tbody { @for probe in &row.probes { (trace_row(probe)) } }
            }
        }
    }
}

fn trace_row(probe: &Probe) -> Markup {
    let ns = |ns: Option<u64>| number(ns.map(units::duration));
    let latency = probe.latency.as_ref();
    let growth = probe.growth.as_ref();
    let class = match probe.finding {
        Finding::Held => "ok",
        Finding::WrongOutput | Finding::Failed => "bad",
        _ => "warn",
    };
    html! {
        tr {
            th.n scope="row" { (probe.number) }
            td { (purpose_word(probe.purpose)) }
            (number(Some(units::quantity(probe.rate_per_s))))
            (number(Some(units::quantity(probe.achieved_per_s))))
            (number(growth.map(|growth| share(growth.per_s, probe))))
            (number(growth.map(|growth| {
                format!("{} to {}", share(growth.low_per_s, probe), share(growth.high_per_s, probe))
            })))
            (ns(latency.map(|p| p.p50_ns)))
            (ns(latency.map(|p| p.p99_ns)))
            (ns(latency.and_then(|p| p.p999_ns)))
            (ns(latency.map(|p| p.max_ns)))
            (number(Some(format!("{} s", units::seconds(probe.measured_s)))))
            td class=(class) { (finding_word(probe.finding).0) }
            td { (clean(&probe.why)) }
        }
    }
}
