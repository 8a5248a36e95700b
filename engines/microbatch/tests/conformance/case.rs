//! A case, or a part of one, that knows what has been read of it.
//!
//! Whoever runs a case reads its fields by name. A field that nobody has read was not understood, and
//! a case of which something was not understood has not passed: see [`Case::finished`].

use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Index;

/// How a case went, and why it failed.
pub(crate) type Outcome = Result<(), String>;

/// Fields that explain a case and say nothing about what happens. Java's classes of errors are among
/// them: what an error says is compared, not what it is called.
const COMMENTS: &[&str] = &[
    "comment",
    "derivation",
    "derived_from",
    "description",
    "id",
    "kind",
    "name",
    "note",
    "section",
    "semantics",
    "source",
    "tags",
    "why",
    "error_type",
    "expected_events_note",
    "single_process_relevance",
];

static NOTHING: Json = Json::Null;

pub(crate) struct Case<'a> {
    json: &'a Json,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Case<'a> {
    pub(crate) const fn new(json: &'a Json) -> Self {
        Self { json, read: RefCell::new(BTreeSet::new()) }
    }

    /// A field, if the case has it.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Json> {
        self.read.borrow_mut().insert(field.to_owned());
        self.json.get(field)
    }

    /// Everything, all of which counts as read.
    pub(crate) fn whole(&self) -> &'a Json {
        let fields = self.json.as_object().into_iter().flatten().map(|(field, _)| field.clone());
        self.read.borrow_mut().extend(fields);
        self.json
    }

    /// Says that a field explains the case, and no more.
    pub(crate) fn comment(&self, field: &str) {
        self.read.borrow_mut().insert(field.to_owned());
    }

    pub(crate) fn name(&self) -> &'a str {
        self.json["name"].as_str().unwrap_or_default()
    }

    /// A part that has fields of its own; nothing in place of what is missing.
    pub(crate) fn part(&self, field: &str) -> Self {
        Self::new(self.get(field).unwrap_or(&NOTHING))
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.json.is_null()
    }

    pub(crate) fn int(&self, field: &str) -> Result<u64, String> {
        let value = self.get(field).ok_or_else(|| format!("{field} is missing"))?;
        value.as_u64().ok_or_else(|| format!("{field}: {value} is no whole number"))
    }

    /// A whole number, or `default` where there is none; anything else is an error.
    pub(crate) fn int_or(&self, field: &str, default: u64) -> Result<u64, String> {
        if self.get(field).is_some() { self.int(field) } else { Ok(default) }
    }

    pub(crate) fn flag(&self, field: &str) -> Result<bool, String> {
        let value = self.get(field).ok_or_else(|| format!("{field} is missing"))?;
        value.as_bool().ok_or_else(|| format!("{field}: {value} is neither true nor false"))
    }

    pub(crate) fn text(&self, field: &str) -> Result<&'a str, String> {
        let value = self.get(field).ok_or_else(|| format!("{field} is missing"))?;
        value.as_str().ok_or_else(|| format!("{field}: {value} is no text"))
    }

    pub(crate) fn list(&self, field: &str) -> Result<&'a Vec<Json>, String> {
        let value = self.get(field).ok_or_else(|| format!("{field} is missing"))?;
        value.as_array().ok_or_else(|| format!("{field}: {value} is no list"))
    }

    /// Refuses a case of which a field was not read.
    pub(crate) fn finished(&self) -> Outcome {
        let read = self.read.borrow();
        let fields = self.json.as_object().into_iter().flatten().map(|(field, _)| field.as_str());
        let left: Vec<_> = fields
            .filter(|field| !COMMENTS.contains(field) && !read.contains(*field))
            .map(|field| format!("{field}: {}", self.json[field]))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("not understood: {}", left.join(", "))) }
    }
}

impl Index<&str> for Case<'_> {
    type Output = Json;

    /// A field, or null.
    fn index(&self, field: &str) -> &Json {
        self.get(field).unwrap_or(&NOTHING)
    }
}

/// Compares what came out with what was recorded.
pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}")) }
}
