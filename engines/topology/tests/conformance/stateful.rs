//! Cases of how checkpoints are led through a topology with state.

use crate::case::{Case, Outcome, equal};
use crate::stage::{FnBolt, text};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use weir_topology::state::{CHECKPOINT_STREAM, KeyValue, StatefulBolt};
use weir_topology::{
    ComponentResult, FixedTupleSpout, OutputCollector, OutputFieldsDeclarer, StormTopology,
    TopologyBuilder, Tuple,
};

struct Stateful;

impl StatefulBolt for Stateful {
    type State = KeyValue<String, i64>;

    fn execute(
        &mut self,
        tuple: Tuple,
        _: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        out.ack(&tuple);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["field"]);
    }
}

fn stateless() -> FnBolt {
    FnBolt::new(&["field"], |_, tuple, out| {
        out.ack(tuple);
        Ok(())
    })
}

/// The source of `shuffle(source)`.
fn shuffled(grouping: &Json) -> Result<&str, String> {
    let inside = grouping.as_str().and_then(|text| text.strip_prefix("shuffle("));
    let source = inside.and_then(|inside| inside.strip_suffix(')'));
    source.ok_or_else(|| format!("{grouping} is not understood"))
}

fn build(params: &Case<'_>) -> Result<StormTopology, String> {
    let mut builder = TopologyBuilder::new();
    for id in params.list("spouts")? {
        let spout = FixedTupleSpout::new(["field"], []).map_err(text)?;
        builder.set_spout(id.as_str().ok_or("an id")?, move || spout.clone(), 1);
    }
    let bolts = params.part("bolts");
    for id in bolts.fields() {
        let bolt = bolts.part(id);
        let mut declarer = if bolt.has("stateful") && bolt.flag("stateful")? {
            builder.set_stateful_bolt(id, || Stateful, 1)
        } else {
            builder.set_bolt(id, stateless, 1)
        };
        for grouping in bolt.list("groupings")? {
            declarer = declarer.shuffle_grouping(shuffled(grouping)?);
        }
    }
    builder.create_topology().map_err(text)
}

/// The topology has the spouts and the inputs that a case expects.
pub(crate) fn topology(case: &Case<'_>) -> Outcome {
    case.says("input", "createTopology")?;
    let (topology, expected) = (build(&case.part("params"))?, case.part("expected"));
    let spouts: BTreeSet<_> = expected.list("spouts")?.iter().filter_map(Json::as_str).collect();
    equal("spouts", &topology.spout_ids().collect(), &spouts)?;
    let inputs = expected.part("inputs");
    for id in inputs.fields() {
        let pair = |pair: &Json| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
        let want: BTreeSet<_> = inputs.list(id)?.iter().map(pair).collect();
        let got = topology.inputs(id);
        let got =
            got.map(|(from, _)| Some((from.component.clone(), from.stream.clone()))).collect();
        equal(&format!("the inputs of {id}"), &got, &want)?;
    }
    let grouping = format!("{} grouping", expected.text("checkpoint_grouping")?);
    for id in topology.component_ids() {
        for (from, how) in topology.inputs(id) {
            if from.stream == CHECKPOINT_STREAM {
                equal(&format!("how {id} reads {from}"), &how, &&*grouping)?;
            }
        }
    }
    Ok(())
}
