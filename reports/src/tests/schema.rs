//! The JSON schemas in `reports/schema` are those of the types, and say what the reader says.
//!
//! After a change of the types: `WEIR_WRITE_SCHEMA=1 cargo test -p weir-reports --lib schemas_in`.

use crate::schema::ResultFile;
use crate::search::schema::SearchFile;
use crate::sweep::schema::SweepFile;
use crate::{search, sweep, testing};
use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(format!("{name}.schema.json"))
}

/// The unit that a field's name ends in. The longer endings come first.
const UNITS: [(&str, &str); 5] = [
    ("per_s", "records per second"),
    ("_ns", "nanoseconds"),
    ("_ms", "milliseconds"),
    ("_s", "seconds"),
    ("_bytes", "bytes"),
];

/// Links of the documentation lead nowhere in a schema; units are said apart.
fn polish(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace("[`", "`").replace("`]", "`");
    }
    if let Some(Value::Object(fields)) = schema.get_mut("properties") {
        for (name, field) in fields {
            let unit = UNITS.iter().find(|(ending, _)| name.ends_with(ending));
            if let (Some((_, unit)), Value::Object(field)) = (unit, field) {
                field.insert("x-unit".to_owned(), json!(unit));
            }
        }
    }
}

fn of<T: JsonSchema>(name: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    RecursiveTransform(polish).transform(&mut schema);
    schema.insert("title".to_owned(), json!(format!("{name}.json of weir")));
    schema.to_value()
}

fn all() -> [(&'static str, Value); 3] {
    [
        ("result", of::<ResultFile>("result")),
        ("search", of::<SearchFile>("search")),
        ("sweep", of::<SweepFile>("sweep")),
    ]
}

/// The validator of `reports/schema/NAME.schema.json`.
pub(super) fn validator(name: &str) -> Validator {
    let text = std::fs::read_to_string(path(name)).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("a schema of draft 2020-12");
    jsonschema::draft202012::new(&schema).expect("a schema")
}

/// What a document does not meet, one line each.
pub(super) fn faults(validator: &Validator, document: &Value) -> Vec<String> {
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schemas_in_the_project_are_those_of_the_types() {
    for (name, schema) in all() {
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        if std::env::var_os("WEIR_WRITE_SCHEMA").is_some() {
            crate::write_whole(&path(name), text.as_bytes()).expect("written");
        }
        let there = std::fs::read_to_string(path(name)).unwrap_or_default();
        assert!(
            there.replace("\r\n", "\n") == text,
            "reports/schema/{name}.schema.json is not of these types: \
             WEIR_WRITE_SCHEMA=1 cargo test -p weir-reports --lib schemas_in"
        );
    }
}

#[test]
fn every_field_has_a_description_and_times_have_a_unit() {
    fn visit(at: &str, value: &Value, seen: &mut usize) {
        if let Some(Value::Object(fields)) = value.get("properties") {
            for (name, field) in fields {
                *seen += 1;
                let text = field["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty() && !text.contains("[`"), "{at}.{name}: {text:?}");
                let has_unit = ["_s", "_ms", "_ns", "_bytes"].iter().any(|u| name.ends_with(u));
                assert_eq!(field.get("x-unit").is_some(), has_unit, "{at}.{name}");
            }
        }
        if let Value::Object(parts) = value {
            parts.iter().for_each(|(name, part)| visit(&format!("{at}.{name}"), part, seen));
        }
    }
    for (name, schema) in all() {
        let mut seen = 0;
        visit(name, &schema, &mut seen);
        assert!(seen > 80, "{name}: {seen} fields");
    }
}

fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("JSON")
}

#[test]
fn what_weir_writes_meets_its_schema() {
    for (name, document) in [
        ("result", value(&testing::example())),
        ("result", value(&testing::hostile())),
        ("search", value(&search::tests::example())),
        ("sweep", value(&sweep::tests::over_rate())),
    ] {
        assert_eq!(faults(&validator(name), &document), Vec::<String>::new(), "{name}");
    }
}

/// Where every value of a document is, that of the first of each list only: the others are like it.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push(at.clone());
                places(value, &at, found);
            }
        }
        Value::Array(values) => {
            if let Some(first) = values.first() {
                found.push(format!("{at}/0"));
                places(first, &format!("{at}/0"), found);
            }
        }
        _ => {}
    }
}

/// Every value gone, and replaced by one of another type: the schema refuses it if and only if the
/// reader does.
fn agree(name: &str, document: &Value, reads: impl Fn(&[u8]) -> bool) {
    let validator = validator(name);
    let mut found = Vec::new();
    places(document, "", &mut found);
    assert!(found.len() > 80, "{name}: {} places", found.len());
    let mut refused = 0;
    let mut check = |what: &str, damaged: &Value| {
        let (read, valid) = (reads(damaged.to_string().as_bytes()), validator.is_valid(damaged));
        assert_eq!(read, valid, "{name} with {what}");
        refused += usize::from(!read);
    };
    check("nothing changed", document);
    let others = [json!(null), json!("text"), json!(-1), json!(1.5), json!([{}]), json!({"a": {}})];
    for place in &found {
        for other in &others {
            // A version or a kind of another document is another matter than its form.
            if ["/schema_version", "/kind"].contains(&place.as_str()) && !other.is_array() {
                continue;
            }
            let mut damaged = document.clone();
            *damaged.pointer_mut(place).expect("a place") = other.clone();
            check(&format!("{place} = {other}"), &damaged);
        }
        let (parent, own) = place.rsplit_once('/').expect("a place");
        let mut damaged = document.clone();
        if let Some(Value::Object(fields)) = damaged.pointer_mut(parent) {
            fields.remove(own);
            check(&format!("no {place}"), &damaged);
        }
    }
    assert!(refused > 300, "{name}: only {refused} refused");
}

/// Without all that is like something else in it.
pub(super) fn small(mut result: ResultFile) -> ResultFile {
    result.workloads.truncate(1);
    result.settings.truncate(2);
    for workload in &mut result.workloads {
        workload.rows.retain(|row| row.id == "topology" || row.id == "microbatch 100ms");
        for row in &mut workload.rows {
            row.runs.retain(|run| run.round <= 2);
            row.runs.iter_mut().for_each(|run| run.series.truncate(3));
        }
    }
    result
}

#[test]
fn schema_and_reader_refuse_the_same_results() {
    let document = value(&small(testing::example()));
    agree("result", &document, |bytes| crate::parse(bytes, Path::new("x")).is_ok());
}

#[test]
fn schema_and_reader_refuse_the_same_searches() {
    let document = value(&search::tests::example());
    agree("search", &document, |bytes| search::parse(bytes, Path::new("x")).is_ok());
}

#[test]
fn schema_and_reader_refuse_the_same_sweeps() {
    let mut sweep = sweep::tests::over_rate();
    sweep.cells.truncate(2);
    for cell in &mut sweep.cells {
        cell.result = cell.result.take().map(small);
    }
    agree("sweep", &value(&sweep), |bytes| sweep::parse(bytes, Path::new("x")).is_ok());
}
