//! Hashes as Java computes them, which decide the task of a fields grouping in Storm.
//!
//! A topology that is moved here from Storm sends each key to the task that Storm sent it to, but for a
//! negative `Long` that would fit an `Integer`: the two hash differently in Java, and are one kind here,
//! which hashes as an `Integer`. The formulas are those of the documentation of `String`, `Long`,
//! `Double`, `Boolean`, `List` and `Arrays.deepHashCode`.

use super::Value;

/// `Arrays.deepHashCode` of an array of these values.
pub(crate) fn deep_hash<'a>(values: impl IntoIterator<Item = &'a Value>) -> i32 {
    polynomial(1, values.into_iter().map(hash))
}

/// `String.hashCode`: over UTF-16 units.
fn text_hash(text: &str) -> i32 {
    polynomial(0, text.encode_utf16().map(i32::from))
}

/// `Arrays.hashCode` of an array of bytes.
pub(crate) fn bytes_hash(bytes: &[u8]) -> i32 {
    polynomial(1, bytes.iter().map(|byte| i32::from(*byte as i8)))
}

fn polynomial(first: i32, elements: impl Iterator<Item = i32>) -> i32 {
    elements.fold(first, |sum, element| sum.wrapping_mul(31).wrapping_add(element))
}

fn fold(bits: u64) -> i32 {
    (bits ^ (bits >> 32)) as i32
}

/// `Objects.hashCode`, of arrays by their content.
pub(crate) fn hash(value: &Value) -> i32 {
    match value {
        Value::Null => 0,
        Value::Bool(value) => {
            if *value {
                1231
            } else {
                1237
            }
        }
        // A whole number that fits is an `Integer` in Storm, else a `Long`. For what fits and is not
        // negative both hash alike.
        Value::Int(value) => i32::try_from(*value).unwrap_or_else(|_| fold(*value as u64)),
        Value::Float(value) => fold(if value.is_nan() { 0x7ff8 << 48 } else { value.to_bits() }),
        Value::Text(value) => text_hash(value),
        Value::Bytes(value) => bytes_hash(value),
        Value::List(values) => deep_hash(values.iter()),
        Value::Object(object) => fold(object.address() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values;

    /// Worked out with the formulas of the Java documentation.
    #[test]
    fn hashes_are_those_of_java() {
        for (value, want) in [
            (Value::from("nathan"), -1_052_620_332),
            (Value::from(""), 0),
            (Value::from("key1"), 3_288_498),
            (Value::from(true), 1231),
            (Value::from(-1), -1),
            (Value::from(1i64 << 40), 256),
            (Value::from(1.5), 1_073_217_536),
            (Value::from(&b"a\xff"[..]), 31 * (31 + 97) - 1),
            (Value::from(values![1, 2]), 994),
        ] {
            assert_eq!(hash(&value), want, "{value:?}");
        }
        assert_eq!(deep_hash(&values![(), "a"]), 31 * 31 + 97);
    }
}
