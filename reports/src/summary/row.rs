//! One row: what may be said of an engine configuration.

use crate::schema::{Component, Mode, Row, Run, Verdict};
use crate::summary::latency::cpu_s_per_million;
use crate::summary::{ComponentWork, GENERATOR_BOUND, Load, Paced, Semantics, Settling, Spread};
use crate::text::clean;
use crate::units;

/// An engine configuration, summarised.
#[derive(Clone, Debug)]
pub struct RowSummary {
    /// Its name.
    pub id: String,
    /// The engine.
    pub engine: String,
    /// `record at a time` or `micro-batch`.
    pub model: String,
    /// Delivery guarantee.
    pub guarantee: String,
    /// What its numbers are numbers of.
    pub semantics: Semantics,
    /// Whether every tuple tree was tracked.
    pub acking: Option<bool>,
    /// Batch interval.
    pub batch_interval_ms: Option<f64>,
    /// Tuples handed over at a time.
    pub queue_batch: Option<usize>,
    /// Parallelism asked for.
    pub parallelism: usize,
    /// Tasks and threads.
    pub components: Vec<Component>,
    /// The engine's settings, by name.
    pub settings: Vec<(String, String)>,
    /// Whether its numbers count.
    pub status: Status,
    /// Runs of any mode.
    pub runs: usize,
    /// Whether the rounds at saturation settled.
    pub settling: Settling,
    /// Throughput, if it ran at saturation, settled, and its numbers count.
    pub saturation: Option<Saturation>,
    /// Latency at each of the workload's loads; `None` where it did not run or its numbers do not
    /// count.
    pub paced: Vec<Option<Paced>>,
}

/// Whether a row's numbers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every run ended and gave the oracle's answer.
    Valid,
    /// A run's output differed from the oracle's; says how.
    Invalid(String),
    /// A run ended early; says why.
    Failed(String),
    /// There are no runs.
    NotRun,
}

impl Status {
    /// Whether the row's numbers may be stated.
    #[must_use]
    pub const fn has_numbers(&self) -> bool {
        matches!(self, Self::Valid)
    }
}

/// A row at saturation, all rounds together.
#[derive(Clone, Debug, PartialEq)]
pub struct Saturation {
    /// Records per second.
    pub per_s: Spread,
    /// The same of every round.
    pub rates: Vec<f64>,
    /// Median throughput as a multiple of the COST loop's.
    pub cost_multiple: Option<f64>,
    /// Median throughput as a share of the null engine's.
    pub null_share: Option<f64>,
    /// Processor seconds per million records.
    pub cpu_s_per_million: Option<f64>,
    /// What each component did, on engines that count it.
    pub components: Vec<ComponentWork>,
}

impl Saturation {
    fn of(
        runs: &[&Run],
        components: &[Component],
        cost: Option<&Spread>,
        null: Option<&Spread>,
    ) -> Option<Self> {
        let rates: Vec<f64> = runs.iter().map(|run| run.achieved_per_s).collect();
        let per_s = Spread::of(&rates)?;
        Some(Self {
            per_s,
            rates,
            cost_multiple: cost.map(|cost| per_s.median / cost.median),
            null_share: null.map(|null| per_s.median / null.median),
            cpu_s_per_million: cpu_s_per_million(runs),
            components: ComponentWork::of(components, runs),
        })
    }

    /// Whether the harness may have been the limit.
    #[must_use]
    pub fn generator_bound(&self) -> bool {
        self.null_share.is_some_and(|share| share > GENERATOR_BOUND)
    }
}

impl RowSummary {
    pub(super) fn of(
        row: &Row,
        loads: &[Load],
        cost: Option<&Spread>,
        null: Option<&Spread>,
    ) -> Self {
        let status = status(&row.runs);
        // The numbers of a row that does not count are not even computed: nobody can show them.
        let counted: &[Run] = if status.has_numbers() { &row.runs } else { &[] };
        let saturated: Vec<&Run> =
            counted.iter().filter(|run| run.mode == Mode::Saturation).collect();
        let settled: Vec<&Run> =
            saturated.iter().copied().filter(|run| !run.never_settled()).collect();
        let paced = |load: &Load| {
            let runs: Vec<&Run> = counted.iter().filter(|run| load.holds(run)).collect();
            Paced::of(&runs, &row.components)
        };
        Self {
            id: clean(&row.id),
            engine: clean(&row.engine),
            model: clean(&row.model),
            guarantee: clean(&row.guarantee),
            semantics: Semantics::of(row),
            acking: row.acking,
            batch_interval_ms: row.batch_interval_ms.filter(|ms| ms.is_finite() && *ms > 0.0),
            queue_batch: row.queue_batch,
            parallelism: row.parallelism,
            components: row
                .components
                .iter()
                .map(|c| Component { name: clean(&c.name), ..c.clone() })
                .collect(),
            settings: row.settings.iter().map(|(k, v)| (clean(k), clean(v))).collect(),
            runs: row.runs.len(),
            settling: Settling::of(&saturated),
            saturation: Saturation::of(&settled, &row.components, cost, null),
            paced: loads.iter().map(paced).collect(),
            status,
        }
    }

    /// Whether it processes records one at a time.
    #[must_use]
    pub fn is_record_at_a_time(&self) -> bool {
        self.model == "record at a time"
    }

    /// Whether it processes batches, on a topology too.
    #[must_use]
    pub fn is_micro_batch(&self) -> bool {
        self.model.starts_with("micro-batch")
    }

    /// Whether it processes batches on a topology, as Trident does.
    #[must_use]
    pub fn is_on_topology(&self) -> bool {
        self.model == "micro-batch on a topology"
    }

    /// Whether it was paced, and settled at none of the loads.
    #[must_use]
    pub fn never_settled_paced(&self) -> bool {
        let mut never = self.paced.iter().flatten().map(|paced| paced.settling.never_settled());
        never.next().is_some_and(|first| first && never.all(|never| never))
    }

    /// The row at one of the workload's loads.
    #[must_use]
    pub fn at(&self, load: Option<usize>) -> Option<&Paced> {
        self.paced.get(load?).and_then(Option::as_ref)
    }
}

fn status(runs: &[Run]) -> Status {
    if runs.is_empty() {
        return Status::NotRun;
    }
    if let Some((run, error)) = runs.iter().find_map(|run| Some((run, run.error.as_ref()?))) {
        return Status::Failed(format!("round {}: {}", run.round, clean(error)));
    }
    match runs.iter().find(|run| !run.verdict.valid) {
        Some(run) => Status::Invalid(format!("round {}: {}", run.round, differences(&run.verdict))),
        None => Status::Valid,
    }
}

fn differences(verdict: &Verdict) -> String {
    let counts = [
        (verdict.missing, "missing"),
        (verdict.extra, "extra"),
        (verdict.wrong, "wrong"),
        (verdict.late_expected.abs_diff(verdict.late_found), "late records miscounted"),
    ];
    let mut parts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", units::grouped(count)))
        .collect();
    if parts.is_empty() {
        parts.push("not equal to the oracle's answer".to_owned());
    }
    let mut text = format!("{} of {} rows", parts.join(", "), units::grouped(verdict.rows));
    if let Some(example) = verdict.examples.first() {
        text.push_str(": ");
        text.push_str(&clean(example));
    }
    text
}
