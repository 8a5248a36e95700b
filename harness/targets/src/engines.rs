//! The engines of this project as [`Target`]s. Each of these functions makes the compiler build every
//! workload for one engine.

use crate::altered::Altered;
use crate::faults::Fault;
use crate::null::Null;
use crate::slowed::Pace;
use crate::target::{CostLoop, InProcess, Target};
use weir_microbatch::MicroBatch;
use weir_oracle::Oracle;
use weir_topology::{TopologyConfig, TopologyEngine};
use weir_trident::TridentEngine;

/// The record-at-a-time engine.
#[must_use]
pub fn topology(config: TopologyConfig) -> Box<dyn Target> {
    Box::new(InProcess(TopologyEngine::new(config)))
}

/// The micro-batch engine.
#[must_use]
pub fn microbatch(engine: MicroBatch) -> Box<dyn Target> {
    Box::new(InProcess(engine))
}

/// The engine of batches on a topology.
#[must_use]
pub fn trident(engine: TridentEngine) -> Box<dyn Target> {
    Box::new(InProcess(engine))
}

/// The oracle, as an engine like another.
#[must_use]
pub fn oracle() -> Box<dyn Target> {
    Box::new(InProcess(Oracle))
}

/// The engine that does nothing.
#[must_use]
pub fn null() -> Box<dyn Target> {
    Box::new(InProcess(Null))
}

/// The hand-written loops.
#[must_use]
pub fn cost_loop() -> Box<dyn Target> {
    Box::new(CostLoop)
}

/// The engine that does nothing, with records that take their time.
#[must_use]
pub fn slowed_null(pace: Pace) -> Box<dyn Target> {
    Box::new(InProcess(Altered { engine: Null, by: pace }))
}

/// The oracle, with records that take their time.
#[must_use]
pub fn slowed_oracle(pace: Pace) -> Box<dyn Target> {
    Box::new(InProcess(Altered { engine: Oracle, by: pace }))
}

/// The oracle, with a fault.
#[must_use]
pub fn faulty_oracle(fault: Fault) -> Box<dyn Target> {
    Box::new(InProcess(Altered { engine: Oracle, by: fault }))
}
