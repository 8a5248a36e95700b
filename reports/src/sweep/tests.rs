//! A sweep is shown in full, and what may not be shown is not.

mod judging;

use super::schema::{Axis, AxisValue, Cell, KIND, SWEEP_VERSION, SweepFile, Unit};
use super::*;
use crate::schema::{Mode, ResultFile, Row, Run};
use crate::terminal::Colour;
use crate::testing;
use roxmltree::Document;
use std::collections::BTreeMap;
use std::path::Path;

/// A run of the example, made over into one at a rate or at saturation.
fn run(like: &Run, round: u32, rate: Option<f64>, p50_ns: u64, sustained: bool) -> Run {
    let mut run = like.clone();
    run.round = round;
    run.mode = if rate.is_some() { Mode::Paced } else { Mode::Saturation };
    run.offered_per_s = rate;
    run.schedule = rate.map_or_else(|| "max".to_owned(), |rate| format!("constant {rate}/s"));
    run.achieved_per_s = rate.unwrap_or(1e6) * (if sustained { 1.0 } else { 0.6 });
    run.sustained = rate.map(|_| sustained);
    let jitter = 1.0 + 0.01 * f64::from(round);
    let mut latency = like.latency.unwrap_or_default();
    latency.p50_ns = (p50_ns as f64 * jitter) as u64;
    latency.p99_ns = 3 * latency.p50_ns;
    run.latency = rate.map(|_| latency);
    run
}

/// A result with the example's machine, and two rows: `topology`, whose latency grows with the rate and
/// which keeps up to 300,000/s, and `microbatch` of an interval, which keeps up with all.
fn result(rate: f64, interval_ms: f64, tasks: usize) -> ResultFile {
    let mut result = testing::example();
    result.workloads.truncate(1);
    let workload = &mut result.workloads[0];
    let like = workload.rows[0].runs.iter().find(|run| run.latency.is_some()).expect("one").clone();
    let find = |engine: &str| -> Row {
        let row = workload.rows.iter().find(|row| row.engine == engine).expect(engine);
        row.clone()
    };
    let (mut topology, mut batch) = (find("topology"), find("microbatch"));
    batch.id = format!("microbatch {interval_ms}ms");
    batch.batch_interval_ms = Some(interval_ms);
    let keeps_up = rate <= 300e3;
    let own_ns = (100e3 * (1.0 + rate / 50e3)) as u64;
    let batch_ns = (interval_ms * 0.55e6) as u64;
    topology.runs = (1..=3).map(|n| run(&like, n, Some(rate), own_ns, keeps_up)).collect();
    batch.runs = (1..=3).map(|n| run(&like, n, Some(rate), batch_ns, true)).collect();
    for (row, per_task) in [(&mut topology, 0.4e6), (&mut batch, 0.9e6)] {
        let full = |n: u32| Run {
            achieved_per_s: per_task * tasks as f64 * (1.0 + 0.01 * f64::from(n)),
            ..run(&like, n, None, 1, true)
        };
        row.runs.extend((1..=3).map(full));
    }
    workload.rows = vec![topology, batch];
    if let Some(cost) = &mut workload.cost {
        cost.records_per_s = vec![1.5e6, 1.51e6, 1.52e6];
    }
    result
}

fn axis(setting: &str, unit: Unit, values: &[(&str, Option<f64>)]) -> Axis {
    let value = |(text, number): &(&str, Option<f64>)| AxisValue {
        text: (*text).to_owned(),
        number: *number,
    };
    Axis { setting: setting.to_owned(), unit, values: values.iter().map(value).collect() }
}

fn sweep(axes: Vec<Axis>, cells: Vec<Cell>) -> SweepFile {
    let example = testing::example();
    SweepFile {
        kind: KIND.to_owned(),
        schema_version: SWEEP_VERSION,
        weir_version: "0.1.0".to_owned(),
        created: example.created,
        command: "weir sweep word-count --over=rate=10k,100k,300k,1M".to_owned(),
        seed: 42,
        workload: "word-count".to_owned(),
        environment: example.environment,
        settings: example.settings,
        axes,
        cells,
    }
}

fn cell(at: &[&str], result: Option<ResultFile>) -> Cell {
    let error = result.is_none().then(|| "no thread to be had".to_owned());
    let at: Vec<String> = at.iter().map(|text| (*text).to_owned()).collect();
    Cell { name: format!("cell-{}", at.join("_")), at, result, error }
}

const RATES: [(&str, f64); 4] = [("10k", 10e3), ("100k", 100e3), ("300k", 300e3), ("1M", 1e6)];

/// Over the rate, without saturation; the cell at 100k has no result.
pub(crate) fn over_rate() -> SweepFile {
    let cells = RATES.map(|(text, rate)| {
        let mut result = result(rate, 100.0, 1);
        for row in &mut result.workloads[0].rows {
            row.runs.retain(|run| run.mode == Mode::Paced);
        }
        cell(&[text], Some(result).filter(|_| text != "100k"))
    });
    let values = RATES.map(|(text, rate)| (text, Some(rate)));
    sweep(vec![axis("rate", Unit::PerSecond, &values)], cells.into())
}

