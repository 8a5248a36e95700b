//! The functions that cases name.

use crate::phrases::{clauses, holes};
use crate::value::Value;
use crate::value::Value::{Int, List, Null};
use std::collections::BTreeMap;
use weir_microbatch::{State, TaskError};

type Function<A, R> = fn(A) -> R;

fn unknown<T>(kind: &str, name: &str) -> Result<T, String> {
    Err(format!("unknown {kind} function {name:?}"))
}

pub(crate) fn map(name: &str) -> Result<Function<Value, Value>, String> {
    Ok(match name {
        "to_string" => |x| match x {
            Int(x) => Value::str(&x.to_string()),
            Value::Str(text) => Value::Str(text),
            other => panic!("{other:?} has no decimal string"),
        },
        "pair_one" => |x| Value::pair(x, Int(1)),
        "pair_x" => |x| Value::pair(x, Value::str("x")),
        "plus4" => |x| Int(x.int() + 4),
        "plus8" => |x| Int(x.int() + 8),
        "plus10" => |x| Int(x.int() + 10),
        "str_len" => |x| Int(x.text().chars().count() as i64),
        "key" => |x| x.into_pair().0,
        "swap" => |x| {
            let (key, value) = x.into_pair();
            Value::pair(value, key)
        },
        "mod10_pair_one" => |x| Value::pair(Int(x.int() % 10), Int(1)),
        "identity" => |x| x,
        "state_counter" => |x| x.list()[0].clone(),
        "fail_if_1" => |x| {
            assert!(x != Int(1), "This is a special error");
            x
        },
        "parse_int" => |x| Int(x.text().parse().expect("a number")),
        _ => return unknown("map", name),
    })
}

pub(crate) fn flat_map(name: &str) -> Result<Function<Value, Vec<Value>>, String> {
    Ok(match name {
        "x_and_double" => |x| vec![x.clone(), Int(2 * x.int())],
        "v_and_plus10" => |x| vec![x.clone(), Int(x.int() + 10)],
        "chars" => |x| x.text().chars().map(|c| Value::str(&c.to_string())).collect(),
        "suffix_1_2" => {
            |x| ["1", "2"].map(|suffix| Value::str(&format!("{}{suffix}", x.text()))).into()
        }
        "split_space" => |x| x.text().split(' ').map(Value::str).collect(),
        _ => return unknown("flatMap", name),
    })
}

pub(crate) fn filter(name: &str) -> Result<fn(&Value) -> bool, String> {
    Ok(match name {
        "is_even" => |x| x.int() % 2 == 0,
        "contains_a" => |x| x.text().contains('a'),
        "nonzero_value" => |x| x.list()[1].int() != 0,
        "positive_value" => |x| x.list()[1].int() > 0,
        "value_ge_2" => |x| x.list()[1].int() >= 2,
        _ => return unknown("filter", name),
    })
}

pub(crate) fn map_partitions(name: &str) -> Result<Function<Vec<Value>, Vec<Value>>, String> {
    Ok(match name {
        "sum_partition" => |all| vec![Int(all.iter().map(Value::int).sum())],
        "concat_upper" => {
            |all| vec![Value::str(&all.iter().map(|x| x.text().to_uppercase()).collect::<String>())]
        }
        _ => return unknown("mapPartitions", name),
    })
}

pub(crate) fn reduce(name: &str) -> Result<fn(Value, Value) -> Value, String> {
    Ok(match name {
        "add" => |a, b| Int(a.int() + b.int()),
        "sub" => |a, b| Int(a.int() - b.int()),
        "max" => |a, b| Int(a.int().max(b.int())),
        _ => return unknown("reduce", name),
    })
}

pub(crate) type Update = fn(i64, Vec<Value>, Option<Value>) -> Option<Value>;

fn sum(values: &[Value]) -> i64 {
    values.iter().map(Value::int).sum()
}

fn or_zero(state: Option<&Value>) -> i64 {
    state.map_or(0, Value::int)
}

pub(crate) fn update(name: &str) -> Result<Update, String> {
    Ok(match name {
        "running_sum" => |_, values, state| Some(Int(sum(&values) + or_zero(state.as_ref()))),
        "count_calls" => |_, _, state| Some(Int(or_zero(state.as_ref()) + 1)),
        "time_sum" => |time, values, state| {
            let time = if values.is_empty() { 0 } else { time };
            Some(Int(time + or_zero(state.as_ref())))
        },
        "extend_list" => |_, values, state| {
            let mut all = state.map_or_else(Vec::new, |state| state.list().to_vec());
            all.extend(values);
            Some(List(all))
        },
        "expire_after_two_idle" => |_, values, state| {
            let state = state.unwrap_or_else(|| Value::pair(Int(0), Int(0)));
            let (counter, idle) = (state.list()[0].int(), state.list()[1].int());
            let sum = sum(&values);
            let (counter, idle) = if sum == 0 { (counter, idle + 1) } else { (counter + sum, 0) };
            (idle < 2).then(|| Value::pair(Int(counter), Int(idle)))
        },
        "drop_when_idle" => |_, values, state| {
            (!values.is_empty()).then(|| Int(sum(&values) + or_zero(state.as_ref())))
        },
        _ => return unknown("updateStateByKey", name),
    })
}

