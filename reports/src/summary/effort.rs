//! What a load took: memory, context switches, and batches. Medians of rounds cannot be merged, so the
//! worst round speaks for all.

use crate::schema::{Batches, Component, Run};
use crate::summary::ComponentWork;

/// What the rounds of one load took.
#[derive(Clone, Debug, PartialEq)]
pub struct Effort {
    /// Largest resident set of any round, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// How far the resident set grew over what it was before, in the worst round.
    pub rss_growth_bytes: Option<u64>,
    /// Context switches per second by waiting.
    pub waits_per_s: Option<f64>,
    /// Context switches per second by preemption.
    pub preemptions_per_s: Option<f64>,
    /// The batches: counts over all rounds, all else from the worst round.
    pub batches: Option<Batches>,
    /// What each component did, on engines that count it.
    pub components: Vec<ComponentWork>,
}

impl Effort {
    pub(super) fn of(runs: &[&Run], components: &[Component]) -> Self {
        let wall: f64 = runs.iter().map(|run| run.resources.wall_s).sum();
        let per_s = |count: fn(&Run) -> u64| {
            let count: f64 = runs.iter().map(|run| count(run) as f64).sum();
            Some(count / wall).filter(|rate| rate.is_finite() && *rate >= 0.0)
        };
        let growth = |run: &&Run| {
            let (peak, before) = (run.resources.peak_rss_bytes?, run.resources.rss_before_bytes?);
            Some(peak.saturating_sub(before))
        };
        Self {
            peak_rss_bytes: runs.iter().filter_map(|run| run.resources.peak_rss_bytes).max(),
            rss_growth_bytes: runs.iter().filter_map(growth).max(),
            waits_per_s: per_s(|run| run.resources.voluntary_switches),
            preemptions_per_s: per_s(|run| run.resources.involuntary_switches),
            batches: runs.iter().filter_map(|run| run.batches).reduce(|a, b| worst(&a, &b)),
            components: ComponentWork::of(components, runs),
        }
    }
}

fn worst(a: &Batches, b: &Batches) -> Batches {
    let least = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    Batches {
        count: a.count.saturating_add(b.count),
        empty: a.empty.saturating_add(b.empty),
        on_time: least(a.on_time, b.on_time),
        scheduling_p50_ns: a.scheduling_p50_ns.max(b.scheduling_p50_ns),
        processing_p50_ns: a.processing_p50_ns.max(b.processing_p50_ns),
        processing_max_ns: a.processing_max_ns.max(b.processing_max_ns),
        empty_processing_p50_ns: a.empty_processing_p50_ns.max(b.empty_processing_p50_ns),
    }
}
