//! A case, or a part of one, that knows what has been read of it.
//!
//! Whoever runs a case reads its fields by name. A field that nobody has read was not understood, and
//! a case of which something was not understood has not passed: see [`Case::finished`].

use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::rc::Rc;

/// How a case went, and why it failed.
pub(crate) type Outcome = Result<(), String>;

/// Fields that explain a case and say nothing about what happens.
const COMMENTS: &[&str] = &["derived", "name", "note", "source"];

static NOTHING: Json = Json::Null;

/// What has been read, by path: all of it, or some of what is in it.
type Read = BTreeMap<String, Extent>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    Entered,
    All,
}

pub(crate) struct Case<'a> {
    json: &'a Json,
    path: String,
    read: Rc<RefCell<Read>>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(json: &'a Json) -> Self {
        let read = Read::from([(String::new(), Extent::Entered)]);
        Self { json, path: String::new(), read: Rc::new(RefCell::new(read)) }
    }

    fn mark(&self, path: String, extent: Extent) {
        let mut read = self.read.borrow_mut();
        let known = read.entry(path).or_insert(extent);
        *known = extent.max(*known);
    }

    fn within(&self, place: &str, json: &'a Json) -> Self {
        let path = format!("{}/{place}", self.path);
        self.mark(path.clone(), Extent::Entered);
        Self { json, path, read: Rc::clone(&self.read) }
    }

    pub(crate) fn name(&self) -> &'a str {
        self.json["name"].as_str().unwrap_or_default()
    }

    /// Whether there is such a field. It does not count as read.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.json.get(field).is_some()
    }

    /// The names of its fields, none of which counts as read.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'a str> {
        self.json.as_object().into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// A field, if there is one; all of it counts as read.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Json> {
        self.mark(format!("{}/{field}", self.path), Extent::All);
        self.json.get(field)
    }

    /// Everything, all of which counts as read.
    pub(crate) fn whole(&self) -> &'a Json {
        self.mark(self.path.clone(), Extent::All);
        self.json
    }

    /// A field whose own fields are to be read one by one; nothing in place of what is missing.
    pub(crate) fn part(&self, field: &str) -> Self {
        self.within(field, self.json.get(field).unwrap_or(&NOTHING))
    }

    /// The elements of a list, which are to be read one by one.
    pub(crate) fn parts(&self, field: &str) -> Result<Vec<Self>, String> {
        let list = self.part(field);
        let Some(elements) = list.json.as_array() else {
            return Err(format!("{}: {} is no list", list.path, list.json));
        };
        Ok(elements.iter().enumerate().map(|(n, json)| list.within(&n.to_string(), json)).collect())
    }

    fn read<T>(
        &self,
        field: &str,
        wanted: &str,
        read: impl FnOnce(&'a Json) -> Option<T>,
    ) -> Result<T, String> {
        let place = || format!("{}/{field}", self.path);
        let value = self.get(field).ok_or_else(|| format!("{} is missing", place()))?;
        read(value).ok_or_else(|| format!("{}: {value} is not {wanted}", place()))
    }

    pub(crate) fn count(&self, field: &str) -> Result<usize, String> {
        self.read(field, "a whole number from 0", |value| usize::try_from(value.as_u64()?).ok())
    }

    /// A whole number from 0, or `default` where there is none; anything else is an error.
    pub(crate) fn count_or(&self, field: &str, default: usize) -> Result<usize, String> {
        if self.has(field) { self.count(field) } else { Ok(default) }
    }

    pub(crate) fn int(&self, field: &str) -> Result<i64, String> {
        self.read(field, "a whole number", Json::as_i64)
    }

    pub(crate) fn number(&self, field: &str) -> Result<f64, String> {
        self.read(field, "a number", Json::as_f64)
    }

    pub(crate) fn flag(&self, field: &str) -> Result<bool, String> {
        self.read(field, "true or false", Json::as_bool)
    }

    pub(crate) fn text(&self, field: &str) -> Result<&'a str, String> {
        self.read(field, "a text", Json::as_str)
    }

    pub(crate) fn list(&self, field: &str) -> Result<&'a Vec<Json>, String> {
        self.read(field, "a list", Json::as_array)
    }

    /// Whole numbers.
    pub(crate) fn ints(&self, field: &str) -> Result<Vec<i64>, String> {
        self.read(field, "a list of whole numbers", |value| {
            value.as_array()?.iter().map(Json::as_i64).collect()
        })
    }

    /// Demands that a field in prose says what the runner was written for.
    pub(crate) fn says(&self, field: &str, prose: &str) -> Outcome {
        equal(&format!("what {}/{field} says", self.path), &self.text(field)?, &prose)
    }

    /// Refuses a case of which something was not read.
    pub(crate) fn finished(&self) -> Outcome {
        let mut left = Vec::new();
        unread(&self.read.borrow(), self.json, &self.path, &mut left);
        if left.is_empty() { Ok(()) } else { Err(format!("not understood: {}", left.join(", "))) }
    }
}

impl std::ops::Index<&str> for Case<'_> {
    type Output = Json;

    /// A field, all of which counts as read, or null.
    fn index(&self, field: &str) -> &Json {
        self.get(field).unwrap_or(&NOTHING)
    }
}

fn unread(read: &Read, json: &Json, path: &str, left: &mut Vec<String>) {
    match (read.get(path), json) {
        (Some(Extent::All), _) | (_, Json::Null) => {}
        (Some(Extent::Entered), Json::Object(fields)) => {
            for (field, value) in fields {
                if !path.is_empty() || !COMMENTS.contains(&&**field) {
                    unread(read, value, &format!("{path}/{field}"), left);
                }
            }
        }
        (Some(Extent::Entered), Json::Array(elements)) => {
            for (n, value) in elements.iter().enumerate() {
                unread(read, value, &format!("{path}/{n}"), left);
            }
        }
        (None, Json::Object(fields)) if fields.is_empty() => {}
        _ => left.push(format!("{path}: {json}")),
    }
}

/// Compares what came out with what was recorded.
pub(crate) fn equal<T: PartialEq + Debug>(what: &str, got: &T, want: &T) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}")) }
}

/// Demands an error. `expected` names its class in Java, which is not looked at, and may say what is
/// in its message, or what that begins with.
pub(crate) fn refused<T: Debug, E: Display>(got: Result<T, E>, expected: &Case<'_>) -> Outcome {
    expected.text("error")?;
    let message = match got {
        Ok(value) => return Err(format!("it must be refused, but is {value:?}")),
        Err(error) => error.to_string(),
    };
    if expected.has("message") && !message.contains(expected.text("message")?) {
        return Err(format!("the error says {message:?}"));
    }
    if expected.has("message_prefix") && !message.starts_with(expected.text("message_prefix")?) {
        return Err(format!("the error says {message:?}"));
    }
    Ok(())
}
