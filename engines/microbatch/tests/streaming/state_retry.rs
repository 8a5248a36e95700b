//! State and failures: a user's function fails at every place that it is called from, and the states
//! come out as if it had not. And what that costs: no copy where nothing fails.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, Cut, DStream, DirectSource, MapSide, Partition, ReadRange, SparkConf,
    SparkContext, State, StateSpec, StatefulStage, StopOptions, StreamingContext, StreamingError,
    TaskContext, TaskError, Time, Values,
};

const SECOND: Duration = Duration::from_secs(1);
/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);
const KEEP: StopOptions = StopOptions { stop_spark_context: false, graceful: false };
const NEVER: usize = usize::MAX;

type Pair = (i64, i64);
type Row = (i64, Vec<i64>);
type Defined = Result<Vec<DStream<Row>>, StreamingError>;

/// A batch per second. A key's values grow; a negative one takes the key away. Keys come in one batch
/// and in several, once in a batch and more often.
const BATCHES: [&[Pair]; 4] = [
    &[(1, 10), (2, 20), (1, 11), (3, 30), (4, 40)],
    &[(2, 21), (3, -1), (2, 22), (5, 50), (3, 31), (1, -1)],
    &[],
    &[(1, 12), (6, 60), (2, -1), (6, 61), (5, 51)],
];

struct Script;

impl ReadRange<Pair> for Script {
    fn read(
        &self,
        range: Range<u64>,
        _: &TaskContext,
        sink: &mut dyn FnMut(Pair),
    ) -> Result<(), TaskError> {
        let all = BATCHES.iter().copied().flatten().copied();
        all.skip(range.start as usize).take((range.end - range.start) as usize).for_each(sink);
        Ok(())
    }
}

impl DirectSource<Pair> for Script {
    fn cut(&self, from: u64, time: Time) -> Cut {
        let batch = time.as_ms() as usize / 1_000 - 1;
        let size = BATCHES.get(batch).map_or(0, |batch| batch.len());
        Cut { until: from + size as u64, pieces: Some(2), ended: false }
    }
}

/// Fails from one call on, so many times.
#[derive(Clone)]
struct Trap {
    calls: Arc<AtomicUsize>,
    from: usize,
    times: usize,
    panics: bool,
}

impl Trap {
    fn new(from: usize, times: usize, panics: bool) -> Self {
        Self { calls: Arc::default(), from, times, panics }
    }

    /// One call: an error, or a panic.
    fn pass(&self) -> Result<(), TaskError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call < self.from || call - self.from >= self.times {
            return Ok(());
        }
        assert!(!self.panics, "the trap");
        Err(TaskError::new("the trap"))
    }

    /// For functions that have no other way to fail.
    fn pass_or_panic(&self) {
        self.pass().expect("a trap that panics");
    }
}

/// Changes a state, and may fail half way and at the end.
fn update(
    trap: &Trap,
    values: impl Iterator<Item = i64>,
    state: Option<Vec<i64>>,
) -> Option<Vec<i64>> {
    let mut state = state.unwrap_or_default();
    for value in values {
        if value < 0 {
            state.clear()
        } else {
            state.push(value)
        }
        trap.pass_or_panic();
    }
    state.reverse();
    trap.pass_or_panic();
    (!state.is_empty()).then_some(state)
}

/// Gives streams with state the directory that they need.
fn checkpointed(ssc: &StreamingContext) -> Result<(), StreamingError> {
    // One for each test: programs that run at a time must not share a directory.
    let test = std::thread::current().name().unwrap_or("unnamed").to_owned();
    ssc.checkpoint(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("state-retry").join(test))
}

fn update_by_key(ssc: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    checkpointed(ssc)?;
    Ok(vec![pairs.update_state_by_key(move |values, state| update(&trap, values, state), 3)?])
}

fn update_from(ssc: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    checkpointed(ssc)?;
    let initial = ssc.spark_context().parallelize(vec![(9, vec![90]), (2, vec![1])], 2);
    let initial = initial.expect("partitions");
    let update = move |_, _: &i64, values: Values<'_, i64>, state| update(&trap, values, state);
    Ok(vec![pairs.update_state_by_key_with_time(update, 3, Some(&initial))?])
}

fn update_by_partition(ssc: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    checkpointed(ssc)?;
    let update = move |_, keys: Vec<(i64, Vec<i64>, Option<Vec<i64>>)>| {
        let trap = trap.clone();
        keys.into_iter().filter_map(move |(key, values, state)| {
            Some((key, update(&trap, values.into_iter(), state)?))
        })
    };
    Ok(vec![pairs.update_state_by_partition(update, 2, None)?])
}

