//! What `weir selftest` found: for people line by line, as each check ends, and as JSON.

use crate::file::tame_json;
use crate::text::{clean, wrap};
use serde::{Deserialize, Serialize};

/// One check, over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which check.
    pub name: String,
    /// Whether the figure is within what was allowed.
    pub passed: bool,
    /// What was found.
    pub figure: String,
    /// What was allowed.
    pub allowed: String,
    /// How long it took, in seconds.
    pub took_s: f64,
}

/// All of them, as `weir selftest --format json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selftest {
    /// `weir-selftest`.
    pub kind: String,
    /// Whether all checks passed.
    pub passed: bool,
    /// In the order in which they ran.
    pub checks: Vec<Outcome>,
}

impl Selftest {
    /// What [`kind`](Self::kind) says.
    pub const KIND: &'static str = "weir-selftest";

    /// Of checks that are over. None at all is no pass.
    #[must_use]
    pub fn of(checks: Vec<Outcome>) -> Self {
        let passed = !checks.is_empty() && checks.iter().all(|check| check.passed);
        Self { kind: Self::KIND.to_owned(), passed, checks }
    }

    /// The document.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A structure of texts and numbers: there is nothing in it that could fail.
        tame_json(self).unwrap_or_default()
    }

    /// What [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// The text is no such document.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The last line of a terminal. Only of all checks that there are it is said that the harness is right.
    #[must_use]
    pub fn last_line(&self, there_are: usize) -> String {
        let (all, failed) = (self.checks.len(), self.checks.iter().filter(|c| !c.passed).count());
        let took_s: f64 = self.checks.iter().map(|check| check.took_s).sum();
        match failed {
            _ if all == 0 => "Nothing was checked.\n".to_owned(),
            0 if all < there_are => {
                let are = if all == 1 { "was made, and passed" } else { "were made, and passed" };
                format!("{all} of {there_are} checks {are}, in {took_s:.0} s.\n")
            }
            0 => format!("All {all} checks passed in {took_s:.0} s: this harness is right.\n"),
            _ => format!("{failed} of {all} checks failed in {took_s:.0} s.\n"),
        }
    }
}

impl Outcome {
    /// Two lines or more, no wider than `columns`.
    #[must_use]
    pub fn lines(&self, columns: usize) -> String {
        let word = if self.passed { "PASS" } else { "FAIL" };
        let title = format!("{word}  {} ({:.1} s)", clean(&self.name), self.took_s);
        let text = [
            format!("      found:   {}", clean(&self.figure)),
            format!("      allowed: {}", clean(&self.allowed)),
        ];
        let mut lines = wrap(&title, columns, "      ");
        lines.extend(text.iter().flat_map(|line| wrap(line, columns, "               ")));
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

#[cfg(test)]
mod tests;
