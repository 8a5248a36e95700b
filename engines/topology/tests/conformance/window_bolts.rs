//! Cases about bolts that take windows.

use crate::case::{Case, Outcome, equal, refused};
use crate::window_driver::{Driver, Windows, text};
use crate::windows::numbers;
use crate::{window_partitions, window_states};
use serde_json::Value as Json;
use std::rc::Rc;
use std::time::Duration;
use weir_topology::windowing::{
    Count, WindowConfig, WindowExtent, WindowSpec, WindowedBolt, WindowedBoltExecutor,
};
use weir_topology::{Config, RichBolt, Tuple, Value, values};

/// Executes a case; `None` if it is of an area that belongs elsewhere.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    let executed = match area {
        "windowed_bolt" => match case.name().split_once('_').map(|(family, _)| family) {
            Some("config") => configure(case),
            Some("stateful") => window_states::stateful(case),
            Some("persistent") => window_partitions::persistent(case),
            Some("cache") => window_partitions::cache(case),
            _ => executor(case),
        },
        "window_correctness" => correct(case),
        _ => return None,
    };
    Some(executed)
}

type Task = Driver<WindowedBoltExecutor<Windows>>;

fn task(
    windows: WindowSpec,
    conf: &Config,
    fields: &[&str],
    streams: Option<&[String]>,
) -> Result<(Task, crate::window_driver::Seen), String> {
    let bolt = Windows::default();
    let seen = Rc::clone(&bolt.seen);
    Ok((Driver::prepared(bolt.windowed(windows), conf, fields, streams)?, seen))
}

/// What a field of a case is as a value.
fn value(json: &Json) -> Result<Value, String> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) => Ok(text.as_str().into()),
        Json::Bool(flag) => Ok((*flag).into()),
        _ => json.as_i64().map(Value::from).ok_or_else(|| format!("unknown value {json}")),
    }
}

/// The parameters of cases that are settings of windows, and of topologies.
const WINDOW_KEYS: &[(&str, &str)] = &[
    ("length_count", Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT),
    ("length_ms", Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS),
    ("slide_count", Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_COUNT),
    ("slide_ms", Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS),
    ("window_length_ms", Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS),
    ("sliding_interval_ms", Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS),
    ("max_lag_ms", Config::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS),
    ("late_tuple_stream", Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM),
];
const TOPOLOGY_KEYS: &[(&str, &str)] = &[
    ("message_timeout_secs", Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS),
    ("enable_message_timeouts", Config::TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS),
    ("max_spout_pending", Config::TOPOLOGY_MAX_SPOUT_PENDING),
];

/// The windows and the topology's configuration that the parameters of a case say.
fn configured(params: &Case<'_>) -> Result<(WindowConfig, Config), String> {
    let (mut windows, mut conf) = (WindowConfig::new(), Config::new());
    for (param, key) in WINDOW_KEYS {
        if let Some(json) = params.get(param) {
            windows = windows.set(key, &value(json)?);
        }
    }
    if params.has("length_days") {
        let days = u64::try_from(params.int("length_days")?).map_err(text)?;
        windows = windows.length(Duration::from_secs(days * 24 * 60 * 60));
    }
    match params.get("timestamp_field") {
        None | Some(Json::Null) => {}
        Some(Json::String(field)) => windows = windows.timestamp_field(field),
        Some(fields) => {
            for field in fields.as_array().ok_or("timestamp_field")? {
                windows = windows.timestamp_field(field.as_str().ok_or("a field")?);
            }
        }
    }
    for (param, key) in TOPOLOGY_KEYS {
        if let Some(json) = params.get(param) {
            conf.put(key, value(json)?);
        }
    }
    Ok((windows, conf))
}

fn configure(case: &Case<'_>) -> Outcome {
    case.says("input", "configure+prepare")?;
    let (windows, conf) = configured(&case.part("params"))?;
    let expected = case.part("expected");
    if !expected.has("error") && !expected.has("sliding_count") {
        let windows = windows.build().map_err(text)?;
        let want = expected.whole().as_str().unwrap_or_default();
        return match want.split_once(" (") {
            None if want == "ok" => task(windows, &conf, &["n", "ts"], None).map(drop),
            // It is longer than the default message timeout, so it cannot be prepared.
            Some(("builder ok", why)) if why.ends_with("ms <= i32 max)") => Ok(()),
            _ => Err(format!("unknown expectation {want}")),
        };
    }
    let prepared = windows.build().map_err(text);
    let prepared = prepared.and_then(|windows| task(windows, &conf, &["n", "ts"], None));
    if expected.has("error") {
        return refused(prepared.map(drop), &expected);
    }
    let (mut task, seen) = prepared?;
    for n in 1..=100 {
        task.feed(values![n, n])?;
    }
    equal("sliding count", &(100 / seen.borrow().len()), &expected.count("sliding_count")?)
}

