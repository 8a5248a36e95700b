//! Windows over batches.

mod store;

pub use store::{MemoryWindowsStore, WindowsStore, WindowsStoreFactory};