/// Its states have no form in files: it needs no directory, and is refused where there is one.
fn update_emitting(_: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    let update = move |_, key: &i64, values: Values<'_, i64>, state, out: &mut Vec<Row>| {
        out.push((*key, vec![values.len() as i64]));
        update(&trap, values, state)
    };
    let pairs_of = weir_microbatch::Pairs;
    Ok(vec![pairs.update_state_by_key_emitting("emitting", pairs_of, update, 3)?.outputs()])
}

fn mapping(trap: Trap) -> StateSpec<i64, i64, Vec<i64>, Row> {
    let map = move |_, key: &i64, value: Option<i64>, state: &mut State<'_, Vec<i64>>| {
        let before = state.get_option().cloned().unwrap_or_default();
        match value {
            None => assert!(state.is_timing_out()),
            Some(..0) if state.exists() => state.remove()?,
            Some(..0) => {}
            // Only looked at: with a timeout, that touches it.
            Some(value) if value % 10 == 2 => {}
            Some(value) => state.update([&before[..], &[value]].concat())?,
        }
        trap.pass()?;
        Ok(Some((*key, before)))
    };
    StateSpec::try_function(map).num_partitions(2)
}

fn map_with_state(ssc: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    checkpointed(ssc)?;
    let mapped = pairs.map_with_state(mapping(trap))?;
    Ok(vec![(*mapped).clone(), mapped.state_snapshots()?])
}

/// Timeouts are looked at in every batch.
fn map_with_timeout(ssc: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    checkpointed(ssc)?;
    let mapped = pairs.map_with_state(mapping(trap).timeout(SECOND))?;
    mapped.checkpoint(SECOND)?;
    Ok(vec![(*mapped).clone(), mapped.state_snapshots()?])
}

fn window_with_inverse(ssc: &StreamingContext, pairs: &DStream<Pair>, trap: Trap) -> Defined {
    checkpointed(ssc)?;
    let traps = [trap.clone(), trap.clone(), trap];
    let [adding, removing, keeping] = traps;
    let add = move |mut sum: Vec<i64>, more: Vec<i64>| {
        sum.extend(more);
        adding.pass_or_panic();
        sum
    };
    let remove = move |mut sum: Vec<i64>, gone: Vec<i64>| {
        sum.retain(|value| !gone.contains(value));
        removing.pass_or_panic();
        sum
    };
    let keep = move |_: &i64, sum: &Vec<i64>| {
        keeping.pass_or_panic();
        !sum.is_empty()
    };
    let lists = pairs.map_values(|value| vec![value])?;
    let (length, slide) = (2 * SECOND, SECOND);
    Ok(vec![lists.reduce_by_key_and_window_filtered(add, remove, length, slide, 2, keep)?])
}

type Operator = fn(&StreamingContext, &DStream<Pair>, Trap) -> Defined;

/// The operators, and whether their functions can return errors.
const OPERATORS: [(&str, Operator, bool); 7] = [
    ("update_state_by_key", update_by_key, false),
    ("update_state_by_key with an initial state", update_from, false),
    ("update_state_by_partition", update_by_partition, false),
    ("update_state_by_key_emitting", update_emitting, false),
    ("map_with_state", map_with_state, true),
    ("map_with_state with a timeout", map_with_timeout, true),
    ("a window with an inverse", window_with_inverse, false),
];

/// What a run left: the rows of every output and batch, sorted, and the error.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: BTreeMap<(usize, u64), Vec<Row>>,
    /// How many batches an output had that has nothing to do with the state.
    others: usize,
    error: Option<String>,
}

fn context(master: &str) -> (StreamingContext, Arc<ManualClock>) {
    let conf = SparkConf::new().set_master(master).set("weir.streaming.checkpoint.sync", false);
    let sc = SparkContext::from_conf(&conf).expect("a context");
    let clock = Arc::new(ManualClock::new());
    let ssc = StreamingContext::builder(&sc, SECOND)
        .clock(Arc::clone(&clock) as _)
        .zero_time(Time::ZERO)
        .scope(ActiveScope::private())
        .build()
        .expect("a context");
    (ssc, clock)
}

