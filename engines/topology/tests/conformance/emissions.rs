//! Cases of groupings that are about what an emission does.

use crate::case::{Case, Outcome, equal, refused};
use crate::stage::{FnBolt, lock, text, tuple_values};
use std::sync::{Arc, Mutex};
use weir_topology::grouping::{Chosen, GroupingContext, GroupingError, StreamGrouping};
use weir_topology::{
    Config, EmitError, FixedTupleSpout, LocalCluster, MockedSources, OutputCollector, TaskId,
    TopologyBuilder, TopologyContext, TopologySummary, Value, values,
};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "groupings" {
        return None;
    }
    Some(match case.name() {
        "custom_ngrouping" => first_tasks(case),
        "derived_regular_emit_to_direct_stream" => regular_to_direct(case),
        "derived_emit_direct_to_regular_grouping" => direct_to_regular(case),
        "derived_emit_direct_non_subscriber" => direct_to_stranger(case),
        "derived_emit_direct_stream_without_any_subscriber" => direct_to_nobody(case),
        "derived_emit_undeclared_stream" => undeclared(case),
        "derived_emit_declared_stream_without_subscriber" => without_subscriber(case),
        _ => return None,
    })
}

/// The first so many of the targets.
struct FirstTasks(usize, Vec<TaskId>);

impl StreamGrouping for FirstTasks {
    fn prepare(&mut self, context: &GroupingContext) {
        self.1 = context.targets.clone();
    }
    fn choose(&mut self, _: TaskId, _: &[Value], to: &mut Chosen) -> Result<(), GroupingError> {
        to.extend(self.1.iter().take(self.0).copied());
        Ok(())
    }
}

/// `NGrouping(3)`
fn how_many(grouping: &str) -> Result<usize, String> {
    let name = grouping.strip_suffix(": first n of the sorted target tasks").unwrap_or(grouping);
    let inside = name.strip_prefix("NGrouping(").and_then(|rest| rest.strip_suffix(')'));
    inside.ok_or_else(|| format!("no such grouping: {grouping}"))?.parse().map_err(text)
}

fn first_tasks(case: &Case<'_>) -> Outcome {
    let bolts = case.part("params").part("bolts");
    let outputs = case.part("expected").part("outputs");
    case.part("expected").says("order", "multiset")?;
    let identity = FnBolt::new(&["word"], |_, tuple, out| {
        out.emit([tuple], tuple.values().clone())?;
        out.ack(tuple);
        Ok(())
    });
    let none = FixedTupleSpout::new(["word"], []).map_err(text)?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", move || none.clone(), 1);
    let mut ids = Vec::new();
    for id in ["2", "3"] {
        let (bolt, identity) = (bolts.part(id), identity.clone());
        let (tasks, first) = (bolt.count("parallelism")?, how_many(bolt.text("grouping")?)?);
        let declarer = builder.set_bolt(id, move || identity.clone(), tasks);
        let _ = declarer.custom_grouping("1", move || FirstTasks(first, Vec::new()));
        ids.push(id);
    }
    let input = case.part("input");
    let tuples = input.list("spout_tuples")?.iter().map(tuple_values);
    let sources = MockedSources::new().add("1", tuples.collect::<Result<Vec<_>, _>>()?);
    let topology = builder.create_topology().map_err(text)?;
    let done = LocalCluster::new().complete_topology(topology, Config::new(), sources);
    let done = done.map_err(text)?;
    for id in ids {
        let mut want: Vec<_> =
            outputs.list(id)?.iter().map(tuple_values).collect::<Result<_, _>>()?;
        want.sort();
        equal(id, &done.read_sorted(id), &want)?;
    }
    Ok(())
}

/// The tasks that an emission went to.
type Emitted = Result<Vec<TaskId>, EmitError>;

/// How the bolt "b" subscribes to stream "s" of the bolt "a", if it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subscriber {
    Nobody,
    Shuffle,
    Direct,
}

