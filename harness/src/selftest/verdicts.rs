//! An engine is no slower than itself, and one that is slower is found to be.

use super::{Found, SelftestError, percent, run_once, saturation};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, SystemClock};
use weir_statistics::sample::median;
use weir_statistics::verdict::{Better, Judge, Verdict};
use weir_targets::engines::slowed_oracle;
use weir_targets::slowed::{Pace, Wait};
use weir_targets::target::Target;

const WORKLOAD: &str = "word-count";
const ROUNDS: usize = 8;
const WARM_UP: Duration = Duration::from_millis(30);
const MEASURED: Duration = Duration::from_millis(120);
/// Every so many records the time of all of them passes at once: for one alone it would be no longer than the
/// clock takes to be read.
const TOGETHER: u64 = 64;

/// The oracle, in which each record takes `more_ns` besides.
#[must_use]
pub fn subject(more_ns: f64) -> Box<dyn Target> {
    let pause = Duration::from_nanos((more_ns * TOGETHER as f64) as u64);
    let times =
        move |index: u64| if index.is_multiple_of(TOGETHER) { pause } else { Duration::ZERO };
    slowed_oracle(Pace::by(Arc::new(SystemClock::new()), times, Wait::Spin))
}

/// Records per second of a short run at saturation.
fn throughput(subject: &dyn Target, cancel: &Cancel) -> Result<f64, SelftestError> {
    let offer = saturation(WARM_UP, MEASURED)?;
    Ok(run_once(subject, WORKLOAD, offer, cancel)?.achieved_per_s())
}

/// Compares the throughput of two in eight interleaved rounds, A B B A: the verdict on the second, and its change
/// from the first as a share.
///
/// # Errors
/// A run could not be made, or failed.
pub fn compare(
    a: &dyn Target,
    b: &dyn Target,
    cancel: &Cancel,
) -> Result<(Verdict, f64), SelftestError> {
    let (mut base, mut new) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            base.push(throughput(a, cancel)?);
            new.push(throughput(b, cancel)?);
        } else {
            new.push(throughput(b, cancel)?);
            base.push(throughput(a, cancel)?);
        }
    }
    let compared = Judge::default().pairs(Better::Higher, &base, &new)?;
    Ok((compared.verdict, compared.change.estimate))
}

/// The time that a record takes in a subject: the median of five runs, in nanoseconds.
///
/// # Errors
/// A run could not be made, or failed.
pub fn time_per_record_ns(subject: &dyn Target, cancel: &Cancel) -> Result<f64, SelftestError> {
    let own: Result<Vec<f64>, _> = (0..5).map(|_| throughput(subject, cancel)).collect();
    Ok(1e9 / median(&own?))
}

/// Comparisons of two, and each one's verdict and change.
fn comparisons(
    times: usize,
    (a, b): (&dyn Target, &dyn Target),
    cancel: &Cancel,
) -> Result<Vec<(Verdict, f64)>, SelftestError> {
    (0..times).map(|_| compare(a, b, cancel)).collect()
}

fn count(found: &[(Verdict, f64)], is: impl Fn(Verdict) -> bool) -> usize {
    found.iter().filter(|(verdict, _)| is(*verdict)).count()
}

const ALIKE: usize = 10;
const ALARMS: usize = 1;

pub(super) fn against_itself(cancel: &Cancel) -> Result<Found, SelftestError> {
    let subject = subject(0.0);
    let found = comparisons(ALIKE, (&*subject, &*subject), cancel)?;
    let unchanged = count(&found, |verdict| verdict == Verdict::Unchanged);
    let open = count(&found, |verdict| verdict == Verdict::Inconclusive);
    let alarms = ALIKE - unchanged - open;
    let largest = found.iter().map(|(_, change)| change.abs()).fold(0.0, f64::max);
    Ok(Found {
        passed: alarms <= ALARMS,
        figure: format!(
            "of {ALIKE} comparisons of {ROUNDS} rounds {unchanged} unchanged, {open} inconclusive, \
             {alarms} changed; by {} at most",
            percent(largest, 1)
        ),
        allowed: format!("up to {ALARMS} changed"),
    })
}

const INJECTED: f64 = 0.1;
const SLOWER: usize = 5;
const FOUND: usize = 4;

pub(super) fn slowdown(cancel: &Cancel) -> Result<Found, SelftestError> {
    let base = subject(0.0);
    let own_ns = time_per_record_ns(&*base, cancel)?;
    let slower = subject(own_ns * INJECTED);
    let found = comparisons(SLOWER, (&*base, &*slower), cancel)?;
    let regressed = count(&found, |verdict| verdict == Verdict::Regressed);
    let changes: Vec<f64> = found.iter().map(|(_, change)| *change).collect();
    Ok(Found {
        passed: regressed >= FOUND,
        figure: format!(
            "{} more for each record of {own_ns:.0} ns: regressed in {regressed} of {SLOWER} \
             comparisons of {ROUNDS} rounds, by {} (arithmetic: {})",
            percent(INJECTED, 0),
            percent(-median(&changes), 1),
            percent(INJECTED / (1.0 + INJECTED), 1)
        ),
        allowed: format!("in {FOUND} or more"),
    })
}
