//! StreamingContextSuite: what a context sets and shows while it runs.

use crate::{Bench, KEEP, PATIENCE, SECOND};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use weir_microbatch::{JOB_DESCRIPTION, JOB_GROUP, SparkContext, Time};

fn sources(bench: &Bench) -> Vec<String> {
    bench.sc.metrics_sources().iter().map(|source| source.name().to_owned()).collect()
}

#[test]
fn metrics_source_registered_on_start_removed_on_stop() {
    let bench = Bench::new();
    let rdd = bench.sc.parallelize(vec![1, 2, 3], 1).expect("partitions");
    let queue = Arc::new(Mutex::new(VecDeque::from([rdd])));
    let input = bench.ssc.queue_stream(queue).expect("an input");
    input.foreach_rdd(|rdd, _| rdd.count().map(drop)).expect("an output");
    assert_eq!(sources(&bench), Vec::<String>::new());
    bench.ssc.start().expect("a start");
    assert_eq!(sources(&bench), ["StreamingMetrics"]);
    let source = bench.sc.metrics_sources().remove(0);
    bench.clock.advance(SECOND);
    assert!(bench.ssc.await_batch(Time::from_ms(1_000), PATIENCE));
    bench.ssc.stop(KEEP).expect("a stop");
    assert_eq!(sources(&bench), Vec::<String>::new());
    let all = [
        ("receivers", 0),
        ("totalCompletedBatches", 1),
        // A queue's records are not counted.
        ("totalReceivedRecords", 0),
        ("totalProcessedRecords", 0),
        ("unprocessedBatches", 0),
        ("waitingBatches", 0),
        ("runningBatches", 0),
        ("retainedCompletedBatches", 1),
        ("lastCompletedBatch_submissionTime", 1_000),
        ("lastCompletedBatch_processingStartTime", 1_000),
        ("lastCompletedBatch_processingEndTime", 1_000),
        ("lastCompletedBatch_processingDelay", 0),
        ("lastCompletedBatch_schedulingDelay", 0),
        ("lastCompletedBatch_totalDelay", 0),
        ("lastReceivedBatch_submissionTime", 1_000),
        ("lastReceivedBatch_processingStartTime", 1_000),
        ("lastReceivedBatch_processingEndTime", 1_000),
        ("lastReceivedBatch_records", 0),
    ];
    let expected: BTreeMap<_, _> =
        all.map(|(name, value)| (format!("streaming.{name}"), value)).into();
    assert_eq!(source.gauges(), expected);
}

const CUSTOM: &str = "customPropKey";
const INTERRUPT: &str = "spark.job.interruptOnCancel";

/// Group, description, whether to interrupt, and the custom property.
fn properties(sc: &SparkContext) -> [Option<String>; 4] {
    [JOB_GROUP, JOB_DESCRIPTION, INTERRUPT, CUSTOM].map(|key| sc.local_property(key))
}

#[test]
fn start_should_set_local_properties_of_streaming_jobs_correctly() {
    let bench = Bench::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (into, sc) = (Arc::clone(&seen), bench.sc.clone());
    let one = bench.sc.parallelize(vec![1], 1).expect("partitions");
    let output = bench.input().foreach_rdd(move |_, _| {
        into.lock().expect("no panic").push(properties(&sc));
        // Tasks have them, too.
        one.foreach_partition(|partition| {
            assert_eq!(partition.task().local_property(CUSTOM), Some("value1"));
            Ok(())
        })
    });
    output.expect("an output");
    bench.sc.set_job_group("non-streaming", "non-streaming");
    bench.sc.set_local_property(INTERRUPT, "true");
    bench.sc.set_local_property(CUSTOM, "value1");
    bench.ssc.start().expect("a start");
    bench.sc.set_local_property(CUSTOM, "value2");
    bench.clock.advance(2 * SECOND);
    assert!(bench.ssc.await_batch(Time::from_ms(2_000), PATIENCE));
    assert_eq!(bench.ssc.await_termination_or_timeout(std::time::Duration::ZERO), Ok(false));
    bench.ssc.stop(KEEP).expect("a stop");
    let text = |text: &str| Some(text.to_owned());
    let job = |ms: u64| {
        let batch = Time::from_ms(ms);
        let job = format!("Streaming job from [output operation 0, batch time {batch}]");
        [None, Some(job), text("false"), text("value1")]
    };
    assert_eq!(*seen.lock().expect("no panic"), [job(1_000), job(2_000)]);
    let own = [text("non-streaming"), text("non-streaming"), text("true"), text("value2")];
    assert_eq!(properties(&bench.sc), own);
}
