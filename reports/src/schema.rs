//! The result file: one JSON document per `weir run`, complete enough that every table and chart is
//! made from it again.
//!
//! Times are in the unit that the field's name ends in; rates are records per second. A **row** is an
//! engine configuration; a **run** is one execution of it. Fields are only ever added within a
//! version; a reader ignores fields that it does not know.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that this build writes, and the newest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// One result file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ResultFile {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Version of weir that wrote it.
    pub weir_version: String,
    /// When the runs began, RFC 3339 with offset.
    pub created: String,
    /// The exact command that repeats it.
    pub command: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The machine and the build.
    pub environment: Environment,
    /// Every setting in force.
    pub settings: Vec<Setting>,
    /// In the order in which they were run.
    pub workloads: Vec<WorkloadResult>,
}

/// A setting in force and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Setting {
    /// Its name, as in the TOML file.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `flag`, `set`, `env NAME`, `file PATH` or `default`.
    pub origin: String,
}

/// What the numbers were taken on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Environment {
    /// Operating system and kernel release.
    pub os: String,
    /// Processor model.
    pub cpu_model: String,
    /// Logical processors that the process may use.
    pub cpus: usize,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Frequency governor, where one is shown.
    pub governor: Option<String>,
    /// Processor quota of the control group, in processors; `None` without one.
    pub cgroup_cpus: Option<f64>,
    /// Compiler.
    pub rustc: String,
    /// Build profile and target.
    pub build: String,
    /// Allocator in force.
    pub allocator: String,
    /// Git commit of the build, where known.
    pub commit: Option<String>,
    /// Whether the tree had changes that were not committed.
    pub dirty: Option<bool>,
    /// One-minute load average before the first run.
    pub load_before: Option<f64>,
    /// And after the last.
    pub load_after: Option<f64>,
    /// How fit the machine was for measuring, just before the first run.
    #[serde(default)]
    pub fitness: Option<Fitness>,
}

/// How fit a machine is for measuring: what `weir doctor` finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fitness {
    /// What one reading of the clock costs.
    pub timer_cost_ns: f64,
    /// The smallest step that the clock makes.
    pub timer_resolution_ns: u64,
    /// How late a sleep until a given time wakes: the median.
    pub sleep_late_p50_ns: u64,
    /// 99 of 100 are at most this late.
    pub sleep_late_p99_ns: u64,
    /// The latest.
    pub sleep_late_max_ns: u64,
    /// Share of the time that threads spinning on every processor did not get.
    pub lost_share: f64,
    /// The longest that one of them stood still.
    pub longest_gap_ns: u64,
    /// Share of processor time that a hypervisor gave to others meanwhile, where the kernel tells.
    pub steal_share: Option<f64>,
    /// Periods in which the control group's quota was used up meanwhile, where there is one.
    pub throttled_periods: Option<u64>,
    /// One-minute load average before.
    pub load: Option<f64>,
    /// The noise: coefficient of variation of the throughput of equal blocks of the same work.
    pub noise: f64,
}

/// All runs of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadResult {
    /// Its name.
    pub name: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// What a record is, for example `lines of 10 words`.
    pub record: String,
    /// The input in words.
    pub input: String,
    /// The hand-written single-threaded loop over the same input; its throughput is the unit of the
    /// `x COST` columns.
    pub cost: Option<Reference>,
    /// The harness with an engine that does nothing: its ceiling.
    pub null: Option<Reference>,
    /// Engine configurations.
    pub rows: Vec<Row>,
}

/// A reference, which a workload's rows are held against: the hand-written loop, or the null engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reference {
    /// Throughput at saturation of each round that counts, records per second. None counts if one of them
    /// was wrong.
    pub records_per_s: Vec<f64>,
    /// Latency when paced, from writers that did not keep its runs.
    pub latency: Option<Percentiles>,
    /// Its runs, those included that do not count; empty from writers that kept only what is above. The output of
    /// the null engine is not judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
}

