//! Requests that a topology answers: distributed remote procedure calls, within one process.

mod json;
mod returning;
mod server;
mod spout;

pub(crate) use returning::Returning;
pub use server::{DrpcError, LocalDrpc};
pub(crate) use server::{Request, ReturnInfo};
pub(crate) use spout::{DrpcSpout, FIELDS};
