//! What a result file says, worked out once: every table, sentence and chart is made from a
//! [`Summary`] and nothing else.
//!
//! **Rules.** Throughput is the median over saturation rounds, with the least and the most. Latency
//! is merged, histogram by histogram, over the rounds of one load; percentiles are never averaged. A
//! row with a run that was INVALID or FAILED states no number, and a run that never settled is in none. Every text in a summary has been
//! through [`clean`].

mod components;
mod effort;
mod latency;
mod reference;
mod row;
mod semantics;
mod settling;

pub use components::ComponentWork;
pub use effort::Effort;
pub use latency::{Distribution, Load, Paced};
pub use row::{RowSummary, Saturation, Status};
pub use semantics::Semantics;
pub use settling::Settling;

use crate::schema::{Environment, Percentiles, Reference, ResultFile, Setting, WorkloadResult};
use crate::text::clean;
use crate::units;

/// Above this share of the null engine's throughput a result says more about the harness than about
/// the engine.
pub const GENERATOR_BOUND: f64 = 0.7;

/// A result file, summarised.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Version of weir that wrote the file.
    pub weir_version: String,
    /// When the runs began.
    pub created: String,
    /// The command that repeats it.
    pub command: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The machine and the build.
    pub environment: Environment,
    /// Every setting in force.
    pub settings: Vec<Setting>,
    /// Whether charts may overlay rows whose semantics differ: the setting `allow-mixed`.
    pub allow_mixed: bool,
    /// In the order in which they were run.
    pub workloads: Vec<WorkloadSummary>,
}

/// One workload, summarised.
#[derive(Clone, Debug)]
pub struct WorkloadSummary {
    /// Its name.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// What a record is.
    pub record: String,
    /// The input in words.
    pub input: String,
    /// Throughput of the single-threaded loop.
    pub cost: Option<Spread>,
    /// Latency of the single-threaded loop at the reference load, where it was run paced.
    pub cost_latency: Option<Percentiles>,
    /// Throughput of the harness with an engine that does nothing.
    pub null: Option<Spread>,
    /// Latency of the harness with an engine that does nothing, at the reference load: the floor.
    pub null_latency: Option<Percentiles>,
    /// Rounds of both that do not count, and why, as sentences without an end.
    pub reference_notes: Vec<String>,
    /// The loads at which some row was paced, by rate.
    pub loads: Vec<Load>,
    /// Which of `loads` the tables and sentences speak of: the highest that every row with numbers
    /// kept up with; else the one that most rows were run at.
    pub reference_load: Option<usize>,
    /// Engine configurations, in the order of the file.
    pub rows: Vec<RowSummary>,
}

/// The middle and the ends of a few rounds' values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Middle value; of an even number, the mean of the middle two.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Most.
    pub max: f64,
    /// How many values.
    pub rounds: usize,
}

impl Spread {
    /// The spread of some values; `None` without any. Values that are not finite are left out.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[half - 1], sorted[half])
        } else {
            sorted[half]
        };
        Some(Self { median, min, max, rounds: sorted.len() })
    }

    /// Whether two spreads have a value in common: of few rounds their order is not established then.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }
}

impl Summary {
    /// Summarises a result.
    #[must_use]
    pub fn of(result: &ResultFile) -> Self {
        Self {
            weir_version: clean(&result.weir_version),
            created: clean(&result.created),
            command: clean(&result.command),
            seed: result.seed,
            environment: clean_environment(&result.environment),
            settings: result.settings.iter().map(clean_setting).collect(),
            allow_mixed: allows_mixed(&result.settings),
            workloads: result.workloads.iter().map(WorkloadSummary::of).collect(),
        }
    }

    /// The workload that the answer and the classic table speak of: `word-count` if it was run, else
    /// the first.
    #[must_use]
    pub fn headline(&self) -> Option<&WorkloadSummary> {
        self.workloads.iter().find(|w| w.name == "word-count").or(self.workloads.first())
    }
}

