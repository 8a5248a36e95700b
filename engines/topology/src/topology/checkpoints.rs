//! What a topology with state has besides what was declared: Storm's
//! `TopologyBuilder.maybeAddCheckpointSpout` and the like.

use super::StreamId;
use super::definition::{ComponentDef, Factory, GroupingSpec, Subscription};
use crate::state::{
    CHECKPOINT_COMPONENT, CHECKPOINT_STREAM, CheckpointSpout, CheckpointTupleForwarder,
};
use crate::{Config, TopologyError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Adds the spout of checkpoints, and leads its stream along all others: from the spout to bolts that
/// read spouts, and from bolt to bolt. Bolts without state send it on.
pub(super) fn add(components: &mut BTreeMap<String, ComponentDef>) -> Result<(), TopologyError> {
    if let Some(other) = components.get(CHECKPOINT_COMPONENT) {
        let (kind, id) = (other.factory.kind(), CHECKPOINT_COMPONENT.to_owned());
        return Err(TopologyError::Duplicate { kind, id });
    }
    let ids = components.iter().filter(|(_, component)| component.factory.is_spout());
    let spouts: Vec<String> = ids.map(|(id, _)| id.clone()).collect();
    for component in components.values_mut() {
        let Factory::Bolt(make) = &component.factory else { continue };
        if !component.stateful {
            let make = Arc::clone(make);
            let forwarding = move || Box::new(CheckpointTupleForwarder::new(make())) as _;
            component.factory = Factory::Bolt(Arc::new(forwarding));
        }
        let sources: Vec<String> =
            component.inputs.iter().map(|input| input.from.component.clone()).collect();
        for source in sources {
            let source =
                if spouts.contains(&source) { CHECKPOINT_COMPONENT.to_owned() } else { source };
            let from = StreamId::new(source, CHECKPOINT_STREAM);
            component.subscribe(Subscription { from, grouping: GroupingSpec::All });
        }
    }
    let spout = Factory::Spout(Arc::new(|| Box::new(CheckpointSpout::configured())));
    let mut spout = ComponentDef::new(spout, Some(1));
    // There is one checkpoint at a time, whatever the topology says.
    spout.conf.put(Config::TOPOLOGY_TASKS, 1);
    components.insert(CHECKPOINT_COMPONENT.to_owned(), spout);
    Ok(())
}
