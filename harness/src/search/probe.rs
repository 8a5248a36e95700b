//! One probe: how long it has to be, when to give it up, and what it says.

use super::backlog::{Phase, SHARE, Trend, growth, shortest_ns, trend};
use super::level::{Judged, Level};
use super::searcher::{Next, Outcome};
use crossbeam_channel::{Sender, bounded};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Cancel, Clock, Point, Received, RunError, receive};
use weir_reports::schema::Run;
use weir_reports::search::schema::{Finding, Growth, Probe};
use weir_reports::units;

/// The longest measured phase that a probe takes on for the sake of the number of its records.
pub const LONGEST: Duration = Duration::from_secs(30);

/// How long the measured phase has to be: as long as was asked for, at least ten batch intervals, and until
/// there are records enough for the level.
#[must_use]
pub fn measured(asked: Duration, interval: Duration, level: &Level, next: &Next) -> Duration {
    let interval_ns = interval.as_nanos() as u64;
    // A few more than needed: whether the first and the last are counted is a matter of nanoseconds.
    let records = level.records() as f64 * 1.02 + 1.0;
    let for_records =
        Duration::from_secs_f64((records / next.rate_per_s).min(LONGEST.as_secs_f64()));
    let length = asked.max(Duration::from_nanos(shortest_ns(interval_ns))).max(for_records);
    length * (1 << next.doublings)
}

/// The lowest rate at which a probe of bearable length has records enough for a level.
#[must_use]
pub fn least_per_s(level: &Level) -> f64 {
    (level.records() as f64 * 1.02 + 1.0) / LONGEST.as_secs_f64()
}

/// What a run says as a probe.
#[must_use]
pub fn judge(run: Run, points: &[Point], interval: Duration, level: &Level, next: &Next) -> Probe {
    let from_ns = (run.phases.warm_up_s * 1e9) as u64;
    let phase = Phase {
        rate_per_s: next.rate_per_s,
        from_ns,
        to_ns: from_ns + (run.phases.measured_s * 1e9) as u64,
        batch_interval_ns: interval.as_nanos() as u64,
    };
    let growth = growth(points, &phase).filter(|_| run.error.is_none());
    let (finding, why) = finding(&run, growth.as_ref(), level, next);
    Probe {
        number: 0,
        purpose: next.purpose,
        rate_per_s: next.rate_per_s,
        achieved_per_s: run.achieved_per_s,
        records: run.records,
        warm_up_s: run.phases.warm_up_s,
        measured_s: run.phases.measured_s,
        drain_s: run.phases.drain_s,
        growth,
        latency: run.latency,
        steady: run.steady,
        verdict: run.verdict,
        finding,
        why,
        error: run.error,
    }
}

fn finding(run: &Run, growth: Option<&Growth>, level: &Level, next: &Next) -> (Finding, String) {
    if let Some(error) = &run.error {
        let why = if *error == RunError::Cancelled.to_string() {
            "given up: the engine was still at work on the backlog long after the load's end"
                .to_owned()
        } else {
            format!("the run failed: {error}")
        };
        return (Finding::Failed, why);
    }
    if !run.verdict.valid {
        let why = format!("the output is wrong: {}", run.verdict.examples.join("; "));
        return (Finding::WrongOutput, why);
    }
    let Some(growth) = growth else {
        return (Finding::Unclear, "too short to tell whether the backlog grows".to_owned());
    };
    let share = |per_s: f64| format!("{:+.1} %", 100.0 * per_s / next.rate_per_s);
    let interval = format!("{} to {}", share(growth.low_per_s), share(growth.high_per_s));
    let most = format!("{:.0} %", 100.0 * SHARE);
    match (trend(growth, next.rate_per_s), level.judge(run.latency.as_ref())) {
        (Trend::Growing, _) => {
            let why = format!("the backlog grows by {interval} of the rate, above {most}");
            (Finding::Growing, why)
        }
        // What is too late will not be in time for being measured longer.
        (_, Judged::Missed(why)) => (Finding::Missed, why),
        (_, Judged::TooFew(why)) => (Finding::Unclear, why),
        (Trend::Unclear, Judged::Met) => {
            let why =
                format!("the backlog grows by {interval} of the rate, on both sides of {most}");
            (Finding::Unclear, why)
        }
        // What is still changing is of no state of the engine that a level could be asked of.
        (Trend::Steady, Judged::Met) if run.never_settled() => {
            let steady = run.steady.as_ref();
            let what = steady.map_or("it", |steady| steady.series.as_str());
            (Finding::Unclear, format!("no growth ({interval}), but {what} never settled"))
        }
        (Trend::Steady, Judged::Met) => {
            let why = match run.latency.map(|latency| latency.p99_ns) {
                Some(ns) => format!("no growth ({interval}), p99 {}", units::duration(ns)),
                None => format!("no growth ({interval})"),
            };
            (Finding::Held, why)
        }
    }
}

/// What a probe means to the search; `None` if its output was wrong, which ends it.
#[must_use]
pub fn outcome(probe: &Probe) -> Option<Outcome> {
    match probe.finding {
        Finding::Held => Some(Outcome::Held),
        Finding::Growing => {
            let achieved = probe.achieved_per_s;
            let below = (achieved > 0.0 && achieved < probe.rate_per_s).then_some(achieved);
            Some(Outcome::Failed { achieved_per_s: below })
        }
        Finding::Missed | Finding::Failed => Some(Outcome::Failed { achieved_per_s: None }),
        Finding::Unclear => Some(Outcome::Unclear),
        Finding::WrongOutput => None,
    }
}

/// Gives a run up that takes much longer than its load.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// How long a run may take whose load takes so long: three times that, and a few seconds for the engine
    /// to start and to end.
    #[must_use]
    pub fn patience(load: Duration) -> Duration {
        load * 3 + Duration::from_secs(5)
    }

    /// Cancels at a time of the clock, unless it is dropped before.
    ///
    /// # Errors
    /// [`RunError::Spawn`] if there is no thread to be had.
    pub fn start(clock: Arc<dyn Clock>, until_ns: u64, cancel: Cancel) -> Result<Self, RunError> {
        let (stop, stopped) = bounded::<()>(0);
        let name = "weir-patience";
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if receive(&stopped, clock.alarm(until_ns)) == Received::TimedOut {
                cancel.cancel();
            }
        });
        match thread {
            Ok(thread) => Ok(Self { stop: Some(stop), thread: Some(thread) }),
            Err(error) => {
                Err(RunError::Spawn { name: name.to_owned(), message: error.to_string() })
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}
