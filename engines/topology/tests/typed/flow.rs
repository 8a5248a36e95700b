//! Every operator of the contract against a sequential loop, over the engine's settings.

use super::support::{CountBy, Lines, Numbers, Session, config, latest, line, rows};
use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_dataflow::{Engine, Flow, NodeKind, UpdateState, Windowed, Windows};
use weir_topology::flow_control::WaitStrategy;
use weir_topology::{Acking, TopologyConfig, TopologyEngine};

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

fn sorted<T: Ord>(rows: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut rows: Vec<T> = rows.into_iter().collect();
    rows.sort();
    rows
}

/// What the sink must hold after the first `records` lines were counted.
fn word_counts(records: u64) -> Vec<(&'static str, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    (0..records).flat_map(line).for_each(|word| *counts.entry(word).or_default() += 1);
    counts.into_iter().collect()
}

fn sessions(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64, u64)> {
    let (mut states, mut rows) = (BTreeMap::new(), Vec::new());
    for number in numbers {
        let (key, value) = Session.split(number);
        let mut state = states.remove(&key);
        Session.update(&key, &mut state, value, &mut |row| rows.push(row));
        if let Some(state) = state {
            states.insert(key, state);
        }
    }
    sorted(rows)
}

#[test]
fn a_source_alone() {
    for_all(|engine| {
        let got = rows(engine.source(Numbers::IN_ORDER), 300).0;
        assert_eq!(got, (0..300).collect::<Vec<_>>(), "{engine:?}");
    });
}

