//! Times, durations, intervals, timers and texts.

use super::{Outcome, int, list, same, text};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::files::{accept_visible, is_new_file, num_batches_to_remember};
use weir_microbatch::time::{
    DurationMath, Interval, TimeMath, TimeUnit, blocks_per_batch, format_batch_time, minutes,
    rdd_to_file_name, seconds, timer_restart_time, timer_start_time, times_to_reschedule,
    zero_time,
};
use weir_microbatch::timer::RecurringTimer;
use weir_microbatch::{SparkContext, Time};

pub(super) fn formula(case: &Value) -> Outcome {
    let got = match (case["type"].as_str(), case["op"].as_str()) {
        (Some("duration"), Some(op)) => duration(op, list(&case["args"])?)?,
        (Some("time"), Some(op)) => time(op, list(&case["args"])?)?,
        (Some("interval"), Some(op)) => interval(op, list(&case["args"])?)?,
        (Some("timer"), Some(op)) => timer(op, list(&case["args"])?)?,
        (None, Some(op)) if case["params"].is_object() => with_params(op, &case["params"])?,
        (None, Some(op)) => with_args(op, list(&case["args"])?)?,
        (None, None) if case["params"]["block_interval_ms"].is_u64() => {
            let params = &case["params"];
            json!(blocks_per_batch(ms(&params["batch_ms"])?, ms(&params["block_interval_ms"])?))
        }
        (None, None) if case["params"]["submissionTime"].is_u64() => batch_delays(&case["params"])?,
        (kind, op) => return Err(format!("formula of type {kind:?} and op {op:?} is not known")),
    };
    match (got.as_f64(), case["expected"].as_f64()) {
        (Some(got), Some(expected)) => same("value", got, expected),
        _ => same("value", &got, &case["expected"]),
    }
}

fn ms(value: &Value) -> Result<Duration, String> {
    int(value).map(Duration::from_millis)
}

fn at(value: &Value) -> Result<Time, String> {
    int(value).map(Time::from_ms)
}

fn all_ms(times: Vec<Time>) -> Value {
    json!(times.into_iter().map(Time::as_ms).collect::<Vec<_>>())
}

fn order<T: Ord>(op: &str, a: &T, b: &T) -> Option<Value> {
    Some(json!(match op {
        "less" => a < b,
        "lessEq" => a <= b,
        "greater" => a > b,
        "greaterEq" => a >= b,
        _ => return None,
    }))
}

fn millis(duration: Duration) -> Value {
    json!(duration.as_millis() as u64)
}

fn duration(op: &str, args: &[Value]) -> Result<Value, String> {
    let a = ms(&args[0])?;
    let b = || ms(args.get(1).ok_or("a second argument is missing")?);
    Ok(match op {
        "less" | "lessEq" | "greater" | "greaterEq" => order(op, &a, &b()?).unwrap_or_default(),
        "plus" => millis(a + b()?),
        "minus" => millis(a - b()?),
        "times" => millis(a * u32::try_from(int(&args[1])?).map_err(text)?),
        "div" => json!(a.div_duration_f64(b()?)),
        "isMultipleOf" => json!(DurationMath::is_multiple_of(&a, b()?)),
        "min" => millis(a.min(b()?)),
        "max" => millis(a.max(b()?)),
        "isZero" => json!(a.is_zero()),
        "Milliseconds" => millis(a),
        "Seconds" => millis(seconds(int(&args[0])?)),
        "Minutes" => millis(minutes(int(&args[0])?)),
        "toString" => json!(a.ms_text()),
        "toFormattedString" => json!(a.as_millis().to_string()),
        "prettyPrint" => json!(a.pretty_print()),
        _ => return Err(format!("duration.{op} is not known")),
    })
}