impl WorkloadSummary {
    fn of(result: &WorkloadResult) -> Self {
        let cost = result.cost.as_ref().and_then(reference::throughput);
        let null = result.null.as_ref().and_then(reference::throughput);
        let loads = Load::all(&result.rows);
        let rows: Vec<RowSummary> = result
            .rows
            .iter()
            .map(|row| RowSummary::of(row, &loads, cost.as_ref(), null.as_ref()))
            .collect();
        let reference_load = reference_load(&rows, loads.len());
        let latency = |reference: &Option<Reference>| {
            reference::latency(reference.as_ref()?, loads.get(reference_load?))
        };
        Self {
            name: clean(&result.name),
            summary: clean(&result.summary),
            record: clean(&result.record),
            input: clean(&result.input),
            cost,
            cost_latency: latency(&result.cost),
            null,
            null_latency: latency(&result.null),
            reference_notes: reference::notes(result),
            reference_load,
            loads,
            rows,
        }
    }

    /// Its records in one word, such as `lines` of `lines of 10 words`.
    #[must_use]
    pub fn noun(&self) -> &str {
        let noun = self.record.split([' ', ',', ';', '(']).next().unwrap_or_default();
        if noun.is_empty() || noun.len() > 16 { "records" } else { noun }
    }

    /// The rows that have numbers, and so a place in charts.
    pub fn charted(&self) -> impl Iterator<Item = &RowSummary> {
        self.rows.iter().filter(|row| row.status.has_numbers())
    }

    /// The labels of its rows, in the order in which they first come, with the names of the rows.
    #[must_use]
    pub fn labels(&self) -> Vec<(&Semantics, Vec<&str>)> {
        let mut labels: Vec<(&Semantics, Vec<&str>)> = Vec::new();
        for row in &self.rows {
            match labels.iter_mut().find(|(label, _)| **label == row.semantics) {
                Some((_, rows)) => rows.push(&row.id),
                None => labels.push((&row.semantics, vec![&row.id])),
            }
        }
        labels
    }

    /// What the null engine comes to, in words: the harness's own ceiling.
    #[must_use]
    pub fn ceiling(&self) -> Option<String> {
        let null = self.null?;
        let each_ns = (1e9 / null.median).round();
        let noun = self.noun();
        Some(format!(
            "ceiling of the harness (null engine): {} {noun}/s, {} for each; above {:.0} % of it a row is \
             generator bound",
            units::quantity(null.median),
            if each_ns < 1.0 {
                "less than 1 ns".to_owned()
            } else {
                units::duration(each_ns as u64)
            },
            GENERATOR_BOUND * 100.0,
        ))
    }

    /// What the reference load is called.
    #[must_use]
    pub fn reference_label(&self) -> Option<String> {
        self.reference_load.and_then(|at| self.loads.get(at)).map(|load| load.label(self.noun()))
    }
}

fn reference_load(rows: &[RowSummary], loads: usize) -> Option<usize> {
    let paced_at = |at: usize| {
        rows.iter()
            .filter(|row| row.status.has_numbers())
            .filter_map(move |row| row.paced.get(at).and_then(Option::as_ref))
            .filter(|paced| paced.latency.is_some())
    };
    let most = (0..loads).map(|at| paced_at(at).count()).max().filter(|most| *most > 0)?;
    let complete = |at: &usize| paced_at(*at).count() == most;
    let all_keep_up = |at: &usize| paced_at(*at).all(|paced| paced.sustained != Some(false));
    (0..loads).rev().filter(complete).find(all_keep_up).or_else(|| (0..loads).find(complete))
}

/// Whether settings say that charts may overlay rows whose semantics differ.
pub(crate) fn allows_mixed(settings: &[Setting]) -> bool {
    settings.iter().any(|setting| setting.name == "allow-mixed" && setting.value == "on")
}

pub(crate) fn clean_setting(setting: &Setting) -> Setting {
    Setting {
        name: clean(&setting.name),
        value: clean(&setting.value),
        origin: clean(&setting.origin),
    }
}

fn clean_environment(environment: &Environment) -> Environment {
    Environment {
        os: clean(&environment.os),
        cpu_model: clean(&environment.cpu_model),
        governor: environment.governor.as_deref().map(clean),
        rustc: clean(&environment.rustc),
        build: clean(&environment.build),
        allocator: clean(&environment.allocator),
        commit: environment.commit.as_deref().map(clean),
        ..environment.clone()
    }
}

#[cfg(test)]
mod tests;
