//! Components, their ids and parallelism.

use super::groups::{Group, by_node, merged, separate};
use super::{Definition, Node, NodeId, NodeKind, Partitioning, Resources};
use crate::TridentError;
use crate::output::{Output, Outputs};
use std::collections::{BTreeMap, BTreeSet};
use weir_topology::{Config, StormTopology};

/// How many tasks a component has.
#[derive(Clone, Copy)]
pub(super) struct Parallelism {
    pub(super) tasks: usize,
    /// Whether it has these whatever the topology says of the tasks of all components: a state has so many
    /// partitions, or a spout so many tasks at most, and so has what follows without a repartition.
    pub(super) fixed: bool,
}

/// What every component of a topology is made of.
pub(super) struct Layout {
    pub(super) definition: Definition,
    /// Bolts first, in the order of their ids, and then spouts, a group each.
    pub(super) groups: Vec<Group>,
    pub(super) ids: Vec<String>,
    pub(super) parallelism: Vec<Parallelism>,
    /// The group of each node that is in one.
    pub(super) of: BTreeMap<NodeId, usize>,
    /// The part of the graph that each node is in: its batch group.
    pub(super) parts: Vec<usize>,
}

/// Makes a topology of what has been said of streams. Storm's `TridentTopology.build`.
pub(crate) fn plan(mut definition: Definition) -> Result<StormTopology, TridentError> {
    if let Some(error) = definition.errors.first() {
        return Err(error.clone());
    }
    super::results::complete(&mut definition)?;
    let mut groups = merged(&definition);
    separate(&mut definition, &groups);
    let sources = definition.nodes.iter().filter(|node| node.is_source());
    groups.extend(sources.map(|node| Group::from([node.id])));
    let of = by_node(&groups);
    let parts = definition.parts();
    let ids = ids(&definition, &groups);
    let parallelism = parallelism(&definition, &groups, &of, &ids)?;
    super::components::build(&Layout { definition, groups, ids, parallelism, of, parts })
}

/// `b-` and a number, with the names of its streams, for bolts; what their stream is called for spouts.
fn ids(definition: &Definition, groups: &[Group]) -> Vec<String> {
    let id = |(at, group): (usize, &Group)| {
        let first = group.first().map(|node| &definition.nodes[*node]);
        match first.map(|node| &node.kind) {
            Some(NodeKind::Spout { txid, .. }) => format!("spout-{txid}"),
            Some(NodeKind::Drpc { function, .. }) => format!("drpc-{function}"),
            _ => {
                let mut names: Vec<&str> = group
                    .iter()
                    .filter_map(|node| definition.nodes[*node].name.as_deref())
                    .collect();
                names.dedup();
                let parts = ["b".to_owned(), at.to_string()];
                parts.iter().map(String::as_str).chain(names).collect::<Vec<_>>().join("-")
            }
        }
    };
    groups.iter().enumerate().map(id).collect()
}