fn time(op: &str, args: &[Value]) -> Result<Value, String> {
    let a = at(&args[0])?;
    let other = || at(args.get(1).ok_or("a second argument is missing")?);
    let by = |n: usize| ms(args.get(n).ok_or("an argument is missing")?);
    Ok(match op {
        "less" | "lessEq" | "greater" | "greaterEq" => order(op, &a, &other()?).unwrap_or_default(),
        "plus" => json!(a.after(by(1)?).as_ms()),
        "minusTime" => millis(a.since(other()?)),
        "minusDuration" => json!(a.before(by(1)?).as_ms()),
        "floor" if args.len() == 3 => json!(a.floor_from(by(1)?, at(&args[2])?).as_ms()),
        "floor" => json!(a.floor_to(by(1)?).as_ms()),
        "isMultipleOf" => json!(TimeMath::is_multiple_of(&a, by(1)?)),
        "min" => json!(a.min(other()?).as_ms()),
        "max" => json!(a.max(other()?).as_ms()),
        "until" => all_ms(a.until(other()?, by(2)?).map_err(text)?),
        "to" => all_ms(a.to(other()?, by(2)?).map_err(text)?),
        "toString" => json!(a.to_string()),
        _ => return Err(format!("time.{op} is not known")),
    })
}

fn interval(op: &str, args: &[Value]) -> Result<Value, String> {
    let one = |value: &Value| Ok::<_, String>(Interval::new(at(&value[0])?, at(&value[1])?));
    let shown = |interval: Interval| json!([interval.begin.as_ms(), interval.end.as_ms()]);
    let a = one(&args[0])?;
    Ok(match op {
        "plus" => shown(a.after(ms(&args[1])?)),
        "minus" => shown(a.before(ms(&args[1])?)),
        "less" => json!(a.is_less(&one(&args[1])?).map_err(text)?),
        "lessEq" => {
            let b = one(&args[1])?;
            json!(a.is_less(&b).map_err(text)?)
        }
        "greater" | "greaterEq" => json!(one(&args[1])?.is_less(&a).map_err(text)?),
        _ => return Err(format!("interval.{op} is not known")),
    })
}

fn timer(op: &str, args: &[Value]) -> Result<Value, String> {
    let (now, period) = (at(&args[0])?, ms(&args[1])?);
    let time = match op {
        "timerStartTime" => timer_start_time(now, period),
        "zeroTime" => zero_time(now, period),
        "timerRestartTime" => timer_restart_time(now, period, at(&args[2])?),
        _ => return Err(format!("timer.{op} is not known")),
    };
    Ok(json!(time.as_ms()))
}

fn with_params(op: &str, params: &Value) -> Result<Value, String> {
    let flag = |name: &str| params[name].as_bool().ok_or(format!("{name} is missing"));
    Ok(match op {
        "num_batches_to_remember" => {
            json!(num_batches_to_remember(
                ms(&params["batch_ms"])?,
                ms(&params["min_remember_ms"])?
            ))
        }
        "is_new_file" => {
            let accepted = flag("filter_accepts")?;
            if let Some(name) = params["file_name"].as_str() {
                same("default filter", accept_visible(name.as_ref()), accepted)?;
            }
            json!(is_new_file(
                int(&params["mod_time_ms"])?,
                int(&params["batch_time_ms"])?,
                int(&params["ignore_threshold_ms"])?,
                flag("already_selected")?,
                accepted,
            ))
        }
        "times_to_reschedule" => {
            let pending: Result<Vec<_>, _> = list(&params["pending_ms"])?.iter().map(at).collect();
            let (from, to) = (at(&params["checkpoint_time_ms"])?, at(&params["restart_time_ms"])?);
            all_ms(
                times_to_reschedule(from, &pending?, to, ms(&params["batch_ms"])?).map_err(text)?,
            )
        }
        _ => return Err(format!("{op} is not known")),
    })
}

fn with_args(op: &str, args: &[Value]) -> Result<Value, String> {
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(match op {
        "rdd_to_file_name" => {
            json!(rdd_to_file_name(&part(&args[0]), &part(&args[1]), at(&args[2])?))
        }
        "short_time_unit" => json!(unit(&part(&args[0]))?.short()),
        "normalize_duration" => {
            let (value, shown) = TimeUnit::normalize(int(&args[0])?);
            let name = format!("{shown:?}").to_uppercase();
            // Whole numbers are written with and without decimals in the cases.
            if name == "MILLISECONDS" { json!([value as u64, name]) } else { json!([value, name]) }
        }
        "format_batch_time" => {
            let with_date = args[2].as_bool().ok_or("the third argument is no flag")?;
            let batch = args[0].as_i64().ok_or("the first argument is no time")?;
            json!(
                format_batch_time(batch, ms(&args[1])?, with_date, &part(&args[3]))
                    .map_err(text)?
            )
        }
        "hash_partition" => hash_partition(&args[0])?,
        "parallelize_slices" => {
            let (records, slices) = (int(&args[0])?, int(&args[1])? as usize);
            let sc = SparkContext::local(1).map_err(text)?;
            let rdd = sc.parallelize((0..records).collect::<Vec<_>>(), slices).map_err(text)?;
            json!(rdd.glom().collect().map_err(text)?)
        }
        _ => return Err(format!("{op} is not known")),
    })
}

