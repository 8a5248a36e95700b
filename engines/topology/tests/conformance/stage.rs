//! Topologies that cases are played on.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weir_topology::metrics::TopologyMetrics;
use weir_topology::{
    BoltDeclarer, ComponentError, ComponentResult, Config, FeederSpout, KillOptions, LocalCluster,
    OutputCollector, OutputFieldsDeclarer, RichBolt, RunningTopology, TopologyBuilder,
    TopologyContext, TopologySummary, Tuple, Value, Values, values,
};

/// Whatever went wrong, as a text.
pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value of a tuple, from a case.
pub(crate) fn value(json: &Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(int) => int.into(),
            None => number.as_f64().ok_or("a number too large")?.into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(all) => Value::List(all.iter().map(value).collect::<Result<_, _>>()?),
        Json::Object(_) => return Err(format!("{json} is no value")),
    })
}

/// The values of a tuple, from a case.
pub(crate) fn tuple_values(json: &Json) -> Result<Values, String> {
    let all = json.as_array().ok_or_else(|| format!("{json} is no tuple"))?;
    all.iter().map(value).collect()
}

type Code = dyn Fn(&TopologyContext, &Tuple, &mut OutputCollector) -> ComponentResult + Send + Sync;

/// A bolt that does with each tuple what a function says.
#[derive(Clone)]
pub(crate) struct FnBolt {
    streams: Vec<(String, Vec<String>)>,
    context: Option<TopologyContext>,
    code: Arc<Code>,
}

impl FnBolt {
    pub(crate) fn new(
        fields: &[&str],
        code: impl Fn(&TopologyContext, &Tuple, &mut OutputCollector) -> ComponentResult
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let bolt = Self { streams: Vec::new(), context: None, code: Arc::new(code) };
        bolt.stream("default", fields)
    }

    pub(crate) fn stream(mut self, stream: &str, fields: &[&str]) -> Self {
        self.streams.push((stream.into(), fields.iter().map(|&f| f.into()).collect()));
        self
    }
}

