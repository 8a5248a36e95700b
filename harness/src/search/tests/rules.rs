//! Levels and backlogs, by tables.

use crate::search::Level;
use crate::search::Next;
use crate::search::backlog::{Phase, Trend, growth, shortest_ns, trend};
use crate::search::level::Judged;
use crate::search::probe::{Watch, least_per_s, measured};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, Clock, ManualClock, Point};
use weir_reports::schema::Percentiles;
use weir_reports::search::schema::Purpose;

fn level(texts: &[&str]) -> Level {
    Level::parse(texts.iter().copied()).expect("a level")
}

fn latency(count: u64) -> Percentiles {
    Percentiles {
        count,
        min_ns: 1_000,
        mean_ns: 2_500_000.0,
        p50_ns: 2_000_000,
        p90_ns: 5_000_000,
        p99_ns: 50_000_000,
        p999_ns: (count >= 10_000).then_some(80_000_000),
        p9999_ns: (count >= 100_000).then_some(90_000_000),
        max_ns: 100_000_000,
    }
}

#[test]
fn conditions_are_met_or_not() {
    for (text, met) in [
        ("p99<50ms", false),
        ("p99<=50ms", true),
        (" p99 < 50.1 ms ", true),
        ("p50<2001us", true),
        ("mean<2.5ms", false),
        ("max<=0.1s", true),
        ("p90<5ms", false),
        ("p99.9<80000001ns", true),
        ("p99.99<1s", true),
        ("p50<5ms,p99<60ms", true),
        ("p50<5ms,p99<40ms", false),
    ] {
        let judged = level(&[text]).judge(Some(&latency(200_000)));
        assert_eq!(judged == Judged::Met, met, "{text}: {judged:?}");
    }
    let missed = level(&["p99<40ms"]).judge(Some(&latency(5_000)));
    assert_eq!(missed, Judged::Missed("p99 is 50.0 ms, not below 40 ms".to_owned()));
    assert_eq!(level(&[]).judge(None), Judged::Met);
}

#[test]
fn percentiles_need_their_records() {
    for (text, needed) in [
        ("p50<1s", 20),
        ("p90<1s", 100),
        ("p99<1s", 1_000),
        ("p99.9<1s", 10_000),
        ("p99.99<1s", 100_000),
    ] {
        let level = level(&[text]);
        assert_eq!(level.records(), needed);
        assert_eq!(level.judge(Some(&latency(needed))), Judged::Met, "{text}");
        let Judged::TooFew(why) = level.judge(Some(&latency(needed - 1))) else {
            panic!("{text} with {}", needed - 1)
        };
        assert!(why.contains("not enough records") && why.contains("--duration"), "{why}");
    }
    let Judged::TooFew(_) = level(&["max<1s"]).judge(None) else { panic!("no latency at all") };
}

#[test]
fn conditions_that_make_no_sense_are_refused_with_a_remedy() {
    for (text, part) in [
        ("p99>50ms", "no <"),
        ("p95<50ms", "there are p50, p90"),
        ("p99<50", "unit"),
        ("p99<fast", "unit"),
        ("p99<0s", "below 0"),
        ("", "no <"),
        ("p99<1ms,", "no <"),
        ("p99<<1ms", "unit"),
    ] {
        let message = Level::parse([text]).expect_err(text).to_string();
        assert!(message.contains(part) && message.contains("'p99<50ms'"), "{text}: {message}");
        assert!(!message.contains('\n'));
    }
}

const SECOND: u64 = 1_000_000_000;

fn phase(rate: f64, batch_interval_ns: u64, seconds: f64) -> Phase {
    let to_ns = (seconds * 1e9) as u64 + 150_000_000;
    Phase { rate_per_s: rate, from_ns: 150_000_000, to_ns, batch_interval_ns }
}

/// An engine that completes a share of what is due, every `step_ns`, so much later.
fn progress(rate: f64, share: f64, step_ns: u64, late_ns: u64, seconds: f64) -> Vec<Point> {
    let end = (seconds * 1e9) as u64 + SECOND;
    let steps = (1..).map(|at| at * step_ns).take_while(|at| *at < end);
    steps
        .map(|at| Point { at_ns: at + late_ns, completed: (rate * share * at as f64 / 1e9) as u64 })
        .collect()
}

/// (share completed, batch interval in ms, rate, seconds, what is said)
const TRENDS: &[(f64, u64, f64, f64, Trend)] = &[
    (1.0, 0, 1e6, 1.0, Trend::Steady),
    // Of ten records none can be told that is a tenth of one.
    (1.0, 0, 10.0, 1.0, Trend::Unclear),
    (1.0, 0, 10.0, 30.0, Trend::Steady),
    (1.0, 1, 1e6, 1.0, Trend::Steady),
    (1.0, 10, 1e6, 1.0, Trend::Steady),
    (1.0, 100, 1e6, 1.0, Trend::Steady),
    (1.0, 1000, 1e6, 10.0, Trend::Steady),
    (0.995, 100, 1e6, 1.0, Trend::Steady),
    (0.98, 0, 1e6, 1.0, Trend::Growing),
    (0.98, 10, 1e6, 1.0, Trend::Growing),
    (0.98, 100, 1e6, 1.0, Trend::Growing),
    (0.95, 1000, 1e6, 10.0, Trend::Growing),
    (0.5, 0, 1e3, 1.0, Trend::Growing),
    (0.0, 0, 1e3, 1.0, Trend::Growing),
];

