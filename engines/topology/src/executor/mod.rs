//! Executors of Storm's model: typed bolts and spouts that host the tasks of a component.

mod outlet;

pub(crate) use outlet::{Address, Delivery, OutStream, OutSubscriber, Outlet, Parcel, Route};
