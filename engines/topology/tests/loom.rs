//! Topologies as small as can be, in the orders in which their threads can take their steps.
//!
//! What the protocols are made of is modelled one by one, and further, in `src/runtime/models`; here
//! it is put together. `scripts/models` runs both.
#![cfg(loom)]

use std::panic::resume_unwind;
use std::sync::Arc;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{ManualClock, Meter, RunContext, RunError, Stamp};
use weir_topology::typed::{
    Bolt, Collector, FailReason, Input, Next, Outcome, Report, Spout, SpoutCollector,
    TopologyBuilder,
};
use weir_topology::{Acking, TopologyConfig};

/// Sends numbers, tracked, and those again that fail.
struct Numbers {
    next: u64,
    count: u64,
    owed: Vec<u64>,
}

impl Spout for Numbers {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        let number = match self.owed.pop() {
            Some(number) => number,
            None if self.next == self.count => return Next::Done,
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        out.emit_tracked(Stamp { index: number, ..Stamp::default() }, number, number);
        Next::More
    }
    fn fail(&mut self, id: u64, _: FailReason) -> Result<(), RunError> {
        self.owed.push(id);
        Ok(())
    }
    fn owes(&self) -> Option<u64> {
        self.owed.iter().min().copied()
    }
}

/// What a bolt does with its first tuple.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Acks,
    Fails,
    Dies,
}

struct Pass(First);

impl Bolt for Pass {
    type In = u64;
    type Out = u64;
    fn execute(&mut self, input: Input<'_, u64>, out: &mut Collector<u64>) -> Outcome {
        match std::mem::replace(&mut self.0, First::Acks) {
            First::Acks => {
                out.emit(input.value);
                Outcome::Ack
            }
            First::Fails => Outcome::Fail,
            // Without the panic hook, which would print each.
            First::Dies => resume_unwind(Box::new("as told")),
        }
    }
}

fn run(count: u64, acking: Acking, first: First) -> Result<Vec<Report>, RunError> {
    let config = TopologyConfig { acking, queue_capacity: 1, ..TopologyConfig::default() };
    let mut topology = TopologyBuilder::new(config);
    let numbers = move |_: &_| Numbers { next: 0, count, owed: Vec::new() };
    let numbers = topology.set_spout("numbers", 1, numbers);
    let _ = topology.set_bolt("pass", 1, move |_| Pass(first)).shuffle_grouping(&numbers);
    // Time stands still, so that nobody gets on because it was long enough.
    let clock = Arc::new(ManualClock::new());
    let load = Arc::new(AllAtOnce { records: 0, spacing_ns: 1 });
    let context = RunContext::new(clock, load, Arc::new(Meter::counting()));
    topology.build().expect("valid").run(&context)
}

/// Explores all schedules with at most `preemptions` switches away from a thread that could go on, for
/// which loom's `LOOM_MAX_PREEMPTIONS` stands in if it is set.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 10_000;
    builder.check(model);
}

#[test]
fn without_acking_every_tuple_arrives_and_the_run_ends() {
    explore(2, || {
        let reports = run(1, Acking::Off, First::Acks).expect("it ends");
        assert_eq!(reports[1].total().executed, 1);
    });
}

#[test]
fn with_acking_every_tuple_is_acked_and_the_run_ends() {
    explore(1, || {
        let reports = run(1, Acking::ONE, First::Acks).expect("it ends");
        assert_eq!((reports[0].total().acked, reports[0].total().failed), (1, 0));
    });
}

#[test]
fn what_fails_is_sent_again() {
    explore(1, || {
        let reports = run(1, Acking::ONE, First::Fails).expect("it ends");
        let spout = reports[0].total();
        assert_eq!((spout.emitted, spout.acked, spout.failed), (2, 1, 1));
    });
}

/// The spout may be sending, waiting for room, or waiting for its tree.
#[test]
fn a_run_whose_bolt_dies_ends_and_says_so() {
    explore(1, || {
        let error = run(2, Acking::ONE, First::Dies).expect_err("it dies");
        assert!(matches!(error, RunError::TaskPanicked { .. }), "{error}");
    });
}