impl RichBolt for FnBolt {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.context = Some(context.clone());
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        self.context.as_ref().map_or(Ok(()), |context| (self.code)(context, &tuple, collector))
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        for (stream, fields) in &self.streams {
            declarer.declare_stream(stream, fields.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

/// How many tuples each task has, as component and index.
type Held = Arc<Mutex<BTreeMap<(String, usize), usize>>>;

/// A bolt that keeps each tuple until it is told what to do with it.
struct Puppet {
    tuples: Vec<Tuple>,
    held: Held,
    place: (String, usize),
}

impl Puppet {
    fn obey(&self, order: &Tuple, out: &mut OutputCollector) -> ComponentResult {
        if (order.text(0)?, order.int(1)?) != (&*self.place.0, self.place.1 as i64) {
            return Ok(());
        }
        let Some(tuple) = self.tuples.get(usize::try_from(order.int(3)?)?) else {
            return Err(ComponentError::fatal("it has no such tuple"));
        };
        match order.text(2)? {
            "ack" => out.ack(tuple),
            "fail" => out.fail(tuple),
            "reset" => out.reset_timeout(tuple),
            "emit" => drop(out.emit([tuple], values!["child"])?),
            "emit from all" => drop(out.emit(&self.tuples, values!["child"])?),
            "emit unanchored" => drop(out.emit_unanchored(values!["stranger"])?),
            other => return Err(ComponentError::fatal(format!("no such order: {other}"))),
        }
        Ok(())
    }
}

impl RichBolt for Puppet {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.place = (context.component_id().to_owned(), context.task_index());
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if tuple.source_component() == ORDERS {
            return self.obey(&tuple, out);
        }
        self.tuples.push(tuple);
        lock(&self.held).insert(self.place.clone(), self.tuples.len());
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

const ORDERS: &str = "orders";
const SOURCE: &str = "source";

/// A topology on simulated time whose bolts do what they are told. Every subscription is that of all
/// tasks.
pub(crate) struct Stage {
    cluster: LocalCluster,
    running: Arc<RunningTopology>,
    feed: FeederSpout,
    orders: FeederSpout,
    held: Held,
}

impl Stage {
    /// With bolts as id, tasks, and what they subscribe to; the spout is `source`.
    pub(crate) fn new(conf: Config, bolts: &[(&str, usize, &str)]) -> Result<Self, String> {
        let cluster = LocalCluster::with_simulated_time();
        let feed = FeederSpout::new(["x"]).map_err(text)?;
        let orders = FeederSpout::new(["bolt", "task", "verb", "tuple"]).map_err(text)?;
        let held = Held::default();
        let mut builder = TopologyBuilder::new();
        for (id, spout) in [(SOURCE, feed.clone()), (ORDERS, orders.clone())] {
            builder.set_spout(id, move || spout.clone(), 1);
        }
        for (id, tasks, from) in bolts {
            let held = Arc::clone(&held);
            let make = move || {
                let (tuples, place) = (Vec::new(), (String::new(), 0));
                Puppet { tuples, place, held: Arc::clone(&held) }
            };
            builder.set_bolt(id, make, *tasks).all_grouping(*from).all_grouping(ORDERS);
        }
        let topology = builder.create_topology().map_err(text)?;
        let running = cluster.submit_topology("stage", conf, topology).map_err(text)?;
        Ok(Self { cluster, running, feed, orders, held })
    }

    /// Has the spout emit a tuple.
    pub(crate) fn feed(&self, message_id: impl Into<Value>) {
        self.feed.feed(values!["root"], message_id);
        self.cluster.await_quiet();
    }

    /// Has a bolt's task do something about one of its tuples.
    pub(crate) fn tell(&self, bolt: &str, task: i64, verb: &str, tuple: i64) {
        self.orders.feed(values![bolt, task, verb, tuple], Value::Null);
        self.cluster.await_quiet();
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.cluster.advance_time(Duration::from_secs(seconds));
    }

    /// How many tuples a task has got.
    pub(crate) fn held(&self, bolt: &str, task: usize) -> usize {
        lock(&self.held).get(&(bolt.to_owned(), task)).copied().unwrap_or(0)
    }

    /// The message ids that were acked, and those that failed, since this was asked last.
    pub(crate) fn ended(&self) -> (Vec<Value>, Vec<Value>) {
        let status = self.feed.take_status();
        (status.acked, status.failed)
    }

    pub(crate) fn metrics(&self) -> TopologyMetrics {
        self.running.metrics()
    }

    pub(crate) fn end(self) -> Result<TopologySummary, String> {
        self.running.kill(KillOptions::NOW).map_err(text)
    }
}

/// Message ids, to compare.
pub(crate) fn ids(ids: &[i64]) -> Vec<Value> {
    ids.iter().map(|id| Value::from(*id)).collect()
}

/// A subscription that a case names: `fields(1,word)`, `shuffle(4,5,6)`, `global(1,stream __system)`.
pub(crate) fn subscribe<'b>(
    mut bolt: BoltDeclarer<'b>,
    grouping: &str,
) -> Result<BoltDeclarer<'b>, String> {
    let unknown = || format!("no such grouping: {grouping}");
    let (kind, rest) = grouping.split_once('(').ok_or_else(unknown)?;
    let args: Vec<&str> = rest.strip_suffix(')').ok_or_else(unknown)?.split(',').collect();
    let plain = args.iter().all(|arg| arg.parse::<u32>().is_ok()) || args.len() == 1;
    Ok(match (kind, &args[..]) {
        ("fields", [from, field]) => bolt.fields_grouping(*from, [*field]),
        ("global", [from, stream]) if stream.starts_with("stream ") => {
            bolt.global_grouping((*from, stream.trim_start_matches("stream ")))
        }
        ("global", [from]) => bolt.global_grouping(*from),
        ("all", [from]) => bolt.all_grouping(*from),
        ("shuffle", from) if plain => {
            for from in from {
                bolt = bolt.shuffle_grouping(*from);
            }
            bolt
        }
        _ => return Err(unknown()),
    })
}
