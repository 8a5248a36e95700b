//! What the hand-written loops say of the machine: their code is the same on both sides, so that what
//! differs is the machine, or the compiler.

use super::document::Machine;
use crate::schema::{Mode, ResultFile, WorkloadResult};
use crate::text::clean;
use std::collections::HashMap;
use weir_statistics::sample::median;
use weir_statistics::verdict::{Better, Judge, Verdict};

/// How fast the loop of one workload was in one result, round by round.
pub(super) struct Yardstick {
    by_round: HashMap<u32, f64>,
    /// Of a result that does not say which round a figure is of.
    overall: Option<f64>,
}

impl Yardstick {
    pub(super) fn of(workload: &WorkloadResult) -> Self {
        let Some(cost) = &workload.cost else {
            return Self { by_round: HashMap::new(), overall: None };
        };
        let rates = &cost.records_per_s;
        let rounds = workload.rows.iter().flat_map(|row| &row.runs).map(|run| run.round).max();
        let runs = cost.runs.iter().filter(|run| run.mode == Mode::Saturation && run.counts());
        let mut by_round: HashMap<u32, f64> =
            runs.map(|run| (run.round, run.achieved_per_s)).collect();
        if cost.runs.is_empty() && rounds.is_some_and(|rounds| rounds as usize == rates.len()) {
            by_round = (1..).zip(rates.iter().copied()).collect();
        }
        by_round.retain(|_, rate| sound(*rate));
        let overall = by_round.is_empty().then(|| sound_rates(rates)).filter(|all| !all.is_empty());
        Self { by_round, overall: overall.map(|all| median(&all)) }
    }

    /// Records per second of the loop in a round.
    pub(super) fn in_round(&self, round: u32) -> Option<f64> {
        self.by_round.get(&round).copied().or(self.overall)
    }
}

fn sound(rate: f64) -> bool {
    rate.is_finite() && rate > 0.0
}

fn sound_rates(rates: &[f64]) -> Vec<f64> {
    rates.iter().copied().filter(|rate| sound(*rate)).collect()
}

/// The loops of a workload on both sides.
pub(super) struct Loops {
    /// For the reader; `None` without loops on both sides.
    pub(super) machine: Option<Machine>,
}

impl Loops {
    pub(super) fn of(
        old: &[ResultFile],
        new: &[ResultFile],
        workload: &str,
        judge: &Judge,
    ) -> Self {
        let rates = |files: &[ResultFile]| -> Vec<f64> {
            let workloads = files.iter().flat_map(|file| &file.workloads);
            let costs = workloads.filter(|w| w.name == workload).filter_map(|w| w.cost.as_ref());
            costs.flat_map(|cost| sound_rates(&cost.records_per_s)).collect()
        };
        let found = judge.groups(Better::Higher, &rates(old), &rates(new)).ok();
        let machine = found.map(|found| {
            let differs = matches!(found.verdict, Verdict::Improved | Verdict::Regressed);
            let change = [found.change.low, found.change.estimate, found.change.high];
            let enough = found.change.confidence >= judge.confidence;
            let open = enough && found.verdict == Verdict::Inconclusive;
            Machine { workload: clean(workload), change, differs, open }
        });
        Self { machine }
    }

    /// Whether the machine has changed: only what is measured in loops can be compared then.
    pub(super) fn differ(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.differs)
    }

    /// By how much the machine's speed has changed, or may have: lower bound, estimate, upper bound. `None` if it
    /// is the same, or nothing says otherwise.
    pub(super) fn speed(&self) -> Option<[f64; 3]> {
        let machine = self.machine.as_ref()?;
        (machine.differs || machine.open).then_some(machine.change)
    }
}
