//! Which settings a comparison depends on, and when two values of one are the same.

use super::aspects::Aspect;
use crate::schema::{Mode, ResultFile, Row, Setting, WorkloadResult};

/// What is drawn from a text: from a made-up one, also how it is made up.
const TEXT: &[&str] = &["input", "cardinality", "skew", "words-per-line"];
const WINDOWED: &[&str] = &[
    "input",
    "cardinality",
    "skew",
    "words-per-line",
    "window",
    "slide",
    "lateness",
    "disorder",
    "stragglers",
    "straggle",
];

/// The settings that each workload is told, but for the seed. One that is not here is told all of them.
const TOLD: &[(&str, &[&str])] = &[
    ("word-count", TEXT),
    ("top-words", TEXT),
    ("stateful", TEXT),
    ("windowed", WINDOWED),
    ("keyed-state", &["cardinality", "skew", "state-size"]),
    ("constant-null", &[]),
    ("constant-id-null", &[]),
];

/// Of a text that was made up.
const GENERATED: [&str; 3] = ["cardinality", "skew", "words-per-line"];

/// The settings of a workload's that change what it computes; `None` of a workload that is not known here.
#[must_use]
pub fn settings_of(workload: &str) -> Option<&'static [&'static str]> {
    TOLD.iter().find(|(name, _)| *name == workload).map(|(_, settings)| *settings)
}

/// Whether a workload is told a setting, of a text that was made up or of another. One that is not known here
/// may be told any.
#[must_use]
pub fn is_told(workload: &str, setting: &str, generated: bool) -> bool {
    let Some(told) = settings_of(workload) else { return true };
    let of_text = told.contains(&"input") && GENERATED.contains(&setting);
    told.contains(&setting) && (generated || !of_text)
}

/// What a setting bears on.
enum Bearing {
    /// Nothing that is compared; or what rows say themselves, by name or by their engine's own account.
    Nothing,
    /// What a workload computes.
    Workload,
    /// Runs of a kind.
    Runs(Mode),
    /// Every run.
    All(Aspect),
}

fn bearing(name: &str) -> Bearing {
    match name {
        // Where a report goes, how it is drawn, and how often runs are repeated.
        "out" | "allow-mixed" | "rounds" => Bearing::Nothing,
        "workload" | "engine" | "rate" | "batch-interval" | "acking" | "queue-batch"
        | "parallelism" => Bearing::Nothing,
        // A row's settings have them, if its engine has.
        "flush-interval" | "max-spout-pending" | "message-timeout" => Bearing::Nothing,
        _ if TOLD.iter().any(|(_, settings)| settings.contains(&name)) => Bearing::Workload,
        "schedule" | "duration" => Bearing::Runs(Mode::Paced),
        "saturation" => Bearing::Runs(Mode::Saturation),
        "warmup" => Bearing::All(Aspect::Schedule),
        "seed" => Bearing::All(Aspect::Seed),
        // Whatever else there was in the version that wrote the file is the engines'.
        _ => Bearing::All(Aspect::Semantics),
    }
}

/// What two results have in common, so that settings bear on it.
pub(super) struct Common<'a> {
    /// Workloads of both.
    pub(super) workloads: Vec<(&'a WorkloadResult, &'a WorkloadResult)>,
    /// Rows of both, in those.
    pub(super) rows: Vec<(&'a Row, &'a Row)>,
    /// Whether the text of one was made up.
    generated: bool,
}

impl<'a> Common<'a> {
    pub(super) fn of(old: &'a ResultFile, new: &'a ResultFile) -> Self {
        let mut common = Self { workloads: Vec::new(), rows: Vec::new(), generated: false };
        for workload in &old.workloads {
            let Some(other) = new.workloads.iter().find(|other| other.name == workload.name) else {
                continue;
            };
            common.workloads.push((workload, other));
            let others: std::collections::HashMap<&str, &Row> =
                other.rows.iter().map(|row| (row.id.as_str(), row)).collect();
            let both = |row: &'a Row| Some((row, *others.get(row.id.as_str())?));
            common.rows.extend(workload.rows.iter().filter_map(both));
        }
        let generated = |result: &ResultFile| {
            let input = result.settings.iter().find(|setting| setting.name == "input");
            input.is_none_or(|input| input.value == "generated")
        };
        common.generated = generated(old) || generated(new);
        common
    }

