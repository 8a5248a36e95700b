//! Estimators, limits and scaling.

use super::{Case, Outcome, list, same, text};
use crate::phrases::{clauses, holes, is, unknown};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::rate::{
    BatchRate, PidRateEstimator, RateController, RateEstimator, RateLimiter, ScalingPolicy,
};
use weir_microbatch::settings::Settings;

fn pid(params: &Case<'_>) -> Result<PidRateEstimator, String> {
    let of = |name: &str| params[name].as_f64().ok_or(format!("{name} is missing"));
    let batch = Duration::from_millis(params.int("batch_interval_ms")?);
    let (p, i, d, least) =
        (of("proportional")?, of("integral")?, of("derivative")?, of("min_rate")?);
    params.finished()?;
    PidRateEstimator::new(batch, p, i, d, least).map_err(text)
}

pub(super) fn pid_construct(case: &Case<'_>) -> Outcome {
    match (pid(&case.part("params")), case.text("expect")?) {
        (Err(error), "error") if error.starts_with("requirement failed") => Ok(()),
        (Ok(_), "ok") => Ok(()),
        (made, expect) => Err(format!("{made:?} instead of {expect:?}")),
    }
}

pub(super) fn pid_sequence(case: &Case<'_>) -> Outcome {
    let mut pid = pid(&case.part("params"))?;
    let tolerance = case["tolerance"].as_f64().ok_or("tolerance is missing")?;
    let calls = case.list("calls_time_elements_processing_scheduling")?;
    let expected = case.list("expected")?;
    same("calls", calls.len(), expected.len())?;
    for (call, expected) in calls.iter().zip(expected) {
        let of = |n: usize| call[n].as_i64().ok_or(format!("{call} is no call"));
        let rate = pid.compute(of(0)?, of(1)?, of(2)?, of(3)?);
        let close = match (rate, expected.as_f64()) {
            (Some(rate), Some(expected)) => {
                (rate - expected).abs() <= tolerance * expected.abs().max(1.0)
            }
            (rate, _) => rate.is_none() && expected.is_null(),
        };
        if !close {
            return Err(format!("{call}: {rate:?} instead of {expected}"));
        }
    }
    Ok(())
}

/// Settings under Spark's keys; null stands for "not set".
pub(super) fn settings(params: &Value) -> Result<Settings, String> {
    let params = params.as_object().ok_or("params are missing")?;
    let set = params.iter().filter(|(_, value)| !value.is_null());
    Ok(set.map(|(key, value)| (key.clone(), value.to_string().replace('"', ""))).collect())
}

pub(super) fn rate_limiter(case: &Case<'_>) -> Outcome {
    let clock = Arc::new(ManualClock::auto());
    let limiter = RateLimiter::new(&settings(&case["params"])?, clock);
    if case.get("expect").is_some() {
        same("expect", case.text("expect")?, "error")?;
        let gist = case.text("message_gist")?;
        let error = limiter.err().ok_or("no error")?.to_string();
        return same(&error, error.contains(gist), true);
    }
    let limiter = limiter.map_err(text)?;
    let updates = match case.get("updates") {
        Some(updates) => list(updates)?.clone(),
        None => case.get("update_rate").into_iter().cloned().collect(),
    };
    for rate in updates {
        limiter.update(rate.as_i64().ok_or("an update is no rate")?);
    }
    same("limit", limiter.limit(), case.int("expected_limit")?)
}

/// An estimator that notes what it is asked, and always says the same.
#[derive(Debug)]
struct Noting {
    calls: Arc<Mutex<Vec<[i64; 4]>>>,
    rate: f64,
}

impl RateEstimator for Noting {
    fn compute(
        &mut self,
        time: i64,
        records: i64,
        processing: i64,
        scheduling: i64,
    ) -> Option<f64> {
        self.calls.lock().expect("calls").push([time, records, processing, scheduling]);
        Some(self.rate)
    }
}

/// A batch of which everything is known, and what it is called in rules.
const BATCH: BatchRate = BatchRate {
    processing_end_ms: Some(5),
    records: Some(6),
    processing_delay_ms: Some(7),
    scheduling_delay_ms: Some(8),
};

fn known_as(field: &str) -> Result<i64, String> {
    let known = match field {
        "processingEndTime" => BATCH.processing_end_ms,
        "streamIdToInputInfo[stream].numRecords" => BATCH.records,
        "processingDelay" => BATCH.processing_delay_ms,
        "schedulingDelay" => BATCH.scheduling_delay_ms,
        _ => return unknown(field),
    };
    Ok(known.unwrap_or_default())
}

