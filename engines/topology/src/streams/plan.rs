//! Which operations become one bolt.

use super::error::StreamError;
use super::graph::{Edge, Graph, Kind, Node, Partition, Process};
use super::processor::MakeProcessor;
use crate::windowing::WindowSpec;
use std::collections::{BTreeMap, BTreeSet};

/// A processor of a bolt, and which of its inputs.
pub(super) type Target = (usize, usize);

/// A processor of a bolt.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) make: MakeProcessor,
    pub(super) pair: bool,
    pub(super) ports: Vec<Port>,
}

/// Where an output of a processor goes.
#[derive(Clone, Default)]
pub(super) struct Port {
    pub(super) targets: Vec<Target>,
    /// The stream to other bolts.
    pub(super) stream: Option<String>,
}

/// A stream that a bolt subscribes to.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) component: String,
    pub(super) stream: String,
    pub(super) partition: Partition,
    /// Whether it comes from a spout, as tuples of any fields.
    pub(super) raw: bool,
    pub(super) pair: bool,
    /// Whether it tells when windows end.
    pub(super) windowed: bool,
    pub(super) targets: Vec<Target>,
}

/// A bolt.
#[derive(Clone, Default)]
pub(super) struct BoltPlan {
    /// Each comes after those that it gets something from.
    pub(super) steps: Vec<Step>,
    pub(super) inputs: Vec<Input>,
    /// The windows that it cuts.
    pub(super) window: Option<WindowSpec>,
    /// Whether it works by windows, its own or others'.
    pub(super) windowed: bool,
    /// Whether it holds items until a window ends.
    pub(super) batch: bool,
    pub(super) stateful: bool,
    /// The field in which it tells the time of what it emits.
    pub(super) time: Option<String>,
}

/// What a component is.
pub(super) enum Part {
    /// The user's, by node.
    Spout(usize),
    /// The user's, by node, and what it subscribes to.
    Bolt(usize, Input),
    /// Made of operations.
    Fused(BoltPlan),
}

/// A component.
pub(super) struct Component {
    pub(super) id: String,
    pub(super) parallelism: usize,
    pub(super) part: Part,
}

/// The graph, cut into groups of nodes that become one component each.
struct Cut<'g> {
    nodes: &'g [Node],
    /// By node, one node of its group.
    group: Vec<usize>,
}

/// Whether items can go along an edge without leaving their task.
fn stays(nodes: &[Node], edge: &Edge, child: &Node) -> bool {
    let parent = &nodes[edge.parent];
    matches!((&parent.kind, &child.kind), (Kind::Process(_), Kind::Process(_)))
        && edge.partition.is_none()
        && edge.window.is_none()
        && parent.parallelism == child.parallelism
        && parent.windowed == child.windowed
}

fn process(nodes: &[Node], node: usize) -> Option<&Process> {
    if let Kind::Process(process) = &nodes[node].kind { Some(process) } else { None }
}

impl<'g> Cut<'g> {
    fn new(nodes: &'g [Node]) -> Result<Self, StreamError> {
        let mut cut = Self { nodes, group: (0..nodes.len()).collect() };
        let beside = |at: usize| process(nodes, at).and_then(|process| process.beside);
        let queried: BTreeSet<usize> = (0..nodes.len()).filter_map(beside).collect();
        for (at, node) in nodes.iter().enumerate() {
            if let Some(state) = beside(at)
                && !cut.unite(at, state)
            {
                return Err(StreamError::QueryOfItself);
            }
            // State that is queried begins a bolt: what it is queried with may come from where its
            // updates do.
            if !queried.contains(&at) {
                for edge in node.edges.iter().filter(|edge| stays(nodes, edge, node)) {
                    cut.unite(at, edge.parent);
                }
            }
        }
        Ok(cut)
    }

    fn members(&self, group: usize) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(move |node| self.group[*node] == group)
    }

    fn windows(&self, group: usize) -> impl Iterator<Item = &'g WindowSpec> {
        let nodes = self.nodes;
        let edges = self.members(group).flat_map(move |node| &nodes[node].edges);
        edges.filter_map(|edge| edge.window.as_ref())
    }

    fn is_stateful(&self, group: usize) -> bool {
        self.members(group)
            .any(|node| process(self.nodes, node).is_some_and(|process| process.stateful))
    }

    /// Makes one group of those of two nodes, unless groups would feed each other in a circle, or one
    /// has windows and the other state.
    fn unite(&mut self, one: usize, other: usize) -> bool {
        let (keep, gone) = (self.group[one], self.group[other]);
        let before = self.group.clone();
        self.group.iter_mut().filter(|group| **group == gone).for_each(|group| *group = keep);
        let mixed = self.is_stateful(keep) && self.windows(keep).next().is_some();
        if mixed || self.order().is_none() {
            self.group = before;
            return false;
        }
        true
    }

    /// The groups, each after those that feed it, and else by their first node; `None` if that is not
    /// possible.
    fn order(&self) -> Option<Vec<usize>> {
        let mut feeds: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (at, node) in self.nodes.iter().enumerate() {
            for edge in &node.edges {
                let ends = (self.group[edge.parent], self.group[at]);
                if ends.0 != ends.1 {
                    feeds.insert(ends);
                } else if !stays(self.nodes, edge, node) {
                    return None;
                }
            }
        }
        let mut left: Vec<usize> = Vec::new();
        for group in &self.group {
            if !left.contains(group) {
                left.push(*group);
            }
        }
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let fed =
                |group: usize| feeds.iter().any(|(from, to)| *to == group && left.contains(from));
            let next = left.iter().position(|group| !fed(*group))?;
            ordered.push(left.remove(next));
        }
        Some(ordered)
    }
}

