//! Topologies in Storm's form, from their declaration to what they did.

mod acking;
mod components;
mod faults;
mod lifecycle;
mod metrics;
mod watched;
