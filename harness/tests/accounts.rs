//! Engines that give a true account of what ran are believed, and those that misreport themselves, or were
//! not given what was asked for, are caught.

use std::time::Duration;
use weir_dataflow::Cancel;
use weir_harness::execute::{Offer, execute};
use weir_harness::lies::{LIES, Lying};
use weir_harness::rows::EngineRow;
use weir_harness::schedule::Shape;
use weir_harness::settings::{Config, Layers, resolve};
use weir_reports::schema::{Run, Verdict};
use weir_targets::engines;
use weir_topology::{Acking, TopologyConfig};
use weir_workloads::{Generated, Settings};

/// The rows of a comparison with few choices.
fn rows(sets: &[&str]) -> Vec<EngineRow> {
    let sets = sets.iter().map(|text| (*text).to_owned()).collect();
    let resolved = resolve(&Layers { sets, ..Layers::default() }).expect("settings");
    EngineRow::of(&Config::new(&resolved).expect("settings that make sense"))
}

/// A short run of a row, whose output is said to be right.
fn run(row: &EngineRow, workload: &str, shape: Shape) -> Run {
    let settings = Settings::new(Generated { cardinality: 500, ..Generated::default() }.corpus());
    let (warm_up, measured) = (Duration::from_millis(5), Duration::from_millis(30));
    let offer = Offer { shape, rate: "20k".parse().expect("a rate"), warm_up, measured, seed: 1 };
    let interval = row.batch_interval.unwrap_or_default();
    let run = execute(&*row.target, workload, &settings, offer, interval, &Cancel::new());
    let verdict = Verdict { valid: true, ..Verdict::default() };
    row.judged(run.expect("a run"), 1, 1, verdict)
}

#[test]
fn engines_that_report_what_was_asked_for_are_believed() {
    for parallelism in ["1", "3"] {
        let sets = [
            "engine=topology,microbatch,trident",
            "batch-interval=10ms",
            &format!("parallelism={parallelism}"),
            "queue-batch=1,64",
            "message-timeout=1500ms",
            "max-spout-pending=0",
        ];
        for row in rows(&sets) {
            for workload in weir_workloads::NAMES {
                for shape in [Shape::Constant, Shape::Max] {
                    let run = run(&row, workload, shape);
                    assert_eq!(run.error, None, "{} on {workload}, {shape}", row.id);
                    // Each record has a latency, none sampled.
                    assert!(run.verdict.valid, "{} on {workload}: {:?}", row.id, run.verdict);
                    let ran = run.ran.expect("an account");
                    assert_eq!(ran.engine, row.kind.name());
                    assert!(ran.threads > 0 && ran.tasks > 0);
                    assert!(ran.batches.is_some() == row.batch_interval.is_some(), "{ran:?}");
                }
            }
        }
    }
}

#[test]
fn engines_that_misreport_themselves_are_caught() {
    let sets = [
        "engine=topology,microbatch,trident",
        "batch-interval=10ms",
        "parallelism=1",
        "queue-batch=1",
        "acking=on",
    ];
    for (lie, part) in LIES {
        let mut caught = 0;
        for mut row in rows(&sets) {
            row.target = Box::new(Lying { target: row.target, lie });
            let has_it = lie.applies_to(&row);
            let run = run(&row, "word-count", Shape::Constant);
            let error = run.error.unwrap_or_else(|| run.verdict.examples.join("; "));
            assert_eq!(error.contains(part), has_it, "{lie:?} on {}: {error:?}", row.id);
            assert_eq!(run.verdict.valid, !has_it, "{lie:?} on {}", row.id);
            assert!(!error.contains('\n'), "one line: {error}");
            caught += usize::from(has_it);
        }
        assert!(caught > 0, "{lie:?}");
    }
}

/// The engine tells the truth, and was not given what the row asks for.
#[test]
fn engines_that_were_given_other_settings_are_caught() {
    let sets = ["engine=topology", "parallelism=1", "queue-batch=1", "acking=on"];
    let asked = |config: TopologyConfig| {
        let mut row = rows(&sets).remove(0);
        row.target = engines::topology(config);
        run(&row, "word-count", Shape::Constant).error.unwrap_or_default()
    };
    let config = || TopologyConfig {
        parallelism: 1,
        acking: Acking::ONE,
        batch_size: 1,
        flush_interval: Duration::from_millis(1),
        max_spout_pending: std::num::NonZeroUsize::new(4096),
        ..TopologyConfig::default()
    };
    assert_eq!(asked(config()), "", "the same as asked for");
    for (other, part) in [
        (TopologyConfig { parallelism: 2, ..config() }, "up to 2 tasks and not 1"),
        (TopologyConfig { acking: Acking::Off, ..config() }, "no acker ran"),
        (TopologyConfig { batch_size: 64, ..config() }, "batch_size is 64 and not 1"),
        (TopologyConfig { max_spout_pending: None, ..config() }, "is unlimited and not 4096"),
    ] {
        let error = asked(other);
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}
