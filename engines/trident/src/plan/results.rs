//! What completes a topology: the way back of answers to requests.

use super::{Definition, NodeId, NodeKind, Partitioning, ProcessorNode};
use crate::TridentError;
use crate::drpc::Returning;
use crate::processor::{ForwardProcessor, MultiProcessor, Processor};
use crate::tuple::TupleFactory;
use std::sync::Arc;
use weir_topology::{Fields, IntoFields};

/// Checks that requests and batches of spouts do not meet, and lets what a stream of requests ends with
/// be the answer. Storm's `completeDRPC`.
pub(super) fn complete(definition: &mut Definition) -> Result<(), TridentError> {
    let parts = definition.parts();
    let mut answers = Vec::new();
    for part in 0..parts.iter().max().map_or(0, |last| last + 1) {
        let nodes = || definition.nodes.iter().filter(|node| parts[node.id] == part);
        let drpc = nodes().find(|node| matches!(node.kind, NodeKind::Drpc { .. }));
        let Some(drpc) = drpc.map(|node| node.id) else { continue };
        if nodes().filter(|node| node.is_source()).count() > 1 {
            return Err(TridentError::MixedSources);
        }
        answers.push((drpc, nodes().map(|node| node.id).max().unwrap_or(drpc)));
    }
    // Answers are nodes, too: the parts of the graph are those of before.
    answers.into_iter().try_for_each(|(drpc, last)| answer(definition, drpc, last))
}

fn answer(definition: &mut Definition, drpc: NodeId, last: NodeId) -> Result<(), TridentError> {
    let info: Fields = ["return-info"].into_fields()?;
    let only_info = TupleFactory::projection("answer", &definition.nodes[drpc].fields, &info)?;
    let forward =
        move || -> Box<dyn Processor> { Box::new(ForwardProcessor(vec![only_info.clone()])) };
    let kind = processor(forward);
    let infos = definition.add(None, info, vec![drpc], kind);
    let mut to_one_task = |node: NodeId| {
        let node = match definition.nodes[node].kind {
            NodeKind::Partition(_) => definition.nodes[node].inputs[0],
            _ => node,
        };
        let fields = definition.nodes[node].fields.clone();
        let kind = NodeKind::Partition(Partitioning::BatchGlobal);
        definition.add(None, fields, vec![node], kind)
    };
    let inputs = vec![to_one_task(infos), to_one_task(last)];
    let whole = |id: &NodeId| {
        let fields = &definition.nodes[*id].fields;
        TupleFactory::projection("answer", fields, fields)
    };
    let inputs_seen = inputs.iter().map(whole).collect::<Result<Vec<_>, _>>()?;
    let kind = processor(move || {
        Box::new(MultiProcessor {
            reducer: Box::new(Returning),
            inputs: inputs_seen.clone(),
            output: TupleFactory::fresh(Fields::none()),
        })
    });
    definition.add(None, Fields::none(), inputs, kind);
    Ok(())
}

fn processor(make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static) -> NodeKind {
    NodeKind::Processor(ProcessorNode { make: Arc::new(make), committer: false })
}
