//! Ten broken engines, each caught by the verdict.

use std::time::Duration;
use weir_dataflow::Engine;
use weir_microbatch::MicroBatch;
use weir_oracle::Oracle;
use weir_targets::altered::Altered;
use weir_targets::faults::{Fault, verdict};
use weir_targets::target::InProcess;
use weir_topology::{Acking, TopologyConfig, TopologyEngine};

fn every_fault_is_caught<E: Engine>(engine: impl Fn() -> E) {
    let verdict = |fault, workload| {
        let target = InProcess(Altered { engine: engine(), by: fault });
        verdict(&target, fault, workload).expect("a verdict")
    };
    for workload in ["word-count", "stateful", "windowed"] {
        let verdict = verdict(Fault::None, workload);
        assert!(verdict.valid, "the wrapper is harmless on {workload}: {verdict:?}");
    }
    for (fault, workload) in Fault::ALL {
        let verdict = verdict(fault, workload);
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
