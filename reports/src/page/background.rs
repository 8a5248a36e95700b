//! The page's second half: definitions, how to repeat it, and what it was measured on.

use crate::schema::{Environment, Setting};
use crate::summary::{RowSummary, Summary};
use crate::units;
use maud::{Markup, html};

/// Terms and what they mean here.
const TERMS: [(&str, &str); 11] = [
    (
        "Latency",
        "From the time at which a record was scheduled to arrive to the time at which its last effect (a change of state, or a row in the sink) was visible. An engine that falls behind is charged for the waiting. Every record of the measured phase counts; nothing is sampled.",
    ),
    (
        "Service latency",
        "From the time at which the engine took the record in. Without the waiting, so it looks well even when an engine cannot keep up.",
    ),
    (
        "Percentiles",
        "Taken from the merged histograms of all rounds, never averaged. The 99.9th is left out below 10,000 records, the 99.99th below 100,000.",
    ),
    (
        "Saturation",
        "Everything is due at once: throughput means something, latency does not. The median of the rounds, with the least and the most.",
    ),
    (
        "COST",
        "A hand-written single-threaded loop that does the same work. An engine below 1x does less on all its threads than that loop on one.",
    ),
    (
        "Null engine",
        "The harness with an engine that does nothing: the most that could be measured. Above 70 % of it a row is marked gen-bound, as the harness may be its limit.",
    ),
    (
        "CPU s/M",
        "Processor seconds, user and system, of the whole process per million records at saturation.",
    ),
    (
        "Sustained, behind",
        "A load is sustained if the backlog did not grow through the measured phase. A row that did not sustain it is marked behind; its latency grows with the length of the run.",
    ),
    (
        "Busy, queue peak",
        "The share of a round in which a component's tasks were not waiting for input, on average over the tasks and the whole round; of several rounds, the greatest. Near 100 % all of its tasks hold the others back, or wait for room behind one that does. A low share does not say that none does: one task with all the work among idle ones, or a short time of work, is little on average. The queue peak is the longest queue that a task saw when it looked.",
    ),
    (
        "Warm-up",
        "The first part of a paced run. Records scheduled in it are processed and checked, but are not in the percentiles; charts shade it.",
    ),
    (
        "INVALID",
        "What was in the sink differed from the answer of a sequential oracle over the same input. The row's numbers are not shown anywhere.",
    ),
];

/// Definitions.
pub(crate) fn how_to_read() -> Markup {
    html! {
        section aria-labelledby="how-to-read" {
            h2 #how-to-read { "How to read this" }
            dl { @for (term, meaning) in TERMS { dt { (term) } dd { (meaning) } } }
        }
    }
}

/// The command.
pub(super) fn repeat(summary: &Summary) -> Markup {
    html! {
        section aria-labelledby="repeat" {
            h2 #repeat { "Repeat it" }
            pre { code { (summary.command) } }
        }
    }
}

/// Machine and build.
pub(crate) fn environment(environment: &Environment) -> Markup {
    let load = |load: Option<f64>| load.map(|load| format!("{load:.2}"));
    let tree = environment.dirty.map(|dirty| if dirty { " with changes" } else { "" });
    let commit = environment.commit.as_ref();
    let facts: [(&str, Option<String>); 12] = [
        ("operating system", Some(environment.os.clone())),
        ("processor", Some(environment.cpu_model.clone())),
        ("processors usable", Some(environment.cpus.to_string())),
        ("memory", Some(units::bytes(environment.memory_bytes))),
        ("frequency governor", environment.governor.clone()),
        ("processor quota", environment.cgroup_cpus.map(|cpus| format!("{cpus:.2}"))),
        ("compiler", Some(environment.rustc.clone())),
        ("build", Some(environment.build.clone())),
        ("allocator", Some(environment.allocator.clone())),
        ("commit", commit.map(|commit| format!("{commit}{}", tree.unwrap_or_default()))),
        ("load average before", load(environment.load_before)),
        ("load average after", load(environment.load_after)),
    ];
    html! {
        section aria-labelledby="environment" {
            h2 #environment { "Environment" }
            div.scroll {
                table {
                    tbody {
                        @for (name, value) in facts {
                            tr {
                                th scope="row" { (name) }
                                td { @match value { Some(value) => (value), None => "not known" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Settings in force.
pub(crate) fn settings(settings: &[Setting]) -> Markup {
    html! {
        section aria-labelledby="settings" {
            h2 #settings { "Settings" }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "setting" }
                            th scope="col" { "value" }
                            th scope="col" { "origin" }
                        }
                    }
                    tbody {
                        @for setting in settings {
                            tr {
                                th scope="row" { (setting.name) }
                                td { (setting.value) }
                                td { (setting.origin) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What ran, as the engines reported it.
pub(super) fn engines(summary: &Summary) -> Markup {
    html! {
        section aria-labelledby="engines" {
            h2 #engines { "What ran, as the engines reported it" }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "workload" }
                            th scope="col" { "row" }
                            th scope="col" { "engine" }
                            th.n scope="col" { "runs" }
                            th.n scope="col" { "threads" }
                            th scope="col" { "components: tasks" }
                            th scope="col" { "settings" }
                        }
                    }
                    tbody {
                        @for workload in &summary.workloads {
                            @for row in &workload.rows { (engine(&workload.name, row)) }
                        }
                    }
                }
            }
        }
    }
}

fn engine(workload: &str, row: &RowSummary) -> Markup {
    let components: Vec<String> =
        row.components.iter().map(|c| format!("{}: {}", c.name, c.tasks)).collect();
    let settings: Vec<String> = row.settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let threads = row.components.iter().fold(0usize, |sum, c| sum.saturating_add(c.threads));
    html! {
        tr {
            td { (workload) }
            th scope="row" { (row.id) }
            td { (row.engine) }
            td.n { (row.runs) }
            td.n { (threads) }
            td { (components.join(", ")) }
            td { (settings.join(" ")) }
        }
    }
}
