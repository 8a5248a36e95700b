//! Every workload on every engine equals the oracle: one check, many rows.

use proptest::prelude::*;
use std::num::NonZeroUsize;
use std::time::Duration;
use weir_dataflow::testing::AllAtOnce;
use weir_microbatch::MicroBatch;
use weir_targets::engines;
use weir_targets::target::{Claimed, CostLoop, Target, judge};
use weir_targets::verdict::Detail;
use weir_topology::{Acking, TopologyConfig};
use weir_trident::TridentEngine;
use weir_workloads::{Corpus, Disorder, Generated, NAMES, Settings, sherlock};

/// Runs a workload over `records` records and holds it against the oracle.
fn check(
    target: &dyn Target,
    workload: &str,
    settings: &Settings,
    load: AllAtOnce,
) -> Result<(), String> {
    let outcome = target
        .run(workload, settings, &load.context(), Detail::Rows)
        .map_err(|error| error.to_string())?;
    let summary = outcome.summary.map_err(|error| error.to_string())?;
    if summary.records != load.records {
        return Err(format!("read {} records of {}", summary.records, load.records));
    }
    let claimed =
        Claimed { records: load.records, late: summary.late, contents: &outcome.contents };
    let verdict = judge(workload, settings, &load, &[claimed], Detail::Rows)
        .map_err(|error| error.to_string())?
        .remove(0);
    if verdict.valid { Ok(()) } else { Err(format!("{verdict:?}")) }
}

fn topology(parallelism: usize, acking: bool, batch_size: usize, queue: usize) -> Box<dyn Target> {
    engines::topology(TopologyConfig {
        parallelism,
        acking: if acking { Acking::ONE } else { Acking::Off },
        batch_size,
        queue_capacity: queue,
        max_spout_pending: NonZeroUsize::new(64),
        ..TopologyConfig::default()
    })
}

fn microbatch(parallelism: usize, interval_ms: u64) -> Box<dyn Target> {
    let interval = Duration::from_millis(interval_ms);
    engines::microbatch(MicroBatch::new().parallelism(parallelism).batch_interval(interval))
}

fn trident(parallelism: usize, interval_ms: u64, in_flight: usize) -> Box<dyn Target> {
    let most = NonZeroUsize::new(in_flight).expect("one at least");
    let engine = TridentEngine::new().parallelism(parallelism).max_batches_in_flight(most);
    engines::trident(engine.batch_interval(Duration::from_millis(interval_ms)))
}

/// Every engine configuration that the rows below are run on.
fn configurations() -> Vec<(String, Box<dyn Target>)> {
    let mut all: Vec<(String, Box<dyn Target>)> = Vec::new();
    for parallelism in [1, 2, 3, 8] {
        for acking in [true, false] {
            for (batch, queue) in [(1, 1), (1, 1024), (7, 3), (256, 1024)] {
                let name =
                    format!("topology x{parallelism} acking {acking} batch {batch} queue {queue}");
                all.push((name, topology(parallelism, acking, batch, queue)));
            }
        }
        for interval_ms in [1, 10, 1_000] {
            let name = format!("microbatch x{parallelism} every {interval_ms} ms");
            all.push((name, microbatch(parallelism, interval_ms)));
        }
        for (interval_ms, in_flight) in [(0, 4), (1, 8), (10, 1), (1_000, 2)] {
            let name =
                format!("trident x{parallelism} every {interval_ms} ms, {in_flight} at once");
            all.push((name, trident(parallelism, interval_ms, in_flight)));
        }
    }
    all
}

fn windows(settings: &mut Settings, length_ms: u64, slide_ms: u64, lateness_ms: u64) {
    (settings.window_ns, settings.slide_ns) = (length_ms * 1_000_000, slide_ms * 1_000_000);
    settings.lateness_ns = lateness_ms * 1_000_000;
}

#[test]
fn every_workload_on_every_engine() {
    let text = sherlock();
    let drawn = Generated { cardinality: 300, skew: 1.2, ..Generated::default() }.corpus();
    for (corpus, records) in [(text, 3_000), (drawn, 500), (drawn, 1), (drawn, 0)] {
        let mut settings = Settings::new(corpus);
        windows(&mut settings, 40, 10, 0);
        for (name, engine) in configurations() {
            for workload in NAMES {
                let load = AllAtOnce { records, spacing_ns: 50_000 };
                let result = check(&*engine, workload, &settings, load);
                assert_eq!(result, Ok(()), "{workload} on {name}, {records} records");
            }
        }
    }
}

