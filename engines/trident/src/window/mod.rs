//! Windows over batches.

mod config;
mod content;
mod journal;
mod store;

pub(crate) use config::Cut;
pub use config::WindowConfig;
pub(crate) use content::Content;
pub(crate) use journal::{Journal, Missing, Taken};
pub use store::{MemoryWindowsStore, WindowsStore, WindowsStoreFactory};

#[cfg(test)]
mod tests;
