//! Comparisons of the made-up result with changed copies of itself.

use super::*;
use crate::schema::{Mode, Row, Run, Steadiness};
use crate::terminal::Colour;
use crate::testing::{example, hostile, steady};
use crate::text::width;

/// The example with eight rounds, each a little different from the others.
pub(super) fn rounds(change: impl Fn(&Row, &mut Run)) -> ResultFile {
    let mut result = example();
    for workload in &mut result.workloads {
        for row in &mut workload.rows {
            let first = row.runs.clone();
            let mut runs = Vec::new();
            for round in 0..8u32 {
                let jitter = 1.0 + 0.002 * (f64::from(round) - 3.5);
                let of_round = first.iter().filter(|run| run.round == 1);
                for mut run in of_round.cloned().collect::<Vec<_>>() {
                    run.round = round + 1;
                    run.achieved_per_s *= jitter;
                    if let Some(latency) = &mut run.latency {
                        latency.p50_ns = (latency.p50_ns as f64 * jitter) as u64;
                        latency.p99_ns = (latency.p99_ns as f64 * jitter) as u64;
                    }
                    run.resources.user_s *= jitter;
                    run.resources.system_s *= jitter;
                    runs.push(run);
                }
            }
            row.runs = runs;
            for at in 0..row.runs.len() {
                let mut run = row.runs[at].clone();
                change(row, &mut run);
                row.runs[at] = run;
            }
        }
    }
    result
}

pub(super) fn same(_: &Row, _: &mut Run) {}

fn slower(row: &Row, run: &mut Run) {
    if row.id == "topology" && run.mode == Mode::Saturation {
        run.achieved_per_s *= 0.9;
    }
}

pub(super) fn found(old: ResultFile, new: ResultFile) -> Comparison {
    compare(&[old], &[new], &Options::default()).expect("comparable")
}

pub(super) fn of<'a>(comparison: &'a Comparison, row: &str, metric: Metric) -> &'a Finding {
    let mut findings = comparison.findings.iter();
    findings
        .find(|f| f.workload == "word-count" && f.row == row && f.metric == metric)
        .expect("a finding")
}

#[test]
fn a_result_is_unchanged_beside_itself() {
    let comparison = found(rounds(same), rounds(same));
    let changed = |f: &&Finding| matches!(f.verdict, Verdict::Improved | Verdict::Regressed);
    assert_eq!(comparison.findings.iter().find(changed), None);
    assert!(!comparison.has_regressed());
    assert_eq!(of(&comparison, "topology", Metric::Throughput).verdict, Verdict::Unchanged);
}

#[test]
fn a_tenth_less_is_a_regression_and_a_tenth_more_latency_too() {
    let comparison = found(rounds(same), rounds(slower));
    let finding = of(&comparison, "topology", Metric::Throughput);
    assert_eq!(finding.verdict, Verdict::Regressed, "{finding:?}");
    assert!(comparison.has_regressed());
    let back = found(rounds(slower), rounds(same));
    assert_eq!(of(&back, "topology", Metric::Throughput).verdict, Verdict::Improved);
    assert!(!back.has_regressed());

    let late = rounds(|_, run| {
        if let Some(latency) = &mut run.latency {
            latency.p99_ns = latency.p99_ns * 11 / 10;
        }
    });
    let comparison = found(rounds(same), late);
    assert_eq!(of(&comparison, "topology", Metric::LatencyP99).verdict, Verdict::Regressed);
    assert_eq!(of(&comparison, "topology", Metric::LatencyP50).verdict, Verdict::Unchanged);
}

#[test]
fn a_wrong_output_is_a_regression_whatever_its_speed() {
    let wrong = rounds(|row, run| {
        run.achieved_per_s *= 2.0;
        if row.id == "topology" && run.round == 3 {
            run.verdict.valid = false;
        }
    });
    let comparison = found(rounds(same), wrong);
    assert_eq!(of(&comparison, "topology", Metric::Valid).verdict, Verdict::Regressed);
    assert!(comparison.has_regressed());
}

