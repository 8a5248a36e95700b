//! States, driven step by step.

use crate::case::{Case, Outcome, equal};
use serde_json::Value as Json;
use weir_topology::{ComponentError, Value, Values, values};
use weir_trident::state::{
    MapState, MemoryBacking, MemoryMapState, NonTransactionalMap, OpaqueMap, OpaqueValue,
    RemovableMapState, State, TransactionalMap,
};

pub(crate) fn run(_: &str, case: &Case<'_>) -> Option<Outcome> {
    match case.name() {
        "opaque_value" => Some(opaque_value(case)),
        "doc_opaque_same_txid" => Some(same_txid(case)),
        "memory_map_remove" => Some(removal(case)),
        "transactional_map" => Some(map(case, "input")),
        _ if case.has("steps") => Some(map(case, "steps")),
        _ => None,
    }
}

/// A number, a text or nothing, as a value.
pub(crate) fn value(json: &Json) -> Result<Value, String> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) => Ok(text.as_str().into()),
        _ => json.as_i64().map(Value::from).ok_or_else(|| format!("{json} is not understood")),
    }
}

fn opaque_value(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let field = |name: &str| params.get(name).map_or(Ok(Value::Null), value);
    let start = OpaqueValue::new(Some(params.int("curr_txid")?), field("curr")?, field("prev")?);
    let mut got = Vec::new();
    for step in case.list("input")? {
        let txid = step[1].as_i64();
        got.push(match step[0].as_str() {
            Some("get") => match start.get(txid) {
                Ok(value) => Json::from(value.as_text()),
                Err(_) => serde_json::json!({"error": true}),
            },
            Some("update") => match start.update(txid, value(&step[2])?) {
                Ok(OpaqueValue { prev, curr, .. }) => {
                    serde_json::json!({"prev": prev.as_text(), "curr": curr.as_text()})
                }
                Err(_) => serde_json::json!({"error": true}),
            },
            other => return Err(format!("step {other:?} is not understood")),
        });
    }
    equal("values", &Json::from(got), &Json::from(case.list("expected")?.clone()))
}

fn same_txid(case: &Case<'_>) -> Outcome {
    let (params, input, expected) =
        (case.part("params"), case.part("input"), case.part("expected"));
    equal("state", &params.text("state")?, &"opaque")?;
    let start = OpaqueValue::new(Some(input.int("txid")?), input.int("value")?, input.int("prev")?);
    let txid = Some(params.int("txid")?);
    let base = *start.get(txid).map_err(|error| error.to_string())?;
    let got =
        start.update(txid, base + params.int("partial")?).map_err(|error| error.to_string())?;
    let want = OpaqueValue::new(
        Some(expected.int("txid")?),
        expected.int("value")?,
        expected.int("prev")?,
    );
    equal("value", &got, &want)
}

fn text(error: ComponentError) -> String {
    error.to_string()
}

fn removal(case: &Case<'_>) -> Outcome {
    case.part("params");
    case.says("expected", "third element of get = expected")?;
    let mut state = MemoryMapState::new();
    for (at, step) in case.list("input")?.iter().enumerate() {
        if let Some(op) = step.as_object() {
            let txid = op["txid"].as_i64();
            match op["op"].as_str() {
                Some("beginCommit") => state.begin_commit(txid).map_err(text)?,
                Some("commit") => state.commit(txid).map_err(text)?,
                other => return Err(format!("step {other:?} is not understood")),
            }
            continue;
        }
        let key = [values![value(&step[1])?]];
        match step[0].as_str() {
            Some("put") => state.multi_put(&key, vec![value(&step[2])?]).map_err(text)?,
            Some("remove") => state.multi_remove(&key).map_err(text)?,
            Some("get") => {
                let got = state.multi_get(&key).map_err(text)?;
                equal(&format!("step {at}"), &got, &vec![value(&step[2])?])?;
            }
            other => return Err(format!("step {other:?} is not understood")),
        }
    }
    Ok(())
}

fn map(case: &Case<'_>, steps: &str) -> Outcome {
    let state = case.part("params").text("state")?;
    if case.has("expected") {
        case.says("expected", "ret values")?;
    }
    let steps = case.parts(steps)?;
    match state {
        "opaque" => drive(&mut OpaqueMap::new(MemoryBacking::default()), &steps),
        "transactional" => drive(&mut TransactionalMap::new(MemoryBacking::default()), &steps),
        "nontransactional" => {
            drive(&mut NonTransactionalMap::new(MemoryBacking::default()), &steps)
        }
        other => Err(format!("a state {other:?} is not understood")),
    }
}

fn drive(state: &mut dyn MapState, steps: &[Case<'_>]) -> Outcome {
    for (at, step) in steps.iter().enumerate() {
        let key = || -> Result<[Values; 1], String> { Ok([values![step.text("key")?]]) };
        let what = format!("step {at}");
        match step.text("op")? {
            "beginCommit" => state.begin_commit(Some(step.int("txid")?)).map_err(text)?,
            "commit" => state.commit(Some(step.int("txid")?)).map_err(text)?,
            // The next batch begins without the end of this one.
            "crash_before_commit" => {}
            "put" => state.multi_put(&key()?, vec![step.int("val")?.into()]).map_err(text)?,
            "get" => {
                let want = step.get("ret").map_or(Ok(Value::Null), value)?;
                equal(&what, &state.multi_get(&key()?).map_err(text)?, &vec![want])?;
            }
            "update_add" => {
                let delta = step.int("delta")?;
                let mut add = |_, stored: &Value| -> Result<Value, ComponentError> {
                    Ok((stored.as_int().unwrap_or(0) + delta).into())
                };
                let got = state.multi_update(&key()?, &mut add).map_err(text)?;
                equal(&what, &got, &vec![step.int("ret")?.into()])?;
            }
            other => return Err(format!("{other:?} is not understood")),
        }
    }
    Ok(())
}
