//! Lifecycle, batches, windows and state of the native streaming API, on manual clocks.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::{
    ActiveScope, BatchInfo, ContextState, Cut, DStream, DirectSource, JobError, Pacing, Rdd,
    ReadRange, SparkContext, StopOptions, StreamingContext, StreamingError, StreamingListener,
    TaskContext, TaskError, Time,
};

const SECOND: Duration = Duration::from_secs(1);
const KEEP: StopOptions = StopOptions { stop_spark_context: false, graceful: false };

fn local(workers: usize) -> SparkContext {
    SparkContext::local(workers).expect("a context")
}

/// Hands out the batches it was made with, one per tick, and ends.
struct Script(Vec<Vec<i64>>);

impl ReadRange<i64> for Script {
    fn read(
        &self,
        range: Range<u64>,
        _: &TaskContext,
        sink: &mut dyn FnMut(i64),
    ) -> Result<(), TaskError> {
        let all = self.0.iter().flatten().copied();
        all.skip(range.start as usize).take((range.end - range.start) as usize).for_each(sink);
        Ok(())
    }
}

impl DirectSource<i64> for Script {
    fn cut(&self, from: u64, time: Time) -> Cut {
        let batch = time.as_ms() as usize / 1_000 - 1;
        let size = self.0.get(batch).map_or(0, Vec::len);
        Cut { until: from + size as u64, pieces: None, ended: batch + 1 >= self.0.len() }
    }
}

fn context(sc: &SparkContext, drain: Duration) -> StreamingContext {
    let ssc = StreamingContext::builder(sc, SECOND)
        .clock(Arc::new(ManualClock::auto()))
        .zero_time(Time::ZERO)
        .pacing(Pacing::Unpaced)
        .drain(drain)
        .scope(ActiveScope::private())
        .build()
        .expect("a context");
    ssc.checkpoint(checkpoints()).expect("a directory");
    ssc
}

/// Where streams with state may keep their checkpoints.
fn checkpoints() -> PathBuf {
    // One for each test: programs that run at a time must not share a directory.
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("streaming-checkpoints").join(test)
}

/// What a stream made of the scripted batches holds at each time, sorted.
fn outputs<T: Ord + std::fmt::Debug + Clone + Send + Sync + 'static>(
    batches: &[&[i64]],
    drain: Duration,
    define: impl Fn(&DStream<i64>) -> Result<DStream<T>, StreamingError>,
) -> BTreeMap<u64, Vec<T>> {
    let mut results = Vec::new();
    for workers in [1, 3] {
        let ssc = context(&local(workers), drain);
        let script = Script(batches.iter().map(|batch| batch.to_vec()).collect());
        let input = ssc.direct_stream(script).expect("an input");
        let rows: Arc<Mutex<BTreeMap<u64, Vec<T>>>> = Arc::default();
        let into = Arc::clone(&rows);
        define(&input)
            .and_then(|stream| {
                stream.foreach_rdd(move |rdd: Rdd<T>, time| {
                    let mut values = rdd.collect()?;
                    values.sort();
                    into.lock().expect("rows").insert(time.as_ms() / 1_000, values);
                    Ok(())
                })
            })
            .expect("a definition");
        ssc.start().expect("a start");
        ssc.await_termination().expect("a good end");
        ssc.stop(KEEP).expect("a stop");
        results.push(std::mem::take(&mut *rows.lock().expect("rows")));
    }
    let second = results.pop();
    assert_eq!(second.as_ref(), results.first(), "workers make no difference");
    second.unwrap_or_default()
}

fn table<T>(rows: impl IntoIterator<Item = (u64, Vec<T>)>) -> BTreeMap<u64, Vec<T>> {
    rows.into_iter().collect()
}

const NONE: Duration = Duration::ZERO;

