//! Cases about bolts whose windows are kept in the state, and about the cache of their partitions.

use crate::case::{Case, Outcome, equal, refused};
use crate::window_bolts::is_detached;
use crate::window_driver::text;
use serde_json::{Value as Json, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_topology::state::{
    Entries, InMemoryKeyValueState, KeyValue, KeyValueState, State, StateError, StateKey,
    StateValue, StatefulBolt,
};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{
    Count, PartitionStorage, PersistentOutputCollector, PersistentState, PersistentTupleWindow,
    PersistentWindowedBolt, PersistentWindowedBoltExecutor, WindowConfig, WindowPartition,
    WindowPartitionCache, WindowStates,
};
use weir_topology::{ComponentResult, Tuple, values};

/// What was done with a state.
#[derive(Debug)]
struct Calls<K, V> {
    puts: Vec<(K, V)>,
    rollbacks: usize,
    iterations: usize,
}

type Noted<K, V> = Arc<Mutex<Calls<K, V>>>;

/// State in memory that takes down what is done with it.
struct Watched<K: StateKey, V: StateValue> {
    state: InMemoryKeyValueState<K, V>,
    calls: Noted<K, V>,
}

impl<K: StateKey, V: StateValue> Watched<K, V> {
    fn new() -> (Box<Self>, Noted<K, V>) {
        let calls = Calls { puts: Vec::new(), rollbacks: 0, iterations: 0 };
        let calls = Arc::new(Mutex::new(calls));
        let state = InMemoryKeyValueState::new();
        (Box::new(Self { state, calls: Arc::clone(&calls) }), calls)
    }
}

fn look<K, V, R>(calls: &Noted<K, V>, look: impl FnOnce(&mut Calls<K, V>) -> R) -> R {
    look(&mut calls.lock().unwrap_or_else(PoisonError::into_inner))
}

impl<K: StateKey, V: StateValue> State for Watched<K, V> {
    fn prepare_commit(&mut self, txid: i64) -> Result<(), StateError> {
        self.state.prepare_commit(txid)
    }
    fn commit(&mut self, txid: i64) -> Result<(), StateError> {
        self.state.commit(txid)
    }
    fn persist(&mut self) -> Result<(), StateError> {
        self.state.persist()
    }
    fn rollback(&mut self) -> Result<(), StateError> {
        look(&self.calls, |calls| calls.rollbacks += 1);
        self.state.rollback()
    }
    fn is_committed(&self, txid: i64) -> bool {
        self.state.is_committed(txid)
    }
}

impl<K: StateKey, V: StateValue> KeyValueState<K, V> for Watched<K, V> {
    fn get(&self, key: &K) -> Result<Option<V>, StateError> {
        self.state.get(key)
    }
    fn put(&mut self, key: K, value: V) -> Result<(), StateError> {
        look(&self.calls, |calls| calls.puts.push((key.clone(), value.clone())));
        self.state.put(key, value)
    }
    fn delete(&mut self, key: &K) -> Result<Option<V>, StateError> {
        self.state.delete(key)
    }
    fn iter(&self) -> Entries<'_, K, V> {
        look(&self.calls, |calls| calls.iterations += 1);
        self.state.iter()
    }
}

/// A bolt that counts its calls.
#[derive(Debug, Default)]
struct Counting {
    executed: Rc<Cell<usize>>,
    rollbacks: Rc<Cell<usize>>,
    /// The size of each window the first and the second time that it was gone through.
    sizes: Rc<Cell<[usize; 2]>>,
    looks: bool,
}

impl PersistentWindowedBolt for Counting {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        window: &mut PersistentTupleWindow<'_>,
        _: &mut Self::State,
        _: &mut PersistentOutputCollector<'_>,
    ) -> ComponentResult {
        self.executed.set(self.executed.get() + 1);
        if self.looks {
            self.sizes.set([window.get().count(), window.get().count()]);
        }
        Ok(())
    }

    fn pre_rollback(&mut self, _: &mut Self::State) -> ComponentResult {
        self.rollbacks.set(self.rollbacks.get() + 1);
        Ok(())
    }
}

/// A task of the bolt, and what it does.
struct Task {
    bolt: PersistentWindowedBoltExecutor<Counting>,
    state: PersistentState<KeyValue<String, i64>>,
    mock: MockCollector,
    ids: Noted<String, Vec<u64>>,
    partitions: Noted<u64, WindowPartition>,
    system: Noted<String, Vec<i64>>,
    clock: Arc<ManualClock>,
}

