//! Cases about one key's state, and about the states of `map_with_state`, without batches around them.

use crate::functions;
use crate::pipeline::{KEEP, Run, Script, equal, rows, watch};
use crate::value::{Value, normal};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{KeyedTable, hash_of};
use weir_microbatch::{State, StateError, StateRecords, StateSpec, Time};

pub(crate) fn run(kind: &str, case: &Json) -> Option<Result<(), String>> {
    Some(match kind {
        "state_object" => state_object(case),
        "state_record_update" => record_update(case),
        "state_rdd_update" => rdd_update(case),
        "state_rdd_create" => rdd_create(case),
        "checkpoint_duration" => checkpoint_duration(case),
        _ => return None,
    })
}

fn state_object(case: &Json) -> Result<(), String> {
    let mut state: State<'_, i64> = State::default();
    for step in case["steps"].as_array().ok_or("no steps")? {
        let what = step["do"].as_str().ok_or("nothing to do")?;
        match what {
            "new" | "wrap(None)" => state = State::of(None),
            "wrap(1)" => state = State::of(Some(&1)),
            "update(2)" => state.update(2).map_err(|error| error.to_string())?,
            "new; update(2)" => {
                state = State::of(None);
                state.update(2).map_err(|error| error.to_string())?;
            }
            "remove()" => state.remove().map_err(|error| error.to_string())?,
            "wrapTimingOut(3)" => state = State::timing_out(&3),
            other => return Err(format!("unknown step {other:?}")),
        }
        for (field, want) in step["expect"].as_object().into_iter().flatten() {
            let got: Json = match field.as_str() {
                "exists" => state.exists().into(),
                "get" => match state.get() {
                    Ok(value) => (*value).into(),
                    Err(_) => "error NoSuchElement".into(),
                },
                "updated" => state.is_updated().into(),
                "removed" => state.is_removed().into(),
                "timing_out" => state.is_timing_out().into(),
                "remove()" => refused(state.clone().remove()),
                "update(-1)" => refused(state.clone().update(-1)),
                other => return Err(format!("unknown expectation {other:?}")),
            };
            equal(&format!("{what}: {field}"), &got, want)?;
        }
    }
    for (situation, want) in case["messages"].as_object().into_iter().flatten() {
        let error = match situation.as_str() {
            "get unset" => StateError::NotSet,
            "update after remove" => StateError::UpdatedAfterRemove,
            "update timing out" => StateError::UpdatedTimingOut,
            "remove timing out" => StateError::RemovedTimingOut,
            "remove twice" => StateError::RemovedTwice,
            other => return Err(format!("unknown situation {other:?}")),
        };
        if !error.to_string().starts_with(want.as_str().unwrap_or("-")) {
            return Err(format!("{situation}: {error}"));
        }
    }
    Ok(())
}

fn refused(result: Result<(), StateError>) -> Json {
    if result.is_err() { "error IllegalArgument".into() } else { "ok".into() }
}

type Table = KeyedTable<Value, (Value, Time)>;

fn states(table: &Table) -> BTreeMap<Value, (Value, u64)> {
    table.iter().map(|(k, (v, at))| (k.clone(), (v.clone(), at.as_ms()))).collect()
}

fn put(table: &mut Table, key: Value, value: Value, ms: u64) {
    let hash = hash_of(&key);
    table.get_or_insert_with(hash, key, || (value, Time::from_ms(ms)));
}

/// What a function did: its calls, the states it removed, and those that timed out.
type Calls = Arc<Mutex<(usize, Vec<Value>, Vec<Value>)>>;

fn watched(
    case: &Json,
    timeout: bool,
) -> Result<(StateRecords<Value, Value, Value, Value>, Calls), String> {
    let f = functions::map_state(case["mapping_fn"].as_str().ok_or("no mapping_fn")?)?;
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let mut spec =
        StateSpec::try_function(move |_, key: &Value, value, state: &mut State<Value>| {
            let before = state.get_option().cloned();
            let result = f(key, value, state);
            let mut seen = seen.lock().expect("calls");
            seen.0 += 1;
            if state.is_removed() {
                seen.1.extend(before.clone());
            }
            if state.is_timing_out() {
                seen.2.extend(before);
            }
            result
        });
    if timeout {
        spec = spec.timeout(Duration::from_millis(1));
    }
    Ok((StateRecords::of(&spec), calls))
}

fn record_update(case: &Json) -> Result<(), String> {
    let key = Value::of(&case["key"])?;
    let ms = |field: &str| case[field].as_u64().ok_or(format!("no {field}"));
    let (initial_ms, batch) = (ms("initial_time_ms")?, Time::from_ms(ms("batch_time_ms")?));
    let threshold = case["timeout_threshold_ms"].as_u64();
    let (records, calls) = watched(case, threshold.is_some())?;
    let (mut table, mut out) = (Table::new(), Vec::new());
    for state in rows(&case["initial_states"])? {
        put(&mut table, key.clone(), state, initial_ms);
    }
    let failed = |error: weir_microbatch::TaskError| error.to_string();
    let record = |value| (hash_of(&key), key.clone(), value);
    let data = rows(&case["data_values"])?.into_iter().map(record).collect();
    let remove = case["remove_timed_out"].as_bool() == Some(true);
    let threshold = threshold.filter(|_| remove).map(Time::from_ms);
    records.batch(&mut table, [data], threshold, batch, &mut out).map_err(failed)?;
    let got: Vec<Value> = states(&table)
        .into_values()
        .map(|(value, at)| Value::pair(value, Value::Int(at as i64)))
        .collect();
    equal("states", &got, &rows(&case["expected_states_value_time"])?)?;
    equal("output", &out, &rows(&case["expected_output"])?)?;
    let calls = calls.lock().expect("calls").clone();
    equal("removed", &calls.1, &rows(&case["expected_removed"])?)?;
    equal("timing out", &calls.2, &rows(&case["expected_timing_out"])?)?;
    match case["expected_fn_called"].as_bool() {
        None => Ok(()),
        Some(called) => equal("called", &(calls.0 > 0), &called),
    }
}