#[test]
fn who_no_longer_keeps_up_has_regressed_and_its_latency_is_not_compared() {
    let behind = rounds(|row, run| {
        if row.id == "topology" && run.mode == Mode::Paced {
            run.sustained = Some(false);
        }
    });
    let comparison = found(rounds(same), behind);
    assert_eq!(of(&comparison, "topology", Metric::KeptUp).verdict, Verdict::Regressed);
    let latencies = comparison.findings.iter().filter(|f| {
        f.row == "topology" && matches!(f.metric, Metric::LatencyP50 | Metric::LatencyP99)
    });
    assert_eq!(latencies.count(), 0);
}

/// One round of eight that kept up is worse than eight of eight; three that did not are not surely.
#[test]
fn rounds_that_kept_up_are_counted() {
    let of_8 = |hold: u32| {
        rounds(move |row, run| {
            if row.id == "topology" && run.mode == Mode::Paced {
                run.sustained = Some(run.round <= hold);
            }
        })
    };
    for (old, new, verdict) in [
        (8, 1, Verdict::Regressed),
        (1, 8, Verdict::Improved),
        (8, 5, Verdict::Inconclusive),
        (0, 0, Verdict::Unchanged),
    ] {
        let comparison = found(of_8(old), of_8(new));
        let finding = of(&comparison, "topology", Metric::KeptUp);
        assert_eq!(finding.verdict, verdict, "{old} and {new}: {:?}", finding.note);
        // Latency is that of the rounds that kept up.
        let latency = |f: &&Finding| f.row == "topology" && f.metric == Metric::LatencyP50;
        let latency = comparison.findings.iter().find(latency);
        let counts = latency.map(|f| (f.old.len(), f.new.len()));
        assert_eq!(counts, (old > 0).then_some((old as usize, new as usize)));
    }
    // A side that does not say is neither all nor none.
    let silent = rounds(|_, run| run.sustained = None);
    for (old, new) in [(silent.clone(), of_8(0)), (of_8(0), silent)] {
        let comparison = found(old, new);
        let finding = of(&comparison, "topology", Metric::KeptUp);
        assert_eq!(finding.verdict, Verdict::Inconclusive);
        assert!(finding.note.as_ref().is_some_and(|note| note.contains("no round that says")));
    }
}

#[test]
fn a_row_that_no_longer_settles_does_not_vanish() {
    let unsettled = rounds(|row, run| {
        if row.id == "topology" && run.mode == Mode::Saturation {
            run.achieved_per_s *= 0.3;
            run.steady = Some(steady(Steadiness::Drifting));
        }
    });
    let comparison = found(rounds(same), unsettled.clone());
    let finding = of(&comparison, "topology", Metric::Throughput);
    assert_eq!((finding.verdict, finding.new.len()), (Verdict::Inconclusive, 0));
    let note = "no round of the new result counts: 8 never settled";
    assert_eq!(finding.note.as_deref(), Some(note));
    let back = found(unsettled, rounds(same));
    let note = of(&back, "topology", Metric::Throughput).note.clone().unwrap_or_default();
    assert!(note.contains("the old result"), "{note}");
}

#[test]
fn a_row_that_settles_on_neither_side_does_not_vanish() {
    let unsettled = rounds(|row, run| {
        if row.id == "topology" && run.mode == Mode::Saturation {
            run.steady = Some(steady(Steadiness::Drifting));
        }
    });
    let comparison = found(unsettled.clone(), unsettled);
    let finding = of(&comparison, "topology", Metric::Throughput);
    let note = "no round of either result counts: 16 never settled";
    assert_eq!((finding.verdict, finding.note.as_deref()), (Verdict::Inconclusive, Some(note)));
}

