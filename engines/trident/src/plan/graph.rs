//! What has been said of streams: operations, and where tuples are repartitioned between them.

use crate::TridentError;
use crate::drpc::LocalDrpc;
use crate::processor::Processor;
use crate::spout::TridentSpout;
use crate::state::PartitionId;
use crate::store::TransactionalStore;
use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use weir_topology::grouping::StreamGrouping;
use weir_topology::{ComponentError, Config, Fields};

/// The place of a node among all; operations come after those they take tuples from.
pub(crate) type NodeId = usize;

/// How tuples are spread over the tasks of what follows.
#[derive(Clone)]
pub(crate) enum Partitioning {
    Fields(Fields),
    Shuffle,
    LocalOrShuffle,
    /// All to the first task.
    Global,
    /// All tuples of a batch to one task.
    BatchGlobal,
    Broadcast,
    /// To the task of the same place.
    Identity,
    Custom(Arc<dyn Fn() -> Box<dyn StreamGrouping> + Send + Sync>),
}

impl fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fields(_) => "partition by",
            Self::Shuffle => "shuffle",
            Self::LocalOrShuffle => "local or shuffle",
            Self::Global => "global",
            Self::BatchGlobal => "batch global",
            Self::Broadcast => "broadcast",
            Self::Identity => "identity",
            Self::Custom(_) => "custom",
        })
    }
}

/// An operation.
#[derive(Clone)]
pub(crate) struct ProcessorNode {
    pub(crate) make: Arc<dyn Fn() -> Box<dyn Processor> + Send + Sync>,
    /// Whether it waits for its batch to be committed.
    pub(crate) committer: bool,
}

#[derive(Clone)]
pub(crate) enum NodeKind {
    Spout {
        txid: String,
        spout: Arc<dyn TridentSpout>,
    },
    Drpc {
        function: String,
        server: LocalDrpc,
    },
    Partition(Partitioning),
    Processor(ProcessorNode),
    /// A state that is only queried.
    State,
}

impl fmt::Debug for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spout { txid, .. } => write!(f, "Spout({txid})"),
            Self::Drpc { function, .. } => write!(f, "Drpc({function})"),
            Self::Partition(partitioning) => write!(f, "Partition({partitioning:?})"),
            Self::Processor(node) => write!(f, "Processor(committer: {})", node.committer),
            Self::State => f.write_str("State"),
        }
    }
}

/// What a component is thought to need. Recorded in the configuration of the component, under Storm's
/// keys; the engine does not act on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Resources {
    /// In per cent of a core.
    pub cpu: Option<f64>,
    /// In megabytes; of a Java process, within its heap.
    pub onheap_mb: Option<f64>,
    /// In megabytes, outside of the heap.
    pub offheap_mb: Option<f64>,
}

impl Resources {
    const CPU: &str = "topology.component.cpu.pcore.percent";
    const ONHEAP: &str = "topology.component.resources.onheap.memory.mb";
    const OFFHEAP: &str = "topology.component.resources.offheap.memory.mb";

    /// What operations in one component need together.
    pub(crate) fn plus(self, other: Self) -> Self {
        let add = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Self {
            cpu: add(self.cpu, other.cpu),
            onheap_mb: add(self.onheap_mb, other.onheap_mb),
            offheap_mb: add(self.offheap_mb, other.offheap_mb),
        }
    }

    /// As settings of a component.
    pub(crate) fn settings(self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = [
            (Self::CPU, self.cpu),
            (Self::ONHEAP, self.onheap_mb),
            (Self::OFFHEAP, self.offheap_mb),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    /// What is recorded in the configuration of a component.
    #[must_use]
    pub fn of(conf: &Config) -> Self {
        let read = |key| conf.get(key).and_then(|value| value.as_float());
        let (cpu, onheap_mb, offheap_mb) =
            (read(Self::CPU), read(Self::ONHEAP), read(Self::OFFHEAP));
        Self { cpu, onheap_mb, offheap_mb }
    }
}

/// A node of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) name: Option<String>,
    /// The fields of the tuples that come out of it.
    pub(crate) fields: Fields,
    pub(crate) inputs: Vec<NodeId>,
    pub(crate) parallelism: Option<usize>,
    pub(crate) resources: Resources,
    pub(crate) kind: NodeKind,
}

impl Node {
    pub(crate) const fn is_source(&self) -> bool {
        matches!(self.kind, NodeKind::Spout { .. } | NodeKind::Drpc { .. })
    }

    pub(crate) const fn is_partition(&self) -> bool {
        matches!(self.kind, NodeKind::Partition(_))
    }

    pub(crate) const fn is_committer(&self) -> bool {
        matches!(self.kind, NodeKind::Processor(ProcessorNode { committer: true, .. }))
    }
}

/// Makes a state of a partition, on the thread that it lives on.
type MakeState = dyn Fn(&Config, PartitionId) -> Result<Rc<dyn Any>, ComponentError> + Send + Sync;

/// A state, and the operations that need it in their task.
#[derive(Clone)]
pub(crate) struct StateDef {
    pub(crate) make: Arc<MakeState>,
    pub(crate) required_partitions: Option<usize>,
    pub(crate) nodes: Vec<NodeId>,
}

impl fmt::Debug for StateDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateDef({:?})", self.nodes)
    }
}

/// All that has been said of a Trident topology.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) nodes: Vec<Node>,
    pub(crate) states: Vec<StateDef>,
    pub(crate) errors: Vec<TridentError>,
    pub(crate) store: Arc<dyn TransactionalStore>,
}

impl Definition {
    pub(crate) fn add(
        &mut self,
        name: Option<String>,
        fields: Fields,
        inputs: Vec<NodeId>,
        kind: NodeKind,
    ) -> NodeId {
        let id = self.nodes.len();
        let (parallelism, resources) = (None, Resources::default());
        self.nodes.push(Node { id, name, fields, inputs, parallelism, resources, kind });
        id
    }

    /// The nodes that take tuples from one, in order, and as which of their inputs; once per input.
    pub(crate) fn outputs(&self, of: NodeId) -> impl Iterator<Item = (NodeId, usize)> {
        self.nodes.iter().flat_map(move |node| {
            let inputs = node.inputs.iter().enumerate();
            inputs.filter(move |(_, input)| **input == of).map(|(from, _)| (node.id, from))
        })
    }

    /// The nodes that hang together, each with the number of its part; parts in the order of their
    /// first nodes.
    pub(crate) fn parts(&self) -> Vec<usize> {
        let mut part: Vec<usize> = (0..self.nodes.len()).collect();
        loop {
            let mut changed = false;
            for node in &self.nodes {
                for input in &node.inputs {
                    let least = part[node.id].min(part[*input]);
                    changed |= part[node.id] != least || part[*input] != least;
                    (part[node.id], part[*input]) = (least, least);
                }
            }
            if !changed {
                break;
            }
        }
        let mut firsts: Vec<usize> = part.clone();
        firsts.sort_unstable();
        firsts.dedup();
        part.iter().map(|first| firsts.binary_search(first).unwrap_or_default()).collect()
    }
}
