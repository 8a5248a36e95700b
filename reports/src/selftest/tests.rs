use super::*;

fn outcome(name: &str, passed: bool, figure: &str, allowed: &str) -> Outcome {
    let (name, figure) = (name.to_owned(), figure.to_owned());
    Outcome { name, passed, figure, allowed: allowed.to_owned(), took_s: 1.25 }
}

fn made_up() -> Vec<Outcome> {
    vec![
        outcome("schedule rate", true, "off by 0.0000 % at most, over 5 rates", "0.01 %"),
        outcome(
            "known slowdown",
            false,
            "an injected 10 % was found as regressed in 3 of 5 comparisons, the others were inconclusive",
            "at least 4 of 5 comparisons of 8 rounds",
        ),
        outcome("hostile\u{1b}[2J\nname", true, "a\u{7}b", "c\td"),
    ]
}

#[test]
fn a_terminal_of_80_columns() {
    let text: String = made_up().iter().map(|check| check.lines(80)).collect();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text + &Selftest::of(made_up()).last_line(3));
}

#[test]
fn one_failure_fails_the_whole_and_nothing_is_no_pass() {
    let mut checks = made_up();
    let line = |checks: &[Outcome]| {
        let whole = Selftest::of(checks.to_vec());
        (whole.passed, whole.last_line(2))
    };
    assert_eq!(line(&checks), (false, "1 of 3 checks failed in 4 s.\n".to_owned()));
    checks.remove(1);
    let right = "All 2 checks passed in 2 s: this harness is right.\n";
    assert_eq!(line(&checks), (true, right.to_owned()));
    let some = Selftest::of(checks[..1].to_vec()).last_line(2);
    assert_eq!(some, "1 of 2 checks was made, and passed, in 1 s.\n");
    assert_eq!(line(&[]), (false, "Nothing was checked.\n".to_owned()));
}

#[test]
fn the_document_comes_back() {
    let whole = Selftest::of(made_up());
    let json = whole.to_json();
    assert!(!json.contains(['\u{1b}', '\u{7}']), "{json}");
    assert_eq!(Selftest::parse(&json).expect("JSON"), whole);
}
