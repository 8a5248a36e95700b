//! A record of any shape.

use serde_json::Value as Json;
use std::sync::Arc;

#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Str(Arc<str>),
    List(Vec<Value>),
}

use Value::{Bool, Int, List, Null, Str};

impl Value {
    pub(crate) fn of(json: &Json) -> Result<Self, String> {
        Ok(match json {
            Json::Null => Null,
            Json::Bool(value) => Bool(*value),
            Json::Number(number) => {
                Int(number.as_i64().ok_or_else(|| format!("{number} is no integer"))?)
            }
            Json::String(text) => Self::str(text),
            Json::Array(all) => List(all.iter().map(Self::of).collect::<Result<_, _>>()?),
            other => return Err(format!("no record: {other}")),
        })
    }

    pub(crate) fn str(text: &str) -> Self {
        Str(text.into())
    }

    pub(crate) fn int(&self) -> i64 {
        match self {
            Int(value) => *value,
            other => panic!("{other:?} is no number"),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Str(value) => value,
            other => panic!("{other:?} is no string"),
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match self {
            List(values) => values,
            other => panic!("{other:?} is no list"),
        }
    }

    pub(crate) fn pair(key: Self, value: Self) -> Self {
        List(vec![key, value])
    }

    pub(crate) fn into_pair(self) -> (Self, Self) {
        match self {
            List(pair) if pair.len() == 2 => {
                let mut pair = pair.into_iter();
                (pair.next().unwrap_or(Null), pair.next().unwrap_or(Null))
            }
            other => panic!("{other:?} is no pair"),
        }
    }

    pub(crate) fn option(value: Option<Self>) -> Self {
        value.unwrap_or(Null)
    }
}

impl weir_microbatch::Show for Value {
    fn show(&self, to: &mut String) {
        match self {
            Null => to.push_str("null"),
            Bool(value) => value.show(to),
            Int(value) => value.show(to),
            Str(value) => value.show(to),
            // Pairs are written as lists of two.
            List(values) => match values.as_slice() {
                [key, value] => (key, value).show(to),
                values => values.to_vec().show(to),
            },
        }
    }
}

/// Rows as the cases compare them: in order, or as multisets; `grouped` values are multisets too.
pub(crate) fn normal(rows: &[Value], ordered: bool, grouped: bool) -> Vec<Value> {
    let mut rows: Vec<Value> =
        rows.iter().map(|row| if grouped { group(row) } else { row.clone() }).collect();
    if !ordered {
        rows.sort();
    }
    rows
}

fn group(row: &Value) -> Value {
    match row {
        List(pair) if pair.len() == 2 => Value::pair(pair[0].clone(), sorted(&pair[1])),
        other => other.clone(),
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        List(all) if !all.is_empty() && all.iter().all(|one| matches!(one, List(_))) => {
            List(all.iter().map(sorted).collect())
        }
        List(all) => {
            let mut all = all.clone();
            all.sort();
            List(all)
        }
        other => other.clone(),
    }
}
