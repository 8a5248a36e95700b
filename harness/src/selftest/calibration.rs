//! What an engine of a known time per record reaches, and what measuring itself costs.

use super::{Found, SelftestError, percent, run_once, saturation};
use crate::recorder::{RecordingSpec, Recordings};
use crate::schedule::{Rate, Shape};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, Clock, Sample, SystemClock};
use weir_reports::units;
use weir_statistics::sample::median;
use weir_targets::engines::{null, slowed_null};
use weir_targets::slowed::{Pace, Wait};

const SERVICE: Duration = Duration::from_micros(20);
const SHORT: f64 = 0.05;
const MOST_NS: f64 = 20.0;
const LEAST_PER_S: f64 = 1e6;

/// A limit that holds in an optimised build.
fn in_release(allowed: String) -> String {
    if cfg!(debug_assertions) {
        format!("{allowed} in a release build; not judged in this one")
    } else {
        allowed
    }
}

pub(super) fn service(cancel: &Cancel) -> Result<Found, SelftestError> {
    let limit = 1.0 / SERVICE.as_secs_f64();
    let offer = saturation(Duration::from_millis(100), Duration::from_millis(500))?;
    let mut shares = Vec::new();
    for _ in 0..3 {
        let pace = Pace::even(Arc::new(SystemClock::new()), SERVICE, Wait::Spin);
        let run = run_once(&*slowed_null(pace), "constant-null", offer, cancel)?;
        shares.push(run.achieved_per_s() / limit);
    }
    let share = median(&shares);
    Ok(Found {
        passed: (share - 1.0).abs() <= SHORT,
        figure: format!(
            "{} of the {} records/s that {} each make possible, median of 3",
            percent(share, 1),
            units::quantity_short(limit),
            units::duration(SERVICE.as_nanos() as u64)
        ),
        allowed: format!("within {}", percent(SHORT, 0)),
    })
}

/// Records of a pass, in pieces as an engine hands them over.
const PIECES: u64 = 64;
const PIECE: u64 = 1_024;

pub(super) fn recording() -> Result<Found, SelftestError> {
    let spec = RecordingSpec::after_warm_up(Duration::ZERO, Duration::from_secs(1));
    let recordings = Recordings::new(spec.with_pieces(0));
    let mut recorder = recordings.recorder();
    let samples: Vec<Sample> = (0..PIECES * PIECE)
        .map(|at| {
            // A record each microsecond, with latencies that differ without a pattern.
            let (scheduled_ns, delay_ns) = (at * 1_000, 20_000 + at * 7_919 % 60_000);
            let taken_ns = scheduled_ns + delay_ns / 2;
            Sample { scheduled_ns, taken_ns, visible_ns: scheduled_ns + delay_ns }
        })
        .collect();
    let clock = SystemClock::new();
    let mut best_ns = f64::MAX;
    for _ in 0..40 {
        let from_ns = clock.now_ns();
        samples.chunks(PIECE as usize).for_each(|piece| recorder.record(piece));
        let took_ns = clock.now_ns() - from_ns;
        best_ns = best_ns.min(took_ns as f64 / samples.len() as f64);
    }
    drop(recorder);
    let kept = recordings.finish().scheduled.len();
    Ok(Found {
        passed: kept == 40 * PIECES * PIECE && (best_ns < MOST_NS || cfg!(debug_assertions)),
        figure: format!("{best_ns:.1} ns per record, of {} kept", units::grouped(kept)),
        allowed: in_release(format!("below {MOST_NS:.0} ns")),
    })
}

pub(super) fn ceiling(cancel: &Cancel) -> Result<Found, SelftestError> {
    let null = null();
    let mut offer = saturation(Duration::from_millis(100), Duration::from_millis(500))?;
    let flat_out = run_once(&*null, "constant-null", offer, cancel)?.achieved_per_s();
    let rate = flat_out.min(Rate::MAX_PER_S as f64);
    (offer.shape, offer.rate) = (Shape::Constant, Rate::nearest(rate)?);
    let measured = run_once(&*null, "constant-null", offer, cancel)?.achieved_per_s();
    let enough = flat_out.min(measured) >= LEAST_PER_S;
    Ok(Found {
        passed: enough || cfg!(debug_assertions),
        figure: format!(
            "{} records/s at saturation, {} with the latency of each measured",
            units::quantity(flat_out),
            units::quantity(measured)
        ),
        allowed: in_release(format!("{} or more", units::quantity_short(LEAST_PER_S))),
    })
}
