//! Cases of acking: trees in topologies, and the acker by itself.

use crate::case::{Case, Outcome, equal};
use crate::stage::{FnBolt, Stage, ids, subscribe, text};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use weir_topology::testing::{Acker, AckerMessage, AckerNews};
use weir_topology::{
    Config, FeederSpout, LocalCluster, TopologyBuilder, TopologySummary, Tuple, Value, values,
};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "acking" {
        return None;
    }
    Some(match case.name() {
        _ if case.part("params").has("bolts") => topology(case),
        _ if case.part("params").has("buckets") => acker(case),
        "derived_no_msgid" => no_message_id(case),
        "derived_no_ackers" => no_ackers(case),
        "derived_acker_null" => ackers_by_default(case),
        "derived_bolt_unanchored_emit" => unanchored(case),
        "derived_bolt_ack_disabled" => acking_off(case),
        "derived_anchor_of_unanchored_tuple" => anchor_without_tree(case),
        "derived_multi_target" => several_targets(case),
        "derived_emit_after_ack" => emit_after_ack(case),
        "derived_ack_value" => ack_value(case),
        "derived_fail_after_timeout" => late_news(case),
        _ => return None,
    })
}

/// What the acker is told, and what it tells, message by message.
fn acker(case: &Case<'_>) -> Outcome {
    equal("buckets", &case.part("params").count("buckets")?, &Acker::BUCKETS)?;
    let mut acker = Acker::new();
    let mut told = Vec::new();
    for message in case.list("input")? {
        let number = |at: usize| message[at].as_u64().ok_or_else(|| format!("{message}"));
        told.push(acker.take(match message[0].as_str() {
            Some("tick") => AckerMessage::Tick,
            Some("fail") => AckerMessage::Fail { root: number(1)? },
            Some("reset_timeout") => AckerMessage::ResetTimeout { root: number(1)? },
            Some("ack") => AckerMessage::Ack { root: number(1)?, edges: number(2)? },
            Some("init") => {
                let spout = u32::try_from(number(3)?).map_err(text)?;
                AckerMessage::Init { root: number(1)?, edges: number(2)?, spout }
            }
            _ => return Err(format!("no such message: {message}")),
        }));
    }
    let as_told = |news: &Option<AckerNews>| match news {
        None => serde_json::json!([]),
        Some(AckerNews::Ack { root, spout }) => serde_json::json!([["ack", root, spout]]),
        Some(AckerNews::Fail { root, spout }) => serde_json::json!([["fail", root, spout]]),
        Some(AckerNews::ResetTimeout { root, spout }) => {
            serde_json::json!([["reset_timeout", root, spout]])
        }
    };
    let told: Vec<Json> = told.iter().map(as_told).collect();
    equal("news", &told, case.list("expected")?)
}

/// `branch(2)<-shuffle(1)`: what a bolt does, and where its tuples come from.
fn bolt(spec: &str) -> Result<(FnBolt, &str), String> {
    let (does, from) = spec.split_once("<-").ok_or("a bolt without <-")?;
    let (does, from) = match does.split_once(':') {
        Some((does, explained)) => {
            let wanted = " emit one tuple anchored TWICE to the same input, ack input ";
            equal("the bolt", &explained, &wanted)?;
            (does, from)
        }
        None => (does, from),
    };
    let number = |of: &str| -> Result<usize, String> {
        does.strip_prefix(of)
            .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'))
            .ok_or_else(|| format!("no such bolt: {does}"))?
            .parse()
            .map_err(text)
    };
    let bolt = match does {
        "ack" => FnBolt::new(&[], |_, tuple, out| {
            out.ack(tuple);
            Ok(())
        }),
        "dup_anchor" => FnBolt::new(&["x"], |_, tuple, out| {
            out.emit([tuple, tuple], values!["x"])?;
            out.ack(tuple);
            Ok(())
        }),
        _ if does.starts_with("agg") => gathers(number("agg")?),
        _ => {
            let tuples = number("branch")?;
            FnBolt::new(&["x"], move |_, tuple, out| {
                for _ in 0..tuples {
                    out.emit([tuple], values!["x"])?;
                }
                out.ack(tuple);
                Ok(())
            })
        }
    };
    Ok((bolt, from))
}