fn executor(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    if params.has("wrapped_component_configuration") {
        return no_configuration(case, &params);
    }
    let (windows, conf) = configured(&params)?;
    let streams: Option<Vec<String>> = match params.get("declared_streams") {
        None => None,
        Some(list) => Some(serde_json::from_value(list.clone()).map_err(text)?),
    };
    let windows = windows.build().map_err(text)?;
    let (input, expected) = (case.part("input"), case.part("expected"));
    let fields: Vec<String> = match input.get("tuple_fields") {
        None => vec!["ts".into()],
        Some(fields) => serde_json::from_value(fields.clone()).map_err(text)?,
    };
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let prepared = task(windows, &conf, &fields, streams.as_deref());
    if input.has("values") {
        if expected.has("reason") {
            expected.says("reason", "tuple lacks the timestamp field")?;
        }
        let values: Vec<Value> = input.ints("values")?.into_iter().map(Value::from).collect();
        return refused(prepared?.0.feed(values.into()).map(drop), &expected);
    }
    if !input.has("ts") {
        return refused(prepared.map(drop), &expected);
    }
    let (mut task, seen) = prepared?;
    let fed = feed_times(&input, &mut task)?;
    check_windows(&expected, &seen.borrow())?;
    check_late(&expected, &task, &fed)
}

fn no_configuration(case: &Case<'_>, params: &Case<'_>) -> Outcome {
    equal("wrapped", &params.get("wrapped_component_configuration"), &Some(&Json::Null))?;
    let conf = Windows::default().windowed(WindowSpec::default()).component_configuration();
    let want = case.part("expected").part("component_configuration");
    let want: Vec<_> = want.whole().as_object().into_iter().flatten().map(|(key, _)| key).collect();
    equal("configuration", &conf.iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>(), &{
        want.into_iter().cloned().collect()
    })
}

/// Feeds tuples with these times. Watermarks are made at the end, or after each.
fn feed_times(input: &Case<'_>, task: &mut Task) -> Result<Vec<Tuple>, String> {
    let after_each = input.has("after_each");
    if after_each {
        input.says("after_each", "run_watermark_generator")?;
    } else {
        input.says("then", "run_watermark_generator_once")?;
    }
    let mut fed = Vec::new();
    for ts in input.ints("ts")? {
        fed.push(task.feed(values![ts])?);
        if after_each {
            task.watermark()?;
        }
    }
    if !after_each {
        task.watermark()?;
        // What the watermark is shows in the windows that are complete.
        input.int("watermark")?;
    }
    Ok(fed)
}

fn check_windows(expected: &Case<'_>, seen: &[Vec<i64>]) -> Outcome {
    if !expected.has("windows") {
        return Ok(());
    }
    let want = expected.list("windows")?.iter().map(numbers).collect::<Result<Vec<_>, _>>()?;
    equal("windows", &seen.to_vec(), &want)
}

fn check_late(expected: &Case<'_>, task: &Task, fed: &[Tuple]) -> Outcome {
    if !expected.has("late_emits") {
        return equal("late", &task.mock.emitted().len(), &0);
    }
    let (emitted, late) = (task.mock.emitted(), expected.parts("late_emits")?);
    equal("late tuples", &emitted.len(), &late.len())?;
    for (emission, want) in emitted.iter().zip(late) {
        equal("stream", &emission.stream.as_str(), &want.text("stream")?)?;
        let anchors: Result<Vec<_>, _> =
            emission.anchors.iter().map(|anchor| anchor.int(0)).collect();
        equal("anchors", &anchors.map_err(text)?, &want.ints("anchors")?)?;
        want.says("values", "[detached copy of the tuple]")?;
        is_detached(&emission.values, &emission.anchors[0])?;
        let acked = task.mock.acked().iter().filter(|acked| acked.is(&emission.anchors[0])).count();
        equal("late tuple acked", &(acked == 1), &expected.flag("late_tuple_acked")?)?;
        equal("fed", &fed.iter().filter(|fed| fed.is(&emission.anchors[0])).count(), &1)?;
    }
    Ok(())
}

/// Whether the values are a copy of a tuple.
pub(crate) fn is_detached(values: &[Value], of: &Tuple) -> Outcome {
    let [value] = values else { return Err(format!("{values:?} is not one value")) };
    let copy = value.as_object::<Tuple>().ok_or("the value is no tuple")?;
    equal("the very tuple", &copy.is(of), &false)?;
    equal("values", copy.values(), of.values())
}