#[test]
fn stateless_operators_per_batch() {
    let batches: &[&[i64]] = &[&[1, 2, 3], &[], &[4]];
    let mapped = outputs(batches, NONE, |s| s.map(|x| x * 10)?.filter(|x| *x != 20));
    assert_eq!(mapped, table([(1, vec![10, 30]), (2, vec![]), (3, vec![40])]));
    let counts = outputs(batches, NONE, DStream::count);
    assert_eq!(counts, table([(1, vec![3]), (2, vec![0]), (3, vec![1])]));
    let sums = outputs(batches, NONE, |s| s.reduce(|a, b| a + b));
    assert_eq!(sums, table([(1, vec![6]), (2, vec![]), (3, vec![4])]));
    let twice = outputs(batches, NONE, |s| s.union(&s.flat_map(|x| [x, -x])?));
    let want = [(1, vec![-3, -2, -1, 1, 1, 2, 2, 3, 3]), (2, vec![]), (3, vec![-4, 4, 4])];
    assert_eq!(twice, table(want));
    let values = outputs(&[&[5, 5, 6], &[5]], NONE, |s| s.count_by_value(2));
    assert_eq!(values, table([(1, vec![(5, 2), (6, 1)]), (2, vec![(5, 1)])]));
    let keyed = outputs(&[&[1, 2, 3], &[3]], NONE, |s| {
        s.map(|x| (x % 2, x))?.reduce_by_key(|a, b| a + b, 2)?.map_values(|x| x * 100)
    });
    assert_eq!(keyed, table([(1, vec![(0, 200), (1, 400)]), (2, vec![(1, 300)])]));
}

#[test]
fn windows_hold_the_last_batches() {
    let batches: &[&[i64]] = &[&[1], &[2], &[3], &[], &[5], &[6]];
    let window = |length: u64, slide: u64, drain: u64| {
        outputs(batches, SECOND * drain as u32, move |s| {
            s.window(Duration::from_secs(length), Duration::from_secs(slide))
        })
    };
    // The first windows are partial; empty ones are emitted all the same.
    let sliding = [
        (1, vec![1]),
        (2, vec![1, 2]),
        (3, vec![1, 2, 3]),
        (4, vec![2, 3]),
        (5, vec![3, 5]),
        (6, vec![5, 6]),
    ];
    assert_eq!(window(3, 1, 0), table(sliding));
    assert_eq!(window(2, 2, 0), table([(2, vec![1, 2]), (4, vec![3]), (6, vec![5, 6])]));
    // Longer slides than windows leave gaps; the first output is at the first slide.
    assert_eq!(window(1, 3, 0), table([(3, vec![3]), (6, vec![6])]));
    assert_eq!(window(4, 5, 4), table([(5, vec![2, 3, 5]), (10, vec![])]));
    assert_eq!(window(0, 2, 0), table([(2, vec![]), (4, vec![]), (6, vec![])]));
    assert_eq!(window(2, 3, 3), table([(3, vec![2, 3]), (6, vec![5, 6]), (9, vec![])]));
    let of_windows = outputs(batches, NONE, |s| {
        s.window(SECOND * 2, SECOND * 2)?.window(SECOND * 4, SECOND * 2)
    });
    assert_eq!(of_windows, table([(2, vec![1, 2]), (4, vec![1, 2, 3]), (6, vec![3, 5, 6])]));
}

#[test]
fn reduced_windows() {
    let batches: &[&[i64]] = &[&[1, 2], &[3], &[], &[], &[5]];
    let two = SECOND * 2;
    let sums = outputs(batches, NONE, |s| s.reduce_by_window(|a, b| a + b, two, SECOND));
    let want = [(1, vec![3]), (2, vec![6]), (3, vec![3]), (4, vec![]), (5, vec![5])];
    assert_eq!(sums, table(want));
    let counts = outputs(batches, NONE, |s| s.count_by_window(two, SECOND));
    let want = [(1, vec![2]), (2, vec![3]), (3, vec![1]), (4, vec![0]), (5, vec![1])];
    assert_eq!(counts, table(want));
    let by_key = outputs(batches, NONE, |s| {
        s.map(|x| (x % 2, x))?.reduce_by_key_and_window(|a, b| a + b, two, SECOND, 3)
    });
    let want = [
        (1, vec![(0, 2), (1, 1)]),
        (2, vec![(0, 2), (1, 4)]),
        (3, vec![(1, 3)]),
        (4, vec![]),
        (5, vec![(1, 5)]),
    ];
    assert_eq!(by_key, table(want));
}

