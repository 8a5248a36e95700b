//! Topologies in Storm's form, from their declaration to what they did.

mod acking;
mod components;
mod deaths;
mod ending;
#[path = "../../examples/stateful_word_count/components.rs"]
mod exactly_once;
mod faults;
mod lifecycle;
mod metrics;
mod pauses;
mod starts;
mod state;
mod streams;
mod watched;
mod window_bolts;
mod windows;
