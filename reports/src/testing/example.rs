//! A result with everything that a report must cope with.

use crate::histogram::{encode, percentiles};
use crate::schema::{
    Batches, Component, Environment, Fitness, Mode, Percentiles, Phases, Reference, Resources,
    ResultFile, Row, Run, SCHEMA_VERSION, SeriesPoint, Setting, Steadiness, Steady, Verdict,
    WorkloadResult,
};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const ROUNDS: u32 = 3;
const MEASURED_S: f64 = 3.0;
const WARM_UP_S: f64 = 1.0;

/// What a run at saturation says of whether it settled.
#[must_use]
pub fn steady(state: Steadiness) -> Steady {
    let series = "throughput".to_owned();
    Steady { series, state, intervals: 50, interval_ms: 10.0, cut_s: 0.3, drift: None }
}

/// Three workloads on five rows in three rounds each. `word-count` is complete, has a second load,
/// and one row is generator bound; `stateful` has an INVALID row and a FAILED one; `windowed` has a
/// row that fell behind, no null engine, a row that was never run, and a run without a histogram.
#[must_use]
pub fn example() -> ResultFile {
    static MADE: OnceLock<ResultFile> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> ResultFile {
    ResultFile {
        schema_version: SCHEMA_VERSION,
        weir_version: "0.1.0".to_owned(),
        created: "2026-03-14T09:26:53+01:00".to_owned(),
        command: "weir run word-count stateful windowed --rate 10000 --rounds 3 --seed 42"
            .to_owned(),
        seed: 42,
        environment: environment(),
        settings: settings(),
        workloads: vec![word_count(), stateful(), windowed()],
    }
}

fn environment() -> Environment {
    Environment {
        os: "Linux 6.1.0".to_owned(),
        cpu_model: "Example CPU @ 2.10GHz".to_owned(),
        cpus: 2,
        memory_bytes: 8 << 30,
        governor: Some("performance".to_owned()),
        cgroup_cpus: None,
        rustc: "rustc 1.95.0".to_owned(),
        build: "release, x86_64-unknown-linux-gnu".to_owned(),
        allocator: "system".to_owned(),
        commit: Some("0123456789abcdef".to_owned()),
        dirty: Some(false),
        load_before: Some(0.12),
        load_after: Some(1.8),
        fitness: Some(Fitness {
            timer_cost_ns: 21.4,
            timer_resolution_ns: 10,
            sleep_late_p50_ns: 55_000,
            sleep_late_p99_ns: 130_000,
            sleep_late_max_ns: 700_000,
            lost_share: 0.002,
            longest_gap_ns: 90_000,
            steal_share: Some(0.0),
            throttled_periods: Some(0),
            load: Some(0.12),
            noise: 0.004,
        }),
    }
}

fn settings() -> Vec<Setting> {
    [
        ("rate", "10000", "flag"),
        ("rounds", "3", "flag"),
        ("seed", "42", "flag"),
        ("duration", "3s", "default"),
        ("warmup", "1s", "file weir.toml"),
        ("batch-interval", "10ms,100ms,1s", "env WEIR_BATCH_INTERVAL"),
    ]
    .into_iter()
    .map(|(name, value, origin)| Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        origin: origin.to_owned(),
    })
    .collect()
}

/// What a made-up row is like.
#[derive(Clone, Copy)]
struct Shape {
    id: &'static str,
    acking: Option<bool>,
    batch_ms: Option<f64>,
    /// Records per second at saturation.
    per_s: f64,
    /// Median service time.
    service_us: f64,
}

const SHAPES: [Shape; 5] = [
    Shape { id: "topology", acking: Some(true), batch_ms: None, per_s: 0.55e6, service_us: 150.0 },
    Shape {
        id: "topology no-ack",
        acking: Some(false),
        batch_ms: None,
        per_s: 1.02e6,
        service_us: 120.0,
    },
    Shape {
        id: "microbatch 10ms",
        acking: None,
        batch_ms: Some(10.0),
        per_s: 1.31e6,
        service_us: 600.0,
    },
    Shape {
        id: "microbatch 100ms",
        acking: None,
        batch_ms: Some(100.0),
        per_s: 1.68e6,
        service_us: 4_000.0,
    },
    Shape {
        id: "microbatch 1s",
        acking: None,
        batch_ms: Some(1_000.0),
        per_s: 1.74e6,
        service_us: 31_000.0,
    },
];