#[test]
fn window_durations_are_multiples_of_the_parents_slide() {
    let ssc = context(&local(1), NONE);
    let input = ssc.direct_stream(Script(vec![])).expect("an input");
    let halves = Duration::from_millis(1_500);
    let what = |length, slide| match input.window(length, slide) {
        Err(StreamingError::NotMultiple { what, given_ns, parent_ns }) => {
            Some((what, Duration::from_nanos(given_ns), Duration::from_nanos(parent_ns)))
        }
        _ => None,
    };
    assert_eq!(what(halves, SECOND), Some(("window duration", halves, SECOND)));
    assert_eq!(what(SECOND, halves), Some(("slide duration", halves, SECOND)));
    assert_eq!(what(SECOND, NONE), Some(("slide duration", NONE, SECOND)));
    let slow = input.window(SECOND * 2, SECOND * 2).expect("a window");
    assert!(slow.window(SECOND * 3, SECOND * 2).is_err());
    assert_eq!(slow.union(&input).err(), Some(StreamingError::DifferentSlides));
    let other = context(&local(1), NONE);
    let elsewhere = other.direct_stream(Script(vec![])).expect("an input");
    assert_eq!(input.union(&elsewhere).err(), Some(StreamingError::DifferentContexts));
    assert_eq!(DStream::<i64>::union_all(&[]).err(), Some(StreamingError::NothingToUnite));
}

#[test]
fn update_state_by_key_rules() {
    // Every existing key in every batch; None removes; a removed key begins anew.
    let batches: &[&[i64]] = &[&[1, 11], &[2], &[], &[-1], &[1, 21]];
    let states = outputs(batches, NONE, |s| {
        s.map(|x| (x.abs() % 10, x))?.update_state_by_key(
            |values, state: Option<(u32, Vec<i64>)>| {
                let (batches, mut seen) = state.unwrap_or_default();
                let values: Vec<i64> = values.collect();
                if values.contains(&-1) {
                    return None;
                }
                seen.extend(values);
                Some((batches + 1, seen))
            },
            2,
        )
    });
    let want = [
        (1, vec![(1, (1, vec![1, 11]))]),
        (2, vec![(1, (2, vec![1, 11])), (2, (1, vec![2]))]),
        (3, vec![(1, (3, vec![1, 11])), (2, (2, vec![2]))]),
        (4, vec![(2, (3, vec![2]))]),
        (5, vec![(1, (1, vec![1, 21])), (2, (4, vec![2]))]),
    ];
    assert_eq!(states, table(want));
}

#[test]
fn state_is_kept_through_windows_and_slow_outputs() {
    let sums = |s: &DStream<i64>| {
        s.map(|x| ((), x))?
            .update_state_by_key(|values, state| Some(state.unwrap_or(0) + values.sum::<i64>()), 2)
    };
    let batches: &[&[i64]] = &[&[1], &[2], &[3], &[4], &[5], &[6]];
    // Two states at a time are held, so that the later is a copy.
    let held = outputs(batches, NONE, |s| sums(s)?.window(SECOND * 2, SECOND));
    let rows = |values: &[i64]| values.iter().map(|v| ((), *v)).collect::<Vec<_>>();
    let want: Vec<_> = [1, 3, 6, 10, 15, 21]
        .windows(2)
        .zip(2u64..)
        .map(|(pair, time)| (time, rows(pair)))
        .chain([(1, rows(&[1]))])
        .collect();
    assert_eq!(held, table(want));
    // Asked for at every third batch only, the batches in between still count.
    let slow = outputs(batches, NONE, |s| sums(s)?.window(SECOND, SECOND * 3));
    assert_eq!(slow, table([(3, rows(&[6])), (6, rows(&[21]))]));
}

#[test]
fn queues_give_one_rdd_per_batch() {
    let sc = local(1);
    let clock = Arc::new(ManualClock::new());
    let ssc = StreamingContext::builder(&sc, SECOND)
        .clock(Arc::clone(&clock) as _)
        .scope(ActiveScope::private())
        .build()
        .expect("a context");
    let rdds = [vec![1, 2], vec![3]].map(|data| sc.parallelize(data, 1).expect("slices"));
    let queue = Arc::new(Mutex::new(VecDeque::from(rdds)));
    let (send, rows) = crossbeam_channel::bounded(10);
    let stream = ssc.queue_stream(queue).expect("an input");
    stream
        .foreach_rdd(move |rdd, time| {
            let _ = send.send((time, rdd.collect()?));
            Ok(())
        })
        .expect("an output");
    clock.set(2_500_000_000);
    ssc.start().expect("a start");
    for (time, want) in [(3, vec![1, 2]), (4, vec![3]), (5, vec![])] {
        clock.set(time * 1_000_000_000);
        assert_eq!(rows.recv(), Ok((Time::from_ms(time * 1_000), want)));
    }
    ssc.stop(KEEP).expect("a stop");
    assert!(rows.recv().is_err(), "no batch after the stop");
}