fn gathers(most: usize) -> FnBolt {
    let gathered: Arc<Mutex<Vec<Tuple>>> = Arc::default();
    FnBolt::new(&["x"], move |_, tuple, out| {
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.push(tuple.clone());
        if gathered.len() == most {
            out.emit(&*gathered, values!["x"])?;
            gathered.drain(..).for_each(|tuple| out.ack(&tuple));
        }
        Ok(())
    })
}

const BOLTS: &str = "branch(n): emit n tuples anchored to input, then ack. agg(n): buffer n inputs, \
                     emit one tuple anchored to all, ack all. spouts 1,2,3 parallelism 1";

fn topology(case: &Case<'_>) -> Outcome {
    case.says("expected", "num_acks per spout since the previous check, in the steps")?;
    let params = case.part("params");
    if params.has("impl") {
        params.says("impl", BOLTS)?;
    }
    let specs = params.get("bolts").and_then(Json::as_object).ok_or("no bolts")?;
    let mut builder = TopologyBuilder::new();
    let mut sources = BTreeSet::new();
    for (id, spec) in specs {
        let (bolt, from) = bolt(spec.as_str().ok_or("a bolt that is no text")?)?;
        let inside = from.split(['(', ')']).nth(1).unwrap_or_default();
        sources.extend(inside.split(',').filter(|from| !specs.contains_key(*from)));
        subscribe(builder.set_bolt(id, move || bolt.clone(), 1), from)?;
    }
    let mut feeders = BTreeMap::new();
    for id in sources {
        let feeder = FeederSpout::new(["x"]).map_err(text)?;
        let spout = feeder.clone();
        builder.set_spout(id, move || spout.clone(), 1);
        feeders.insert(id, feeder);
    }
    let cluster = LocalCluster::with_simulated_time();
    let topology = builder.create_topology().map_err(text)?;
    let running = cluster.submit_topology("acking", Config::new(), topology).map_err(text)?;
    play(case, &cluster, &feeders)?;
    drop(running);
    Ok(())
}

fn play(case: &Case<'_>, cluster: &LocalCluster, feeders: &BTreeMap<&str, FeederSpout>) -> Outcome {
    let mut next_id = 0;
    for step in case.parts("input")? {
        if step.has("feed") {
            let feeder = feeders.get(step.text("feed")?).ok_or("no such spout")?;
            for _ in 0..step.count("times")? {
                next_id += 1;
                feeder.feed(values!["x"], next_id);
            }
        } else if step.has("wait") {
            equal("wait", &step.flag("wait")?, &true)?;
        } else {
            let acks = step.part("expect_acks");
            for (spout, feeder) in feeders {
                let field = format!("s{spout}");
                if acks.has(&field) {
                    let acked = feeder.take_status().acked.len();
                    equal(&format!("acks of {spout}"), &acked, &acks.count(&field)?)?;
                }
            }
        }
        cluster.await_quiet();
    }
    Ok(())
}

fn conf(ackers: usize) -> Config {
    Config::new()
        .set(Config::TOPOLOGY_ACKER_EXECUTORS, ackers as i64)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 10)
}

/// Two message timeouts, and some.
const LONG: u64 = 25;

fn nothing_ended(stage: &Stage, when: &str) -> Outcome {
    equal(when, &stage.ended(), &(ids(&[]), ids(&[])))
}

fn executed(summary: &TopologySummary, id: &str) -> Option<u64> {
    let report = summary.components.iter().find(|report| report.id == id);
    report.map(|report| report.total().executed)
}

fn no_message_id(case: &Case<'_>) -> Outcome {
    let rule = "no pending entry, no ack_init, never acked/failed; tuple unanchored";
    case.says("expected", rule)?;
    let params = case.part("params");
    equal("message_id", &params.get("message_id"), &Some(&Json::Null))?;
    // If they were pending, only one could be.
    let conf = conf(params.count("ackers")?).set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 1);
    let stage = Stage::new(conf, &[("a", 1, "source"), ("b", 1, "a")])?;
    stage.feed(Value::Null);
    stage.feed(Value::Null);
    equal("tuples", &stage.held("a", 0), &2)?;
    stage.tell("a", 0, "emit", 0);
    stage.tell("b", 0, "fail", 0);
    stage.tell("a", 0, "fail", 0);
    stage.tell("a", 0, "ack", 1);
    stage.advance(LONG);
    nothing_ended(&stage, "without a message id")?;
    equal("trees at the acker", &executed(&stage.end()?, "__acker"), &Some(0))
}

