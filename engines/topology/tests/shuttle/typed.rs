//! The typed form: a spout, a bolt of two tasks, a last bolt, an acker.

use crate::{SharedWorld, explore, once_in};
use std::panic::resume_unwind;
use std::sync::Arc;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{ManualClock, Meter, RunContext, RunError, Stamp};
use weir_topology::typed::{
    Bolt, Collector, FailReason, Input, Next, Outcome, Report, Spout, SpoutCollector, TaskContext,
    TopologyBuilder,
};
use weir_topology::{Acking, TopologyConfig};

const NUMBERS: u64 = 3;
/// Tuples that the middle bolt makes of one.
const EFFECTS: u64 = 2;

struct Numbers(SharedWorld);

impl Spout for Numbers {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        let Some(number) = self.0.take(NUMBERS) else { return Next::Done };
        out.emit_tracked(Stamp { index: number, ..Stamp::default() }, number, number);
        Next::More
    }
    fn ack(&mut self, id: u64) {
        self.0.acked(id, EFFECTS);
    }
    fn fail(&mut self, id: u64, _: FailReason) -> Result<(), RunError> {
        self.0.failed(id);
        Ok(())
    }
    fn owes(&self) -> Option<u64> {
        self.0.lock().owed.iter().min().copied()
    }
}

/// What a bolt does with a tuple other than taking it, now and then.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    Fails,
    Dies,
}

impl Mishap {
    fn now(self) -> bool {
        let now = self != Self::None && once_in(6);
        if now && self == Self::Dies {
            // Without the panic hook, which would print each.
            resume_unwind(Box::new("as told"));
        }
        now
    }
}

struct Spread(Mishap);

impl Bolt for Spread {
    type In = u64;
    type Out = (u64, u64);
    fn execute(&mut self, input: Input<'_, u64>, out: &mut Collector<(u64, u64)>) -> Outcome {
        let fails = self.0.now();
        for effect in 0..EFFECTS {
            out.emit((input.value, effect));
        }
        if fails { Outcome::Fail } else { Outcome::Ack }
    }
}

struct Effects(SharedWorld, Mishap);

impl Bolt for Effects {
    type In = (u64, u64);
    type Out = ();
    fn execute(&mut self, input: Input<'_, (u64, u64)>, _: &mut Collector<()>) -> Outcome {
        if self.1.now() {
            return Outcome::Fail;
        }
        let (number, effect) = input.value;
        self.0.has_effect(number, effect);
        Outcome::Ack
    }
}

fn run(world: &SharedWorld, batch_size: usize, mishap: Mishap) -> Result<Vec<Report>, RunError> {
    let acking = Acking::ONE;
    // Room for one packet.
    let queue_capacity = 1;
    let config = TopologyConfig { acking, batch_size, queue_capacity, ..TopologyConfig::default() };
    let mut topology = TopologyBuilder::new(config);
    let (to_spout, to_bolt) = (world.clone(), world.clone());
    let numbers = topology.set_spout("numbers", 1, move |_| Numbers(to_spout.clone()));
    let spread = topology
        .set_bolt("spread", 2, move |_: &TaskContext| Spread(mishap))
        .shuffle_grouping(&numbers)
        .stream();
    let _ = topology
        .set_bolt("effects", 1, move |_: &TaskContext| Effects(to_bolt.clone(), mishap))
        .shuffle_grouping(&spread);
    // Time stands still, so that nobody gets on because it was long enough.
    let clock = Arc::new(ManualClock::new());
    let load = Arc::new(AllAtOnce { records: 0, spacing_ns: 1 });
    let context = RunContext::new(clock, load, Arc::new(Meter::counting()));
    topology.build().expect("valid").run(&context)
}

fn adds_up(reports: &[Report]) {
    let [spout, spread, effects, acker] =
        <[_; 4]>::try_from(reports.iter().map(Report::total).collect::<Vec<_>>())
            .expect("four components");
    assert_eq!((spout.acked, spout.timed_out), (NUMBERS, 0));
    assert_eq!(spout.emitted, NUMBERS + spout.failed);
    assert_eq!(spread.executed, spout.emitted);
    assert_eq!(spread.emitted, EFFECTS * spread.executed);
    assert_eq!(effects.executed, spread.emitted);
    assert!(spout.failed <= spread.failed + effects.failed);
    assert!(acker.executed >= spout.acked + spout.failed);
}

/// Catches a tree whose account leaves out what was emitted, a bolt that tells its end before its
/// last batch, and any wait that nobody ends.
#[test]
fn every_number_is_acked_once_and_after_its_effects() {
    for batch_size in [1, 2] {
        explore(move || {
            let world = SharedWorld::default();
            let reports = run(&world, batch_size, Mishap::None).expect("it ends");
            adds_up(&reports);
            world.check(NUMBERS, EFFECTS);
        });
    }
}

#[test]
fn what_fails_is_sent_again_until_it_is_acked() {
    explore(|| {
        let world = SharedWorld::default();
        let reports = run(&world, 1, Mishap::Fails).expect("it ends");
        adds_up(&reports);
        world.check(NUMBERS, EFFECTS);
    });
}

/// Whatever dies whenever, every thread ends, and the run says what it was.
#[test]
fn a_run_with_a_bolt_that_dies_ends() {
    explore(|| {
        let world = SharedWorld::default();
        match run(&world, 1, Mishap::Dies) {
            Ok(reports) => {
                adds_up(&reports);
                world.check(NUMBERS, EFFECTS);
            }
            Err(RunError::TaskPanicked { message, .. }) => assert_eq!(message, "as told"),
            Err(other) => panic!("{other}"),
        }
    });
}
