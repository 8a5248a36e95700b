//! One self-contained page: the answer, the tables, the charts, and how they came about. It loads
//! nothing, runs no script, and is readable in print and in the dark.

pub(crate) mod background;
mod effort;
mod tables;

pub(crate) use background::{environment, settings};

use crate::answer::Answer;
use crate::chart::Chart;
use crate::classic::Classic;
use crate::summary::{Summary, WorkloadSummary};
use crate::terminal::{load_notes, notes};
use crate::text::{capitalised, slug};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page of a summary with its charts.
#[must_use]
pub fn html(summary: &Summary, charts: &[Chart]) -> String {
    let answer = Answer::of(summary);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "weir " (summary.weir_version) };
                title { "weir: record at a time and micro-batch, measured" }
                style { (PreEscaped(include_str!("page/page.css"))) }
            }
            body {
                main {
                    h1 { "weir: record at a time and micro-batch, measured" }
                    p.answer { (answer.latency) }
                    p.answer { (answer.throughput) }
                    p.soft {
                        "Measured " (summary.created) " on " (summary.environment.cpu_model)
                        " (" (summary.environment.cpus) " processors), weir "
                        (summary.weir_version) ", seed " (summary.seed) "."
                    }
                    @if let Some(classic) = Classic::of(summary) { (tables::classic(&classic)) }
                    @for (at, workload) in summary.workloads.iter().enumerate() {
                        (section(workload, at, charts))
                    }
                    (background::how_to_read())
                    (background::repeat(summary))
                    (background::environment(&summary.environment))
                    (background::settings(&summary.settings))
                    (background::engines(summary))
                }
            }
        }
    }
    .into_string()
}

fn section(workload: &WorkloadSummary, at: usize, charts: &[Chart]) -> Markup {
    let own: Vec<&Chart> = charts.iter().filter(|chart| chart.workload == at).collect();
    html! {
        section aria-labelledby={ "w" (at) "-" (slug(&workload.name)) } {
            h2 id={ "w" (at) "-" (slug(&workload.name)) } { (workload.name) }
            p { (workload.summary) "." }
            @if !workload.input.is_empty() { p.soft { "Input: " (workload.input) "." } }
            @if let Some(ceiling) = workload.ceiling() { p.soft { (capitalised(&ceiling)) "." } }
            (tables::workload(workload))
            (list(&notes(workload, workload.reference_load)))
            (effort::components_at_saturation(workload))
            @if !own.is_empty() {
                div.charts {
                    @for chart in own { figure { (PreEscaped(&chart.svg)) } }
                }
            }
            @for load in 0..workload.loads.len() {
                h3 { "Latency at " (workload.loads[load].label(workload.noun())) }
                (tables::latency(workload, load))
                (effort::resources(workload, load))
                (effort::batches(workload, load))
                (effort::components_at(workload, load))
                @if Some(load) != workload.reference_load {
                    (list(&load_notes(workload, load)))
                }
            }
        }
    }
}

fn list(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            ul.notes { @for note in notes { li { (note) "." } } }
        }
    }
}

#[cfg(test)]
mod tests;
