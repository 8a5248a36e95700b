//! The `weir` command.

mod command;
mod compare;
mod deserved;
pub mod diagram;
mod dispatch;
mod doctor;
pub mod exit;
mod export;
mod failure;
mod interrupt;
mod place;
mod search;
mod selftest;
mod sweep;
mod terminal;
mod verify;

pub use command::{command, layers, texts};
pub use dispatch::main;
pub use failure::Failure;
