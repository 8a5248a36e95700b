//! The two sentences, case by case.

use super::*;
use crate::schema::{ResultFile, Row};
use crate::terminal::{Colour, render};
use crate::testing;

/// The example with `word-count` at one load and without generator limits.
fn base() -> ResultFile {
    let mut result = testing::example();
    result.workloads.truncate(1);
    for row in &mut result.workloads[0].rows {
        row.runs.retain(|run| run.offered_per_s != Some(50_000.0));
    }
    result
}

fn rows(result: &mut ResultFile) -> &mut Vec<Row> {
    &mut result.workloads[0].rows
}

fn drop_row(result: &mut ResultFile, prefix: &str) {
    rows(result).retain(|row| !row.id.starts_with(prefix));
}

fn fall_behind(result: &mut ResultFile, prefix: &str) {
    for row in rows(result).iter_mut().filter(|row| row.id.starts_with(prefix)) {
        for run in row.runs.iter_mut().filter(|run| run.offered_per_s.is_some()) {
            run.sustained = Some(false);
            for point in &mut run.series {
                point.completed = point.due.unwrap_or(0).saturating_sub(12_000);
            }
        }
    }
}

fn each_run(result: &mut ResultFile, prefix: &str, change: fn(&mut crate::schema::Run)) {
    for row in rows(result).iter_mut().filter(|row| row.id.starts_with(prefix)) {
        row.runs.iter_mut().for_each(change);
    }
}

fn drop_mode(result: &mut ResultFile, prefix: &str, mode: crate::schema::Mode) {
    for row in rows(result).iter_mut().filter(|row| row.id.starts_with(prefix)) {
        row.runs.retain(|run| run.mode != mode);
    }
}

fn unsettle(result: &mut ResultFile, prefix: &str, mode: crate::schema::Mode) {
    for row in rows(result).iter_mut().filter(|row| row.id.starts_with(prefix)) {
        for run in row.runs.iter_mut().filter(|run| run.mode == mode) {
            run.steady = Some(testing::steady(crate::schema::Steadiness::StillChanging));
        }
    }
}

/// Rows that were run and never settled are not said not to have been run, by any sentence or table.
#[test]
fn what_never_settled_was_run() {
    use crate::schema::Mode::{Paced, Saturation};
    type Change = fn(&mut ResultFile);
    let cases: [(Change, [&str; 2], usize); 6] = [
        (|r| unsettle(r, "", Paced), ["neither record at a time", "At saturation"], 5),
        (
            |r| unsettle(r, "topology", Paced),
            ["record at a time with acking never settled at any load", "At saturation"],
            2,
        ),
        (
            |r| unsettle(r, "microbatch", Paced),
            ["micro-batch at 100 ms never settled at any load", "At saturation"],
            3,
        ),
        (
            |r| {
                unsettle(r, "", Paced);
                unsettle(r, "", Saturation);
            },
            ["neither record at a time", "At saturation neither settled."],
            5,
        ),
        (
            |r| {
                unsettle(r, "microbatch", Saturation);
                drop_mode(r, "topology", Saturation);
            },
            [
                "both keep up",
                "record at a time was not run so; micro-batch at 100 ms never settled",
            ],
            3,
        ),
        (
            |r| {
                drop_row(r, "topology");
                unsettle(r, "", Paced);
                drop_mode(r, "", Saturation);
            },
            ["record at a time was not run", "was run, but never settled"],
            3,
        ),
    ];
    for (at, (change, [latency, throughput], rows)) in cases.into_iter().enumerate() {
        let mut result = base();
        change(&mut result);
        let summary = Summary::of(&result);
        let answer = Answer::of(&summary);
        assert!(answer.latency.contains(latency), "{at}: {answer}");
        assert!(answer.throughput.contains(throughput), "{at}: {answer}");
        let shown = render(&summary, 200, Colour::Plain);
        for lie in ["not run paced", "not paced at the same load"] {
            assert!(!shown.contains(lie), "{at}: {shown}");
        }
        // The main table comes first, and says of a row what that of its load says.
        let main = shown.split("  *").next().unwrap_or_default();
        assert_eq!(main.matches("  never settled\n").count(), rows, "{at}: {shown}");
    }
}

