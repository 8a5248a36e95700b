//! Bolts of windows with state, through failures: every window is in the state once.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_topology::state::{
    KeyValue, Namespace, ProvidedState, State, StateProvider, StatefulBolt,
};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{
    Count, PersistentOutputCollector, PersistentTupleWindow, PersistentWindowedBolt,
    StatefulWindowedBolt, TupleWindow, WindowConfig, WindowSpec, WindowedOutputCollector,
};
use weir_topology::{ComponentResult, Config, Tuple, values};

/// Per window, by its last tuple: its tuples' sum, and how often it was handled.
type Sums = KeyValue<i64, (i64, i64)>;

struct Sum;

fn add(state: &mut Sums, tuples: &[i64]) -> ComponentResult {
    let last = *tuples.last().ok_or("an empty window").map_err(std::io::Error::other)?;
    let (_, times) = state.get_or(&last, (0, 0))?;
    Ok(state.put(last, (tuples.iter().sum(), times + 1))?)
}

impl StatefulWindowedBolt for Sum {
    type State = Sums;

    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        state: &mut Sums,
        _: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let tuples = window.get().map(|tuple| tuple.int("n")).collect::<Result<Vec<_>, _>>()?;
        add(state, &tuples)
    }
}

impl PersistentWindowedBolt for Sum {
    type State = Sums;

    fn execute(
        &mut self,
        window: &mut PersistentTupleWindow<'_>,
        state: &mut Sums,
        _: &mut PersistentOutputCollector<'_>,
    ) -> ComponentResult {
        let tuples: Vec<Tuple> = window.get().collect::<Result<_, _>>()?;
        let tuples = tuples.iter().map(|tuple| tuple.int("n")).collect::<Result<Vec<_>, _>>()?;
        add(state, &tuples)
    }
}

/// What happens to a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Tuple,
    Watermark,
    Checkpoint,
    /// It is started again from what is committed, and what is not acked comes again.
    Crash,
    /// The same, but the task lives on.
    Rollback,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => Just(Step::Tuple),
        3 => Just(Step::Watermark),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Crash),
        1 => Just(Step::Rollback),
    ];
    proptest::collection::vec(step, 1..200)
}

/// A task, and a spout that sends again what no commit covers.
struct Run<B: StatefulBolt> {
    make: fn(WindowSpec) -> B,
    windows: WindowSpec,
    provider: StateProvider,
    bolt: B,
    state: Option<B::State>,
    mock: MockCollector,
    clock: Arc<ManualClock>,
    txid: i64,
    sent: i64,
    /// Acked, as commits count it.
    done: BTreeMap<i64, ()>,
}

fn namespace() -> Namespace {
    Namespace { topology: "t".into(), component: "sum".into(), task: 0 }
}

impl<B: StatefulBolt> Run<B> {
    fn new(make: fn(WindowSpec) -> B, windows: WindowSpec, provider: StateProvider) -> Self {
        let mock = MockCollector::new("sum", 2, [("default", ["x"])]).expect("a stream");
        let (bolt, clock) = (make(windows.clone()), Arc::new(ManualClock::new()));
        let (state, done) = (None, BTreeMap::new());
        let mut run =
            Self { make, windows, provider, bolt, state, mock, clock, txid: 0, sent: 0, done };
        run.start();
        run
    }

    fn start(&mut self) {
        // Only one at a time may be open.
        self.state = None;
        self.bolt = (self.make)(self.windows.clone());
        let context = MockContext::new("sum", 2).clock(Arc::clone(&self.clock) as _);
        let context = context.input("s", "default", ["n", "ts"]).expect("fields").build();
        let conf = Config::new().set(Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME, "n");
        let conf = conf.merged(&self.bolt.component_configuration());
        self.bolt.prepare(&conf, &context).expect("good windows");
        let mut state = B::State::open(&self.provider, &namespace()).expect("state");
        // What was prepared and not committed is undone first.
        state.rollback().expect("a rollback");
        self.bolt.init_state(&mut state).expect("a state that is there");
        self.state = Some(state);
        self.mock.clear();
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut B, &mut B::State, &mut MockCollector) -> R) -> R {
        act(&mut self.bolt, self.state.as_mut().expect("open"), &mut self.mock)
    }

    fn feed(&mut self, n: i64) {
        let fed = tuple("s", "default", ["n", "ts"], 1, values![n, 1000 + 7 * n]).expect("fields");
        self.with(|bolt, state, mock| bolt.execute(fed, state, mock.collector())).expect("good");
    }

    fn again(&mut self) {
        for n in (0..self.sent).filter(|n| !self.done.contains_key(n)).collect::<Vec<_>>() {
            self.feed(n);
        }
    }

    fn wake(&mut self) {
        let now_ns = self.clock.now_ns();
        self.with(|bolt, state, mock| bolt.wake(now_ns, state, mock.collector())).expect("good");
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Tuple => {
                self.sent += 1;
                self.feed(self.sent - 1);
            }
            Step::Watermark => {
                self.clock.advance(Duration::from_secs(1));
                self.wake();
            }
            Step::Checkpoint => {
                self.txid += 1;
                let txid = self.txid;
                self.with(|bolt, state, _| {
                    bolt.pre_prepare(txid, state)?;
                    state.prepare_commit(txid)?;
                    bolt.pre_commit(txid, state)?;
                    ComponentResult::Ok(state.commit(txid)?)
                })
                .expect("a checkpoint");
                let acked = self.mock.acked();
                self.done.extend(acked.iter().map(|tuple| (tuple.int("n").expect("n"), ())));
            }
            Step::Crash => {
                self.start();
                self.again();
            }
            Step::Rollback => {
                self.with(|bolt, state, _| {
                    bolt.pre_rollback(state)?;
                    state.rollback()?;
                    bolt.post_rollback(state)
                })
                .expect("a rollback");
                // It fails what it still has.
                if self.bolt.wake_at() == Some(0) {
                    self.wake();
                }
                self.mock.clear();
                self.again();
            }
        }
    }
}

