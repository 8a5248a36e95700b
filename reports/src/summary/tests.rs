//! What may be said of a result, rule by rule.

use super::*;
use crate::histogram;
use crate::schema::{Mode, Row, Run, Steadiness};
use crate::testing;
use hdrhistogram::Histogram;
use proptest::prelude::*;

fn workload_of(change: impl FnOnce(&mut WorkloadResult)) -> WorkloadSummary {
    let mut result = testing::example();
    change(&mut result.workloads[0]);
    Summary::of(&result).workloads.swap_remove(0)
}

fn paced_runs(row: &mut Row, offered: f64) -> impl Iterator<Item = &mut Run> {
    row.runs.iter_mut().filter(move |run| run.offered_per_s == Some(offered))
}

#[test]
fn spreads() {
    for (values, want) in [
        (vec![], None),
        (vec![f64::NAN], None),
        (vec![3.0], Some((3.0, 3.0, 3.0))),
        (vec![3.0, 1.0], Some((2.0, 1.0, 3.0))),
        (vec![9.0, 1.0, 2.0], Some((2.0, 1.0, 9.0))),
        (vec![9.0, f64::INFINITY, 1.0, 2.0], Some((2.0, 1.0, 9.0))),
    ] {
        let spread = Spread::of(&values).map(|s| (s.median, s.min, s.max));
        assert_eq!(spread, want, "{values:?}");
    }
    let spread = |low: f64, high: f64| Spread::of(&[low, high]).expect("values");
    for (a, b, overlap) in [
        (spread(1.0, 2.0), spread(3.0, 4.0), false),
        (spread(1.0, 3.0), spread(3.0, 4.0), true),
        (spread(1.0, 9.0), spread(3.0, 4.0), true),
    ] {
        assert_eq!((a.overlaps(&b), b.overlaps(&a)), (overlap, overlap));
    }
}

#[test]
fn throughput_is_the_median_of_the_saturation_rounds_in_loops() {
    let workload = workload_of(|w| {
        w.cost.as_mut().expect("cost").records_per_s = vec![100.0, 300.0, 200.0];
        w.null.as_mut().expect("null").records_per_s = vec![1_000.0];
        let rates = [90.0, 310.0, 150.0];
        let saturated = w.rows[0].runs.iter_mut().filter(|run| run.mode == Mode::Saturation);
        for (run, rate) in saturated.zip(rates) {
            run.achieved_per_s = rate;
            run.records = 1_000_000;
            run.resources.user_s = 1.5;
            run.resources.system_s = 0.5;
        }
    });
    let at = workload.rows[0].saturation.as_ref().expect("saturation");
    assert_eq!(
        (at.per_s.median, at.per_s.min, at.per_s.max, at.per_s.rounds),
        (150.0, 90.0, 310.0, 3)
    );
    assert_eq!(at.cost_multiple, Some(0.75));
    assert_eq!(at.cpu_s_per_million, Some(2.0));
    assert!(!at.generator_bound());
}

#[test]
fn a_row_near_the_null_engine_is_generator_bound() {
    for (null, bound) in [(1e9, false), (555e3 / 0.699, false), (555e3 / 0.75, true), (1.0, true)] {
        let workload = workload_of(|w| w.null.as_mut().expect("null").records_per_s = vec![null]);
        let at = workload.rows[0].saturation.as_ref().expect("saturation");
        assert_eq!(at.generator_bound(), bound, "{null}");
    }
    let unknown = workload_of(|w| w.null = None);
    assert!(!unknown.rows[0].saturation.as_ref().expect("saturation").generator_bound());
}

