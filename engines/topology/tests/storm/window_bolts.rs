//! Bolts of windows: who is in which window, what is acked when, and what fails.

use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_topology::testing::{MockCollector, MockContext, tick, tuple};
use weir_topology::windowing::{
    Count, TupleWindow, WindowConfig, WindowSpec, WindowedBolt, WindowedBoltExecutor,
    WindowedOutputCollector,
};
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt,
    Tuple, values,
};

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    start_ms: Option<i64>,
    end_ms: i64,
    tuples: Vec<i64>,
    new: Vec<i64>,
    expired: Vec<i64>,
}

/// Emits the number of tuples, and fails where it is told to.
#[derive(Default)]
struct Counts {
    seen: Rc<RefCell<Vec<Seen>>>,
    fail_at: Option<i64>,
}

fn numbers<'t>(tuples: impl IntoIterator<Item = &'t Tuple>) -> Vec<i64> {
    tuples.into_iter().map(|tuple| tuple.int("n").expect("a number")).collect()
}

impl WindowedBolt for Counts {
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        collector: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let tuples = numbers(window.get());
        if self.fail_at.is_some_and(|n| tuples.contains(&n)) {
            self.fail_at = None;
            return Err(ComponentError::reported("not this one"));
        }
        collector.emit(values![tuples.len() as i64])?;
        self.seen.borrow_mut().push(Seen {
            start_ms: window.start_timestamp_ms(),
            end_ms: window.end_timestamp_ms(),
            tuples,
            new: numbers(window.get_new()),
            expired: numbers(window.get_expired()),
        });
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["count"]);
    }
}

struct Task {
    bolt: WindowedBoltExecutor<Counts>,
    mock: MockCollector,
    clock: Arc<ManualClock>,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl Task {
    fn new(windows: WindowSpec, fail_at: Option<i64>) -> Self {
        let bolt = Counts { fail_at, ..Counts::default() };
        let seen = Rc::clone(&bolt.seen);
        let mut bolt = bolt.windowed(windows);
        let mock = MockCollector::of_bolt("counts", 2, &bolt).expect("streams");
        let clock = Arc::new(ManualClock::new());
        let context = MockContext::new("counts", 2)
            .clock(Arc::clone(&clock) as _)
            .outputs_of(&bolt)
            .input("s", "default", ["n", "ts"])
            .expect("fields");
        let conf = Config::new().merged(&bolt.component_configuration());
        bolt.prepare(&conf, &context.build()).expect("windows that can be");
        Self { bolt, mock, clock, seen }
    }

    fn feed(&mut self, n: i64, ts: i64) {
        let fed = tuple("s", "default", ["n", "ts"], 1, values![n, ts]).expect("two fields");
        self.bolt.execute(fed, self.mock.collector()).expect("a good tuple");
    }

    /// Time passes; the bolt is woken so much after it asked to be.
    fn pass(&mut self, time: Duration, late: Duration) {
        let until = self.clock.now_ns() + time.as_nanos() as u64;
        while let Some(at) = self.bolt.wake_at().filter(|at| *at <= until) {
            self.clock.set((at + late.as_nanos() as u64).min(until));
            self.bolt.wake(self.clock.now_ns(), self.mock.collector()).expect("no trouble");
        }
        self.clock.set(until);
    }

    fn acked(&self) -> Vec<i64> {
        numbers(&self.mock.acked())
    }
}

const MS: Duration = Duration::from_millis(1);

proptest! {
    /// Late tuples are acked at once and emitted; all others once, when they have left their last
    /// window. What is emitted is anchored to the whole window.
    #[test]
    fn every_tuple_is_acked_once(
        steps in proptest::collection::vec((0i64..40, -60i64..=0, prop::bool::weighted(0.2)), 1..300),
        (length, slide) in (1u64..100, 1u64..60),
    ) {
        let windows = WindowConfig::sliding(MS * length as u32, MS * slide as u32)
            .timestamp_field("ts")
            .lag(MS * 20)
            .late_tuple_stream("late")
            .build()
            .expect("good windows");
        let mut task = Task::new(windows, None);
        let (mut now, mut late) = (1000, Vec::new());
        for (n, (by, offset, watermark)) in steps.iter().enumerate() {
            now += by;
            let before = task.mock.emitted_on("late").len();
            task.feed(n as i64, now + offset);
            if task.mock.emitted_on("late").len() > before {
                late.push(n as i64);
                prop_assert_eq!(task.acked().last().copied(), Some(n as i64));
            }
            if *watermark {
                task.pass(Duration::from_secs(1), Duration::ZERO);
            }
        }
        let last = steps.len() as i64;
        for (n, ts) in [(last, now + 10_000), (last + 1, now + 20_000)] {
            task.feed(n, ts);
            task.pass(Duration::from_secs(1), Duration::ZERO);
        }
        let mut acked = task.acked();
        acked.sort_unstable();
        acked.retain(|n| *n < last);
        prop_assert_eq!(acked, (0..last).collect::<Vec<_>>());
        prop_assert!(task.mock.failed().is_empty());
        let seen = task.seen.borrow();
        prop_assert!(seen.iter().all(|seen| seen.tuples.iter().all(|n| !late.contains(n))));
        let counts = task.mock.emitted().iter().filter(|emission| emission.stream == "default");
        for (emission, seen) in counts.zip(&*seen) {
            prop_assert_eq!(&numbers(&emission.anchors), &seen.tuples);
        }
    }
}

#[test]
fn windows_of_processing_time_end_when_they_are_due() {
    // A bolt that is woken late, as its executor was busy, has the same windows.
    for late in [0, 3, 150] {
        let windows = WindowConfig::sliding(MS * 200, MS * 100).build().expect("good windows");
        let mut task = Task::new(windows, None);
        for n in 0..10 {
            task.feed(n, 0);
            task.pass(MS * 50, MS * late);
        }
        let seen = task.seen.borrow();
        let tuples: Vec<_> = seen.iter().map(|seen| seen.tuples.clone()).collect();
        // The tuple that arrives as a window ends is in the next; the first expires late, as in Storm.
        assert_eq!(tuples[0], [0, 1], "{late}");
        assert_eq!(tuples[1..4], [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]], "{late}");
        let ends: Vec<_> = seen.iter().map(|seen| seen.end_ms).collect();
        assert_eq!(ends, [99, 199, 299, 399, 499], "{late}");
        assert_eq!(seen[1].start_ms, Some(-1));
        assert_eq!(seen[2].new, [4, 5]);
        assert_eq!(seen[2].expired, [0, 1]);
        assert_eq!(task.acked(), [0, 1, 2, 3, 4, 5], "{late}");
    }
}

