//! Which operations share a bolt.

use super::{Definition, NodeId, NodeKind, Partitioning};
use std::collections::{BTreeMap, BTreeSet};

/// Operations that share a bolt: no repartition lies between them. Storm's `Group`.
pub(super) type Group = BTreeSet<NodeId>;

/// The group of each node that is in one.
pub(super) fn by_node(groups: &[Group]) -> BTreeMap<NodeId, usize> {
    let numbered = groups.iter().enumerate();
    numbered.flat_map(|(at, group)| group.iter().map(move |node| (*node, at))).collect()
}

/// Groups of operations, merged as far as they can be: with what follows or comes before, if that is one
/// group only. Storm's `GraphGrouper.mergeFully`. Those that share a state come first.
pub(super) fn merged(definition: &Definition) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let together = |groups: &mut Vec<Group>, nodes: &[NodeId]| {
        // A node that needs two states brings their groups together.
        let mut all: Group = nodes.iter().copied().collect();
        groups.retain(|group| {
            let shares = !group.is_disjoint(&all);
            if shares {
                all.extend(group);
            }
            !shares
        });
        groups.push(all);
    };
    for state in definition.states.iter().filter(|state| !state.nodes.is_empty()) {
        together(&mut groups, &state.nodes);
    }
    let taken = by_node(&groups);
    for node in &definition.nodes {
        let operates = !node.is_source() && !node.is_partition();
        if operates && !taken.contains_key(&node.id) {
            groups.push(Group::from([node.id]));
        }
    }
    while merge_one(definition, &mut groups) {}
    // A state that nobody asks for is not made.
    let is_state = |node: &NodeId| matches!(definition.nodes[*node].kind, NodeKind::State);
    groups.retain(|group| !group.iter().all(is_state));
    groups
}

fn merge_one(definition: &Definition, groups: &mut Vec<Group>) -> bool {
    let of = by_node(groups);
    let only = |at: usize, nodes: BTreeSet<NodeId>| -> Option<usize> {
        let others = nodes.iter().filter(|node| of.get(*node) != Some(&at));
        let others: BTreeSet<Option<usize>> = others.map(|node| of.get(node).copied()).collect();
        match others.into_iter().collect::<Vec<_>>()[..] {
            [Some(other)] => Some(other),
            _ => None,
        }
    };
    for at in 0..groups.len() {
        let outgoing =
            groups[at].iter().flat_map(|node| definition.outputs(*node)).map(|(to, _)| to);
        let incoming = groups[at].iter().flat_map(|node| &definition.nodes[*node].inputs).copied();
        let other = only(at, outgoing.collect()).or_else(|| only(at, incoming.collect()));
        if let Some(other) = other {
            let (first, second) = (at.min(other), at.max(other));
            let mut union = groups.remove(second);
            union.extend(groups.remove(first));
            groups.push(union);
            return true;
        }
    }
    false
}

/// Puts a repartition that changes nothing between groups that follow one another without any, and
/// between spouts and what follows them.
pub(super) fn separate(definition: &mut Definition, groups: &[Group]) {
    let of = by_node(groups);
    let mut between: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for node in 0..definition.nodes.len() {
        if definition.nodes[node].is_partition() {
            continue;
        }
        for at in 0..definition.nodes[node].inputs.len() {
            let input = definition.nodes[node].inputs[at];
            let inner = of.contains_key(&input) && of.get(&input) == of.get(&node);
            if inner || definition.nodes[input].is_partition() {
                continue;
            }
            let partition = *between.entry(input).or_insert_with(|| {
                let (name, fields) =
                    (definition.nodes[input].name.clone(), definition.nodes[input].fields.clone());
                let kind = NodeKind::Partition(Partitioning::Identity);
                definition.add(name, fields, vec![input], kind)
            });
            definition.nodes[node].inputs[at] = partition;
        }
    }
}
