//! CONTRIBUTING promises that a workload is one file of at most 60 lines and one word.

use std::path::Path;

const PROMISED_LINES: usize = 60;

#[test]
fn the_worked_example_keeps_the_promise() {
    let workloads = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/src");
    let example = std::fs::read_to_string(workloads.join("top_words.rs")).expect("the example");
    let lines = example.lines().count();
    assert!(lines <= PROMISED_LINES, "top_words.rs has {lines} lines");
    let lib = std::fs::read_to_string(workloads.join("lib.rs")).expect("the registry");
    let (_, registry) = lib.split_once("\nregistry::registry!(").expect("the registry");
    let (names, _) = registry.split_once(");").expect("its end");
    assert!(names.split(',').any(|name| name.trim() == "TopWords"), "{names}");
    // `targets/tests/engines.rs` runs every workload of the registry on every engine.
    assert!(weir_workloads::NAMES.contains(&"top-words"));
}
