//! `weir selftest`, as far as it asks nothing of the machine.

use crate::process::Place;
use weir_harness::selftest::CHECKS;
use weir_reports::selftest::Selftest;

/// Arithmetic, and a clock that is told the time.
const EXACT: [&str; 3] = ["schedule-rates", "omission-exact", "distribution"];

#[test]
fn exact_checks_pass_and_are_told_of_one_by_one() {
    let place = Place::new();
    let text = place.weir([&["selftest"][..], &EXACT].concat()).ok();
    let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("PASS  ")).collect();
    assert_eq!(titles.len(), EXACT.len(), "{text}");
    for (title, name) in titles.iter().zip(EXACT) {
        assert!(title.starts_with(&format!("PASS  {name} (")), "{text}");
    }
    let some = format!("{} of {} checks were made, and passed", EXACT.len(), CHECKS.len());
    assert!(text.lines().last().is_some_and(|line| line.starts_with(&some)), "{text}");
    assert!(!text.contains("harness is right"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn the_document_holds_the_same() {
    let place = Place::new();
    let json = place.weir([&["selftest", "--format", "json"][..], &EXACT].concat()).ok();
    let whole = Selftest::parse(&json).expect("a document of checks");
    assert!(whole.passed, "{json}");
    assert!(whole.checks.iter().map(|check| check.name.as_str()).eq(EXACT), "{json}");
}

#[test]
fn help_names_every_check_and_others_are_refused() {
    let place = Place::new();
    let help = place.weir(["selftest", "--help"]).ok();
    for check in CHECKS {
        assert!(help.contains(check.name), "{} is not in:\n{help}", check.name);
    }
    let refused = place.weir(["selftest", "everything"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(refused.stderr.contains("everything"), "{}", refused.stderr);
    assert!(refused.stderr.contains("against-itself"), "{}", refused.stderr);
}
