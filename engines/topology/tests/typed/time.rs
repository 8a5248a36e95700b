//! Paced runs on a manual clock: every record is measured once, from its scheduled time.

use super::support::{CountBy, Lines, Numbers, Paced, config, paced, tick};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use weir_dataflow::testing::CollectSink;
use weir_dataflow::{Engine, Flow, ManualClock, Meter, Recorder, RunContext, Sample, Windows};
use weir_topology::TopologyEngine;

struct Keep(Arc<Mutex<Vec<Sample>>>);
impl Recorder for Keep {
    fn record(&mut self, samples: &[Sample]) {
        self.0.lock().expect("no panic").extend_from_slice(samples);
    }
}

/// Runs `flow` on a clock that is moved to each alarm as soon as it is the next.
fn samples(
    load: Paced,
    move_clock: impl Fn(&ManualClock) + Sync,
    run: impl FnOnce(&RunContext),
) -> (Vec<Sample>, RunContext) {
    let (clock, kept) = (Arc::new(ManualClock::new()), Arc::<Mutex<Vec<Sample>>>::default());
    let into = Arc::clone(&kept);
    let meter = Meter::new(move || Box::new(Keep(Arc::clone(&into))));
    let context = paced(load, Arc::<ManualClock>::clone(&clock), meter);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                move_clock(&clock);
                std::thread::yield_now();
            }
        });
        run(&context);
        done.store(true, Ordering::Release);
    });
    let mut samples = std::mem::take(&mut *kept.lock().expect("no panic"));
    samples.sort_by_key(|s| s.scheduled_ns);
    (samples, context)
}

fn check(samples: &[Sample], records: u64, spacing_ns: u64) {
    let scheduled: Vec<u64> = samples.iter().map(|s| s.scheduled_ns).collect();
    assert_eq!(scheduled, (0..records).map(|i| i * spacing_ns).collect::<Vec<_>>());
    for s in samples {
        assert!(s.scheduled_ns < s.taken_ns && s.taken_ns <= s.visible_ns, "{s:?}");
    }
}

#[test]
fn every_record_is_measured_once() {
    for parallelism in [1, 2, 3] {
        for (batch, acking) in [(1, false), (1, true), (10, false), (10, true)] {
            let engine = TopologyEngine::new(config(parallelism, batch, acking));
            let load = Paced { records: 100, spacing_ns: 1_000_000 };
            let (got, context) = samples(load, tick, |context| {
                // Every fifth line is empty: no word of it ever reaches the count.
                let words = engine.source(Lines { ordered: false }).flat_map(|words| words);
                let counts = words.running(CountBy(|word: &&'static str| *word));
                counts.run(CollectSink::new(), context).expect("the run ends");
            });
            check(&got, 100, 1_000_000);
            assert_eq!(context.meter.completed(), 100);
        }
    }
}

#[test]
fn records_beyond_a_lap_wait_for_those_before() {
    for (batch, acking) in [(10, false), (100, true)] {
        let engine = TopologyEngine::new(config(2, batch, acking));
        let load = Paced { records: 70_000, spacing_ns: 10 };
        let at_once = |clock: &ManualClock| {
            tick(clock);
            clock.set(3_000_000);
        };
        let (got, _) = samples(load, at_once, |context| {
            let counts = engine.source(Numbers::IN_ORDER).running(CountBy(|n: &u64| n % 3));
            counts.run(CollectSink::new(), context).expect("the run ends");
        });
        check(&got, 70_000, 10);
    }
}

#[test]
fn a_union_measures_a_record_once() {
    let engine = TopologyEngine::new(config(2, 1, false));
    let load = Paced { records: 100, spacing_ns: 1_000_000 };
    let (got, _) = samples(load, tick, |context| {
        let (one, two) = (engine.source(Numbers::IN_ORDER), engine.source(Numbers::IN_ORDER));
        one.union(two).run(CollectSink::new(), context).expect("the run ends");
    });
    check(&got, 100, 1_000_000);
}

#[test]
fn a_closed_window_is_an_effect_of_the_record_that_closed_it() {
    for parallelism in [1, 2] {
        let engine = TopologyEngine::new(config(parallelism, 1, false));
        let load = Paced { records: 100, spacing_ns: 1_000_000 };
        let (got, _) = samples(load, tick, |context| {
            let counts = engine
                .source(Numbers::IN_ORDER)
                .windowed(Windows::tumbling(10_000_000), CountBy(|n: &u64| n % 3));
            counts.run(CollectSink::new(), context).expect("the run ends");
        });
        check(&got, 100, 1_000_000);
    }
}
