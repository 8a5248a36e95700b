//! Cases of timeouts and ticks, on simulated time.

use crate::case::{Case, Outcome, equal};
use crate::stage::{FnBolt, ids, lock, text, tuple_values, value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_topology::{
    BoltDeclarer, ComponentResult, Config, FeederSpout, LocalCluster, OutputCollector,
    OutputFieldsDeclarer, RichBolt, RichSpout, RunningTopology, SpoutOutputCollector,
    SubmitOptions, TopologyBuilder, TopologyContext, Tuple, Value, Values, values,
};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "timeouts_ticks" {
        return None;
    }
    let params = case.part("params");
    Some(match case.name() {
        _ if params.has("executor_tasks") => rotations(case),
        "derived_tick_multi_task_bolt" => ticks_of_tasks(case),
        "derived_spout_tick_is_timeout" => ticks_of_spouts(case),
        _ => steps(case),
    })
}

/// What components were seen to do.
#[derive(Default)]
struct Seen {
    prepared: bool,
    next_tuple: bool,
    /// Tuples of a bolt, as component, stream and values.
    ticks: Vec<(String, String, Values)>,
    strangers: usize,
    executed: usize,
}

type Sees = Arc<Mutex<Seen>>;

/// A feeder that is watched.
#[derive(Clone)]
struct Watched(FeederSpout, Sees);

impl RichSpout for Watched {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.0.open(conf, context)
    }
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        lock(&self.1).next_tuple = true;
        self.0.next_tuple(out)
    }
    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.0.ack(message_id)
    }
    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.0.fail(message_id)
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.0.declare_output_fields(declarer);
    }
}

/// Acks all tuples, or every other; ticks are noted and acked.
#[derive(Clone)]
struct Acks {
    every_other: bool,
    seen: Sees,
}

impl RichBolt for Acks {
    fn prepare(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        lock(&self.seen).prepared = true;
        Ok(())
    }
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        let mut seen = lock(&self.seen);
        if tuple.is_tick() {
            let (component, stream) = (tuple.source_component(), tuple.source_stream());
            seen.ticks.push((component.into(), stream.into(), tuple.values().clone()));
            out.ack(&tuple);
            return Ok(());
        }
        seen.strangers += usize::from(tuple.source_component() != "1");
        if !self.every_other || seen.executed.is_multiple_of(2) {
            out.ack(&tuple);
        }
        seen.executed += 1;
        Ok(())
    }
}

struct Play {
    cluster: LocalCluster,
    running: Arc<RunningTopology>,
    feeder: FeederSpout,
    seen: Sees,
    acked: Vec<Value>,
    failed: Vec<Value>,
}

fn subscribe(bolt: BoltDeclarer<'_>, params: &Case<'_>) -> Outcome {
    let grouping = if params.has("grouping") { params.text("grouping")? } else { "shuffle" };
    match grouping {
        "global" => drop(bolt.global_grouping("1")),
        "shuffle" => drop(bolt.shuffle_grouping("1")),
        other => return Err(format!("no such grouping: {other}")),
    }
    Ok(())
}

fn conf(params: &Case<'_>) -> Result<Config, String> {
    let mut conf = Config::new();
    for (field, key) in [
        ("message_timeout_secs", Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS),
        ("tick_freq_secs", Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS),
        ("enable_message_timeouts", Config::TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS),
    ] {
        if params.has(field) {
            conf.put(key, value(params.get(field).unwrap_or(&Json::Null))?);
        }
    }
    Ok(conf)
}

