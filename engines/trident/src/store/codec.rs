//! Values as bytes.

use weir_topology::Value;

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoForm {
    /// A value of this Rust type is in it.
    Object(&'static str),
    /// Lists are nested deeper than [`DEEPEST`].
    TooDeep,
}

/// Writes a value.
pub(super) fn encode(value: &Value, into: &mut Vec<u8>) -> Result<(), NoForm> {
    write(value, into, 0)
}

fn write(value: &Value, into: &mut Vec<u8>, depth: usize) -> Result<(), NoForm> {
    let mut sized = |tag: u8, bytes: &[u8]| {
        into.push(tag);
        into.extend((bytes.len() as u64).to_le_bytes());
        into.extend(bytes);
    };
    match value {
        Value::Null => into.push(0),
        Value::Bool(value) => into.extend([1, u8::from(*value)]),
        Value::Int(value) => {
            into.push(2);
            into.extend(value.to_le_bytes());
        }
        Value::Float(value) => {
            into.push(3);
            into.extend(value.to_bits().to_le_bytes());
        }
        Value::Text(value) => sized(4, value.as_bytes()),
        Value::Bytes(value) => sized(5, value),
        Value::List(_) if depth == DEEPEST => return Err(NoForm::TooDeep),
        Value::List(values) => {
            into.push(6);
            into.extend((values.len() as u64).to_le_bytes());
            values.iter().try_for_each(|value| write(value, into, depth + 1))?;
        }
        Value::Object(object) => return Err(NoForm::Object(object.type_name())),
    }
    Ok(())
}

/// Reads a value that is all that there is.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Value> {
    let value = read(&mut bytes, 0)?;
    bytes.is_empty().then_some(value)
}

/// How deep lists may be nested; what is deeper when it is read is damaged.
pub(super) const DEEPEST: usize = 64;

fn read(bytes: &mut &[u8], depth: usize) -> Option<Value> {
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match tag {
        0 => Value::Null,
        1 => Value::Bool(take::<1>(bytes)? == [1]),
        2 => Value::Int(i64::from_le_bytes(take(bytes)?)),
        3 => Value::Float(f64::from_bits(u64::from_le_bytes(take(bytes)?))),
        4 => Value::from(std::str::from_utf8(sized(bytes)?).ok()?),
        5 => Value::from(sized(bytes)?),
        6 if depth < DEEPEST => {
            let len = u64::from_le_bytes(take(bytes)?);
            let values = (0..len).map(|_| read(bytes, depth + 1));
            Value::from(values.collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn sized<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let len = usize::try_from(u64::from_le_bytes(take(bytes)?)).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Value::from)
        })
    }

    proptest! {
        #[test]
        fn values_come_back_and_cut_ones_do_not(value in any_value()) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes).expect("no object");
            prop_assert_eq!(decode(&bytes), Some(value));
            for len in 0..bytes.len() {
                prop_assert_eq!(decode(&bytes[..len]), None);
            }
        }

        #[test]
        fn anything_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn an_object_is_refused() {
        assert_eq!(encode(&Value::object(1u8), &mut Vec::new()), Err(NoForm::Object("u8")));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut value = Value::Int(7);
        for _ in 0..DEEPEST {
            value = vec![value].into();
        }
        let mut bytes = Vec::new();
        assert_eq!(encode(&value, &mut bytes), Ok(()));
        assert_eq!(decode(&bytes).as_ref(), Some(&value));
        assert_eq!(encode(&vec![value].into(), &mut bytes), Err(NoForm::TooDeep));
    }
}
