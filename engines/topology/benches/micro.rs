//! Storm's own micro-benchmarks: a constant spout to a null bolt, and to an identity bolt to a null
//! bolt, with and without acking, beside what a bare queue moves between two threads in the same
//! run, in elements of the size that the topology's have. The queue underneath an executor is a ring for
//! each sender (rtrb): the first ratio is to that. A bare ring can be neither shared nor slept on, and both
//! of its ends spin, which is bad for it wherever they have no core of their own. The second ratio is to a
//! bounded channel (crossbeam's), which is what executors that several send to, and that sleep while there
//! is nothing, are usually built on.
//!
//! ```text
//! cargo bench -p weir-topology --bench micro -- [1] [500]
//! ```
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![allow(missing_docs, reason = "a bench has no API")]

use crossbeam_channel::bounded;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::thread::Builder;
use weir_dataflow::{Clock, Stamp, SystemClock};
use weir_topology::typed::{
    Bolt, Collector, Input, Next, Outcome, Spout, SpoutCollector, TopologyBuilder,
};
use weir_topology::{Acking, TopologyConfig};

/// Emits the same value over and over.
struct ConstSpout {
    next: u64,
    count: u64,
}

/// Tuples between two looks at what the acker says.
const ROUND: u64 = 500;

impl Spout for ConstSpout {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        if self.next == self.count {
            return Next::Done;
        }
        let room = u64::try_from(out.room()).unwrap_or(u64::MAX);
        let upto = self.count.min(self.next + ROUND.min(room.max(1)));
        let tracked = out.tracks();
        for index in self.next..upto {
            if tracked {
                out.emit_tracked(Stamp::default(), 42, index);
            } else {
                out.emit(Stamp::default(), 42);
            }
        }
        self.next = upto;
        Next::More
    }
}

struct IdBolt;
impl Bolt for IdBolt {
    type In = u64;
    type Out = u64;
    #[inline]
    fn execute(&mut self, input: Input<'_, u64>, out: &mut Collector<u64>) -> Outcome {
        out.emit(input.value);
        Outcome::Ack
    }
}

struct NullBolt;
impl Bolt for NullBolt {
    type In = u64;
    type Out = ();
    #[inline]
    fn execute(&mut self, input: Input<'_, u64>, _: &mut Collector<()>) -> Outcome {
        black_box(input.value);
        Outcome::Ack
    }
}

fn config(acking: Acking, batch_size: usize) -> TopologyConfig {
    let max_spout_pending = NonZeroUsize::new(1 << 16);
    TopologyConfig { acking, batch_size, max_spout_pending, ..TopologyConfig::default() }
}

/// Tuples per second.
fn rate(count: u64, run: impl FnOnce()) -> f64 {
    let clock = SystemClock::new();
    run();
    count as f64 / clock.now_ns() as f64 * 1e9
}

fn topology(count: u64, config: &TopologyConfig, identity: bool) -> f64 {
    let mut builder = TopologyBuilder::new(config.clone());
    let numbers = builder.set_spout("const", 1, move |_| ConstSpout { next: 0, count });
    let numbers = if identity {
        builder.set_bolt("id", 1, |_| IdBolt).shuffle_grouping(&numbers).stream()
    } else {
        numbers
    };
    let _ = builder.set_bolt("null", 1, |_| NullBolt).shuffle_grouping(&numbers);
    let topology = builder.build().expect("a topology");
    rate(count, || {
        let reports = topology.run_to_end().expect("it ends");
        assert!(reports.iter().any(|report| report.total().executed == count));
    })
}

/// As much as an element of the topology's queues: a tuple with its cause and a mark.
#[derive(Clone, Copy)]
struct Element {
    tuple: u64,
    rest: [u64; 9],
}

/// Batches that are filled one by one, as tuples come to be.
fn of_numbers(batches: u64, batch_size: usize) -> impl Iterator<Item = Vec<u64>> {
    (0..batches).map(move |_| {
        let mut batch = Vec::with_capacity(batch_size);
        (0..batch_size).for_each(|_| batch.push(black_box(42u64)));
        batch
    })
}

fn drop_all(batch: Vec<u64>) {
    batch.into_iter().for_each(|value| {
        black_box(value);
    });
}

/// What elements go through from one thread to the other.
#[derive(Clone, Copy)]
enum Way {
    /// A bounded channel.
    Channel,
    /// The ring that a topology's queue is made of; both of its ends spin.
    Ring,
}

