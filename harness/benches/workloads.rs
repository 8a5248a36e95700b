//! Every workload on every engine at saturation, in records per second, beside the COST loop.
//!
//! `cargo bench -p weir-harness --bench workloads`. Criterion times whole runs, set-up included; the
//! comparison proper, with verdicts and latencies, is `weir run`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use weir_dataflow::testing::AllAtOnce;
use weir_harness::rows::EngineRow;
use weir_harness::settings::{Config, Layers, resolve};
use weir_targets::verdict::Detail;
use weir_workloads::{NAMES, describe};

fn config() -> Config {
    let sets = ["engine=loop,topology,microbatch", "queue-batch=256", "batch-interval=100ms"];
    let sets = sets.iter().map(|text| (*text).to_owned()).collect();
    let resolved = resolve(&Layers { sets, ..Layers::default() }).expect("known settings");
    Config::new(&resolved).expect("settings that make sense")
}

fn workloads(c: &mut Criterion) {
    let config = config();
    let settings = config.workload_settings().expect("generated input");
    for workload in NAMES {
        let described = describe(workload, &settings).expect("a workload of the registry");
        let records = if described.records == "lines" { 100_000 } else { 500_000 };
        let load = AllAtOnce { records, spacing_ns: 1_000_000_000 / described.nominal_rate };
        let mut group = c.benchmark_group(*workload);
        group.throughput(Throughput::Elements(records));
        for row in EngineRow::checkable(&config) {
            let run = || row.target.run(workload, &settings, &load.context(), Detail::Digests);
            if run().is_err() {
                continue; // No hand-written loop for this workload.
            }
            group.bench_function(&row.id, |b| {
                b.iter(|| {
                    let outcome = run().expect("it ran before");
                    outcome.summary.expect("the run ends").records
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = workloads
}
criterion_main!(benches);