fn triples(json: &Json) -> Result<BTreeMap<Value, (Value, u64)>, String> {
    let triple = |row: Value| {
        let row = row.list();
        (row[0].clone(), (row[1].clone(), row[2].int() as u64))
    };
    Ok(rows(json)?.into_iter().map(triple).collect())
}

fn rdd_update(case: &Json) -> Result<(), String> {
    if !case["timeout"].is_null() {
        return Err("a timeout".into());
    }
    let batch = Time::from_ms(case["batch_time_ms"].as_u64().ok_or("no batch_time_ms")?);
    let (records, calls) = watched(case, false)?;
    let (mut table, mut out) = (Table::new(), Vec::new());
    for (key, (value, ms)) in triples(&case["states_before_key_value_time"])? {
        put(&mut table, key, value, ms);
    }
    let record = |row: Value| {
        let (key, value) = row.into_pair();
        (hash_of(&key), key, value)
    };
    let data = rows(&case["data"])?.into_iter().map(record).collect();
    records.batch(&mut table, [data], None, batch, &mut out).map_err(|error| error.to_string())?;
    equal("states", &states(&table), &triples(&case["expected_states"])?)?;
    let count = calls.lock().expect("calls").0 as u64;
    equal("calls", &Some(count), &case["expected_fn_calls"].as_u64())
}

fn rdd_create(case: &Json) -> Result<(), String> {
    let time_ms = case["time_ms"].as_u64().ok_or("no time_ms")?;
    let partitions = case["partitions"].as_u64().ok_or("no partitions")?;
    let failed = |error: weir_microbatch::StreamingError| error.to_string();
    let run = Run::new(time_ms, 0, true);
    let script = Script { batches: Vec::new(), batch_ms: time_ms, zero_ms: 0, partitions: 2 };
    let input = run.ssc.input_stream(script).map_err(failed)?;
    let pairs: Vec<_> = rows(&case["pairs"])?.into_iter().map(Value::into_pair).collect();
    let initial = run.sc.parallelize(pairs, 2).map_err(|error| error.to_string())?;
    let spec =
        StateSpec::function(|_, value: Option<Value>, _: &mut State<Value>| Value::option(value));
    let spec = spec.initial_state(&initial).num_partitions(partitions as usize);
    let define = || {
        let mapped = input.map(Value::into_pair)?.map_with_state(spec)?;
        let snapshots = mapped.state_snapshots()?.map(|(k, v)| Value::pair(k, v))?;
        Ok((watch(&mapped)?, watch(&snapshots)?))
    };
    let (mapped, snapshots) = define().map_err(failed)?;
    run.ssc.start().map_err(failed)?;
    run.advance(1)?;
    run.ssc.stop(KEEP).map_err(failed)?;
    let mapped = mapped.lock().expect("rows").get(&time_ms).cloned().unwrap_or_default();
    equal("mapped", &mapped.0, &rows(&case["expected_mapped"])?)?;
    let (states, width) =
        snapshots.lock().expect("rows").get(&time_ms).cloned().unwrap_or_default();
    let want: Vec<Value> = triples(&case["expected_states"])?
        .into_iter()
        .map(|(key, (value, _))| Value::pair(key, value))
        .collect();
    equal("states", &normal(&states, false, false), &want)?;
    equal("partitions", &Some(width as u64), &case["expected_num_partitions"].as_u64())
}

fn checkpoint_duration(case: &Json) -> Result<(), String> {
    let batch_ms = case["batch_ms"].as_u64().ok_or("no batch_ms")?;
    let run = Run::new(batch_ms, 0, true);
    let script = Script { batches: Vec::new(), batch_ms, zero_ms: 0, partitions: 2 };
    let define = || {
        let spec = StateSpec::function(|_, value: Option<Value>, _: &mut State<Value>| {
            Value::option(value)
        });
        let pairs = run.ssc.input_stream(script)?.map(Value::into_pair)?;
        let mapped = pairs.map_with_state(spec)?;
        if let Some(ms) = case["explicit_checkpoint_ms"].as_u64() {
            mapped.checkpoint(Duration::from_millis(ms))?;
        }
        mapped.foreach_rdd(|_, _| Ok(()))?;
        run.ssc.start()?;
        Ok::<_, weir_microbatch::StreamingError>(mapped)
    };
    let mapped = define().map_err(|error| error.to_string())?;
    let ms = |duration: Option<Duration>| duration.map(|duration| duration.as_millis() as u64);
    let (inner, outer) = (ms(mapped.state_checkpoint()), ms(mapped.info().checkpoint));
    run.ssc.stop(KEEP).map_err(|error| error.to_string())?;
    equal("state", &inner, &case["expected_internal_state_stream_checkpoint_ms"].as_u64())?;
    equal("outer", &outer, &case["expected_outer_stream_checkpoint_ms"].as_u64())
}
