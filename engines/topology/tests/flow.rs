//! Every operator of the contract against a sequential loop, over the engine's settings.

mod support;

use std::collections::BTreeMap;
use support::{CountBy, Lines, Numbers, Session, config, line, rows};
use weir_dataflow::{Emit, Engine, EventTime, Flow, UpdateState, Windowed, Windows};
use weir_topology::{TopologyConfig, TopologyEngine};

/// Parallelism 1, 2, 3, 8; batches of 1, 2, 100; acking on and off; queues of 1 and many.
fn settings() -> impl Iterator<Item = TopologyConfig> {
    let rows = [1, 2, 3, 8].into_iter().flat_map(|parallelism| {
        [1, 2, 100].into_iter().flat_map(move |batch_size| {
            [false, true].into_iter().map(move |acking| config(parallelism, batch_size, acking))
        })
    });
    rows.flat_map(|config| {
        [1, 1024].map(|queue_capacity| TopologyConfig { queue_capacity, ..config.clone() })
    })
}

fn for_all(check: impl Fn(&TopologyEngine)) {
    for config in settings() {
        check(&TopologyEngine::new(config));
    }
}

#[test]
fn narrow_operators() {
    let want: Vec<u64> = {
        let mut want: Vec<u64> =
            (0..500).filter(|n| n % 3 != 0).flat_map(|n| [n * 2, n * 2 + 1]).collect();
        want.sort_unstable();
        want
    };
    for_all(|engine| {
        let flow = engine.source(Numbers::IN_ORDER).filter(|n| n % 3 != 0);
        let flow = flow.map(|n| n * 2).flat_map(|n| [n, n + 1]);
        assert_eq!(rows(flow, 500).0, want, "{engine:?}");
    });
}

#[test]
fn word_count() {
    let mut want: BTreeMap<&str, u64> = BTreeMap::new();
    (0..700).flat_map(line).for_each(|word| *want.entry(word).or_default() += 1);
    let want: Vec<_> = want.into_iter().collect();
    for_all(|engine| {
        let lines = engine.source(Lines { ordered: false });
        let counts = lines.flat_map(|words| words).running(CountBy(|word: &&'static str| *word));
        let (got, summary) = rows(counts, 700);
        assert_eq!(got, want, "{engine:?}");
        let acked = if engine.config().acking.ackers() > 0 { 700 } else { 0 };
        assert_eq!(summary.counters["acked"], acked);
        assert_eq!(summary.counters["replayed"], 0);
    });
}
