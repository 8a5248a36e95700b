//! No thread outlives what it was started for. In a process of its own, because it counts threads.

use std::time::Duration;
use weir_dataflow::testing::{AllAtOnce, CollectSink};
use weir_dataflow::{Engine, Event, EventTime, Flow, Source};
use weir_microbatch::{MicroBatch, SparkContext};

#[derive(Clone)]
struct Count;

impl Source for Count {
    type Item = u64;
    fn record(&self, index: u64, at: EventTime) -> Event<u64> {
        assert!(index < 9_000, "the end");
        Event { at, watermark: at, value: index }
    }
}

/// The engine's threads; `None` where the system does not list them.
fn threads() -> Option<Vec<String>> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.filter_map(Result::ok).filter_map(name);
    Some(names.filter(|name| name.starts_with("microbatch-")).collect())
}

#[test]
fn threads_are_joined() {
    if threads().is_none() {
        return;
    }
    let sc = SparkContext::local(3).expect("a context");
    let rdd = sc.parallelize((0..100).collect::<Vec<_>>(), 9).expect("slices");
    assert_eq!(rdd.count(), Ok(100));
    assert_eq!(threads().map(|names| names.len()), Some(3));
    drop(sc);
    assert_eq!(threads().map(|names| names.len()), Some(3), "the RDD holds the context");
    drop(rdd);
    assert_eq!(threads(), Some(vec![]));
    let engine = MicroBatch::new().parallelism(4).batch_interval(Duration::from_millis(1));
    for (records, good) in [(5_000, true), (20_000, false)] {
        let load = AllAtOnce { records, spacing_ns: 1_000 };
        let result = engine.source(Count).run(CollectSink::new(), &load.context());
        assert_eq!(result.is_ok(), good, "{result:?}");
        assert_eq!(threads(), Some(vec![]), "after a run of {records}");
    }
}