impl Task {
    fn prepared(params: &Case<'_>, looks: bool) -> Result<Self, String> {
        let count = |field: &str| if params.has(field) { params.int(field) } else { Ok(5) };
        let (length, slide) = (Count(count("window_count")?), Count(count("sliding_count")?));
        let mut windows = WindowConfig::sliding(length, slide).timestamp_field("ts");
        if params.has("late_tuple_stream") {
            windows = windows.late_tuple_stream(params.text("late_tuple_stream")?);
        }
        let windows = windows.build().map_err(text)?;
        let mut bolt = Counting { looks, ..Counting::default() }.windowed(windows);
        let mut declarer = Default::default();
        bolt.declare_output_fields(&mut declarer);
        let mock = MockCollector::declared("windows", 2, declarer).map_err(text)?;
        let clock = Arc::new(ManualClock::new());
        let context = MockContext::new("windows", 2).clock(Arc::clone(&clock) as _);
        let mut context = context.input("a", "s", ["n", "ts"]).map_err(text)?;
        if params.has("late_tuple_stream") {
            let stream = params.text("late_tuple_stream")?;
            context = context.output(stream, ["late_tuple"]).map_err(text)?;
        }
        bolt.prepare(&bolt.component_configuration(), &context.build()).map_err(text)?;
        let ((ids_state, ids), (kept, partitions)) = (Watched::new(), Watched::new());
        let (system_state, system) = Watched::new();
        let windows = WindowStates::new(ids_state, kept, system_state);
        let state = PersistentState::new(Watched::new().0 as KeyValue<String, i64>, windows);
        Ok(Self { bolt, state, mock, ids, partitions, system, clock })
    }

    fn init(mut self) -> Result<Self, String> {
        self.bolt.init_state(&mut self.state).map_err(text)?;
        Ok(self)
    }

    fn feed(&mut self, n: i64, ts: i64) -> Result<Tuple, String> {
        let fed = tuple("a", "s", ["n", "ts"], 1, values![n, ts]).map_err(text)?;
        self.bolt.execute(fed.clone(), &mut self.state, self.mock.collector()).map_err(text)?;
        Ok(fed)
    }

    fn watermark(&mut self) -> Result<(), String> {
        self.clock.advance(Duration::from_secs(1));
        let now_ns = weir_dataflow::Clock::now_ns(&*self.clock);
        self.bolt.wake(now_ns, &mut self.state, self.mock.collector()).map_err(text)
    }

    fn pre_prepare(&mut self, txid: i64) -> Result<(), String> {
        self.bolt.pre_prepare(txid, &mut self.state).map_err(text)?;
        self.state.prepare_commit(txid).map_err(text)
    }

    fn rollback(&mut self) -> Result<(), String> {
        self.bolt.pre_rollback(&mut self.state).map_err(text)?;
        self.state.rollback().map_err(text)?;
        self.bolt.post_rollback(&mut self.state).map_err(text)
    }
}

/// The time of tuples that are on time.
const TS: i64 = 10_000;

/// Executes a case of bolts with persistent windows.
pub(crate) fn persistent(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    if case.part("input").has("on_time") {
        return one_by_one(&case.part("input"), &params, &expected);
    }
    if case.part("input").has("tuples") {
        return many(&case.part("input"), &params, &expected);
    }
    let mut task = Task::prepared(&params, false)?;
    for step in case.list("input")? {
        match step.as_str().unwrap_or_default() {
            "initState" => task = task.init()?,
            "preRollback" => task.rollback()?,
            other => task.pre_prepare(transaction(other)?)?,
        }
    }
    let puts = look(&task.ids, |calls| calls.puts.len());
    let counts = [
        ("bolt_preRollback", task.bolt.bolt().rollbacks.get()),
        ("partition_state_rollback", look(&task.ids, |calls| calls.rollbacks)),
        ("window_state_rollback", look(&task.partitions, |calls| calls.rollbacks)),
        ("system_state_rollback", look(&task.system, |calls| calls.rollbacks)),
        ("system_state_iterations", look(&task.system, |calls| calls.iterations)),
        ("partition_state_puts", puts),
    ];
    check_counts(&expected, &counts)
}

