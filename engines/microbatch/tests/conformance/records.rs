//! Cases about one key's state, and about the states of `map_with_state`, without batches around them.

use crate::case::{Case, Outcome, equal};
use crate::functions;
use crate::phrases::{clauses, holes, unknown};
use crate::pipeline::{KEEP, Run, Script, rows, watch};
use crate::value::{Value, normal};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{KeyedTable, hash_of};
use weir_microbatch::{State, StateError, StateRecords, StateSpec, Time};

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    Some(match kind {
        "state_object" => state_object(case),
        "state_record_update" => record_update(case),
        "state_rdd_update" => rdd_update(case),
        "state_rdd_create" => rdd_create(case),
        "checkpoint_duration" => checkpoint_duration(case),
        _ => return None,
    })
}

fn value(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no number"))
}

/// States borrow what they begin with. Cases have few.
fn borrowed(value: i64) -> &'static i64 {
    Box::leak(Box::new(value))
}

/// Does what one clause of a step says: makes a new state, or changes the one that there is.
fn change(state: &mut State<'static, i64>, clause: &str) -> Result<Result<(), StateError>, String> {
    let [what, argument] = holes(clause, "{w}({*})").unwrap_or([clause, ""]);
    match (what, argument) {
        ("new", "") | ("wrap", "None") => *state = State::of(None),
        ("wrap", argument) => {
            let [argument] = holes(argument, "Some({*})").unwrap_or([argument]);
            *state = State::of(Some(borrowed(value(argument)?)));
        }
        ("wrapTimingOut", argument) => *state = State::timing_out(borrowed(value(argument)?)),
        ("update", argument) => return Ok(state.update(value(argument)?)),
        ("remove", "") => return Ok(state.remove()),
        _ => return unknown(clause),
    }
    Ok(Ok(()))
}

fn state_object(case: &Case<'_>) -> Outcome {
    let mut state: State<'_, i64> = State::default();
    for step in case.list("steps")? {
        let step = Case::new(step);
        let what = step.text("do")?;
        for clause in clauses(what, ';') {
            change(&mut state, clause)?.map_err(|error| format!("{clause}: {error}"))?;
        }
        for (field, want) in step["expect"].as_object().ok_or("expect is missing")? {
            let got: Json = match field.as_str() {
                "exists" => state.exists().into(),
                "get" => state.get().map_or("error NoSuchElement".into(), |value| (*value).into()),
                "getOption" => state.get_option().copied().into(),
                "updated" => state.is_updated().into(),
                "removed" => state.is_removed().into(),
                "timing_out" => state.is_timing_out().into(),
                // Anything else is tried on a copy.
                attempt => refused(change(&mut state.clone(), attempt)?),
            };
            equal(&format!("{what}: {field}"), &got, want)?;
        }
        step.finished()?;
    }
    for (situation, want) in case["messages"].as_object().into_iter().flatten() {
        let want = want.as_str().filter(|want| !want.is_empty()).ok_or("a message is no text")?;
        let got = message(situation)?;
        if !got.starts_with(want) {
            return Err(format!("{situation}: {got}; want {want}"));
        }
    }
    Ok(())
}