#[test]
fn backlogs_grow_or_not() {
    for &(share, interval_ms, rate, seconds, want) in TRENDS {
        let interval = interval_ms * 1_000_000;
        let step = if interval == 0 { 1_000_000 } else { interval };
        for late_ms in [0, 1, 7] {
            let points = progress(rate, share, step, late_ms * 1_000_000, seconds);
            let found = growth(&points, &phase(rate, interval, seconds)).expect("long enough");
            let place = format!("{share} {interval_ms} {rate} {late_ms}: {found:?}");
            assert_eq!(trend(&found, rate), want, "{place}");
            assert!((found.per_s - rate * (1.0 - share)).abs() < 0.005 * rate + 1.0, "{place}");
            let whole = found.window_ms / interval_ms.max(1) as f64;
            assert!(interval_ms == 0 || (whole - whole.round()).abs() < 1e-9, "{place}");
        }
    }
}

#[test]
fn a_stall_that_is_made_up_for_is_no_growth_and_one_that_lasts_is() {
    let stalled = |from: u64, to: u64| -> Vec<Point> {
        let steady = progress(1e6, 1.0, 1_000_000, 0, 1.0);
        steady.into_iter().filter(|p| !(from..to).contains(&(p.at_ns / 1_000_000))).collect()
    };
    let of = |points: &[Point]| growth(points, &phase(1e6, 0, 1.0)).expect("long enough");
    assert_eq!(trend(&of(&stalled(600, 620)), 1e6), Trend::Steady);
    assert_ne!(trend(&of(&stalled(700, 1200)), 1e6), Trend::Steady);
    assert_eq!(trend(&of(&[]), 1e6), Trend::Growing);
}

#[test]
fn a_phase_of_few_batches_says_nothing() {
    let points = progress(1e6, 1.0, 200_000_000, 0, 1.0);
    assert_eq!(growth(&points, &phase(1e6, 200_000_000, 1.0)), None);
    assert_eq!(growth(&points, &Phase { to_ns: 0, ..phase(1e6, 0, 1.0) }), None);
    for interval in [0, 1_000_000, 100_000_000, SECOND] {
        let seconds = shortest_ns(interval) as f64 / 1e9;
        assert!(growth(&points, &phase(1e6, interval, seconds)).is_some(), "{interval}");
    }
}

#[test]
fn probes_are_as_long_as_they_have_to_be() {
    let second = Duration::from_secs(1);
    let length = |interval_ms: u64, slo: &[&str], rate_per_s: f64, doublings: u32| {
        let next = Next { rate_per_s, purpose: Purpose::Ramp, doublings };
        let time = measured(second, Duration::from_millis(interval_ms), &level(slo), &next);
        time.as_secs_f64()
    };
    assert!((length(0, &[], 1e6, 0) - 1.0).abs() < 1e-9);
    assert!((length(0, &[], 1e6, 2) - 4.0).abs() < 1e-9);
    assert!((length(1000, &[], 1e6, 0) - 10.0).abs() < 1e-9);
    let needed = length(0, &["p99.9<1s"], 2_000.0, 0);
    assert!((5.0..5.2).contains(&needed), "{needed}");
    // At the lowest rate that is tried it is not longer than is bearable.
    for slo in ["p50<1s", "p99.99<1s"] {
        let lowest = least_per_s(&level(&[slo]));
        let longest = length(0, &[slo], lowest, 0);
        assert!(longest <= 30.0 && longest * lowest >= level(&[slo]).records() as f64, "{slo}");
    }
}

#[test]
fn patience_ends_unless_the_run_does() {
    let (kept, given_up) = (Cancel::new(), Cancel::new());
    let in_time = Watch::start(Arc::new(ManualClock::new()), 10, kept.clone()).expect("a thread");
    drop(in_time);
    let clock = Arc::new(ManualClock::new());
    let late = Watch::start(clock.clone(), 20, given_up.clone()).expect("a thread");
    // The watch sets its alarm when its thread runs.
    while clock.next_alarm_ns() != Some(20) && !given_up.is_cancelled() {
        std::thread::yield_now();
    }
    clock.set(20);
    while !given_up.is_cancelled() {
        std::thread::yield_now();
    }
    drop(late);
    assert!(!kept.is_cancelled() && clock.now_ns() == 20);
}
