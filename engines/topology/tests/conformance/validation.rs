//! Cases of what is refused before a topology runs, and of how many tasks and executors there are.

use crate::case::{Case, Outcome, equal, refused};
use crate::stage::{FnBolt, text};
use serde_json::Value as Json;
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, Config, FixedTupleSpout, LocalCluster,
    MockedSources, OutputFieldsDeclarer, StormTopology, TopologyBuilder, TopologyError, Tuple,
    values,
};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "validation" {
        return None;
    }
    if case.part("params").has("parallelism_hint") {
        return Some(sizes(case));
    }
    if case.part("input").has("bolt2_grouping") {
        return Some(structure(case));
    }
    if case.part("expected").has("checkpoint_grouping") {
        return Some(crate::stateful::topology(case));
    }
    let input = case.text("input").ok()?;
    Some(match case.name() {
        "derived_field_of_other_stream_accepted" => field_of_another_stream(case),
        "derived_single_dollar_ids_ok" => dollar(case),
        _ => refused(mistake(input)?, &case.part("expected")),
    })
}

/// Tuples with the field `word`.
fn spout() -> FixedTupleSpout {
    FixedTupleSpout::new(["word"], [values!["a"]]).unwrap_or_else(|error| panic!("{error}"))
}

fn rich() -> FnBolt {
    FnBolt::new(&["word"], |_, tuple, out| {
        out.ack(tuple);
        Ok(())
    })
}

struct Basic;

impl BasicBolt for Basic {
    fn execute(&mut self, _: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        Ok(())
    }
    fn declare_output_fields(&self, _: &mut OutputFieldsDeclarer) {}
}

fn with_spout() -> TopologyBuilder {
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", spout, 1);
    builder
}

/// A topology with the mistake that a case describes; `None` if nobody knows it.
fn mistake(input: &str) -> Option<Result<StormTopology, TopologyError>> {
    let mut builder = with_spout();
    match input {
        "setBolt(rich, parallelism 0)" => {
            let _ = builder.set_bolt("2", rich, 0).shuffle_grouping("1");
        }
        "setBolt(basic, parallelism 0)" => {
            let _ = builder.set_basic_bolt("2", || Basic, 0).shuffle_grouping("1");
        }
        "setSpout(parallelism 0)" => drop(builder.set_spout("2", spout, 0)),
        "component id \"__x\"" => {
            let _ = builder.set_bolt("__x", rich, 1).shuffle_grouping("1");
        }
        "declared stream \"__x\"" => {
            let bolt = || rich().stream("__x", &["word"]);
            let _ = builder.set_bolt("2", bolt, 1).shuffle_grouping("1");
        }
        "topology.tasks=4, parallelism 0" => {
            let _ = builder.set_bolt("2", rich, 0).set_num_tasks(4).shuffle_grouping("1");
        }
        "setBolt(a) twice" => {
            for _ in 0..2 {
                let _ = builder.set_bolt("a", rich, 1).shuffle_grouping("1");
            }
        }
        "setSpout(a) then setBolt(a)" => {
            builder.set_spout("a", spout, 1);
            let _ = builder.set_bolt("a", rich, 1).shuffle_grouping("1");
        }
        "addConfiguration(topology.kryo.register)" => {
            let bolt = builder.set_bolt("2", rich, 1).shuffle_grouping("1");
            let _ = bolt.add_configuration(Config::TOPOLOGY_KRYO_REGISTER, "x");
        }
        "Fields(a,a)" => {
            let bolt = || FnBolt::new(&["a", "a"], |_, _, _| Ok(()));
            let _ = builder.set_bolt("2", bolt, 1).shuffle_grouping("1");
        }
        "declareStream same id twice in one bolt" => {
            let bolt = || rich().stream("<stream>", &["x"]).stream("<stream>", &["y"]);
            let _ = builder.set_bolt("2", bolt, 1).shuffle_grouping("1");
        }
        _ => return None,
    }
    Some(builder.create_topology())
}

