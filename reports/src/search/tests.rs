//! A search goes to disk and comes back, and is shown whole and harmless.

use super::schema::{
    Ceiling, Condition, Ending, Finding, Growth, KIND, Probe, Purpose, Rules, SEARCH_VERSION,
    SearchFile, SearchRow, Searched,
};
use super::*;
use crate::chart::search::{all, is_chart_name};
use crate::schema::{Percentiles, Verdict};
use crate::terminal::Colour;
use crate::{Document, load_document, parse_document, testing};
use proptest::prelude::*;
use std::path::Path;

fn probe(number: u32, rate_per_s: f64, finding: Finding) -> Probe {
    let behind = if finding == Finding::Growing { 0.08 } else { 0.0 };
    let p99_ns = if finding == Finding::Held { 1_200_000 } else { 61_000_000 };
    Probe {
        number,
        purpose: match number {
            1..=2 => Purpose::Ramp,
            3..=4 => Purpose::Bisect,
            5 => Purpose::Resolve,
            _ => Purpose::Confirm,
        },
        rate_per_s,
        achieved_per_s: rate_per_s * (1.0 - behind),
        records: (rate_per_s * 1.15) as u64,
        warm_up_s: 0.15,
        measured_s: 1.0,
        drain_s: 0.01,
        growth: Some(Growth {
            per_s: rate_per_s * behind,
            low_per_s: rate_per_s * (behind - 0.001),
            high_per_s: rate_per_s * (behind + 0.002),
            windows: 40,
            window_ms: 25.0,
            backlog: 120.0,
        }),
        latency: Some(Percentiles {
            count: rate_per_s as u64,
            min_ns: 20_000,
            mean_ns: 200_000.0,
            p50_ns: p99_ns / 10,
            p90_ns: p99_ns / 2,
            p99_ns,
            p999_ns: Some(p99_ns * 2),
            p9999_ns: Some(p99_ns * 3),
            max_ns: p99_ns * 4,
        }),
        steady: None,
        verdict: Verdict { valid: true, rows: 10_000, ..Verdict::default() },
        finding,
        why: "a reason".to_owned(),
        error: None,
    }
}

fn row(id: &str, engine: &str, ending: Ending, probes: Vec<Probe>) -> SearchRow {
    SearchRow {
        id: id.to_owned(),
        engine: engine.to_owned(),
        model: "record at a time".to_owned(),
        guarantee: "at least once".to_owned(),
        acking: Some(true),
        batch_interval_ms: None,
        queue_batch: Some(1),
        parallelism: 1,
        saturation_per_s: Some(1_000_000.0),
        ending,
        found_per_s: None,
        fails_per_s: None,
        confirmed: false,
        least_per_s: 195.3,
        notes: Vec::new(),
        measure: None,
        probes,
    }
}

fn found() -> SearchRow {
    let probes = [
        (800_000.0, Finding::Held),
        (1_021_000.0, Finding::Growing),
        (882_000.0, Finding::Held),
        (926_100.0, Finding::Missed),
        (882_000.0, Finding::Unclear),
        (882_000.0, Finding::Held),
        (926_100.0, Finding::Failed),
    ];
    let probes = (1..).zip(probes).map(|(n, (rate, finding))| probe(n, rate, finding)).collect();
    SearchRow {
        found_per_s: Some(882_000.0),
        fails_per_s: Some(926_100.0),
        confirmed: true,
        notes: vec!["1 of 7 probes failed or were given up".to_owned()],
        measure: Some("weir run word-count --engine=topology --rate=882000".to_owned()),
        ..row("topology", "topology", Ending::Found, probes)
    }
}

