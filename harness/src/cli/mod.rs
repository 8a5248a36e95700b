//! The `weir` command.

mod command;
pub mod diagram;
mod dispatch;
pub mod exit;
mod failure;
mod terminal;
mod verify;

pub use command::{command, layers, texts};
pub use dispatch::main;
pub use failure::Failure;
