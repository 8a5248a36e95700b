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
            // Too few rounds to say are no reason to believe that it is the same.
            let open = found.verdict == Verdict::Inconclusive;
            let confidence = found.change.confidence;
            Machine { workload: clean(workload), change, confidence, differs, open }
        });
        Self { machine }
    }

    /// Whether the machine has changed: only what is measured in loops can be compared then.
    pub(super) fn differ(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.differs)
    }

    /// By how much the machine's speed has changed, or may have: lower bound, estimate, upper bound. `None` if it
    /// is the same, or nothing says otherwise.
    fn speed(&self) -> Option<[f64; 3]> {
        let machine = self.machine.as_ref()?;
        (machine.differs || machine.open).then_some(machine.change)
    }

    /// How much of a change of latency the machine explains: one to the better, or to the worse, of at most so
    /// much. If there is no saying, that is any; `None` if the machine is the same.
    pub(super) fn explains(&self, improved: bool, utilisation: Option<f64>) -> Option<f64> {
        let [slowest, _, fastest] = self.speed()?;
        let speed = if improved { fastest } else { slowest };
        let unbounded = if improved { -1.0 } else { f64::INFINITY };
        Some(stretch(1.0 + speed, utilisation).map_or(unbounded, |factor| factor - 1.0))
    }

    /// Whether it may be the machine that a load is kept up with, or no longer.
    pub(super) fn decides(&self, improved: bool, utilisation: Option<f64>) -> bool {
        let Some([slowest, _, fastest]) = self.speed() else { return false };
        let speed = 1.0 + if improved { fastest } else { slowest };
        (if improved { speed > 1.0 } else { speed < 1.0 }) && stretch(speed, utilisation).is_none()
    }
}

/// From this share of its capacity on a row is so near its limit that there is no saying what becomes of its
/// latency on another machine: what it can do at saturation is not quite what it sustains.
const NEAR: f64 = 0.8;

/// How many times as long a record takes on a machine of so many times the speed. What takes a time takes 1 / speed
/// of it, and waiting for others takes more by 1 / (1 - utilisation), as in a queue of random arrivals (M/M/1).
/// `None` near the limit, or if the share of its capacity that a row is used to is not known.
fn stretch(speed: f64, utilisation: Option<f64>) -> Option<f64> {
    let before = utilisation?;
    let after = before / speed;
    (before.max(after) < NEAR).then(|| (1.0 - before) / (1.0 - after) / speed)
}

#[cfg(test)]
mod tests;