    /// In what results differ that differ in a setting; `None` if nothing that both have depends on it.
    pub(super) fn aspect(&self, setting: &str) -> Option<Aspect> {
        match bearing(setting) {
            Bearing::Nothing => None,
            Bearing::Workload => self
                .workloads
                .iter()
                .any(|(of, _)| is_told(&of.name, setting, self.generated))
                .then_some(Aspect::Workload),
            Bearing::Runs(mode) => {
                let has = |row: &Row| row.runs.iter().any(|run| run.mode == mode);
                self.rows.iter().any(|(old, new)| has(old) && has(new)).then_some(Aspect::Schedule)
            }
            Bearing::All(aspect) => Some(aspect),
        }
    }
}

/// Whether two values mean the same, however they were typed.
pub(super) fn same(old: &Setting, new: &Setting) -> bool {
    // Of a file the name is all that there is.
    let typed = old.name == "input";
    old.value == new.value || !typed && meaning(&old.value) == meaning(&new.value)
}

/// A value with each of its parts written in one way: lists, and shapes of arrival, have several.
fn meaning(text: &str) -> String {
    for separator in ["..", ",", ":"] {
        if text.contains(separator) {
            return text.split(separator).map(meaning).collect::<Vec<_>>().join(separator);
        }
    }
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let Ok(number) = number.parse::<f64>() else {
        return match text {
            "true" | "yes" => "on",
            "false" | "no" => "off",
            other => other,
        }
        .to_owned();
    };
    let unit = unit.trim_start();
    if let Some((_, ns)) = TIMES.iter().find(|(name, _)| *name == unit) {
        // Settings have no parts of a nanosecond.
        return format!("{} ns", (number * ns).round());
    }
    let unit = unit.strip_suffix("/s").unwrap_or(unit);
    match FACTORS.iter().find(|(name, _)| *name == unit) {
        // Rates have no parts of a thousandth.
        Some((_, factor)) => ((number * factor * 1e3).round() / 1e3).to_string(),
        None if unit.is_empty() => number.to_string(),
        None => text.to_owned(),
    }
}

const TIMES: [(&str, f64); 6] =
    [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
const FACTORS: [(&str, f64); 4] = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_if_they_mean_the_same() {
        let setting = |name: &str, value: &str| Setting {
            name: name.to_owned(),
            value: value.to_owned(),
            origin: "flag".to_owned(),
        };
        for (name, old, new, want) in [
            ("duration", "100ms", "0.1s", true),
            ("duration", "100ms", "0.1 s", true),
            ("duration", "1m", "60s", true),
            ("duration", "1m", "61s", false),
            ("duration", "1s", "1ms", false),
            ("duration", "1m", "1M", false),
            ("skew", "1", "1.0", true),
            ("skew", "1", "1.01", false),
            ("max-rate", "10k", "10000/s", true),
            ("max-rate", "0.57k", "570", true),
            ("max-rate", "10k", "10M", false),
            ("schedule", "burst:1s,0.20,3", "burst:1000ms, 0.2,3.0", true),
            ("schedule", "burst:1s,0.2,3", "burst:1s,0.2,4", false),
            ("schedule", "ramp:1k..0.1M", "ramp:1000..100k", true),
            ("schedule", "constant", "poisson", false),
            ("some-flag", "yes", "on", true),
            ("some-flag", "off", "on", false),
            ("input", "1k", "1000", false),
            ("input", "a.txt", "a.txt", true),
        ] {
            let found = same(&setting(name, old), &setting(name, new));
            assert_eq!(found, want, "{name}: {old} and {new}");
        }
    }
}