pub(crate) fn example() -> SearchFile {
    let result = testing::example();
    let batch = SearchRow {
        found_per_s: Some(5e6),
        batch_interval_ms: Some(100.0),
        ..row(
            "microbatch 100ms",
            "microbatch",
            Ending::HoldsAtMost,
            vec![probe(1, 5e6, Finding::Held)],
        )
    };
    let failed = SearchRow {
        notes: vec!["the run at saturation failed: a bolt panicked".to_owned()],
        ..row("topology no-ack", "topology", Ending::Failed, Vec::new())
    };
    let none = vec![probe(1, 800.0, Finding::Growing), probe(2, 195.3, Finding::Missed)];
    SearchFile {
        schema_version: SEARCH_VERSION,
        kind: KIND.to_owned(),
        weir_version: result.weir_version,
        created: result.created,
        command: "weir search word-count '--slo=p99<50ms'".to_owned(),
        seed: 42,
        environment: result.environment,
        settings: result.settings,
        workload: Searched {
            name: "word-count".to_owned(),
            summary: "counts words".to_owned(),
            record: "lines of 10 words".to_owned(),
            input: "generated lines".to_owned(),
        },
        level: vec![Condition {
            figure: "p99".to_owned(),
            inclusive: false,
            bound_ns: 50_000_000,
            text: "p99<50ms".to_owned(),
        }],
        rules: Rules {
            resolution: 0.05,
            confirm: 3,
            confidence: 0.95,
            growth_share: 0.01,
            most_probes: 40,
        },
        ceiling: Ceiling {
            null_saturation_per_s: Some(4e7),
            null_paced_per_s: Some(2e7),
            most_per_s: 1.4e7,
            asked_for: false,
        },
        rows: vec![
            found(),
            batch,
            row("topology batch 1000", "topology", Ending::NothingHolds, none),
            failed,
        ],
    }
}

/// Texts that command, and numbers that are none of this world.
fn hostile() -> SearchFile {
    let evil = "\u{1b}[2J<script>alert(1)</script>\u{202e}\n]]>".to_owned();
    let mut search = example();
    search.workload.name.clone_from(&evil);
    search.workload.record.clone_from(&evil);
    search.command.clone_from(&evil);
    search.level[0].text.clone_from(&evil);
    search.level[0].figure.clone_from(&evil);
    for row in &mut search.rows {
        row.id.push_str(&evil);
        row.guarantee.clone_from(&evil);
        row.notes = vec![evil.clone()];
        row.measure = Some(evil.clone());
        for (probe, rate) in row.probes.iter_mut().zip([1e300, 0.0, -1.0, 1e-300]) {
            (probe.rate_per_s, probe.achieved_per_s, probe.number) = (rate, rate, u32::MAX);
            probe.why.clone_from(&evil);
        }
    }
    search.rows[0].found_per_s = Some(-5.0);
    search
}

#[test]
fn on_a_terminal() {
    for columns in [80, 120] {
        let text = render(&example(), columns, Colour::Plain);
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        insta::assert_snapshot!(format!("at_{columns}_columns"), text);
    }
}

#[test]
fn every_ending_is_said_in_a_sentence() {
    let search = example();
    let mut said = Vec::new();
    for ending in [
        Ending::Found,
        Ending::HoldsAtMost,
        Ending::NothingHolds,
        Ending::Inconclusive,
        Ending::WrongOutput,
        Ending::Failed,
    ] {
        said.push(answer(&search, &SearchRow { ending, ..found() }));
    }
    let mut asked = search.clone();
    asked.ceiling.asked_for = true;
    said.push(answer(&asked, &SearchRow { ending: Ending::HoldsAtMost, ..found() }));
    said.push(answer(&search, &SearchRow { confirmed: false, ..found() }));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn it_comes_back_as_it_was_and_is_told_from_a_result_of_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    for search in [example(), hostile()] {
        let left = write_search(&search, folder.path()).expect("written");
        let found = load_document(&left.data).expect("read");
        assert!(found == Document::Search(Box::new(search)), "not as it was");
        let json = std::fs::read_to_string(&left.data).expect("text");
        assert!(!json.chars().any(|c| c != '\n' && crate::text::is_hostile(c)));
        let drawn = std::fs::read_dir(folder.path().join("charts")).expect("charts").count();
        assert_eq!(drawn, left.charts.len(), "charts of an earlier search are gone");
    }
    let path = folder.path().join("result.json");
    crate::save(&testing::example(), &path).expect("written");
    assert!(matches!(load_document(&path), Ok(Document::Runs(_))));
    let refused = crate::load(&folder.path().join("search.json")).expect_err("no result of runs");
    assert!(refused.to_string().contains("search.json"), "{refused}");
}

