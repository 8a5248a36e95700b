//! `search.json`: one JSON document per `weir search`.
//!
//! The rules are those of [the result file](crate::schema): times are in the unit that the field's name
//! ends in, rates are records per second, fields are only ever added within a version, and a reader
//! ignores fields that it does not know.

use crate::schema::{Environment, Percentiles, Setting, Steady, Verdict};
use serde::{Deserialize, Serialize};

/// The version that this build writes, and the newest that it reads.
pub const SEARCH_VERSION: u32 = 1;

/// What `kind` says in a document of a search.
pub const KIND: &str = "search";

/// One search document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SearchFile {
    /// [`SEARCH_VERSION`] of the writer.
    pub schema_version: u32,
    /// [`KIND`]: tells the document from a result of runs.
    pub kind: String,
    /// Version of weir that wrote it.
    pub weir_version: String,
    /// When the search began, RFC 3339 with offset.
    pub created: String,
    /// The exact command that repeats it.
    pub command: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The machine and the build.
    pub environment: Environment,
    /// Every setting in force.
    pub settings: Vec<Setting>,
    /// What was searched on.
    pub workload: Searched,
    /// The service level. Without a condition the backlog alone decides.
    pub level: Vec<Condition>,
    /// How it was searched.
    pub rules: Rules,
    /// What the harness itself can do, and so the most that is tried.
    pub ceiling: Ceiling,
    /// A search for each engine configuration, in the order in which they were made.
    pub rows: Vec<SearchRow>,
}

/// The workload of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Searched {
    /// Its name.
    pub name: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// What a record is.
    pub record: String,
    /// The input in words.
    pub input: String,
}

/// A condition of the service level: this figure of the latency from the scheduled time has to stay below
/// a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Condition {
    /// `p50`, `p90`, `p99`, `p99.9`, `p99.99`, `max` or `mean`.
    pub figure: String,
    /// Whether the bound itself is allowed.
    pub inclusive: bool,
    /// The bound, in nanoseconds.
    pub bound_ns: u64,
    /// The condition as it was written, such as `p99<50ms`.
    pub text: String,
}

/// How a search was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rules {
    /// The step between two rates that are told apart, as a share: 0.05.
    pub resolution: f64,
    /// How often each side of the boundary was to be repeated.
    pub confirm: u32,
    /// Confidence of the interval of the backlog's growth.
    pub confidence: f64,
    /// The growth of the backlog that counts as none, as a share of the offered rate.
    pub growth_share: f64,
    /// The most probes that each row may take.
    pub most_probes: u32,
}

/// The most that is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ceiling {
    /// Throughput of the null engine over the same input with every record due at once.
    pub null_saturation_per_s: Option<f64>,
    /// Throughput of the null engine when it measures the latency of every record, as in a probe.
    pub null_paced_per_s: Option<f64>,
    /// The highest rate that is tried: a share of the null engine's, or the maximum that was asked for.
    pub most_per_s: f64,
    /// Whether `most_per_s` was asked for and is below what the harness can do.
    pub asked_for: bool,
}

/// What came of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The rate was found: it holds, and the next step up does not.
    Found,
    /// The highest rate that may be tried holds: the engine may well sustain more.
    HoldsAtMost,
    /// Not even the lowest rate that was tried holds.
    NothingHolds,
    /// The probes were used up before the boundary was certain.
    Inconclusive,
    /// A probe's output was not what the oracle says. The search ended there.
    WrongOutput,
    /// The engine failed before there was anything to search from.
    Failed,
}

