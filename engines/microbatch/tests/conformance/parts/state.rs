//! State maps.

use super::{Case, Outcome, int, same, text};
use crate::phrases::{clauses, holes, is, number, unknown};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_microbatch::state_map::StateMap;

type Map = StateMap<u64, u64>;

fn new_map() -> Result<Map, String> {
    Map::new(64, 20).map_err(text)
}

fn sorted<'a>(entries: impl Iterator<Item = (&'a u64, &'a u64, u64)>) -> Vec<[u64; 3]> {
    let mut entries: Vec<_> = entries.map(|(key, state, time)| [*key, *state, time]).collect();
    entries.sort_unstable();
    entries
}

pub(super) fn state_map(case: &Case<'_>) -> Outcome {
    let name = case.text("map")?;
    let mut map = if name == "empty" { Map::empty() } else { new_map()? };
    for step in case.list("steps")? {
        let step = Case::new(step);
        if step.get("on").is_some() {
            same("map", step.text("on")?, name)?;
        }
        let got = if let Some(put) = step.get("put") {
            let put = put.as_array().filter(|put| put.len() == 3).ok_or("put what?")?;
            match map.put(int(&put[0])?, int(&put[1])?, int(&put[2])?) {
                Ok(()) => Value::Null,
                Err(error) => {
                    let gist = step.text("message_gist")?;
                    same(&error, error.to_string().contains(gist), true)?;
                    json!("error UnsupportedOperation")
                }
            }
        } else if step.get("get").is_some() {
            json!(map.get(&step.int("get")?))
        } else if step.get("getByTime").is_some() {
            json!(sorted(map.get_by_time(step.int("getByTime")?)))
        } else if step.get("getAll").is_some_and(|all| all == true) {
            json!(sorted(map.get_all()))
        } else if step.get("remove").is_some() {
            map.remove(&step.int("remove")?);
            if step["expect"].is_null() { Value::Null } else { json!("ok") }
        } else if step.get("copy").is_some_and(|copy| copy == true) {
            let copy = map.copy();
            let shown = if copy.is_same(&map) { "same instance" } else { "another instance" };
            map = copy;
            if step["expect"].is_null() { Value::Null } else { json!(shown) }
        } else {
            Value::Null
        };
        same("step", &got, &step["expect"])?;
        step.finished()?;
    }
    Ok(())
}

fn round_trip(map: &Map) -> Result<Map, String> {
    let bytes = postcard::to_stdvec(map).map_err(text)?;
    let read: Map = postcard::from_bytes(&bytes).map_err(text)?;
    same("all", sorted(read.get_all()), sorted(map.get_all()))?;
    for time in 0..10 {
        same(time, sorted(read.get_by_time(time)), sorted(map.get_by_time(time)))?;
    }
    for (key, state, _) in map.get_all() {
        same(key, read.get(key), Some(state))?;
    }
    Ok(read)
}

pub(super) fn state_map_serde(case: &Case<'_>) -> Outcome {
    let Some(steps) = case.get("steps") else { return compaction(case) };
    let mut map = new_map()?;
    let expected = clauses(case.text("expect")?, ';');
    for step in steps.as_array().ok_or("steps are no list")? {
        let step = step.as_str().ok_or("a step is no text")?;
        for word in step.split_whitespace() {
            change(&mut map, word)?;
        }
        for clause in &expected {
            check_map(&map, clause).map_err(|why| format!("{step}: {clause}: {why}"))?;
        }
    }
    Ok(())
}

/// One word of a step: `put(1,100,1)`, `remove(2)`, `copy` or `empty`.
fn change(map: &mut Map, word: &str) -> Outcome {
    let [op, arguments] = holes(word, "{w}({*})").unwrap_or([word, ""]);
    let arguments: Result<Vec<u64>, _> = clauses(arguments, ',').into_iter().map(number).collect();
    match (op, arguments?.as_slice()) {
        ("empty", []) => *map = new_map()?,
        ("copy", []) => *map = map.copy(),
        ("put", &[key, state, time]) => map.put(key, state, time).map_err(text)?,
        ("remove", [key]) => map.remove(key),
        _ => return unknown(word),
    }
    Ok(())
}

/// What is said of a map after each step.
fn check_map(map: &Map, clause: &str) -> Outcome {
    let read = round_trip(map)?;
    if is(clause, "after each step serialize+deserialize yields equal getAll/get/getByTime") {
        return Ok(());
    }
    let Some([compacts, deltas]) = holes(clause, "shouldCompact={w} with <{n} deltas") else {
        return unknown(clause);
    };
    let compacts = compacts.parse::<bool>().map_err(text)?;
    if (map.delta_chain_length() as u64) < number(deltas)? {
        same("should compact", map.should_compact(), compacts)?;
    }
    same("should compact", read.should_compact(), compacts)
}

