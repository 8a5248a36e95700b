//! State maps.

use super::{Outcome, int, list, same, text};
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

pub(super) fn state_map(case: &Value) -> Outcome {
    let mut map = if case["map"] == "empty" { Map::empty() } else { new_map()? };
    for step in list(&case["steps"])? {
        let expected = &step["expect"];
        let got = if let Some(put) = step["put"].as_array() {
            match map.put(int(&put[0])?, int(&put[1])?, int(&put[2])?) {
                Ok(()) => Value::Null,
                Err(error) => {
                    let gist = step["message_gist"].as_str().unwrap_or("no error");
                    same(&error, error.to_string().contains(gist), true)?;
                    json!("error UnsupportedOperation")
                }
            }
        } else if let Some(key) = step["get"].as_u64() {
            json!(map.get(&key))
        } else if let Some(time) = step["getByTime"].as_u64() {
            json!(sorted(map.get_by_time(time)))
        } else if step["getAll"] == true {
            json!(sorted(map.get_all()))
        } else if let Some(key) = step["remove"].as_u64() {
            map.remove(&key);
            if expected.is_null() { Value::Null } else { json!("ok") }
        } else if step["copy"] == true {
            json!(if map.copy().is_same(&map) { "same instance" } else { "another instance" })
        } else {
            return Err(format!("step {step} is not known"));
        };
        same(step, &got, expected)?;
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

pub(super) fn state_map_serde(case: &Value) -> Outcome {
    let Some(steps) = case["steps"].as_array() else { return compaction(&case["params"]) };
    let mut map = new_map()?;
    for step in steps {
        let step = step.as_str().ok_or("a step is no text")?;
        for word in step.split(' ') {
            let (op, args) = word.trim_end_matches(')').split_once('(').unwrap_or((word, ""));
            let args: Result<Vec<u64>, _> =
                args.split(',').filter(|arg| !arg.is_empty()).map(str::parse).collect();
            match (op, args.map_err(text)?.as_slice()) {
                ("empty", []) => {}
                ("copy", []) => map = map.copy(),
                ("put", &[key, state, time]) => map.put(key, state, time).map_err(text)?,
                ("remove", [key]) => map.remove(key),
                _ => return Err(format!("{word} is not known")),
            }
        }
        same(step, round_trip(&map)?.should_compact(), false)?;
        same(step, map.should_compact(), false)?;
    }
    Ok(())
}

fn compaction(params: &Value) -> Outcome {
    let (threshold, copies) = (int(&params["delta_chain_threshold"])?, int(&params["copies"])?);
    let mut map = Map::new(64, threshold as usize).map_err(text)?;
    for n in 0..copies {
        map.put(n * 7, n, 1).map_err(text)?;
        map = map.copy();
    }
    same("length", map.delta_chain_length() as u64, copies)?;
    same("should compact", map.should_compact(), true)?;
    let read = round_trip(&map)?;
    same("length", read.delta_chain_length() < threshold as usize, true)?;
    same("should compact", read.should_compact(), false)?;
    same("compacted", sorted(map.compacted().get_all()), sorted(map.get_all()))
}

pub(super) fn state_map_exhaustive(case: &Value) -> Outcome {
    let of = |name: &str| int(&case["params"][name]);
    let (types, sets, ops) = (of("num_op_types")?, of("num_sets")?, of("ops_per_set")?);
    let keys = of("num_keys")?;
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
