//! Times, durations, intervals, timers and texts.

use super::{Case, Outcome, int, list, same, text};
use crate::pipeline::{KEEP, Run};
use crate::value::Value as Record;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::files::{accept_visible, is_new_file, num_batches_to_remember};
use weir_microbatch::time::{
    DurationMath, Interval, TimeMath, TimeUnit, format_batch_time, minutes, rdd_to_file_name,
    seconds, timer_restart_time, timer_start_time, times_to_reschedule,
};
use weir_microbatch::timer::RecurringTimer;
use weir_microbatch::{BatchInfo, JavaHash, JavaHashPartitioner, SparkContext, Time};

pub(super) fn formula(case: &Case<'_>) -> Outcome {
    let (kind, op) = (case["type"].as_str(), case["op"].as_str());
    let got = match (kind, op) {
        (Some("duration"), Some(op)) => duration(op, Arguments::of(case)?)?,
        (Some("time"), Some(op)) => time(op, Arguments::of(case)?)?,
        (Some("interval"), Some(op)) => interval(op, Arguments::of(case)?)?,
        (Some("timer"), Some(op)) => timer(op, Arguments::of(case)?)?,
        (None, Some(op)) if !case["args"].is_null() => with_args(op, Arguments::of(case)?)?,
        (None, op) if !case["params"].is_null() => {
            let params = case.part("params");
            let got = with_params(op, &params)?;
            params.finished()?;
            got
        }
        (kind, op) => return Err(format!("formula of type {kind:?} and op {op:?} is not known")),
    };
    let expected = case.get("expected").ok_or("expected is missing")?;
    match (got.as_f64(), expected.as_f64()) {
        (Some(got), Some(expected)) => same("value", got, expected),
        _ => same("value", &got, expected),
    }
}

/// The arguments of a formula.
#[derive(Clone, Copy)]
struct Arguments<'a>(&'a [Value]);

impl<'a> Arguments<'a> {
    fn of(case: &Case<'a>) -> Result<Self, String> {
        Ok(Self(case.list("args")?))
    }
    fn get(self, n: usize) -> Result<&'a Value, String> {
        self.0.get(n).ok_or_else(|| format!("argument {} is missing", n + 1))
    }
    fn int(self, n: usize) -> Result<u64, String> {
        int(self.get(n)?)
    }
    fn ms(self, n: usize) -> Result<Duration, String> {
        ms(self.get(n)?)
    }
    fn at(self, n: usize) -> Result<Time, String> {
        at(self.get(n)?)
    }
    /// A text; null is the empty one.
    fn text(self, n: usize) -> Result<&'a str, String> {
        match self.get(n)? {
            Value::Null => Ok(""),
            Value::String(text) => Ok(text),
            other => Err(format!("{other} is no text")),
        }
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

fn duration(op: &str, args: Arguments<'_>) -> Result<Value, String> {
    let a = args.ms(0)?;
    let b = || args.ms(1);
    Ok(match op {
        "less" | "lessEq" | "greater" | "greaterEq" => order(op, &a, &b()?).unwrap_or_default(),
        "plus" => millis(a + b()?),
        "minus" => millis(a.checked_sub(b()?).ok_or("the difference is negative")?),
        "times" => millis(a * u32::try_from(args.int(1)?).map_err(text)?),
        "div" => json!(a.div_duration_f64(b()?)),
        "isMultipleOf" => json!(DurationMath::is_multiple_of(&a, b()?)),
        "min" => millis(a.min(b()?)),
        "max" => millis(a.max(b()?)),
        "isZero" => json!(a.is_zero()),
        "Milliseconds" => millis(a),
        "Seconds" => millis(seconds(args.int(0)?)),
        "Minutes" => millis(minutes(args.int(0)?)),
        "toString" => json!(a.ms_text()),
        "toFormattedString" => json!(a.as_millis().to_string()),
        "prettyPrint" => json!(a.pretty_print()),
        _ => return Err(format!("duration.{op} is not known")),
    })
}

