//! Changes of the machine, and what of an engine's they explain.

use super::super::tests::{found, of, rounds, same};
use super::*;
use crate::compare::{Finding, Metric};
use crate::schema::{Mode, Reference, Row, Run};

/// Gives each workload a loop of so many records per second, round by round.
fn with_loops(mut result: ResultFile, rates: impl Iterator<Item = f64> + Clone) -> ResultFile {
    for workload in &mut result.workloads {
        let records_per_s = rates.clone().collect();
        workload.cost = Some(Reference { records_per_s, latency: None, runs: Vec::new() });
    }
    result
}

/// A session on a machine of so many times the speed, whose loops vary by so little or much, in whose rows
/// something else is changed too.
fn session(speed: f64, spread: f64, change: impl Fn(&Row, &mut Run)) -> ResultFile {
    let result = rounds(|row, run| {
        run.achieved_per_s *= speed;
        run.resources.user_s /= speed;
        run.resources.system_s /= speed;
        change(row, run);
    });
    let round = |k: i32| 1e6 * speed * (1.0 + spread * f64::from(k - 4) / 4.0);
    with_loops(result, (1..=8).map(round))
}

/// Everything is a tenth slower, the hand-written loop too: it is the machine.
#[test]
fn a_slower_machine_is_no_regression() {
    let speed = |factor: f64| {
        let mut result = rounds(|_, run| {
            run.achieved_per_s *= factor;
            if let Some(latency) = &mut run.latency {
                latency.p99_ns = (latency.p99_ns as f64 / factor) as u64;
            }
        });
        for workload in &mut result.workloads {
            let rates = (0..8).map(|k| (1.0 + 0.001 * f64::from(k)) * 1e6 * factor).collect();
            workload.cost =
                Some(Reference { records_per_s: rates, latency: None, runs: Vec::new() });
        }
        result
    };
    let comparison = found(speed(1.0), speed(0.9));
    assert!(comparison.machines.iter().all(|machine| machine.differs));
    let throughput = of(&comparison, "topology", Metric::Throughput);
    assert!(throughput.relative);
    assert_eq!(throughput.verdict, Verdict::Unchanged, "{throughput:?}");
    let late = of(&comparison, "topology", Metric::LatencyP99);
    assert_eq!(late.verdict, Verdict::Inconclusive, "{late:?}");
    assert!(!comparison.has_regressed());
}

/// What a slower machine explains of a latency is what it takes longer itself.
#[test]
fn a_latency_of_ten_times_as_much_is_not_a_machine_that_is_a_little_slower() {
    let session = |speed: f64, latency: f64| {
        let mut result = rounds(|_, run| {
            if let Some(points) = &mut run.latency {
                points.p50_ns = (points.p50_ns as f64 * latency) as u64;
            }
        });
        for workload in &mut result.workloads {
            let rates = (0..8).map(|k| (1.0 + 0.001 * f64::from(k)) * 1e6 * speed).collect();
            workload.cost =
                Some(Reference { records_per_s: rates, latency: None, runs: Vec::new() });
        }
        result
    };
    for (latency, verdict) in
        [(10.0, Verdict::Regressed), (1.06, Verdict::Inconclusive), (1.0, Verdict::Unchanged)]
    {
        let comparison = found(session(1.0, 1.0), session(0.95, latency));
        assert_eq!(of(&comparison, "topology", Metric::LatencyP50).verdict, verdict, "{latency}");
    }
}

/// Each run is held against the loop of its own round.
#[test]
fn a_machine_that_changes_from_round_to_round_cancels_out() {
    let session = |slower: f64| {
        let speed = |round: u32| if round.is_multiple_of(2) { 1.0 } else { 1.4 };
        let mut result = rounds(|_, run| {
            run.achieved_per_s *= speed(run.round) / slower;
            run.resources.user_s *= slower / speed(run.round);
            run.resources.system_s = 0.0;
        });
        for workload in &mut result.workloads {
            let rates = (1..=8).map(|round| 1e6 * speed(round) / slower).collect();
            workload.cost =
                Some(Reference { records_per_s: rates, latency: None, runs: Vec::new() });
        }
        result
    };
    // Everything takes a quarter longer, and by itself the loop cannot tell that from its ups and downs.
    let comparison = found(session(1.0), session(1.25));
    for metric in [Metric::Throughput, Metric::CpuPerMillion] {
        let finding = of(&comparison, "topology", metric);
        assert!(!matches!(finding.verdict, Verdict::Regressed), "{finding:?}");
    }
}