/// What goes one way between two threads, in batches of a size.
fn bare(way: Way, count: u64, batch_size: usize, capacity: usize) -> f64 {
    rate(count, || {
        if batch_size == 1 {
            let element = move || (0..count).map(|tuple| Element { tuple, rest: [tuple; 9] });
            way.move_all(capacity, element, |element: Element| {
                black_box(element.tuple);
                black_box(element.rest[8]);
            });
        } else {
            let batches = count / batch_size as u64;
            let make = move || of_numbers(batches, batch_size);
            way.move_all((capacity / batch_size).max(1), make, drop_all);
        }
    })
}

impl Way {
    fn move_all<T, I>(
        self,
        capacity: usize,
        make: impl FnOnce() -> I + Send + 'static,
        take: impl Fn(T),
    ) where
        T: Send + 'static,
        I: Iterator<Item = T>,
    {
        match self {
            Self::Channel => {
                let (to, from) = bounded(capacity);
                let send = move || make().for_each(|element| to.send(element).expect("open"));
                beside(send, || from.iter().for_each(take));
            }
            Self::Ring => {
                let (mut to, mut from) = rtrb::RingBuffer::new(capacity);
                let send = move || make().for_each(|element| spin_to_push(&mut to, element));
                beside(send, || {
                    loop {
                        match from.pop() {
                            Ok(element) => take(element),
                            Err(_) if from.is_abandoned() && from.is_empty() => break,
                            Err(_) => std::hint::spin_loop(),
                        }
                    }
                });
            }
        }
    }
}

fn spin_to_push<T>(to: &mut rtrb::Producer<T>, mut element: T) {
    while let Err(rtrb::PushError::Full(again)) = to.push(element) {
        element = again;
        std::hint::spin_loop();
    }
}

/// Takes on this thread what another one sends.
fn beside(send: impl FnOnce() + Send + 'static, take: impl FnOnce()) {
    let sender = Builder::new().name("sender".into()).spawn(send).expect("a thread");
    take();
    sender.join().expect("no panic");
}

fn bare_numbers(count: u64, capacity: usize) -> f64 {
    rate(count, || {
        Way::Channel.move_all(
            capacity,
            move || (0..count).map(|_| 42u64),
            |number| {
                black_box(number);
            },
        );
    })
}

fn best(rate: impl Fn() -> f64) -> f64 {
    (0..5).map(|_| rate()).fold(0.0, f64::max)
}

fn report(batch_size: usize, count: u64) {
    let capacity = TopologyConfig::default().queue_capacity;
    println!("batch size {batch_size}: million tuples per second, best of 5");
    let ring = best(|| bare(Way::Ring, count, batch_size, capacity));
    println!("  {:<36} {:>8.2}", "bare ring, both ends spinning", ring / 1e6);
    let channel = best(|| bare(Way::Channel, count, batch_size, capacity));
    println!("  {:<36} {:>8.2}", "bare channel between two threads", channel / 1e6);
    if batch_size == 1 {
        let numbers = best(|| bare_numbers(count, capacity));
        println!("  {:<36} {:>8.2}", "a channel of numbers alone", numbers / 1e6);
    }
    for identity in [false, true] {
        let name = if identity { "constant -> identity -> null" } else { "constant -> null" };
        let off = best(|| topology(count, &config(Acking::Off, batch_size), identity));
        let on = best(|| topology(count, &config(Acking::ONE, batch_size), identity));
        println!(
            "  {name:<28} ackers 0 {:>8.2} {:>6.2} x ring, {:.2} x channel",
            off / 1e6,
            off / ring,
            off / channel
        );
        println!("  {name:<28} ackers 1 {:>8.2} {:>6.2} x without acking", on / 1e6, on / off);
    }
}

fn main() {
    // Under `cargo test --benches` it only has to run.
    if std::env::args().any(|arg| arg == "--test") || cfg!(debug_assertions) {
        black_box((
            topology(1000, &config(Acking::ONE, 1), true),
            bare(Way::Ring, 1000, 500, 1000),
        ));
        return;
    }
    let wanted: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    for (batch_size, count) in [(1, 4_000_000), (500, 40_000_000)] {
        if wanted.is_empty() || wanted.contains(&batch_size) {
            report(batch_size, count);
        }
    }
}
