//! Bolts of windows with state, two input streams, and failures of all kinds while tuples are on their
//! way: who is acked was in every window that it belongs to once.

use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Alarm, Clock, ManualClock};
use weir_topology::state::{
    Action, CHECKPOINT_COMPONENT, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID,
    CHECKPOINT_STREAM, KeyValue, Namespace, ProvidedState, StateProvider, StatefulBolt,
    StatefulBoltExecutor,
};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{
    Count, PersistentOutputCollector, PersistentTupleWindow, PersistentWindowedBolt,
    StatefulWindowedBolt, StatefulWindowedBoltExecutor, TupleWindow, WindowConfig, WindowSpec,
    WindowedOutputCollector,
};
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputFieldsDeclarer, RichBolt, Tuple, values,
};

/// A tuple: its stream, and its number there.
type Id = (usize, i64);
/// The windows that were handled, in order.
type Windows = KeyValue<i64, Vec<Id>>;

const STREAMS: [&str; 2] = ["a", "b"];
const LATE: &str = "late";

fn id(tuple: &Tuple) -> Result<Id, ComponentError> {
    let stream = STREAMS.iter().position(|stream| *stream == tuple.source_component());
    Ok((stream.ok_or("a stream").map_err(std::io::Error::other)?, tuple.int("n")?))
}

/// Takes windows down, and fails if it is told to.
#[derive(Clone, Default)]
struct Seen {
    fails: Rc<Cell<bool>>,
    /// All of every life, also those that no checkpoint covers.
    windows: Rc<RefCell<Vec<Vec<Id>>>>,
}

fn put(state: &mut Windows, window: Vec<Id>) -> ComponentResult {
    let number = i64::try_from(state.iter().count()).map_err(std::io::Error::other)?;
    Ok(state.put(number, window)?)
}

impl StatefulWindowedBolt for Seen {
    type State = Windows;

    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        state: &mut Windows,
        _: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        if self.fails.take() {
            return Err(ComponentError::failed("as told"));
        }
        let window: Vec<Id> = window.get().map(id).collect::<Result<_, _>>()?;
        self.windows.borrow_mut().push(window.clone());
        put(state, window)
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

impl PersistentWindowedBolt for Seen {
    type State = Windows;