#[test]
fn rounds_of_one_load_are_merged_and_never_averaged() {
    let of = |value: u64, count: u64| {
        let mut histogram =
            Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        histogram.saturating_record_n(value, count);
        histogram
    };
    let workload = workload_of(|w| {
        let rounds = [of(1_000, 98), of(1_000, 98), of(1_000_000, 4)];
        for (run, histogram) in paced_runs(&mut w.rows[0], 10_000.0).zip(rounds) {
            run.latency = histogram::percentiles(&histogram);
            run.latency_hdr = histogram::encode(&histogram).ok();
        }
    });
    let latency = workload.rows[0].at(Some(0)).and_then(|p| p.latency.clone()).expect("latency");
    assert_eq!((latency.points.count, latency.rounds), (200, 3));
    // Averaging the rounds' 99th percentiles would say 334 us; 196 of 200 records took 1 us.
    assert!(latency.points.p90_ns < 1_010, "{:?}", latency.points);
    assert!(latency.points.p99_ns > 999_000, "{:?}", latency.points);
    assert_eq!(latency.points.p999_ns, None);
}

#[test]
fn loads_are_told_apart() {
    let workload = workload_of(|_| ());
    let offered: Vec<_> = workload.loads.iter().map(|load| load.offered_per_s).collect();
    assert_eq!(offered, [Some(10_000.0), Some(50_000.0)]);
    assert_eq!(workload.reference_load, Some(1), "the highest that all kept up with");
    // A random schedule offers a little more or less; another schedule is another load.
    let workload = workload_of(|w| {
        paced_runs(&mut w.rows[0], 10_000.0).for_each(|run| run.offered_per_s = Some(10_050.0));
        paced_runs(&mut w.rows[1], 10_000.0)
            .for_each(|run| run.schedule = "poisson 10000/s".into());
    });
    let labels: Vec<_> = workload.loads.iter().map(|load| load.label("lines")).collect();
    assert_eq!(labels.len(), 3, "{labels:?}");
    assert!(labels.contains(&"10 k lines/s (poisson 10000/s)".to_owned()), "{labels:?}");
}

#[test]
fn the_reference_load_is_one_that_all_kept_up_with() {
    for (behind_at, want) in [
        (&[50_000.0][..], Some(0)),
        (&[10_000.0][..], Some(1)),
        (&[10_000.0, 50_000.0][..], Some(0)),
    ] {
        let workload = workload_of(|w| {
            for offered in behind_at {
                paced_runs(&mut w.rows[0], *offered).for_each(|run| run.sustained = Some(false));
            }
        });
        assert_eq!(workload.reference_load, want, "{behind_at:?}");
    }
    let never_paced = workload_of(|w| {
        for row in &mut w.rows {
            row.runs.retain(|run| run.mode == Mode::Saturation);
        }
    });
    assert_eq!((never_paced.reference_load, never_paced.loads.len()), (None, 0));
}

#[test]
fn a_row_with_a_bad_run_has_no_numbers() {
    let cases: [(fn(&mut Run), &str); 3] = [
        (|run| run.verdict.valid = false, "not equal"),
        (
            |run| {
                run.verdict.valid = false;
                run.verdict.missing = 1_234;
            },
            "1,234 missing",
        ),
        (|run| run.error = Some("disk\u{1b}[2J".to_owned()), "disk\\u{1b}[2J"),
    ];
    for (spoil, why) in cases {
        for at in [0, 5] {
            let workload = workload_of(|w| spoil(&mut w.rows[0].runs[at]));
            let row = &workload.rows[0];
            assert!(!row.status.has_numbers());
            let (Status::Invalid(text) | Status::Failed(text)) = &row.status else {
                panic!("{:?}", row.status)
            };
            assert!(text.contains(why), "{text}");
            assert_eq!(row.saturation, None);
            assert!(row.paced.iter().all(Option::is_none));
            assert_eq!(workload.charted().count(), 4);
        }
    }
    assert_eq!(workload_of(|w| w.rows[0].runs.clear()).rows[0].status, Status::NotRun);
}