#[test]
fn an_empty_load_ends() {
    for_all(|engine| {
        let lines = engine.source(Lines { ordered: false }).flat_map(|words| words);
        assert_eq!(rows(lines.running(CountBy(|word: &&'static str| *word)), 0).0, []);
    });
}

#[test]
fn narrow_operators() {
    let want = sorted((0..500).filter(|n| n % 3 != 0).flat_map(|n| [n * 2, n * 2 + 1]));
    for_all(|engine| {
        let flow = engine.source(Numbers::IN_ORDER).filter(|n| n % 3 != 0);
        let flow = flow.map(|n| n * 2).flat_map(|n| [n, n + 1]);
        assert_eq!(rows(flow, 500).0, want, "{engine:?}");
    });
}

#[test]
fn word_count() {
    let want = word_counts(700);
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

#[test]
fn a_running_aggregate_in_the_middle_emits_every_change() {
    let want: Vec<(u64, u64)> = sorted((0..400).map(|n| (n % 7, n / 7 + 1)));
    for_all(|engine| {
        let counts = engine.source(Numbers::IN_ORDER).running(CountBy(|n: &u64| n % 7));
        assert_eq!(rows(counts.map(|row| row), 400).0, want, "{engine:?}");
    });
}

#[test]
fn two_keyed_operators() {
    // How many keys have passed each count on the way up.
    let want: Vec<(u64, u64)> = vec![(0, 200), (1, 200)];
    for_all(|engine| {
        let counts = engine.source(Numbers::IN_ORDER).running(CountBy(|n: &u64| n % 20));
        let parity = counts.running(CountBy(|(_, n): &(u64, u64)| n % 2));
        assert_eq!(rows(parity, 400).0, want, "{engine:?}");
    });
}

#[test]
fn explicit_state_in_the_order_of_the_source() {
    let want = sessions(0..900);
    for_all(|engine| {
        let numbers = engine.source(Numbers { ordered: true, ..Numbers::IN_ORDER });
        let got = rows(numbers.map(|n| n).update_state(Session), 900).0;
        assert_eq!(got, want, "{engine:?}");
    });
}

#[test]
fn order_survives_a_keyed_operator_by_another_key() {
    let want = sessions((0..600).map(|n| n / 13));
    for_all(|engine| {
        let numbers = engine.source(Numbers { ordered: true, ..Numbers::IN_ORDER });
        let counts = numbers.running(CountBy(|n: &u64| n % 13));
        let again = counts.map(|(_, n)| n - 1).update_state(Session);
        assert_eq!(rows(again, 600).0, want, "{engine:?}");
    });
}

#[test]
fn union_of_two_sources() {
    let want = sorted((0..300).chain((0..300).map(|n| n + 1_000)));
    for_all(|engine| {
        let one = engine.source(Numbers::IN_ORDER);
        let two = engine.source(Numbers { ordered: true, ..Numbers::IN_ORDER });
        assert_eq!(rows(one.union(two.map(|n| n + 1_000)), 300).0, want, "{engine:?}");
    });
    let counts: Vec<(u64, u64)> = (0..5).map(|key| (key, 120)).collect();
    for_all(|engine| {
        let (one, two) = (engine.source(Numbers::IN_ORDER), engine.source(Numbers::IN_ORDER));
        let both = one.union(two).running(CountBy(|n: &u64| n % 5));
        assert_eq!(rows(both, 300).0, counts, "{engine:?}");
    });
}

/// (window end, key) to count, and how many were late: the definition.
fn window_counts(
    windows: Windows,
    source: &Numbers,
    records: u64,
) -> (BTreeMap<(i64, u64), u64>, u64) {
    let (mut counts, mut late) = (BTreeMap::new(), 0);
    for index in 0..records {
        let event = source.event(index, index * 1_000);
        let open = windows.assign(event.at).filter(|w| !windows.dropped(*w, event.watermark));
        let mut any = windows.assign(event.at).next().is_none();
        for window in open {
            *counts.entry((window.end_ns, index % 4)).or_default() += 1;
            any = true;
        }
        late += u64::from(!any);
    }
    (counts, late)
}

fn check_windows(engine: &TopologyEngine, windows: Windows, source: &Numbers, records: u64) {
    let (want, late) = window_counts(windows, source, records);
    let flow = engine.source(source.clone()).windowed(windows, CountBy(|n: &u64| n % 4));
    let flow = flow.flat_map(|row| match row {
        Windowed::Result { window, value: (key, n) } => Some(((window.end_ns, key), n)),
        Windowed::Late(_) => None,
    });
    let (got, summary) = rows(flow, records);
    // With allowed lateness a window has several results; counts only grow.
    assert_eq!(latest(got), want, "{engine:?} {windows:?} {source:?}");
    assert_eq!(summary.late, late, "{engine:?} {windows:?} {source:?}");
}

#[test]
fn windows_with_input_out_of_order() {
    for_all(|engine| {
        for (jitter, bound, lateness) in [(0, 0, 0), (5_000, 5_000, 0), (9_000, 2_000, 3_000)] {
            let source = Numbers { jitter, bound, ordered: false };
            let windows = Windows::sliding(10_000, 5_000).allowed_lateness(lateness);
            check_windows(engine, windows, &source, 200);
        }
    });
}

#[test]
fn results_of_windows_can_be_windowed_again() {
    for_all(|engine| {
        let numbers = engine.source(Numbers::IN_ORDER);
        let windowed = numbers.windowed(Windows::tumbling(10_000), CountBy(|n: &u64| n % 4));
        let values = windowed.flat_map(|row| match row {
            Windowed::Result { value, .. } => Some(value),
            Windowed::Late(_) => None,
        });
        let again = values.windowed(Windows::tumbling(20_000), CountBy(|(key, _)| *key));
        let flat = again.flat_map(|row| match row {
            Windowed::Result { window, value } => Some((window.end_ns, value)),
            Windowed::Late(_) => None,
        });
        let got = rows(flat, 100).0;
        let want: Vec<_> =
            (1..=5).flat_map(|w| (0..4u64).map(move |key| (w * 20_000, (key, 2)))).collect();
        assert_eq!(got, want, "{engine:?}");
    });
}

#[test]
fn a_record_may_emit_without_bound() {
    for batch_size in [1, 100] {
        for acking in [false, true] {
            let engine = TopologyEngine::new(config(2, batch_size, acking));
            let flow = engine.source(Numbers::IN_ORDER).flat_map(|n| n * 50_000..(n + 1) * 50_000);
            let got = rows(flow.running(CountBy(|n: &u64| n % 3)), 3).0;
            assert_eq!(got, [(0, 50_000), (1, 50_000), (2, 50_000)]);
        }
    }
}

#[test]
fn a_join_is_a_union_by_key_and_window() {
    for_all(|engine| {
        let one = engine.source(Numbers::IN_ORDER).map(|n| (n, n * 2));
        let two = engine.source(Numbers::IN_ORDER).filter(|n| n % 2 == 0).map(|n| (n, n * 3));
        let joined = one.join(two, Windows::tumbling(50_000)).map(|j| (j.key, j.left, j.right));
        let want: Vec<_> = (0..200).step_by(2).map(|n| (n, n * 2, n * 3)).collect();
        assert_eq!(rows(joined, 200).0, want, "{engine:?}");
    });
}

#[test]
fn the_plan_shows_groupings_and_the_acker() {
    let engine = TopologyEngine::new(config(3, 1, true));
    let lines = engine.source(Lines { ordered: false });
    let plan = lines.flat_map(|w| w).running(CountBy(|word: &&'static str| *word)).plan();
    let nodes: Vec<_> = plan.nodes.iter().map(|n| (n.label.as_str(), n.kind, n.tasks)).collect();
    let want = [
        ("Lines", NodeKind::Source, 3),
        ("flat_map", NodeKind::Operator, 3),
        ("count", NodeKind::State, 3),
        ("__acker", NodeKind::System, 1),
        ("sink", NodeKind::Sink, 3),
    ];
    assert_eq!(nodes, want);
    let edges: Vec<_> = plan.edges.iter().map(|e| (e.from, e.to, e.label.as_str())).collect();
    let want = [
        (0, 1, "shuffle grouping"),
        (1, 2, "fields grouping"),
        (0, 3, "acks"),
        (1, 3, "acks"),
        (2, 3, "acks"),
        (2, 4, ""),
    ];
    assert_eq!(edges, want);
}

#[test]
fn the_summary_counts_tuples_by_component() {
    let engine = TopologyEngine::new(config(2, 10, true));
    let lines = engine.source(Lines { ordered: false });
    let counts = lines.flat_map(|w| w).running(CountBy(|word: &&'static str| *word));
    let (_, summary) = rows(counts, 500);
    let words = (0..500).map(|i| line(i).len() as u64).sum::<u64>();
    for (key, value) in [
        ("emitted.Lines", 500),
        ("executed.flat_map", 500),
        ("emitted.flat_map", words),
        ("executed.count", words),
        ("executed.__acker", 500),
        ("emitted.count", 7),
    ] {
        assert_eq!(summary.counters[key], value, "{key}");
    }
    for component in ["Lines", "flat_map", "count"] {
        assert!(summary.counters[&format!("busy_permille.{component}")] <= 1000, "{component}");
    }
    assert_eq!(summary.settings["batch_size"], "10");
    let threads: usize = summary.components.iter().map(|c| c.threads).sum();
    assert_eq!(threads, 2 + 2 + 2 + 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_settings_give_the_same_counts(
        parallelism in 1usize..9,
        batch_size in 1usize..20,
        queue_capacity in 1usize..60,
        ackers in 0usize..3,
        pending in 1usize..20,
        records in 0u64..200,
        dynamic_batch in proptest::bool::ANY,
        wait in 0usize..4,
    ) {
        let wait = [
            WaitStrategy::Block,
            WaitStrategy::Progressive { level1: 1, level2: 10, level3_millis: 1 },
            WaitStrategy::Park { micros: 50 },
            WaitStrategy::BusySpin,
        ][wait];
        let acking = std::num::NonZeroUsize::new(ackers);
        let engine = TopologyEngine::new(TopologyConfig {
            queue_capacity,
            dynamic_batch,
            wait,
            acking: acking.map_or(Acking::Off, |ackers| Acking::On { ackers }),
            max_spout_pending: std::num::NonZeroUsize::new(pending),
            ..config(parallelism, batch_size, true)
        });
        let lines = engine.source(Lines { ordered: false });
        let counts = lines.flat_map(|w| w).running(CountBy(|word: &&'static str| *word));
        prop_assert_eq!(rows(counts, records).0, word_counts(records));
    }

    #[test]
    fn any_windows_agree_with_the_definition(
        parallelism in 1usize..5,
        batch_size in 1usize..10,
        length in 1u64..20,
        slide in 1u64..20,
        jitter in 0u64..20,
        bound in 0u64..20,
        lateness in 0u64..10,
    ) {
        let engine = TopologyEngine::new(config(parallelism, batch_size, false));
        let windows = Windows::sliding(length * 1_000, slide * 1_000);
        let windows = windows.allowed_lateness(lateness * 1_000);
        let source = Numbers { jitter: jitter * 1_000, bound: bound * 1_000, ordered: false };
        check_windows(&engine, windows, &source, 120);
    }
}
