//! Percentiles are those of the delays that were planted.

use super::{Found, SelftestError, percent, settings};
use crate::recorder::{RecordingSpec, Recordings};
use crate::schedule::{PacedLoad, Rate, Schedule, Shape};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{ManualClock, RunContext};
use weir_reports::histogram::percentiles;
use weir_targets::engines::slowed_null;
use weir_targets::slowed::{Pace, Wait};
use weir_targets::verdict::Detail;

const RECORDS: u64 = 100_000;
/// So slow that no record waits for another.
const PER_S: u64 = 5;
/// One record in so many is delayed: 5 %.
const EACH: u64 = 20;
const DELAYED: u64 = RECORDS / EACH;
/// What the others take.
const USUAL: Duration = Duration::from_micros(10);
/// Mean of the delays, which are exponential.
const MEAN_NS: f64 = 15e6;
/// The histogram's resolution: three digits.
pub(super) const RESOLUTION: f64 = 1e-3;

/// The time that a record takes: exponential delays, each quantile once, in an order without a pattern.
pub(super) fn time(index: u64) -> Duration {
    if !index.is_multiple_of(EACH) {
        return USUAL;
    }
    // 1,201 and 5,000 have no common divisor: every rank comes once.
    let rank = (index / EACH) * 1_201 % DELAYED;
    let upper = 1.0 - (rank as f64 + 0.5) / DELAYED as f64;
    Duration::from_nanos((-upper.ln() * MEAN_NS) as u64 + USUAL.as_nanos() as u64)
}

/// How far the percentiles of records that take `times` are from those of what was planted: the largest share.
pub(super) fn error(
    times: impl Fn(u64) -> Duration + Send + Sync + 'static,
) -> Result<f64, SelftestError> {
    let length = Duration::from_secs(RECORDS / PER_S);
    let schedule = Schedule::new(Shape::Constant, Rate::per_second(PER_S)?, length, 1)?;
    let recordings = Recordings::new(RecordingSpec::after_warm_up(Duration::ZERO, length));
    let clock = Arc::new(ManualClock::auto());
    let load = Arc::new(PacedLoad::new(schedule));
    let context = RunContext::new(clock.clone(), load, Arc::new(recordings.meter()));
    let engine = slowed_null(Pace::by(clock, times, Wait::Sleep));
    engine.run("constant-null", &settings(), &context, Detail::Digests)?.summary?;
    let latency = recordings.finish();
    let found = percentiles(&latency.scheduled).ok_or(SelftestError::Nothing("latencies"))?;
    let mut planted: Vec<u64> = (0..RECORDS).map(|at| time(at).as_nanos() as u64).collect();
    planted.sort_unstable();
    let exact = |quantile: f64| {
        let rank = (quantile * RECORDS as f64).ceil() as usize;
        planted[rank.clamp(1, planted.len()) - 1]
    };
    let pairs = [
        (Some(found.p50_ns), 0.5),
        (Some(found.p90_ns), 0.9),
        (Some(latency.scheduled.value_at_quantile(0.96)), 0.96),
        (Some(found.p99_ns), 0.99),
        (found.p999_ns, 0.999),
        (found.p9999_ns, 0.9999),
        (Some(found.max_ns), 1.0),
    ];
    let off = pairs.map(|(found, quantile)| {
        // A percentile that is not stated is off by all of it.
        (found.unwrap_or(0) as f64 / exact(quantile) as f64 - 1.0).abs()
    });
    let missing = (found.count as f64 / RECORDS as f64 - 1.0).abs();
    Ok(off.into_iter().fold(missing, f64::max))
}

pub(super) fn planted() -> Result<Found, SelftestError> {
    let off = error(time)?;
    Ok(Found {
        passed: off <= RESOLUTION,
        figure: format!(
            "p50, p90, p96, p99, p99.9, p99.99 and max off by {} at most, 5 % delayed at random",
            percent(off, 3)
        ),
        allowed: format!("{}, the histogram's resolution", percent(RESOLUTION, 1)),
    })
}