/// The number in `prePrepare(0)`.
fn transaction(step: &str) -> Result<i64, String> {
    let number = step.strip_prefix("prePrepare(").and_then(|rest| rest.strip_suffix(')'));
    number.ok_or_else(|| format!("unknown step {step}"))?.parse().map_err(text)
}

fn check_counts(expected: &Case<'_>, counts: &[(&str, usize)]) -> Outcome {
    for (field, count) in counts {
        if expected.has(field) {
            equal(field, count, &expected.count(field)?)?;
        }
    }
    Ok(())
}

fn one_by_one(input: &Case<'_>, params: &Case<'_>, expected: &Case<'_>) -> Outcome {
    let mut task = Task::prepared(params, false)?.init()?;
    let on_time = input.flag("on_time")?;
    if !on_time {
        task.feed(0, TS)?;
        task.watermark()?;
        task.mock.clear();
    }
    for n in 0..input.int("tuples")? {
        let fed = task.feed(n, if on_time { TS } else { TS - 1 })?;
        let acks = task.mock.acked().iter().filter(|acked| acked.is(&fed)).count();
        check_counts(expected, &[("acks_per_tuple", acks)])?;
    }
    let (acked, late) = (task.mock.acked().len(), task.mock.emitted());
    check_counts(expected, &[("acks", acked), ("late_emits", late.len())])?;
    for emission in late {
        equal("late stream", &emission.stream.as_str(), &params.text("late_tuple_stream")?)?;
        expected.says("late_anchors", "[the late tuple]")?;
        expected.says("late_values", "[detached copy]")?;
        equal("anchors", &emission.anchors.len(), &1)?;
        is_detached(&emission.values, &emission.anchors[0])?;
    }
    Ok(())
}

fn many(input: &Case<'_>, params: &Case<'_>, expected: &Case<'_>) -> Outcome {
    if params.has("max_partition_events") {
        equal("partitions", &params.int("max_partition_events")?, &1000)?;
        equal("partitions", &params.int("min_partitions")?, &10)?;
    }
    if input.has("same_ts") {
        equal("same_ts", &input.flag("same_ts")?, &true)?;
    }
    let looks = expected.has("window_size");
    let mut task = Task::prepared(params, looks)?.init()?;
    let mut fed = Vec::new();
    for n in 0..input.int("tuples")? {
        fed.push(task.feed(n, TS)?);
    }
    let evicted: usize = look(&task.partitions, |calls| {
        calls.puts.iter().map(|(_, partition)| partition.len()).sum()
    });
    let ids = look(&task.ids, |calls| calls.puts.clone());
    let last_ids = ids.last().map(|(_, ids)| ids.clone()).unwrap_or_default();
    check_counts(
        expected,
        &[
            ("partitions", last_ids.len()),
            ("evicted_partitions", look(&task.partitions, |calls| calls.puts.len())),
            ("evicted_events", evicted),
            ("partition_id_state_puts", ids.len()),
        ],
    )?;
    if expected.has("final_partition_ids") {
        let want = json!(last_ids);
        equal("ids", &Some(&want), &expected.get("final_partition_ids"))?;
    }
    // A second later there is a watermark of 1000 ms after.
    let prose =
        if input.has("watermark") { input.text("watermark")? } else { input.text("then")? };
    equal("watermark", &prose.trim_start_matches("watermark "), &"ts+1000")?;
    task.watermark()?;
    let acked = task.mock.acked();
    let in_order = acked.iter().zip(&fed).take_while(|(acked, fed)| acked.is(fed)).count();
    let executed = task.bolt.bolt().executed.get();
    let [first, second] = task.bolt.bolt().sizes.get();
    check_counts(
        expected,
        &[
            ("bolt_executions", executed),
            ("acks_in_order", if acked.len() == fed.len() { in_order } else { 0 }),
            ("window_size", first),
        ],
    )?;
    if expected.has("window_iterable_repeatedly") {
        let again = first == second;
        equal("again", &again, &expected.flag("window_iterable_repeatedly")?)?;
    }
    if input.has("watermark") {
        task.pre_prepare(transaction(input.text("then")?)?)?;
        puts(&task, expected)?;
    }
    Ok(())
}

