//! Windows over batches.

mod config;
mod content;
mod store;

pub(crate) use config::Cut;
pub use config::WindowConfig;
pub(crate) use content::Content;
pub use store::{MemoryWindowsStore, WindowsStore, WindowsStoreFactory};