/// Spark places keys by Java's hash codes. Nothing that a program can rely on depends on where a key
/// is, so that the engine does not follow; this shows that the rule in the cases is understood.
fn hash_partition(key: &Value) -> Result<Value, String> {
    let hash = match key {
        Value::String(key) => key
            .encode_utf16()
            .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit))),
        key => i32::try_from(key.as_i64().ok_or("the key is no number")?).map_err(text)?,
    };
    Ok(json!({ "2": hash.rem_euclid(2), "3": hash.rem_euclid(3) }))
}

fn unit(name: &str) -> Result<TimeUnit, String> {
    use TimeUnit::{Days, Hours, Microseconds, Milliseconds, Minutes, Nanoseconds, Seconds};
    let units = [Nanoseconds, Microseconds, Milliseconds, Seconds, Minutes, Hours, Days];
    let found = units.into_iter().find(|unit| format!("{unit:?}").to_uppercase() == name);
    found.ok_or_else(|| format!("time unit {name} is not known"))
}

fn batch_delays(params: &Value) -> Result<Value, String> {
    let submitted = int(&params["submissionTime"])?;
    let (started, ended) =
        (params["processingStartTime"].as_u64(), params["processingEndTime"].as_u64());
    let scheduling = started.map(|started| started - submitted);
    let processing = started.zip(ended).map(|(started, ended)| ended - started);
    let total = scheduling.zip(processing).map(|(a, b)| a + b);
    Ok(json!({
        "schedulingDelay": scheduling,
        "processingDelay": processing,
        "totalDelay": total,
    }))
}

pub(super) fn timer_sequence(case: &Value) -> Outcome {
    let clock = Arc::new(ManualClock::new());
    let ticks = Arc::new(Mutex::new(Vec::new()));
    let (tell, told) = crossbeam_channel::bounded(1024);
    let seen = Arc::clone(&ticks);
    let tick = move |time: Time| {
        seen.lock().expect("ticks").push(time.as_ms());
        tell.send(()).expect("a listener");
    };
    let period = ms(&case["period_ms"])?;
    let first = at(&case["start_at_ms"])?;
    let timer = RecurringTimer::start("timer", clock.clone(), period, first, tick).map_err(text)?;
    let timer = Arc::new(timer);
    let mut stopping = None;
    for step in list(&case["steps"])? {
        if let Some(by) = step["advance"].as_u64() {
            clock.advance(Duration::from_millis(by));
        } else if let Some(how) = step["stop"].as_str() {
            if how == "interrupt" {
                same("stop", timer.stop(true).as_ms(), int(&step["returns"])?)?;
            } else {
                let stopped = Arc::clone(&timer);
                let body = move || stopped.stop(false).as_ms();
                stopping = Some(std::thread::Builder::new().spawn(body).map_err(text)?);
                // Until it has begun: after this, one tick more than is due happens.
                while !timer.is_stopping() {
                    std::thread::yield_now();
                }
            }
        } else if let Some(expected) = step["stop_returns"].as_u64() {
            let stopped = stopping.take().ok_or("stop has not been called")?;
            same("stop", stopped.join().map_err(|_| "stop panicked")?, expected)?;
        } else {
            same("clock", 0, int(&step["clock"])?)?;
        }
        if let Some(expected) = step["callbacks"].as_array() {
            while ticks.lock().expect("ticks").len() < expected.len() {
                told.recv_timeout(Duration::from_secs(10)).map_err(|_| "a tick is missing")?;
            }
            same("ticks", json!(*ticks.lock().expect("ticks")), json!(expected))?;
        }
    }
    Ok(())
}
