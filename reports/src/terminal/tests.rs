//! What a person sees on a terminal.

use super::*;
use crate::schema::{Mode, ResultFile, Run, Steadiness};
use crate::testing;
use crate::text::{is_hostile, width};

fn shown(columns: usize) -> String {
    render(&Summary::of(&testing::example()), columns, Colour::Plain)
}

#[test]
fn at_100_columns() {
    insta::assert_snapshot!(shown(100));
}

#[test]
fn at_80_columns() {
    insta::assert_snapshot!(shown(80));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for result in [testing::example(), testing::hostile()] {
        let summary = Summary::of(&result);
        for columns in MIN_COLUMNS..=140 {
            for line in render(&summary, columns, Colour::Plain).lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let summary = Summary::of(&testing::example());
    let coloured = render(&summary, 100, Colour::Ansi);
    assert!(coloured.contains("\u{1b}["));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        stripped.push_str(before);
        rest = after.split_once('m').expect("an SGR sequence").1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, shown(100));
}

#[test]
fn a_hostile_file_commands_no_terminal() {
    let text = render(&Summary::of(&testing::hostile()), 100, Colour::Plain);
    assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)));
}

#[test]
fn nothing_is_nothing() {
    let mut result = testing::example();
    result.workloads.clear();
    let text = render(&Summary::of(&result), 100, Colour::Plain);
    assert_eq!(text, "No workload was run.\nThere is nothing to compare.\n");
}

#[test]
fn a_column_is_of_one_kind_of_run() {
    // What a record costs at a low rate is not put where other rows have what it costs at saturation.
    let mut result = testing::example();
    result.workloads.truncate(1);
    let row = |result: &ResultFile| -> Vec<String> {
        let text = render(&Summary::of(result), 200, Colour::Plain);
        let line = text.lines().find(|line| line.starts_with("  topology ")).expect("the row");
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let cpu = |row: &[String]| row[row.len() - 2].clone();
    let settled = row(&result);
    assert!(cpu(&settled).parse::<f64>().is_ok(), "{settled:?}");
    let saturated = |run: &&mut Run| run.mode == Mode::Saturation;
    for run in result.workloads[0].rows[0].runs.iter_mut().filter(saturated) {
        run.steady = Some(testing::steady(Steadiness::StillChanging));
    }
    let unsettled = row(&result);
    assert_eq!((cpu(&unsettled).as_str(), unsettled.len()), ("-", settled.len()));
    result.workloads[0].rows[0].runs.retain(|run| run.mode == Mode::Paced);
    let paced = row(&result);
    assert!(cpu(&paced).parse::<f64>().is_ok(), "{paced:?}");
}

#[test]
fn a_noisy_machine_is_told_of_below_the_answer() {
    let quiet = shown(100);
    assert!(!quiet.contains("weir doctor"), "{quiet}");
    let mut result = testing::example();
    result.environment.fitness.as_mut().expect("the example's").noise = 0.05;
    let noisy = render(&Summary::of(&result), 100, Colour::Plain);
    let added = noisy.strip_prefix(&quiet).expect("the same, and more");
    assert!(added.contains("NOISY") && added.contains("`weir doctor`"), "{added}");
}