fn start(case: &Case<'_>) -> Result<Play, String> {
    let params = case.part("params");
    if params.has("simulated_time") {
        equal("simulated_time", &params.flag("simulated_time")?, &true)?;
    }
    let every_other = match params.get("bolt").map(|bolt| bolt.as_str().unwrap_or_default()) {
        None => false,
        Some("acks every other tuple" | "acks every other tuple (1st,3rd..)") => true,
        Some(other) => return Err(format!("no such bolt: {other}")),
    };
    let inactive = match params.get("initial_status") {
        None => false,
        Some(status) if status == "INACTIVE" => true,
        Some(other) => return Err(format!("no such status: {other}")),
    };
    let (feeder, seen) = (FeederSpout::new(["a"]).map_err(text)?, Sees::default());
    let spout = Watched(feeder.clone(), Arc::clone(&seen));
    let bolt = Acks { every_other, seen: Arc::clone(&seen) };
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", move || spout.clone(), 1);
    subscribe(builder.set_bolt("2", move || bolt.clone(), 1), &params)?;
    let cluster = LocalCluster::with_simulated_time();
    let topology = builder.create_topology().map_err(text)?;
    let options = SubmitOptions { inactive };
    let running = cluster.submit_with("t", conf(&params)?, topology, options).map_err(text)?;
    Ok(Play { cluster, running, feeder, seen, acked: Vec::new(), failed: Vec::new() })
}

impl Play {
    fn step(&mut self, step: &Case<'_>) -> Outcome {
        if step.has("at") {
            step.says("at", "start")?;
        }
        if step.has("feed") {
            for fed in step.list("feed")? {
                self.feeder.feed(tuple_values(&serde_json::json!([fed[0]]))?, value(&fed[1])?);
            }
        }
        if step.has("activate") {
            equal("activate", &step.flag("activate")?, &true)?;
            self.running.activate().map_err(text)?;
        }
        if step.has("advance") {
            self.cluster.advance_time(Duration::from_secs(step.count("advance")? as u64));
        }
        self.cluster.await_quiet();
        let status = self.feeder.take_status();
        self.acked.extend(status.acked);
        self.failed.extend(status.failed);
        self.check(step)
    }

    fn check(&self, step: &Case<'_>) -> Outcome {
        for (field, all) in [("acked", &self.acked), ("failed", &self.failed)] {
            if step.has(field) {
                equal(field, all, &ids(&step.ints(field)?))?;
            }
        }
        if step.has("not_failed") {
            for id in ids(&step.ints("not_failed")?) {
                let fed = ids(&[1, 2, 3]).contains(&id);
                equal(
                    "it was fed and has not failed",
                    &(fed, self.failed.contains(&id)),
                    &(true, false),
                )?;
            }
        }
        let seen = lock(&self.seen);
        if step.has("ticks_at_least") && seen.ticks.len() < step.count("ticks_at_least")? {
            return Err(format!("only {} ticks", seen.ticks.len()));
        }
        let flags =
            [("bolt_prepared", seen.prepared), ("spout_next_tuple_called", seen.next_tuple)];
        for (field, got) in flags {
            if step.has(field) {
                equal(field, &got, &step.flag(field)?)?;
            }
        }
        Ok(())
    }
}

fn steps(case: &Case<'_>) -> Outcome {
    let mut play = start(case)?;
    for step in case.parts("input")? {
        play.step(&step)?;
    }
    let expected = case.part("expected");
    if !expected.has("ticks_max") {
        return case.says("expected", "as in steps");
    }
    let seen = lock(&play.seen);
    if seen.ticks.len() > expected.count("ticks_max")? {
        return Err(format!("{} ticks", seen.ticks.len()));
    }
    equal("other tuples", &seen.strangers, &expected.count("non_tick_unexpected")?)?;
    let (component, stream) =
        (expected.text("tick_source_component")?, expected.text("tick_source_stream")?);
    let values = tuple_values(&Json::Array(expected.list("tick_values")?.clone()))?;
    let want = (component.to_owned(), stream.to_owned(), values);
    for tick in &seen.ticks {
        equal("tick", tick, &want)?;
    }
    expected.says("ack_of_tick", "harmless no-op")?;
    equal("what came of it", &play.running.errors().len(), &0)
}

