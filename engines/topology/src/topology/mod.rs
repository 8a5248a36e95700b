//! Topologies in Storm's form: declared by id, checked, and laid out as tasks and executors.

mod assignment;
mod builder;
mod declarer;
mod definition;
mod source;
mod validate;

pub use assignment::{Assignment, ComponentTasks};
pub use builder::TopologyBuilder;
pub use declarer::{BoltDeclarer, SpoutDeclarer};
pub use definition::StormTopology;
pub(crate) use definition::{ComponentDef, Factory, GroupingSpec, Subscription};
pub use source::StreamId;
