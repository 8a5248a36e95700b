use super::*;
use crate::schedule::{PacedLoad, SaturationLoad, Schedule, Shape};
use std::sync::Arc;
use weir_dataflow::{Clock, Load, ManualClock, Meter};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/// The tests' offered rate, records per second.
const RATE: f64 = 10_000.0;

/// Ten measured seconds after two of warm-up, sampled every 100 ms, with a backlog of so many seconds
/// at the offered rate.
fn run(backlog_s: impl Fn(f64) -> f64) -> Vec<Progress> {
    (1..=120)
        .map(|k| {
            let t = f64::from(k) / 10.0;
            let due = RATE * t;
            let completed = due - RATE * backlog_s(t).max(0.0);
            Progress {
                at_ns: k as u64 * 100 * MS,
                due: Some(due as u64),
                taken: due as u64,
                completed: completed.max(0.0) as u64,
            }
        })
        .collect()
}

fn verdict(points: &[Progress], batch_interval_ns: u64, drain_ns: Option<u64>) -> KeptUp {
    let (from_ns, to_ns) = (2 * SECOND, 12 * SECOND);
    sustained(&MeasuredPhase { points, from_ns, to_ns, batch_interval_ns, drain_ns })
}

/// Batches of `interval` seconds that take `work` seconds each.
fn saw_tooth(interval: f64, work: f64) -> impl Fn(f64) -> f64 {
    move |t| {
        let since_done = (t - work).rem_euclid(interval);
        since_done + work
    }
}

/// Overload by `share` of the offered rate since the start.
fn growing(share: f64) -> impl Fn(f64) -> f64 {
    move |t| share * t
}

/// A stall of `length` seconds at `at`, recovered from at `speed` times the offered rate.
fn stall(at: f64, length: f64, speed: f64) -> impl Fn(f64) -> f64 {
    move |t| match t - at {
        since if since < 0.0 => 0.0,
        since if since < length => since,
        since => length - (since - length) * (speed - 1.0),
    }
}

#[test]
fn a_run_is_sustained_when_the_lows_of_its_backlog_do_not_grow() {
    type Backlog = Box<dyn Fn(f64) -> f64>;
    let cases: Vec<(&str, Backlog, u64, bool)> = vec![
        ("no backlog", Box::new(|_| 0.0), 0, true),
        ("a flat backlog", Box::new(|_| 0.3), 0, true),
        ("behind since the warm-up, but keeping pace", Box::new(|_| 1.9), 0, true),
        ("scheduling noise", Box::new(|t| 0.01 + 0.008 * (t * 37.0).sin()), 0, true),
        ("a shrinking backlog", Box::new(|t| 1.5 - 0.1 * t), 0, true),
        ("batches of 1 s", Box::new(saw_tooth(1.0, 0.3)), 1_000, true),
        ("batches of 1 s that just fit", Box::new(saw_tooth(1.0, 0.95)), 1_000, true),
        ("batches of 100 ms", Box::new(saw_tooth(0.1, 0.05)), 100, true),
        ("batches of 700 ms, out of step", Box::new(saw_tooth(0.7, 0.65)), 700, true),
        ("batches of 2 s", Box::new(saw_tooth(2.0, 1.5)), 2_000, true),
        ("overload at three times", Box::new(growing(2.0 / 3.0)), 0, false),
        ("overload at three times, in batches", Box::new(growing(2.0 / 3.0)), 1_000, false),
        ("overload by 5 %", Box::new(growing(0.05)), 0, false),
        ("overload by 2 %", Box::new(growing(0.02)), 0, false),
        ("overload by 0.5 %, below what 10 s can tell", Box::new(growing(0.005)), 0, true),
        (
            "batches of 1 s at 30 % overload",
            {
                let teeth = saw_tooth(1.0, 0.9);
                Box::new(move |t| teeth(t) + 0.3 * t)
            },
            1_000,
            false,
        ),
        ("overload from the middle on", Box::new(|t| (t - 6.0).max(0.0) * 0.5), 0, false),
        ("a stall of 1 s, recovered", Box::new(stall(5.0, 1.0, 3.0)), 0, true),
        ("a stall of 1 s, hardly recovered", Box::new(stall(5.0, 1.0, 1.25)), 0, true),
        ("a short stall at the end", Box::new(stall(11.5, 0.5, 2.0)), 0, true),
        (
            "stalls that grow longer, each recovered from",
            Box::new(|t| if t.fract() < 0.45 { 0.05 * t } else { 0.0 }),
            0,
            true,
        ),
        (
            "batches of 1 s that take longer and longer, but fit",
            Box::new(|t| saw_tooth(1.0, 0.2 + 0.06 * t)(t)),
            1_000,
            true,
        ),
        ("bursts of 3 s that are worked off", Box::new(|t| ((t % 3.0) - 2.0).abs()), 3_000, true),
        ("nothing completes", Box::new(|t| t), 0, false),
    ];
    for (name, backlog, batch_ms, expected) in cases {
        let got = verdict(&run(backlog), batch_ms * MS, None);
        assert_eq!(got.sustained, Some(expected), "{name}: {got:?}");
        assert!((got.offered_per_s / RATE - 1.0).abs() < 0.01, "{name}: {got:?}");
    }
}

#[test]
fn the_growth_is_the_overload() {
    for share in [0.05, 0.3, 1.0] {
        let got = verdict(&run(growing(share)), 0, None);
        assert!((got.growth_per_s / RATE / share - 1.0).abs() < 0.05, "{share}: {got:?}");
    }
}

