//! The parts that runs are made of, one by one: a tuple's hop, a grouping's choice, a tree's acks, a
//! combine, a shuffle, a window's bookkeeping, an empty batch.
//!
//! `cargo bench -p weir-harness --bench kernels`. A figure is the time per element.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{
    Aggregate, Clock, Engine, Event, EventTime, Flow, KeyedTable, PaneTable, Source, SystemClock,
    Windows, hash_of, partition_of,
};
use weir_microbatch::{MicroBatch, SparkContext};
use weir_topology::{Acking, TopologyConfig, TopologyEngine};
use weir_workloads::{Generated, Text};

/// Records that are nothing but their index.
#[derive(Clone, Copy)]
struct Numbers;

impl Source for Numbers {
    type Item = u64;
    fn record(&self, index: u64, scheduled: EventTime) -> Event<u64> {
        Event { at: scheduled, watermark: scheduled, value: index }
    }
}

#[derive(Clone, Copy)]
struct Count;

impl Aggregate for Count {
    type In = Text;
    type Key = Text;
    type Value = u64;
    type State = u64;
    type Out = (Text, u64);
    fn split(&self, word: Text) -> (Text, u64) {
        (word, 1)
    }
    fn update(&self, count: &mut u64, more: u64) {
        *count += more;
    }
    fn merge(&self, count: &mut u64, other: u64) {
        *count += other;
    }
    fn output(&self, word: &Text, count: &u64) -> (Text, u64) {
        (*word, *count)
    }
}

fn words() -> &'static [Text] {
    &Generated::default().corpus().words()[..100_000]
}

/// Numbers through one bolt that drops them: spout, queue, bolt.
fn hop(records: u64, batch_size: usize, acking: Acking) {
    let config = TopologyConfig { batch_size, acking, ..TopologyConfig::default() };
    let engine = TopologyEngine::new(config);
    let load = AllAtOnce { records, spacing_ns: 1 };
    let sink = CollectSink::new();
    let run = engine.source(Numbers).filter(|_| false).run(sink, &load.context());
    assert!(run.is_ok(), "{run:?}");
}

fn tuples(c: &mut Criterion) {
    const RECORDS: u64 = 100_000;
    let mut group = c.benchmark_group("topology");
    group.throughput(Throughput::Elements(RECORDS));
    for batch in [1, 256] {
        group.bench_with_input(BenchmarkId::new("tuple hop, batch", batch), &batch, |b, &batch| {
            b.iter(|| hop(RECORDS, batch, Acking::Off));
        });
        group.bench_with_input(
            BenchmarkId::new("hop and acker, batch", batch),
            &batch,
            |b, &batch| {
                b.iter(|| hop(RECORDS, batch, Acking::ONE));
            },
        );
    }
    group.finish();
}

fn keyed(c: &mut Criterion) {
    let words = words();
    let mut group = c.benchmark_group("keyed");
    group.throughput(Throughput::Elements(words.len() as u64));
    group.bench_function("fields grouping: hash and choose of 8", |b| {
        b.iter(|| words.iter().map(|word| partition_of(hash_of(word), 8)).sum::<usize>());
    });
    group.bench_function("combine: count into a table", |b| {
        b.iter(|| {
            let mut table: KeyedTable<Text, u64> = KeyedTable::new();
            for word in words {
                *table.get_or_insert_with(hash_of(word), *word, || 0) += 1;
            }
            table.len()
        });
    });
    group.bench_function("window: assign to 4 sliding windows", |b| {
        let windows = Windows::sliding(40_000, 10_000);
        let ends = |t| windows.assign(EventTime(t)).map(|w| w.end_ns).sum::<i64>();
        b.iter(|| (0..words.len() as u64).map(ends).sum::<i64>());
    });
    group.bench_function("window: insert into panes of 4 windows", |b| {
        b.iter(|| {
            let mut table = PaneTable::new(Windows::sliding(40_000_000, 10_000_000), Count);
            for (at, word) in (0..).map(|i| EventTime(i * 1_000)).zip(words) {
                let event = Event { at, watermark: at, value: (*word, 1) };
                table.insert(hash_of(word), event, &mut |out| {
                    black_box(out);
                });
                table.advance(at, &mut |out| {
                    black_box(out);
                });
            }
        });
    });
    group.finish();
}

fn stages(c: &mut Criterion) {
    let words = words();
    let context = SparkContext::local(2).expect("a pool of two threads");
    let mut group = c.benchmark_group("microbatch");
    group.throughput(Throughput::Elements(words.len() as u64));
    let pairs: Vec<(Text, u64)> = words.iter().map(|word| (*word, 1)).collect();
    let pairs = context.parallelize(pairs, 2).expect("a context that runs");
    group.bench_function("shuffle: reduce_by_key over 2 partitions", |b| {
        b.iter(|| pairs.reduce_by_key(|a, b| a + b, 2).count().expect("a count"));
    });
    group.throughput(Throughput::Elements(1));
    let batches = |records: u64| {
        // A record every 100 ms of nominal time: 99 of 100 batches of 1 ms are empty.
        let load = AllAtOnce { records, spacing_ns: 100_000_000 };
        let engine = MicroBatch::new().parallelism(2).batch_interval(Duration::from_millis(1));
        let flow = engine.source(Numbers).map(|i| words[i as usize]);
        let run = flow.running(Count).run(CollectSink::new(), &load.context()).expect("a run");
        run.batches.len() as u64
    };
    group.bench_function("empty batch of word count, end to end", |b| {
        b.iter_custom(|times| {
            // Enough records that batches, not start-up, are what is timed.
            let records = times.div_ceil(100) + 10;
            let clock = SystemClock::new();
            let ran = batches(records);
            let took = clock.now_ns();
            Duration::from_nanos(took * times / ran.max(1))
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = tuples, keyed, stages
}
criterion_main!(benches);