/// Makes components of a graph.
pub(super) fn plan(graph: &Graph) -> Result<Vec<Component>, StreamError> {
    let cut = Cut::new(&graph.nodes)?;
    let order = cut.order().ok_or(StreamError::QueryOfItself)?;
    let (mut ids, mut spouts, mut bolts) = (BTreeMap::new(), 0, 0);
    for group in &order {
        let is_spout =
            cut.members(*group).any(|node| matches!(cut.nodes[node].kind, Kind::Spout(_)));
        let (kind, number) = if is_spout { ("spout", &mut spouts) } else { ("bolt", &mut bolts) };
        *number += 1;
        ids.insert(*group, format!("{kind}{number}"));
    }
    let planner = Planner { cut, ids };
    let mut components =
        order.iter().map(|group| planner.component(*group)).collect::<Result<Vec<_>, _>>()?;
    tell_times(&mut components)?;
    Ok(components)
}

struct Planner<'g> {
    cut: Cut<'g>,
    /// By group, the id of its component.
    ids: BTreeMap<usize, String>,
}

impl Planner<'_> {
    fn component(&self, group: usize) -> Result<Component, StreamError> {
        let members: Vec<usize> = self.cut.members(group).collect();
        let first = &self.cut.nodes[members[0]];
        let part = match &first.kind {
            Kind::Spout(_) => Part::Spout(members[0]),
            Kind::Bolt(_) => Part::Bolt(members[0], self.input(&first.edges[0])),
            Kind::Process(_) => Part::Fused(self.fused(group, &members)?),
        };
        Ok(Component { id: self.ids[&group].clone(), parallelism: first.parallelism, part })
    }

    /// What comes along an edge from another component.
    fn input(&self, edge: &Edge) -> Input {
        let parent = &self.cut.nodes[edge.parent];
        Input {
            component: self.ids[&self.cut.group[edge.parent]].clone(),
            stream: parent.streams[edge.port].clone(),
            partition: edge.partition.unwrap_or(Partition::Shuffle),
            raw: matches!(parent.kind, Kind::Spout(_)),
            pair: parent.pair,
            windowed: parent.windowed,
            targets: Vec::new(),
        }
    }

    fn fused(&self, group: usize, members: &[usize]) -> Result<BoltPlan, StreamError> {
        let nodes = self.cut.nodes;
        let mut plan = BoltPlan { window: self.window(group)?, ..BoltPlan::default() };
        let place = |node: usize| members.iter().position(|member| *member == node);
        for (at, node) in members.iter().map(|member| &nodes[*member]).enumerate() {
            let Kind::Process(process) = &node.kind else { continue };
            let ports = vec![Port::default(); node.streams.len()];
            plan.steps.push(Step { make: process.make.clone(), pair: node.pair, ports });
            plan.windowed |= node.windowed;
            plan.batch |= process.batch;
            plan.stateful |= process.stateful;
            for (input, edge) in node.edges.iter().enumerate() {
                match place(edge.parent) {
                    Some(parent) => {
                        plan.steps[parent].ports[edge.port].targets.push((at, input));
                    }
                    None => add_input(&mut plan.inputs, self.input(edge), (at, input)),
                }
            }
        }
        for (_, child) in nodes.iter().enumerate().filter(|(at, _)| place(*at).is_none()) {
            for edge in &child.edges {
                if let Some(parent) = place(edge.parent) {
                    let stream = nodes[edge.parent].streams[edge.port].clone();
                    plan.steps[parent].ports[edge.port].stream = Some(stream);
                }
            }
        }
        if plan.stateful && plan.window.is_some() {
            return Err(StreamError::StateOfWindow);
        }
        Ok(plan)
    }

    /// The windows that a group cuts.
    fn window(&self, group: usize) -> Result<Option<WindowSpec>, StreamError> {
        let mut windows = self.cut.windows(group);
        let Some(first) = windows.next() else { return Ok(None) };
        if windows.all(|other| other == first) {
            return Ok(Some(first.clone()));
        }
        Err(StreamError::TwoWindows { bolt: self.ids[&group].clone() })
    }
}

/// Adds a stream, or another target of a stream that is there.
fn add_input(inputs: &mut Vec<Input>, input: Input, target: Target) {
    let same =
        |known: &&mut Input| known.component == input.component && known.stream == input.stream;
    match inputs.iter_mut().find(same) {
        Some(known) => known.targets.push(target),
        None => inputs.push(Input { targets: vec![target], ..input }),
    }
}

/// Has every bolt tell the time that windows behind it go by.
fn tell_times(components: &mut [Component]) -> Result<(), StreamError> {
    // By component, the field that those behind it read.
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for component in components.iter_mut().rev() {
        let Part::Fused(plan) = &mut component.part else { continue };
        plan.time = wanted.get(&component.id).cloned();
        let reads = match &plan.window {
            Some(window) => window.timestamp_field().map(str::to_owned),
            None => plan.time.clone(),
        };
        let Some(reads) = reads else { continue };
        for input in plan.inputs.iter().filter(|input| !input.raw) {
            let known = wanted.entry(input.component.clone()).or_insert_with(|| reads.clone());
            if *known != reads {
                let (first, second) = (known.clone(), reads);
                return Err(StreamError::TwoTimestamps {
                    bolt: input.component.clone(),
                    first,
                    second,
                });
            }
        }
    }
    Ok(())
}
