//! Word count on the topology engine, as multiples of the fastest single-threaded loop and of a bare
//! chain of blocking channels, all in one run:
//!
//! ```text
//! cargo bench -p weir-topology --bench ratios -- [throughput|latency]
//! ```
//!
//! The numbers vary by some 10 % from run to run on a shared virtual machine; the ratios less.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![allow(missing_docs, reason = "a bench has no API")]

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{
    Aggregate, Claim, Clock, Engine, Event, EventTime, Flow, KeyedTable, Load, Meter, Recorder,
    RunContext, Sample, Source, SystemClock, hash_of,
};
use weir_topology::{Acking, TopologyConfig, TopologyEngine};

const VOCABULARY: usize = 10_000;
const LINES: usize = 1 << 16;
const WORDS: usize = 10;

/// Lines of ten words, the k-th word of the vocabulary with a probability of about 1/k.
#[derive(Clone)]
struct Corpus(Arc<Vec<&'static str>>);

impl Corpus {
    fn new() -> Self {
        let mut sums = Vec::with_capacity(VOCABULARY);
        let mut sum = 0.0;
        for k in 1..=VOCABULARY {
            sum += 1.0 / k as f64;
            sums.push(sum);
        }
        let mut state = 1u64;
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 11) as f64 / (1u64 << 53) as f64 * sum;
            format!("w{:x}", sums.partition_point(|s| *s < at).min(VOCABULARY - 1) * 7919)
        };
        let mut line = || (0..WORDS).map(|_| word()).collect::<Vec<_>>().join(" ");
        Self(Arc::new((0..LINES).map(|_| &*String::leak(line())).collect()))
    }

    #[inline]
    fn line(&self, index: u64) -> &'static str {
        self.0[index as usize & (LINES - 1)]
    }
}

impl Source for Corpus {
    type Item = &'static str;
    #[inline]
    fn record(&self, index: u64, scheduled: EventTime) -> Event<&'static str> {
        Event { at: scheduled, watermark: scheduled, value: self.line(index) }
    }
    fn label(&self) -> String {
        "lines".into()
    }
}

#[derive(Clone)]
struct Count;
impl Aggregate for Count {
    type In = &'static str;
    type Key = &'static str;
    type Value = u64;
    type State = u64;
    type Out = (&'static str, u64);
    #[inline]
    fn split(&self, word: &'static str) -> (&'static str, u64) {
        (word, 1)
    }
    #[inline]
    fn update(&self, state: &mut u64, value: u64) {
        *state += value;
    }
    fn merge(&self, state: &mut u64, other: u64) {
        *state += other;
    }
    fn output(&self, word: &&'static str, state: &u64) -> (&'static str, u64) {
        (word, *state)
    }
}

fn count_line(table: &mut KeyedTable<&'static str, u64>, line: &'static str) {
    for word in line.split(' ') {
        table.update(hash_of(word), word, || 0, |count| *count += 1);
    }
}

/// Records per second of the loop that anyone would write.
fn loop_rate(corpus: &Corpus, records: u64) -> f64 {
    let clock = SystemClock::new();
    let mut table = KeyedTable::new();
    (0..records).for_each(|index| count_line(&mut table, corpus.line(index)));
    black_box(table.len());
    records as f64 / clock.now_ns() as f64 * 1e9
}

fn run(corpus: &Corpus, config: &TopologyConfig, context: &RunContext) {
    let engine = TopologyEngine::new(config.clone());
    let words = engine.source(corpus.clone()).flat_map(|line: &'static str| line.split(' '));
    let summary = words.running(Count).run(CollectSink::new(), context).expect("the run ends");
    black_box(summary);
}

fn topology_rate(corpus: &Corpus, config: &TopologyConfig, records: u64) -> f64 {
    let context = AllAtOnce { records, spacing_ns: 1_000 }.context();
    run(corpus, config, &context);
    records as f64 / context.now_ns() as f64 * 1e9
}

fn throughput(corpus: &Corpus) {
    println!("throughput, lines of {WORDS} words per second, best of 3");
    let best = |rate: &dyn Fn() -> f64| (0..3).map(|_| rate()).fold(0.0, f64::max);
    let cost = best(&|| loop_rate(corpus, 2_000_000));
    println!("{:<44} {:>12.0}", "single-threaded loop", cost);
    for (parallelism, batch_size) in [(1, 1), (1, 100), (1, 1000), (2, 100), (2, 1000)] {
        for acking in [Acking::Off, Acking::ONE] {
            let config = TopologyConfig {
                parallelism,
                batch_size,
                acking,
                max_spout_pending: NonZeroUsize::new(4096),
                ..TopologyConfig::default()
            };
            let records = if batch_size == 1 { 200_000 } else { 2_000_000 };
            let rate = best(&|| topology_rate(corpus, &config, records));
            let on = if acking == Acking::Off { "off" } else { "on" };
            let name =
                format!("topology: parallelism {parallelism}, batch {batch_size}, acking {on}");
            println!("{name:<44} {rate:>12.0} {:>6.2} x loop", rate / cost);
        }
    }
}

/// A constant rate for a number of records.
struct Constant {
    spacing_ns: u64,
    records: u64,
}

impl Load for Constant {
    fn paced(&self) -> bool {
        true
    }
    fn count_before(&self, t_ns: u64) -> u64 {
        t_ns.div_ceil(self.spacing_ns)
    }
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        for (k, t) in (0..).zip(out) {
            *t = (first + k * step) * self.spacing_ns;
        }
    }
    fn claim(&self, _: u64, now_ns: u64) -> Claim {
        let due = self.count_before(now_ns).min(self.records);
        Claim { limit: due, closed: due == self.records }
    }
}

struct Latencies(Arc<Mutex<Vec<u64>>>);
impl Recorder for Latencies {
    fn record(&mut self, samples: &[Sample]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(samples.iter().map(|s| s.visible_ns.saturating_sub(s.scheduled_ns)));
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name.into()).spawn(body).expect("a thread")
}

/// Three threads and two channels: reads, passes on, counts. What a hop costs without an engine.
fn bare_chain(corpus: &Corpus, load: &Constant) -> Vec<u64> {
    type Line = (u64, &'static str);
    let (to_middle, middle): (Sender<Line>, Receiver<Line>) = bounded(1024);
    let (to_last, last): (Sender<Line>, Receiver<Line>) = bounded(1024);
    let clock = Arc::new(SystemClock::new());
    let latencies: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (into, now) = (Arc::clone(&latencies), Arc::clone(&clock));
    let threads = [
        spawn("split", move || {
            middle.iter().for_each(|line| to_last.send(line).expect("open"));
        }),
        spawn("count", move || {
            let (mut table, mut all) = (KeyedTable::new(), Vec::new());
            for (scheduled, line) in last {
                count_line(&mut table, line);
                all.push(now.now_ns().saturating_sub(scheduled));
            }
            *into.lock().unwrap_or_else(PoisonError::into_inner) = all;
        }),
    ];
    for index in 0..load.records {
        let scheduled = index * load.spacing_ns;
        if clock.now_ns() <= scheduled {
            clock.sleep_until(scheduled + 1);
        }
        to_middle.send((scheduled, corpus.line(index))).expect("open");
    }
    drop(to_middle);
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner))
}

