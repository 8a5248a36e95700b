//! A topology as small as can be, in all the orders in which its threads can take their steps.
#![cfg(loom)]

use loom::model::Builder;
use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{ManualClock, Meter, RunContext, RunError, Stamp};
use weir_topology::typed::{
    Bolt, Collector, FailReason, Input, Next, Outcome, Report, Spout, SpoutCollector, TopologyBuilder,
};
use weir_topology::{Acking, TopologyConfig};

/// Sends `count` numbers, tracked, and those again that fail.
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

struct Pass(Outcome);

impl Bolt for Pass {
    type In = u64;
    type Out = u64;
    fn execute(&mut self, input: Input<'_, u64>, out: &mut Collector<u64>) -> Outcome {
        out.emit(input.value);
        std::mem::replace(&mut self.0, Outcome::Ack)
    }
}

fn run(count: u64, acking: Acking, bolts: usize, first: Outcome) -> Vec<Report> {
    let config = TopologyConfig { acking, queue_capacity: 1, ..TopologyConfig::default() };
    let mut topology = TopologyBuilder::new(config);
    let mut stream = topology.set_spout("numbers", 1, move |_| Numbers { next: 0, count, owed: Vec::new() });
    for bolt in 0..bolts {
        stream = topology.set_bolt(&format!("pass{bolt}"), 1, move |_| Pass(first)).shuffle_grouping(&stream).stream();
    }
    let clock = Arc::new(ManualClock::new());
    let load = AllAtOnce { records: 0, spacing_ns: 1 };
    let context = RunContext::new(clock, Arc::new(load), Arc::new(Meter::counting()));
    topology.build().expect("valid").run(&context).expect("it ends")
}

fn explore(bound: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut b = Builder::new();
    b.preemption_bound = Some(bound);
    b.max_branches = 10_000;
    b.check(f);
}

#[test]
fn t0() {
    let n = std::env::var("B").map_or(1, |b| b.parse().unwrap());
    let c = std::env::var("C").map_or(1, |b| b.parse().unwrap());
    let k = std::env::var("K").map_or(1, |b| b.parse().unwrap());
    let acking = if std::env::var("A").is_ok() { Acking::ONE } else { Acking::Off };
    let failing = std::env::var("F").is_ok();
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let c2 = count.clone();
    explore(n, move || {
        c2.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let r = run(c, acking, k, if failing { Outcome::Fail } else { Outcome::Ack });
        assert_eq!(r[0].total().emitted, c + failing as u64);
    });
    println!("{count:?}");
}
