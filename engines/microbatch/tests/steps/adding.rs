//! StreamingContextSuite: nothing is added to a context that has been started.

use crate::{Bench, refused};

const AFTER_START: &str = "Adding new inputs, transformations, and output operations after starting a \
                           context is not supported";
const AFTER_STOP: &str = "Adding new inputs, transformations, and output operations after stopping a \
                          context is not supported";

/// A context with a stream that was defined in time.
fn bench(stopped: bool) -> (Bench, weir_microbatch::DStream<i64>) {
    let bench = Bench::new();
    let stream = bench.input();
    stream.foreach_rdd(|_, _| Ok(())).expect("an output");
    bench.ssc.start().expect("a start");
    if stopped {
        bench.ssc.stop(crate::KEEP).expect("a stop");
    }
    (bench, stream)
}

fn add_input(stopped: bool, text: &str) {
    let (bench, _) = bench(stopped);
    refused(bench.ssc.queue_stream::<i64>(std::sync::Arc::default()).map(drop), text);
}

fn add_transformation(stopped: bool, text: &str) {
    let (_bench, stream) = bench(stopped);
    refused(stream.map(|x| x + 1).map(drop), text);
    refused(stream.union(&stream).map(drop), text);
    refused(stream.window(crate::SECOND, crate::SECOND).map(drop), text);
}

fn add_output(stopped: bool, text: &str) {
    let (_bench, stream) = bench(stopped);
    refused(stream.foreach_rdd(|_, _| Ok(())), text);
    refused(stream.print(10), text);
}

#[test]
fn adding_input_after_start() {
    add_input(false, AFTER_START);
}

#[test]
fn adding_input_after_stop() {
    add_input(true, AFTER_STOP);
}

#[test]
fn adding_transformation_after_start() {
    add_transformation(false, AFTER_START);
}

#[test]
fn adding_transformation_after_stop() {
    add_transformation(true, AFTER_STOP);
}

#[test]
fn adding_output_operation_after_start() {
    add_output(false, AFTER_START);
}

#[test]
fn adding_output_operation_after_stop() {
    add_output(true, AFTER_STOP);
}
