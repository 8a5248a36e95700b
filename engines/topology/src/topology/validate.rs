//! What must hold of a topology before it runs: Storm's `StormCommon.validateBasic` and
//! `validateStructure`.

use super::definition::{ComponentDef, GroupingSpec};
use crate::{Config, SYSTEM_STREAM, TopologyError};
use std::collections::{BTreeMap, BTreeSet};

type Components = BTreeMap<String, ComponentDef>;

/// Ids, streams, and numbers of tasks and executors.
pub(super) fn basic(components: &Components) -> Result<(), TopologyError> {
    for (id, component) in components {
        if crate::ids::is_reserved(id) {
            return Err(TopologyError::ReservedId { id: id.clone() });
        }
        if let Some(error) = component.streams.errors.first() {
            return Err(error.clone());
        }
        let reserved =
            component.streams.streams.keys().find(|stream| crate::ids::is_reserved(stream));
        if let Some(stream) = reserved {
            return Err(TopologyError::ReservedStream { stream: stream.clone() });
        }
        let tasks = component.conf.count(Config::TOPOLOGY_TASKS)?;
        if component.parallelism == Some(0) {
            return Err(match tasks {
                Some(tasks) if tasks > 0 => {
                    TopologyError::TasksWithoutExecutors { id: id.clone(), tasks }
                }
                _ => TopologyError::NoTasks { id: id.clone() },
            });
        }
        if !component.factory.is_spout() && component.inputs.is_empty() {
            return Err(TopologyError::NoInputs { id: id.clone() });
        }
    }
    if components.values().any(|component| component.factory.is_spout()) {
        Ok(())
    } else {
        Err(TopologyError::NoSpout)
    }
}

/// Whether everything that is subscribed to exists. Fields are looked for on all streams of the
/// source, as Storm does; one of another stream is found out when a tuple is emitted.
pub(super) fn structure(components: &Components) -> Result<(), TopologyError> {
    for (id, component) in components {
        for input in &component.inputs {
            let (source_id, stream) = (input.from.component.clone(), input.from.stream.clone());
            let Some(source) = components.get(&source_id) else {
                return Err(TopologyError::UnknownComponent { id: id.clone(), source_id });
            };
            let streams = &source.streams.streams;
            if !streams.contains_key(&stream) && stream != SYSTEM_STREAM {
                return Err(TopologyError::UnknownStream { id: id.clone(), source_id, stream });
            }
            if let GroupingSpec::Fields(wanted) | GroupingSpec::PartialKey(wanted) = &input.grouping
            {
                let known = |field: &&str| !streams.values().any(|s| s.fields.contains(field));
                let missing = crate::Fields::new(wanted.iter().filter(known))?;
                if !missing.is_empty() {
                    let id = id.clone();
                    return Err(TopologyError::UnknownFields {
                        id,
                        source_id,
                        stream,
                        fields: missing,
                    });
                }
            }
        }
    }
    Ok(())
}

/// Bounded queues in a circle could lock up, so there must be none.
pub(super) fn acyclic(components: &Components) -> Result<(), TopologyError> {
    let left = in_order(components).1;
    if left.is_empty() {
        return Ok(());
    }
    Err(TopologyError::Cycle { components: left.into_iter().collect::<Vec<_>>().join(", ") })
}

/// The components so that each comes after what it subscribes to, and those of which that is not
/// possible.
pub(crate) fn in_order(components: &Components) -> (Vec<&str>, BTreeSet<&str>) {
    let mut left: BTreeSet<&str> = components.keys().map(String::as_str).collect();
    let mut ordered = Vec::new();
    loop {
        let ready: Vec<&str> = left
            .iter()
            .filter(|id| {
                let mut inputs = components[**id].inputs.iter();
                inputs.all(|input| !left.contains(&*input.from.component))
            })
            .copied()
            .collect();
        if ready.is_empty() {
            return (ordered, left);
        }
        for id in ready {
            left.remove(id);
            ordered.push(id);
        }
    }
}
