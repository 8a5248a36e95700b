//! Executors of Storm's model: typed bolts and spouts that host the tasks of a component.

mod bolt;
mod chores;
mod guard;
mod meter;
mod outlet;
mod plan;
mod spout;
mod starts;
mod tenure;

pub(crate) use bolt::BoltTasks;
pub(crate) use chores::{Chores, Queues};
pub(crate) use guard::{Restarts, Tether};
pub(crate) use meter::{Began, Meter, Samplers};
pub(crate) use outlet::{Address, Delivery, OutStream, OutSubscriber, Outlet, Parcel, Route};
pub(crate) use plan::{ByAddress, ExecutorPlan, StreamPlan, SubscriberPlan};
pub(crate) use spout::SpoutTasks;
pub(crate) use starts::Starts;