pub(crate) type Mapped = Result<Option<Value>, TaskError>;
pub(crate) type MapState =
    Box<dyn Fn(&Value, Option<Value>, &mut State<Value>) -> Mapped + Send + Sync>;

fn add(value: Option<Value>, state: &mut State<Value>) -> Result<i64, TaskError> {
    let sum = or_zero(value.as_ref()) + or_zero(state.get_option());
    state.update(Int(sum))?;
    Ok(sum)
}

/// One more than before, or zero for a new key.
fn increment(state: &mut State<Value>) -> Result<(), TaskError> {
    let next = state.get_option().map_or(0, |state| state.int() + 1);
    Ok(state.update(Int(next))?)
}

fn command(value: Option<Value>, state: &mut State<Value>) -> Result<Option<Value>, TaskError> {
    match value {
        None if state.is_timing_out() => Ok(None),
        None => Err(TaskError::new("no value and not timing out")),
        Some(command) => match command.text() {
            "noop" => Ok(None),
            "get-state" => Ok(Some(state.get_option().cloned().unwrap_or(Int(-1)))),
            "update-state" => increment(state).map(|()| None),
            "remove-state" => Ok(state.remove().map(|()| None)?),
            other => Err(TaskError::new(format!("unknown command {other}"))),
        },
    }
}

/// What a number does to a state.
#[derive(Clone, Copy)]
enum Code {
    Noop,
    IncrementOrSet(i64),
    Remove,
}

/// Reads `0=noop,1=increment or set 0,2=remove`.
fn codes(name: &str) -> Result<BTreeMap<i64, Code>, String> {
    let mut codes = BTreeMap::new();
    for clause in clauses(name, ',') {
        let unknown = || format!("unknown mapWithState function {name:?}");
        let (number, what) = clause.split_once('=').ok_or_else(unknown)?;
        let code = match (what.trim(), holes(what, "increment or set {n}")) {
            ("noop", _) => Code::Noop,
            ("remove", _) => Code::Remove,
            (_, Some([first])) => Code::IncrementOrSet(first.parse().map_err(|_| unknown())?),
            _ => return Err(unknown()),
        };
        codes.insert(number.trim().parse().map_err(|_| unknown())?, code);
    }
    Ok(codes)
}

fn numbered(codes: BTreeMap<i64, Code>) -> MapState {
    Box::new(move |_, value, state| {
        let code = match &value {
            Some(Int(number)) => codes.get(number),
            _ => None,
        };
        match code {
            Some(Code::Noop) => {}
            Some(Code::IncrementOrSet(first)) => {
                let next = state.get_option().map_or(*first, |state| state.int() + 1);
                state.update(Int(next))?;
            }
            Some(Code::Remove) => state.remove()?,
            // A timeout brings no value.
            None if state.is_timing_out() => {}
            None => return Err(TaskError::new(format!("unknown command {value:?}"))),
        }
        Ok(Some(Null))
    })
}

pub(crate) fn map_state(name: &str) -> Result<MapState, String> {
    let f: fn(&Value, Option<Value>, &mut State<Value>) -> Mapped = match name {
        "mws_sum_return_sum" => |_, value, state| Ok(Some(Int(add(value, state)?))),
        "mws_sum_return_key_twice" => |key, value, state| {
            add(value, state)?;
            Ok(Some(match key {
                Int(key) => Int(key * 2),
                key => Value::str(&key.text().repeat(2)),
            }))
        },
        "mws_sum_return_pair" => {
            |key, value, state| Ok(Some(Value::pair(key.clone(), Int(add(value, state)?))))
        }
        "mws_sum_return_none" => |_, value, state| add(value, state).map(|_| None),
        "mws_toggle_remove" => |key, value, state| {
            if state.exists() {
                state.remove()?;
                return Ok(Some(key.clone()));
            }
            state.update(Value::option(value))?;
            Ok(None)
        },
        "mws_return_key_on_timeout" => |key, value, state| {
            if value.is_some() {
                state.update(Int(1))?;
            }
            Ok(state.is_timing_out().then(|| key.clone()))
        },
        "mws_set_once_return_key_on_timeout" => |key, value, state| {
            if value.is_some() && !state.exists() {
                state.update(Int(1))?;
            }
            let now = Value::option(state.get_option().cloned());
            Ok(state.is_timing_out().then(|| Value::pair(key.clone(), now)))
        },
        "mws_update_on_timeout" => |_, _, state| {
            state.update(Int(1))?;
            Ok(None)
        },
        "mws_get_unset" => |_, _, state| Ok(Some(state.get()?.clone())),
        "mws_cmd" => |_, value, state| command(value, state),
        _ => return codes(name).map(numbered),
    };
    Ok(Box::new(f))
}
