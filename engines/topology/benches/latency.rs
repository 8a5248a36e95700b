//! Complete latency through three bolts with acking, beside a bare ring of blocking channels with as
//! many hops between threads; the latency of one hop with bolts that spin; what an idle topology costs:
//!
//! ```text
//! cargo bench -p weir-topology --bench latency -- [complete] [hop] [idle]
//! ```
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![allow(missing_docs, reason = "a bench has no API")]

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::time::{ClockId, clock_gettime};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use weir_dataflow::{Clock, Stamp, SystemClock};
use weir_topology::flow_control::WaitStrategy;
use weir_topology::typed::{
    Bolt, Collector, Input, Next, Outcome, Spout, SpoutCollector, TopologyBuilder,
};
use weir_topology::{
    Acking, ComponentResult, Config, FeederSpout, KillOptions, LocalCluster, OutputCollector,
    RichBolt, TopologyConfig, Tuple,
};

const RATE: u64 = 10_000;
const SPACING_NS: u64 = 1_000_000_000 / RATE;

type Times = Arc<Mutex<Vec<u64>>>;

fn take(times: &Times) -> Vec<u64> {
    std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Emits a number every so often, and notes how long its tree took from when it was due.
struct Paced {
    next: u64,
    count: u64,
    clock: Arc<SystemClock>,
    began_ns: u64,
    times: Times,
}

impl Spout for Paced {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        if self.next == self.count {
            return Next::Done;
        }
        let due_ns = self.next * SPACING_NS;
        let now_ns = self.clock.now_ns() - self.began_ns;
        if now_ns < due_ns {
            return Next::Idle { until_ns: due_ns };
        }
        out.emit_tracked(Stamp { index: self.next, ..Stamp::default() }, due_ns, due_ns);
        self.next += 1;
        Next::More
    }
    fn open(&mut self, _: &weir_topology::typed::TaskContext) {
        self.began_ns = self.clock.now_ns();
    }
    fn ack(&mut self, due_ns: u64) {
        let took_ns = (self.clock.now_ns() - self.began_ns).saturating_sub(due_ns);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(took_ns);
    }
}

struct Pass;
impl Bolt for Pass {
    type In = u64;
    type Out = u64;
    fn execute(&mut self, input: Input<'_, u64>, out: &mut Collector<u64>) -> Outcome {
        out.emit(input.value);
        Outcome::Ack
    }
}

/// Notes how long a tuple took from when it was due.
struct Last(Option<(Arc<SystemClock>, Times)>);
impl Bolt for Last {
    type In = u64;
    type Out = ();
    fn execute(&mut self, input: Input<'_, u64>, _: &mut Collector<()>) -> Outcome {
        if let Some((clock, times)) = &self.0 {
            let took_ns = clock.now_ns().saturating_sub(input.value);
            times.lock().unwrap_or_else(PoisonError::into_inner).push(took_ns);
        }
        Outcome::Ack
    }
}

fn config(wait: WaitStrategy, acking: Acking) -> TopologyConfig {
    TopologyConfig {
        acking,
        wait,
        // Trees are made known to the acker at once, not together with later ones.
        flush_interval: Duration::ZERO,
        max_spout_pending: NonZeroUsize::new(4096),
        ..TopologyConfig::default()
    }
}

fn complete_latencies(count: u64) -> Vec<u64> {
    let (clock, times) = (Arc::new(SystemClock::new()), Times::default());
    let into = Arc::clone(&times);
    let mut builder = TopologyBuilder::new(config(WaitStrategy::Block, Acking::ONE));
    let make = move |_: &_| Paced {
        next: 0,
        count,
        clock: Arc::clone(&clock),
        began_ns: 0,
        times: Arc::clone(&into),
    };
    let numbers = builder.set_spout("paced", 1, make);
    let one = builder.set_bolt("one", 1, |_| Pass).shuffle_grouping(&numbers).stream();
    let two = builder.set_bolt("two", 1, |_| Pass).shuffle_grouping(&one).stream();
    let _ = builder.set_bolt("three", 1, |_| Last(None)).shuffle_grouping(&two);
    builder.build().expect("a topology").run_to_end().expect("it ends");
    take(&times)
}

/// A ring of threads and channels: out of this thread, through some others, and back.
fn ring_latencies(count: u64, relays: usize) -> Vec<u64> {
    let (first, mut from): (Sender<u64>, Receiver<u64>) = bounded(1024);
    let mut threads = Vec::new();
    for relay in 0..relays {
        let (to, next) = bounded(1024);
        let relay_from = std::mem::replace(&mut from, next);
        let pass = move || relay_from.iter().for_each(|due_ns| to.send(due_ns).expect("open"));
        threads.push(Builder::new().name(format!("relay-{relay}")).spawn(pass).expect("a thread"));
    }
    let (clock, mut times) = (SystemClock::new(), Vec::new());
    let note = |due_ns: u64, times: &mut Vec<u64>| times.push(clock.now_ns() - due_ns);
    for index in 0..count {
        let due_ns = index * SPACING_NS;
        // As a spout does: it waits for what comes back until the next is due.
        while clock.now_ns() < due_ns {
            let left = Duration::from_nanos(due_ns.saturating_sub(clock.now_ns()));
            if let Ok(back) = from.recv_timeout(left) {
                note(back, &mut times);
            }
        }
        first.send(due_ns).expect("open");
    }
    drop(first);
    from.iter().for_each(|back| note(back, &mut times));
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    times
}