/// `fields(1,default,[word])`
fn parts(grouping: &str) -> Result<(&str, &str, Vec<&str>), String> {
    let inside = grouping.strip_prefix("fields(").and_then(|rest| rest.strip_suffix("])"));
    let (place, fields) = inside.and_then(|inside| inside.split_once(",[")).ok_or("no fields")?;
    let (component, stream) = place.split_once(',').ok_or("no stream")?;
    Ok((component, stream, fields.split(',').collect()))
}

fn structure(case: &Case<'_>) -> Outcome {
    let (params, input) = (case.part("params"), case.part("input"));
    let one = params.part("spouts").part("1");
    let fields: Vec<&str> = one.list("fields")?.iter().filter_map(Json::as_str).collect();
    let spout = FixedTupleSpout::new(fields, []).map_err(text)?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", move || spout.clone(), one.count("parallelism")?);
    let tasks = params.part("bolts").part("2").count("parallelism")?;
    let (component, stream, fields) = parts(input.text("bolt2_grouping")?)?;
    let _ = builder.set_bolt("2", rich, tasks).fields_grouping((component, stream), fields);
    let created = builder.create_topology();
    if case.part("expected").has("error") {
        return refused(created, &case.part("expected"));
    }
    case.says("expected", "ok")?;
    created.map(drop).map_err(text)
}

fn sizes(case: &Case<'_>) -> Outcome {
    case.says("input", "normalize")?;
    let (params, expected) = (case.part("params"), case.part("expected"));
    let number = |field: &str| match params.get(field) {
        None | Some(Json::Null) => Ok(None),
        Some(_) => params.count(field).map(Some),
    };
    let mut builder = with_spout();
    let mut bolt = builder.set_bolt("2", rich, number("parallelism_hint")?).shuffle_grouping("1");
    if let Some(tasks) = number("topology_tasks")? {
        bolt = bolt.set_num_tasks(tasks);
    }
    if let Some(most) = number("max_task_parallelism")? {
        let _ = bolt.set_max_task_parallelism(most);
    }
    let topology = builder.create_topology().map_err(text)?;
    let assignment = topology.assignment(&Config::new()).map_err(text)?;
    let component = &assignment.components["2"];
    equal("tasks", &component.tasks().count(), &expected.count("tasks")?)?;
    equal("executors", &component.executors.len(), &expected.count("executors")?)
}

fn dollar(case: &Case<'_>) -> Outcome {
    case.says("expected", "allowed by isSystemId (only the __ prefix is reserved)")?;
    case.says("input", "component id \"$checkpointspout\"")?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("$checkpointspout", spout, 1);
    builder.create_topology().map(drop).map_err(text)
}

fn field_of_another_stream(case: &Case<'_>) -> Outcome {
    let rule = "accepted by validateStructure (it unions the fields of all streams); fails later at \
                emit time";
    case.says("expected", rule)?;
    let input = "fields grouping naming a field declared only on ANOTHER stream of the same source";
    case.says("input", input)?;
    let source = FnBolt::new(&["word"], |_, tuple, out| {
        let emitted = out.emit([tuple], values!["a"]).map(drop);
        out.ack(tuple);
        Ok(emitted?)
    });
    let source = source.stream("other", &["elsewhere"]);
    let mut builder = with_spout();
    let _ = builder.set_bolt("2", move || source.clone(), 1).shuffle_grouping("1");
    let _ = builder.set_bolt("3", rich, 1).fields_grouping("2", ["elsewhere"]);
    let topology = builder.create_topology().map_err(text)?;
    let cluster = LocalCluster::new();
    match cluster.complete_topology(topology, Config::new(), MockedSources::new()) {
        Ok(_) => Err("the emission does not fail".into()),
        Err(error) if error.to_string().contains("elsewhere") => Ok(()),
        Err(other) => Err(format!("it fails of something else: {other}")),
    }
}
