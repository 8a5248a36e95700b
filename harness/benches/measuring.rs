//! What the measuring itself costs per record: `cargo bench -p weir-harness --bench measuring`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use weir_dataflow::{Load, Sample};
use weir_harness::recorder::{RecordingSpec, Recordings};
use weir_harness::schedule::{PacedLoad, SaturationLoad, Schedule, Shape};

const TEN_SECONDS: Duration = Duration::from_secs(10);
const CHUNK: usize = 256;

fn schedule(shape: &str, rate: &str) -> Schedule {
    let shape: Shape = shape.parse().expect("a shape");
    let rate = rate.parse().expect("a rate");
    Schedule::new(shape, rate, TEN_SECONDS, 1).expect("a schedule")
}

/// Scheduled times by the chunk, and one by one.
fn schedules(c: &mut Criterion) {
    let mut group = c.benchmark_group("scheduled_ns");
    for (shape, rate) in [
        ("constant", "1M"),
        ("constant", "333333.333"),
        ("burst:100ms,0.2,3", "1M"),
        ("ramp:500k..1500k", "1M"),
        ("poisson", "1M"),
    ] {
        let load = PacedLoad::new(schedule(shape, rate));
        for chunk in [1, CHUNK] {
            let mut out = vec![0; chunk];
            let mut first = 0;
            group.throughput(Throughput::Elements(chunk as u64));
            group.bench_function(BenchmarkId::new(format!("{shape} {rate}"), chunk), |b| {
                b.iter(|| {
                    load.scheduled_ns(first, 1, &mut out);
                    first = (first + chunk as u64) % 9_000_000;
                    black_box(&mut out);
                });
            });
        }
    }
    group.finish();
}

/// Asking what is due.
fn claims(c: &mut Criterion) {
    let mut group = c.benchmark_group("claim");
    for shape in ["constant", "burst:100ms,0.2,3", "ramp:500k..1500k", "poisson"] {
        let load = PacedLoad::new(schedule(shape, "1M"));
        let mut now = 0;
        group.bench_function(shape, |b| {
            b.iter(|| {
                now = (now + 1_000) % 9_000_000_000;
                black_box(load.claim(0, now))
            });
        });
    }
    let load = SaturationLoad::new(schedule("max", "1M"), u64::MAX);
    let mut upto = 0;
    group.bench_function("max", |b| {
        b.iter(|| {
            upto += 1;
            black_box(load.claim(upto, 0))
        });
    });
    group.finish();
}

/// Recording the latencies of chunks: of a record-at-a-time engine, whose latencies differ, and of a
/// batch, whose records become visible together.
fn recorder(c: &mut Criterion) {
    let mut group = c.benchmark_group("record");
    let engines: [(&str, fn(u64) -> u64); 2] = [
        ("tuples", |i| i * 1_000 + 20_000 + i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 200_000),
        ("batch", |i| (i / 100_000 + 1) * 100_000_000 + 40_000_000),
    ];
    for (name, visible) in engines {
        let spec = RecordingSpec::after_warm_up(Duration::ZERO, TEN_SECONDS).with_pieces(0);
        let recordings = Recordings::new(spec);
        let mut thread = recordings.recorder();
        let samples: Vec<Sample> = (0..10_000_000)
            .map(|i| {
                let (scheduled_ns, visible_ns) = (i * 1_000, visible(i));
                Sample { scheduled_ns, taken_ns: scheduled_ns + 1_000, visible_ns }
            })
            .collect();
        let mut chunks = samples.chunks(CHUNK).cycle();
        group.throughput(Throughput::Elements(CHUNK as u64));
        group.bench_function(name, |b| {
            b.iter(|| thread.record(chunks.next().unwrap_or_default()));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = schedules, claims, recorder
}
criterion_main!(benches);