/// A rule about a rate controller, clause by clause.
pub(super) fn rule(case: &Case<'_>) -> Outcome {
    for clause in clauses(case.text("rule")?, ';') {
        let (calls, published) = (Arc::default(), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&published);
        let publish = move |rate| seen.lock().expect("rates").push(rate);
        let estimator = Noting { calls: Arc::clone(&calls), rate: 123.9 };
        let controller = RateController::new(0, Box::new(estimator), publish);
        let computes = "onBatchCompleted: compute({*}) only if all are defined{*}";
        if let Some([arguments, also]) = holes(clause, computes) {
            same(also, is(also, "") || is(also, "and the stream has input info"), true)?;
            for batch in [
                BatchRate { processing_end_ms: None, ..BATCH },
                BatchRate { records: None, ..BATCH },
                BatchRate { processing_delay_ms: None, ..BATCH },
                BatchRate { scheduling_delay_ms: None, ..BATCH },
            ] {
                controller.on_batch_completed(&batch);
            }
            same("calls without a full batch", calls.lock().expect("calls").len(), 0)?;
            controller.on_batch_completed(&BATCH);
            let call = calls.lock().expect("calls").first().copied().ok_or("no call")?;
            let of = ["time", "elems", "workDelay", "waitDelay"];
            let arguments = clauses(arguments, ',');
            same("arguments", arguments.len(), of.len())?;
            for argument in arguments {
                let (name, field) = argument.split_once('=').unwrap_or((argument, ""));
                let at = of.iter().position(|one| *one == name).ok_or(format!("{name}?"))?;
                same(argument, call[at], known_as(field)?)?;
            }
        } else if is(clause, "newRate.toLong (truncation) is published") {
            controller.on_batch_completed(&BATCH);
            same(clause, published.lock().expect("rates").clone(), vec![123])?;
            same(clause, controller.latest_rate(), 123)?;
        } else if let Some([rate]) = holes(clause, "initial getLatestRate = {*}") {
            same(clause, controller.latest_rate().to_string().as_str(), rate)?;
        } else {
            return unknown(clause);
        }
    }
    Ok(())
}

pub(super) fn allocation(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let key = "spark.streaming.dynamicAllocation";
    let ratio = |name: &str| params[name].as_f64().ok_or(format!("{name} is missing"));
    let settings = Settings::default()
        .set(&format!("{key}.scalingUpRatio"), ratio("up_ratio")?.to_string())
        .set(&format!("{key}.scalingDownRatio"), ratio("down_ratio")?.to_string());
    let policy = ScalingPolicy::new(&settings).map_err(text)?;
    let of = |name: &str| params.int(name).map(Duration::from_millis);
    let decided = policy.decide(of("avg_batch_proc_ms")?, of("batch_ms")?);
    let executors = params.list("executors")?;
    let busy: Vec<&Value> = match &params["receiver_on"] {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    };
    params.finished()?;
    let (now, target) = (executors.len(), policy.target(decided, executors.len(), busy.len()));
    let shown = if target > now {
        format!("+{} ({now}->{target})", target - now)
    } else if target == now {
        "no change".to_owned()
    } else {
        let free = executors.iter().find(|one| !busy.contains(one)).ok_or("none is free")?;
        format!("kill one executor without a receiver ({free})")
    };
    same("decision", shown.as_str(), case.text("expected")?)
}

/// Takes records as fast as the limiter lets it, on a clock that moves when it is waited for.
pub(super) fn throttle(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let settings = Settings::default()
        .set("spark.streaming.receiver.maxRate", params.int("max_rate")?.to_string());
    let clock = Arc::new(ManualClock::auto());
    let limiter = RateLimiter::new(&settings, clock.clone()).map_err(text)?;
    let (duration, block) = (params.int("duration_ms")?, params.int("block_interval_ms")?);
    params.finished()?;
    let mut taken: u64 = 0;
    while clock.now_ns() < duration * 1_000_000 {
        limiter.wait_to_push();
        taken += 1;
    }
    let tolerance = expected["tolerance"].as_f64().ok_or("tolerance is missing")?;
    let close = |what: &str, got: f64| {
        let expected = expected[what].as_f64().ok_or(format!("{what} is missing"))?;
        let good = (got - expected).abs() <= tolerance * expected;
        if good { Ok(()) } else { Err(format!("{what}: {got} instead of {expected}")) }
    };
    close("total_messages", taken as f64)?;
    close("messages_per_block", taken as f64 * block as f64 / duration as f64)?;
    expected.finished()
}