fn word_count() -> WorkloadResult {
    let mut rows: Vec<Row> = SHAPES.iter().map(|shape| row(shape, 1.0)).collect();
    for (row, shape) in rows.iter_mut().zip(&SHAPES) {
        for round in 1..=ROUNDS {
            row.runs.push(paced(shape, round, 50_000.0, 1.3));
        }
    }
    WorkloadResult {
        name: "word-count".to_owned(),
        summary: "running count per word over lines of text".to_owned(),
        record: "lines of 10 words".to_owned(),
        input: "generated lines of 10 words, Zipf 1.0 over 10,000 words".to_owned(),
        cost: Some(Reference {
            records_per_s: vec![1.18e6, 1.21e6, 1.19e6],
            latency: None,
            runs: Vec::new(),
        }),
        null: Some(Reference {
            records_per_s: vec![2.2e6, 2.3e6, 2.25e6],
            latency: Some(distribution(9e3, None, 10_000.0).0),
            runs: Vec::new(),
        }),
        rows,
    }
}

fn stateful() -> WorkloadResult {
    let mut rows: Vec<Row> = SHAPES.iter().map(|shape| row(shape, 0.6)).collect();
    let wrong = &mut rows[2].runs[3].verdict;
    *wrong = Verdict {
        valid: false,
        missing: 3,
        wrong: 1,
        examples: vec!["user-17: expected 40, found 39".to_owned()],
        ..wrong.clone()
    };
    rows[4].runs[1].error = Some("task save-2 panicked: index out of bounds".to_owned());
    WorkloadResult {
        name: "stateful".to_owned(),
        summary: "shopping sessions: items are added, checkout emits the total".to_owned(),
        record: "clicks".to_owned(),
        input: "generated clicks of 5,000 users".to_owned(),
        cost: Some(Reference {
            records_per_s: vec![0.9e6, 0.91e6, 0.93e6],
            latency: None,
            runs: Vec::new(),
        }),
        null: Some(Reference {
            records_per_s: vec![5.1e6, 5.0e6, 5.2e6],
            latency: None,
            runs: Vec::new(),
        }),
        rows,
    }
}

fn windowed() -> WorkloadResult {
    let mut rows: Vec<Row> = SHAPES.iter().map(|shape| row(shape, 0.4)).collect();
    rows.iter_mut().for_each(|row| row.time = "event time".to_owned());
    for run in rows[0].runs.iter_mut().filter(|run| run.mode == Mode::Paced) {
        fall_behind(run);
    }
    rows[1].runs.clear();
    if let Some(run) = rows[2].runs.iter_mut().find(|run| run.mode == Mode::Paced) {
        run.latency_hdr = None;
    }
    rows[4].runs.retain(|run| run.mode == Mode::Saturation);
    WorkloadResult {
        name: "windowed".to_owned(),
        summary: "counts per key over sliding windows of 1 s every 200 ms".to_owned(),
        record: "events".to_owned(),
        input: "generated events, 5 % out of order by up to 50 ms".to_owned(),
        cost: None,
        null: None,
        rows,
    }
}

