//! The page's tables of what a load took.

use super::tables::{name, number};
use crate::schema::Batches;
use crate::summary::{ComponentWork, Paced, RowSummary, WorkloadSummary};
use crate::units;
use maud::{Markup, html};

fn rows_at(workload: &WorkloadSummary, load: usize) -> impl Iterator<Item = (&RowSummary, &Paced)> {
    workload.rows.iter().filter_map(move |row| Some((row, row.at(Some(load))?)))
}

/// Processors, memory and context switches.
pub(super) fn resources(workload: &WorkloadSummary, load: usize) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.results {
                caption { "What it took" }
                thead {
                    tr {
                        th scope="col" { "row" }
                        th.n scope="col" { "CPUs used" }
                        th.n scope="col" { "CPU s/M" }
                        th.n scope="col" { "peak memory" }
                        th.n scope="col" { "grown by" }
                        th.n scope="col" { "waits/s" }
                        th.n scope="col" { "preempted/s" }
                    }
                }
                tbody {
                    @for (row, paced) in rows_at(workload, load) {
                        tr {
                            (name(row))
                            (number(paced.cpus_used.map(units::seconds)))
                            (number(paced.cpu_s_per_million.map(units::seconds)))
                            (number(paced.effort.peak_rss_bytes.map(units::bytes)))
                            (number(paced.effort.rss_growth_bytes.map(units::bytes)))
                            (number(paced.effort.waits_per_s.map(units::quantity)))
                            (number(paced.effort.preemptions_per_s.map(units::quantity)))
                        }
                    }
                }
            }
        }
    }
}

/// Where the work was done, of the rows whose engine counts that.
pub(super) fn components<'a>(
    work: impl Iterator<Item = (&'a RowSummary, &'a [ComponentWork])>,
) -> Markup {
    let counted: Vec<_> = work.filter(|(_, components)| !components.is_empty()).collect();
    if counted.is_empty() {
        return html! {};
    }
    html! {
        details {
            summary { "Where the work was done" }
            div.scroll tabindex="0" {
                table.results {
                    caption { "Components: counts of all rounds, the busiest round, the longest queue" }
                    thead {
                        tr {
                            th scope="col" { "row" }
                            th scope="col" { "component" }
                            th.n scope="col" { "tasks" }
                            th.n scope="col" { "executed" }
                            th.n scope="col" { "emitted" }
                            th.n scope="col" { "busy" }
                            th.n scope="col" { "queue peak" }
                        }
                    }
                    tbody {
                        @for (row, components) in counted {
                            @for component in components { (component_row(row, component)) }
                        }
                    }
                }
            }
        }
    }
}

fn component_row(row: &RowSummary, work: &ComponentWork) -> Markup {
    let busy = work.busy_permille.map(|permille| format!("{:.1} %", permille as f64 / 10.0));
    html! {
        tr {
            (name(row))
            td { (work.name) }
            (number(Some(work.tasks.to_string())))
            (number(Some(units::grouped(work.executed))))
            (number(Some(units::grouped(work.emitted))))
            (number(busy))
            (number(work.queue_peak.map(units::grouped)))
        }
    }
}

/// What each component did at saturation.
pub(super) fn components_at_saturation(workload: &WorkloadSummary) -> Markup {
    components(workload.rows.iter().filter_map(|row| {
        let at = row.saturation.as_ref()?;
        Some((row, at.components.as_slice()))
    }))
}

/// What each component did at a load.
pub(super) fn components_at(workload: &WorkloadSummary, load: usize) -> Markup {
    components(
        rows_at(workload, load).map(|(row, paced)| (row, paced.effort.components.as_slice())),
    )
}

/// Batches, of the rows that have them.
pub(super) fn batches(workload: &WorkloadSummary, load: usize) -> Markup {
    let with_batches: Vec<(&RowSummary, Batches)> = rows_at(workload, load)
        .filter_map(|(row, paced)| Some((row, paced.effort.batches?)))
        .collect();
    if with_batches.is_empty() {
        return html! {};
    }
    html! {
        div.scroll tabindex="0" {
            table.results {
                caption { "Batches: counts of all rounds, times of the worst" }
                thead {
                    tr {
                        th scope="col" { "row" }
                        th.n scope="col" { "batches" }
                        th.n scope="col" { "empty" }
                        th.n scope="col" { "on time" }
                        th.n scope="col" { "scheduling p50" }
                        th.n scope="col" { "processing p50" }
                        th.n scope="col" { "processing max" }
                        th.n scope="col" { "empty batch p50" }
                    }
                }
                tbody { @for (row, batches) in with_batches { (batches_row(row, &batches)) } }
            }
        }
    }
}

fn batches_row(row: &RowSummary, batches: &Batches) -> Markup {
    let on_time = batches.on_time.filter(|share| (0.0..=1.0).contains(share));
    html! {
        tr {
            (name(row))
            (number(Some(units::grouped(batches.count))))
            (number(Some(units::grouped(batches.empty))))
            // Rounded down: 100 % means every one.
            (number(on_time.map(|share| format!("{:.1} %", (share * 1e3).floor() / 10.0))))
            (number(Some(units::duration(batches.scheduling_p50_ns))))
            (number(Some(units::duration(batches.processing_p50_ns))))
            (number(Some(units::duration(batches.processing_max_ns))))
            (number(batches.empty_processing_p50_ns.map(units::duration)))
        }
    }
}
