//! Ten broken engines, each caught by the verdict.

mod faulty;
mod planted;

use faulty::{Fault, Faulty};
use std::time::Duration;
use weir_dataflow::Engine;
use weir_dataflow::testing::AllAtOnce;
use weir_harness::target::{Claimed, InProcess, Target, judge};
use weir_harness::verdict::Detail;
use weir_microbatch::MicroBatch;
use weir_oracle::Oracle;
use weir_reports::schema::Verdict;
use weir_topology::{Acking, TopologyConfig, TopologyEngine};
use weir_workloads::{Disorder, Generated, Settings};

/// A run of a workload on an engine with a fault, judged.
fn verdict<E: Engine>(engine: E, fault: Fault, workload: &str) -> Verdict {
    let spec = Generated { cardinality: 500, ..Generated::default() };
    let mut settings = Settings::new(spec.corpus());
    if fault == Fault::UncountedLate {
        settings.disorder =
            Disorder { bound_ns: 2_000_000, straggler_ppm: 5_000, straggle_ns: 90_000_000 };
    }
    (settings.window_ns, settings.slide_ns) = (40_000_000, 10_000_000);
    // Rare faults strike one word in a million; a line has ten words.
    let load = AllAtOnce { records: 120_000, spacing_ns: 1_000 };
    let target = InProcess(Faulty { engine, fault });
    let outcome = target.run(workload, &settings, &load.context(), Detail::Digests).expect("a run");
    let summary = outcome.summary.expect("the run ends");
    assert_eq!(summary.records, load.records);
    let claimed =
        Claimed { records: summary.records, late: summary.late, contents: &outcome.contents };
    judge(workload, &settings, &load, &[claimed], Detail::Digests).expect("a verdict").remove(0)
}

fn every_fault_is_caught<E: Engine>(engine: impl Fn() -> E) {
    for workload in ["word-count", "stateful", "windowed"] {
        let verdict = verdict(engine(), Fault::None, workload);
        assert!(verdict.valid, "the wrapper is harmless on {workload}: {verdict:?}");
    }
    for (fault, workload) in Fault::ALL {
        let verdict = verdict(engine(), fault, workload);
        assert!(!verdict.valid, "{fault:?} went unnoticed on {workload}: {verdict:?}");
    }
}

#[test]
fn faults_in_the_oracle() {
    every_fault_is_caught(|| Oracle);
}

#[test]
fn faults_in_the_topology() {
    for acking in [Acking::ONE, Acking::Off] {
        every_fault_is_caught(|| {
            let config = TopologyConfig {
                parallelism: 2,
                acking,
                batch_size: 64,
                ..TopologyConfig::default()
            };
            TopologyEngine::new(config)
        });
    }
}

#[test]
fn faults_in_the_micro_batch_engine() {
    every_fault_is_caught(|| {
        MicroBatch::new().parallelism(2).batch_interval(Duration::from_millis(10))
    });
}
