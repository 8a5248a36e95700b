//! The typed form, and the contract on it.

mod busy;
mod failures;
mod flow;
mod native;
mod support;
mod time;