/// What a checkpoint puts into the states.
fn puts(task: &Task, expected: &Case<'_>) -> Outcome {
    let ids: BTreeMap<_, _> = look(&task.ids, |calls| calls.puts.iter().cloned().collect());
    equal("ids", &Some(&json!(ids)), &expected.get("partition_state_put"))?;
    let sizes: BTreeMap<String, usize> = look(&task.partitions, |calls| {
        calls.puts.iter().map(|(id, partition)| (id.to_string(), partition.len())).collect()
    });
    equal("partitions", &Some(&json!(sizes)), &expected.get("window_state_put"))?;
    let system = look(&task.system, |calls| calls.puts.clone());
    let want = expected.list("system_state_put")?;
    equal("system", &system.len(), &want.len())?;
    for ((key, state), want) in system.iter().zip(want) {
        let state = match want[1].as_str() {
            Some("tuple ts") if *state == [TS] => json!([key, "tuple ts"]),
            _ => json!([key, state]),
        };
        equal("system", &&state, &want)?;
    }
    Ok(())
}

/// Partitions that are their ids.
#[derive(Default)]
struct Ids {
    nothing: bool,
    loaded: Vec<u64>,
    removed: Vec<u64>,
}

impl PartitionStorage<u64> for Ids {
    type Error = Infallible;
    fn load(&mut self, id: u64) -> Result<Option<u64>, Infallible> {
        self.loaded.push(id);
        Ok((!self.nothing).then_some(id))
    }
    fn removed(&mut self, id: u64, _: u64) -> Result<(), Infallible> {
        self.removed.push(id);
        Ok(())
    }
}

/// Executes a case of the cache.
pub(crate) fn cache(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let most = usize::try_from(params.int("maximum_size")?).unwrap_or(0);
    let built = WindowPartitionCache::new(most);
    let mut ids = Ids::default();
    match params.get("loader") {
        None | Some(Json::Null) => {}
        Some(loader) => {
            equal("loader", &loader.as_str(), &Some("returns null"))?;
            ids.nothing = true;
        }
    }
    let input = case.get("input").ok_or("no input")?;
    if input == "build" {
        return refused(built.map(drop), &expected);
    }
    let mut cache = built.map_err(text)?;
    let mut after = Vec::new();
    for step in input.as_array().ok_or("input is no list")? {
        if let Err(error) = cache_step(&mut cache, &mut ids, step) {
            return refused(Err::<(), _>(error), &expected);
        }
        let map: BTreeMap<_, _> = cache.iter().map(|(id, v)| (id.to_string(), *v)).collect();
        after.push((json!(map), ids.removed.clone()));
    }
    if expected.has("error") {
        return refused(Ok::<_, String>(()), &expected);
    }
    check_cache(&expected, &ids, &after)
}

fn cache_step(cache: &mut WindowPartitionCache<u64>, ids: &mut Ids, step: &Json) -> Outcome {
    let id = step[1].as_u64().ok_or("no id")?;
    let got = match step[0].as_str().unwrap_or_default() {
        "get" => cache.get(id, ids),
        "pinAndGet" => cache.pin_and_get(id, ids),
        "invalidate" => {
            let Ok(_) = cache.invalidate(id, ids);
            return Ok(());
        }
        "unpin" => {
            cache.unpin(id);
            return Ok(());
        }
        other => return Err(format!("unknown step {other}")),
    };
    let Ok(got) = got;
    got.map(drop).ok_or_else(|| format!("there is no partition {id}"))
}

fn check_cache(expected: &Case<'_>, ids: &Ids, after: &[(Json, Vec<u64>)]) -> Outcome {
    let same = |field: &str, got: Json| -> Outcome {
        if expected.has(field) { equal(field, &Some(&got), &expected.get(field)) } else { Ok(()) }
    };
    same("loaded", json!(ids.loaded))?;
    same("removed", json!(ids.removed))?;
    same("map_final", after.last().map_or(json!({}), |(map, _)| map.clone()))?;
    for (n, (map, removed)) in after.iter().enumerate() {
        same(&format!("map_after_step{}", n + 1), map.clone())?;
        same(&format!("removed_after_step{}", n + 1), json!(removed))?;
    }
    if !expected.has("map_after") {
        return Ok(());
    }
    for ((map, _), want) in after.iter().zip(expected.list("map_after")?) {
        if !want.is_null() {
            equal("map_after", map, want)?;
        }
    }
    Ok(())
}