#[derive(Default)]
struct Log(Mutex<Vec<(&'static str, BatchInfo)>>);

impl StreamingListener for Log {
    fn on_batch_submitted(&self, batch: &BatchInfo) {
        self.0.lock().expect("log").push(("submitted", batch.clone()));
    }
    fn on_batch_started(&self, batch: &BatchInfo) {
        self.0.lock().expect("log").push(("started", batch.clone()));
    }
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let what = if batch.has_failed() { "failed" } else { "completed" };
        self.0.lock().expect("log").push((what, batch.clone()));
    }
}

#[test]
fn batches_are_reported_and_failures_do_not_stop_later_ones() {
    let ssc = context(&local(2), NONE);
    let log = Arc::new(Log::default());
    ssc.add_streaming_listener(Arc::clone(&log) as _);
    let input = ssc.direct_stream(Script(vec![vec![1, 2], vec![13], vec![3]])).expect("an input");
    let checked = input.map(|x| if x == 13 { panic!("unlucky") } else { x }).expect("a stream");
    checked.foreach_rdd(|rdd, _| rdd.foreach(drop)).expect("an output");
    input.foreach_rdd(|rdd, _| rdd.foreach(drop)).expect("an output");
    ssc.start().expect("a start");
    let error = ssc.await_termination().expect_err("the failure");
    let StreamingError::Output { time, output: 0, source } = error else { panic!("{error}") };
    assert_eq!(time, Time::from_ms(2_000));
    assert!(matches!(source, JobError::TaskFailed { stage: 0, .. }), "{source}");
    ssc.stop(StopOptions { graceful: true, ..KEEP }).expect("a stop");
    let log = log.0.lock().expect("log");
    let per_batch = |ms| {
        let of = log.iter().filter(|(_, info)| info.time == Time::from_ms(ms));
        of.map(|(what, info)| (*what, info.num_records())).collect::<Vec<_>>()
    };
    for (ms, records, end) in
        [(1_000, 2, "completed"), (2_000, 1, "failed"), (3_000, 1, "completed")]
    {
        let want = vec![("submitted", records), ("started", records), (end, records)];
        assert_eq!(per_batch(ms), want, "{ms}");
    }
    assert!(log.iter().all(|(what, info)| {
        info.started_ns.is_some() == (*what != "submitted")
            && info.total_delay_ns().is_some() == info.ended_ns.is_some()
    }));
}

#[test]
fn panics_outside_of_tasks_are_values_too() {
    let in_output = context(&local(1), NONE);
    let input = in_output.direct_stream(Script(vec![vec![1]])).expect("an input");
    input.foreach_rdd(|_, _| panic!("in the output")).expect("an output");
    in_output.start().expect("a start");
    let error = in_output.await_termination().expect_err("the panic");
    assert!(matches!(error, StreamingError::OutputPanicked { output: 0, .. }), "{error}");
    let in_transform = context(&local(1), NONE);
    let input = in_transform.direct_stream(Script(vec![vec![1], vec![2]])).expect("an input");
    let bad = input.transform(|rdd, _| -> Rdd<i64> { panic!("{}", rdd.partitions()) });
    bad.and_then(|stream| stream.foreach_rdd(|_, _| Ok(()))).expect("an output");
    in_transform.start().expect("a start");
    let error = in_transform.await_termination().expect_err("the panic");
    assert!(matches!(error, StreamingError::Generation { .. }), "{error}");
}

#[test]
fn lifecycle_rules() {
    let sc = local(1);
    let scope = ActiveScope::private();
    let make = || {
        let ssc = StreamingContext::builder(&sc, SECOND)
            .clock(Arc::new(ManualClock::new()))
            .scope(scope.clone())
            .build()
            .expect("a context");
        let input = ssc.queue_stream::<i64>(Arc::default()).expect("an input");
        (ssc, input)
    };
    let (first, input) = make();
    assert_eq!(first.state(), ContextState::Initialized);
    input.foreach_rdd(|_, _| Ok(())).expect("an output");
    assert_eq!(first.await_termination_or_timeout(Duration::from_millis(1)), Ok(false));
    first.start().expect("a start");
    first.start().expect("starting again does nothing");
    assert_eq!(first.state(), ContextState::Active);
    assert_eq!(input.map(|x| x).err(), Some(StreamingError::AddedAfterStart));
    assert_eq!(input.persist().err(), Some(StreamingError::StorageAfterStart));
    assert_eq!(input.foreach_rdd(|_, _| Ok(())), Err(StreamingError::AddedAfterStart));
    // A second one is refused, stays as it is, and can be started later.
    let (second, other) = make();
    other.foreach_rdd(|_, _| Ok(())).expect("an output");
    assert_eq!(second.start(), Err(StreamingError::AnotherActive));
    assert_eq!(second.state(), ContextState::Initialized);
    first.stop(KEEP).expect("a stop");
    assert_eq!((first.state(), scope.is_taken()), (ContextState::Stopped, false));
    assert_eq!(first.await_termination(), Ok(()));
    assert_eq!(first.start(), Err(StreamingError::AlreadyStopped));
    assert_eq!(input.map(|x| x).err(), Some(StreamingError::AddedAfterStop));
    second.start().expect("the same SparkContext again");
    drop(second);
    assert!(!scope.is_taken(), "dropping stops");
    // Without outputs, or stopped before it was started.
    let (empty, _) = make();
    assert_eq!(empty.start(), Err(StreamingError::NoOutputs));
    assert_eq!((empty.state(), scope.is_taken()), (ContextState::Stopped, false));
    let (unused, _) = make();
    unused.stop(KEEP).expect("a stop");
    unused.stop(KEEP).expect("again");
    assert!(!sc.is_stopped());
    unused.stop(StopOptions::default()).expect("and now the SparkContext");
    assert!(sc.is_stopped());
}

#[test]
fn intervals_below_a_millisecond_are_refused() {
    let sc = local(1);
    for (interval, good) in [(1, false), (999_999, false), (1_000_000, true)] {
        let interval = Duration::from_nanos(interval);
        assert_eq!(StreamingContext::new(&sc, interval).is_ok(), good, "{interval:?}");
    }
}

#[test]
fn a_job_cannot_stop_its_own_context() {
    let sc = local(1);
    let ssc = Arc::new(context(&sc, NONE));
    let inside = Arc::downgrade(&ssc);
    let seen = Arc::new(Mutex::new(None));
    let result = Arc::clone(&seen);
    let input = ssc.direct_stream(Script(vec![vec![1]])).expect("an input");
    input
        .foreach_rdd(move |_, _| {
            *result.lock().expect("result") = inside.upgrade().map(|ssc| ssc.stop(KEEP));
            Ok(())
        })
        .expect("an output");
    ssc.start().expect("a start");
    ssc.await_termination().expect("a good end");
    assert_eq!(*seen.lock().expect("result"), Some(Err(StreamingError::StopInsideJob)));
}

#[test]
fn offset_ranges_follow_the_clock() {
    /// One record per 100 ms; remembers how it was cut.
    #[derive(Default)]
    struct Ticks(Arc<Mutex<Vec<(u64, u64)>>>);
    impl ReadRange<u64> for Ticks {
        fn read(
            &self,
            range: Range<u64>,
            _: &TaskContext,
            sink: &mut dyn FnMut(u64),
        ) -> Result<(), TaskError> {
            range.for_each(sink);
            Ok(())
        }
    }
    impl DirectSource<u64> for Ticks {
        fn cut(&self, from: u64, time: Time) -> Cut {
            let until = time.as_ms() / 100;
            self.0.lock().expect("cuts").push((from, until));
            Cut { until, pieces: Some(3), ended: false }
        }
    }
    let clock = Arc::new(ManualClock::new());
    let ssc = StreamingContext::builder(&local(2), SECOND)
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .scope(ActiveScope::private())
        .build()
        .expect("a context");
    let source = Ticks::default();
    let cuts = Arc::clone(&source.0);
    let (send, rows) = crossbeam_channel::bounded(10);
    let stream = ssc.direct_stream(source).expect("an input");
    stream
        .glom()
        .and_then(|parts| {
            parts.foreach_rdd(move |rdd, time| {
                let _ = send.send((time.as_ms(), rdd.collect()?));
                Ok(())
            })
        })
        .expect("an output");
    ssc.start().expect("a start");
    clock.set(1_000_000_000);
    let want = vec![(0..3).collect(), (3..6).collect(), (6..10).collect()];
    assert_eq!(rows.recv(), Ok((1_000, want)));
    // Ticks that were missed are fired back to back, with their nominal times.
    clock.set(4_999_000_000);
    for ms in [2_000, 3_000, 4_000] {
        let (time, parts) = rows.recv().expect("a batch");
        assert_eq!((time, parts.concat()), (ms, (ms / 100 - 10..ms / 100).collect()));
    }
    ssc.stop(KEEP).expect("a stop");
    assert_eq!(*cuts.lock().expect("cuts"), [(0, 10), (10, 20), (20, 30), (30, 40)]);
}