/// Runs the batches one by one.
fn run_batches(ssc: &StreamingContext, clock: &ManualClock) -> Option<String> {
    ssc.start().expect("a start");
    for batch in 1..=BATCHES.len() as u64 {
        clock.advance(SECOND);
        assert!(ssc.await_batch(Time::from_ms(batch * 1_000), PATIENCE), "batch {batch}");
    }
    let error = ssc.await_termination_or_timeout(Duration::ZERO).err();
    ssc.stop(KEEP).expect("a stop");
    error.map(|error| error.to_string())
}

fn run(master: &str, operator: Operator, trap: &Trap) -> Outcome {
    let (ssc, clock) = context(master);
    let input = ssc.direct_stream(Script).expect("an input");
    let outcome: Arc<Mutex<Outcome>> = Arc::default();
    let into = Arc::clone(&outcome);
    let counted = input.foreach_rdd(move |rdd, _| {
        rdd.count()?;
        into.lock().expect("an outcome").others += 1;
        Ok(())
    });
    counted.expect("an output");
    let outputs = operator(&ssc, &input, trap.clone()).expect("a definition");
    for (output, stream) in outputs.into_iter().enumerate() {
        let into = Arc::clone(&outcome);
        let collected = stream.foreach_rdd(move |rdd, time| {
            let mut rows = rdd.collect()?;
            rows.sort();
            into.lock().expect("an outcome").rows.insert((output, time.as_ms() / 1_000), rows);
            Ok(())
        });
        collected.expect("an output");
    }
    let error = run_batches(&ssc, &clock);
    let mut outcome = std::mem::take(&mut *outcome.lock().expect("an outcome"));
    outcome.error = error;
    outcome
}

/// What a run without failures leaves, and how often it calls.
fn undisturbed(operator: Operator) -> (Outcome, usize) {
    let trap = Trap::new(NEVER, 0, true);
    let outcome = run("local[2]", operator, &trap);
    assert_eq!((outcome.error.as_deref(), outcome.others), (None, BATCHES.len()));
    assert!(outcome.rows.values().any(|rows| !rows.is_empty()));
    (outcome, trap.calls.load(Ordering::Relaxed))
}

#[test]
fn the_states_are_those_without_failures() {
    for (name, operator, fallible) in OPERATORS {
        let (want, calls) = undisturbed(operator);
        assert!(calls > 10, "{name}: {calls}");
        for from in 0..calls {
            for (times, panics) in [(1, true), (3, true), (2, false)] {
                if panics || fallible {
                    let trap = Trap::new(from, times, panics);
                    let got = run("local[2,4]", operator, &trap);
                    assert_eq!(got, want, "{name}, call {from}, {times} times, panics: {panics}");
                    assert!(trap.calls.load(Ordering::Relaxed) > calls, "{name} did not fail");
                }
            }
        }
    }
}

#[test]
fn the_job_of_a_later_batch_has_the_data_of_one_that_failed() {
    for (name, operator, _) in OPERATORS {
        let (want, calls) = undisturbed(operator);
        for from in 0..calls {
            let mut got = run("local[2]", operator, &Trap::new(from, 1, true));
            let error = got.error.take().unwrap_or_default();
            assert!(error.contains("panicked: the trap"), "{name}, call {from}: {error}");
            let all = got.rows.len();
            assert_eq!(all + 1, want.rows.len(), "{name}, call {from}: one job failed");
            // The others of this batch and of those behind it are whole.
            for (place, rows) in got.rows {
                assert_eq!(Some(&rows), want.rows.get(&place), "{name}, call {from}, {place:?}");
            }
        }
    }
}

#[test]
fn a_task_that_always_fails_does_not_stop_what_follows() {
    for (name, operator, _) in OPERATORS {
        let (want, calls) = undisturbed(operator);
        for from in [0, calls / 2, calls - 1] {
            let got = run("local[2,2]", operator, &Trap::new(from, NEVER, true));
            let error = got.error.unwrap_or_default();
            assert!(error.contains("failed 2 times"), "{name}, call {from}: {error}");
            assert!(error.contains("panicked: the trap"), "{name}, call {from}: {error}");
            assert_eq!(got.others, BATCHES.len(), "{name}, call {from}");
            for (place, rows) in got.rows {
                assert_eq!(Some(&rows), want.rows.get(&place), "{name}, call {from}, {place:?}");
            }
        }
    }
}

/// Sums a partition, in place; fails after it has added.
struct InPlace {
    map: Trap,
    update: Trap,
}

impl MapSide<Pair> for InPlace {
    type Block = Vec<i64>;
    fn map(&self, input: Partition<'_, Pair>, _: usize) -> Result<Vec<Vec<i64>>, TaskError> {
        self.map.pass()?;
        let mut block = Vec::new();
        input.for_each(|(_, value)| block.push(value))?;
        Ok(vec![block])
    }
}