/// One on a machine of three quarters of the speed, of which not all loops are known.
#[test]
fn without_loops_a_slower_engine_may_be_a_slower_machine() {
    let slower = || session(0.75, 0.001, same);
    let known = found(session(1.0, 0.001, same), slower());
    assert!(of(&known, "topology", Metric::Throughput).relative);
    let few = with_loops(slower(), [0.75e6].into_iter());
    let mut none = slower();
    none.workloads.iter_mut().for_each(|workload| workload.cost = None);
    for new in [few, none] {
        let comparison = found(session(1.0, 0.001, same), new);
        for metric in [Metric::Throughput, Metric::CpuPerMillion] {
            let finding = of(&comparison, "topology", metric);
            assert_eq!(finding.verdict, Verdict::Inconclusive, "{finding:?}");
        }
        assert!(!comparison.has_regressed());
    }
}

/// Each alone is noise, and together they are not: what is the machine's is not the engine's.
#[test]
fn a_machine_that_is_slower_within_the_band_is_not_charged_to_the_engine() {
    let new = session(0.986, 0.001, |_, run| run.achieved_per_s *= 0.988);
    let comparison = found(session(1.0, 0.001, same), new);
    assert!(comparison.machines.iter().all(|machine| !machine.differs && !machine.open));
    let finding = of(&comparison, "topology", Metric::Throughput);
    assert_eq!(finding.verdict, Verdict::Inconclusive, "{finding:?}");
    let engine = found(
        session(1.0, 0.001, same),
        session(0.986, 0.001, |_, run| run.achieved_per_s *= 0.95),
    );
    assert_eq!(of(&engine, "topology", Metric::Throughput).verdict, Verdict::Regressed);
}

/// Keeping up, and waiting, are the machine's near the limit of a row, and the engine's far from it.
#[test]
fn what_is_near_its_limit_may_be_the_machines() {
    let paced = |row: &Row, run: &Run| row.id == "topology" && run.mode == Mode::Paced;
    let capacity = rounds(same).workloads[0].rows[0]
        .runs
        .iter()
        .find(|run| run.mode == Mode::Saturation)
        .map(|run| run.achieved_per_s)
        .expect("saturation");
    for (speed, utilisation, latency, keeps_up, verdict) in [
        (0.7, 0.9, 1.0, false, Verdict::Inconclusive),
        (0.7, 0.1, 1.0, false, Verdict::Regressed),
        (1.0, 0.9, 1.0, false, Verdict::Regressed),
        // By M/M/1, of 40 % and of 50 %: 1.5 times as long.
        (0.8, 0.4, 1.45, true, Verdict::Inconclusive),
        (0.8, 0.4, 1.7, true, Verdict::Regressed),
        (0.8, 0.7, 1.7, true, Verdict::Inconclusive),
        (0.8, 0.01, 1.7, true, Verdict::Regressed),
    ] {
        let side = |speed: f64, latency: f64, keeps_up: bool| {
            session(speed, 0.001, |row, run| {
                if paced(row, run) {
                    run.schedule = "constant".to_owned();
                    run.offered_per_s = Some(utilisation * capacity);
                    run.sustained = Some(keeps_up);
                    if let Some(points) = &mut run.latency {
                        points.p50_ns = (points.p50_ns as f64 * latency) as u64;
                    }
                }
            })
        };
        let comparison = found(side(1.0, 1.0, true), side(speed, latency, keeps_up));
        let metric = if keeps_up { Metric::LatencyP50 } else { Metric::KeptUp };
        let finding: &Finding = of(&comparison, "topology", metric);
        assert_eq!(finding.verdict, verdict, "{speed} {utilisation} {latency}: {:?}", finding.note);
    }
}

#[test]
fn a_slower_machine_makes_records_wait_for_each_other() {
    for (speed, utilisation, factor) in [
        (1.0, Some(0.5), Some(1.0)),
        (0.5, Some(0.0), Some(2.0)),
        (0.8, Some(0.4), Some(1.5)),
        (1.25, Some(0.5), Some(0.5 / 0.6 * 0.8)),
        (0.5, Some(0.41), None),
        (2.0, Some(0.9), None),
        (0.9, None, None),
    ] {
        let found = stretch(speed, utilisation);
        let close = match (found, factor) {
            (Some(found), Some(factor)) => (found - factor).abs() < 1e-9,
            (found, factor) => found == factor,
        };
        assert!(close, "{speed} {utilisation:?}: {found:?}");
    }
}
