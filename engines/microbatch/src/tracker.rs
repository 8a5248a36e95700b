//! Which received blocks belong to which batch.

mod event;
mod received;

pub use event::{BlockId, LogEvent, ReceivedBlockInfo};
pub use received::{BlocksByStream, ReceivedBlockTracker, TrackerError};