/// The sums after all steps, and after those that are no failures.
fn both<B: StatefulBolt>(
    make: fn(WindowSpec) -> B,
    windows: &WindowSpec,
    steps: &[Step],
    sums: fn(&mut B::State) -> &mut Sums,
) -> [BTreeMap<i64, (i64, i64)>; 2] {
    [true, false].map(|failures| {
        let mut run = Run::new(make, windows.clone(), StateProvider::memory());
        for step in steps {
            if failures || !matches!(step, Step::Crash | Step::Rollback) {
                run.step(*step);
            }
        }
        // All that is complete is handled: watermarks go by tuples that come.
        run.step(Step::Tuple);
        run.step(Step::Watermark);
        let state = run.state.as_mut().expect("open");
        sums(state).iter().collect::<Result<_, _>>().expect("state in memory")
    })
}

fn windows(length: i64, slide: i64, event_time: bool, timed: bool) -> WindowSpec {
    let ms = |count: i64| Duration::from_millis(7 * count.unsigned_abs());
    let windows = if timed {
        WindowConfig::sliding(ms(length), ms(slide))
    } else {
        WindowConfig::sliding(Count(length), Count(slide))
    };
    let windows = if event_time { windows.timestamp_field("ts") } else { windows };
    windows.build().expect("good windows")
}

proptest! {
    #[test]
    fn windows_that_are_filled_again_are_handled_once(
        steps in steps(), (length, slide) in (1i64..9, 1i64..9), kind in 0..3,
    ) {
        let windows = windows(length, slide, kind > 0, kind > 1);
        let [failed, smooth] =
            both(|w| StatefulWindowedBolt::windowed(Sum, w), &windows, &steps, |s| s.user());
        prop_assert_eq!(failed, smooth);
    }

    #[test]
    fn windows_that_are_kept_are_handled_once(
        steps in steps(), (length, slide) in (1i64..9, 1i64..9), kind in 0..3,
    ) {
        let windows = windows(length, slide, kind > 0, kind > 1);
        let [failed, smooth] =
            both(|w| PersistentWindowedBolt::windowed(Sum, w), &windows, &steps, |s| s.user());
        prop_assert_eq!(failed, smooth);
    }
}

/// Windows of several partitions come back from disk.
#[test]
fn windows_that_are_kept_on_disk_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let windows = windows(2500, 2500, true, false);
    let make = |windows| PersistentWindowedBolt::windowed(Sum, windows);
    let mut run = Run::new(make, windows, StateProvider::disk(folder.path()));
    for n in 0..5100 {
        run.step(Step::Tuple);
        if n % 1000 == 700 {
            run.step(Step::Checkpoint);
            run.step(Step::Watermark);
            run.step(Step::Crash);
        }
    }
    run.step(Step::Watermark);
    let state = run.state.as_mut().expect("open");
    let sums: BTreeMap<_, _> = state.user().iter().collect::<Result<_, _>>().expect("on disk");
    let want = [(2499, (2499 * 2500 / 2, 1)), (4999, ((4999 * 5000 - 2499 * 2500) / 2, 1))];
    assert_eq!(sums, BTreeMap::from(want));
}

/// Sends each window on to a task that it chooses.
struct Direct;

impl PersistentWindowedBolt for Direct {
    type State = Sums;

    fn execute(
        &mut self,
        window: &mut PersistentTupleWindow<'_>,
        _: &mut Sums,
        collector: &mut PersistentOutputCollector<'_>,
    ) -> ComponentResult {
        let tuples: Vec<Tuple> = window.get().collect::<Result<_, _>>()?;
        tuples.iter().for_each(|tuple| collector.reset_timeout(tuple));
        Ok(collector.emit_direct(7, "default", values![tuples.len() as i64])?)
    }
}

#[test]
fn windows_that_are_kept_can_be_sent_to_a_task() {
    let make = |windows| PersistentWindowedBolt::windowed(Direct, windows);
    let mut run = Run::new(make, windows(2, 2, false, false), StateProvider::memory());
    run.step(Step::Tuple);
    run.step(Step::Tuple);
    let emitted: Vec<_> = run.mock.emitted().iter().map(|one| (one.task, &one.values)).collect();
    assert_eq!(emitted, [(Some(7), &values![2])]);
    assert_eq!(run.mock.timeouts_reset().len(), 2);
}
