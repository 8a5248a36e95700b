//! Where the progress of spouts is kept.

mod codec;
mod files;
mod memory;
mod rotating;
mod view;

pub use files::FileStore;
pub use memory::MemoryStore;
pub use rotating::RotatingTransactionalState;
pub use view::{StoreError, TransactionalState, TransactionalStore};
