//! Estimators, limits and scaling.

use super::{Outcome, int, list, same, text};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::rate::{
    BatchRate, PidRateEstimator, RateController, RateEstimator, RateLimiter, Scaling,
    ScalingPolicy, rate_estimator,
};
use weir_microbatch::settings::Settings;

fn pid(params: &Value) -> Result<PidRateEstimator, String> {
    let of = |name: &str| params[name].as_f64().ok_or(format!("{name} is missing"));
    let batch = Duration::from_millis(int(&params["batch_interval_ms"])?);
    let (p, i, d) = (of("proportional")?, of("integral")?, of("derivative")?);
    PidRateEstimator::new(batch, p, i, d, of("min_rate")?).map_err(text)
}

pub(super) fn pid_construct(case: &Value) -> Outcome {
    same("expect", &case["expect"], &Value::from("error"))?;
    match pid(&case["params"]) {
        Err(error) if error.starts_with("requirement failed") => Ok(()),
        other => Err(format!("{other:?} instead of an error")),
    }
}

pub(super) fn pid_sequence(case: &Value) -> Outcome {
    let mut pid = pid(&case["params"])?;
    let tolerance = case["tolerance"].as_f64().ok_or("tolerance is missing")?;
    let calls = list(&case["calls_time_elements_processing_scheduling"])?;
    let expected = list(&case["expected"])?;
    same("calls", calls.len(), expected.len())?;
    for (call, expected) in calls.iter().zip(expected) {
        let of = |n: usize| call[n].as_i64().ok_or(format!("{call} is no call"));
        let rate = pid.compute(of(0)?, of(1)?, of(2)?, of(3)?);
        let close = match (rate, expected.as_f64()) {
            (Some(rate), Some(expected)) => {
                (rate - expected).abs() <= tolerance * expected.abs().max(1.0)
            }
            (rate, expected) => rate == expected,
        };
        if !close {
            return Err(format!("{call}: {rate:?} instead of {expected}"));
        }
    }
    Ok(())
}

fn settings(params: &Value) -> Result<Settings, String> {
    let params = params.as_object().ok_or("params are missing")?;
    let set = params.iter().filter(|(_, value)| !value.is_null());
    Ok(set.map(|(key, value)| (key.clone(), value.to_string().replace('"', ""))).collect())
}

pub(super) fn rate_limiter(case: &Value) -> Outcome {
    let clock = Arc::new(ManualClock::auto());
    let limiter = RateLimiter::new(&settings(&case["params"])?, clock);
    if case["expect"] == "error" {
        let gist = case["message_gist"].as_str().ok_or("message_gist is missing")?;
        let error = limiter.err().ok_or("no error")?.to_string();
        return same(&error, error.contains(gist), true);
    }
    let limiter = limiter.map_err(text)?;
    let updates = case["updates"].as_array().cloned();
    for rate in updates.unwrap_or_else(|| vec![case["update_rate"].clone()]) {
        limiter.update(rate.as_i64().ok_or("an update is no rate")?);
    }
    same("limit", limiter.limit(), int(&case["expected_limit"])?)
}

#[derive(Debug)]
struct Fixed(f64);

impl RateEstimator for Fixed {
    fn compute(
        &mut self,
        time: i64,
        records: i64,
        processing: i64,
        scheduling: i64,
    ) -> Option<f64> {
        assert_eq!((time, records, processing, scheduling), (5, 6, 7, 8));
        Some(self.0)
    }
}

/// There is one rule: what a rate controller makes of a batch.
pub(super) fn rule(case: &Value) -> Outcome {
    same("name", &case["name"], &Value::from("rate controller inputs"))?;
    let published = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&published);
    let publish = move |rate| seen.lock().expect("rates").push(rate);
    let controller = RateController::new(0, Box::new(Fixed(123.9)), publish);
    same("latest rate before the first", controller.latest_rate(), -1)?;
    let full = BatchRate {
        processing_end_ms: Some(5),
        records: Some(6),
        processing_delay_ms: Some(7),
        scheduling_delay_ms: Some(8),
    };
    for batch in [
        BatchRate { processing_end_ms: None, ..full },
        BatchRate { records: None, ..full },
        BatchRate { processing_delay_ms: None, ..full },
        BatchRate { scheduling_delay_ms: None, ..full },
    ] {
        controller.on_batch_completed(&batch);
    }
    same("latest rate without a full batch", controller.latest_rate(), -1)?;
    controller.on_batch_completed(&full);
    same("latest rate", controller.latest_rate(), 123)?;
    same("published", published.lock().expect("rates").clone(), vec![123])
}

pub(super) fn allocation(case: &Value) -> Outcome {
    let params = &case["params"];
    let key = "spark.streaming.dynamicAllocation";
    let settings = Settings::default()
        .set(&format!("{key}.scalingUpRatio"), params["up_ratio"].to_string())
        .set(&format!("{key}.scalingDownRatio"), params["down_ratio"].to_string());
    let policy = ScalingPolicy::new(&settings).map_err(text)?;
    let of = |name: &str| int(&params[name]).map(Duration::from_millis);
    let decided = policy.decide(of("avg_batch_proc_ms")?, of("batch_ms")?);
    let executors = list(&params["executors"])?;
    let shown = match decided {
        Scaling::Add(n) => format!("+{n} ({}->{})", executors.len(), executors.len() + n),
        Scaling::Keep => "no change".into(),
        Scaling::RemoveOne => {
            let free = executors.iter().find(|executor| **executor != params["receiver_on"]);
            format!("kill one executor without a receiver ({})", free.ok_or("none is free")?)
        }
    };
    same("decision", shown.as_str(), case["expected"].as_str().unwrap_or_default())
}

/// Takes records as fast as the limiter lets it, on a clock that moves when it is waited for.
pub(super) fn throttle(case: &Value) -> Outcome {
    let (params, expected) = (&case["params"], &case["expected"]);
    let max_rate = int(&params["max_rate"])?;
    let settings =
        Settings::default().set("spark.streaming.receiver.maxRate", max_rate.to_string());
    let clock = Arc::new(ManualClock::auto());
    let limiter = RateLimiter::new(&settings, clock.clone()).map_err(text)?;
    let end_ns = int(&params["duration_ms"])? * 1_000_000;
    let mut taken: u64 = 0;
    while clock.now_ns() < end_ns {
        limiter.wait_to_push();
        taken += 1;
    }
    let tolerance = expected["tolerance"].as_f64().ok_or("tolerance is missing")?;
    let close = |what: &str, got: f64, expected: &Value| {
        let expected = expected.as_f64().ok_or(format!("{what} is missing"))?;
        let good = (got - expected).abs() <= tolerance * expected;
        if good { Ok(()) } else { Err(format!("{what}: {got} instead of {expected}")) }
    };
    close("total_messages", taken as f64, &expected["total_messages"])?;
    let blocks = int(&params["duration_ms"])? / int(&params["block_interval_ms"])?;
    close("messages_per_block", taken as f64 / blocks as f64, &expected["messages_per_block"])
}

/// The case about the estimator's name.
pub(super) fn estimator_config(case: &Value) -> Outcome {
    let batch = Duration::from_millis(100);
    let made = rate_estimator(&settings(&case["params"])?, batch).map_err(text)?;
    same("estimator", format!("{made:?}").starts_with("PidRateEstimator"), true)?;
    let other = Settings::default().set("spark.streaming.backpressure.rateEstimator", "foo");
    let error = rate_estimator(&other, batch).err().ok_or("no error")?.to_string();
    same(&error, error.contains("Unknown rate estimator: foo"), true)
}