/// An engine configuration and its runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    /// Unique among the workload's rows, such as `microbatch 100ms`.
    pub id: String,
    /// The engine, as it reported itself: `topology`, `microbatch`.
    pub engine: String,
    /// `record at a time` or `micro-batch`.
    pub model: String,
    /// Delivery guarantee: `at most once`, `at least once`, `exactly once`.
    pub guarantee: String,
    /// Whether every tuple tree was tracked; `None` where the engine has no such notion.
    pub acking: Option<bool>,
    /// Whether state was checkpointed: `on`, `off`, or `none` where the engine has no such notion; empty
    /// from writers that did not say.
    #[serde(default)]
    pub checkpointing: String,
    /// What results go by: `event time`, `processing time`, or `untimed` where they do not depend on time;
    /// empty from writers that did not say.
    #[serde(default)]
    pub time: String,
    /// Batch interval, on engines that have one.
    pub batch_interval_ms: Option<f64>,
    /// Tuples handed over at a time, on engines that have queues.
    pub queue_batch: Option<usize>,
    /// Parallelism asked for.
    pub parallelism: usize,
    /// Tasks and threads as the engine reported them.
    pub components: Vec<Component>,
    /// The engine's settings as it reported them.
    pub settings: BTreeMap<String, String>,
    /// In the order in which they were run.
    pub runs: Vec<Run>,
}

/// A part of an engine that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub tasks: usize,
    /// Threads of its own.
    pub threads: usize,
}

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Records were due over time: latency means something.
    Paced,
    /// Everything was due at once: throughput means something.
    Saturation,
}

/// One execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Run {
    /// Which round, from 1.
    pub round: u32,
    /// Position in the whole session, from 1: shows the interleaving.
    pub sequence: u32,
    /// What it was for.
    pub mode: Mode,
    /// The schedule in words, such as `constant 10000/s`.
    pub schedule: String,
    /// Records per second that were due in the measured phase; `None` at saturation.
    pub offered_per_s: Option<f64>,
    /// Records per second that were completed in the measured phase, after the cut.
    pub achieved_per_s: f64,
    /// Records read over all phases.
    pub records: u64,
    /// The oracle's word on the sink's contents.
    pub verdict: Verdict,
    /// Whether the engine kept up: the backlog did not grow through the measured phase. `None` at
    /// saturation.
    pub sustained: Option<bool>,
    /// How long each phase took.
    pub phases: Phases,
    /// Whether it settled, and what was cut for it; `None` from writers that did not look.
    #[serde(default)]
    pub steady: Option<Steady>,
    /// From the scheduled time to visible, over the records scheduled in the measured phase, after the cut.
    pub latency: Option<Percentiles>,
    /// From when the engine took a record in to visible.
    pub service: Option<Percentiles>,
    /// Histogram of `latency` in nanoseconds: HdrHistogram V2, deflated, base 64.
    pub latency_hdr: Option<String>,
    /// Histogram of `service`, likewise.
    pub service_hdr: Option<String>,
    /// Progress over time.
    pub series: Vec<SeriesPoint>,
    /// What it took.
    pub resources: Resources,
    /// Batches, on engines that have them.
    pub batches: Option<Batches>,
    /// What ran, by the engine's own account; `None` of a run that failed.
    #[serde(default)]
    pub ran: Option<Ran>,
    /// The engine's own counts.
    pub counters: BTreeMap<String, u64>,
    /// Why the run ended early, if it did.
    pub error: Option<String>,
}

/// What ran, by the engine's own account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ran {
    /// The engine's name.
    pub engine: String,
    /// Tasks of all components.
    pub tasks: usize,
    /// Threads of all components.
    pub threads: usize,
    /// Batches, on engines that have them.
    pub batches: Option<u64>,
    /// Tuples that components executed, on engines that count them.
    pub executed: Option<u64>,
    /// The configuration in force, after everything that overrides it.
    pub settings: BTreeMap<String, String>,
}

/// Whether a run settled, and how much of its measured phase was cut because it had not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Steady {
    /// What was looked at: `throughput` or `median latency`.
    pub series: String,
    /// What was found.
    pub state: Steadiness,
    /// How many intervals were looked at.
    pub intervals: usize,
    /// How long each was, in milliseconds, on average.
    pub interval_ms: f64,
    /// Seconds from the start of the measured phase that are not part of any figure; of a run that never
    /// settled, where the best cut would have been.
    pub cut_s: f64,
    /// How much it rose from the first interval to the last, as a share of the mean, if it drifted.
    pub drift: Option<f64>,
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Steadiness {
    /// Steady after the cut.
    Settled,
    /// Still changing after half of the measured phase: it never settled.
    StillChanging,
    /// Rising or falling all the way: it never settled.
    Drifting,
    /// Too few intervals to tell: nothing was cut.
    TooShort,
    /// The engine fell behind, so latency had no level to settle at: nothing was cut.
    Behind,
    /// The load itself rises or falls: nothing was cut.
    LoadVaries,
}