#[test]
fn a_window_that_fails_fails_its_tuples_and_they_are_in_no_other() {
    let windows = WindowConfig::sliding(Count(4), Count(2)).build().expect("good windows");
    let mut task = Task::new(windows, Some(3));
    for n in 0..10 {
        task.feed(n, 0);
    }
    assert_eq!(numbers(&task.mock.failed()), [0, 1, 2, 3]);
    assert_eq!(task.mock.errors(), ["not this one"]);
    let seen = task.seen.borrow();
    let tuples: Vec<_> = seen.iter().map(|seen| seen.tuples.clone()).collect();
    assert_eq!(tuples, [vec![0, 1], vec![4, 5], vec![4, 5, 6, 7], vec![6, 7, 8, 9]]);
    assert_eq!(task.acked(), [4, 5]);
}

/// Says of every window that nothing is in what becomes of it.
struct Empty(fn() -> ComponentError);

impl WindowedBolt for Empty {
    fn execute(
        &mut self,
        _: &TupleWindow<'_>,
        _: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        Ok(())
    }

    fn execute_empty(&mut self, _: i64, _: &mut OutputCollector) -> ComponentResult {
        Err(self.0())
    }
}

#[test]
fn an_error_in_an_empty_window_is_taken_like_one_in_another() {
    let errors: [(fn() -> ComponentError, &[&str]); 3] = [
        (|| ComponentError::reported("not this one"), &["not this one", "not this one"]),
        (|| ComponentError::failed("nothing to tell"), &[]),
        (|| ComponentError::fatal("the end"), &[]),
    ];
    for (error, told) in errors {
        let mut bolt = Empty(error).windowed(WindowConfig::tumbling(MS).build().expect("good"));
        let mut mock = MockCollector::of_bolt("empty", 2, &bolt).expect("streams");
        let conf = bolt.component_configuration();
        bolt.prepare(&conf, &MockContext::new("empty", 2).build()).expect("good windows");
        let woken = bolt.wake(2_000_000, mock.collector());
        assert_eq!(woken.is_err(), matches!(error(), ComponentError::Fatal(_)), "{woken:?}");
        assert_eq!(mock.errors(), told);
    }
}

#[test]
fn ticks_are_acked_and_in_no_window() {
    let windows = WindowConfig::tumbling(Count(1)).timestamp_field("ts").build();
    let mut task = Task::new(windows.expect("good windows"), None);
    let sent = tick();
    task.bolt.execute(sent.clone(), task.mock.collector()).expect("a tick is harmless");
    assert!(task.mock.acked()[0].is(&sent));
    assert!(task.seen.borrow().is_empty());
}

#[test]
fn what_a_component_is_told_about_its_windows_wins() {
    let windows = WindowConfig::tumbling(Count(2)).build().expect("good windows");
    let mut bolt = Counts::default().windowed(windows);
    let over = Config::new().set(Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT, -1);
    let conf = bolt.component_configuration().merged(&over);
    let error = bolt.prepare(&conf, &MockContext::new("counts", 2).build()).expect_err("negative");
    assert_eq!(error.to_string(), "Window length must be positive [-1 tuples]");
}

/// What a bolt says of its own windows is in one unit, and what it is given in the other.
#[test]
fn an_extent_in_one_unit_is_instead_of_one_in_the_other() {
    struct Preset;
    impl WindowedBolt for Preset {
        fn execute(
            &mut self,
            _: &TupleWindow<'_>,
            _: &mut WindowedOutputCollector<'_>,
        ) -> ComponentResult {
            Ok(())
        }
        fn component_configuration(&self) -> Config {
            Config::new()
                .set(Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT, 10)
                .set(Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS, 5)
        }
    }
    let count = Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT;
    let duration = Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS;
    let slide = Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS;
    let length = WindowConfig::new().length(MS * 5000).build().expect("good windows");
    let conf = Preset.windowed(length).component_configuration();
    assert_eq!((conf.is_set(count), conf.get(duration)), (false, Some(5000.into())));
    assert_eq!(conf.get(slide), Some(5.into()), "nothing else was said");
    let conf = Preset.windowed(WindowSpec::default()).component_configuration();
    assert_eq!(conf.get(count), Some(10.into()));
}

#[test]
fn windows_of_any_count_are_checked() {
    let windows = WindowConfig::tumbling(Count(i64::MAX)).build().expect("positive");
    let mut bolt = Counts::default().windowed(windows);
    let conf = bolt.component_configuration().set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 1000);
    let context = MockContext::new("counts", 2).build();
    let error = bolt.prepare(&conf, &context).expect_err("more than may be pending");
    assert!(error.to_string().contains(&i64::MAX.to_string()), "{error}");
}
