//! What is left of a case when one of its expectations is changed: it must fail. A runner that does not
//! look at what a case expects is found so.

use serde_json::{Value as Json, json};

/// Fields that say what is expected, wherever they stand in a case of an area; those of [`ANYWHERE`]
/// do in every case.
const EXPECT: &[(&str, &[&str])] = &[
    ("acking", &["expect_acks"]),
    ("jcqueue_backpressure", &["batch_size", "try_publish"]),
    ("key_value_state", &["error", "ret", "view"]),
    ("rotating_map", &["expired_sorted", "ret", "size"]),
    ("timeouts_ticks", &["acked", "failed", "not_failed", "ticks_at_least"]),
    ("trident", &["ret", "result"]),
    ("watermark_generator", &["on_time", "watermark"]),
    ("windows_differential", &["out"]),
];

const ANYWHERE: &[&str] = &["expected", "expect"];

/// Fields inside of expectations that are left as they are: they explain, or say how exactly the
/// others are meant, or what led to them.
const LEFT: &[&str] = &["load", "margin", "note", "reason"];

/// How many changes of a case are tried.
const MOST: usize = 4;

/// Where a case says what it expects: pointers to numbers, texts, and what is empty.
fn places(area: &str, json: &Json, path: &str, inside: bool, into: &mut Vec<String>) {
    match json {
        // An error is expected, of whatever class.
        Json::Object(fields) if inside && fields.get("error").is_some_and(Json::is_string) => {
            into.push(path.to_owned());
            if fields.contains_key("message") {
                into.push(format!("{path}/message"));
            }
        }
        Json::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields.iter().filter(|(field, _)| !LEFT.contains(&&***field)) {
                let path = format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"));
                places(area, value, &path, inside || expects(area, field), into);
            }
        }
        Json::Array(all) if !all.is_empty() => {
            for (n, value) in all.iter().enumerate() {
                places(area, value, &format!("{path}/{n}"), inside, into);
            }
        }
        _ if inside => into.push(path.to_owned()),
        _ => {}
    }
}

fn expects(area: &str, field: &str) -> bool {
    let of_area = EXPECT.iter().filter(|(of, _)| *of == area).flat_map(|(_, fields)| *fields);
    ANYWHERE.iter().chain(of_area).any(|known| *known == field)
}

/// Something else of the same kind.
fn other(place: &str, value: &Json) -> Json {
    match value {
        Json::Null => json!(424_242),
        Json::Bool(flag) => json!(!flag),
        // What is a limit is changed so that it is broken; all else by more than any tolerance.
        Json::Number(_) if place.ends_with("max") => json!(-1),
        Json::Number(number) => match number.as_i64() {
            Some(number) => json!(number + number.abs() + 1),
            None => json!(number.as_f64().unwrap_or_default() * 2.0 + 1.0),
        },
        Json::String(text) => json!(format!("other {text}")),
        Json::Array(_) => json!([424_242]),
        Json::Object(fields) if fields.is_empty() => json!({"424242": 424_242}),
        // An error.
        Json::Object(_) => json!("no error"),
    }
}

/// The case with one expectation changed, several times over: where, and the case.
pub(crate) fn changed(area: &str, case: &Json) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    places(area, case, "", false, &mut all);
    let step = all.len().div_ceil(MOST).max(1);
    let changed = all.into_iter().step_by(step).map(|place| {
        let mut copy = case.clone();
        if let Some(value) = copy.pointer_mut(&place) {
            *value = other(&place, value);
        }
        (place, copy)
    });
    changed.collect()
}
