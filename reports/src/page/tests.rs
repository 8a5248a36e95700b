//! The page stands alone, says everything, and lets nobody in.

use super::*;
use crate::chart;
use crate::testing;

fn page(result: &crate::schema::ResultFile) -> String {
    let summary = Summary::of(result);
    html(&summary, &chart::all(&summary).expect("charts"))
}

/// The page's elements without attributes and texts, charts cut out.
fn outline(page: &str) -> String {
    let mut out = String::new();
    let mut in_chart = false;
    for tag in page.split('<').skip(1) {
        let name: String = tag
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '/' || *c == '!')
            .collect();
        match name.as_str() {
            "svg" => in_chart = true,
            "/svg" => {
                in_chart = false;
                out.push_str("svg\n");
            }
            "h1" | "h2" | "h3" | "caption" if !in_chart => {
                let text = tag.split_once('>').map_or("", |(_, text)| text);
                out.extend([&name, ": ", text, "\n"]);
            }
            "html" | "head" | "style" | "body" | "main" | "section" | "table" | "dl" | "pre"
                if !in_chart =>
            {
                out.extend([&name, "\n"]);
            }
            _ => {}
        }
    }
    out
}

#[test]
fn structure() {
    insta::assert_snapshot!(outline(&page(&testing::example())));
}

#[test]
fn it_opens_with_the_answer_and_ends_with_how_to_repeat_it() {
    let result = testing::example();
    let page = page(&result);
    let answer = Answer::of(&Summary::of(&result));
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at(&answer.latency) < at("<table"));
    assert!(at(&answer.throughput) < at("<table"));
    at(&result.command);
    at("WEIR_BATCH_INTERVAL");
    at("<html lang=\"en\">");
    at("INVALID: not charted");
    at("fell behind schedule by");
    at("latency includes waiting");
}

#[test]
fn it_loads_nothing_and_runs_nothing() {
    for result in [testing::example(), testing::hostile()] {
        let page = page(&result);
        let namespace = "http://www.w3.org/2000/svg";
        let rest = page.replace(namespace, "");
        for forbidden in
            ["http://", "https://", "<script", "<link", "<img", "<iframe", "url(", "@import"]
        {
            assert!(!rest.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn a_hostile_file_is_shown_as_text() {
    let page = page(&testing::hostile());
    assert!(page.contains("&lt;script&gt;"));
    let bad = page.chars().find(|c| *c != '\n' && crate::text::is_hostile(*c));
    assert_eq!(bad, None);
    assert!(!page.contains("NaN"));
}

#[test]
fn every_table_cell_of_a_head_has_a_scope() {
    let page = page(&testing::example());
    for tag in page.split('<').filter(|tag| tag.starts_with("th ") || tag.starts_with("th>")) {
        assert!(tag.contains("scope=\""), "<{tag}");
    }
}
