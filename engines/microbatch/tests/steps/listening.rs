//! StreamingListenerSuite: what listeners hear of outputs.

use crate::{Bench, KEEP, PATIENCE, SECOND};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use weir_microbatch::{JobError, OutputOperationInfo, Rdd, StreamingListener, TaskError, Time};

#[derive(Default)]
struct Outputs {
    started: Mutex<Vec<usize>>,
    completed: Mutex<Vec<usize>>,
    failures: Mutex<BTreeMap<usize, Arc<str>>>,
}

impl StreamingListener for Outputs {
    fn on_output_operation_started(&self, output: &OutputOperationInfo) {
        self.started.lock().expect("no panic").push(output.id);
    }
    fn on_output_operation_completed(&self, output: &OutputOperationInfo) {
        self.completed.lock().expect("no panic").push(output.id);
        if let Some(reason) = &output.failure_reason {
            self.failures.lock().expect("no panic").insert(output.id, Arc::clone(reason));
        }
    }
}

type Output = fn(Rdd<i64>) -> Result<(), JobError>;

fn works(rdd: Rdd<i64>) -> Result<(), JobError> {
    rdd.count().map(drop)
}

/// Runs one batch with these outputs, and stops.
fn one_batch(outputs: &[Output]) -> (Bench, Arc<Outputs>) {
    let (bench, heard) = (Bench::new(), Arc::new(Outputs::default()));
    bench.ssc.add_streaming_listener(Arc::clone(&heard) as Arc<dyn StreamingListener>);
    let input = bench.input();
    for &output in outputs {
        input.foreach_rdd(move |rdd, _| output(rdd)).expect("an output");
    }
    bench.ssc.start().expect("a start");
    bench.clock.advance(SECOND);
    assert!(bench.ssc.await_batch(Time::from_ms(1_000), PATIENCE));
    bench.ssc.stop(KEEP).expect("a stop");
    (bench, heard)
}

fn failures(heard: &Outputs) -> BTreeMap<usize, Arc<str>> {
    heard.failures.lock().expect("no panic").clone()
}

#[test]
fn output_operation_reporting() {
    let (_, heard) = one_batch(&[works, works, works]);
    assert_eq!(*heard.started.lock().expect("no panic"), [0, 1, 2]);
    assert_eq!(*heard.completed.lock().expect("no panic"), [0, 1, 2]);
}

#[test]
fn successful_batch_has_no_failure_reason() {
    let (_, heard) = one_batch(&[works]);
    assert_eq!(failures(&heard), BTreeMap::new());
}

#[test]
fn one_failed_job() {
    let (bench, heard) = one_batch(&[|_| panic!("This is a failed job")]);
    let failures = failures(&heard);
    assert_eq!(failures.keys().copied().collect::<Vec<_>>(), [0]);
    assert!(failures[&0].contains("This is a failed job"), "{}", failures[&0]);
    assert!(bench.ssc.await_termination_or_timeout(PATIENCE).is_err());
}

#[test]
fn multiple_failed_jobs() {
    let (_, heard) = one_batch(&[
        |_| panic!("This is a failed job"),
        |rdd| {
            rdd.foreach_partition(|_| Err(TaskError::new("This is another failed job")))
                .map(drop)?;
            panic!("This is another failed job")
        },
    ]);
    let failures = failures(&heard);
    assert!(failures[&0].contains("This is a failed job"), "{}", failures[&0]);
    assert!(failures[&1].contains("This is another failed job"), "{}", failures[&1]);
}

#[test]
fn no_events_after_stop() {
    let (bench, heard) = one_batch(&[works]);
    let count = |heard: &Outputs| heard.completed.lock().expect("no panic").len();
    let before = count(&heard);
    bench.clock.advance(10 * SECOND);
    assert_eq!((before, count(&heard)), (1, 1));
}
