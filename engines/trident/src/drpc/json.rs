//! Answers as text.

use weir_topology::{Value, Values};

/// The rows of an answer as JSON: an array of arrays.
pub(super) fn rows(rows: &[Values]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| list(row)).collect();
    format!("[{}]", rows.join(","))
}

fn list(values: &[Value]) -> String {
    format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(","))
}

fn one(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        // JSON has no infinity and no NaN.
        Value::Float(value) if value.is_finite() => format!("{value:?}"),
        Value::Float(_) => "null".into(),
        Value::Text(value) => text(value),
        Value::Bytes(value) => {
            let bytes: Vec<String> = value.iter().map(|byte| (*byte as i8).to_string()).collect();
            format!("[{}]", bytes.join(","))
        }
        Value::List(values) => list(values),
        Value::Object(_) => text(&value.to_string()),
    }
}

fn text(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c < ' ' => {
                let code = format!("\\u{:04x}", u32::from(c));
                quoted.push_str(&code);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_topology::values;

    #[test]
    fn answers_are_json() {
        let answer = [values!["a\"\n\u{1}", 1, ()], values![1.5, f64::NAN, true, values![1, "x"]]];
        assert_eq!(rows(&answer), r#"[["a\"\n\u0001",1,null],[1.5,null,true,[1,"x"]]]"#);
        assert_eq!(rows(&[]), "[]");
        assert_eq!(rows(&[values![&b"\xff\x01"[..]]]), "[[[-1,1]]]");
    }
}
