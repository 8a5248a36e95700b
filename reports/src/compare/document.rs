//! What a comparison found: also its JSON form.

use super::aspects::Difference;
use super::measures::Metric;
use serde::{Serialize, Serializer};
use weir_statistics::verdict::Verdict;

/// A comparison. Its JSON has the fields' names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What all findings come to, in a word.
    pub verdict: String,
    /// How sure an interval has to be.
    pub confidence: f64,
    /// Relative differences up to this are noise.
    pub noise_band: f64,
    /// The machine by the hand-written loops, for each workload that has one.
    pub machines: Vec<Machine>,
    /// In the order of the rows.
    pub findings: Vec<Finding>,
    /// Rows, workloads and rates that only one side has.
    pub unmatched: Vec<String>,
    /// Differences that were allowed.
    #[serde(serialize_with = "as_texts")]
    pub allowed: Vec<Difference>,
}

/// How the hand-written loop of a workload did on both sides. Its text is the same, so that what differs
/// is the machine, or the compiler.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// Which workload.
    pub workload: String,
    /// Relative change of the loop's throughput: lower bound, estimate, upper bound.
    pub change: [f64; 3],
    /// How sure that interval is: less than was asked for, of few rounds.
    pub confidence: f64,
    /// Whether it is beyond noise: throughput and processor time are then compared as multiples of the loop.
    pub differs: bool,
    /// Whether it may be, or its rounds are too few to say.
    pub open: bool,
}

/// One row's one measure, on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which workload.
    pub workload: String,
    /// Which row.
    pub row: String,
    /// The load as the runs describe it; `saturation` if everything was due at once.
    pub load: String,
    /// What was measured.
    pub metric: Metric,
    /// Whether the values are multiples of the hand-written loop, since the machine has changed.
    pub relative: bool,
    /// One value for each round.
    pub old: Vec<f64>,
    /// Likewise.
    pub new: Vec<f64>,
    /// Relative change of the new side: lower bound, estimate, upper bound. The estimate is the median of the ratios
    /// of all pairs of rounds (Hodges and Lehmann), not the ratio of two medians. `None` if there is no ratio.
    pub change: Option<[f64; 3]>,
    /// How sure that interval is: less than was asked for, of few rounds.
    pub confidence: Option<f64>,
    /// How often chance alone makes a difference as large (Mann-Whitney, two-sided).
    pub p: Option<f64>,
    /// The share of false ones among all findings that are at least as sure as this (Benjamini and Hochberg's
    /// procedure, over Welch's test of a change beyond the noise band): a change has at most 1 - confidence.
    pub q: Option<f64>,
    /// How often a new value is the larger, less how often it is the smaller (Cliff's delta).
    pub dominance: Option<f64>,
    /// What it comes to.
    #[serde(serialize_with = "as_text")]
    pub verdict: Verdict,
    /// Why it is that, where that is not plain.
    pub note: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn as_text<S: Serializer>(verdict: &Verdict, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(verdict)
}

fn as_texts<S: Serializer>(differences: &[Difference], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(differences.iter().map(ToString::to_string))
}
