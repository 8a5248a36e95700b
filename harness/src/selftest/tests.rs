//! The checks that need no machine pass, and each of them can fail.

use super::*;
use crate::recorder::Recordings;
use crate::schedule::Schedule;
use weir_dataflow::{Meter, Recorder, Sample};

#[test]
fn exact_checks_pass() {
    for (name, found) in [
        ("schedule rates", schedules::rates()),
        ("no omission", omission::exactly()),
        ("known distribution", distribution::planted()),
    ] {
        let found = found.expect("a figure");
        assert!(found.passed, "{name}: {found:?}");
    }
}

#[test]
fn a_schedule_that_is_off_is_found() {
    let schedule = |per_s| {
        let rate = Rate::per_second(per_s).expect("a rate");
        Schedule::new(Shape::Constant, rate, Duration::from_secs(10), 1).expect("a schedule")
    };
    for (per_s, wanted, right) in [
        (1_000_000, 1_000_000, true),
        (1_010_000, 1_000_000, false),
        (990_000, 1_000_000, false),
        (1_000_200, 1_000_000, false),
        (1_000_050, 1_000_000, true),
    ] {
        let off = schedules::deviation(&schedule(per_s), wanted);
        assert_eq!(off <= schedules::ALLOWED, right, "{per_s} for {wanted}: {off}");
    }
    // The right number in all, at the wrong times.
    let ramp = "ramp:900k..1100k".parse().expect("a shape");
    let rate = Rate::per_second(1_000_000).expect("a rate");
    let ramp = Schedule::new(ramp, rate, Duration::from_secs(10), 1).expect("a schedule");
    assert!(schedules::deviation(&ramp, 1_000_000) > schedules::ALLOWED);
}

/// Measures from when a record was taken in, as a load generator does that waits for its engine.
struct Omitting(Box<dyn Recorder>);

impl Recorder for Omitting {
    fn record(&mut self, samples: &[Sample]) {
        let omitted = |sample: &Sample| Sample { scheduled_ns: sample.taken_ns, ..*sample };
        self.0.record(&samples.iter().map(omitted).collect::<Vec<_>>());
    }
}

/// Charges the waiting to the service.
struct Charging(Box<dyn Recorder>);

impl Recorder for Charging {
    fn record(&mut self, samples: &[Sample]) {
        let charged = |sample: &Sample| Sample { taken_ns: sample.scheduled_ns, ..*sample };
        self.0.record(&samples.iter().map(charged).collect::<Vec<_>>());
    }
}

#[test]
fn recorders_that_omit_are_found() {
    let omitting = |recordings: &Recordings| {
        let recordings = recordings.clone();
        Meter::new(move || Box::new(Omitting(recordings.recorder())) as Box<dyn Recorder>)
    };
    let found = omission::on_manual_clock(omitting).expect("a figure");
    assert!(!found.passed, "{found:?}");
    let charging = |recordings: &Recordings| {
        let recordings = recordings.clone();
        Meter::new(move || Box::new(Charging(recordings.recorder())) as Box<dyn Recorder>)
    };
    let found = omission::on_manual_clock(charging).expect("a figure");
    assert!(!found.passed, "{found:?}");
}

#[test]
fn delays_that_are_not_those_planted_are_found() {
    let right = distribution::error(distribution::time).expect("a figure");
    assert!(right <= distribution::RESOLUTION, "{right}");
    let slower = |index| distribution::time(index).mul_f64(1.01);
    let half = |index: u64| distribution::time(index | u64::from(!index.is_multiple_of(40)));
    for wrong in [distribution::error(slower), distribution::error(half)] {
        let wrong = wrong.expect("a figure");
        assert!(wrong > distribution::RESOLUTION, "{wrong}");
    }
}

#[test]
fn a_check_that_cannot_be_made_has_failed() {
    let check = Check::new("nothing", |_| Err(SelftestError::Nothing("latencies")));
    let outcome = check.run(&Cancel::new());
    assert!(!outcome.passed, "{outcome:?}");
    assert_eq!(outcome.figure, "no figure: the run left no latencies");
}

#[test]
fn names_are_told_apart_and_a_cancelled_selftest_ends() {
    let names: std::collections::BTreeSet<&str> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(run(CHECKS, &cancel, &mut |outcome| panic!("{outcome:?}")), Vec::new());
}
