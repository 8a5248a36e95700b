//! Two results, or two sets of results, side by side.
//!
//! First come the reasons not to compare at all ([`Aspect`]): numbers of another machine, input or
//! guarantee are about something else. Then every row that both sides have is compared by what its rounds
//! came to ([`weir_statistics::verdict`]); the replicate is the round.
//!
//! A change must stand three tests. Its interval is clear of the noise band. It is not the **machine's**:
//! throughput and processor time are held against the hand-written loop of the same round. If the loops of both
//! sides differ, only the multiple of the loop is compared; if they may differ, both must show the change.
//! And it is no **chance among many**: a comparison makes dozens of findings, of which chance alone would make
//! some ([`weir_statistics::family`]).

mod aspects;
mod common;
mod document;
mod judged;
mod machine;
mod measures;
mod settings;
mod text;

pub use aspects::{Aspect, Difference, Incomparable};
pub use document::{Comparison, Finding, Machine};
pub use measures::Metric;
pub use settings::{is_told, settings_of};
pub use text::{markdown, terminal};

use crate::file::tame_json;
use crate::schema::ResultFile;
use aspects::differences;
use weir_statistics::verdict::{Judge, Verdict, overall};

/// How to compare.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How sure a verdict must be, and up to what a difference is noise.
    pub judge: Judge,
    /// In what the sides may differ and still be compared.
    pub allow: Vec<Aspect>,
}

/// Compares. `old` and `new` hold one result each, or several whose rounds are put together.
///
/// # Errors
///
/// [`Incomparable`], with every reason, if a side is empty, the results differ in what they measured, or
/// they have no row in common.
pub fn compare(
    old: &[ResultFile],
    new: &[ResultFile],
    options: &Options,
) -> Result<Comparison, Incomparable> {
    let (Some(first), false) = (old.first(), new.is_empty()) else {
        return Err(Incomparable { differences: vec![Difference::nothing("no result at all")] });
    };
    // Also those of one side: their rounds are put together.
    let others = old[1..].iter().chain(new);
    let mut found: Vec<Difference> = others.flat_map(|other| differences(first, other)).collect();
    found.sort();
    found.dedup();
    let (allowed, refused): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|difference| options.allow.contains(&difference.aspect));
    if !refused.is_empty() {
        return Err(Incomparable { differences: refused });
    }
    let mut comparison = measures::all(old, new, &options.judge);
    if comparison.findings.is_empty() {
        let why = Difference::nothing(&common::nothing_to_compare(old, new));
        return Err(Incomparable { differences: vec![why] });
    }
    comparison.allowed = allowed;
    comparison.verdict =
        overall(comparison.findings.iter().map(|finding| finding.verdict)).to_string();
    Ok(comparison)
}

impl Comparison {
    /// Whether some row got worse in a way that the statistics support.
    #[must_use]
    pub fn has_regressed(&self) -> bool {
        self.findings.iter().any(|finding| finding.verdict == Verdict::Regressed)
    }

    /// Whether the rounds are so few that no throughput or latency could have changed for sure.
    #[must_use]
    pub fn has_too_few_rounds(&self) -> bool {
        let mut levels = self.findings.iter().filter_map(|finding| finding.confidence).peekable();
        levels.peek().is_some() && levels.all(|level| level < self.confidence)
    }

    /// As a JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A structure of texts and numbers: there is nothing in it that could fail.
        tame_json(self).unwrap_or_default()
    }

    /// Whether nothing can be said for sure.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        self.verdict == Verdict::Inconclusive.to_string()
    }
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
