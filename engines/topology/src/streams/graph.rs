//! What has been said of streams: a graph of spouts, processors, and bolts that they end in.

use super::error::StreamError;
use super::processor::MakeProcessor;
use crate::TopologyBuilder;
use crate::windowing::{WindowConfig, WindowSpec};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// How the items of a stream find their task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partition {
    Shuffle,
    /// By the key of pairs, or by the item itself.
    Key,
    Global,
}

/// Declares a component of the user under an id and with a parallelism.
pub(super) type Declare = Arc<dyn Fn(&mut TopologyBuilder, &str, usize)>;

pub(super) enum Kind {
    Spout(Declare),
    Bolt(Declare),
    Process(Process),
}

pub(super) struct Process {
    pub(super) make: MakeProcessor,
    /// Whether it holds items until their window ends.
    pub(super) batch: bool,
    /// Whether it keeps state.
    pub(super) stateful: bool,
    /// The node whose task it must share.
    pub(super) beside: Option<usize>,
}

impl Process {
    pub(super) const fn step(make: MakeProcessor) -> Self {
        Self { make, batch: false, stateful: false, beside: None }
    }

    pub(super) const fn batch(make: MakeProcessor) -> Self {
        Self { make, batch: true, stateful: false, beside: None }
    }
}

/// From where items come to a node.
#[derive(Clone)]
pub(super) struct Edge {
    pub(super) parent: usize,
    pub(super) port: usize,
    /// `None` where they can stay in their task.
    pub(super) partition: Option<Partition>,
    pub(super) window: Option<WindowSpec>,
}

pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) edges: Vec<Edge>,
    pub(super) parallelism: usize,
    /// Whether its items have been through windows.
    pub(super) windowed: bool,
    /// Whether it emits pairs.
    pub(super) pair: bool,
    /// By port, the stream.
    pub(super) streams: Vec<String>,
}

/// Nodes come after those that they have edges from.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) errors: Vec<StreamError>,
    streams: usize,
}

impl Graph {
    pub(super) fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(super) fn next_stream(&mut self) -> String {
        self.streams += 1;
        format!("s{}", self.streams)
    }

    pub(super) fn spouts(&self) -> usize {
        self.nodes.iter().filter(|node| matches!(node.kind, Kind::Spout(_))).count()
    }
}

/// Where the items of a stream are to be had, and what is to be done with them on the way.
#[derive(Clone)]
pub(super) struct Tap {
    pub(super) graph: Rc<RefCell<Graph>>,
    pub(super) node: usize,
    pub(super) port: usize,
    pub(super) parallelism: usize,
    pub(super) partition: Option<Partition>,
    pub(super) window: Option<WindowSpec>,
    /// Whether items have been through windows, the one here included.
    pub(super) windowed: bool,
    /// Whether items with one key are in one task.
    pub(super) keyed: bool,
}

impl Tap {
    fn edge(&self) -> Edge {
        let (partition, window) = (self.partition, self.window.clone());
        Edge { parent: self.node, port: self.port, partition, window }
    }

    /// The outputs of a node that takes this stream, and others.
    pub(super) fn through<const PORTS: usize>(
        &self,
        others: &[&Self],
        process: Process,
        pair: bool,
    ) -> [Self; PORTS] {
        let graph = Rc::clone(&self.graph);
        let mut nodes = self.graph.borrow_mut();
        if others.iter().any(|other| !Rc::ptr_eq(&graph, &other.graph)) {
            nodes.errors.push(StreamError::ForeignStream);
            drop(nodes);
            return std::array::from_fn(|_| self.clone());
        }
        let taps = std::iter::once(self).chain(others.iter().copied());
        let (edges, windowed): (Vec<_>, Vec<_>) =
            taps.map(|tap| (tap.edge(), tap.windowed)).unzip();
        let windowed = match process.beside {
            Some(node) => nodes.nodes[node].windowed,
            None => windowed.contains(&true),
        };
        let streams = (0..PORTS).map(|_| nodes.next_stream()).collect();
        let parallelism = self.parallelism;
        let kind = Kind::Process(process);
        let node = nodes.add(Node { kind, edges, parallelism, windowed, pair, streams });
        drop(nodes);
        std::array::from_fn(|port| Self {
            graph: Rc::clone(&graph),
            node,
            port,
            parallelism,
            partition: None,
            window: None,
            windowed,
            keyed: false,
        })
    }

    /// The output of a node that takes this stream.
    pub(super) fn then(&self, process: Process, pair: bool) -> Self {
        let [out] = self.through(&[], process, pair);
        out
    }

    /// The output of a node that asks for the state of another.
    pub(super) fn then_beside(&self, state: &Self, process: Process) -> Self {
        if Rc::ptr_eq(&self.graph, &state.graph) {
            return self.then(process, true);
        }
        self.graph.borrow_mut().errors.push(StreamError::ForeignStream);
        self.clone()
    }

    /// The same, of a node that leaves keys as they are.
    pub(super) fn then_keyed(&self, process: Process, pair: bool) -> Self {
        Self { keyed: self.keyed, ..self.then(process, pair) }
    }

    pub(super) fn end_in_bolt(&self, declare: Declare, parallelism: usize) {
        let mut graph = self.graph.borrow_mut();
        if self.window.is_some() {
            graph.errors.push(StreamError::WindowIntoBolt);
        }
        graph.add(Node {
            kind: Kind::Bolt(declare),
            edges: vec![self.edge()],
            parallelism,
            windowed: self.windowed,
            pair: false,
            streams: Vec::new(),
        });
    }

    pub(super) fn repartitioned(&self, parallelism: usize) -> Self {
        let partition = Some(Partition::Shuffle);
        Self { partition, parallelism, keyed: false, ..self.clone() }
    }

    /// The stream with all items in one task.
    pub(super) fn global(&self) -> Self {
        // Tasks without items would have no windows, and those behind would wait for them.
        let parallelism = if self.window.is_some() { 1 } else { self.parallelism };
        Self { partition: Some(Partition::Global), parallelism, keyed: true, ..self.clone() }
    }

    /// The stream with all items of a key in one of `parallelism` tasks.
    pub(super) fn by_key(&self, parallelism: usize) -> Self {
        if self.parallelism == parallelism && (self.keyed || parallelism == 1) {
            return Self { keyed: true, ..self.clone() };
        }
        Self { partition: Some(Partition::Key), parallelism, keyed: true, ..self.clone() }
    }

    pub(super) fn windowed(&self, window: WindowConfig) -> Self {
        let mut tap = Self { windowed: true, ..self.clone() };
        let mut graph = self.graph.borrow_mut();
        if self.window.is_some() {
            graph.errors.push(StreamError::WindowOfWindow);
        }
        match window.build() {
            Ok(window) => tap.window = Some(window),
            Err(error) => graph.errors.push(error.into()),
        }
        drop(graph);
        tap
    }

    /// Whether parts are better aggregated where they are, and then brought together: if the windows
    /// have been cut already, in several tasks.
    pub(super) fn has_parts(&self) -> bool {
        self.parallelism > 1 && self.windowed && self.window.is_none() && self.partition.is_none()
    }
}
