//! Cases of statistics: counts and latencies over time, sampling, and the throttle of errors.

use crate::case::{Case, Outcome, equal, refused};
use std::time::Duration;
use weir_topology::ErrorThrottle;
use weir_topology::metrics::{CountStat, LatencyStat, Sampler};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "metrics_errors" {
        return None;
    }
    let params = case.part("params");
    Some(match case.name() {
        "latency_stat" => latencies(case),
        _ if params.has("buckets") => counts(case),
        _ if params.has("error_throttle_interval_secs") => throttled(case),
        _ if params.has("stats_sample_rate") => sampled(case),
        _ => return None,
    })
}

/// A time such as "10 min", with or without the space, in milliseconds.
fn millis(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|error| format!("{text}: {error}"))?;
    match text[digits.len()..].trim() {
        "s" => Ok(number * 1000),
        "min" => Ok(number * 60_000),
        "h" => Ok(number * 3_600_000),
        unit => Err(format!("{text}: {unit} is no unit")),
    }
}

fn after<'a>(text: &'a str, start: &str) -> Result<&'a str, String> {
    text.strip_prefix(start).ok_or_else(|| format!("not understood: {text}"))
}

/// The checkpoint of this time.
fn checkpoint<'a>(expected: &Case<'a>, at_ms: u64) -> Result<Case<'a>, String> {
    for name in ["10min", "3h", "24h"] {
        if millis(name)? == at_ms && expected.has(name) {
            return Ok(expected.part(name));
        }
    }
    Err(format!("nothing is expected at {at_ms} ms"))
}

fn counts(case: &Case<'_>) -> Outcome {
    let buckets = case.part("params").count("buckets")?;
    let (every, rest) = after(case.text("input")?, "per ")?.split_once(": +").ok_or("per what?")?;
    let (count, checkpoints) = rest.split_once("; checkpoints at ").ok_or("until when?")?;
    let every_ms = millis(every)?;
    let count: u64 = count.parse().map_err(|error| format!("{count}: {error}"))?;
    let mut stat = CountStat::with_buckets(buckets, 0);
    let mut now_ms = 0;
    for end in checkpoints.split(", ") {
        while now_ms < millis(end)? {
            stat.add(count);
            now_ms += every_ms;
            stat.turn(now_ms);
        }
        let expected = checkpoint(&case.part("expected"), now_ms)?;
        for (window, got) in stat.counts(now_ms).by_name() {
            equal(&format!("{window} at {end}"), &(got as usize), &expected.count(window)?)?;
        }
    }
    Ok(())
}

fn latencies(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let tolerance = params.number("tolerance")?;
    let (every, rest) =
        after(case.text("input")?, "per ")?.split_once(" one sample: ").ok_or("per what?")?;
    let every_ms = millis(every)?;
    let mut stat = LatencyStat::with_buckets(params.count("buckets")?, 0);
    let mut now_ms = 0;
    for phase in rest.split(", ") {
        let (latency, end) = phase.split_once(" until ").ok_or("until when?")?;
        let latency_ms = latency.parse().map_err(|error| format!("{latency}: {error}"))?;
        while now_ms < millis(end)? {
            stat.record(latency_ms);
            now_ms += every_ms;
            stat.turn(now_ms);
        }
        let expected = checkpoint(&case.part("expected"), now_ms)?;
        for (window, got) in stat.averages_ms(now_ms).by_name() {
            let want = expected.number(window)?;
            if (got - want).abs() > tolerance {
                return Err(format!("{window} at {end}: got {got}, want {want}"));
            }
        }
    }
    Ok(())
}

fn throttled(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let interval = Duration::from_secs(params.count("error_throttle_interval_secs")? as u64);
    let (mut now_ms, mut reported) = (0, 0);
    let mut throttle =
        ErrorThrottle::new(params.count("max_error_report_per_interval")?, interval, now_ms);
    let mut got = Vec::new();
    for step in case.list("input")? {
        match (step.as_str(), step[0].as_str(), step[1].as_u64()) {
            (Some("report"), ..) => {
                reported += i64::from(throttle.admits(now_ms));
                got.push(reported);
            }
            (None, Some("advance_ms"), Some(ms)) => now_ms += ms,
            _ => return Err(format!("not understood: {step}")),
        }
    }
    equal("reported_after", &got, &case.part("expected").ints("reported_after")?)
}

fn sampled(case: &Case<'_>) -> Outcome {
    let rate = case.part("params").number("stats_sample_rate")?;
    let sampler = Sampler::new(rate, 5);
    if case["expected"].is_object() {
        return refused(sampler, &case.part("expected"));
    }
    let mut sampler = sampler.map_err(|error| error.to_string())?;
    let weight = sampler.weight();
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let sampled: Vec<u64> = (0..weight).filter(|_| sampler.sample()).collect();
        equal("samples of a block", &sampled.len(), &1)?;
        places.extend(sampled);
    }
    equal("places in a block", &(places.len() > 1), &(weight > 1))?;
    if weight == 1 {
        return case.says("expected", "every tuple counted");
    }
    let told = format!(
        "samplingFreq = (int)(1/{rate}) = {weight}; exactly one sample at a random offset in each \
         block of {weight}; emitted/transferred/acked/executed counters are incremented by {weight} \
         per sample"
    );
    case.says("expected", &told)
}