/// One round that does not settle says nothing; that none does any more is worse.
#[test]
fn rounds_that_settled_are_counted() {
    let of_8 = |settle: u32| {
        rounds(move |row, run| {
            let settled = row.id != "topology" || run.round <= settle;
            let state = if settled { Steadiness::Settled } else { Steadiness::Drifting };
            run.steady = Some(steady(state));
        })
    };
    for (old, new, verdict) in [
        (8, 0, Some(Verdict::Regressed)),
        (0, 8, Some(Verdict::Improved)),
        (8, 1, None),
        (8, 8, None),
        (0, 0, None),
    ] {
        let comparison = found(of_8(old), of_8(new));
        let settled = |f: &&Finding| f.row == "topology" && f.metric == Metric::Settled;
        let found = comparison.findings.iter().find(settled);
        assert_eq!(found.map(|finding| finding.verdict), verdict, "{old} and {new}");
    }
    // Of a result that does not say, nothing is known.
    let silent = rounds(|_, run| run.steady = None);
    for (old, new) in [(silent.clone(), of_8(8)), (of_8(8), silent)] {
        let comparison = found(old, new);
        assert!(comparison.findings.iter().all(|finding| finding.metric != Metric::Settled));
    }
}

/// A run that failed is not one whose output was wrong.
#[test]
fn a_run_that_failed_is_said_to_have() {
    let failed = rounds(|row, run| {
        if row.id == "topology" && run.round == 3 {
            run.error = Some("a worker ended".to_owned());
        }
    });
    let comparison = found(rounds(same), failed);
    let finding = of(&comparison, "topology", Metric::Valid);
    let note = "runs ended, and were right, in 8 of 8 rounds, and now in 7 of 8 rounds";
    assert_eq!((finding.verdict, finding.note.as_deref()), (Verdict::Regressed, Some(note)));
}

#[test]
fn intervals_of_few_rounds_say_how_sure_they_are() {
    let of = |count: u32| {
        let mut result = rounds(same);
        let rows = result.workloads.iter_mut().flat_map(|workload| &mut workload.rows);
        rows.for_each(|row| row.runs.retain(|run| run.round <= count));
        result
    };
    for (rounds, sure) in [(2, Some(", 67 % sure")), (3, Some(", 90 % sure")), (4, None)] {
        let comparison = found(of(rounds), of(rounds));
        let text = terminal(&comparison, 120, Colour::Plain);
        let line = text.lines().find(|line| line.contains("rec/s")).expect("a line");
        let said = line.find(" % sure").map(|at| &line[at - 4..at + 7]);
        assert_eq!(said, sure, "{line}");
        assert_eq!(comparison.has_too_few_rounds(), sure.is_some());
    }
}

/// Results of several workloads each, whose rows are not all in the same one.
#[test]
fn each_workload_has_one_table() {
    let part = |keep: fn(&str) -> bool| {
        let mut result = rounds(same);
        result.workloads.iter_mut().for_each(|of| of.rows.retain(|row| keep(&row.id)));
        result.workloads.retain(|of| !of.rows.is_empty());
        result
    };
    let sides = || [part(|row| row.starts_with("topology")), part(|row| row.starts_with("micro"))];
    let comparison = compare(&sides(), &sides(), &Options::default()).expect("comparable");
    let mut workloads: Vec<&str> =
        comparison.findings.iter().map(|finding| finding.workload.as_str()).collect();
    workloads.dedup();
    assert_eq!(workloads, ["word-count", "stateful", "windowed"]);
    let machines: Vec<&str> = comparison.machines.iter().map(|m| m.workload.as_str()).collect();
    assert_eq!(machines, ["word-count", "stateful"]);
}

#[test]
fn few_rounds_are_inconclusive_and_say_so() {
    let comparison = compare(&[example()], &[example()], &Options::default()).expect("comparable");
    let finding = of(&comparison, "topology", Metric::Throughput);
    assert_eq!(finding.verdict, Verdict::Inconclusive);
    assert!(finding.note.as_ref().is_some_and(|note| note.contains("too few")), "{finding:?}");
    // How many it takes depends on how sure it has to be.
    for (confidence, rounds) in [(0.93, 4), (0.95, 4), (0.99, 5), (0.999, 7)] {
        let judge = Judge { confidence, ..Judge::default() };
        let options = Options { judge, ..Options::default() };
        let comparison = compare(&[example()], &[example()], &options).expect("comparable");
        let note = of(&comparison, "topology", Metric::Throughput).note.clone().unwrap_or_default();
        assert!(note.contains(&format!("measure --rounds {rounds} or more")), "{note}");
    }
    // The rounds of several files are put together.
    let three = [example(), example(), example()];
    let comparison = compare(&three, &three, &Options::default()).expect("comparable");
    assert_eq!(of(&comparison, "topology", Metric::Throughput).old.len(), 9);
}

