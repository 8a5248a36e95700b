//! Tests that are named after cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The name of the test of a case: lower case, and an underscore for whatever lies between letters
/// and digits.
fn function_name(case: &str) -> String {
    let lower = case.to_lowercase();
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

/// The names of all tests under tests/ and src/.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["tests", "src"] {
        rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source file");
        // The attribute stands above what it is about.
        let mut test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                test = true;
            } else if let Some(rest) = line.strip_prefix("fn ") {
                let name = rest.split('(').next();
                names.extend(name.filter(|_| test).map(str::to_owned));
                test = false;
            }
        }
    }
    names
}

/// Whether a test is named after a case.
pub(crate) fn has_test(case: &str) -> bool {
    static TESTS: LazyLock<BTreeSet<String>> = LazyLock::new(tests);
    TESTS.contains(&function_name(case))
}