fn no_ackers(case: &Case<'_>) -> Outcome {
    let rule = "spout.ack(msgid) called synchronously inside emit, after transfer; no acked/latency \
                stats recorded";
    case.says("expected", rule)?;
    let params = case.part("params");
    let id = params.int("message_id")?;
    let stage = Stage::new(conf(params.count("ackers")?), &[("a", 1, "source")])?;
    stage.feed(id);
    equal("tuples", &stage.held("a", 0), &1)?;
    equal("after an emission", &stage.ended(), &(ids(&[id]), ids(&[])))?;
    stage.tell("a", 0, "fail", 0);
    stage.advance(LONG);
    nothing_ended(&stage, "without ackers")?;
    let summary = stage.end()?;
    let stream = summary.metrics.components["source"].stream("default");
    let counts = [stream.emitted.all_time, stream.acked.all_time];
    equal("emitted and acked", &counts, &[1, 0])?;
    equal("latency", &stream.complete_latency_ms.all_time, &0.0)
}

fn ackers_by_default(case: &Case<'_>) -> Outcome {
    case.says("expected", "ackers = topology.workers (LocalCluster: 1)")?;
    equal("ackers", &case.part("params").get("ackers"), &Some(&Json::Null))?;
    let spout = FeederSpout::new(["x"]).map_err(text)?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("s", move || spout.clone(), 1);
    let topology = builder.create_topology().map_err(text)?;
    let null = Config::new().set(Config::TOPOLOGY_ACKER_EXECUTORS, Value::Null);
    for (conf, want) in [(null.clone(), 1), (null.set(Config::TOPOLOGY_WORKERS, 3), 3)] {
        let ackers =
            topology.assignment(&conf).map_err(text)?.components["__acker"].tasks().count();
        equal("ackers", &ackers, &want)?;
    }
    Ok(())
}

fn unanchored(case: &Case<'_>) -> Outcome {
    case.says("expected", "child tuple has empty MessageId; its failure cannot fail the root")?;
    equal("anchors", &case.part("params").get("anchors"), &Some(&Json::Null))?;
    let stage = Stage::new(conf(1), &[("a", 1, "source"), ("b", 1, "a")])?;
    stage.feed(1);
    stage.tell("a", 0, "emit unanchored", 0);
    stage.tell("b", 0, "fail", 0);
    nothing_ended(&stage, "before the root is acked")?;
    stage.tell("a", 0, "ack", 0);
    equal("after that", &stage.ended(), &(ids(&[1]), ids(&[])))
}

fn acking_off(case: &Case<'_>) -> Outcome {
    let rule = "ack()/fail() on the bolt collector return immediately (no hooks, no stats)";
    case.says("expected", rule)?;
    let stage = Stage::new(conf(case.part("params").count("ackers")?), &[("a", 1, "source")])?;
    stage.feed(1);
    stage.feed(2);
    stage.ended();
    stage.tell("a", 0, "ack", 0);
    stage.tell("a", 0, "fail", 1);
    nothing_ended(&stage, "acking is off")?;
    let summary = stage.end()?;
    let input = summary.metrics.components["a"].input("source");
    let counts = [input.executed.all_time, input.acked.all_time, input.failed.all_time];
    equal("executed, acked and failed", &counts, &[2, 0, 0])
}

fn anchor_without_tree(case: &Case<'_>) -> Outcome {
    case.says("expected", "contributes nothing; no edge id generated")?;
    case.part("params").says("anchors", "tuple without roots")?;
    let stage = Stage::new(conf(1), &[("a", 1, "source"), ("b", 1, "a")])?;
    stage.feed(Value::Null);
    stage.tell("a", 0, "emit", 0);
    stage.tell("b", 0, "fail", 0);
    // One anchor of two is in a tree: the child's edge is that of the other alone.
    stage.feed(1);
    stage.tell("a", 0, "emit from all", 0);
    stage.tell("a", 0, "ack", 0);
    stage.tell("a", 0, "ack", 1);
    nothing_ended(&stage, "the child is open")?;
    stage.tell("b", 0, "ack", 1);
    equal("the child is done", &stage.ended(), &(ids(&[1]), ids(&[])))
}

