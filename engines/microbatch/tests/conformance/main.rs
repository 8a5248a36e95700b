//! Runs the cases that were taken from Spark's suites or observed on Spark.
//!
//! `WEIR_CONFORMANCE` names another folder of case files. Per file it is printed how many cases passed,
//! failed and were skipped. A case that is not understood is a failure; `skips.rs` lists, with reasons,
//! the cases that do not apply.

mod functions;
mod kinds;
mod parts;
mod pipeline;
mod received;
mod records;
mod recovery;
mod recovery_files;
mod skips;
mod steps;
mod value;

use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// What runs cases: `None` where the kind is somebody else's.
type Runner = fn(kind: &str, case: &Json) -> Option<Result<(), String>>;

/// Asked in turn.
const RUNNERS: &[Runner] =
    &[pipeline::run, recovery::run, records::run, kinds::run, parts::run, received::run];

fn folder() -> PathBuf {
    std::env::var_os("WEIR_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases"),
        PathBuf::from,
    )
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
    elsewhere: usize,
}

fn run_case(case: &Json) -> Option<Result<(), String>> {
    let kind = case["kind"].as_str().unwrap_or_default();
    if let Some(result) = RUNNERS.iter().find_map(|runner| {
        let run = std::panic::AssertUnwindSafe(|| runner(kind, case));
        std::panic::catch_unwind(run).unwrap_or_else(|_| Some(Err("the runner panicked".into())))
    }) {
        return Some(result);
    }
    if skips::ELSEWHERE.contains(&kind) {
        None
    } else {
        Some(Err(format!("unknown kind {kind:?}")))
    }
}

#[test]
fn cases() {
    let folder = folder();
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    let only = std::env::var("WEIR_CASE").ok();
    let (mut failures, mut report) = (Vec::new(), String::new());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a case file");
        let json: Json = serde_json::from_str(&text).expect("JSON");
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let mut count = Count::default();
        for case in json["cases"].as_array().into_iter().flatten() {
            let case_name = case["name"].as_str().unwrap_or("without a name");
            if only.as_ref().is_some_and(|only| !case_name.contains(only.as_str())) {
                continue;
            }
            if skips::SKIPS.iter().any(|(skip, _)| *skip == case_name) {
                count.skipped += 1;
                continue;
            }
            match run_case(case) {
                None => count.elsewhere += 1,
                Some(Ok(())) => count.passed += 1,
                Some(Err(error)) => {
                    count.failed += 1;
                    failures.push(format!("{name}: {case_name}: {error}"));
                }
            }
        }
        let Count { passed, failed, skipped, elsewhere } = count;
        let line = format!(
            "{name}: {passed} passed, {failed} failed, {skipped} skipped, {elsewhere} elsewhere\n"
        );
        report.push_str(&line);
    }
    let mut out = std::io::stdout();
    let _ = std::io::Write::write_all(&mut out, report.as_bytes());
    assert!(failures.is_empty(), "{report}{}", failures.join("\n"));
}
