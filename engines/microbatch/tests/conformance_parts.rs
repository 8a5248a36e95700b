//! Executes the recorded cases of the parts under the streaming layer.

#[path = "conformance/parts.rs"]
mod parts;

use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases");
    std::env::var_os("WEIR_CONFORMANCE").map_or_else(own, PathBuf::from)
}

#[test]
fn recorded_cases_of_the_parts_hold() {
    let mut failures = Vec::new();
    let mut passed = 0;
    for entry in std::fs::read_dir(folder()).expect("the cases") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let suite: Value = serde_json::from_str(&text).expect("JSON");
        for case in suite["cases"].as_array().into_iter().flatten() {
            let kind = case["kind"].as_str().unwrap_or_default();
            match parts::run(kind, case) {
                Some(Ok(())) => passed += 1,
                Some(Err(why)) => {
                    failures.push(format!("{}: {}: {why}", path.display(), case["name"]))
                }
                None => {}
            }
        }
    }
    assert!(failures.is_empty(), "{passed} passed, failed:\n{}", failures.join("\n"));
    assert!(passed >= 200, "only {passed} cases were executed");
}
