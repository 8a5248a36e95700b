//! The `weir` command.

mod command;
pub mod diagram;
pub mod exit;

pub use command::{command, layers, texts};
