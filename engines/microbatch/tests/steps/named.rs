//! Every case that is told as steps has a test that is named after it.

use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Cases that say nothing about this engine, and why.
const DO_NOT_APPLY: &[(&str, &str)] = &[
    ("receiver data deserialised in other executor", "there is one process"),
    (
        "from no conf + spark home / env",
        "there is no Spark installation, and executors are threads of the process, with its environment",
    ),
    ("null batch duration", "a Rust duration cannot be null"),
    (
        "both SparkContext and checkpoint null / non-existent checkpoint dir",
        "a context is never made from a checkpoint alone: recovery calls the set-up function",
    ),
    (
        "non-existent checkpoint dir",
        "a context is never made from a checkpoint alone: recovery calls the set-up function",
    ),
    (
        "DStream and generated RDD creation sites",
        "streams are named by operation, not by call site",
    ),
    ("driver host/port from checkpoint", "there are no ports"),
    ("ui port and blockmanager port", "there are no ports"),
];

/// Cases whose tests are still to be written. A name that has a test does not belong here.
const TO_BE_WRITTEN: &[&str] =
    &["recovery maintains rate controller", "stop only streaming context via conf"];

fn function_name(case: &str) -> String {
    let lower = case.to_lowercase().replace('\'', "");
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

/// The names of all functions under tests/ and src/.
fn functions() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["tests", "src"] {
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source file");
        let heads = text.lines().filter_map(|line| line.trim().strip_prefix("fn "));
        names.extend(heads.filter_map(|head| Some(head.split_once('(')?.0.to_owned())));
    }
    names
}

fn cases() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the case files") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        let json: Json = serde_json::from_str(&text).expect("JSON");
        let cases = json["cases"].as_array().into_iter().flatten();
        let steps = cases.filter(|case| case["kind"] == "steps");
        names.extend(steps.filter_map(|case| Some(case["name"].as_str()?.to_owned())));
    }
    names
}

#[test]
fn every_case_has_a_test() {
    let functions = functions();
    let applies = |name: &&String| DO_NOT_APPLY.iter().all(|(other, _)| other != *name);
    let all = cases();
    let missing: BTreeSet<&str> = all
        .iter()
        .filter(applies)
        .filter(|name| !functions.contains(&function_name(name)))
        .map(String::as_str)
        .collect();
    assert_eq!(missing, TO_BE_WRITTEN.iter().copied().collect());
}
