//! Executors of Storm's model: typed bolts and spouts that host the tasks of a component.

mod bolt;
mod guard;
mod outlet;
mod plan;
mod spout;

pub(crate) use bolt::BoltTasks;
pub(crate) use guard::{Restarts, Tether};
pub(crate) use outlet::{Address, Delivery, OutStream, OutSubscriber, Outlet, Parcel, Route};
pub(crate) use plan::{ByAddress, ExecutorPlan, StreamPlan, SubscriberPlan};
pub(crate) use spout::SpoutTasks;
