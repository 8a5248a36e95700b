//! A whole search of an engine that takes a known time for each record, on a clock that is told the time.

use crate::recorder::{RecordingSpec, Recordings};
use crate::rows::EngineRow;
use crate::schedule::{PacedLoad, Rate, Schedule, Shape};
use crate::search::probe::{judge, measured, outcome};
use crate::search::{
    Conclusion, Level, Limits, Next, Outcome, Search, SearchEvent, SearchSettings, Searcher, Step,
};
use crate::session::SessionError;
use crate::settings::{Config, EngineKind, Layers, resolve};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, ManualClock, RunContext};
use weir_reports::histogram::percentiles;
use weir_reports::schema::{Mode, Phases, Resources, Run, Steadiness, Verdict};
use weir_reports::search::schema::{Ending, Finding, Probe, Purpose};
use weir_targets::engines::{null, slowed_null, topology};
use weir_targets::slowed::{Pace, Wait};
use weir_targets::verdict::Detail;
use weir_topology::TopologyConfig;
use weir_workloads::{Settings, sherlock};

const WARM_UP: Duration = Duration::from_millis(100);

/// A probe in which each record takes `service`, by a clock that moves when somebody waits.
fn probe(service: Duration, level: &Level, next: &Next) -> Probe {
    probe_that(None, service, level, next)
}

/// One of which it is said whether it settled.
fn probe_that(steady: Option<Steadiness>, service: Duration, level: &Level, next: &Next) -> Probe {
    let length = measured(Duration::from_secs(1), Duration::ZERO, level, next);
    let rate = Rate::nearest(next.rate_per_s).expect("a rate");
    let schedule = Schedule::new(Shape::Constant, rate, WARM_UP + length, 1).expect("a schedule");
    let recordings = Recordings::new(RecordingSpec::after_warm_up(WARM_UP, length));
    let clock = Arc::new(ManualClock::auto());
    let load = Arc::new(PacedLoad::new(schedule));
    let context = RunContext::new(clock.clone(), load, Arc::new(recordings.meter()));
    let engine = slowed_null(Pace::even(clock, service, Wait::Sleep));
    let settings = Settings::new(sherlock());
    let outcome = engine.run("word-count", &settings, &context, Detail::Digests).expect("a run");
    let records = outcome.summary.expect("it ends").records;
    let ended = context.now_ns() as f64 / 1e9;
    let load_s = (WARM_UP + length).as_secs_f64();
    let run = Run {
        round: 1,
        sequence: 1,
        mode: Mode::Paced,
        schedule: String::new(),
        offered_per_s: Some(next.rate_per_s),
        achieved_per_s: records as f64 / ended,
        records,
        // The null engine has no output.
        verdict: Verdict { valid: true, ..Verdict::default() },
        sustained: None,
        phases: Phases {
            set_up_s: 0.0,
            warm_up_s: WARM_UP.as_secs_f64(),
            measured_s: length.as_secs_f64(),
            drain_s: (ended - load_s).max(0.0),
        },
        latency: percentiles(&recordings.finish().scheduled),
        service: None,
        latency_hdr: None,
        service_hdr: None,
        series: Vec::new(),
        resources: Resources::default(),
        batches: None,
        steady: steady.map(weir_reports::testing::steady),
        ran: None,
        counters: Default::default(),
        error: None,
    };
    judge(run, &context.meter.points(), Duration::ZERO, level, next)
}

fn search(service: Duration, slo: &[&str], start_per_s: f64) -> (Conclusion, Vec<Probe>) {
    let level = Level::parse(slo.iter().copied()).expect("a level");
    let limits = Limits {
        start_per_s,
        least_per_s: 10.0,
        most_per_s: 1e6,
        resolution: 0.05,
        confirm: 3,
        most_probes: 40,
    };
    let mut searcher = Searcher::new(limits);
    let mut probes = Vec::new();
    loop {
        match searcher.step() {
            Step::Done(conclusion) => return (conclusion, probes),
            Step::Probe(next) => {
                let probe = probe(service, &level, &next);
                searcher.take(outcome(&probe).expect("no wrong output"));
                probes.push(probe);
            }
        }
    }
}

/// So many microseconds for each record make so many records per second, and no more.
#[test]
fn a_known_time_for_each_record_gives_its_arithmetic_limit() {
    for (service_us, start) in [(1_000, 800.0), (100, 3_000.0), (20, 200_000.0)] {
        let limit = 1e6 / service_us as f64;
        let (found, probes) = search(Duration::from_micros(service_us), &[], start);
        assert_eq!((found.ending, found.confirmed), (Ending::Found, true), "{probes:?}");
        let (held, failed) = (found.held_per_s.expect("held"), found.failed_per_s.expect("failed"));
        // A backlog that grows by less than a hundredth counts as none.
        assert!((0.95..=1.0102).contains(&(held / limit)), "{held} of {limit}");
        assert!(failed > limit, "{failed} of {limit}");
        assert!(probes.len() <= 18, "{} probes", probes.len());
    }
}

/// Ten searches from ten starts agree.
#[test]
fn searches_agree_wherever_they_start() {
    let limit = 5_000.0;
    let start = |at: u32| limit * (0.5 + 0.13 * f64::from(at));
    let found: Vec<f64> = (0..10)
        .map(|at| search(Duration::from_micros(200), &["p99<50ms"], start(at)).0)
        .map(|found| found.held_per_s.expect("a rate"))
        .collect();
    let variation = weir_statistics::sample::variation(&found);
    assert!(variation < 0.05, "{variation}: {found:?}");
    let (least, most) = found.iter().fold((f64::MAX, 0.0f64), |(l, m), r| (l.min(*r), m.max(*r)));
    assert!(most / least < 1.1, "{found:?}");
}