/// Over batch interval and parallelism; `topology` is INVALID in one cell.
fn over_interval_and_parallelism() -> SweepFile {
    let intervals = [("10ms", 10.0), ("100ms", 100.0)];
    let mut cells = Vec::new();
    for (text, ms) in intervals {
        for tasks in [1, 2, 4] {
            let mut result = result(10e3, ms, tasks);
            if (text, tasks) == ("10ms", 2) {
                let verdict = &mut result.workloads[0].rows[0].runs[1].verdict;
                (verdict.valid, verdict.wrong) = (false, 3);
            }
            cells.push(cell(&[text, &tasks.to_string()], Some(result)));
        }
    }
    let intervals = intervals.map(|(text, ms)| (text, Some(ms * 1e6)));
    let axes = vec![
        axis("batch-interval", Unit::Nanoseconds, &intervals),
        axis("parallelism", Unit::Count, &[("1", Some(1.0)), ("2", Some(2.0)), ("4", Some(4.0))]),
    ];
    sweep(axes, cells)
}

#[test]
fn terminals() {
    for columns in [80, 120] {
        for (name, sweep) in [("rate", over_rate()), ("interval", over_interval_and_parallelism())]
        {
            let text = render(&Curves::of(&sweep), columns, Colour::Plain);
            for line in text.lines() {
                assert!(line.chars().count() <= columns, "{line:?} exceeds {columns}");
            }
            insta::assert_snapshot!(format!("{name}-{columns}"), text);
        }
    }
}

#[test]
fn the_crossover_is_found_across_a_gap() {
    let pairs = crossover::crossovers(&Curves::of(&over_rate()));
    let sentences: Vec<String> = pairs.iter().map(crossover::Pair::sentence).collect();
    assert_eq!(
        sentences,
        ["microbatch 100ms overtakes topology between 300 k lines/s and 1 M lines/s: at 1 M \
             lines/s topology no longer keeps up and microbatch 100ms does (by 3 rounds: chance \
             is not ruled out; 4 rounds or more would do that)."]
    );
}

#[test]
fn the_loop_is_beaten_from_some_parallelism_on() {
    let findings = Findings::of(&Curves::of(&over_interval_and_parallelism()));
    assert_eq!(findings.against_loop.len(), 4);
    assert!(findings.against_loop[1].contains("microbatch beats"), "{:?}", findings.against_loop);
    assert!(findings.against_loop[1].contains("from parallelism 2 on (by 3 rounds"));
    // Of the cell at 2 nothing is known; at 4 it is ahead.
    assert!(
        findings.against_loop[0]
            .contains("topology beats the single-threaded loop from parallelism 4 on (")
    );
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed");
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.filter_map(|node| node.text().map(|text| text.trim().to_owned())).collect()
}

#[test]
fn charts_are_documents_with_harmless_names() {
    let names = |sweep: &SweepFile| -> Vec<String> {
        let drawn = charts(&Curves::of(sweep)).expect("charts");
        for chart in &drawn {
            let document = Document::parse(&chart.svg).expect("well-formed");
            assert_eq!(document.root_element().attribute("aria-label"), Some(chart.title.as_str()));
            assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"), "{}", chart.title);
        }
        drawn.into_iter().map(|chart| chart.file_name).collect()
    };
    assert_eq!(names(&over_rate()), ["sweep-latency-by-throughput.svg"]);
    insta::assert_snapshot!(names(&over_interval_and_parallelism()).join("\n"));
}

/// Markers of `topology`: discs of its colour.
fn marks(svg: &str) -> usize {
    svg.matches("<circle")
        .zip(svg.split("<circle").skip(1))
        .filter(|(_, rest)| {
            rest.split("/>").next().is_some_and(|circle| circle.contains("#0072B2"))
        })
        .count()
}

#[test]
fn a_row_that_does_not_count_is_a_gap() {
    let curves = Curves::of(&over_interval_and_parallelism());
    let drawn = charts(&curves).expect("charts");
    let of = |name: &str| {
        let found = drawn.iter().find(|chart| chart.file_name == name);
        &found.unwrap_or_else(|| panic!("{name}")).svg
    };
    // Of three cells at 10 ms one is INVALID; at 100 ms all count.
    assert_eq!(marks(of("sweep-throughput-by-parallelism-batch-interval-10ms.svg")), 2);
    assert_eq!(marks(of("sweep-throughput-by-parallelism-batch-interval-100ms.svg")), 3);
    let scaling = texts(of("sweep-throughput-by-parallelism-batch-interval-100ms.svg"));
    assert!(scaling.iter().any(|text| text == "COST: single loop"), "{scaling:?}");
    let floor = texts(of("sweep-latency-by-batch-interval-parallelism-1.svg"));
    // A floor of what waits for a batch: in the panel of micro-batch, and in no other.
    assert_eq!(floor.iter().filter(|text| *text == "half the interval").count(), 1, "{floor:?}");
    let invalid = curves.cells.iter().flat_map(|cell| &cell.rows);
    let invalid = invalid.filter(|row| matches!(row.state, State::Invalid(_))).count();
    assert_eq!(invalid, 1);
}