fn row(shape: &Shape, scale: f64) -> Row {
    let micro_batch = shape.batch_ms.is_some();
    let guarantee = match (micro_batch, shape.acking) {
        (true, _) => "exactly once",
        (false, Some(true)) => "at least once",
        (false, _) => "at most once",
    };
    let component =
        |name: &str, tasks, threads| Component { name: name.to_owned(), tasks, threads };
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut runs = Vec::new();
    for round in 1..=ROUNDS {
        runs.push(saturated(shape, round, scale));
        runs.push(paced(shape, round, 10_000.0, 1.0 / scale));
    }
    Row {
        id: shape.id.to_owned(),
        engine: if micro_batch { "microbatch" } else { "topology" }.to_owned(),
        model: if micro_batch { "micro-batch" } else { "record at a time" }.to_owned(),
        guarantee: guarantee.to_owned(),
        acking: shape.acking,
        checkpointing: "off".to_owned(),
        time: "untimed".to_owned(),
        batch_interval_ms: shape.batch_ms,
        queue_batch: (!micro_batch).then_some(100),
        parallelism: 2,
        components: if micro_batch {
            vec![component("stage", 2, 0), component("pool", 2, 2)]
        } else {
            vec![component("spout", 1, 1), component("split", 1, 1), component("count", 2, 2)]
        },
        settings: if micro_batch {
            BTreeMap::from([setting("default-parallelism", "2")])
        } else {
            BTreeMap::from([setting("flush-interval", "1ms"), setting("max-spout-pending", "1000")])
        },
        runs,
    }
}

/// A little more or less from round to round, the same in every build.
fn wobble(shape: &Shape, round: u32) -> f64 {
    1.0 + 0.03 * (f64::from(round * 7) + shape.per_s).sin()
}

fn verdict() -> Verdict {
    Verdict { valid: true, rows: 10_000, ..Verdict::default() }
}

fn saturated(shape: &Shape, round: u32, scale: f64) -> Run {
    let per_s = shape.per_s * scale * wobble(shape, round);
    let records = (per_s * 4.0) as u64;
    Run {
        round,
        sequence: round * 20,
        mode: Mode::Saturation,
        schedule: "max".to_owned(),
        offered_per_s: None,
        achieved_per_s: per_s,
        records,
        verdict: verdict(),
        sustained: None,
        steady: None,
        phases: Phases { set_up_s: 0.02, warm_up_s: 1.0, measured_s: MEASURED_S, drain_s: 0.05 },
        latency: None,
        service: None,
        latency_hdr: None,
        service_hdr: None,
        series: Vec::new(),
        resources: resources(4.1, 7.4),
        batches: None,
        ran: None,
        counters: counters(shape, records),
        error: None,
    }
}

/// As an engine counts that has components with tuples between them.
fn counters(shape: &Shape, records: u64) -> BTreeMap<String, u64> {
    if shape.batch_ms.is_some() {
        return BTreeMap::from([("records".to_owned(), records)]);
    }
    let counters = [
        ("executed.spout", 0),
        ("emitted.spout", records),
        ("busy_permille.spout", 412),
        ("executed.split", records),
        ("emitted.split", records * 10),
        ("busy_permille.split", 987),
        ("queue_peak.split", 1_024),
        ("executed.count", records * 10),
        ("emitted.count", 0),
        ("busy_permille.count", 655),
        ("queue_peak.count", 37),
    ];
    BTreeMap::from(counters.map(|(key, count)| (key.to_owned(), count)))
}

fn resources(wall_s: f64, cpu_s: f64) -> Resources {
    Resources {
        wall_s,
        user_s: cpu_s * 0.9,
        system_s: cpu_s * 0.1,
        peak_rss_bytes: Some(90 << 20),
        rss_before_bytes: Some(40 << 20),
        voluntary_switches: 1_200,
        involuntary_switches: 300,
    }
}