impl StatefulStage<Pair> for InPlace {
    type Map = Self;
    type State = i64;
    type Out = Row;
    fn map_side(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    fn initial(&self) -> i64 {
        0
    }
    fn update(
        &self,
        state: &mut i64,
        blocks: Vec<Vec<i64>>,
        _: Time,
        out: &mut Vec<Row>,
    ) -> Result<(), TaskError> {
        *state += blocks.into_iter().flatten().sum::<i64>();
        self.update.pass()?;
        out.push((0, vec![*state]));
        Ok(())
    }
}

/// The sums after each batch, and the error.
fn in_place(map: Trap, update: Trap) -> Outcome {
    let (ssc, clock) = context("local[1,3]");
    let input = ssc.direct_stream(Script).expect("an input");
    let outcome: Arc<Mutex<Outcome>> = Arc::default();
    let into = Arc::clone(&outcome);
    let states = input.stateful("in place", InPlace { map, update }, 1).expect("a stream");
    let collected = states.outputs().foreach_rdd(move |rdd, time| {
        let rows = rdd.collect()?;
        into.lock().expect("an outcome").rows.insert((0, time.as_ms() / 1_000), rows);
        Ok(())
    });
    collected.expect("an output");
    let error = run_batches(&ssc, &clock);
    let mut outcome = std::mem::take(&mut *outcome.lock().expect("an outcome"));
    outcome.error = error;
    outcome
}

#[test]
fn a_stage_that_is_not_atomic_is_tried_again_only_if_it_has_not_begun() {
    let quiet = || Trap::new(NEVER, 0, true);
    let want = in_place(quiet(), quiet());
    assert_eq!(want.error, None);
    assert_eq!(want.rows.len(), BATCHES.len());
    // Two map tasks of the first batch, the update, two map tasks of the second.
    for from in 0..4 {
        assert_eq!(in_place(Trap::new(from, 2, false), quiet()), want, "map call {from}");
    }
    let lost = in_place(quiet(), Trap::new(1, 1, true));
    let error = lost.error.unwrap_or_default();
    assert!(error.contains("panicked: the trap"), "the second attempt says why: {error}");
    // The first batch's sum, and nothing wrong after that.
    assert_eq!(lost.rows, want.rows.into_iter().take(1).collect());
}

/// A state that counts its copies.
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

struct Copies(Arc<AtomicUsize>);

impl MapSide<Pair> for Copies {
    type Block = Vec<Row>;
    fn map(&self, input: Partition<'_, Pair>, _: usize) -> Result<Vec<Vec<Row>>, TaskError> {
        let mut block = Vec::new();
        input.for_each(|(key, value)| block.push((key, vec![value])))?;
        Ok(vec![block])
    }
}

impl StatefulStage<Pair> for Copies {
    type Map = Self;
    type State = Counted;
    type Out = Row;
    fn map_side(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    fn initial(&self) -> Counted {
        Counted(Arc::clone(&self.0))
    }
    fn update(
        &self,
        _: &mut Counted,
        blocks: Vec<Vec<Row>>,
        _: Time,
        out: &mut Vec<Row>,
    ) -> Result<(), TaskError> {
        out.extend(blocks.into_iter().flatten());
        Ok(())
    }
}

#[test]
fn states_are_copied_for_those_who_hold_states_and_not_for_those_who_hold_rows() {
    for (holds_states, want) in [(false, 0), (true, 2)] {
        let (ssc, clock) = context("local[2]");
        let input = ssc.direct_stream(Script).expect("an input");
        let copies = Arc::new(AtomicUsize::new(0));
        let stage = Copies(Arc::clone(&copies));
        let states = input.stateful("copies", stage, 1).expect("a stream");
        let window = states.outputs().window(4 * SECOND, SECOND).expect("a window");
        let counted = window.foreach_rdd(|rdd, _| rdd.count().map(drop));
        counted.expect("an output");
        if holds_states {
            let window = states.states().and_then(|states| states.window(4 * SECOND, SECOND));
            let window = window.expect("a window");
            window.foreach_rdd(|rdd, _| rdd.count().map(drop)).expect("an output");
        }
        assert_eq!(run_batches(&ssc, &clock), None);
        // Three batches have records; the first one's state is new.
        assert_eq!(copies.load(Ordering::Relaxed), want, "holds states: {holds_states}");
    }
}
