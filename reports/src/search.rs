//! The document of `weir search`: what was tried to find the highest rate that an engine sustains, and
//! what came of it. It is apart from the results of runs: a rate found here is to be measured by `weir
//! run`, and the document says with which command.

mod file;
mod page;
pub mod schema;
mod sentence;
mod terminal;

pub use file::{Left, parse, save_search, write_search};
pub use page::html;
pub use sentence::answer;
pub use terminal::render;

#[cfg(test)]
pub(crate) mod tests;