/// Length, slide, lateness, disorder bound, stragglers in a million, how far they stray; all in ms.
const WINDOW_ROWS: &[[u64; 6]] = &[
    [40, 10, 0, 0, 0, 0],
    [10, 10, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0],
    [30, 20, 0, 0, 0, 0],
    [10, 30, 0, 0, 0, 0],
    [7, 3, 0, 0, 0, 0],
    [40, 10, 0, 5, 0, 0],
    [40, 10, 0, 5, 50_000, 60],
    [40, 10, 20, 5, 50_000, 60],
    [7, 3, 1, 4, 200_000, 30],
    [10, 30, 0, 9, 200_000, 50],
    [1_000, 500, 0, 0, 0, 0],
];

#[test]
fn windows_in_and_out_of_order() {
    let drawn = Generated { cardinality: 20, ..Generated::default() }.corpus();
    let load = AllAtOnce { records: 4_000, spacing_ns: 50_000 };
    for row in WINDOW_ROWS {
        let [length, slide, lateness, bound, straggler_ppm, straggle] = *row;
        let mut settings = Settings::new(drawn);
        windows(&mut settings, length, slide, lateness);
        settings.disorder = Disorder {
            bound_ns: bound * 1_000_000,
            straggler_ppm,
            straggle_ns: straggle * 1_000_000,
        };
        let looped = check(&CostLoop, "windowed", &settings, load);
        assert_eq!(looped, Ok(()), "loop, {row:?}");
        for (name, engine) in configurations() {
            let result = check(&*engine, "windowed", &settings, load);
            assert_eq!(result, Ok(()), "{name}, {row:?}");
        }
    }
}

#[test]
fn the_same_run_twice_is_the_same() {
    let settings = Settings::new(sherlock());
    let load = AllAtOnce { records: 2_000, spacing_ns: 10_000 };
    for (name, engine) in configurations().into_iter().step_by(5) {
        for workload in NAMES {
            for _ in 0..2 {
                assert_eq!(
                    check(&*engine, workload, &settings, load),
                    Ok(()),
                    "{workload} on {name}"
                );
            }
        }
    }
}

/// Small texts: few words, so that keys collide, with all the white space there is.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            4 => "[abc]{1,2}",
            2 => Just(" ".to_owned()),
            1 => Just("\n".to_owned()),
            1 => prop_oneof![Just("\u{2003}"), Just("\r\n"), Just("\t"), Just("ß"), Just("")]
                .prop_map(str::to_owned),
        ],
        1..60,
    )
    .prop_map(|parts| parts.concat() + " end")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_inputs(
        text in text(),
        (parallelism, acking, batch, queue) in
            (1usize..=4, any::<bool>(), 1usize..=9, 1usize..=8),
        (interval_ms, records, spacing_ns) in (1u64..=20, 0u64..120, 1u64..3_000_000),
        (length, slide, lateness) in (1u64..40, 1u64..20, 0u64..10),
        (bound_ns, straggler_ppm, straggle_ns) in
            (prop_oneof![Just(0u64), 0..9_000_000u64], prop_oneof![Just(0u64), 0..500_000u64], 0..50_000_000u64),
        workload in 0..NAMES.len(),
    ) {
        let mut settings = Settings::new(Corpus::intern("small", text));
        windows(&mut settings, length, slide, lateness);
        settings.disorder = Disorder { bound_ns, straggler_ppm, straggle_ns };
        let load = AllAtOnce { records, spacing_ns };
        let workload = NAMES[workload];
        let one = topology(parallelism, acking, batch, queue);
        prop_assert_eq!(check(&*one, workload, &settings, load), Ok(()), "topology");
        let other = microbatch(parallelism, interval_ms);
        prop_assert_eq!(check(&*other, workload, &settings, load), Ok(()), "microbatch");
        let third = trident(parallelism, interval_ms - 1, batch);
        prop_assert_eq!(check(&*third, workload, &settings, load), Ok(()), "trident");
    }
}
