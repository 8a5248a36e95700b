//! What is left of a case when one of its expectations is changed: it must fail. A runner that does not
//! look at what a case expects is found so.

use serde_json::{Value as Json, json};

/// Fields that say what is expected, besides those whose names begin with "expect".
const EXPECT: &[&str] = &[
    "await_termination",
    "callbacks",
    "failed_batch_indices",
    "message_gist",
    "messages",
    "observed",
    "output_times_ms",
    "properties",
    "returns",
    "rule",
    "stop_returns",
];

/// Fields inside of expectations that are left as they are: they explain, or name an error's class in
/// Java, or are as true when changed, as many other times are absent, too.
const LEFT: &[&str] =
    &["note", "type", "phase", "tolerance", "error_type", "generated_times_absent"];

/// How many changes of a case are tried.
const MOST: usize = 4;

/// Where a case says what it expects: pointers to numbers, texts, and what is empty.
fn places(json: &Json, path: &str, inside: bool, into: &mut Vec<String>) {
    match json {
        Json::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields.iter().filter(|(field, _)| !known(LEFT, field)) {
                let expects = field.starts_with("expect") && !field.ends_with("_note");
                let field_path = format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"));
                places(value, &field_path, inside || expects || known(EXPECT, field), into);
            }
        }
        Json::Array(all) if !all.is_empty() => {
            for (n, value) in all.iter().enumerate() {
                places(value, &format!("{path}/{n}"), inside, into);
            }
        }
        // What is logged where nothing fails is not looked at.
        Json::String(text) if text.starts_with("logWarning") => {}
        _ if inside => into.push(path.to_owned()),
        _ => {}
    }
}

fn known(fields: &[&str], field: &str) -> bool {
    fields.contains(&field)
}

/// Something else of the same kind.
fn other(value: &Json) -> Json {
    match value {
        Json::Null => json!(424_242),
        Json::Bool(flag) => json!(!flag),
        // By more than any tolerance.
        Json::Number(number) => match number.as_i64() {
            Some(number) => json!(number + number.abs() + 1),
            None => json!(number.as_f64().unwrap_or_default() * 2.0 + 1.0),
        },
        // What stands before a colon may be no more than a name.
        Json::String(text) => match text.split_once(": ") {
            Some((name, text)) => json!(format!("{name}: other {text}")),
            None => json!(format!("other {text}")),
        },
        Json::Array(_) => json!([424_242]),
        Json::Object(_) => json!({"424242": 424_242}),
    }
}

/// The case with one expectation changed, several times over: where, and the case.
pub(crate) fn changed(case: &Json) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    places(case, "", false, &mut all);
    let step = all.len().div_ceil(MOST).max(1);
    let changed = all.into_iter().step_by(step).map(|place| {
        let mut copy = case.clone();
        if let Some(value) = copy.pointer_mut(&place) {
            *value = other(value);
        }
        (place, copy)
    });
    changed.collect()
}
