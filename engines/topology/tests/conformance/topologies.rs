//! Whole topologies on given tuples, and what their components emit.

use crate::case::{Case, Outcome, equal};
use crate::stage::{FnBolt, lock, subscribe, text, tuple_values, value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use weir_topology::{
    BasicBolt, BasicOutputCollector, Completed, ComponentResult, Config, FixedTupleSpout,
    LocalCluster, MockedSources, OutputFieldsDeclarer, TopologyBuilder, Tuple, Values, values,
};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "topologies" {
        return None;
    }
    let expected = case.part("expected").part("outputs").part("2");
    let measured = expected.has("min_buckets");
    if measured { None } else { Some(completed(case)) }
}

/// Counts words, as a basic bolt.
#[derive(Default)]
struct CountWords(BTreeMap<String, i64>);

impl BasicBolt for CountWords {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let count = self.0.entry(tuple.text(0)?.to_owned()).or_default();
        *count += 1;
        out.emit(values![tuple.text(0)?, *count])?;
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word", "count"]);
    }
}

/// The bolt that emits, anchored, one tuple after another for each that it gets.
fn emits(
    fields: &[&str],
    make: impl Fn(&Tuple) -> Result<Vec<Values>, weir_topology::TupleError> + Send + Sync + 'static,
) -> FnBolt {
    FnBolt::new(fields, move |_, tuple, out| {
        for values in make(tuple)? {
            out.emit([tuple], values)?;
        }
        out.ack(tuple);
        Ok(())
    })
}

/// A bolt by what a case says that it does; `None` is [`CountWords`].
fn bolt(does: &str) -> Result<Option<FnBolt>, String> {
    Ok(Some(match does {
        "word_count(emit word,count)"
        | "word count"
        | "running count per word, emits (word,count), BasicBolt" => return Ok(None),
        "global_count(emit running count)" => {
            let seen = Mutex::new(0);
            emits(&["count"], move |_| {
                let mut seen = lock(&seen);
                *seen += 1;
                Ok(vec![values![*seen]])
            })
        }
        "sum of latest count per word, emitted per input" => {
            let latest = Mutex::new(BTreeMap::new());
            emits(&["sum"], move |tuple| {
                let mut latest = lock(&latest);
                latest.insert(tuple.text(0)?.to_owned(), tuple.int(1)?);
                Ok(vec![values![latest.values().sum::<i64>()]])
            })
        }
        "emit own task index" => FnBolt::new(&["index"], |context, tuple, out| {
            out.emit([tuple], values![context.task_index() as i64])?;
            out.ack(tuple);
            Ok(())
        }),
        "identity anchored+ack" => emits(&["x"], |tuple| Ok(vec![tuple.values().clone()])),
        "split on space" => emits(&["word"], |tuple| {
            Ok(tuple.text(0)?.split(' ').map(|word| values![word]).collect())
        }),
        "emit(key, conf[key])" => FnBolt::new(&["key", "value"], |context, tuple, out| {
            let value = context.topology_config().get(tuple.text(0)?).unwrap_or_default();
            out.emit([tuple], values![tuple.text(0)?, value])?;
            out.ack(tuple);
            Ok(())
        }),
        other => return Err(format!("no such bolt: {other}")),
    }))
}

fn conf(case: &Case<'_>) -> Result<Config, String> {
    let mut conf = Config::new();
    let fields = case.get("conf").and_then(Json::as_object).ok_or("no conf")?;
    for (field, json) in fields {
        let key = match field.as_str() {
            "topology_workers" => Config::TOPOLOGY_WORKERS,
            "always_try_serialize" => "topology.testing.always.try.serialize",
            key if key.contains('.') => key,
            other => return Err(format!("no such setting: {other}")),
        };
        conf.put(key, value(json)?);
    }
    Ok(conf)
}

fn texts(case: &Case<'_>, field: &str) -> Result<Vec<String>, String> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let all = case.list(field)?.iter().map(text).collect::<Option<_>>();
    all.ok_or_else(|| format!("{field} is no list of texts"))
}

fn keys(case: &Case<'_>, field: &str) -> Vec<String> {
    case.part(field).fields().map(str::to_owned).collect()
}

fn declare_bolt(builder: &mut TopologyBuilder, id: &str, spec: &Case<'_>) -> Outcome {
    let executors = spec.count_or("executors", spec.count_or("parallelism", 1)?)?;
    let mut declarer = match bolt(spec.text("impl")?)? {
        Some(bolt) => builder.set_bolt(id, move || bolt.clone(), executors),
        None => builder.set_basic_bolt(id, CountWords::default, executors),
    };
    if spec.has("tasks") {
        declarer = declarer.set_num_tasks(spec.count("tasks")?);
    }
    if spec.has("component_conf") {
        let own = spec.get("component_conf").and_then(Json::as_object).ok_or("no settings")?;
        for (key, json) in own {
            declarer = declarer.add_configuration(key, value(json)?);
        }
    }
    for grouping in texts(spec, "groupings")? {
        declarer = subscribe(declarer, &grouping)?;
    }
    Ok(())
}

fn completed(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let mut builder = TopologyBuilder::new();
    for id in keys(&params, "spouts") {
        let spec = params.part("spouts").part(&id);
        let none = FixedTupleSpout::new(texts(&spec, "fields")?, []).map_err(text)?;
        builder.set_spout(&id, move || none.clone(), spec.count_or("parallelism", 1)?);
    }
    for id in keys(&params, "bolts") {
        declare_bolt(&mut builder, &id, &params.part("bolts").part(&id))?;
    }
    let mut sources = MockedSources::new();
    let input = case.part("input");
    for id in keys(&input, "spout_tuples") {
        let tuples = input.part("spout_tuples").list(&id)?.iter().map(tuple_values);
        sources = sources.add(&id, tuples.collect::<Result<Vec<_>, _>>()?);
    }
    if case.has("variants") {
        // In one process, messaging is local.
        equal(
            "variants",
            &texts(case, "variants")?,
            &vec!["local messaging".to_owned(), "remote messaging".to_owned()],
        )?;
    }
    let topology = builder.create_topology().map_err(text)?;
    let done = LocalCluster::new().complete_topology(topology, conf(&params)?, sources);
    compare(&case.part("expected"), &done.map_err(text)?)
}

fn compare(expected: &Case<'_>, done: &Completed) -> Outcome {
    let outputs = expected.part("outputs");
    for id in keys(expected, "outputs") {
        let order = expected.part("order");
        let order = if order.has(&id) { order.text(&id)? } else { expected.text("order")? };
        let mut want: Vec<Values> =
            outputs.list(&id)?.iter().map(tuple_values).collect::<Result<_, _>>()?;
        let got = match order {
            "exact" => done.read_tuples(&id).to_vec(),
            "multiset" => {
                want.sort();
                done.read_sorted(&id)
            }
            other => return Err(format!("no such order: {other}")),
        };
        equal(&format!("tuples of {id}"), &got, &want)?;
    }
    Ok(())
}