/// What a state says in a situation.
fn message(situation: &str) -> Result<String, String> {
    let mut state = State::of(Some(&1));
    let error = match situation {
        "get unset" => State::<i64>::of(None).get().err(),
        "update after remove" => state.remove().and_then(|()| state.update(2)).err(),
        "update timing out" => State::timing_out(&1).update(2).err(),
        "remove timing out" => State::timing_out(&1).remove().err(),
        "remove twice" => state.remove().and_then(|()| state.remove()).err(),
        _ => return unknown(situation),
    };
    error.map(|error| error.to_string()).ok_or_else(|| format!("{situation}: no error"))
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
    case: &Case<'_>,
    timeout: bool,
) -> Result<(StateRecords<Value, Value, Value, Value>, Calls), String> {
    let f = functions::map_state(case.text("mapping_fn")?)?;
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

fn record_update(case: &Case<'_>) -> Outcome {
    let key = Value::of(&case["key"])?;
    let (initial_ms, batch) =
        (case.int("initial_time_ms")?, Time::from_ms(case.int("batch_time_ms")?));
    let threshold = case["timeout_threshold_ms"].as_u64();
    let (records, calls) = watched(case, threshold.is_some())?;
    let (mut table, mut out) = (Table::new(), Vec::new());
    for state in rows(&case["initial_states"])? {
        put(&mut table, key.clone(), state, initial_ms);
    }
    let failed = |error: weir_microbatch::TaskError| error.to_string();
    let record = |value| (hash_of(&key), key.clone(), value);
    let data = rows(&case["data_values"])?.into_iter().map(record).collect();
    let before = match (case.flag("remove_timed_out")?, threshold) {
        (true, None) => return Err("remove_timed_out without a threshold".into()),
        (true, Some(ms)) => Some(Time::from_ms(ms)),
        (false, _) => None,
    };
    records.batch(&mut table, [data], before, batch, &mut out).map_err(failed)?;
    let got: Vec<Value> = states(&table)
        .into_values()
        .map(|(value, at)| Value::pair(value, Value::Int(at as i64)))
        .collect();
    equal("states", &got, &rows(&case["expected_states_value_time"])?)?;
    equal("output", &out, &rows(&case["expected_output"])?)?;
    let calls = calls.lock().expect("calls").clone();
    equal("removed", &calls.1, &rows(&case["expected_removed"])?)?;
    equal("timing out", &calls.2, &rows(&case["expected_timing_out"])?)?;
    match case.get("expected_fn_called") {
        None => Ok(()),
        Some(called) => equal("called", &Json::from(calls.0 > 0), called),
    }
}

fn triples(json: &Json) -> Result<BTreeMap<Value, (Value, u64)>, String> {
    let triple = |row: Value| match row {
        Value::List(row) if row.len() == 3 => match &row[2] {
            Value::Int(ms) => Ok((row[0].clone(), (row[1].clone(), *ms as u64))),
            other => Err(format!("{other:?} is no time")),
        },
        other => Err(format!("{other:?} is no key, state and time")),
    };
    rows(json)?.into_iter().map(triple).collect()
}

/// One batch of records and, where the case has a timeout (in ms), the states that are over by then.
fn rdd_update(case: &Case<'_>) -> Outcome {
    let batch_ms = case.int("batch_time_ms")?;
    let timeout = if case["timeout"].is_null() { None } else { Some(case.int("timeout")?) };
    let batch = Time::from_ms(batch_ms);
    let (records, calls) = watched(case, timeout.is_some())?;
    let (mut table, mut out) = (Table::new(), Vec::new());
    for (key, (value, ms)) in triples(&case["states_before_key_value_time"])? {
        put(&mut table, key, value, ms);
    }
    let failed = |error: weir_microbatch::TaskError| error.to_string();
    let record = |row: Value| {
        let (key, value) = row.into_pair();
        (hash_of(&key), key, value)
    };
    let data = rows(&case["data"])?.into_iter().map(record).collect();
    let before = timeout.map(|timeout| Time::from_ms(batch_ms.saturating_sub(timeout)));
    records.batch(&mut table, [data], before, batch, &mut out).map_err(failed)?;
    equal("states", &states(&table), &triples(&case["expected_states"])?)?;
    let count = calls.lock().expect("calls").0 as u64;
    equal("calls", &count, &case.int("expected_fn_calls")?)
}

fn rdd_create(case: &Case<'_>) -> Outcome {
    let (time_ms, partitions) = (case.int("time_ms")?, case.int("partitions")?);
    let failed = |error: weir_microbatch::StreamingError| error.to_string();
    let run = Run::new(time_ms.max(1), 0, true);
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
    let at = |seen: &crate::pipeline::Seen| {
        let rows = seen.lock().expect("rows").get(&time_ms).cloned();
        rows.ok_or_else(|| format!("there is no batch at {time_ms}"))
    };
    equal("mapped", &at(&mapped)?.0, &rows(&case["expected_mapped"])?)?;
    let (states, width) = at(&snapshots)?;
    let want = triples(&case["expected_states"])?;
    // Initial states bear the time of the first batch, which is this one.
    equal("times", &want.values().all(|(_, ms)| *ms == time_ms), &true)?;
    let want: Vec<Value> =
        want.into_iter().map(|(key, (value, _))| Value::pair(key, value)).collect();
    equal("states", &normal(&states, false, false), &want)?;
    equal("partitions", &(width as u64), &case.int("expected_num_partitions")?)
}

fn checkpoint_duration(case: &Case<'_>) -> Outcome {
    case.comment("op");
    let batch_ms = case.int("batch_ms")?;
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
    let wanted = |field: &str| case.get(field).cloned().ok_or(format!("{field} is missing"));
    let inner_want = wanted("expected_internal_state_stream_checkpoint_ms")?;
    equal("state", &Json::from(inner), &inner_want)?;
    equal("outer", &Json::from(outer), &wanted("expected_outer_stream_checkpoint_ms")?)
}
