//! What the engine costs, as ratios to a plain loop in the same run. No statistics: a table to read,
//! and to run again after a change. `cargo bench -p weir-microbatch`; under `cargo test --benches` it runs small.

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{
    Aggregate, Claim, Clock, Emit, Engine, Event, EventTime, Flow, KeyedTable, Load, Meter,
    RunContext, RunSummary, Sink, Source, SystemClock, Transform, Windows, Writer, hash_of,
};
use weir_microbatch::{MicroBatch, SparkContext};

const WORDS: usize = 10_000;
const LINES: usize = 8_192;

/// Lines of ten words from a Zipf vocabulary, as slices of text that is never freed.
#[derive(Clone, Copy)]
struct Lines(&'static [&'static str]);

impl Lines {
    fn new() -> Self {
        let words: Vec<String> = (0..WORDS).map(|i| format!("w{:x}", i * 7_919)).collect();
        let mut sum = 0.0;
        let weights: Vec<f64> = (1..=WORDS)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        let lines = (0..LINES).map(|_| {
            let picks = (0..10).map(|_| weights.partition_point(|w| *w < random() * sum));
            let line: Vec<&str> = picks.map(|at| words[at.min(WORDS - 1)].as_str()).collect();
            &*line.join(" ").leak()
        });
        Self(Vec::leak(lines.collect()))
    }
}

impl Source for Lines {
    type Item = &'static str;
    #[inline]
    fn record(&self, index: u64, at: EventTime) -> Event<&'static str> {
        Event { at, watermark: at, value: self.0[index as usize % LINES] }
    }
}

#[derive(Clone)]
struct Split;
impl Transform for Split {
    type In = &'static str;
    type Out = &'static str;
    #[inline(always)]
    fn apply(&mut self, line: &'static str, out: &mut impl Emit<&'static str>) {
        let mut from = 0;
        for (at, byte) in line.bytes().enumerate() {
            if byte == b' ' {
                out.emit(&line[from..at]);
                from = at + 1;
            }
        }
        out.emit(&line[from..]);
    }
}

#[derive(Clone)]
struct CountWords;
impl Aggregate for CountWords {
    type In = &'static str;
    type Key = &'static str;
    type Value = u64;
    type State = u64;
    type Out = (&'static str, u64);
    fn split(&self, word: &'static str) -> (&'static str, u64) {
        (word, 1)
    }
    fn update(&self, state: &mut u64, value: u64) {
        *state += value;
    }
    fn merge(&self, state: &mut u64, other: u64) {
        *state += other;
    }
    fn output(&self, key: &&'static str, state: &u64) -> (&'static str, u64) {
        (key, *state)
    }
}

/// Counts rows and drops them.
#[derive(Clone)]
struct Nowhere;
impl<T: 'static> Sink<T> for Nowhere {
    type Writer = Self;
    fn writer(&self) -> Self {
        Self
    }
}
impl<T> Writer<T> for Nowhere {
    fn write(&mut self, row: T) {
        black_box(row);
    }
}

/// A constant rate for a while.
struct Rate {
    spacing_ns: u64,
    records: u64,
}
impl Load for Rate {
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
        let due = self.count_before(now_ns);
        Claim { limit: due.min(self.records), closed: due >= self.records }
    }
}

/// What the process has used of its processors, in seconds; 0 where the system does not say.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses: user and system time are the 12th and 13th, in hundredths.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn seconds(clock: &SystemClock, body: impl FnOnce()) -> f64 {
    let start = clock.now_ns();
    body();
    (clock.now_ns() - start) as f64 / 1e9
}

/// The fastest honest single-threaded loop.
fn plain_loop(lines: Lines, records: u64) {
    let mut table: KeyedTable<&str, u64> = KeyedTable::new();
    for index in 0..records {
        Split.apply(lines.record(index, EventTime(index)).value, &mut |word: &'static str| {
            table.update(hash_of(&word), word, || 0, |count| *count += 1);
        });
    }
    black_box(table.len());
}

/// Two of them side by side, on halves of the input: what this machine's second core is worth.
fn two_loops(lines: Lines, records: u64) {
    std::thread::scope(|scope| {
        scope.spawn(|| plain_loop(lines, records / 2));
        plain_loop(lines, records / 2);
    });
}

fn word_count(lines: Lines, workers: usize, interval_ms: u64, records: u64) -> RunSummary {
    // Nominally 5 M lines per second.
    let load = AllAtOnce { records, spacing_ns: 200 };
    let engine =
        MicroBatch::new().parallelism(workers).batch_interval(Duration::from_millis(interval_ms));
    let flow = engine.source(lines).transform(Split).running(CountWords);
    flow.run(Nowhere, &load.context()).expect("a run")
}

fn windowed(lines: Lines, records: u64) -> RunSummary {
    let load = AllAtOnce { records, spacing_ns: 200 };
    let engine = MicroBatch::new().parallelism(2);
    let windows = Windows::sliding(1_000_000_000, 200_000_000);
    let flow = engine.source(lines).transform(Split).windowed(windows, CountWords);
    flow.run(Nowhere, &load.context()).expect("a run")
}

