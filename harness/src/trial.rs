//! What a comparison and a search do alike: they note what surrounds their runs, judge these, and say how
//! to repeat them.

use crate::doctor;
use crate::environment;
use crate::execute::{ExecuteError, Executed};
use crate::settings::{Def, Resolved, Value};
use std::collections::BTreeMap;
use weir_dataflow::SystemClock;
use weir_reports::schema::{Environment, Setting, Verdict};
use weir_targets::target::{Claimed, judge};
use weir_targets::verdict::Detail;
use weir_workloads::Settings;

/// The oracle's verdicts on runs, one pass per load that they share.
pub(crate) fn verdicts(
    workload: &str,
    settings: &Settings,
    runs: &[&Executed],
) -> Result<Vec<Verdict>, ExecuteError> {
    let mut verdicts = vec![Verdict::default(); runs.len()];
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, run) in runs.iter().enumerate() {
        match &run.outcome.summary {
            // Loads of one description have one time axis, however long they are at saturation.
            Ok(_) => groups.entry(run.offer.describe()).or_default().push(at),
            Err(error) => verdicts[at].examples.push(error.to_string()),
        }
    }
    for members in groups.into_values() {
        let claimed: Vec<Claimed<'_>> = members
            .iter()
            .map(|&at| {
                let summary = runs[at].summary();
                let contents = &runs[at].outcome.contents;
                Claimed { records: runs[at].given, late: summary.late, contents }
            })
            .collect();
        let load = runs[members[0]].offer.load()?;
        let judged = judge(workload, settings, &*load, &claimed, Detail::Digests)?;
        for (at, verdict) in members.into_iter().zip(judged) {
            verdicts[at] = verdict;
            let (read, given) = (runs[at].summary().records, runs[at].given);
            if read != given {
                verdicts[at].valid = false;
                verdicts[at].examples.push(format!("read {read} records of {given}"));
            }
        }
    }
    Ok(verdicts)
}

/// Every setting in force, as a document has it.
pub(crate) fn settings_of(resolved: &Resolved) -> Vec<Setting> {
    let setting = |(def, value): (&Def, &Value)| Setting {
        name: def.name.to_owned(),
        value: value.text.clone(),
        origin: value.origin.to_string(),
    };
    resolved.iter().map(setting).collect()
}

/// A command as it is typed into a shell.
pub(crate) fn command_line(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// The machine before the first run, and when that is, as a document has them.
pub(crate) fn surroundings() -> (Environment, String) {
    let load_before = environment::load_average();
    let mut found = environment::capture("system");
    found.load_before = load_before;
    found.fitness = Some(doctor::examine(&SystemClock::new(), doctor::BRIEF));
    (found, jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

/// A word of a shell's command line.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=.,:/+%@".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