/// Windows over tuples that count upwards: from 0, or as seconds and their parts.
fn correct(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    for (param, usual) in [("spout", "0,1,2,..."), ("grouping", "shuffle")] {
        if params.has(param) {
            params.says(param, usual)?;
        }
    }
    for param in ["spout_executors", "bolt_executors"] {
        if params.has(param) {
            equal(param, &params.int(param)?, &1)?;
        }
    }
    let of = |size: &str, slide: &str| -> Result<Option<(i64, i64)>, String> {
        let size = if params.has(size) { params.int(size)? } else { return Ok(None) };
        Ok(Some((size, if params.has(slide) { params.int(slide)? } else { size })))
    };
    let counts = of("window_count", "slide_count")?.or(of("tumble_count", "")?);
    let expected = case.part("expected");
    if let Some((size, slide)) = counts {
        case.says("input", "incrementing spout")?;
        let windows = WindowConfig::sliding(Count(size), Count(slide)).build();
        if expected.has("error") {
            return refused(windows.map(drop), &expected);
        }
        return by_count(windows.map_err(text)?, size, slide, &expected);
    }
    let seconds = of("window_s", "slide_s")?.or(of("tumble_s", "")?);
    let (size, slide) = seconds.ok_or("neither counts nor seconds")?;
    case.says("input", "timestamped spout")?;
    let (size, slide) = (size * 1000, slide * 1000);
    let windows = WindowConfig::sliding(WindowExtent::Millis(size), WindowExtent::Millis(slide));
    let windows = windows.timestamp_field("ts").build();
    if expected.has("error") {
        return refused(windows.map(drop), &expected);
    }
    by_time(windows.map_err(text)?, size, slide, &expected)
}

fn by_count(windows: WindowSpec, size: i64, slide: i64, expected: &Case<'_>) -> Outcome {
    if size == slide && !expected.has("min_windows") {
        expected.says("rule", "window i holds [i*n,(i+1)*n)")?;
    } else {
        let rule = "window i (0-based) holds spout tuples [max(0,(i+1)*slide-size),(i+1)*slide)";
        expected.says("rule", rule)?;
    }
    let (mut task, seen) = task(windows, &Config::new(), &["n"], None)?;
    // Half a window at the end is not complete.
    let count = 10 * slide + slide / 2;
    for n in 0..count {
        task.feed(values![n])?;
    }
    let seen = seen.borrow();
    let bounds = |i: i64| 0.max((i + 1) * slide - size)..(i + 1) * slide;
    let want: Vec<Vec<i64>> = (0..10).map(|i| bounds(i).collect()).collect();
    equal("windows", &*seen, &want)?;
    if expected.has("min_windows") {
        equal("enough", &(seen.len() >= expected.count("min_windows")?), &true)?;
    }
    let Some(first) = expected.get("first_windows_0based") else { return Ok(()) };
    let form = expected.text("form")?;
    for (window, want) in seen.iter().zip(first.as_array().ok_or("windows")?) {
        let got = match form {
            "lists" => window.clone(),
            "first_last_inclusive" => vec![window[0], window[window.len() - 1]],
            other => return Err(format!("unknown form {other}")),
        };
        equal("window", &got, &numbers(want)?)?;
    }
    Ok(())
}

fn by_time(windows: WindowSpec, size: i64, slide: i64, expected: &Case<'_>) -> Outcome {
    let rule = match expected.text("rule")? {
        "same as sliding_time with slide=window" if size == slide => "",
        rule => rule,
    };
    let sliding = "event-time windows; window i ends at ceil(first_ts to slide)+i*slide s; holds \
                   ts in (end-window, end] exactly (no missing, no extra)";
    if !rule.is_empty() {
        equal("rule", &rule, &sliding)?;
    }
    let (mut task, seen) = task(windows, &Config::new(), &["ts"], None)?;
    // Ten a second, from a time in the middle of an interval to one at the end of a second.
    let (first, step) = (1_000_300, 100);
    let times: Vec<i64> =
        (0..).map(|n| first + n * step).take_while(|ts| *ts <= 1_121_000).collect();
    for (n, ts) in times.iter().enumerate() {
        task.feed(values![*ts])?;
        if n % 7 == 0 {
            task.watermark()?;
        }
    }
    task.watermark()?;
    let begin = (first + slide - 1) / slide * slide;
    let ends = (0..).map(|i| begin + i * slide).take_while(|end| *end <= 1_121_000);
    let holds =
        |end: i64| times.iter().copied().filter(|ts| *ts > end - size && *ts <= end).collect();
    equal("windows", &*seen.borrow(), &ends.map(holds).collect::<Vec<Vec<i64>>>())
}