fn throughput(out: &mut impl Write, lines: Lines, records: u64) -> std::io::Result<()> {
    let clock = SystemClock::new();
    plain_loop(lines, records / 10);
    let (mut base, mut base_cpu, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let cases: [(&str, &dyn Fn()); 6] = [
        ("two plain loops", &|| two_loops(lines, records)),
        ("1 worker, 100 ms", &|| drop(word_count(lines, 1, 100, records))),
        ("2 workers, 100 ms", &|| drop(word_count(lines, 2, 100, records))),
        ("2 workers, 10 ms", &|| drop(word_count(lines, 2, 10, records))),
        ("2 workers, 1 ms", &|| drop(word_count(lines, 2, 1, records))),
        ("2 workers, 1 s windows, 200 ms slide", &|| drop(windowed(lines, records))),
    ];
    for round in 0..3 {
        let before = cpu_seconds();
        base.push(seconds(&clock, || plain_loop(lines, records)));
        base_cpu.push(cpu_seconds() - before);
        for (at, (name, run)) in cases.iter().enumerate() {
            if round == 0 {
                rows.push((*name, Vec::new(), Vec::new()));
            }
            let before = cpu_seconds();
            rows[at].1.push(seconds(&clock, run));
            rows[at].2.push(cpu_seconds() - before);
        }
    }
    let (base, base_cpu) = (median(&mut base), median(&mut base_cpu));
    let rate = |took: f64| records as f64 * 10.0 / took / 1e6;
    writeln!(out, "word count at saturation       {:>8.1} M words/s  plain loop", rate(base))?;
    for (name, mut took, mut cpu) in rows {
        let (took, cpu) = (median(&mut took), median(&mut cpu));
        let (faster, dearer) = (base / took, cpu / base_cpu);
        let rate = rate(took);
        writeln!(
            out,
            "{faster:>6.2} x the plain loop        {rate:>8.1} M words/s  {name}; CPU x {dearer:.2}"
        )?;
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Batches without records, in microseconds each.
fn empty_batches(out: &mut impl Write, lines: Lines, batches: u64) -> std::io::Result<()> {
    let clock = SystemClock::new();
    let engine = MicroBatch::new().parallelism(2).batch_interval(Duration::from_millis(1));
    let flow = engine.source(lines).transform(Split).running(CountWords);
    // One record at the start and one a long nominal time later.
    let load = AllAtOnce { records: 2, spacing_ns: batches * 1_000_000 };
    let took = seconds(&clock, || drop(flow.run(Nowhere, &load.context()).expect("a run")));
    writeln!(out, "an empty batch, back to back   {:>8.2} us", took * 1e6 / batches as f64)
}

/// Batches of one millisecond at 10,000 lines (100,000 words) per second.
fn short_batches(out: &mut impl Write, lines: Lines, seconds: u64) -> std::io::Result<()> {
    let engine = MicroBatch::new().parallelism(2).batch_interval(Duration::from_millis(1));
    let flow = engine.source(lines).transform(Split).running(CountWords);
    let load = Rate { spacing_ns: 100_000, records: seconds * 10_000 };
    let clock = Arc::new(SystemClock::new());
    let context = RunContext::new(clock, Arc::new(load), Arc::new(Meter::counting()));
    let summary = flow.run(Nowhere, &context).expect("a run");
    let us = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        let at = |q: f64| of[((of.len() - 1) as f64 * q) as usize] / 1e3;
        format!("median {:>6.1} us, p99 {:>7.1} us", at(0.5), at(0.99))
    };
    let batches = &summary.batches;
    let of = |f: &dyn Fn(&weir_dataflow::BatchTiming) -> u64| {
        us(batches.iter().map(|batch| f(batch) as f64).collect())
    };
    writeln!(out, "1 ms batches, 100 k words/s:   {} batches", batches.len())?;
    writeln!(out, "  end after the tick           {}", of(&|b| b.ended_ns - b.time_ns))?;
    writeln!(out, "  submitted after the tick     {}", of(&|b| b.submitted_ns - b.time_ns))?;
    writeln!(out, "  started after submission     {}", of(&|b| b.started_ns - b.submitted_ns))?;
    writeln!(out, "  processing                   {}", of(&|b| b.ended_ns - b.started_ns))?;
    let late = batches.iter().filter(|b| b.ended_ns > b.time_ns + 1_000_000).count();
    writeln!(out, "  ended within the interval    {} of {}", batches.len() - late, batches.len())
}

/// What a natively chained closure costs per record.
fn native_operators(out: &mut impl Write, records: u64) -> std::io::Result<()> {
    let clock = SystemClock::new();
    let sc = SparkContext::local(1).expect("a context");
    let numbers = sc.parallelize((0..records).collect(), 1).expect("a slice");
    let mut chained = numbers;
    let mut took = Vec::new();
    for operators in 0..=8 {
        if operators > 0 {
            chained = chained.map(|x| x.wrapping_mul(3) ^ 1);
        }
        let mut runs: Vec<f64> =
            (0..3).map(|_| seconds(&clock, || drop(black_box(chained.count())))).collect();
        took.push(median(&mut runs) * 1e9 / records as f64);
    }
    let each = (took[8] - took[1]) / 7.0;
    writeln!(out, "a natively chained map         {each:>8.2} ns per record ({took:.1?})")
}

fn main() -> std::io::Result<()> {
    let full = std::env::args().any(|argument| argument == "--bench");
    let scale = if full { 100 } else { 1 };
    let lines = Lines::new();
    let out = &mut std::io::stdout().lock();
    throughput(out, lines, 40_000 * scale)?;
    empty_batches(out, lines, 500 * scale)?;
    short_batches(out, lines, if full { 5 } else { 1 })?;
    native_operators(out, 50_000 * scale)
}
