//! `weir selftest`: is this harness right?

use super::failure::Failure;
use super::terminal::columns;
use super::{exit, interrupt, texts};
use crate::selftest::{CHECKS, Check, run as check};
use clap::ArgMatches;
use std::io::{Write, stdout};
use weir_dataflow::Cancel;
use weir_reports::selftest::{Outcome, Selftest};

/// Checks, prints, and says the exit code.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let json = matches.get_one::<String>("format").is_some_and(|format| format == "json");
    let wanted = texts(matches, "checks");
    let named = |check: &&Check| wanted.is_empty() || wanted.iter().any(|name| name == check.name);
    let checks: Vec<Check> = CHECKS.iter().filter(named).copied().collect();
    // The lines of a terminal, as each check ends; one document at the end otherwise.
    let columns = (!json).then(columns);
    report(&checks, columns, &interrupt::cancel(), &mut stdout())
}

/// Makes checks and writes what they come to, in lines of so many columns or as JSON.
fn report(
    checks: &[Check],
    columns: Option<usize>,
    cancel: &Cancel,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut written = Ok(());
    let outcomes = check(checks, cancel, &mut |outcome: &Outcome| {
        if let Some(columns) = columns {
            written = show(out, &outcome.lines(columns));
            if written.is_err() {
                // Nobody reads any more.
                cancel.cancel();
            }
        }
    });
    written?;
    if cancel.is_cancelled() {
        let message = "interrupted: what was not checked is not known to be right".to_owned();
        return Err(Failure { code: exit::INTERRUPTED, message });
    }
    let whole = Selftest::of(outcomes);
    show(out, &if columns.is_none() { whole.to_json() } else { whole.last_line(CHECKS.len()) })?;
    // A check that failed is a failed run of the harness.
    Ok(if whole.passed { exit::OK } else { exit::UNEXPECTED })
}

fn show(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::{Found, SelftestError};

    fn found(passed: bool) -> Result<Found, SelftestError> {
        let (figure, allowed) = ("a figure".to_owned(), "a limit".to_owned());
        Ok(Found { passed, figure, allowed })
    }

    fn said(checks: &[Check], columns: Option<usize>) -> (u8, String) {
        let mut out = Vec::new();
        let code = report(checks, columns, &Cancel::new(), &mut out).expect("a report");
        (code, String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn one_failed_check_is_a_failure() {
        let pass = Check::new("right", |_| found(true));
        let fail = Check::new("wrong", |_| found(false));
        for (checks, want) in [
            (vec![pass, pass], exit::OK),
            (vec![pass, fail], exit::UNEXPECTED),
            (vec![fail, pass], exit::UNEXPECTED),
            (vec![], exit::UNEXPECTED),
        ] {
            for columns in [Some(80), None] {
                let (code, text) = said(&checks, columns);
                assert_eq!(code, want, "{text}");
            }
        }
    }

    #[test]
    fn every_check_is_told_of_by_name() {
        let checks: Vec<Check> =
            CHECKS.iter().map(|check| Check::new(check.name, |_| found(true))).collect();
        let (text, json) = (said(&checks, Some(80)).1, said(&checks, None).1);
        for check in CHECKS {
            assert!(text.contains(&format!("PASS  {} (", check.name)), "{text}");
            assert!(json.contains(&format!("\"name\": \"{}\"", check.name)), "{json}");
        }
    }

    #[test]
    fn an_interrupted_selftest_says_so() {
        let cancel = Cancel::new();
        cancel.cancel();
        let checks = [Check::new("right", |_| found(true))];
        let failure = report(&checks, Some(80), &cancel, &mut Vec::new()).expect_err("interrupted");
        assert_eq!(failure.code, exit::INTERRUPTED, "{failure:?}");
    }
}