fn several_targets(case: &Case<'_>) -> Outcome {
    case.says("expected", "separate edge id per target task (per anchor)")?;
    let tasks = case.part("params").count("targets")?;
    let stage = Stage::new(conf(1), &[("a", tasks, "source"), ("b", tasks, "a")])?;
    stage.feed(1);
    stage.tell("a", 0, "emit", 0);
    let last = tasks as i64 - 1;
    let everyone = ["a", "b"].into_iter().flat_map(|bolt| (0..=last).map(move |at| (bolt, at)));
    for (bolt, at) in everyone {
        nothing_ended(&stage, "a tuple of it is open")?;
        stage.tell(bolt, at, "ack", 0);
    }
    equal("all are done", &stage.ended(), &(ids(&[1]), ids(&[])))?;
    stage.feed(2);
    stage.tell("a", 0, "ack", 1);
    stage.tell("a", last, "fail", 1);
    equal("one failed", &stage.ended(), &(ids(&[]), ids(&[2])))
}

fn emit_after_ack(case: &Case<'_>) -> Outcome {
    let rule = "edge id of the child is never reported to the acker: if the tree already completed \
                the child is untracked (its ack makes a dead acker entry); if the tree is still open \
                the child ack leaves XOR != 0 and the tree times out";
    case.says("expected", rule)?;
    let bolts = [("a", 1, "source"), ("b", 1, "a"), ("c", 1, "source")];
    let completed = Stage::new(conf(1), &bolts[..2])?;
    completed.feed(1);
    completed.tell("a", 0, "ack", 0);
    equal("the tree is done", &completed.ended(), &(ids(&[1]), ids(&[])))?;
    completed.tell("a", 0, "emit", 0);
    completed.tell("b", 0, "ack", 0);
    completed.advance(2 * LONG);
    nothing_ended(&completed, "the child is in no tree")?;
    let open = Stage::new(conf(1), &bolts)?;
    open.feed(1);
    open.tell("a", 0, "ack", 0);
    open.tell("a", 0, "emit", 0);
    open.tell("b", 0, "ack", 0);
    open.tell("c", 0, "ack", 0);
    nothing_ended(&open, "all are acked, but the sum is not zero")?;
    open.advance(LONG);
    equal("it timed out", &open.ended(), &(ids(&[]), ids(&[1])))
}

fn ack_value(case: &Case<'_>) -> Outcome {
    case.says("expected", "value")?;
    let rule = "per root: sent = tuple.anchorsToIds[root] XOR tuple.ackVal";
    case.part("params").says("rule", rule)?;
    let stage = Stage::new(conf(1), &[("a", 1, "source"), ("b", 1, "a"), ("c", 1, "b")])?;
    stage.feed(1);
    stage.feed(2);
    // Two children, one of them in two trees.
    stage.tell("a", 0, "emit", 0);
    stage.tell("a", 0, "emit from all", 0);
    for (bolt, tuple) in [("a", 0), ("a", 1), ("b", 0)] {
        stage.tell(bolt, 0, "ack", tuple);
        nothing_ended(&stage, "the child of both trees is open")?;
    }
    stage.tell("b", 0, "emit", 1);
    stage.tell("b", 0, "ack", 1);
    nothing_ended(&stage, "the grandchild of both trees is open")?;
    stage.tell("c", 0, "ack", 0);
    let (mut acked, failed) = stage.ended();
    acked.sort();
    equal("both are done", &(acked, failed), &(ids(&[1, 2]), ids(&[])))
}

fn late_news(case: &Case<'_>) -> Outcome {
    let rule = "spout ignores ack/fail for an id no longer pending (at-least-once replay decided by \
                the spout)";
    case.says("expected", rule)?;
    for verb in ["ack", "fail"] {
        let stage = Stage::new(conf(1), &[("a", 1, "source")])?;
        stage.feed(1);
        stage.advance(LONG);
        equal("it timed out", &stage.ended(), &(ids(&[]), ids(&[1])))?;
        stage.tell("a", 0, verb, 0);
        stage.advance(LONG);
        nothing_ended(&stage, "it is late")?;
    }
    Ok(())
}