/// What comes of an emission of the bolt "a". The bolt "other" subscribes to the spout alone.
fn emission(
    subscriber: Subscriber,
    emit: impl Fn(&TopologyContext, &mut OutputCollector) -> Emitted + Send + Sync + 'static,
) -> Result<(Emitted, TopologySummary), String> {
    let seen: Arc<Mutex<Option<Emitted>>> = Arc::default();
    let sees = Arc::clone(&seen);
    let a = FnBolt::new(&["x"], move |context, tuple, out| {
        *lock(&sees) = Some(emit(context, out));
        out.ack(tuple);
        Ok(())
    });
    let a = a.stream("s", &["x"]);
    let ends = FnBolt::new(&[], |_, tuple, out| {
        out.ack(tuple);
        Ok(())
    });
    let one = FixedTupleSpout::new(["x"], [values![1]]).map_err(text)?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || one.clone(), 1);
    let _ = builder.set_bolt("a", move || a.clone(), 1).shuffle_grouping("spout");
    let (b, other) = (ends.clone(), ends);
    let _ = builder.set_bolt("other", move || other.clone(), 1).shuffle_grouping("spout");
    let b = builder.set_bolt("b", move || b.clone(), 2).shuffle_grouping("spout");
    let _ = match subscriber {
        Subscriber::Nobody => b,
        Subscriber::Shuffle => b.shuffle_grouping(("a", "s")),
        Subscriber::Direct => b.direct_grouping(("a", "s")),
    };
    let topology = builder.create_topology().map_err(text)?;
    let done = LocalCluster::new().complete_topology(topology, Config::new(), MockedSources::new());
    let summary = done.map_err(text)?.summary;
    let emitted = lock(&seen).take().ok_or("nothing was emitted")?;
    Ok((emitted, summary))
}

fn executed(summary: &TopologySummary, id: &str) -> u64 {
    let of = summary.components.iter().filter(|report| report.id == id);
    of.map(|report| report.total().executed).sum()
}

/// Emits on stream "s" to the first task of a bolt.
fn direct(subscriber: Subscriber, to: &'static str) -> Result<(Emitted, TopologySummary), String> {
    emission(subscriber, move |context, out| {
        let task = context.component_tasks(to)[0];
        out.emit_direct(task, "s", [], values![1]).map(|()| Vec::new())
    })
}

fn regular(subscriber: Subscriber, stream: &str) -> Result<(Emitted, TopologySummary), String> {
    let stream = stream.to_owned();
    emission(subscriber, move |_, out| out.emit_to(&stream, [], values![1]).map(<[_]>::to_vec))
}

fn regular_to_direct(case: &Case<'_>) -> Outcome {
    case.part("params").says("subscriber", "direct grouping")?;
    case.says("input", "emit")?;
    refused(regular(Subscriber::Direct, "s")?.0, &case.part("expected"))
}

fn direct_to_regular(case: &Case<'_>) -> Outcome {
    case.part("params").says("subscriber", "shuffle")?;
    case.says("input", "emitDirect(task)")?;
    refused(direct(Subscriber::Shuffle, "b")?.0, &case.part("expected"))
}

fn direct_to_stranger(case: &Case<'_>) -> Outcome {
    let who = "stream has subscribers, but not the component of the target task";
    case.part("params").says("subscriber", who)?;
    case.says("input", "emitDirect(task)")?;
    case.says("expected", "no tuple sent, returns []")?;
    let (emitted, summary) = direct(Subscriber::Direct, "other")?;
    equal("emission", &emitted, &Ok(Vec::new()))?;
    equal("tuples of all bolts", &[executed(&summary, "b"), executed(&summary, "other")], &[1, 1])
}

fn direct_to_nobody(case: &Case<'_>) -> Outcome {
    case.part("params").says("subscriber", "none at all, or undeclared stream")?;
    case.says("input", "emitDirect(task)")?;
    refused(direct(Subscriber::Nobody, "b")?.0, &case.part("expected"))?;
    let undeclared = emission(Subscriber::Direct, |context, out| {
        let task = context.component_tasks("b")[0];
        out.emit_direct(task, "undeclared", [], values![1]).map(|()| Vec::new())
    });
    refused(undeclared?.0, &case.part("expected"))
}

fn undeclared(case: &Case<'_>) -> Outcome {
    case.says("input", "emit")?;
    let stream = case.part("params").text("stream")?;
    refused(regular(Subscriber::Shuffle, stream)?.0, &case.part("expected"))
}

fn without_subscriber(case: &Case<'_>) -> Outcome {
    case.says("input", "emit")?;
    case.says("expected", "[] (counted as emitted, not transferred)")?;
    let stream = case.part("params").text("stream")?;
    let (emitted, summary) = regular(Subscriber::Nobody, stream)?;
    equal("tasks", &emitted, &Ok(Vec::new()))?;
    let counted = summary.metrics.components["a"].stream(stream);
    let counted = [counted.emitted.all_time, counted.transferred.all_time];
    equal("emitted and transferred", &counted, &[1, 0])
}