fn topology_latencies(corpus: &Corpus, config: &TopologyConfig, load: Constant) -> Vec<u64> {
    let latencies: Arc<Mutex<Vec<u64>>> = Arc::default();
    let into = Arc::clone(&latencies);
    let meter = Meter::new(move || Box::new(Latencies(Arc::clone(&into))));
    let context = RunContext::new(Arc::new(SystemClock::new()), Arc::new(load), Arc::new(meter));
    run(corpus, config, &context);
    std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner))
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Median and p99 in microseconds, and CPU as a share of one core.
fn measure(run: impl FnOnce() -> Vec<u64>, seconds: f64) -> [f64; 3] {
    let before = cpu_seconds();
    let mut latencies = run();
    let cpu = (cpu_seconds() - before) / seconds;
    latencies.sort_unstable();
    let at = |q: f64| latencies[(latencies.len() as f64 * q) as usize] as f64 / 1e3;
    [at(0.5), at(0.99), cpu * 100.0]
}

fn latency(corpus: &Corpus) {
    println!("latency from the scheduled time, batch size 1, three threads in a row");
    for rate in [1_000u64, 10_000] {
        let seconds = 4;
        let load = || Constant { spacing_ns: 1_000_000_000 / rate, records: rate * seconds };
        let bare = measure(|| bare_chain(corpus, &load()), seconds as f64);
        let show = |name: &str, [p50, p99, cpu]: [f64; 3]| {
            let ratios = format!("{:>5.2} x, {:>5.2} x", p50 / bare[0], p99 / bare[1]);
            println!(
                "{rate:>6}/s {name:<28} median {p50:>7.1} us, p99 {p99:>8.1} us ({ratios} bare), \
                 CPU {cpu:>4.1} %"
            );
        };
        show("bare chain of channels", bare);
        for (parallelism, acking) in
            [(1, Acking::Off), (1, Acking::ONE), (2, Acking::Off), (2, Acking::ONE)]
        {
            let config = TopologyConfig { parallelism, acking, ..TopologyConfig::default() };
            let on = if acking == Acking::Off { "off" } else { "on" };
            let got = measure(|| topology_latencies(corpus, &config, load()), seconds as f64);
            show(&format!("parallelism {parallelism}, acking {on}"), got);
        }
    }
}

fn main() {
    let corpus = Corpus::new();
    let wanted = |name: &str| {
        let mut named = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).peekable();
        named.peek().is_none() || named.any(|arg| arg == name)
    };
    // Under `cargo test --benches` it only has to run.
    if std::env::args().any(|arg| arg == "--test") || cfg!(debug_assertions) {
        let config = TopologyConfig { batch_size: 100, ..TopologyConfig::default() };
        black_box((loop_rate(&corpus, 100), topology_rate(&corpus, &config, 100)));
        return;
    }
    if wanted("throughput") {
        throughput(&corpus);
    }
    if wanted("latency") {
        latency(&corpus);
    }
}