#[test]
fn what_is_no_search_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("search.json");
    save_search(&example(), &path).expect("written");
    let whole = std::fs::read_to_string(&path).expect("text");
    for (content, part) in [
        (whole.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1), "schema version 2"),
        (whole.replacen("\"schema_version\": 1", "\"schema_version\": 0", 1), "version 0"),
        (whole.replace("\"probes\"", "\"proofs\""), "missing field `probes`"),
        (whole.replace("\"holds_at_most\"", "\"soon\""), "soon"),
        (whole[..whole.len() / 2].to_owned(), "complete"),
    ] {
        let message = parse_document(content.as_bytes(), &path).expect_err("refused").to_string();
        assert!(message.contains(part) && message.contains("search.json"), "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    let more = whole.replacen('{', "{\"added_later\": [1, {}],", 1);
    let read = parse_document(more.as_bytes(), &path).expect("read");
    assert_eq!(read, Document::Search(Box::new(example())));
    let mut bad = example();
    bad.rows[0].least_per_s = f64::NAN;
    save_search(&bad, &path).expect_err("not written");
    assert_eq!(std::fs::read_to_string(&path).expect("text"), whole, "the old one stays");
}

#[test]
fn every_field_is_documented() {
    let readme = include_str!("../../README.md");
    let json = serde_json::to_value(example()).expect("json");
    let mut fields = Vec::new();
    collect(&json, &mut fields);
    assert!(fields.len() > 100, "{}", fields.len());
    for field in fields {
        assert!(readme.contains(&format!("`{field}`")), "README.md does not mention `{field}`");
    }
}

fn collect(value: &serde_json::Value, fields: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                fields.push(name.clone());
                collect(value, fields);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, fields)),
        _ => {}
    }
}

#[test]
fn charts_are_well_formed_and_draw_only_numbers() {
    for search in [example(), hostile()] {
        let charts = all(&search).expect("charts");
        for chart in &charts {
            let document = roxmltree::Document::parse(&chart.svg).expect("well-formed");
            assert_eq!(document.root_element().attribute("role"), Some("img"));
            assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"));
            assert!(is_chart_name(&chart.file_name), "{}", chart.file_name);
            assert!(!chart.file_name.contains(['/', '<', '\u{1b}']));
        }
    }
    let names: Vec<String> =
        all(&example()).expect("charts").into_iter().map(|chart| chart.file_name).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for other in
        ["word-count-throughput.svg", "search-1-topology.svg", "search.svg", "search-x-trace.png"]
    {
        assert!(!is_chart_name(other), "{other}");
    }
}

#[test]
fn the_trace_shows_each_probe_once_and_the_boundary() {
    let charts = all(&example()).expect("charts");
    let document = roxmltree::Document::parse(&charts[0].svg).expect("well-formed");
    let count = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
    // Three discs that hold, and a ring of two.
    assert_eq!(count("circle"), 5);
    let texts: Vec<&str> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text().map(str::trim))
        .collect();
    for text in ["sustained 882 k/s", "fails 926 k/s"] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
}

#[test]
fn the_page_loads_nothing_and_shows_texts_as_texts() {
    for search in [example(), hostile()] {
        let page = html(&search, &all(&search).expect("charts"));
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        for forbidden in ["http://", "https://", "<script", "<link", "<img", "url(", "@import"] {
            assert!(!rest.contains(forbidden), "{forbidden}");
        }
        assert!(!page.chars().any(|c| c != '\n' && crate::text::is_hostile(c)));
        assert!(!page.contains("NaN"));
        let heads = page.split('<').filter(|tag| tag.starts_with("th ") || tag.starts_with("th>"));
        for tag in heads {
            assert!(tag.contains("scope=\""), "<{tag}");
        }
    }
    let page = html(&example(), &all(&example()).expect("charts"));
    assert!(page.contains("weir run word-count --engine=topology --rate=882000"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_document(&bytes, Path::new("x"));
    }

    #[test]
    fn any_text_and_rate_is_shown(text: String, rate: f64, columns in 0usize..150) {
        let mut search = example();
        search.workload.record.clone_from(&text);
        search.rows[0].id = text;
        search.rows[0].probes[0].rate_per_s = rate;
        search.rows[0].found_per_s = Some(rate);
        let shown = render(&search, columns, Colour::Plain);
        let most = columns.max(crate::terminal::MIN_COLUMNS);
        for line in shown.lines() {
            prop_assert!(crate::text::width(line) <= most, "{line:?}");
        }
        let drawn = all(&search).expect("charts");
        prop_assert!(!html(&search, &drawn).contains("NaN"));
    }
}

#[test]
fn a_noisy_machine_is_told_of() {
    let shown = |noise: f64| {
        let mut search = example();
        search.environment.fitness.as_mut().expect("the example's").noise = noise;
        render(&search, 100, Colour::Plain)
    };
    assert!(!shown(0.004).contains("weir doctor"));
    assert!(shown(0.05).contains("NOISY") && shown(0.05).contains("`weir doctor`"));
}