/// A spout executor of several tasks, whose trees nobody ends: after how many of its ticks they fail.
fn ticks_until_failed(
    tasks: usize,
    timeout: u64,
    spout_conf: &[(&str, i64)],
) -> Result<u64, String> {
    let feeder = FeederSpout::new(["a"]).map_err(text)?;
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    let mut declarer = builder.set_spout("1", move || spout.clone(), 1).set_num_tasks(tasks);
    for (key, value) in spout_conf {
        declarer = declarer.add_configuration(key, *value);
    }
    let _ = declarer;
    let holds = FnBolt::new(&[], |_, _, _| Ok(()));
    let _ = builder.set_bolt("2", move || holds.clone(), 1).shuffle_grouping("1");
    let cluster = LocalCluster::with_simulated_time();
    let timeout_secs = i64::try_from(timeout).map_err(text)?;
    let conf = Config::new().set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, timeout_secs);
    let topology = builder.create_topology().map_err(text)?;
    let running = cluster.submit_topology("t", conf, topology).map_err(text)?;
    (1..=2 * tasks as i64).for_each(|id| feeder.feed(values!["a"], id));
    for second in 1..=10 * timeout {
        cluster.advance_time(Duration::from_secs(1));
        let failed = feeder.status().failed.len();
        if failed > 0 {
            equal("trees that failed", &failed, &(2 * tasks))?;
            equal("seconds of a tick", &(second % timeout), &0)?;
            drop(running);
            return Ok(second / timeout);
        }
    }
    Err("no tree fails".into())
}

/// Buckets of the trees that a spout executor waits for.
const BUCKETS: u64 = 2;

fn rotations(case: &Case<'_>) -> Outcome {
    case.says("input", "one broadcast tick to a spout executor with 5 tasks")?;
    let tasks = case.part("params").ints("executor_tasks")?.len();
    let rotations = BUCKETS / ticks_until_failed(tasks, 10, &[])?;
    equal("rotations", &rotations, &(case.part("expected").count("pending_rotate_calls")? as u64))
}

fn ticks_of_spouts(case: &Case<'_>) -> Outcome {
    let rule = "overwritten by topology.message.timeout.secs";
    case.part("params").says("spout_conf_tick_freq", rule)?;
    case.says("input", "spout never sees tick tuples in nextTuple; they only rotate pending")?;
    equal("expected", &case.get("expected"), &Some(&Json::Null))?;
    let often = [(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS, 1)];
    equal("ticks", &ticks_until_failed(1, 10, &often)?, &BUCKETS)
}

fn ticks_of_tasks(case: &Case<'_>) -> Outcome {
    case.says("input", "one tick interval")?;
    let (params, expected) = (case.part("params"), case.part("expected"));
    let ticks: Arc<Mutex<BTreeMap<usize, usize>>> = Arc::default();
    let counts = Arc::clone(&ticks);
    let bolt = FnBolt::new(&[], move |context, tuple, _| {
        *lock(&counts).entry(context.task_index()).or_default() += usize::from(tuple.is_tick());
        Ok(())
    });
    let feeder = FeederSpout::new(["a"]).map_err(text)?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", move || feeder.clone(), 1);
    let (executors, tasks) = (params.count("executors")?, params.count("tasks")?);
    let declarer = builder.set_bolt("2", move || bolt.clone(), executors).set_num_tasks(tasks);
    let _ = declarer.shuffle_grouping("1");
    let cluster = LocalCluster::with_simulated_time();
    let conf = Config::new().set(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS, 7);
    let topology = builder.create_topology().map_err(text)?;
    let _running = cluster.submit_topology("t", conf, topology).map_err(text)?;
    cluster.advance_time(Duration::from_secs(7));
    let ticks = lock(&ticks);
    equal("tasks", &ticks.len(), &tasks)?;
    for count in ticks.values() {
        equal("ticks of a task", count, &expected.count("ticks_per_task")?)?;
    }
    equal("ticks", &ticks.values().sum::<usize>(), &expected.count("ticks_total")?)
}