#[test]
fn a_long_drain_is_not_sustained() {
    let flat = run(|_| 0.1);
    for (batch_ms, drain_ms, expected) in
        [(0, 1_100, true), (0, 1_101, false), (1_000, 3_100, true), (1_000, 3_101, false)]
    {
        let got = verdict(&flat, batch_ms * MS, Some(drain_ms * MS));
        assert_eq!(got.sustained, Some(expected), "{batch_ms} {drain_ms}");
    }
}

#[test]
fn too_little_says_nothing() {
    assert_eq!(verdict(&[], 0, None).sustained, None);
    assert_eq!(verdict(&[], 0, Some(60 * SECOND)).sustained, Some(false));
    let points = run(growing(0.5));
    assert_eq!(verdict(&points[..22], 0, None).sustained, None);
    assert_eq!(
        verdict(&points, 5 * SECOND, None).sustained,
        None,
        "a single window of ten seconds"
    );
    let saturated: Vec<_> = points.iter().map(|p| Progress { due: None, ..*p }).collect();
    assert_eq!(verdict(&saturated, 0, None).sustained, None);
    let phase = MeasuredPhase {
        points: &points,
        from_ns: 5,
        to_ns: 5,
        batch_interval_ns: 0,
        drain_ns: None,
    };
    assert_eq!(sustained(&phase).sustained, None);
}

fn context(clock: &Arc<ManualClock>, load: impl Load + 'static) -> RunContext {
    RunContext::new(Arc::clone(clock) as _, Arc::new(load), Arc::new(Meter::counting()))
}

fn schedule(shape: Shape) -> Schedule {
    let rate = "1k".parse().expect("a rate");
    Schedule::new(shape, rate, Duration::from_secs(1), 0).expect("a schedule")
}

/// Waits until the sampler waits for `at_ns`.
fn await_alarm(clock: &ManualClock, at_ns: u64) {
    while clock.next_alarm_ns() != Some(at_ns) {
        std::thread::yield_now();
    }
}

#[test]
fn the_sampler_notes_progress_at_multiples_of_its_interval() {
    let clock = Arc::new(ManualClock::new());
    let context = context(&clock, PacedLoad::new(schedule(Shape::Constant)));
    let sampler = Sampler::start(&context, Duration::from_millis(100)).expect("a thread");
    // The engine takes 5 ms to set up; the sampler looks every ms.
    await_alarm(&clock, MS);
    clock.set(5 * MS);
    await_alarm(&clock, 6 * MS);
    assert_eq!(context.begin(), 5 * MS);
    clock.set(6 * MS);
    await_alarm(&clock, 105 * MS);
    context.meter.add_taken(80);
    context.meter.complete(70, context.now_ns());
    clock.set(105 * MS);
    await_alarm(&clock, 205 * MS);
    // Two samples are missed; the next is on the grid again.
    clock.set(430 * MS);
    await_alarm(&clock, 505 * MS);
    context.meter.complete(300, context.now_ns());
    clock.set(455 * MS);
    let points = sampler.stop();
    let point = |ms: u64, due, taken, completed| Progress {
        at_ns: ms * MS,
        due: Some(due),
        taken,
        completed,
    };
    assert_eq!(
        points,
        [point(100, 100, 80, 70), point(425, 425, 80, 70), point(450, 450, 80, 300)]
    );
    assert_eq!(points[0].backlog(), 30);
}

#[test]
fn at_saturation_nothing_is_backlog() {
    let clock = Arc::new(ManualClock::auto());
    let context = context(&clock, SaturationLoad::new(schedule(Shape::Max), SECOND));
    context.begin();
    clock.sleep_until(SECOND);
    let progress = Progress::of(&context);
    assert_eq!((progress.due, progress.backlog(), progress.at_ns), (None, 0, SECOND));
}

#[test]
fn a_sampler_that_is_dropped_ends_its_thread() {
    let clock = Arc::new(ManualClock::new());
    let context = context(&clock, PacedLoad::new(schedule(Shape::Constant)));
    drop(Sampler::start(&context, Duration::from_millis(100)).expect("a thread"));
    // The thread's context is gone with it.
    assert_eq!(Arc::strong_count(&context.meter), 1);
}

#[test]
fn progress_and_latency_share_one_grid() {
    let point = |ms: u64, due, completed| Progress {
        at_ns: ms * MS,
        due: Some(due),
        taken: due,
        completed,
    };
    let latency = |from_ms: u64, count| IntervalLatency {
        from_ns: from_ms * MS,
        to_ns: (from_ms + 100) * MS,
        count,
        p50_ns: 5,
        p99_ns: 9,
        max_ns: 10,
    };
    let points = [point(101, 100, 90), point(203, 200, 180), point(430, 300, 300)];
    let latencies = [latency(0, 100), latency(100, 100), latency(200, 100)];
    let series = time_series(&points, &latencies, 100 * MS, 100 * MS);
    let rows: Vec<_> = series
        .iter()
        .map(|p| (p.t_ms as u64, p.warm_up, p.due, p.completed, p.count, p.p99_ns))
        .collect();
    assert_eq!(
        rows,
        [
            (100, true, Some(100), 90, 100, Some(9)),
            (200, false, Some(200), 180, 100, Some(9)),
            (300, false, Some(200), 180, 100, Some(9)),
            (400, false, Some(300), 300, 0, None),
        ]
    );
    assert_eq!(time_series(&[], &[], 0, 0), []);
}