/// A map with more copies than it should have, before and after it was written and read.
fn compaction(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (threshold, copies) = (params.int("delta_chain_threshold")?, params.int("copies")?);
    params.finished()?;
    let mut map = Map::new(64, threshold as usize).map_err(text)?;
    for n in 0..copies {
        map.put(n * 7, n, 1).map_err(text)?;
        map = map.copy();
    }
    let read = round_trip(&map)?;
    same("compacted", sorted(map.compacted().get_all()), sorted(map.get_all()))?;
    for part in clauses(case.text("expect")?, ';') {
        let (when, facts) = part.split_once(": ").ok_or_else(|| format!("{part:?}: when?"))?;
        let map = match when {
            "before" => &map,
            "after serialize+deserialize" => &read,
            _ => return unknown(when),
        };
        let facts = facts.replace(" and ", ", ");
        for fact in clauses(&facts, ',') {
            check_fact(map, fact).map_err(|why| format!("{when}: {fact}: {why}"))?;
        }
    }
    Ok(())
}

fn check_fact(map: &Map, fact: &str) -> Outcome {
    let length = map.delta_chain_length() as u64;
    if let Some([most]) = holes(fact, "deltaChainLength < {n}") {
        same(length, length < number(most)?, true)
    } else if let Some([least]) = holes(fact, "deltaChainLength > {n}") {
        same(length, length > number(least)?, true)
    } else if let Some([exactly, least]) = holes(fact, "deltaChainLength({n}) > {n}") {
        same("length", length, number(exactly)?)?;
        same(length, length > number(least)?, true)
    } else if let Some([compacts]) = holes(fact, "shouldCompact={w}") {
        same("should compact", map.should_compact().to_string().as_str(), compacts)
    } else {
        match fact {
            "shouldCompact" => same("should compact", map.should_compact(), true),
            // Compared when it was read.
            "same data" => Ok(()),
            _ => unknown(fact),
        }
    }
}

/// How the operations of a case are numbered, and what it compares: there is one way.
const ALL_SEQUENCES: &[&str] = &[
    "(key / {n}^({n}-opId-1)) % {n}",
    "0=put(random,time) 1=remove",
    "time increments by 1 per op",
    "after each set the map is copied and the previous copy must stay unchanged",
    "getAll, get, getByTime(t) for t in 0..time+1 (entries with time < t) equal a plain hash map",
];

pub(super) fn state_map_exhaustive(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (types, sets) = (params.int("num_op_types")?, params.int("num_sets")?);
    let (ops, keys) = (params.int("ops_per_set")?, params.int("num_keys")?);
    let code = params.get("op_code").map(|_| params.text("op_code")).transpose()?.unwrap_or("");
    params.finished()?;
    for clause in clauses(code, ';').into_iter().chain(clauses(case.text("expect")?, ';')) {
        if !ALL_SEQUENCES.iter().any(|pattern| is(clause, pattern)) {
            return unknown(clause);
        }
    }
    let count = u32::try_from(sets * ops).map_err(text)?;
    same("keys cover all sequences", keys, types.pow(count))?;
    let mut map = new_map()?;
    let mut plain: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut time = 1;
    for set in 0..sets {
        let before = map.clone();
        let seen = sorted(before.get_all());
        map = map.copy();
        for op in set * ops..(set + 1) * ops {
            for key in 0..keys {
                let remove =
                    key / types.pow(count - u32::try_from(op).map_err(text)? - 1) % types == 1;
                if remove {
                    map.remove(&key);
                    plain.remove(&key);
                } else {
                    let state = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ time;
                    map.put(key, state, time).map_err(text)?;
                    plain.insert(key, (state, time));
                }
            }
            time += 1;
            let all: Vec<_> = plain.iter().map(|(key, (state, at))| [*key, *state, *at]).collect();
            same("all", sorted(map.get_all()), all)?;
            for threshold in 0..=time + 1 {
                let due = plain.iter().filter(|(_, (_, time))| *time < threshold);
                let due: Vec<_> = due.map(|(key, (state, time))| [*key, *state, *time]).collect();
                same(threshold, sorted(map.get_by_time(threshold)), due)?;
            }
            for key in 0..keys {
                same(key, map.get(&key), plain.get(&key).map(|(state, _)| state))?;
            }
        }
        same("the copied map", sorted(before.get_all()), seen)?;
    }
    Ok(())
}
