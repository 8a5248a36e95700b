//! A stall is charged to every record that was due during it.

use super::{Found, SelftestError, run_once, settings};
use crate::execute::Offer;
use crate::recorder::{RecordingSpec, Recordings};
use crate::schedule::{PacedLoad, Rate, Schedule, Shape};
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, Clock, ManualClock, Meter, RunContext, SystemClock};
use weir_reports::histogram::decode;
use weir_reports::schema::Verdict;
use weir_reports::units;
use weir_targets::engines;
use weir_targets::slowed::{Pace, Wait};
use weir_targets::target::Target;
use weir_targets::verdict::Detail;

const PER_S: u64 = 10_000;
const STALL: Duration = Duration::from_millis(100);
const LENGTH: Duration = Duration::from_secs(2);
/// The stall comes after three quarters: a run's beginning may be cut, its second half never.
const STALLS_AT: u64 = PER_S * 3 / 2;
/// Records due in the stall.
const IN_STALL: u64 = PER_S / 10;
/// An engine that does nothing else has no other latency of a tenth of the stall.
const DELAYED_NS: u64 = 10_000_000;

/// What two histograms say of a stall.
struct Stalled {
    max_ns: u64,
    delayed: u64,
    delayed_by_service: u64,
    records: u64,
}

impl Stalled {
    fn of(scheduled: &Histogram<u64>, service: &Histogram<u64>) -> Self {
        let delayed = |of: &Histogram<u64>| of.count_between(DELAYED_NS + 1, u64::MAX);
        Self {
            max_ns: scheduled.max(),
            delayed: delayed(scheduled),
            delayed_by_service: delayed(service),
            records: scheduled.len(),
        }
    }

    /// `slack` is how many records more or fewer may be delayed, and `least` how many have to be measured: none and
    /// all on a clock that is told the time.
    fn found(&self, slack: u64, least: u64) -> Found {
        // Those of the stall's last tenth wait for less than what counts as delayed.
        let due = IN_STALL - IN_STALL / 10;
        let longest = STALL.as_nanos() as u64 / 100 * 99;
        let right = self.delayed.abs_diff(due) <= slack.max(due / 100);
        let own = self.delayed_by_service <= 1 + slack;
        Found {
            passed: self.max_ns >= longest && right && own && self.records >= least,
            figure: format!(
                "max {}, {} of {} records delayed by more than {}, {} by the service time",
                units::duration(self.max_ns),
                units::grouped(self.delayed),
                units::grouped(self.records),
                units::duration(DELAYED_NS),
                self.delayed_by_service
            ),
            allowed: format!(
                "max of {} or more, {due} delayed (within {}), up to {} by the service time",
                units::duration(longest),
                slack.max(due / 100),
                1 + slack
            ),
        }
    }
}

fn engine(clock: Arc<dyn Clock>, wait: Wait) -> Box<dyn Target> {
    let times = |index| if index == STALLS_AT { STALL } else { Duration::ZERO };
    engines::slowed_null(Pace::by(clock, times, wait))
}

/// On a clock that is told the time; `meter` makes that of the recordings.
pub(super) fn on_manual_clock(
    meter: impl Fn(&Recordings) -> Meter,
) -> Result<Found, SelftestError> {
    let schedule = Schedule::new(Shape::Constant, Rate::per_second(PER_S)?, LENGTH, 1)?;
    let recordings = Recordings::new(RecordingSpec::after_warm_up(Duration::ZERO, LENGTH));
    let clock = Arc::new(ManualClock::auto());
    let load = Arc::new(PacedLoad::new(schedule));
    let context = RunContext::new(clock.clone(), load, Arc::new(meter(&recordings)));
    let engine = engine(clock, Wait::Sleep);
    let outcome = engine.run("constant-null", &settings(), &context, Detail::Digests)?;
    outcome.summary?;
    let latency = recordings.finish();
    Ok(Stalled::of(&latency.scheduled, &latency.service).found(0, PER_S * 2))
}

pub(super) fn exactly() -> Result<Found, SelftestError> {
    on_manual_clock(Recordings::meter)
}

pub(super) fn here(cancel: &Cancel) -> Result<Found, SelftestError> {
    let rate = Rate::per_second(PER_S)?;
    let warm_up = Duration::ZERO;
    let offer = Offer { shape: Shape::Constant, rate, warm_up, measured: LENGTH, seed: 1 };
    let engine = engine(Arc::new(SystemClock::new()), Wait::Spin);
    let run = run_once(&*engine, "constant-null", offer, cancel)?;
    let run = run.into_run(1, 1, Verdict::default());
    let histogram = |text: Option<String>| text.and_then(|text| decode(&text).ok());
    let (scheduled, service) = (histogram(run.latency_hdr), histogram(run.service_hdr));
    match (scheduled, service) {
        (Some(scheduled), Some(service)) => {
            Ok(Stalled::of(&scheduled, &service).found(IN_STALL / 10, PER_S))
        }
        _ => Err(SelftestError::Nothing("latencies")),
    }
}
