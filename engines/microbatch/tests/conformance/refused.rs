//! Cases that cannot be understood: each must fail, and say what it is that is not known.

use crate::case::equal;
use crate::{execute, functions};
use serde_json::{Value as Json, json};

/// A pipeline that is understood, and passes.
fn good() -> Json {
    json!({
        "name": "a pipeline", "kind": "pipeline", "batch_ms": 1000, "input": [[1]], "num_batches": 1,
        "params": {"pipeline": [{"op": "map", "fn": "plus4"}]}, "expected": [[5]],
    })
}

/// The good case, with one thing put in another's place, and what the failure must speak of.
fn changes() -> Vec<(&'static str, Json, &'static str)> {
    vec![
        ("/params/pipeline/0/fn", json!("plus5"), "plus5"),
        ("/params/pipeline/0/op", json!("mapp"), "mapp"),
        ("/params/pipeline/0", json!({"op": "map"}), "fn"),
        ("/params/pipeline/0", json!({"op": "map", "fn": "plus4", "num_slices": 3}), "num_slices"),
        ("/params/pipeline/0", json!({"op": "window", "slide_ms": 1000}), "window_ms"),
        ("/params/pipeline/0", json!({"op": "window", "window_ms": "1s"}), "window_ms"),
        ("/params/pipeline/0", json!({"op": "persist", "level": "ON_PAPER"}), "ON_PAPER"),
        (
            "/params/pipeline/0",
            json!({"op": "union", "with": {"from": "input3", "steps": []}}),
            "input3",
        ),
        ("/params/pipeline/0", json!({"op": "transform", "fn": "rdd_magic"}), "rdd_magic"),
        ("/params/pipeline/0", json!({"op": "mapWithState", "fn": "0=explode"}), "0=explode"),
        ("/params", json!({"pipeline": [], "speed": 3}), "speed"),
        ("/input", Json::Null, "input"),
        ("/input", json!([[1.5]]), "1.5"),
        ("/input", json!([["one"]]), "one"),
        ("/num_batches", Json::Null, "num_batches"),
        ("/batch_ms", json!(0), "batch interval"),
        ("/expected", Json::Null, "expects nothing"),
        ("/expected", json!([5]), "rows"),
        ("/kind", json!("pipe"), "unknown kind"),
    ]
}

/// Cases of other kinds, with a word in them that nobody knows.
fn unknown_words() -> Vec<(Json, &'static str)> {
    vec![
        (
            json!({"kind": "lifecycle_observed", "name": "lifecycle observed - sleep after start",
            "expect": "ok", "observed": "()"}),
            "sleep",
        ),
        (json!({"kind": "wal", "expected": "readAll is fast"}), "readAll is fast"),
        (json!({"kind": "wal", "params": {"variant": "Paper"}, "expected": "order kept"}), "Paper"),
        (json!({"kind": "config", "expected": "driver: FileBased"}), "a case"),
        (json!({"kind": "rule", "rule": "initial getLatestRate = -1; rates are nice"}), "nice"),
        (json!({"kind": "block_tracker", "steps": [{"do": "add b1; shuffle"}]}), "shuffle"),
        (
            json!({"kind": "block_tracker", "steps": [{"do": "add b1", "expect": {"colour": 1}}]}),
            "colour",
        ),
        (
            json!({"kind": "block_generator", "block_interval_ms": 5, "steps": [{"do": "dance"}]}),
            "dance",
        ),
        (json!({"kind": "file_stream", "batch_ms": 5, "events": ["set fire"]}), "set fire"),
        (
            json!({"kind": "state_object", "steps": [{"do": "double(2)", "expect": {}}]}),
            "double(2)",
        ),
        (
            json!({"kind": "progress_listener", "steps": [{"event": "batchLost(t=3)", "expect": {}}]}),
            "batchLost",
        ),
        (
            json!({"kind": "queue_transform", "batch_ms": 5, "queues": [[[1]]], "transform": "rdd4"}),
            "rdd4",
        ),
        (
            json!({"kind": "slice_observed", "params": {"batch_ms": 5, "zero_time_ms": 0, "from_ms": 0,
            "to_ms": 5, "stream": "door(1,2)"}, "expected_rdds": []}),
            "door(1,2)",
        ),
        (
            json!({"kind": "formula", "type": "time", "op": "square", "args": [1], "expected": 1}),
            "square",
        ),
        (
            json!({"kind": "formula", "type": "time", "op": "plus", "args": [1], "expected": 1}),
            "argument 2",
        ),
        (json!({"kind": "state_map", "map": "m", "steps": [{"push": [1, 2, 3]}]}), "push"),
        (
            json!({"kind": "timer_sequence", "period_ms": 5, "start_at_ms": 0,
            "steps": [{"clock": 0, "sounds": 1}]}),
            "sounds",
        ),
    ]
}

fn fails(case: &Json, word: &str) -> Result<(), String> {
    match execute(case) {
        Some(Err(error)) if error.contains(word) => Ok(()),
        None if word == "unknown kind" => Ok(()),
        other => Err(format!("{case}: {other:?}, which does not speak of {word:?}")),
    }
}

/// The case files that explain the others name the functions that cases may use.
#[test]
fn functions_of_the_glossary_are_known() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/cases/README.json");
    let text = std::fs::read_to_string(path).expect("the glossary");
    let glossary: Json = serde_json::from_str(&text).expect("JSON");
    let kinds = glossary["functions"].as_object().expect("functions");
    let mut unknown = Vec::new();
    for (kind, functions) in kinds {
        for name in functions.as_object().expect("functions").keys() {
            let known = match kind.split('(').next().unwrap_or_default() {
                "map" => functions::map(name).is_ok(),
                "flatMap" => functions::flat_map(name).is_ok(),
                "filter" => functions::filter(name).is_ok(),
                "mapPartitions" => functions::map_partitions(name).is_ok(),
                "reduce" => functions::reduce(name).is_ok(),
                "updateStateByKey" => functions::update(name).is_ok(),
                "mapWithState" => functions::map_state(name).is_ok(),
                // Of RDDs: those that cases use are run.
                "rdd" => true,
                _ => false,
            };
            if !known {
                unknown.push(format!("{kind}: {name}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn what_is_not_understood_fails() {
    assert_eq!(execute(&good()), Some(Ok(())));
    let mut wrong = Vec::new();
    for (place, value, word) in changes() {
        let mut case = good();
        *case.pointer_mut(place).expect("a place in the case") = value;
        wrong.extend(fails(&case, word).err());
    }
    for (mut case, word) in unknown_words() {
        if case["name"].is_null() {
            case["name"] = json!("a case");
        }
        wrong.extend(fails(&case, word).err());
    }
    assert_eq!(equal("wrong", &wrong, &Vec::new()), Ok(()));
}
