//! What a row in a cell says at one load.

use super::estimate::Estimate;
use crate::schema::{Mode, Row, Run};
use crate::summary::{Load, RowSummary, Saturation, Settling, Status, WorkloadSummary};

/// A row in a cell at one load. A round that never settled is in none of its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The load; `None` at saturation.
    pub load: Option<String>,
    /// Records per second that the load offers.
    pub offered_per_s: Option<f64>,
    /// How many rounds settled.
    pub rounds: usize,
    /// Whether the engine kept up in every round that says; `None` at saturation.
    pub sustained: Option<bool>,
    /// Whether the harness may have been the limit, at saturation.
    pub generator_bound: bool,
    /// In how many rounds it did not keep up.
    pub behind: usize,
    /// Records per second that were completed.
    pub per_s: Option<Estimate>,
    /// Median latency, nanoseconds.
    pub p50_ns: Option<Estimate>,
    /// 99th percentile of latency, nanoseconds.
    pub p99_ns: Option<Estimate>,
    /// Whether the rounds settled, those that did not included.
    pub settling: Settling,
}

/// What became of a row in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its numbers count.
    Ok,
    /// They count, and it did not keep up with a rate.
    Behind,
    /// They count, and say as much of the harness as of the engine.
    GeneratorBound,
    /// No round of a load settled, so that there are no numbers for that load.
    NeverSettled,
    /// Its output differed from the oracle's; says how.
    Invalid(String),
    /// A run ended early; says why.
    Failed(String),
    /// It was not run.
    NotRun,
}

impl State {
    /// Of a row with these points.
    pub(super) fn of(status: &Status, points: &[Point]) -> Self {
        let has = |state: Self| points.iter().any(|point| point.state() == state);
        match status {
            Status::Valid if has(Self::NeverSettled) => Self::NeverSettled,
            Status::Valid if has(Self::Behind) => Self::Behind,
            Status::Valid if has(Self::GeneratorBound) => Self::GeneratorBound,
            Status::Valid => Self::Ok,
            Status::Invalid(how) => Self::Invalid(how.clone()),
            Status::Failed(why) => Self::Failed(why.clone()),
            Status::NotRun => Self::NotRun,
        }
    }

    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Behind => "behind",
            Self::GeneratorBound => "gen-bound",
            Self::NeverSettled => "never settled",
            Self::Invalid(_) => "INVALID",
            Self::Failed(_) => "FAILED",
            Self::NotRun => "not run",
        }
    }

    /// Why there are no numbers, if there is more to say than the word.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Invalid(why) | Self::Failed(why) => Some(why),
            _ => None,
        }
    }
}

impl Point {
    /// Of a row, at saturation and at each rate, as far as it was run so and its numbers count.
    pub(super) fn all(raw: &Row, row: &RowSummary, workload: &WorkloadSummary) -> Vec<Self> {
        let runs: &[Run] = if row.status.has_numbers() { &raw.runs } else { &[] };
        let paced = workload.loads.iter().enumerate();
        let paced = paced.map(|(at, load)| (Some(load), row.at(Some(at)).map(|p| &p.settling)));
        std::iter::once((None, Some(&row.settling)))
            .chain(paced)
            .filter_map(|(load, settling)| Some((load, settling.filter(|s| s.rounds > 0)?)))
            .map(|(load, settling)| Self::of(runs, row, load, settling, workload.noun()))
            .collect()
    }

    fn of(
        runs: &[Run],
        row: &RowSummary,
        load: Option<&Load>,
        settling: &Settling,
        noun: &str,
    ) -> Self {
        let bound = row.saturation.as_ref().is_some_and(Saturation::generator_bound);
        let under = |run: &&Run| match load {
            None => run.mode == Mode::Saturation,
            Some(load) => load.holds(run),
        };
        let runs: Vec<&Run> =
            runs.iter().filter(under).filter(|run| !run.never_settled()).collect();
        let said: Vec<bool> = runs.iter().filter_map(|run| run.sustained).collect();
        let behind = said.iter().filter(|kept_up| !**kept_up).count();
        let latency = |of: fn(&Run) -> Option<u64>| {
            Estimate::of(runs.iter().filter_map(|run| of(run)).map(|ns| ns as f64))
        };
        Self {
            load: load.map(|load| load.label(noun)),
            offered_per_s: load.and_then(|load| load.offered_per_s),
            rounds: runs.len(),
            sustained: (!said.is_empty()).then_some(behind == 0),
            generator_bound: load.is_none() && bound,
            behind,
            per_s: Estimate::of(runs.iter().map(|run| run.achieved_per_s)),
            p50_ns: latency(|run| Some(run.latency?.p50_ns.max(1))),
            p99_ns: latency(|run| Some(run.latency?.p99_ns.max(1))),
            settling: settling.clone(),
        }
    }

    /// Its numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Estimate> {
        [self.per_s, self.p50_ns, self.p99_ns].into_iter().flatten()
    }

    /// What became of it.
    #[must_use]
    pub fn state(&self) -> State {
        match self.sustained {
            _ if self.settling.never_settled() => State::NeverSettled,
            Some(false) => State::Behind,
            _ if self.generator_bound => State::GeneratorBound,
            _ => State::Ok,
        }
    }

    /// Where it is, in a sentence: `at saturation`, `at 10 k lines/s`.
    #[must_use]
    pub fn place(&self) -> String {
        self.load.as_ref().map_or_else(|| "at saturation".to_owned(), |load| format!("at {load}"))
    }
}