/// A level that not even the service time meets is met at no rate.
#[test]
fn a_level_below_the_service_time_is_never_met() {
    let (found, probes) = search(Duration::from_micros(1_000), &["p50<1ms"], 500.0);
    assert_eq!(found.ending, Ending::NothingHolds, "{found:?}");
    assert!(probes.iter().all(|probe| !probe.finding.held()));
    assert_eq!(probes.last().map(|probe| probe.finding), Some(Finding::Missed));
    assert!(probes.iter().any(|probe| probe.why.contains("p50 is")), "{probes:?}");
}

/// The null engine leaves nothing in the sink: a wrong output, which ends the search before the next row.
#[test]
fn a_wrong_output_ends_the_search() {
    let sets = ["workload=word-count", "saturation=20ms", "warmup=1ms"];
    let sets = sets.map(str::to_owned).to_vec();
    let resolved = resolve(&Layers { sets, ..Layers::default() }).expect("settings");
    let config = Config::new(&resolved).expect("a configuration");
    let row =
        |id: &str| EngineRow { id: id.to_owned(), ..EngineRow::plain(EngineKind::Null, null()) };
    let settings = SearchSettings {
        level: Level::default(),
        resolution: 0.05,
        confirm: 3,
        most: None,
        flags: Vec::new(),
    };
    let mut events = Vec::new();
    let mut listener = |event| events.push(event);
    let mut search = Search {
        config: &config,
        resolved: &resolved,
        settings: &settings,
        listener: &mut listener,
        cancel: Cancel::new(),
    };
    let found = search.on(&[row("first"), row("second")]).expect("a document");
    let endings: Vec<(&str, Ending)> =
        found.rows.iter().map(|row| (row.id.as_str(), row.ending)).collect();
    assert_eq!(endings, [("first", Ending::WrongOutput)]);
    assert!(found.rows[0].notes[0].contains("is wrong"), "{:?}", found.rows[0].notes);
    assert!(events.contains(&SearchEvent::Calibrating));
    let nothing = Search {
        config: &config,
        resolved: &resolved,
        settings: &settings,
        listener: &mut |_| {},
        cancel: Cancel::new(),
    }
    .on(&[]);
    assert!(matches!(nothing, Err(SessionError::NothingSelected)));
}

/// Interrupted in the first row there is nothing to keep, and in the second there is the first.
#[test]
fn an_interrupt_keeps_the_rows_that_were_searched() {
    let sets = ["workload=word-count", "saturation=5ms", "duration=5ms", "warmup=1ms"];
    let sets = sets.map(str::to_owned).to_vec();
    let resolved = resolve(&Layers { sets, ..Layers::default() }).expect("settings");
    let config = Config::new(&resolved).expect("a configuration");
    let row = |id: &str| EngineRow {
        id: id.to_owned(),
        ..EngineRow::plain(EngineKind::Topology, topology(TopologyConfig::default()))
    };
    // A rate so low that the first probe ends the search.
    let most = Some("1k".parse().expect("a rate"));
    let (level, flags) = (Level::default(), Vec::new());
    let settings = SearchSettings { level, resolution: 1.0, confirm: 0, most, flags };
    for (last, kept) in [(1, None), (2, Some(1)), (3, Some(2))] {
        let cancel = Cancel::new();
        let mut listener = |event| {
            if matches!(event, SearchEvent::Starting { place, .. } if place == last) {
                cancel.cancel();
            }
        };
        let mut search = Search {
            config: &config,
            resolved: &resolved,
            settings: &settings,
            listener: &mut listener,
            cancel: cancel.clone(),
        };
        let found = search.on(&[row("first"), row("second")]);
        match kept {
            None => assert!(matches!(found, Err(SessionError::Cancelled)), "{found:?}"),
            Some(rows) => {
                let found = found.expect("a document").rows;
                assert_eq!(found.len(), rows, "{:?}", (&found[0].notes, &found[0].probes));
            }
        }
    }
}

/// A rate at which latency never settles is tried for longer, and does not hold.
#[test]
fn what_never_settles_does_not_hold() {
    let next = Next { rate_per_s: 1000.0, purpose: Purpose::Ramp, doublings: 0 };
    for (steady, want) in [
        (None, Finding::Held),
        (Some(Steadiness::Settled), Finding::Held),
        (Some(Steadiness::TooShort), Finding::Held),
        (Some(Steadiness::StillChanging), Finding::Unclear),
        (Some(Steadiness::Drifting), Finding::Unclear),
    ] {
        let found = probe_that(steady, Duration::from_micros(10), &Level::default(), &next);
        assert_eq!(found.finding, want, "{steady:?}: {}", found.why);
        assert_eq!(found.why.contains("never settled"), want == Finding::Unclear, "{}", found.why);
    }
}

/// A probe with a wrong output has nothing to say to the search; one that failed counts as not held.
#[test]
fn findings_and_what_they_mean() {
    let next = Next { rate_per_s: 1000.0, purpose: Purpose::Ramp, doublings: 0 };
    let mut found = probe(Duration::from_micros(10), &Level::default(), &next);
    for (finding, want) in [
        (Finding::Held, Some(Outcome::Held)),
        (Finding::Missed, Some(Outcome::Failed { achieved_per_s: None })),
        (Finding::Failed, Some(Outcome::Failed { achieved_per_s: None })),
        (Finding::Growing, Some(Outcome::Failed { achieved_per_s: Some(900.0) })),
        (Finding::Unclear, Some(Outcome::Unclear)),
        (Finding::WrongOutput, None),
    ] {
        (found.finding, found.achieved_per_s) = (finding, 900.0);
        assert_eq!(outcome(&found), want, "{finding:?}");
    }
}
