//! Schedules hold the rate that was asked for, and records are taken in when they are due.

use super::{Found, SelftestError, percent, run_once};
use crate::execute::Offer;
use crate::schedule::{Rate, Schedule, Shape};
use std::time::Duration;
use weir_dataflow::Cancel;
use weir_reports::schema::Verdict;
use weir_reports::units;
use weir_targets::engines::null;

const RATES_PER_S: [u64; 5] = [1_000, 100_000, 1_000_000, 10_000_000, 50_000_000];
const LENGTH: Duration = Duration::from_secs(10);
/// Off by so much at most.
pub(super) const ALLOWED: f64 = 1e-4;

/// How far a schedule is from a rate: over its whole length, in each tenth of it, and by the time of its last
/// record. A share of the rate.
pub(super) fn deviation(schedule: &Schedule, per_s: u64) -> f64 {
    let off = |found: f64, want: f64| (found / want - 1.0).abs();
    let horizon_ns = schedule.horizon_ns();
    let want = |ns: u64| ns as f64 / 1e9 * per_s as f64;
    let between = |from_ns, to_ns| {
        let records = schedule.count_before(to_ns) - schedule.count_before(from_ns);
        off(records as f64, want(to_ns - from_ns))
    };
    let tenth_ns = horizon_ns / 10;
    let tenths = (0..10).map(|tenth| between(tenth * tenth_ns, (tenth + 1) * tenth_ns));
    let last = schedule.total().checked_sub(1).and_then(|last| schedule.scheduled_ns(last));
    let last = last.map_or(1.0, |at_ns| off(want(at_ns) + 1.0, schedule.total() as f64));
    tenths.fold(between(0, horizon_ns).max(last), f64::max)
}

pub(super) fn rates() -> Result<Found, SelftestError> {
    let mut worst: f64 = 0.0;
    for per_s in RATES_PER_S {
        let rate = Rate::per_second(per_s)?;
        let schedule = Schedule::new(Shape::Constant, rate, LENGTH, 1)?;
        worst = worst.max(deviation(&schedule, per_s));
    }
    let names = RATES_PER_S.map(|rate| units::quantity_short(rate as f64)).join(", ");
    Ok(Found {
        passed: worst <= ALLOWED,
        figure: format!("off by {} at most, at {names} records/s", percent(worst, 4)),
        allowed: format!("{} over 10 s and in each second", percent(ALLOWED, 2)),
    })
}

/// Records per second that the null engine is driven at.
const DRIVEN_PER_S: u64 = 100_000;
const LATE_NS: u64 = 2_000_000;

pub(super) fn on_time(cancel: &Cancel) -> Result<Found, SelftestError> {
    let offer = Offer {
        shape: Shape::Constant,
        rate: Rate::per_second(DRIVEN_PER_S)?,
        warm_up: Duration::from_millis(500),
        measured: Duration::from_secs(2),
        seed: 1,
    };
    let run = run_once(&*null(), "constant-null", offer, cancel)?;
    let (due, given) = (DRIVEN_PER_S * 5 / 2, run.given);
    let run = run.into_run(1, 1, Verdict::default());
    let latency = run.latency.ok_or(SelftestError::Nothing("latencies"))?;
    Ok(Found {
        passed: given == due && run.records == due && latency.p99_ns <= LATE_NS,
        figure: format!(
            "{} of {} records taken in, lag p50 {}, p99 {}, max {}, at {} records/s",
            units::grouped(run.records),
            units::grouped(due),
            units::duration(latency.p50_ns),
            units::duration(latency.p99_ns),
            units::duration(latency.max_ns),
            units::quantity_short(DRIVEN_PER_S as f64)
        ),
        allowed: format!("all of them, p99 up to {}", units::duration(LATE_NS)),
    })
}
