//! What streams refuse, and what becomes of what is said of them.

use crate::case::{Case, Outcome, equal, refused};
use weir_topology::{ComponentResult, Fields, StormTopology, Values, values};
use weir_trident::operation::{Count, Split, TridentCollector};
use weir_trident::spout::FeederBatchSpout;
use weir_trident::state::{MapGet, MemoryMapState, StateUpdater};
use weir_trident::window::{MemoryWindowsStore, WindowsStore};
use weir_trident::{Resources, Stream, TridentTopology, TridentTuple};

pub(crate) fn run(_: &str, case: &Case<'_>) -> Option<Outcome> {
    match case.name() {
        name if name.starts_with("projection_validation_") => Some(projection(case)),
        "testSetComponentResources" => Some(resources(case)),
        "testGenBoltId" => Some(bolt_ids(case)),
        "window_store" => Some(window_store(case)),
        _ => None,
    }
}

fn feeder() -> Result<FeederBatchSpout, String> {
    FeederBatchSpout::new(["sentence"]).map_err(|error| error.to_string())
}

#[derive(Clone)]
struct Nothing;

impl<S> StateUpdater<S> for Nothing {
    fn update_state(
        &mut self,
        _: &mut S,
        _: &[TridentTuple],
        _: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        Ok(())
    }
}

fn projection(case: &Case<'_>) -> Outcome {
    case.part("params").says("available", "sentence (and word after split)")?;
    let topology = TridentTopology::new();
    let sentences = topology.new_stream("spout", feeder()?);
    let words = sentences.each(["sentence"], Split, ["word"]);
    topology.build().map_err(|error| format!("what comes before is refused: {error}"))?;
    misuse(case.text("input")?, &topology, &sentences, &words)?;
    refused(topology.build(), &case.part("expected"))
}

fn misuse(what: &str, topology: &TridentTopology, sentences: &Stream, words: &Stream) -> Outcome {
    let (count, none) = (["count"], Fields::none());
    match what {
        "each->word; groupBy(word1)" => drop(words.group_by(["word1"])),
        "groupBy(word).aggregate([word1],Count)" => {
            drop(words.group_by(["word"]).aggregate(["word1"], Count, count));
        }
        "partitionBy(sentence1)" => drop(sentences.partition_by(["sentence1"])),
        "partitionAggregate([word1],Count)" => {
            drop(words.partition_aggregate(["word1"], Count, count));
        }
        "groupBy(word).persistentAggregate(spec,[non-existent],Count)" => {
            let groups = words.group_by(["word"]);
            let state = MemoryMapState::factory();
            drop(groups.persistent_aggregate(state, ["non-existent"], Count, count));
        }
        "partitionPersist(spec,[non-existent],updater)" => {
            let state = MemoryMapState::factory();
            drop(words.partition_persist(state, ["non-existent"], Nothing, none));
        }
        "groupBy(word).stateQuery(state,[word1],MapGet)" => {
            let state = topology.new_static_state(MemoryMapState::factory());
            drop(words.group_by(["word"]).state_query(&state, ["word1"], MapGet, count));
        }
        other => return Err(format!("{other} is not understood")),
    }
    Ok(())
}

fn bang(tuple: &TridentTuple, out: &mut TridentCollector<'_>) -> ComponentResult {
    out.emit(values![format!("{}!", tuple.text(0)?)]);
    Ok(())
}

fn word_count(topology: &TridentTopology) -> Result<StormTopology, String> {
    topology
        .new_stream("words", feeder()?)
        .parallelism_hint(5)
        .set_cpu_load(20.0)
        .set_memory_load_with_offheap(512.0, 256.0)
        .each(["sentence"], Split, ["word"])
        .set_cpu_load(10.0)
        .set_memory_load(512.0)
        .each(["word"], bang, ["word!"])
        .parallelism_hint(10)
        .set_cpu_load(50.0)
        .set_memory_load(1024.0)
        .group_by(["word!"])
        .persistent_aggregate(MemoryMapState::factory(), Fields::none(), Count, ["count"])
        .set_cpu_load(100.0)
        .set_memory_load(2048.0);
    topology.build().map_err(|error| error.to_string())
}

fn resources(case: &Case<'_>) -> Outcome {
    case.part("params").says(
        "stream",
        "newStream p5 cpu20 mem(512,256) .each(split) cpu10 mem512 .each(bang) p10 cpu50 mem1024 \
         .groupBy.persistentAggregate cpu100 mem2048",
    )?;
    case.says("input", "build")?;
    let built = word_count(&TridentTopology::new())?;
    let expected = case.part("expected");
    for (what, component) in [
        ("spout", "spout-words"),
        ("spout_coordinator", "$spoutcoord-spout-words"),
        ("fused_bolt_b1", "b-1"),
        ("agg_bolt_b0", "b-0"),
    ] {
        let conf = built.component_configuration(component);
        let got = Resources::of(conf.ok_or_else(|| format!("there is no {component}"))?);
        let want = expected.part(what);
        let wanted = |field: &str| -> Result<Option<f64>, String> {
            if want.has(field) { want.number(field).map(Some) } else { Ok(None) }
        };
        let want = Resources {
            cpu: wanted("cpu")?,
            onheap_mb: wanted("onheap")?,
            offheap_mb: wanted("offheap")?,
        };
        equal(what, &got, &want)?;
    }
    Ok(())
}

fn bolt_ids(case: &Case<'_>) -> Outcome {
    case.part("params");
    case.says("input", "build the same topology 100 times")?;
    case.says("expected", "bolt ids identical every time")?;
    let ids = || -> Result<Vec<String>, String> {
        let topology = TridentTopology::new();
        let named = topology.new_stream("named", feeder()?).name("a stream").each(
            ["sentence"],
            Split,
            ["word"],
        );
        named.group_by(["word"]).persistent_aggregate(
            MemoryMapState::factory(),
            Fields::none(),
            Count,
            ["count"],
        );
        let built = word_count(&topology)?;
        Ok(built.component_ids().map(str::to_owned).collect())
    };
    let first = ids()?;
    equal("a bolt with a name", &first.iter().any(|id| id.ends_with("-a stream")), &true)?;
    (0..100).try_for_each(|_| equal("ids", &ids()?, &first))
}

fn window_store(case: &Case<'_>) -> Outcome {
    case.part("params");
    case.says("input", "put key0..key9; remove key1")?;
    case.says("expected", "get each = value; get key1 = null")?;
    let text = |error: weir_topology::ComponentError| error.to_string();
    let mut store = MemoryWindowsStore::new();
    let keys: Vec<String> = (0..10).map(|k| format!("key{k}")).collect();
    let mut want: Values = (0..10).map(weir_topology::Value::from).collect();
    let entries = keys.iter().cloned().zip(want.iter().cloned());
    store.put(entries.collect()).map_err(text)?;
    equal("values", &Values::from(store.get(&keys).map_err(text)?), &want)?;
    store.remove(&keys[1..2]).map_err(text)?;
    want = want
        .iter()
        .take(1)
        .cloned()
        .chain([().into()])
        .chain(want.iter().skip(2).cloned())
        .collect();
    equal("values", &Values::from(store.get(&keys).map_err(text)?), &want)?;
    equal("keys", &store.keys("key").map_err(text)?.len(), &9)
}
