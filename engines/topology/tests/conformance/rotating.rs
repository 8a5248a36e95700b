//! The map whose entries grow old together.

use crate::case::{Case, Outcome, equal, refused};
use serde_json::{Value as Json, json};
use weir_topology::{RotatingMap, TopologyError};

/// Runs a case of the area `rotating_map`; `None` for others.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    (area == "rotating_map").then(|| if case.has("steps") { steps(case) } else { construct(case) })
}

/// The map that a case asks for; three buckets where it does not say how many.
fn make(case: &Case<'_>) -> Result<Result<RotatingMap<i64, i64>, TopologyError>, String> {
    let params = case.part("params");
    if !params.has("buckets") {
        return Ok(Ok(RotatingMap::default()));
    }
    Ok(RotatingMap::new(params.count("buckets")?))
}

fn construct(case: &Case<'_>) -> Outcome {
    case.says("input", "construct")?;
    let (made, expected) = (make(case)?, case.part("expected"));
    if expected.has("error") {
        return refused(made, &expected);
    }
    let map = made.map_err(|error| error.to_string())?;
    equal("buckets", &map.buckets(), &expected.count("buckets")?)
}

fn steps(case: &Case<'_>) -> Outcome {
    let mut map = make(case)?.map_err(|error| error.to_string())?;
    for (n, step) in case.parts("steps")?.iter().enumerate() {
        take(&mut map, step).map_err(|error| format!("step {n}: {error}"))?;
    }
    Ok(())
}

fn take(map: &mut RotatingMap<i64, i64>, step: &Case<'_>) -> Outcome {
    let returns =
        |value: Option<i64>| equal("ret", &json!(value), step.get("ret").unwrap_or(&Json::Null));
    if step.has("put") {
        map.put(step.int("put")?, step.int("val")?);
    } else if step.has("get") {
        returns(map.get(&step.int("get")?).copied())?;
    } else if step.has("remove") {
        returns(map.remove(&step.int("remove")?))?;
    } else if step.has("contains") {
        equal("ret", &map.contains_key(&step.int("contains")?), &step.flag("ret")?)?;
    } else if step.has("rotate") {
        equal("rotate", &step.flag("rotate")?, &true)?;
        let mut expired: Vec<(i64, i64)> = map.rotate().collect();
        expired.sort_unstable();
        equal("expired_sorted", &json!(expired), &json!(step.list("expired_sorted")?))?;
    }
    if step.has("size") { equal("size", &map.len(), &step.count("size")?) } else { Ok(()) }
}