/// A search on one engine configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SearchRow {
    /// Unique among the rows, such as `microbatch 100ms`.
    pub id: String,
    /// The engine.
    pub engine: String,
    /// `record at a time` or `micro-batch`.
    pub model: String,
    /// Delivery guarantee.
    pub guarantee: String,
    /// Whether every tuple tree was tracked; `None` where the engine has no such notion.
    pub acking: Option<bool>,
    /// Batch interval, on engines that have one.
    pub batch_interval_ms: Option<f64>,
    /// Tuples handed over at a time, on engines that have queues.
    pub queue_batch: Option<usize>,
    /// Parallelism asked for.
    pub parallelism: usize,
    /// Throughput with every record due at once, from which the ramp began.
    pub saturation_per_s: Option<f64>,
    /// What came of it.
    pub ending: Ending,
    /// The highest rate that holds.
    pub found_per_s: Option<f64>,
    /// The next step up, which does not.
    pub fails_per_s: Option<f64>,
    /// Whether both sides of the boundary held and failed in as many repeats as was asked for.
    pub confirmed: bool,
    /// The lowest rate that may be tried.
    pub least_per_s: f64,
    /// What is remarkable, in words: rates that hold above rates that do not, runs that failed.
    pub notes: Vec<String>,
    /// The command that measures the rate found.
    pub measure: Option<String>,
    /// In the order in which they were made.
    pub probes: Vec<Probe>,
}

/// What a probe was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To get a rate that holds and one that does not.
    Ramp,
    /// To bring them together.
    Bisect,
    /// To see whether the boundary stays where it is.
    Confirm,
    /// To settle a rate that held and did not, as often each.
    Resolve,
}

/// What a probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The backlog did not grow, the level was met, the output was right.
    Held,
    /// The backlog grew.
    Growing,
    /// The backlog did not grow, and a condition of the level was not met.
    Missed,
    /// The backlog may or may not have grown: the probe was too short to tell.
    Unclear,
    /// The run failed or was given up.
    Failed,
    /// The output was not what the oracle says.
    WrongOutput,
}

/// One isolated run at a constant rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Probe {
    /// Its place among the row's probes, from 1.
    pub number: u32,
    /// What it was for.
    pub purpose: Purpose,
    /// Records per second that were offered.
    pub rate_per_s: f64,
    /// Records per second that were completed.
    pub achieved_per_s: f64,
    /// Records read over all phases.
    pub records: u64,
    /// Load before the measured phase.
    pub warm_up_s: f64,
    /// The measured phase.
    pub measured_s: f64,
    /// From the last record's scheduled time to the engine's end.
    pub drain_s: f64,
    /// How the backlog grew; `None` where the run left too little to tell.
    pub growth: Option<Growth>,
    /// Latency from the scheduled time to visible, over the records scheduled in the measured phase.
    pub latency: Option<Percentiles>,
    /// Whether its latency settled, and what was cut from it for that; `None` from writers that did not keep it.
    #[serde(default)]
    pub steady: Option<Steady>,
    /// The oracle's word.
    pub verdict: Verdict,
    /// What it says.
    pub finding: Finding,
    /// Why, in a sentence.
    pub why: String,
    /// Why the run ended early, if it did.
    pub error: Option<String>,
}

/// The slope of a backlog with its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Growth {
    /// Records per second by which the backlog grew: the line of least squares.
    pub per_s: f64,
    /// Lower bound.
    pub low_per_s: f64,
    /// Upper bound.
    pub high_per_s: f64,
    /// Windows that the line goes through.
    pub windows: usize,
    /// Length of a window: a whole number of batch intervals.
    pub window_ms: f64,
    /// Mean backlog over the measured phase, in records.
    pub backlog: f64,
}

impl Finding {
    /// Whether the rate held.
    #[must_use]
    pub fn held(self) -> bool {
        self == Self::Held
    }
}

impl SearchRow {
    /// The latency of the last probe that held at the rate found.
    #[must_use]
    pub fn at_found(&self) -> Option<Percentiles> {
        let found = self.found_per_s?;
        let at = |probe: &&Probe| (probe.rate_per_s - found).abs() <= found * 1e-9;
        self.probes.iter().rev().filter(at).find(|probe| probe.finding.held())?.latency
    }
}
