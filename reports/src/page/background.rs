//! The page's second half: definitions, how to repeat it, and what it was measured on.

use crate::fitness::{self, Grade};
use crate::schema::{Environment, Fitness, Setting};
use crate::summary::{RowSummary, Summary};
use crate::units;
use maud::{Markup, html};

/// Terms and what they mean here.
const TERMS: [(&str, &str); 13] = [
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
        "Of a run: taken from the merged histograms of all its rounds, never averaged. Where rounds are held against each other, in sweeps and comparisons, each has percentiles of its own, and the median of the rounds is shown. The 99.9th is left out below 10,000 records, the 99.99th below 100,000.",
    ),
    (
        "Saturation",
        "Everything is due at once: throughput means something, latency does not. The median of the rounds, with the least and the most.",
    ),
    (
        "Semantics",
        "What a row's numbers are numbers of: delivery guarantee, whether every tuple tree was tracked (acking), whether state was checkpointed, and whether results go by event time. Rows that differ in it do different work, and are not drawn into one panel unless that was asked for (--allow-mixed).",
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
        "Processor seconds, user and system, of the whole process per million records: at saturation, or of the load that a table is of where it says so, or where nothing was run at saturation.",
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
        "The first part of a run. Records scheduled in it are processed and checked, but are not in any figure; charts shade it. If the run had not settled when it ended, more is cut, as the notes under the tables say.",
    ),
    (
        "Never settled",
        "Throughput, or the median latency of intervals at least as long as a batch, was still changing after half of the measured phase, or rose or fell by more than 30 % all the way. Numbers of such a run are of no state of the engine, and are not shown. Of steady runs at most 3 in 100 are refused, of quiet ones (up to 5 % from interval to interval) at most 2 in 100. Stalls are not warm-up: they stay in.",
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
            (fit(environment))
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

/// How fit the machine was, and what would make it fitter: what `weir doctor` finds.
fn fit(environment: &Environment) -> Markup {
    let Some(fitness) = &environment.fitness else {
        return html! { p { "The machine was not examined: " code { "weir doctor" } " does that." } };
    };
    let advice = fitness::advice(environment);
    html! {
        p {
            "Just before the first run this machine was " strong { (Grade::of(fitness)) }
            @if advice.is_empty() { "; nothing needs to be done about it." } @else { ". What would help:" }
        }
        @if !advice.is_empty() { ul.notes { @for text in &advice { li { (text) "." } } } }
        p.soft { (probes(fitness)) }
    }
}

fn probes(fitness: &Fitness) -> String {
    format!(
        "A reading of the clock costs {:.0} ns; sleeps wake {} late at the median and {} at p99; others took \
         {:.1} % of spinning threads' time; equal blocks of the same work differ by {:.1} %.",
        fitness.timer_cost_ns.clamp(0.0, 1e9),
        units::duration(fitness.sleep_late_p50_ns),
        units::duration(fitness.sleep_late_p99_ns),
        fitness.lost_share.clamp(0.0, 1.0) * 1e2,
        fitness.noise.clamp(0.0, 1e3) * 1e2,
    )
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