#[test]
fn a_missing_histogram_is_said_and_not_made_up() {
    // Of several rounds: the others are merged, and how many are left out is known.
    let workload = workload_of(|w| {
        paced_runs(&mut w.rows[0], 10_000.0).take(2).for_each(|run| run.latency_hdr = None);
    });
    let paced = workload.rows[0].at(Some(0)).expect("paced");
    assert_eq!(paced.rounds_left_out, 2);
    assert_eq!(paced.latency.as_ref().map(|l| l.points.count), Some(30_000));
    // Of all of several rounds: percentiles cannot be merged, so there are none.
    let workload = workload_of(|w| {
        paced_runs(&mut w.rows[0], 10_000.0).for_each(|run| run.latency_hdr = Some("?".into()));
    });
    assert!(workload.rows[0].at(Some(0)).expect("paced").latency.is_none());
    // Of a single round: its percentiles hold, but for those that too few records support.
    let workload = workload_of(|w| {
        w.rows[0].runs.retain(|run| run.round == 1);
        paced_runs(&mut w.rows[0], 10_000.0).for_each(|run| {
            run.latency_hdr = None;
            let points = run.latency.as_mut().expect("latency");
            points.count = 9_999;
            points.p999_ns = Some(1);
        });
    });
    let points = workload.rows[0].at(Some(0)).and_then(|p| p.latency.clone()).expect("one").points;
    assert_eq!((points.count, points.p999_ns, points.p9999_ns), (9_999, None, None));
}

#[test]
fn behind_is_backlog_over_rate_in_the_measured_phase() {
    let workload = workload_of(|w| {
        for run in paced_runs(&mut w.rows[0], 10_000.0) {
            for point in &mut run.series {
                let lost = if point.warm_up { 900_000 } else { 12_000 };
                point.completed = point.due.unwrap_or(0).saturating_sub(lost);
            }
        }
    });
    let behind = workload.rows[0].at(Some(0)).and_then(|p| p.behind_s).expect("behind");
    assert!((behind - 1.2).abs() < 1e-9, "{behind}");
}

#[test]
fn of_batches_the_worst_round_speaks() {
    let workload = workload_of(|w| {
        for (run, on_time) in paced_runs(&mut w.rows[3], 10_000.0).zip([1.0, 0.95, 1.0]) {
            let batches = run.batches.as_mut().expect("batches");
            batches.on_time = Some(on_time);
            batches.scheduling_p50_ns = u64::from(run.round) * 10;
            run.resources.rss_before_bytes = Some(100 - u64::from(run.round));
            run.resources.peak_rss_bytes = Some(100);
        }
    });
    let effort = &workload.rows[3].at(Some(0)).expect("paced").effort;
    let batches = effort.batches.expect("batches");
    assert_eq!((batches.count, batches.on_time, batches.scheduling_p50_ns), (120, Some(0.95), 30));
    assert_eq!((effort.peak_rss_bytes, effort.rss_growth_bytes), (Some(100), Some(3)));
    assert_eq!(workload.rows[0].at(Some(0)).expect("paced").effort.batches, None);
}

#[test]
fn components_sum_their_counts_and_keep_the_worst_of_what_cannot_be_summed() {
    let workload = workload_of(|w| {
        for run in paced_runs(&mut w.rows[0], 10_000.0) {
            let round = u64::from(run.round);
            for (what, value) in [
                ("executed", 100),
                ("emitted", 1_000),
                ("busy_permille", 900 - round),
                ("queue_peak", 10 + round),
            ] {
                run.counters.insert(format!("{what}.split"), value);
            }
            run.counters.insert("executed.nobody".to_owned(), 7);
        }
    });
    let components = &workload.rows[0].at(Some(0)).expect("paced").effort.components;
    let split = components.iter().find(|c| c.name == "split").expect("counted");
    let rounds = 3;
    assert_eq!((split.executed, split.emitted), (100 * rounds, 1_000 * rounds));
    assert_eq!((split.busy_permille, split.queue_peak), (Some(899), Some(10 + rounds)));
    assert!(components.iter().all(|c| c.name != "nobody"), "{components:?}");
    assert_eq!(workload.rows[3].at(Some(0)).expect("paced").effort.components, []);
}