/// The most that the operations of a group ask for. Groups that follow one another without a repartition
/// have the same.
fn parallelism(
    definition: &Definition,
    groups: &[Group],
    of: &BTreeMap<NodeId, usize>,
    ids: &[String],
) -> Result<Vec<Parallelism>, TridentError> {
    let mut same: Vec<usize> = (0..groups.len()).collect();
    for node in &definition.nodes {
        if !matches!(node.kind, NodeKind::Partition(Partitioning::Identity)) {
            continue;
        }
        let before = node.inputs.first().and_then(|input| of.get(input));
        for (after, _) in definition.outputs(node.id) {
            if let (Some(before), Some(after)) = (before, of.get(&after)) {
                let (one, other) = (same[*before], same[*after]);
                same.iter_mut().filter(|class| **class == other).for_each(|class| *class = one);
            }
        }
    }
    let mut all = vec![Parallelism { tasks: 1, fixed: false }; groups.len()];
    for class in same.iter().copied().collect::<BTreeSet<_>>() {
        let members: Vec<usize> = (0..groups.len()).filter(|at| same[*at] == class).collect();
        let nodes = || members.iter().flat_map(|at| &groups[*at]).map(|id| &definition.nodes[*id]);
        let most = nodes().map(most).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().min();
        let has = |state: &&super::StateDef| nodes().any(|node| state.nodes.contains(&node.id));
        let states = definition.states.iter().filter(has);
        let fixed: BTreeSet<usize> = states.filter_map(|state| state.required_partitions).collect();
        let what = || members.iter().map(|at| ids[*at].as_str()).collect::<Vec<_>>().join(", ");
        if let (Some(one), Some(other)) = (fixed.first(), fixed.last())
            && one != other
        {
            return Err(TridentError::Partitions { what: what(), one: *one, other: *other });
        }
        let fixed = fixed.first().copied();
        let hint = nodes().filter_map(|node| node.parallelism).max().unwrap_or(1);
        let chosen = match (fixed, most) {
            (Some(fixed), Some(most)) if most < fixed => {
                return Err(TridentError::Parallelism { what: what(), fixed, most });
            }
            (Some(fixed), _) => fixed,
            (None, most) => hint.min(most.unwrap_or(usize::MAX)),
        };
        let (tasks, fixed) = (chosen.max(1), fixed.is_some() || most.is_some());
        members.iter().for_each(|at| all[*at] = Parallelism { tasks, fixed });
    }
    Ok(all)
}

/// The parallelism that a spout allows.
fn most(node: &Node) -> Result<Option<usize>, TridentError> {
    let NodeKind::Spout { spout, .. } = &node.kind else { return Ok(None) };
    Ok(spout.component_configuration().count(Config::TOPOLOGY_MAX_TASK_PARALLELISM)?)
}

impl Layout {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.definition.nodes[id]
    }

    pub(super) fn batch_group(&self, node: NodeId) -> String {
        format!("bg{}", self.parts[node])
    }

    /// Whether the batches of a node are requests.
    pub(super) fn is_drpc(&self, node: NodeId) -> bool {
        let same = |other: &&Node| self.parts[other.id] == self.parts[node];
        let mut nodes = self.definition.nodes.iter().filter(same);
        nodes.any(|other| matches!(other.kind, NodeKind::Drpc { .. }))
    }

    /// The groups that get tuples by way of a repartition.
    pub(super) fn subscribers(&self, partition: NodeId) -> BTreeSet<usize> {
        let to = self.definition.outputs(partition);
        to.filter_map(|(node, _)| self.of.get(&node).copied()).collect()
    }

    /// The repartitions behind a group, in order.
    pub(super) fn outgoing(&self, group: usize) -> Vec<NodeId> {
        let partitions = self.definition.nodes.iter().filter(|node| node.is_partition());
        let behind = partitions.filter(|node| self.groups[group].contains(&node.inputs[0]));
        behind.map(|node| node.id).collect()
    }

    /// The repartitions before a group, in order.
    pub(super) fn incoming(&self, group: usize) -> Vec<NodeId> {
        let partitions = self.definition.nodes.iter().filter(|node| node.is_partition());
        partitions.map(|node| node.id).filter(|id| self.subscribers(*id).contains(&group)).collect()
    }

    /// The group before a repartition.
    pub(super) fn source(&self, partition: NodeId) -> usize {
        self.of[&self.node(partition).inputs[0]]
    }

    pub(super) fn stream(partition: NodeId) -> String {
        format!("s{partition}")
    }

    /// The streams of a group: one for each repartition behind it.
    pub(super) fn outputs(&self, group: usize) -> Outputs {
        let output = |partition: &NodeId| {
            let node = self.node(*partition);
            let identity = matches!(node.kind, NodeKind::Partition(Partitioning::Identity));
            let subscribers = self.subscribers(*partition);
            let to = subscribers.iter().map(|at| self.ids[*at].clone());
            let direct = identity.then(|| to.collect());
            Output::new(Self::stream(*partition), node.fields.clone(), direct)
        };
        Outputs(self.outgoing(group).iter().map(output).collect())
    }

    pub(super) fn resources(&self, group: usize) -> Resources {
        let nodes = self.groups[group].iter().map(|node| self.node(*node).resources);
        nodes.fold(Resources::default(), Resources::plus)
    }
}