fn time(op: &str, args: Arguments<'_>) -> Result<Value, String> {
    let a = args.at(0)?;
    let other = || args.at(1);
    let by = |n: usize| args.ms(n);
    Ok(match op {
        "less" | "lessEq" | "greater" | "greaterEq" => order(op, &a, &other()?).unwrap_or_default(),
        "plus" => json!(a.after(by(1)?).as_ms()),
        "minusTime" => millis(a.since(other()?)),
        "minusDuration" => json!(a.before(by(1)?).as_ms()),
        "floor" if args.0.len() == 3 => json!(a.floor_from(by(1)?, args.at(2)?).as_ms()),
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

fn interval(op: &str, args: Arguments<'_>) -> Result<Value, String> {
    let one = |n: usize| {
        let ends = Arguments(list(args.get(n)?)?);
        Ok::<_, String>(Interval::new(ends.at(0)?, ends.at(1)?))
    };
    let shown = |interval: Interval| json!([interval.begin.as_ms(), interval.end.as_ms()]);
    let a = one(0)?;
    Ok(match op {
        "plus" => shown(a.after(args.ms(1)?)),
        "minus" => shown(a.before(args.ms(1)?)),
        // Two intervals are never the same one, so that "or equal" adds nothing.
        "less" | "lessEq" => json!(a.is_less(&one(1)?).map_err(text)?),
        "greater" | "greaterEq" => json!(one(1)?.is_less(&a).map_err(text)?),
        _ => return Err(format!("interval.{op} is not known")),
    })
}

fn timer(op: &str, args: Arguments<'_>) -> Result<Value, String> {
    let (now, period) = (args.at(0)?, args.ms(1)?);
    let time = match op {
        "timerStartTime" => timer_start_time(now, period),
        // What a context counts from that starts now.
        "zeroTime" => {
            let zero = Run::new(args.int(1)?.max(1), args.int(0)?, false);
            let input = zero.ssc.queue_stream::<Record>(Arc::default()).map_err(text)?;
            input.foreach_rdd(|_, _| Ok(())).map_err(text)?;
            zero.ssc.start().map_err(text)?;
            let found = zero.ssc.zero_time().ok_or("no zero time")?;
            zero.ssc.stop(KEEP).map_err(text)?;
            found
        }
        "timerRestartTime" => timer_restart_time(now, period, args.at(2)?),
        _ => return Err(format!("timer.{op} is not known")),
    };
    Ok(json!(time.as_ms()))
}

fn with_params(op: Option<&str>, params: &Case<'_>) -> Result<Value, String> {
    let span = |name: &str| params.int(name).map(Duration::from_millis);
    Ok(match op {
        Some("num_batches_to_remember") => {
            json!(num_batches_to_remember(span("batch_ms")?, span("min_remember_ms")?))
        }
        Some("is_new_file") => {
            let accepted = params.flag("filter_accepts")?;
            if params.get("file_name").is_some() {
                let name = params.text("file_name")?;
                same("default filter", accept_visible(name.as_ref()), accepted)?;
            }
            json!(is_new_file(
                params.int("mod_time_ms")?,
                params.int("batch_time_ms")?,
                params.int("ignore_threshold_ms")?,
                params.flag("already_selected")?,
                accepted,
            ))
        }
        Some("times_to_reschedule") => {
            let pending: Result<Vec<_>, _> = params.list("pending_ms")?.iter().map(at).collect();
            let (from, to) = (at(&params["checkpoint_time_ms"])?, at(&params["restart_time_ms"])?);
            all_ms(times_to_reschedule(from, &pending?, to, span("batch_ms")?).map_err(text)?)
        }
        None if params.get("block_interval_ms").is_some() => {
            json!(super::blocks::blocks_in(span("batch_ms")?, span("block_interval_ms")?)?)
        }
        None if params.get("submissionTime").is_some() => batch_delays(params)?,
        other => return Err(format!("{other:?} of {:?} is not known", params.whole())),
    })
}

fn with_args(op: &str, args: Arguments<'_>) -> Result<Value, String> {
    Ok(match op {
        "rdd_to_file_name" => {
            json!(rdd_to_file_name(args.text(0)?, args.text(1)?, args.at(2)?))
        }
        "short_time_unit" => json!(unit(args.text(0)?)?.short()),
        "normalize_duration" => {
            let (value, shown) = TimeUnit::normalize(args.int(0)?);
            let name = format!("{shown:?}").to_uppercase();
            // Whole numbers are written with and without decimals in the cases.
            if name == "MILLISECONDS" { json!([value as u64, name]) } else { json!([value, name]) }
        }
        "format_batch_time" => {
            let with_date = args.get(2)?.as_bool().ok_or("the third argument is no flag")?;
            let batch = args.get(0)?.as_i64().ok_or("the first argument is no time")?;
            let shown = format_batch_time(batch, args.ms(1)?, with_date, args.text(3)?);
            json!(shown.map_err(text)?)
        }
        "hash_partition" => match args.get(0)? {
            Value::Null => hash_partition(None::<i32>)?,
            Value::Bool(key) => hash_partition(*key)?,
            Value::String(key) => hash_partition(key.clone())?,
            key => {
                let key = key.as_i64().ok_or_else(|| format!("{key} is no key"))?;
                // Scala takes a number for an Int as long as it is one.
                match i32::try_from(key) {
                    Ok(key) => hash_partition(key)?,
                    Err(_) => hash_partition(key)?,
                }
            }
        },
        "parallelize_slices" => {
            let (records, slices) = (args.int(0)?, args.int(1)? as usize);
            let sc = SparkContext::local(1).map_err(text)?;
            let rdd = sc.parallelize((0..records).collect::<Vec<_>>(), slices).map_err(text)?;
            json!(rdd.glom().collect().map_err(text)?)
        }
        _ => return Err(format!("{op} is not known")),
    })
}

/// Where a key is in an RDD of two partitions, and in one of three.
fn hash_partition<K: JavaHash + weir_dataflow::Key>(key: K) -> Result<Value, String> {
    let sc = SparkContext::local(1).map_err(text)?;
    let mut places = serde_json::Map::new();
    for partitions in [2, 3] {
        let by = JavaHashPartitioner::new(partitions).map_err(text)?;
        let placed = sc.parallelize(vec![(key.clone(), ())], 1).map_err(text)?.partition_by(by);
        let filled = placed.glom().collect().map_err(text)?;
        let place = filled.iter().position(|partition| !partition.is_empty());
        places.insert(partitions.to_string(), json!(place));
    }
    Ok(places.into())
}

fn unit(name: &str) -> Result<TimeUnit, String> {
    use TimeUnit::{Days, Hours, Microseconds, Milliseconds, Minutes, Nanoseconds, Seconds};
    let units = [Nanoseconds, Microseconds, Milliseconds, Seconds, Minutes, Hours, Days];
    let found = units.into_iter().find(|unit| format!("{unit:?}").to_uppercase() == name);
    found.ok_or_else(|| format!("time unit {name} is not known"))
}

/// The delays of a batch whose times are told in ms.
fn batch_delays(params: &Case<'_>) -> Result<Value, String> {
    let ns = |field: &str| match &params[field] {
        Value::Null => Ok(None),
        _ => params.int(field).map(|ms| Some(ms * 1_000_000)),
    };
    let submitted_ns = ns("submissionTime")?.ok_or("submissionTime is missing")?;
    let batch = BatchInfo {
        time: Time::from_ns(submitted_ns),
        inputs: Arc::default(),
        submitted_ns,
        started_ns: ns("processingStartTime")?,
        ended_ns: ns("processingEndTime")?,
        outputs: Vec::new(),
    };
    let ms = |ns: Option<u64>| ns.map(|ns| ns / 1_000_000);
    Ok(json!({
        "schedulingDelay": ms(batch.scheduling_delay_ns()),
        "processingDelay": ms(batch.processing_delay_ns()),
        "totalDelay": ms(batch.total_delay_ns()),
    }))
}

pub(super) fn timer_sequence(case: &Case<'_>) -> Outcome {
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
    for step in case.list("steps")? {
        let step = Case::new(step);
        if step.get("advance").is_some() {
            let by = step.int("advance")?;
            clock.advance(Duration::from_millis(by));
        } else if step.get("stop").is_some() {
            let how = step.text("stop")?;
            if how == "interrupt" {
                same("stop", timer.stop(true).as_ms(), step.int("returns")?)?;
            } else if !how.starts_with("no interrupt") {
                return Err(format!("stop {how:?} is not known"));
            } else {
                let stopped = Arc::clone(&timer);
                let body = move || stopped.stop(false).as_ms();
                stopping = Some(std::thread::Builder::new().spawn(body).map_err(text)?);
                // Until it has begun: after this, one tick more than is due happens.
                while !timer.is_stopping() {
                    std::thread::yield_now();
                }
            }
        } else if step.get("stop_returns").is_some() {
            let expected = step.int("stop_returns")?;
            let stopped = stopping.take().ok_or("stop has not been called")?;
            same("stop", stopped.join().map_err(|_| "stop panicked")?, expected)?;
        } else {
            let now_ms = clock.now_ns() / 1_000_000;
            same("clock", now_ms, step.int("clock")?)?;
        }
        if step.get("callbacks").is_some() {
            let expected = step.list("callbacks")?;
            while ticks.lock().expect("ticks").len() < expected.len() {
                told.recv_timeout(Duration::from_secs(10)).map_err(|_| "a tick is missing")?;
            }
            same("ticks", json!(*ticks.lock().expect("ticks")), json!(expected))?;
        }
        step.finished()?;
    }
    Ok(())
}
