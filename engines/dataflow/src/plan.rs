//! What an engine will run, for people to read.

/// What a node of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Reads the input.
    Source,
    /// Works on records.
    Operator,
    /// Keeps state.
    State,
    /// Takes the results.
    Sink,
    /// Serves the engine itself: an acker, a scheduler.
    System,
}

/// One thing that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name in the engine's own terms, such as `split` or `stage 1: map-side combine`.
    pub label: String,
    /// What it is.
    pub kind: NodeKind,
    /// How many tasks it has.
    pub tasks: usize,
}

/// How records get from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Index of the sending node.
    pub from: usize,
    /// Index of the receiving node.
    pub to: usize,
    /// How, such as `fields grouping` or `shuffle`. Empty where they are one loop.
    pub label: String,
}

/// A run's nodes and edges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In topological order.
    pub nodes: Vec<Node>,
    /// In the order they were made.
    pub edges: Vec<Edge>,
}

impl Plan {
    /// Adds a node and returns its index.
    pub fn node(&mut self, label: impl Into<String>, kind: NodeKind, tasks: usize) -> usize {
        self.nodes.push(Node { label: label.into(), kind, tasks });
        self.nodes.len() - 1
    }

    /// Adds an edge.
    pub fn edge(&mut self, from: usize, to: usize, label: impl Into<String>) {
        self.edges.push(Edge { from, to, label: label.into() });
    }
}