    fn execute(
        &mut self,
        window: &mut PersistentTupleWindow<'_>,
        state: &mut Windows,
        _: &mut PersistentOutputCollector<'_>,
    ) -> ComponentResult {
        let tuples: Vec<Tuple> = window.get().collect::<Result<_, _>>()?;
        put(state, tuples.iter().map(id).collect::<Result<_, _>>()?)
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

/// The clock of a process that was started at some time.
#[derive(Debug)]
struct Life {
    since: ManualClock,
    origin_ns: u64,
}

impl Clock for Life {
    fn now_ns(&self) -> u64 {
        self.since.now_ns()
    }
    fn origin_ns(&self) -> u64 {
        self.origin_ns
    }
    fn alarm(&self, deadline_ns: u64) -> Alarm {
        self.since.alarm(deadline_ns)
    }
}

impl Life {
    fn starts_at(origin_ns: u64) -> Arc<Self> {
        Arc::new(Self { since: ManualClock::new(), origin_ns })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// The spout of a stream sends a tuple, whose number is by so much greater than that before.
    Send(usize, i64),
    /// The first tuple on its way arrives.
    Arrive,
    Pass(u64),
    Checkpoint,
    /// The process dies and is started again so many milliseconds later: what is not acked is sent
    /// again, in order or one stream after the other, each in any order.
    Crash {
        in_checkpoint: bool,
        down_ms: u64,
        in_order: bool,
    },
    /// The executor dies alone: tuples that are on their way come before those that it has had.
    Restart,
    /// A checkpoint is given up.
    Rollback {
        prepared: bool,
    },
    /// The next window fails.
    Fail,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let crash = (any::<bool>(), prop_oneof![0u64..50, 3_600_000u64..3_600_100], any::<bool>());
    let step = prop_oneof![
        20 => (0usize..2, 1i64..4).prop_map(|(stream, gap)| Step::Send(stream, gap)),
        18 => Just(Step::Arrive),
        4 => (1u64..40).prop_map(Step::Pass),
        3 => Just(Step::Checkpoint),
        1 => crash.prop_map(|(in_checkpoint, down_ms, in_order)| {
            Step::Crash { in_checkpoint, down_ms, in_order }
        }),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(|prepared| Step::Rollback { prepared }),
        1 => Just(Step::Fail),
    ];
    proptest::collection::vec(step, 1..200)
}

/// Two spouts and a task.
struct Line<B: StatefulBolt> {
    make: fn(Seen, WindowSpec) -> B,
    seen: Seen,
    windows: WindowSpec,
    provider: StateProvider,
    bolt: Option<StatefulBoltExecutor<B>>,
    mock: MockCollector,
    clock: Arc<Life>,
    txid: i64,
    /// All that was sent, in order, and the number that was sent last on each stream.
    sent: Vec<Id>,
    last: [i64; 2],
    on_the_way: VecDeque<Id>,
    inside: Vec<Id>,
    done: BTreeSet<Id>,
    /// Those that the lag does not cover: late, or so far behind another that they may be missed.
    late: BTreeSet<Id>,
    latest_ms: i64,
    lag_ms: i64,
    /// What the task has reported.
    told: Vec<String>,
}

fn at_ms((stream, number): Id) -> i64 {
    // Never at the end of a window: all are multiples of 7.
    1000 + 7 * number + 3 * i64::from(stream == 1)
}

impl<B: StatefulBolt> Line<B> {
    fn new(make: fn(Seen, WindowSpec) -> B, windows: WindowSpec, lag_ms: i64) -> Self {
        let seen = Seen::default();
        let bolt = StatefulBoltExecutor::configured(make(seen.clone(), windows.clone()));
        let mock = MockCollector::of_bolt("windows", 2, &bolt).expect("streams");
        let mut line = Self {
            make,
            seen,
            windows,
            provider: StateProvider::memory(),
            bolt: Some(bolt),
            mock,
            clock: Life::starts_at(1_000_000_000),
            txid: 0,
            sent: Vec::new(),
            last: [0; 2],
            on_the_way: VecDeque::new(),
            inside: Vec::new(),
            done: BTreeSet::new(),
            late: BTreeSet::new(),
            latest_ms: 0,
            lag_ms,
            told: Vec::new(),
        };
        line.start(false);
        line
    }

    /// Starts the task, and does what the spout of checkpoints would.
    fn start(&mut self, prepared: bool) {
        // Only one at a time may be open.
        self.bolt = None;
        let bolt = (self.make)(self.seen.clone(), self.windows.clone());
        let mut bolt = StatefulBoltExecutor::configured(bolt);
        let mut context = MockContext::new("windows", 2)
            .outputs_of(&bolt)
            .clock(Arc::clone(&self.clock) as _)
            .state_provider(self.provider.clone())
            .tasks(CHECKPOINT_COMPONENT, [9]);
        let fields = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];
        context = context.input(CHECKPOINT_COMPONENT, CHECKPOINT_STREAM, fields).expect("fields");
        for (task, stream) in (5..).zip(STREAMS) {
            context = context.tasks(stream, [task]);
            context = context.input(stream, "default", ["n", "ts"]).expect("fields");
        }
        let conf = Config::new().set(Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME, "n");
        let conf = conf.merged(&bolt.component_configuration());
        bolt.prepare(&conf, &context.build()).expect("good windows");
        self.bolt = Some(bolt);
        if prepared {
            self.checkpoint(Action::Rollback, self.txid + 1);
        }
        self.checkpoint(Action::InitState, self.txid);
    }

    fn checkpoint(&mut self, action: Action, txid: i64) {
        let fields = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];
        let values = values![txid, action.name()];
        let sent = tuple(CHECKPOINT_COMPONENT, CHECKPOINT_STREAM, fields, 9, values);
        self.execute(sent.expect("fields"));
    }

    fn execute(&mut self, tuple: Tuple) {
        let bolt = self.bolt.as_mut().expect("a task");
        bolt.execute(tuple, self.mock.collector()).expect("good");
        self.settle();
        self.wake();
    }

    fn wake(&mut self) {
        let bolt = self.bolt.as_mut().expect("a task");
        let now_ns = self.clock.now_ns();
        if bolt.wake_at().is_some_and(|at| at <= now_ns) {
            bolt.wake(now_ns, self.mock.collector()).expect("good");
            self.settle();
        }
    }

    /// What the spouts hear.
    fn settle(&mut self) {
        let late = self.mock.emitted().iter().filter(|emission| emission.stream == LATE);
        self.late.extend(late.map(|late| id(&late.anchors[0]).expect("an id")));
        let own = |tuples: Vec<Tuple>| tuples.into_iter().filter_map(|tuple| id(&tuple).ok());
        let (acked, failed) = (own(self.mock.acked()), own(self.mock.failed()));
        for acked in acked {
            self.inside.retain(|inside| *inside != acked);
            self.done.insert(acked);
        }
        for failed in failed {
            self.inside.retain(|inside| *inside != failed);
            self.on_the_way.push_back(failed);
        }
        self.told.extend(self.mock.errors());
        self.mock.clear();
    }

    fn arrive(&mut self) {
        if let Some((stream, number)) = self.on_the_way.pop_front() {
            self.inside.push((stream, number));
            self.latest_ms = self.latest_ms.max(at_ms((stream, number)));
            if self.latest_ms - at_ms((stream, number)) > self.lag_ms {
                self.late.insert((stream, number));
            }
            let task = if stream == 0 { 5 } else { 6 };
            let values = values![number, at_ms((stream, number))];
            let fed = tuple(STREAMS[stream], "default", ["n", "ts"], task, values);
            self.execute(fed.expect("fields"));
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(stream, gap) => {
                self.last[stream] += gap;
                self.sent.push((stream, self.last[stream]));
                self.on_the_way.push_back((stream, self.last[stream]));
            }
            Step::Arrive => self.arrive(),
            Step::Pass(ms) => {
                self.clock.since.advance(Duration::from_millis(ms));
                self.wake();
            }
            Step::Checkpoint => {
                self.checkpoint(Action::Prepare, self.txid + 1);
                // Between the two a tuple may come.
                self.arrive();
                self.txid += 1;
                self.checkpoint(Action::Commit, self.txid);
            }
            Step::Crash { in_checkpoint, down_ms, in_order } => {
                if in_checkpoint {
                    self.checkpoint(Action::Prepare, self.txid + 1);
                }
                let now_ns = self.clock.origin_ns() + self.clock.now_ns();
                self.clock = Life::starts_at(now_ns + down_ms * 1_000_000);
                self.start(in_checkpoint);
                self.inside.clear();
                let mut again = self.sent.clone();
                again.retain(|id| !self.done.contains(id));
                if !in_order {
                    again.sort_unstable_by_key(|id| std::cmp::Reverse(id.0));
                }
                self.on_the_way = again.into();
            }
            Step::Restart => {
                self.start(false);
                self.on_the_way.extend(self.inside.drain(..));
            }
            Step::Rollback { prepared } => {
                if prepared {
                    self.checkpoint(Action::Prepare, self.txid + 1);
                }
                self.checkpoint(Action::Rollback, self.txid + 1);
            }
            Step::Fail => self.seen.fails.set(true),
        }
    }

    /// All that was sent comes to be in all its windows.
    fn finish(&mut self, more: i64) {
        self.seen.fails.set(false);
        // Watermarks go by the slower stream.
        let all = 1000 + self.last[0].max(self.last[1]);
        for stream in 0..2 {
            self.step(Step::Send(stream, all - self.last[stream]));
        }
        for n in 0..more {
            self.step(Step::Send(usize::from(n % 2 == 0), 1));
        }
        for _ in 0..10 {
            while !self.on_the_way.is_empty() {
                self.arrive();
            }
            self.step(Step::Pass(1000));
        }
        self.step(Step::Checkpoint);
    }
}

fn of<B: StatefulBolt>(
    line: &mut Line<B>,
    user: fn(&mut B::State) -> &mut Windows,
) -> Vec<Vec<Id>> {
    line.bolt = None;
    let namespace = Namespace { topology: "test".into(), component: "windows".into(), task: 0 };
    let mut state = B::State::open(&line.provider, &namespace).expect("a state");
    let windows: BTreeMap<_, _> =
        user(&mut state).iter().collect::<Result<_, _>>().expect("in memory");
    windows.into_values().collect()
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Count,
    Clock,
    EventTime { lag_ms: i64 },
}

fn kinds() -> impl Strategy<Value = Kind> {
    let lag = prop_oneof![Just(0), Just(50), Just(300), Just(1000)];
    prop_oneof![
        Just(Kind::Count),
        Just(Kind::Clock),
        lag.prop_map(|lag_ms| Kind::EventTime { lag_ms })
    ]
}

fn windows(kind: Kind, length: i64, slide: i64) -> WindowSpec {
    let ms = |count: i64| Duration::from_millis(7 * count.unsigned_abs());
    match kind {
        Kind::Count => WindowConfig::sliding(Count(length), Count(slide)),
        Kind::Clock => WindowConfig::sliding(ms(length), ms(slide)),
        Kind::EventTime { lag_ms } => WindowConfig::sliding(ms(length), ms(slide))
            .timestamp_field("ts")
            .late_tuple_stream(LATE)
            .lag(Duration::from_millis(lag_ms.unsigned_abs()))
            .watermark_interval(Duration::from_millis(10)),
    }
    .build()
    .expect("good windows")
}

/// In how many windows a tuple is, at least and at most.
fn belongs(kind: Kind, length: i64, slide: i64, id: Id) -> (usize, usize) {
    let (least, most) = match kind {
        Kind::Count | Kind::Clock => (length / slide, (length + slide - 1) / slide),
        Kind::EventTime { .. } => {
            let (at, length, slide) = (at_ms(id), 7 * length, 7 * slide);
            let ends = (at + length - 1) / slide - (at - 1) / slide;
            (ends, ends)
        }
    };
    (usize::try_from(least).expect("positive"), usize::try_from(most).expect("positive"))
}

fn law<B: StatefulBolt>(
    make: fn(Seen, WindowSpec) -> B,
    user: fn(&mut B::State) -> &mut Windows,
    (kind, length, slide): (Kind, i64, i64),
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let lag_ms = if let Kind::EventTime { lag_ms } = kind { lag_ms } else { i64::MAX };
    let mut line = Line::new(make, windows(kind, length, slide), lag_ms);
    for step in steps {
        line.step(*step);
    }
    let last = line.last;
    line.finish(2 * (length + slide));
    let windows = of(&mut line, user);
    let mut times: BTreeMap<Id, usize> = BTreeMap::new();
    for window in &windows {
        let distinct: BTreeSet<_> = window.iter().collect();
        prop_assert_eq!(distinct.len(), window.len(), "twice in {:?}", window);
        window.iter().for_each(|id| *times.entry(*id).or_default() += 1);
    }
    // A window of time that fails is not made again: those that stay miss it.
    let failed = steps.contains(&Step::Fail) && !matches!(kind, Kind::Count);
    for id in line.sent.iter().filter(|(stream, number)| *number <= last[*stream]) {
        let (least, most) = belongs(kind, length, slide, *id);
        let times = times.get(id).copied().unwrap_or(0);
        prop_assert!(times <= most, "{:?} {} times in {:?}", id, times, windows);
        prop_assert!(line.done.contains(id), "{:?} is not acked", id);
        let missed = line.late.contains(id) || failed;
        prop_assert!(missed || times >= least, "{:?} {} times in {:?}", id, times, windows);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tuples_of_windows_that_are_filled_again_are_in_each_once(
        steps in steps(), kind in kinds(), (length, slide) in (1i64..9, 1i64..9),
    ) {
        let make = |seen, windows| StatefulWindowedBolt::windowed(seen, windows);
        law(make, |state| state.user(), (kind, length, slide), &steps)?;
    }

    #[test]
    fn tuples_of_windows_that_are_kept_are_in_each_once(
        steps in steps(), kind in kinds(), (length, slide) in (1i64..9, 1i64..9),
    ) {
        let make = |seen, windows| PersistentWindowedBolt::windowed(seen, windows);
        law(make, |state| state.user(), (kind, length, slide), &steps)?;
    }
}

/// A task of windows of two tuples each, which are handled as soon as they are there.
fn pairs() -> Line<StatefulWindowedBoltExecutor<Seen>> {
    let make = |seen, windows| StatefulWindowedBolt::windowed(seen, windows);
    Line::new(make, windows(Kind::Count, 2, 2), i64::MAX)
}

impl<B: StatefulBolt> Line<B> {
    /// These arrive, one after the other, and whatever else is on its way does not.
    fn arrive_only(&mut self, tuples: impl IntoIterator<Item = Id>) {
        for tuple in tuples {
            self.on_the_way = VecDeque::from([tuple]);
            self.arrive();
        }
        self.on_the_way.clear();
    }

    fn crash(&mut self) {
        self.step(Step::Crash { in_checkpoint: false, down_ms: 0, in_order: true });
    }

    fn windows(&self) -> Vec<Vec<Id>> {
        self.seen.windows.take()
    }
}

/// As behind a shuffle: what comes again comes by another stream, or not at all.
#[test]
fn what_does_not_come_again_by_its_stream_is_given_up_after_three_timeouts() {
    let mut line = pairs();
    line.arrive_only([(0, 1), (0, 2), (0, 3)]);
    line.step(Step::Checkpoint);
    line.crash();
    assert_eq!(line.windows(), [[(0, 1), (0, 2)]]);
    // The time begins with the first tuple that comes: before that there is nothing to miss.
    line.step(Step::Pass(1_000_000));
    line.arrive_only([(1, 1), (1, 2), (1, 3)]);
    line.step(Step::Pass(89_999));
    assert!(line.windows().is_empty() && line.told.is_empty(), "{:?}", line.told);
    line.step(Step::Pass(1));
    assert_eq!(line.windows(), [[(1, 1), (1, 2)]]);
    let told = "2 tuples that were in the last window of windows have not come again in 90s";
    assert!(line.told[0].starts_with(told) && line.told.len() == 1, "{:?}", line.told);
    // What was given up was in a window; what was not is owed one, and may come by any stream.
    line.arrive_only([(0, 2), (0, 3)]);
    assert_eq!(line.windows(), [[(1, 3), (0, 3)]]);
    line.step(Step::Checkpoint);
    assert_eq!(line.done, BTreeSet::from([(0, 2), (1, 1), (1, 2)]));
    // And another life does not wait for it.
    line.crash();
    line.windows();
    line.arrive_only([(1, 3), (0, 3), (1, 4), (0, 1), (1, 5)]);
    assert_eq!(line.windows(), [[(1, 4), (1, 5)]]);
}

/// While some are waited for, others time out and come again.
#[test]
fn what_comes_twice_while_a_window_is_filled_again_is_there_once() {
    let mut line = pairs();
    line.arrive_only([(0, 1), (0, 2)]);
    line.step(Step::Checkpoint);
    line.crash();
    line.arrive_only([(1, 7), (0, 1), (1, 7), (0, 1), (1, 8), (1, 7), (0, 2)]);
    assert_eq!(line.windows(), [[(0, 1), (0, 2)], [(1, 7), (1, 8)]]);
}

/// Of a stream of which others have most, there are more gaps than are remembered.
#[test]
fn what_has_failed_is_not_forgotten_whatever_else_is_missing() {
    let mut line = pairs();
    line.step(Step::Fail);
    line.arrive_only([(0, 1), (0, 2)]);
    line.arrive_only((2..1200).map(|n| (0, 2 * n)));
    let rest = line.windows().len();
    assert_eq!(rest, 599);
    for _ in 0..2 {
        line.step(Step::Checkpoint);
        line.crash();
        line.arrive_only([(0, 2396), (0, 2398)]);
    }
    line.arrive_only([(0, 1), (0, 2)]);
    assert_eq!(line.windows(), [[(0, 1), (0, 2)]]);
    // They are done with now: once they have expired they are acked at once.
    line.arrive_only([(0, 2400), (0, 2401)]);
    line.step(Step::Checkpoint);
    line.crash();
    line.windows();
    line.arrive_only([(0, 2400), (0, 2401), (0, 1), (0, 2)]);
    assert!(line.windows().is_empty());
}
