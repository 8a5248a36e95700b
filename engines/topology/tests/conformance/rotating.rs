//! The map whose entries grow old together.

use crate::case::{Case, Outcome, equal};
use serde_json::{Value as Json, json};
use weir_topology::RotatingMap;

/// Runs a case of the area `rotating_map`; `None` for others.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    (area == "rotating_map").then(|| {
        case.comment("derived");
        if case.get("steps").is_some() { steps(case) } else { construct(case) }
    })
}

/// The map that a case asks for; three buckets where it does not say how many.
fn make(case: &Case<'_>) -> Result<Result<RotatingMap<i64, i64>, String>, String> {
    let params = case.part("params");
    let buckets = params.get("buckets").map(|_| params.int("buckets")).transpose()?;
    params.finished()?;
    let Some(buckets) = buckets else { return Ok(Ok(RotatingMap::default())) };
    let buckets = usize::try_from(buckets).map_err(|error| error.to_string())?;
    Ok(RotatingMap::new(buckets).map_err(|error| error.to_string()))
}

fn construct(case: &Case<'_>) -> Outcome {
    equal("input", &case.text("input")?, &"construct")?;
    let expected = case.part("expected");
    match make(case)? {
        Ok(map) => equal("buckets", &(map.buckets() as u64), &expected.int("buckets")?)?,
        Err(message) => {
            equal("error", &expected.text("error")?, &"IllegalArgumentException")?;
            let want = expected.text("message")?;
            if !message.starts_with(want) {
                return Err(format!("message: got {message:?}, want {want:?}"));
            }
        }
    }
    expected.finished()
}

fn steps(case: &Case<'_>) -> Outcome {
    let mut map = make(case)??;
    for (n, json) in case.list("steps")?.iter().enumerate() {
        let at = |error| format!("step {n}, {json}: {error}");
        let step = Case::new(json);
        take(&mut map, &step).and_then(|()| step.finished()).map_err(at)?;
    }
    Ok(())
}

fn take(map: &mut RotatingMap<i64, i64>, step: &Case<'_>) -> Outcome {
    let number = |json: &Json| json.as_i64().ok_or_else(|| format!("{json} is no whole number"));
    if let Some(key) = step.get("put") {
        map.put(number(key)?, number(&step["val"])?);
    } else if let Some(key) = step.get("get") {
        equal("ret", &json!(map.get(&number(key)?)), &step["ret"])?;
    } else if let Some(key) = step.get("remove") {
        equal("ret", &json!(map.remove(&number(key)?)), &step["ret"])?;
    } else if let Some(key) = step.get("contains") {
        equal("ret", &json!(map.contains_key(&number(key)?)), &step["ret"])?;
    } else if step.get("rotate").is_some() {
        let mut expired: Vec<(i64, i64)> = map.rotate().collect();
        expired.sort_unstable();
        equal("expired_sorted", &json!(expired), &step["expired_sorted"])?;
    }
    match step.get("size") {
        Some(size) => equal("size", &json!(map.len()), size),
        None => Ok(()),
    }
}