impl Steadiness {
    /// As it is in a result file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::StillChanging => "still_changing",
            Self::Drifting => "drifting",
            Self::TooShort => "too_short",
            Self::Behind => "behind",
            Self::LoadVaries => "load_varies",
        }
    }
}

impl Run {
    /// Whether its numbers may be stated: its output is right, and it settled.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.is_right() && !self.never_settled()
    }

    /// Whether it came to its end with the oracle's output.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.verdict.valid && self.error.is_none()
    }

    /// What the load is called if everything was due at once.
    pub(crate) const SATURATION: &str = "saturation";

    /// The load as its schedule describes it; `saturation` if everything was due at once.
    #[must_use]
    pub fn load(&self) -> &str {
        match self.mode {
            Mode::Saturation => Self::SATURATION,
            Mode::Paced => &self.schedule,
        }
    }

    /// Whether it never settled, so that its numbers are of no state of the engine.
    #[must_use]
    pub fn never_settled(&self) -> bool {
        self.steady.as_ref().is_some_and(Steady::never_settled)
    }
}

impl Steady {
    /// Whether there is no part of the run that could be reported.
    #[must_use]
    pub const fn never_settled(&self) -> bool {
        matches!(self.state, Steadiness::StillChanging | Steadiness::Drifting)
    }
}

/// Whether the sink held what the oracle says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    /// Whether it did.
    pub valid: bool,
    /// Rows that the oracle has.
    pub rows: u64,
    /// Rows that the oracle has and the sink had not.
    pub missing: u64,
    /// Rows that the sink had and the oracle has not.
    pub extra: u64,
    /// Rows with another value.
    pub wrong: u64,
    /// Late records, by the oracle.
    pub late_expected: u64,
    /// Late records, by the engine.
    pub late_found: u64,
    /// The first few differences, in words.
    pub examples: Vec<String>,
}

/// How long each phase of a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Phases {
    /// Building and starting the engine.
    pub set_up_s: f64,
    /// Load whose latency is not counted.
    pub warm_up_s: f64,
    /// Load whose latency is counted.
    pub measured_s: f64,
    /// From the last record's scheduled time to the engine's end.
    pub drain_s: f64,
}

/// Points of a latency distribution, in nanoseconds. Computed from a merged histogram, never from
/// other percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Percentiles {
    /// How many records.
    pub count: u64,
    /// Smallest.
    pub min_ns: u64,
    /// Mean.
    pub mean_ns: f64,
    /// Median.
    pub p50_ns: u64,
    /// 90 of 100 are at most this.
    pub p90_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1000; `None` below 10,000 records.
    pub p999_ns: Option<u64>,
    /// 9999 of 10,000; `None` below 100,000 records.
    pub p9999_ns: Option<u64>,
    /// Largest.
    pub max_ns: u64,
}

/// One interval of a run's time series; it ends at `t_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SeriesPoint {
    /// Milliseconds from the start of the run.
    pub t_ms: f64,
    /// Whether the interval lies in the warm-up, or in what was cut after it.
    pub warm_up: bool,
    /// Records due so far; `None` at saturation.
    pub due: Option<u64>,
    /// Records completed so far.
    pub completed: u64,
    /// Records scheduled in this interval that have been measured.
    pub count: u64,
    /// Median latency of those.
    pub p50_ns: Option<u64>,
    /// Their 99th percentile.
    pub p99_ns: Option<u64>,
    /// Their largest.
    pub max_ns: Option<u64>,
}

/// Processor time, memory and context switches of the process over one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Resources {
    /// Seconds from begin to end.
    pub wall_s: f64,
    /// User processor seconds.
    pub user_s: f64,
    /// System processor seconds.
    pub system_s: f64,
    /// Largest resident set, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Resident set before the run, in bytes.
    pub rss_before_bytes: Option<u64>,
    /// Context switches by waiting.
    pub voluntary_switches: u64,
    /// Context switches by preemption.
    pub involuntary_switches: u64,
}

/// The batches of a micro-batch run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Batches {
    /// How many.
    pub count: u64,
    /// How many held no record.
    pub empty: u64,
    /// Share that started before the next was due; `None` at saturation.
    pub on_time: Option<f64>,
    /// Median time from submission to start.
    pub scheduling_p50_ns: u64,
    /// Median time from start to end.
    pub processing_p50_ns: u64,
    /// Largest time from start to end.
    pub processing_max_ns: u64,
    /// Median time from start to end of the batches that held no record.
    pub empty_processing_p50_ns: Option<u64>,
}
