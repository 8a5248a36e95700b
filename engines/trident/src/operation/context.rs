//! What an operation knows of its place.

use crate::state::PartitionId;
use weir_topology::{Config, TopologyContext};

/// What an operation knows of its place in the topology. Storm's `TridentOperationContext`.
#[derive(Clone, Debug)]
pub struct TridentOperationContext {
    pub(crate) conf: Config,
    pub(crate) partition: PartitionId,
    pub(crate) topology: TopologyContext,
}

impl TridentOperationContext {
    /// The configuration of the component.
    #[must_use]
    pub const fn conf(&self) -> &Config {
        &self.conf
    }

    /// Which of its partitions this is.
    #[must_use]
    pub const fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The place in the topology underneath.
    #[must_use]
    pub const fn topology(&self) -> &TopologyContext {
        &self.topology
    }
}