/// So many rounds of each row at saturation, the last of which is so many times what the others are.
fn several_rounds(result: &mut ResultFile, count: u32, last: f64) {
    for row in rows(result) {
        let mut first = row.runs.clone();
        first.retain(|run| run.round == 1);
        row.runs.clear();
        for round in 1..=count {
            for mut run in first.iter().cloned() {
                run.round = round;
                let noise = 1.0 + 0.01 * f64::from(round);
                run.achieved_per_s *= match (round == count, last > 1.0) {
                    (true, false) => last,
                    // Of equal ones: nothing that tells them apart.
                    (_, true) => noise * 1e6 / run.achieved_per_s,
                    (false, false) => noise,
                };
                row.runs.push(run);
            }
        }
    }
}

#[test]
fn answers() {
    use crate::schema::Mode::{Paced, Saturation};
    type Change = fn(&mut ResultFile);
    let cases: [(&str, Change); 23] = [
        ("both keep up", |_| ()),
        ("two loads", |r| *r = testing::example()),
        ("nothing was run", |r| r.workloads.clear()),
        ("no rows", |r| rows(r).clear()),
        ("record at a time behind", |r| fall_behind(r, "topology")),
        ("micro-batch behind", |r| fall_behind(r, "microbatch")),
        ("both behind", |r| fall_behind(r, "")),
        ("nobody says", |r| each_run(r, "", |run| run.sustained = None)),
        ("no topology", |r| drop_row(r, "topology")),
        ("no micro-batch", |r| drop_row(r, "microbatch")),
        ("all micro-batch invalid", |r| {
            each_run(r, "microbatch", |run| run.verdict.valid = false);
        }),
        ("100 ms invalid", |r| each_run(r, "microbatch 100ms", |run| run.verdict.valid = false)),
        ("acked topology failed", |r| rows(r)[0].runs[0].error = Some("no".to_owned())),
        ("all topology failed", |r| each_run(r, "topology", |run| run.error = Some("no".into()))),
        ("nothing paced", |r| drop_mode(r, "", Paced)),
        ("nothing saturated", |r| drop_mode(r, "", Saturation)),
        ("micro-batch not saturated", |r| drop_mode(r, "microbatch", Saturation)),
        ("no COST loop", |r| r.workloads[0].cost = None),
        ("rounds overlap", |r| {
            each_run(r, "", |run| run.achieved_per_s = 1e6 + f64::from(run.round) * 1e3);
        }),
        ("ten rounds and an outlier", |r| several_rounds(r, 10, 0.3)),
        ("ten rounds alike", |r| several_rounds(r, 10, 1e3)),
        ("batches on a topology alone", |r| {
            drop_row(r, "topology");
            let batches = rows(r).iter_mut();
            batches.for_each(|row| row.model = "micro-batch on a topology".to_owned());
        }),
        ("a single round", |r| rows(r).iter_mut().for_each(|row| row.runs.truncate(2))),
    ];
    let mut told = String::new();
    for (name, change) in cases {
        let mut result = base();
        change(&mut result);
        let answer = Answer::of(&Summary::of(&result));
        for sentence in [&answer.latency, &answer.throughput] {
            assert!(sentence.ends_with('.') && !sentence.contains("NaN"), "{name}: {sentence}");
        }
        told.extend([name, ":\n  ", &answer.latency, "\n  ", &answer.throughput, "\n"]);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn the_answer_to_a_hostile_file_is_plain_text() {
    let answer = Answer::of(&Summary::of(&testing::hostile())).to_string();
    assert!(!answer.chars().any(char::is_control), "{answer:?}");
}
