//! Where the work was done: what each component of an engine counted, for engines that say so.

use crate::schema::{Component, Run};
use crate::text::clean;

/// What one component did in the rounds of one load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentWork {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub tasks: usize,
    /// Tuples it took, over all rounds.
    pub executed: u64,
    /// Tuples it emitted, over all rounds.
    pub emitted: u64,
    /// Thousandths of its time in which its tasks were not waiting for input, in the busiest round.
    pub busy_permille: Option<u64>,
    /// The most elements seen in the queue of one of its tasks.
    pub queue_peak: Option<u64>,
}

impl ComponentWork {
    /// By component, in the order in which the engine names them; those without counts are left out.
    pub(super) fn of(components: &[Component], runs: &[&Run]) -> Vec<Self> {
        let work = |component: &Component| {
            let counts = |what: &str| -> Vec<u64> {
                let key = format!("{what}.{}", component.name);
                runs.iter().filter_map(|run| run.counters.get(&key).copied()).collect()
            };
            let sum = |counts: &[u64]| counts.iter().copied().fold(0, u64::saturating_add);
            let (executed, emitted) = (counts("executed"), counts("emitted"));
            if executed.is_empty() && emitted.is_empty() {
                return None;
            }
            Some(Self {
                name: clean(&component.name),
                tasks: component.tasks,
                executed: sum(&executed),
                emitted: sum(&emitted),
                busy_permille: counts("busy_permille").into_iter().max(),
                queue_peak: counts("queue_peak").into_iter().max(),
            })
        };
        components.iter().filter_map(work).collect()
    }
}