/// Changes something of a result.
type Change = fn(&mut ResultFile);

#[test]
fn what_measured_something_else_is_refused_with_the_reason() {
    let rows: [(Change, &str); 13] = [
        (|r| r.seed = 7, "seed: seed was 42 and is 7"),
        (|r| r.environment.cpu_model = "Other".into(), "machine: processor was Example CPU"),
        (|r| r.environment.cpus = 64, "machine: processors was 2 and is 64"),
        (|r| r.environment.build = "debug".into(), "build: build was release"),
        (|r| r.workloads[0].input = "a file".into(), "workload: input of word-count was"),
        (|r| r.workloads[0].rows[0].parallelism = 9, "parallelism: parallelism of topology was"),
        (|r| r.workloads[0].rows[0].guarantee = "none".into(), "semantics: guarantee of topology"),
        (|r| r.workloads[0].rows[0].acking = Some(false), "semantics: acking of topology was on"),
        (|r| r.workloads[0].rows[2].model = "other".into(), "semantics: model of microbatch 10ms"),
        (
            |r| r.workloads[0].rows[0].checkpointing = "on".into(),
            "semantics: checkpointing of topology was off and is on",
        ),
        (
            |r| r.workloads[0].rows[0].time = "event time".into(),
            "semantics: time of topology was untimed and is event time",
        ),
        (|r| r.settings[3].value = "9s".into(), "schedule: duration was 3s and is 9s"),
        (|r| r.workloads.clear(), "no row that both have"),
    ];
    for (change, why) in rows {
        let mut other = example();
        change(&mut other);
        let refused = compare(&[example()], &[other.clone()], &Options::default());
        let text = refused.expect_err(why).to_string();
        assert!(text.contains(why), "{text}");
        assert!(!text.contains('\n'));
        // What may be allowed, is.
        let allow = Aspect::NAMED.map(|(_, aspect)| aspect).to_vec();
        let allowed = compare(&[example()], &[other], &Options { allow, ..Options::default() });
        match allowed {
            Ok(comparison) => assert_eq!(comparison.allowed.len(), 1, "{why}"),
            Err(_) => assert!(why.starts_with("no row")),
        }
    }
    let none = compare(&[], &[example()], &Options::default()).expect_err("nothing");
    assert_eq!(none.to_string(), "the results are not comparable: no result at all");
}

/// The result with other settings.
fn with(mut result: ResultFile, settings: &[(&str, &str)]) -> ResultFile {
    for (name, value) in settings {
        result.settings.retain(|setting| setting.name != *name);
        let (name, value) = ((*name).to_owned(), (*value).to_owned());
        result.settings.push(crate::schema::Setting { name, value, origin: "flag".to_owned() });
    }
    result
}

/// The example with one workload that is called so.
fn named(workload: &str) -> ResultFile {
    let mut result = example();
    result.workloads.truncate(1);
    result.workloads[0].name = workload.to_owned();
    result
}

fn paced() -> ResultFile {
    let mut result = example();
    let rows = result.workloads.iter_mut().flat_map(|workload| &mut workload.rows);
    rows.for_each(|row| row.runs.retain(|run| run.mode == Mode::Paced));
    result
}

