//! Cases that are told as steps, in prose: each has a test that is named after it.

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The name of the test of a case: lower case, and an underscore for whatever lies between letters
/// and digits.
pub(crate) fn function_name(case: &str) -> String {
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

/// The names of all tests under tests/ and src/ that are not ignored.
pub(crate) fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["tests", "src"] {
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source file");
        // Attributes stand above what they are about.
        let (mut test, mut ignored) = (false, false);
        for line in text.lines().map(str::trim) {
            match line {
                "#[test]" => (test, ignored) = (true, false),
                _ if line.starts_with(concat!("#[", "ignore")) => ignored = true,
                _ if line.starts_with("fn ") => {
                    let name = line.trim_start_matches("fn ").split('(').next();
                    names.extend(name.filter(|_| test && !ignored).map(str::to_owned));
                    test = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// Our copy of the cases that are told as steps, by name.
pub(crate) fn copies() -> BTreeMap<String, Vec<Json>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases");
    let mut found: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the case files") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        let json: Json = serde_json::from_str(&text).expect("JSON");
        for case in json["cases"].as_array().into_iter().flatten() {
            if let ("steps", Some(name)) =
                (case["kind"].as_str().unwrap_or_default(), case["name"].as_str())
            {
                found.entry(name.to_owned()).or_default().push(case.clone());
            }
        }
    }
    found
}

/// Whether a case has a test, and is the case that the test was written for.
pub(crate) fn covers(case: &Json) -> bool {
    static TESTS: LazyLock<BTreeSet<String>> = LazyLock::new(tests);
    static COPIES: LazyLock<BTreeMap<String, Vec<Json>>> = LazyLock::new(copies);
    let name = case["name"].as_str().unwrap_or_default();
    let told = |case: &Json| {
        let mut fields = case.as_object().cloned().unwrap_or_default();
        fields.retain(|field, _| !["source", "note"].contains(&field.as_str()));
        fields
    };
    let same = COPIES.get(name).is_some_and(|all| all.iter().any(|copy| told(copy) == told(case)));
    same && TESTS.contains(&function_name(name))
}