fn paced(shape: &Shape, round: u32, offered: f64, slower: f64) -> Run {
    let service_ns = shape.service_us * 1e3 * slower * wobble(shape, round);
    let (latency, latency_hdr) = distribution(service_ns * 1.2, shape.batch_ms, offered);
    let (service, service_hdr) = distribution(service_ns, None, offered);
    Run {
        round,
        sequence: round * 20 + 1,
        mode: Mode::Paced,
        schedule: format!("constant {offered}/s"),
        offered_per_s: Some(offered),
        achieved_per_s: offered * 0.9998,
        records: (offered * (WARM_UP_S + MEASURED_S)) as u64,
        verdict: verdict(),
        sustained: Some(true),
        steady: None,
        phases: Phases {
            set_up_s: 0.02,
            warm_up_s: WARM_UP_S,
            measured_s: MEASURED_S,
            drain_s: 0.1,
        },
        latency: Some(latency),
        service: Some(service),
        latency_hdr,
        service_hdr,
        series: series(&latency, shape.batch_ms, offered, round),
        resources: resources(4.1, 0.4 + offered * 4e-6),
        batches: shape.batch_ms.map(batches),
        ran: None,
        counters: counters(shape, (offered * (WARM_UP_S + MEASURED_S)) as u64),
        error: None,
    }
}

fn batches(interval_ms: f64) -> Batches {
    Batches {
        count: (4_000.0 / interval_ms) as u64,
        empty: 0,
        on_time: Some(1.0),
        scheduling_p50_ns: 20_000,
        processing_p50_ns: 900_000,
        processing_max_ns: 4_000_000,
        empty_processing_p50_ns: (interval_ms < 50.0).then_some(40_000),
    }
}

/// Records of a skewed service time, of which those of a batch wait for its end as well.
fn distribution(
    median_ns: f64,
    batch_ms: Option<f64>,
    offered: f64,
) -> (Percentiles, Option<String>) {
    let count = (offered * MEASURED_S) as u64;
    let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3) else {
        return (Percentiles::default(), None);
    };
    for i in 0..count {
        let u = (i as f64 + 0.5) / count as f64;
        let skewed = median_ns * (0.35 * (u / (1.0 - u)).ln()).exp();
        // Golden-ratio steps: where in its batch a record falls has nothing to do with its service.
        let wait = batch_ms.unwrap_or(0.0) * 1e6 * (i as f64 * 0.618_034).fract();
        histogram.saturating_record((skewed + wait) as u64);
    }
    (percentiles(&histogram).unwrap_or_default(), encode(&histogram).ok())
}

fn series(
    latency: &Percentiles,
    batch_ms: Option<f64>,
    offered: f64,
    round: u32,
) -> Vec<SeriesPoint> {
    let waiting = batch_ms.unwrap_or(1.0) * 1e-3 * offered;
    (1..=40u32)
        .map(|step| {
            let t_ms = f64::from(step) * 100.0;
            let warm_up = t_ms <= WARM_UP_S * 1e3;
            let noise = 1.0 + 0.15 * f64::from(step * 13 + round).sin();
            let cold = if warm_up { 1.0 + 2.0 / f64::from(step) } else { 1.0 };
            let due = (offered * t_ms / 1e3) as u64;
            let backlog = (waiting * (0.5 + 0.5 * f64::from(step * 5).sin().abs())) as u64;
            let scaled = |ns: u64| Some((ns as f64 * noise * cold) as u64);
            SeriesPoint {
                t_ms,
                warm_up,
                due: Some(due),
                completed: due.saturating_sub(backlog),
                count: (offered / 10.0) as u64,
                p50_ns: scaled(latency.p50_ns),
                p99_ns: scaled(latency.p99_ns),
                max_ns: scaled(latency.max_ns),
            }
        })
        .collect()
}

/// Makes a run one whose engine did 70 % of what was offered.
fn fall_behind(run: &mut Run) {
    run.sustained = Some(false);
    run.achieved_per_s *= 0.7;
    run.phases.drain_s = 1.2;
    let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3) else { return };
    for step in 0..30_000u64 {
        histogram.saturating_record(200_000 + step * 30_000);
    }
    run.latency = percentiles(&histogram);
    run.latency_hdr = encode(&histogram).ok();
    for point in &mut run.series {
        let late_ns = (point.t_ms * 0.3e6) as u64 + 200_000;
        point.completed = point.due.unwrap_or(0) * 7 / 10;
        point.p50_ns = Some(late_ns);
        point.p99_ns = Some(late_ns + 20_000_000);
        point.max_ns = Some(late_ns + 25_000_000);
    }
}