/// A setting that nothing in common depends on is no difference, nor is one that means the same.
#[test]
fn only_what_the_numbers_depend_on_is_refused() {
    let refused = |workload, old: &[(&str, &str)], new: &[(&str, &str)]| {
        let sides = (with(named(workload), old), with(named(workload), new));
        compare(&[sides.0], &[sides.1], &Options::default()).err().map(|error| error.to_string())
    };
    for (workload, setting, old, new, why) in [
        ("word-count", "duration", "100ms", "0.1s", None),
        ("word-count", "duration", "100ms", "0.2s", Some("schedule: duration")),
        ("word-count", "allow-mixed", "off", "on", None),
        ("word-count", "state-size", "64", "4096", None),
        ("keyed-state", "state-size", "64", "4096", Some("workload: state-size")),
        ("keyed-state", "words-per-line", "10", "20", None),
        ("keyed-state", "skew", "1", "1.0", None),
        ("keyed-state", "skew", "1", "2", Some("workload: skew")),
        ("word-count", "window", "1s", "2s", None),
        ("stateful", "stragglers", "0", "10", None),
        ("windowed", "window", "1s", "2s", Some("workload: window")),
        ("of a later version", "window", "1s", "2s", Some("workload: window")),
        ("word-count", "cardinality", "1000", "2000", Some("workload: cardinality")),
        // Rows have what their engines were told.
        ("word-count", "flush-interval", "1ms", "2ms", None),
        ("word-count", "parallelism", "auto", "2", None),
        ("word-count", "some-later-setting", "1", "2", Some("semantics: some-later-setting")),
    ] {
        let said = refused(workload, &[(setting, old)], &[(setting, new)]);
        match why {
            Some(why) => {
                assert!(said.as_ref().is_some_and(|s| s.contains(why)), "{setting}: {said:?}")
            }
            None => assert_eq!(said, None, "{setting} of {workload}"),
        }
    }
    let text = [("input", "sherlock"), ("cardinality", "1000")];
    let more = [("input", "sherlock"), ("cardinality", "2000")];
    assert_eq!(refused("word-count", &text, &more), None, "the text is what it is");
    assert!(refused("keyed-state", &text, &more).is_some());
    let sides = [paced(), paced()].map(|side| with(side, &[("saturation", "1s")]));
    let [old, new] = [sides[0].clone(), with(sides[1].clone(), &[("saturation", "2s")])];
    assert!(compare(&[old], &[new], &Options::default()).is_ok(), "nothing ran at saturation");
}

#[test]
fn an_engines_own_settings_are_refused_by_row() {
    let mut other = example();
    let row = &mut other.workloads[0].rows[0];
    row.settings.insert("flush-interval".to_owned(), "2ms".to_owned());
    let refused = compare(&[example()], &[other], &Options::default()).expect_err("differs");
    let want = "semantics: flush-interval of topology was 1ms and is 2ms";
    assert!(refused.to_string().contains(want), "{refused}");
}

#[test]
fn rows_that_only_one_side_has_are_named() {
    let mut other = rounds(same);
    other.workloads[0].rows.remove(1);
    other.workloads.remove(2);
    let comparison = found(rounds(same), other);
    assert!(
        comparison
            .unmatched
            .contains(&"word-count on topology no-ack is in the old result only".to_owned())
    );
    assert!(comparison.unmatched.iter().any(|text| text.starts_with("windowed on ")));
}

fn changed() -> Comparison {
    let mut comparison = found(rounds(same), rounds(slower));
    comparison.findings.retain(|f| f.workload == "word-count" && f.row.starts_with("topology"));
    comparison
}

#[test]
fn as_a_table() {
    insta::assert_snapshot!(terminal(&changed(), 100, Colour::Plain));
}

#[test]
fn as_a_narrow_table() {
    insta::assert_snapshot!(terminal(&changed(), 80, Colour::Plain));
}

#[test]
fn as_markdown() {
    insta::assert_snapshot!(markdown(&changed()));
}

#[test]
fn as_json() {
    let mut comparison = changed();
    comparison.findings.truncate(1);
    insta::assert_snapshot!(comparison.to_json());
}

#[test]
fn hostile_results_do_no_harm() {
    let comparison = found(hostile(), hostile());
    for columns in [50, 80, 120] {
        for line in terminal(&comparison, columns, Colour::Plain).lines() {
            assert!(width(line) <= columns, "{line}");
            assert!(!line.chars().any(char::is_control));
        }
    }
    let markdown = markdown(&comparison);
    assert!(!markdown.contains("<script"));
    assert!(!markdown.chars().any(|c| c.is_control() && c != '\n'));
    // Whatever differs is shown cleaned, too.
    let refused = compare(&[hostile()], &[example()], &Options::default()).expect_err("differs");
    assert!(!refused.to_string().chars().any(char::is_control));
}