#[test]
fn one_round_behind_is_behind() {
    for (said, want) in [
        ([Some(true), Some(true), Some(true)], Some(true)),
        ([Some(true), Some(false), None], Some(false)),
        ([None, None, Some(true)], Some(true)),
        ([None, None, None], None),
    ] {
        let workload = workload_of(|w| {
            for (run, said) in paced_runs(&mut w.rows[0], 10_000.0).zip(said) {
                run.sustained = said;
            }
        });
        assert_eq!(workload.rows[0].at(Some(0)).expect("paced").sustained, want, "{said:?}");
    }
}

#[test]
fn nouns() {
    for (record, want) in [
        ("lines of 10 words", "lines"),
        ("clicks", "clicks"),
        ("", "records"),
        ("averylongnounthatdoesnotfit", "records"),
    ] {
        assert_eq!(workload_of(|w| w.record = record.to_owned()).noun(), want);
    }
}

proptest! {
    #[test]
    fn the_median_lies_between_the_ends(values in proptest::collection::vec(0.0f64..1e9, 1..9)) {
        let spread = Spread::of(&values).expect("values");
        prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
    }
}

#[test]
fn a_load_at_which_no_round_settled_has_no_numbers_anywhere() {
    let changing = testing::steady(Steadiness::StillChanging);
    let mut result = testing::example();
    // All rounds at saturation of one row, all at one rate of the next, one round of the third.
    let unsettled = |row: &mut Row, mode: Mode, rounds: usize| {
        let runs = row.runs.iter_mut().filter(|run| run.mode == mode);
        let at_10k = runs.filter(|run| run.offered_per_s.is_none_or(|rate| rate == 10_000.0));
        at_10k.take(rounds).for_each(|run| run.steady = Some(changing.clone()));
    };
    let rows = &mut result.workloads[0].rows;
    unsettled(&mut rows[0], Mode::Saturation, 3);
    unsettled(&mut rows[1], Mode::Paced, 3);
    unsettled(&mut rows[2], Mode::Saturation, 1);
    let summary = Summary::of(&result);
    let workload = &summary.workloads[0];
    let at = workload.loads.iter().position(|load| load.offered_per_s == Some(10_000.0));
    assert!(workload.rows[0].saturation.is_none() && workload.rows[0].at(at).is_some());
    let paced = workload.rows[1].at(at).expect("it was run");
    assert!(paced.latency.is_none() && paced.achieved.is_none() && paced.series.is_empty());
    assert_eq!((paced.rounds, paced.settling.never), (0, 3));
    let rounds = workload.rows[2].saturation.as_ref().map(|at| at.per_s.rounds);
    assert_eq!(rounds, Some(2), "the rounds that settled count");

    let text = crate::terminal::render(&summary, 100, crate::terminal::Colour::Plain);
    let row = text.lines().find(|line| line.starts_with("  topology ")).expect("the row");
    assert!(row.ends_with("never settled") && row.contains(" - "), "{row}");
    assert!(text.contains("never settled in 1 of 3 rounds at saturation"), "{text}");
    let charts = crate::chart::all(&summary).expect("charts");
    let over_time = charts.iter().filter(|chart| chart.file_name.contains("word-count-latency"));
    assert!(over_time.count() > 0);
    let bars = charts.iter().find(|chart| chart.file_name.contains("word-count-throughput"));
    assert!(bars.expect("bars").svg.contains("never settled: not charted"));
    let log = crate::hlog::hlog(&result).expect("a log");
    assert_eq!(log.matches("never settled").count(), 7);
    let compared = crate::compare::compare(
        std::slice::from_ref(&testing::example()),
        std::slice::from_ref(&result),
        &crate::compare::Options::default(),
    )
    .expect("comparable");
    let throughput = |row: &str| {
        let of = |f: &&crate::compare::Finding| f.row == row && f.workload == "word-count";
        let found = compared.findings.iter().filter(of);
        found.filter(|f| f.metric == crate::compare::Metric::Throughput).map(|f| f.new.len()).sum()
    };
    let counts: [usize; 2] = [throughput("topology"), throughput("microbatch 10ms")];
    assert_eq!(counts, [0, 2]);
}
