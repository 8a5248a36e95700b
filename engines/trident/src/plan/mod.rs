//! From streams to the components of a topology.

mod components;
mod graph;
mod groups;
mod join;
mod layout;
mod results;

pub use graph::Resources;
pub(crate) use graph::{Definition, Node, NodeId, NodeKind, Partitioning, ProcessorNode, StateDef};
pub use join::JoinType;
pub(crate) use join::Joiner;
pub(crate) use layout::plan;
