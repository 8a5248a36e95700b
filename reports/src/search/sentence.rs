//! What a search says, in sentences.

use super::schema::{Ending, SearchFile, SearchRow};
use crate::units;

/// The unit of rates: what a record is, in a word.
pub(crate) fn noun(search: &SearchFile) -> &str {
    let first = search.workload.record.split_whitespace().next();
    first.filter(|word| word.chars().all(|c| c.is_alphanumeric() || c == '-')).unwrap_or("records")
}

/// The service level in words.
pub(crate) fn level(search: &SearchFile) -> String {
    if search.level.is_empty() {
        return "without a bound on latency".to_owned();
    }
    let conditions = search.level.iter().map(|condition| {
        let sign = if condition.inclusive { "<=" } else { "<" };
        let bound = units::duration_short(condition.bound_ns as f64);
        format!("{} {sign} {bound}", condition.figure)
    });
    format!("with {}", conditions.collect::<Vec<_>>().join(" and "))
}

/// What was found on a row.
#[must_use]
pub fn answer(search: &SearchFile, row: &SearchRow) -> String {
    let per_s = |rate: Option<f64>| {
        format!("{} {}/s", units::quantity(rate.unwrap_or(f64::NAN)), noun(search))
    };
    let (id, level) = (&row.id, level(search));
    match row.ending {
        Ending::Found => {
            let (found, fails) = (per_s(row.found_per_s), per_s(row.fails_per_s));
            let sure = if row.confirmed { "" } else { " (not repeated)" };
            format!("{id} sustains {found} {level}; {fails} it does not{sure}.")
        }
        Ending::HoldsAtMost if search.ceiling.asked_for => {
            let found = per_s(row.found_per_s);
            format!("{id} sustains at least {found} {level}: the maximum that was asked for.")
        }
        Ending::HoldsAtMost => {
            let found = per_s(row.found_per_s);
            format!(
                "{id} sustains at least {found} {level}, and is generator bound: above that the \
                 harness itself may be the limit."
            )
        }
        Ending::NothingHolds => {
            let least = per_s(row.fails_per_s.or(Some(row.least_per_s)));
            let why = row.probes.last().map(|probe| probe.why.as_str()).unwrap_or_default();
            format!("{id} sustains no rate from {least} on {level}: there, {why}.")
        }
        Ending::Inconclusive => {
            let (found, fails) = (per_s(row.found_per_s), per_s(row.fails_per_s));
            format!(
                "{id} is inconclusive after {} probes, between {found} and {fails} {level}: give a \
                 longer --duration, or a coarser --resolution.",
                row.probes.len()
            )
        }
        Ending::WrongOutput => {
            let why = row.probes.last().map(|probe| probe.why.as_str());
            let why = why.or(row.notes.first().map(String::as_str)).unwrap_or_default();
            format!("{id} is INVALID, and the search ended: {why}.")
        }
        Ending::Failed => {
            let why = row.notes.first().map(String::as_str).unwrap_or_default();
            format!("{id} FAILED before there was anything to search from: {why}.")
        }
    }
}

/// The ending in a word or two.
pub(crate) fn ending_word(search: &SearchFile, row: &SearchRow) -> &'static str {
    match row.ending {
        Ending::Found if row.confirmed => "found",
        Ending::Found => "not repeated",
        Ending::HoldsAtMost if search.ceiling.asked_for => "at least",
        Ending::HoldsAtMost => "gen-bound",
        Ending::NothingHolds => "none holds",
        Ending::Inconclusive => "unclear",
        Ending::WrongOutput => "INVALID",
        Ending::Failed => "FAILED",
    }
}
