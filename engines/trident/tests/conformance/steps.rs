//! Topologies that are fed batches and asked requests, step by step.

use crate::case::{Case, Outcome, equal};
use serde_json::Value as Json;
use std::time::Duration;
use weir_topology::{ComponentResult, Config, Fields, LocalCluster, Value, Values, values};
use weir_trident::operation::{Count, CountAsAggregator, FilterNull, Split, Sum, TridentCollector};
use weir_trident::spout::FeederBatchSpout;
use weir_trident::state::{MapGet, MemoryMapState, TupleCollectionGet};
use weir_trident::{LocalDrpc, TridentState, TridentTopology, TridentTuple};

pub(crate) fn run(_: &str, case: &Case<'_>) -> Option<Outcome> {
    let define = match case.name() {
        "testWordCount" => word_count,
        "testMemoryMapGetTuples" => all_tuples,
        "testCountAgg" => count_words,
        "testSplitMerge" => split_merge,
        _ => return None,
    };
    Some(perform(case, define))
}

struct Setting {
    topology: TridentTopology,
    feeder: FeederBatchSpout,
    server: LocalDrpc,
}

/// The name of the function that is asked.
const FUNCTION: &str = "asked";

/// Defines the topology of a case; returns whether the order of answers matters.
type Define = fn(&Case<'_>, &Setting) -> Outcome;

fn perform(case: &Case<'_>, define: Define) -> Outcome {
    let setting = Setting {
        topology: TridentTopology::new(),
        feeder: FeederBatchSpout::new(["sentence"]).map_err(|error| error.to_string())?,
        server: LocalDrpc::with_timeout(Duration::from_secs(20)),
    };
    define(case, &setting)?;
    let cluster = LocalCluster::new();
    let conf = Config::new().set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 1);
    let built = setting.topology.build().map_err(|error| error.to_string())?;
    let running =
        cluster.submit_topology("case", conf, built).map_err(|error| error.to_string())?;
    for step in case.parts("input")? {
        if step.has("feed_batch") {
            setting.feeder.feed(rows(step.list("feed_batch")?)?);
            if !setting.feeder.await_committed_for(std::time::Duration::from_secs(20)) {
                return Err("the batches are not committed".to_owned());
            }
            continue;
        }
        let (args, mut want) = (step.text("query")?, rows(step.list("result")?)?);
        want.sort();
        for _ in 0..step.count_or("repeat", 1)? {
            let got = setting.server.execute_tuples(FUNCTION, args);
            let mut got = got.map_err(|error| error.to_string())?;
            got.sort();
            equal(&format!("the answer to {args:?}"), &got, &want)?;
        }
    }
    equal("errors", &running.errors(), &Vec::new())
}

fn rows(json: &[Json]) -> Result<Vec<Values>, String> {
    let row = |json: &Json| -> Result<Values, String> {
        let list = json.as_array().ok_or_else(|| format!("{json} is no list"))?;
        let values: Vec<Value> = list.iter().map(crate::states::value).collect::<Result<_, _>>()?;
        Ok(values.into())
    };
    json.iter().map(row).collect()
}

fn counts(case: &Case<'_>, setting: &Setting) -> Result<TridentState<MemoryMapState>, String> {
    case.part("params").says(
        "stream",
        "newStream(feeder batch spout, fields [sentence]).each(sentence, split)->word \
         .groupBy(word).persistentAggregate(memory map, Count)->count, parallelism 6",
    )?;
    Ok(setting
        .topology
        .new_stream("tester", setting.feeder.clone())
        .each(["sentence"], Split, ["word"])
        .group_by(["word"])
        .persistent_aggregate(MemoryMapState::factory(), Fields::none(), Count, ["count"])
        .parallelism_hint(6))
}

fn word_count(case: &Case<'_>, setting: &Setting) -> Outcome {
    case.part("params").says(
        "query",
        "drpc words: each(args, split)->word .groupBy(word).stateQuery(counts, word, MapGet)->count \
         .aggregate(count, Sum)->sum .project(sum)",
    )?;
    case.says("expected", "in steps")?;
    let counts = counts(case, setting)?;
    // A word that is not there has no count to add up; Storm's test filters it out, too.
    let _ = setting
        .topology
        .new_drpc_stream(FUNCTION, &setting.server)
        .each(["args"], Split, ["word"])
        .group_by(["word"])
        .state_query(&counts, ["word"], MapGet, ["count"])
        .filter(["count"], FilterNull)
        .aggregate(["count"], Sum, ["sum"])
        .project(["sum"]);
    Ok(())
}

fn all_tuples(case: &Case<'_>, setting: &Setting) -> Outcome {
    let query = "drpc all-tuples: broadcast().stateQuery(counts, TupleCollectionGet)->word,count";
    case.part("params").says("query", query)?;
    case.says("expected", "result compared as a set")?;
    let counts = counts(case, setting)?;
    let _ = setting
        .topology
        .new_drpc_stream(FUNCTION, &setting.server)
        .broadcast()
        .state_query(&counts, ["args"], TupleCollectionGet, ["word", "count"])
        .project(["word", "count"]);
    Ok(())
}

fn count_words(case: &Case<'_>, setting: &Setting) -> Outcome {
    let query = "drpc numwords: each(split).aggregate(CountAsAggregator)->count, parallelism 2";
    case.part("params").says("query", query)?;
    case.says("expected", "in steps; a global aggregate of an EMPTY batch still emits (0)")?;
    let _ = setting
        .topology
        .new_drpc_stream(FUNCTION, &setting.server)
        .each(["args"], Split, ["word"])
        .aggregate(Fields::none(), CountAsAggregator, ["count"])
        .parallelism_hint(2);
    Ok(())
}

fn length(tuple: &TridentTuple, out: &mut TridentCollector<'_>) -> ComponentResult {
    out.emit(values![i64::try_from(tuple.text(0)?.len())?]);
    Ok(())
}

fn split_merge(case: &Case<'_>, setting: &Setting) -> Outcome {
    let query = "drpc splitter: s1=each(split)->project(word); s2=each(strlen)->project(len); \
                 merge(s1,s2)";
    case.part("params").says("query", query)?;
    case.says("expected", "multiset")?;
    let stream = setting.topology.new_drpc_stream(FUNCTION, &setting.server);
    let words = stream.each(["args"], Split, ["word"]).project(["word"]);
    let lengths = stream.each(["args"], length, ["len"]).project(["len"]);
    let _ = setting.topology.merge(&[&words, &lengths]);
    Ok(())
}
