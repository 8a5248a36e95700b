//! The page's tables of results.

use crate::classic::Classic;
use crate::schema::Percentiles;
use crate::summary::{Distribution, Paced, RowSummary, Spread, WorkloadSummary};
use crate::terminal::{pace_word, verdict_word};
use crate::units;
use maud::{Markup, html};

/// The class that colours an engine's name.
fn class_of(engine: &str) -> Option<&'static str> {
    match engine {
        "topology" => Some("topology"),
        "microbatch" => Some("microbatch"),
        _ => None,
    }
}

fn class_of_verdict(word: &str) -> &'static str {
    match word {
        "ok" | "-" => "ok",
        "INVALID" | "FAILED" | "never settled" => "bad",
        _ => "warn",
    }
}

pub(super) fn number(text: Option<String>) -> Markup {
    html! { td.n { @match text { Some(text) => (text), None => "-" } } }
}

fn verdict(word: &'static str) -> Markup {
    html! { td class=(class_of_verdict(word)) { (word) } }
}

pub(super) fn name(row: &RowSummary) -> Markup {
    html! { th scope="row" class=[class_of(&row.engine)] { (row.id) } }
}

/// The classic table.
pub(super) fn classic(classic: &Classic) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                caption {
                    "The two models as measured on " (classic.workload)
                    @if let Some(load) = &classic.load { "; latency at " (load) }
                }
                thead {
                    tr {
                        th scope="col" { "model" }
                        th scope="col" { "unit of data" }
                        th scope="col" { "throughput (x COST)" }
                        th scope="col" { "median latency" }
                        th scope="col" { "row" }
                    }
                }
                tbody {
                    @for row in &classic.rows {
                        tr {
                            th scope="row" class=[class_of(&row.engine)] {
                                (row.model) " (" (row.like) ")"
                            }
                            td { (row.unit) }
                            td { (row.throughput) }
                            td { (row.latency) }
                            td { @match &row.row { Some(id) => (id), None => "-" } }
                        }
                    }
                }
            }
        }
    }
}

/// Throughput with the latency at the reference load: the table that the terminal shows, in full.
pub(super) fn workload(workload: &WorkloadSummary) -> Markup {
    let load = workload.reference_load;
    html! {
        div.scroll tabindex="0" {
            table.results {
                caption {
                    "Throughput at saturation in " (workload.noun()) " per second"
                    @if let Some(label) = workload.reference_label() { "; latency at " (label) }
                }
                thead {
                    tr {
                        th scope="col" { "row" }
                        th scope="col" { "verdict" }
                        th.n scope="col" { "median, range" }
                        th.n scope="col" { "x COST" }
                        th.n scope="col" { "p50" }
                        th.n scope="col" { "p99" }
                        th.n scope="col" { "max" }
                        th.n scope="col" { "service p50" }
                        th.n scope="col" { "CPU s/M" }
                        th scope="col" { "semantics" }
                    }
                }
                tbody {
                    @for row in &workload.rows { (workload_row(row, load)) }
                    (reference("COST loop", workload, workload.cost, workload.cost_latency))
                    (reference("null engine", workload, workload.null, workload.null_latency))
                }
            }
        }
    }
}

/// The median, and below it the least and the most, which in a column of its own would not fit.
fn rates(spread: Option<&Spread>) -> Markup {
    let Some(spread) = spread else { return number(None) };
    html! {
        td.n {
            (units::quantity(spread.median))
            @if spread.rounds > 1 {
                br;
                span.range { (units::quantity(spread.min)) " - " (units::quantity(spread.max)) }
            }
        }
    }
}

fn workload_row(row: &RowSummary, load: Option<usize>) -> Markup {
    let at = row.saturation.as_ref();
    let paced = row.at(load);
    let latency = paced.and_then(|paced| paced.latency.as_ref()).map(|latency| latency.points);
    let service = paced.and_then(|paced| paced.service.as_ref()).map(|service| service.points);
    html! {
        tr {
            (name(row))
            (verdict(verdict_word(row, paced)))
            (rates(at.map(|at| &at.per_s)))
            (number(at.and_then(|at| at.cost_multiple).map(units::multiple)))
            (number(latency.map(|p| units::duration(p.p50_ns))))
            (number(latency.map(|p| units::duration(p.p99_ns))))
            (number(latency.map(|p| units::duration(p.max_ns))))
            (number(service.map(|p| units::duration(p.p50_ns))))
            (number(at.and_then(|at| at.cpu_s_per_million).map(units::seconds)))
            td.label { (row.semantics) }
        }
    }
}

fn reference(
    name: &str,
    workload: &WorkloadSummary,
    per_s: Option<Spread>,
    latency: Option<Percentiles>,
) -> Markup {
    let Some(per_s) = per_s else { return html! {} };
    let multiple = workload.cost.map(|cost| units::multiple(per_s.median / cost.median));
    html! {
        tr.reference {
            th scope="row" { (name) }
            td { "reference" }
            (rates(Some(&per_s)))
            (number(multiple))
            (number(latency.map(|p| units::duration(p.p50_ns))))
            (number(latency.map(|p| units::duration(p.p99_ns))))
            (number(latency.map(|p| units::duration(p.max_ns))))
            (number(None))
            (number(None))
            td { "-" }
        }
    }
}

/// Every percentile of latency and service latency at one load.
pub(super) fn latency(workload: &WorkloadSummary, load: usize) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.results {
                caption { "Latency from the scheduled time, and service latency, rounds merged" }
                thead {
                    tr {
                        th scope="col" { "row" }
                        th scope="col" { "verdict" }
                        th scope="col" { "of" }
                        th.n scope="col" { "records" }
                        th.n scope="col" { "min" }
                        th.n scope="col" { "mean" }
                        th.n scope="col" { "p50" }
                        th.n scope="col" { "p90" }
                        th.n scope="col" { "p99" }
                        th.n scope="col" { "p99.9" }
                        th.n scope="col" { "p99.99" }
                        th.n scope="col" { "max" }
                    }
                }
                tbody { @for row in &workload.rows { (latency_rows(row, row.at(Some(load)))) } }
            }
        }
    }
}

fn latency_rows(row: &RowSummary, paced: Option<&Paced>) -> Markup {
    let Some(paced) = paced else { return html! {} };
    html! {
        tr {
            (name(row))
            (verdict(pace_word(paced)))
            td { "latency" }
            (points(paced.latency.as_ref()))
        }
        @if paced.service.is_some() {
            tr.reference {
                th scope="row" { (row.id) }
                td {}
                td { "service" }
                (points(paced.service.as_ref()))
            }
        }
    }
}

fn points(distribution: Option<&Distribution>) -> Markup {
    let p = distribution.map(|distribution| distribution.points);
    let ns = |value: Option<u64>| number(value.map(units::duration));
    html! {
        (number(p.map(|p| units::grouped(p.count))))
        (ns(p.map(|p| p.min_ns)))
        (ns(p.map(|p| p.mean_ns.max(0.0) as u64)))
        (ns(p.map(|p| p.p50_ns)))
        (ns(p.map(|p| p.p90_ns)))
        (ns(p.map(|p| p.p99_ns)))
        (ns(p.and_then(|p| p.p999_ns)))
        (ns(p.and_then(|p| p.p9999_ns)))
        (ns(p.map(|p| p.max_ns)))
    }
}