#[test]
fn the_table_has_every_cell() {
    let curves = Curves::of(&over_rate());
    let lines = table(&curves);
    assert_eq!(lines.len(), 7, "two rows in three cells, and a cell without a result");
    let gap = lines.iter().find(|line| line["rate"] == "100k").expect("the gap");
    assert_eq!([&gap["verdict"], &gap["reason"]], ["no result", "no thread to be had"]);
    let behind = lines.iter().filter(|line| line["verdict"] == "behind").count();
    assert_eq!(behind, 1);
    let first = &lines[0];
    assert_eq!([&first["rounds"], &first["confidence"]], ["3", "0.75"]);
}

/// The lines of the CSV, by the names of its columns.
fn table(curves: &Curves) -> Vec<BTreeMap<String, String>> {
    let text = csv(curves);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let lines = reader.deserialize();
    lines.map(|line| line.expect("a line as long as the head")).collect()
}

#[test]
fn a_page_says_it_all_and_loads_nothing() {
    for sweep in [over_rate(), over_interval_and_parallelism()] {
        let curves = Curves::of(&sweep);
        let text = html(&curves, &charts(&curves).expect("charts"));
        for sentence in Findings::of(&curves).crossovers {
            assert!(text.contains(&sentence), "{sentence}");
        }
        assert!(text.contains("<svg") && text.contains("Every cell"));
        assert!(!text.contains("<script") && !text.contains("src="));
    }
}

#[test]
fn a_document_goes_to_disk_and_comes_back() {
    let place = tempfile::tempdir().expect("a folder");
    for sweep in [over_interval_and_parallelism(), over_rate()] {
        let written = write_all(&sweep, place.path()).expect("written");
        let bytes = std::fs::read(&written.sweep).expect("read");
        assert!(parse(&bytes, &written.sweep).expect("a sweep") == sweep);
        assert_eq!(crate::kind_of(&bytes).as_deref(), Some(KIND));
        let left = std::fs::read_dir(place.path().join("charts")).expect("a folder").count();
        assert_eq!(left, written.charts.len(), "charts of the earlier sweep are gone");
    }
    let newer = br#"{"kind": "sweep", "schema_version": 999}"#;
    let error = parse(newer, Path::new("s.json")).expect_err("refused").to_string();
    assert!(error.contains("999"), "{error}");
}

/// A document can come from anybody.
#[test]
fn hostile_texts_are_shown_as_text() {
    let mut sweep = over_rate();
    let evil = "\u{1b}[31m<script>alert(1)</script>";
    sweep.workload = evil.to_owned();
    sweep.command = evil.to_owned();
    sweep.axes[0].setting = evil.to_owned();
    sweep.axes[0].values[0].text = evil.to_owned();
    sweep.cells[0].at = vec![evil.to_owned(), evil.to_owned()];
    sweep.cells[1].error = Some(evil.to_owned());
    sweep.cells[2].at.clear();
    sweep.cells[3].result = Some(testing::hostile());
    let curves = Curves::of(&sweep);
    let drawn = charts(&curves).expect("charts");
    assert!(!html(&curves, &drawn).contains("<script"));
    let shown = render(&curves, 80, Colour::Plain) + &csv(&curves);
    assert!(!shown.contains('\u{1b}'));
    for chart in drawn {
        Document::parse(&chart.svg).expect("well-formed");
    }
}

#[test]
fn every_field_is_documented() {
    let readme = include_str!("../../README.md");
    let part = readme.split_once("## `sweep.json`").expect("a part about sweeps").1;
    let value = serde_json::to_value(over_rate()).expect("json");
    let axis = &value["axes"][0];
    for object in [&value, axis, &axis["values"][0], &value["cells"][0]] {
        for field in object.as_object().expect("an object").keys() {
            assert!(part.contains(&format!("`{field}`")), "README.md does not mention `{field}`");
        }
    }
}

#[test]
fn a_noisy_machine_is_told_of() {
    let shown = |noise: f64| {
        let mut sweep = over_rate();
        let results = sweep.cells.iter_mut().filter_map(|cell| cell.result.as_mut());
        for fitness in results.filter_map(|result| result.environment.fitness.as_mut()) {
            fitness.noise = noise;
        }
        render(&Curves::of(&sweep), 100, Colour::Plain)
    };
    assert!(!shown(0.004).contains("weir doctor"));
    assert!(shown(0.05).contains("NOISY") && shown(0.05).contains("`weir doctor`"));
}