/// Median and p99 in microseconds.
fn quantiles(mut times: Vec<u64>) -> [f64; 2] {
    times.sort_unstable();
    [0.5, 0.99].map(|q| times[((times.len() - 1) as f64 * q) as usize] as f64 / 1e3)
}

fn complete(seconds: u64) {
    println!("complete latency at {RATE}/s, spout, three bolts, acker and back: five hops");
    let bare = quantiles(ring_latencies(RATE * seconds, 4));
    println!("  bare ring of channels      median {:>8.1} us  p99 {:>8.1} us", bare[0], bare[1]);
    let got = quantiles(complete_latencies(RATE * seconds));
    println!(
        "  topology with acking       median {:>8.1} us  p99 {:>8.1} us  ({:.2} x, {:.2} x)",
        got[0],
        got[1],
        got[0] / bare[0],
        got[1] / bare[1]
    );
}

/// Tuples that say when they were emitted.
struct Stamped {
    left: u64,
    clock: Arc<SystemClock>,
}

impl Spout for Stamped {
    type Out = u64;
    type Id = ();
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, ()>) -> Next {
        if self.left == 0 {
            return Next::Done;
        }
        self.left -= 1;
        // Far enough apart that none waits for another.
        let until_ns = self.clock.now_ns() + 20_000;
        while self.clock.now_ns() < until_ns {
            std::hint::spin_loop();
        }
        out.emit(Stamp::default(), self.clock.now_ns());
        Next::More
    }
}

fn hop_latencies(count: u64, wait: WaitStrategy) -> Vec<u64> {
    let (clock, times) = (Arc::new(SystemClock::new()), Times::default());
    let (spout_clock, into) = (Arc::clone(&clock), Arc::clone(&times));
    let mut builder = TopologyBuilder::new(config(wait, Acking::Off));
    let make = move |_: &_| Stamped { left: count, clock: Arc::clone(&spout_clock) };
    let numbers = builder.set_spout("stamped", 1, make);
    let last = move |_: &_| Last(Some((Arc::clone(&clock), Arc::clone(&into))));
    let _ = builder.set_bolt("last", 1, last).shuffle_grouping(&numbers);
    builder.build().expect("a topology").run_to_end().expect("it ends");
    take(&times)
}

fn hop(count: u64) {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    println!("one hop, from emission to execution; two executors on {cores} cores");
    for (name, wait) in [("block", WaitStrategy::Block), ("busy", WaitStrategy::BusySpin)] {
        let [median, p99] = quantiles(hop_latencies(count, wait));
        println!("  {name:<26} median {median:>8.2} us  p99 {p99:>8.2} us");
    }
}

struct Ack;
impl RichBolt for Ack {
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        collector.ack(&tuple);
        Ok(())
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn idle(wait: Duration) {
    let feeder = FeederSpout::new(["number"]).expect("fields");
    let mut builder = weir_topology::TopologyBuilder::new();
    builder.set_spout("numbers", move || feeder.clone(), 1);
    builder.set_bolt("one", || Ack, 2).shuffle_grouping("numbers");
    builder.set_bolt("two", || Ack, 2).shuffle_grouping("numbers");
    let cluster = LocalCluster::new();
    let topology = builder.create_topology().expect("a topology");
    let running = cluster.submit_topology("idle", Config::new(), topology).expect("submitted");
    let (clock, before) = (cluster.clock(), cpu_seconds());
    clock.sleep_until(clock.now_ns() + wait.as_nanos() as u64);
    let share = (cpu_seconds() - before) / wait.as_secs_f64();
    running.kill(KillOptions::NOW).expect("it ends");
    println!(
        "an idle topology of one spout, four bolts and an acker: {:.2} % of a core",
        share * 100.0
    );
}

fn main() {
    // Under `cargo test --benches` it only has to run.
    if std::env::args().any(|arg| arg == "--test") || cfg!(debug_assertions) {
        assert_eq!(complete_latencies(50).len(), 50);
        assert_eq!(ring_latencies(50, 4).len(), 50);
        assert_eq!(hop_latencies(50, WaitStrategy::BusySpin).len(), 50);
        idle(Duration::from_millis(10));
        return;
    }
    let wanted = |name: &str| {
        let mut named = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).peekable();
        named.peek().is_none() || named.any(|arg| arg == name)
    };
    if wanted("complete") {
        complete(4);
    }
    if wanted("hop") {
        hop(50_000);
    }
    if wanted("idle") {
        idle(Duration::from_secs(5));
    }
}
