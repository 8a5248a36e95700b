//! Charts are documents that any reader takes, and draw only what may be drawn.

use super::*;
use crate::testing;
use roxmltree::Document;

/// Charts in which rows are mixed: there is one panel of everything.
fn charts(result: &crate::schema::ResultFile) -> Vec<Chart> {
    all(&Summary { allow_mixed: true, ..Summary::of(result) }).expect("charts")
}

fn panels(result: &crate::schema::ResultFile) -> Vec<Chart> {
    all(&Summary::of(result)).expect("charts")
}

/// Texts that are no ticks, in order.
fn words(chart: &Chart) -> String {
    let texts = texts(&chart.svg);
    let words = texts.into_iter().filter(|text| text.chars().any(|c| c.is_ascii_lowercase()));
    words.filter(|text| text.len() > 9).collect::<Vec<_>>().join("\n")
}

#[test]
fn rows_of_different_labels_are_not_drawn_into_one_panel() {
    let result = testing::example();
    for chart in panels(&result) {
        let document = Document::parse(&chart.svg).expect("well-formed");
        let of_labels = document.root_element().children().filter(|node| node.has_tag_name("svg"));
        let mut seen = 0;
        for panel in of_labels {
            seen += 1;
            let texts = panel.descendants().filter_map(|node| node.text());
            let texts: Vec<&str> = texts.map(str::trim).collect();
            let rows = &result.workloads[chart.workload].rows;
            let drawn = rows.iter().filter(|row| {
                let behind = format!("{} (behind)", row.id);
                texts.iter().any(|text| *text == row.id || *text == behind)
            });
            let mut guarantees: Vec<&str> = drawn.map(|row| row.guarantee.as_str()).collect();
            guarantees.dedup();
            assert!(guarantees.len() <= 1, "{}: {guarantees:?}", chart.title);
        }
        assert!(seen > 0, "{}", chart.title);
        assert!(words(&chart).contains("--allow-mixed"), "{}", chart.title);
    }
    for chart in charts(&result) {
        assert!(words(&chart).contains("Mixed: the rows do different work"), "{}", chart.title);
    }
}

#[test]
fn rows_of_one_label_need_no_note() {
    let mut result = testing::example();
    result.workloads.iter_mut().for_each(|workload| {
        workload.rows.retain(|row| row.guarantee == "exactly once");
    });
    for chart in panels(&result) {
        assert!(!chart.svg.contains("allow-mixed") && !chart.svg.contains("Mixed"));
    }
}

#[test]
fn what_panels_say() {
    let (apart, mixed) = (panels(&testing::example()), charts(&testing::example()));
    insta::assert_snapshot!(format!("{}\n\n{}", words(&apart[0]), words(&mixed[0])));
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed");
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.filter_map(|node| node.text().map(|text| text.trim().to_owned())).collect()
}

#[test]
fn every_chart_is_well_formed_sized_and_titled() {
    for result in [testing::example(), testing::hostile()] {
        let charts = charts(&result);
        assert!(charts.len() > 8, "{}", charts.len());
        for chart in &charts {
            let document = Document::parse(&chart.svg).expect("well-formed");
            let root = document.root_element();
            assert!(root.has_tag_name("svg"));
            assert_eq!(
                (root.attribute("role"), root.attribute("width")),
                (Some("img"), Some("760"))
            );
            assert_eq!(root.attribute("aria-label"), Some(chart.title.as_str()));
            let title = root.children().find(|node| node.has_tag_name("title"));
            assert_eq!(title.and_then(|node| node.text()), Some(chart.title.as_str()));
            assert!(!document.descendants().any(|node| node.has_tag_name("script")));
            assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"), "{}", chart.title);
        }
    }
}

#[test]
fn file_names_are_harmless_and_unique() {
    let mut hostile = testing::hostile();
    let twin = hostile.workloads[0].clone();
    hostile.workloads.push(twin);
    let mut names: Vec<String> =
        charts(&hostile).into_iter().map(|chart| chart.file_name).collect();
    let count = names.len();
    for name in &names {
        let stem = name.strip_suffix(".svg").expect("svg");
        assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{name}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn which_charts_there_are() {
    let names: Vec<String> = charts(&testing::example()).into_iter().map(|c| c.file_name).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn a_row_without_numbers_is_named_and_not_drawn() {
    let charts = charts(&testing::example());
    let of = |name: &str| {
        let chart = charts.iter().find(|chart| chart.file_name == name).expect(name);
        texts(&chart.svg)
    };
    let bars = of("stateful-throughput.svg");
    assert!(bars.iter().any(|text| text == "INVALID: not charted"), "{bars:?}");
    assert!(bars.iter().any(|text| text == "FAILED: not charted"));
    assert_eq!(bars.iter().filter(|text| text.ends_with(" k") || text.ends_with(" M")).count(), 5);
    let curves = of("stateful-latency-percentiles.svg");
    assert!(!curves.iter().any(|text| text == "microbatch 10ms"), "{curves:?}");
    assert!(curves.iter().any(|text| text == "microbatch 100ms"));
}

#[test]
fn engines_have_their_colours_in_every_chart() {
    for chart in charts(&testing::example()) {
        let document = Document::parse(&chart.svg).expect("well-formed");
        let names = document.descendants().filter(|node| node.has_tag_name("text"));
        // The note of a chart names rows too.
        let in_panel = |node: &roxmltree::Node<'_, '_>| {
            node.ancestors().filter(|above| above.has_tag_name("svg")).count() > 1
        };
        for name in names.filter(in_panel) {
            let colour = match name.text().map(str::trim) {
                Some(text) if text.starts_with("topology") || text.starts_with("p50 topology") => {
                    "#0072B2"
                }
                Some(text) if text.starts_with("microbatch ") => "#D55E00",
                _ => continue,
            };
            assert_eq!(name.attribute("fill"), Some(colour), "{}", chart.title);
        }
    }
}

#[test]
fn nothing_measured_draws_nothing() {
    let mut result = testing::example();
    for row in result.workloads.iter_mut().flat_map(|workload| &mut workload.rows) {
        row.runs.clear();
    }
    assert!(charts(&result).is_empty());
}
