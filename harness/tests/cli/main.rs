//! The `weir` command as its users meet it: a process, its arguments, its output and its exit code.

mod compare;
mod csv;
mod help;
mod inputs;
mod process;
mod run;
mod search;
mod selftest;
mod settings;
mod sweep;
mod verify;
