//! Topologies in Storm's form: declared by id, checked, and laid out as tasks and executors.

mod assignment;
mod builder;
mod checkpoints;
mod declarer;
mod definition;
mod groupings;
mod source;
mod validate;

pub(crate) use assignment::ackers;
pub use assignment::{Assignment, ComponentTasks};
pub use builder::TopologyBuilder;
pub use declarer::{BoltDeclarer, SpoutDeclarer};
pub use definition::StormTopology;
pub(crate) use definition::{
    ComponentDef, Factory, GroupingSpec, Subscription, component_conf, normalised_conf,
};
pub use source::StreamId;
pub(crate) use validate::in_order;
