//! Executors that never run out of work, or that are slow: what else they have to do is done all the
//! same. Time is moved by the components themselves.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{ManualClock, Meter, RunContext, RunError, Stamp};
use weir_topology::typed::{
    Bolt, Collector, Input, Next, Outcome, Spout, SpoutCollector, TopologyBuilder,
};
use weir_topology::{Acking, TopologyConfig};

/// No test waits for this long but one that fails.
const LONG: Duration = Duration::from_secs(20);

fn context(clock: &Arc<ManualClock>) -> RunContext {
    let load = Arc::new(AllAtOnce { records: 0, spacing_ns: 1 });
    RunContext::new(Arc::<ManualClock>::clone(clock), load, Arc::new(Meter::counting()))
}

/// Emits numbers, and calls a function after each.
struct Numbers<F> {
    next: u64,
    count: u64,
    after: F,
}

impl<F: FnMut(u64) + 'static> Spout for Numbers<F> {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        if self.next == self.count {
            return Next::Done;
        }
        out.emit(Stamp { index: self.next, ..Stamp::default() }, self.next);
        self.next += 1;
        (self.after)(self.next);
        Next::More
    }
}

fn numbers<F: FnMut(u64) + 'static>(count: u64, after: F) -> Numbers<F> {
    Numbers { next: 0, count, after }
}

/// Calls a function for each number.
struct Each<F>(F);

impl<F: FnMut(u64) + 'static> Bolt for Each<F> {
    type In = u64;
    type Out = ();
    fn execute(&mut self, input: Input<'_, u64>, _: &mut Collector<()>) -> Outcome {
        (self.0)(input.value);
        Outcome::Ack
    }
}

/// Takes a second for each tuple, and wants to be woken each second.
struct Slow {
    clock: Arc<ManualClock>,
    at_ns: u64,
    woken: Arc<AtomicU64>,
    all_is_there: Receiver<()>,
}

impl Bolt for Slow {
    type In = u64;
    type Out = ();
    fn execute(&mut self, input: Input<'_, u64>, _: &mut Collector<()>) -> Outcome {
        if input.value == 0 {
            self.all_is_there.recv_timeout(LONG).expect("the spout goes on");
        }
        self.clock.advance(Duration::from_secs(1));
        Outcome::Ack
    }
    fn wake_at(&self) -> Option<u64> {
        Some(self.at_ns)
    }
    fn wake(&mut self, _: u64, _: &mut Collector<()>) {
        self.at_ns += 1_000_000_000;
        self.woken.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_slow_bolt_with_a_full_queue_is_woken_when_it_is_time() {
    let (clock, woken) = (Arc::new(ManualClock::new()), Arc::<AtomicU64>::default());
    let mut topology = TopologyBuilder::new(TopologyConfig::default());
    let (all, all_is_there) = bounded(1000);
    let numbers = topology.set_spout("numbers", 1, move |_| {
        let all = all.clone();
        numbers(100, move |n| {
            if n == 100 {
                all.send(()).expect("the bolt waits");
            }
        })
    });
    let (moved, counted) = (Arc::clone(&clock), Arc::clone(&woken));
    let slow = move |_: &_| Slow {
        clock: Arc::clone(&moved),
        at_ns: 1_000_000_000,
        woken: Arc::clone(&counted),
        all_is_there: all_is_there.clone(),
    };
    let _ = topology.set_bolt("slow", 1, slow).shuffle_grouping(&numbers);
    topology.build().expect("valid").run(&context(&clock)).expect("it ends");
    let woken = woken.load(Ordering::Relaxed);
    assert!((90..=100).contains(&woken), "{woken} times in 100 seconds");
}

/// What a spout emits before it sleeps comes while it does the next one.
#[test]
fn a_slow_spout_keeps_the_flush_interval() {
    let config = TopologyConfig { batch_size: 1000, acking: Acking::Off, ..Default::default() };
    let mut topology = TopologyBuilder::new(config);
    let clock = Arc::new(ManualClock::new());
    let (came, seen) = bounded(1000);
    let moved = Arc::clone(&clock);
    let spout = topology.set_spout("slow", 1, move |_| {
        let (clock, seen) = (Arc::clone(&moved), seen.clone());
        numbers(100, move |n| {
            clock.advance(Duration::from_millis(100));
            if n > 1 {
                seen.recv_timeout(LONG).expect("what was emitted before has been sent");
            }
        })
    });
    let bolt = move |_: &_| {
        let came = came.clone();
        Each(move |_| {
            // By the last one the spout may be gone.
            let _ = came.send(());
        })
    };
    let _ = topology.set_bolt("takes", 1, bolt).shuffle_grouping(&spout);
    topology.build().expect("valid").run(&context(&clock)).expect("it ends");
}

/// A sender goes on as soon as there is room, however long half the queue takes.
#[test]
fn a_sender_does_not_wait_until_a_slow_receiver_has_emptied_half_its_queue() {
    let capacity = 16;
    let config =
        TopologyConfig { queue_capacity: capacity, acking: Acking::Off, ..Default::default() };
    let mut topology = TopologyBuilder::new(config);
    let (sent, seen) = bounded(1000);
    let spout = topology.set_spout("fast", 1, move |_| {
        let sent = sent.clone();
        numbers(100, move |n| {
            // Of the tuples so far, one is in hand and the others have found room.
            if n as usize > capacity + 2 {
                sent.send(()).expect("the bolt is there");
            }
        })
    });
    let bolt = move |_: &_| {
        let seen = seen.clone();
        Each(move |n| {
            if (1..50).contains(&n) {
                seen.recv_timeout(LONG).expect("there is room for one more, and one more has come");
            }
        })
    };
    let _ = topology.set_bolt("slow", 1, bolt).shuffle_grouping(&spout);
    topology.build().expect("valid").run_to_end().expect("it ends");
}

struct Falls(Sender<()>);

impl Drop for Falls {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_cancelled_run_does_not_execute_what_is_queued() {
    let clock = Arc::new(ManualClock::new());
    let context = context(&clock);
    let (cancel, executed) = (context.cancel.clone(), Arc::<AtomicU64>::default());
    let mut topology = TopologyBuilder::new(TopologyConfig::default());
    let (fell, gone) = bounded(1000);
    let spout = topology.set_spout("numbers", 1, move |_| {
        let (falls, cancel) = (Falls(fell.clone()), cancel.clone());
        numbers(10_000, move |n| {
            let _kept = &falls;
            if n == 10_000 {
                cancel.cancel();
            }
        })
    });
    let count = Arc::clone(&executed);
    let bolt = move |_: &_| {
        let (count, gone) = (Arc::clone(&count), gone.clone());
        Each(move |n| {
            if n == 0 {
                gone.recv_timeout(LONG).expect("the spout ends");
            }
            count.fetch_add(1, Ordering::Relaxed);
        })
    };
    let _ = topology.set_bolt("slow", 1, bolt).shuffle_grouping(&spout);
    let error = topology.build().expect("valid").run(&context).expect_err("it is cancelled");
    assert_eq!(error, RunError::Cancelled);
    let executed = executed.load(Ordering::Relaxed);
    assert!(executed < 100, "{executed}");
}
