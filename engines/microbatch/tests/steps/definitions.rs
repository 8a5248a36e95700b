//! WindowOperationsSuite, BasicOperationsSuite: what is refused when a stream is defined.

use crate::{Bench, SECOND, refused};
use std::sync::Arc;
use std::time::Duration;
use weir_microbatch::{DStream, StorageLevel, StreamingContext, Time};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn window(window_ms: u64, slide_ms: u64, text: &str) {
    let bench = Bench::new();
    refused(bench.input().window(MS(window_ms), MS(slide_ms)).map(drop), text);
}

#[test]
fn window_validity_window_length_not_a_multiple_of_parent_slide() {
    window(
        1_500,
        1_000,
        "The window duration of windowed DStream (1500 ms) must be a multiple of the",
    );
}

#[test]
fn window_validity_slide_not_a_multiple_of_parent_slide() {
    window(
        2_000,
        1_500,
        "The slide duration of windowed DStream (1500 ms) must be a multiple of the",
    );
}

#[test]
fn window_validity_window_of_a_windowed_stream_relative_to_the_windowed_slide() {
    let bench = Bench::new();
    let every_two = bench.input().window(2 * SECOND, 2 * SECOND).expect("a window");
    refused(
        every_two.window(3 * SECOND, 2 * SECOND).map(drop),
        "multiple of the slide duration of parent DStream (2000 ms)",
    );
}

fn reduced(window_ms: u64, slide_ms: u64, text: &str) {
    let bench = Bench::new();
    let pairs = bench.input().map(|x| (x, 1)).expect("pairs");
    let (window, slide) = (MS(window_ms), MS(slide_ms));
    let inverse =
        pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, window, slide, 0);
    refused(inverse.map(drop), text);
}

#[test]
fn reducebykeyandwindow_inverse_validity_window() {
    let text = "The window duration of ReducedWindowedDStream (1500 ms) must be multiple of the slide \
                duration of parent DStream (1000 ms)";
    reduced(1_500, 1_000, text);
}

#[test]
fn reducebykeyandwindow_inverse_validity_slide() {
    let text = "The slide duration of ReducedWindowedDStream (1500 ms) must be multiple of the slide \
                duration of parent DStream (1000 ms)";
    reduced(2_000, 1_500, text);
}

#[test]
fn py_invalid_window() {
    let bench = Bench::new();
    let ssc = StreamingContext::new(&bench.sc, MS(500)).expect("a context");
    let input = ssc.queue_stream::<(i64, i64)>(Arc::default()).expect("an input");
    for window in [100, 1_000] {
        let refusal = input.reduce_by_key_and_window(|a, b| a + b, MS(window), MS(100), 0);
        refused(refusal.map(drop), "multiple of the slide duration of parent DStream (500 ms)");
    }
}

#[test]
fn window_persistence_level() {
    let bench = Bench::new();
    let input = bench.input();
    let storage = |stream: &DStream<i64>| stream.info().storage;
    assert_eq!(storage(&input), StorageLevel::NONE);
    let window = input.window(2 * SECOND, SECOND).expect("a window");
    let levels = || (storage(&window), storage(&input));
    assert_eq!(levels(), (StorageLevel::NONE, StorageLevel::MEMORY_ONLY_SER));
    window.persist_at(StorageLevel::MEMORY_ONLY).expect("in time");
    assert_eq!(levels(), (StorageLevel::NONE, StorageLevel::MEMORY_ONLY));
}

#[test]
fn slice_has_not_been_initialized() {
    let bench = Bench::new();
    let slice = bench.input().slice(Time::ZERO, Time::from_ms(1_000));
    refused(slice.map(drop), "has not been initialized");
}

#[test]
fn union_of_streams_with_different_slide_durations() {
    let bench = Bench::new();
    let input = bench.input();
    let slow = input.window(2 * SECOND, 2 * SECOND).expect("a window");
    refused(input.union(&slow).map(drop), "Some of the DStreams have different slide durations");
}

#[test]
fn union_of_streams_of_different_contexts() {
    let bench = Bench::new();
    let other = bench.another().queue_stream::<i64>(Arc::default()).expect("an input");
    refused(bench.input().union(&other).map(drop), "Some of the DStreams have different contexts");
}

#[test]
fn union_of_empty_list() {
    let bench = Bench::new();
    assert!(bench.ssc.union::<i64>(&[]).is_err());
}
