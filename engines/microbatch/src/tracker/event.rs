//! Blocks, and what is written down about them.

use crate::wal::WalHandle;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of a received block: `input-<stream>-<number>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockId {
    /// The input stream.
    pub stream_id: usize,
    /// The beginning of its interval in ms, or a number of the receiver's own.
    pub unique_id: u64,
}

impl BlockId {
    /// Names a block.
    #[must_use]
    pub const fn new(stream_id: usize, unique_id: u64) -> Self {
        Self { stream_id, unique_id }
    }
}

impl std::fmt::Display for BlockId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "input-{}-{}", self.stream_id, self.unique_id)
    }
}

/// A block that a receiver has stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedBlockInfo {
    /// Its name; the stream is part of it.
    pub block_id: BlockId,
    /// How many records are in it; None for bytes that nobody has looked into.
    pub num_records: Option<u64>,
    /// Where it is in the receiver's log, if there is one.
    pub wal_handle: Option<WalHandle>,
    /// Whether the block may be in memory under its name. Not so after a recovery: then the log is
    /// the only place to look.
    pub is_block_id_valid: bool,
}

impl ReceivedBlockInfo {
    /// A block in memory.
    #[must_use]
    pub const fn new(block_id: BlockId, num_records: Option<u64>) -> Self {
        Self { block_id, num_records, wal_handle: None, is_block_id_valid: true }
    }
}

/// What the driver's log holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogEvent {
    /// A block has been received.
    BlockAddition(ReceivedBlockInfo),
    /// Blocks have been given to a batch.
    BatchAllocation {
        /// The batch.
        batch_ms: u64,
        /// Its blocks by stream, in the order of arrival.
        blocks: BTreeMap<usize, Vec<ReceivedBlockInfo>>,
    },
    /// Batches are not needed any more.
    BatchCleanup {
        /// Their times.
        batches_ms: Vec<u64>,
    },
}

impl LogEvent {
    /// For a log.
    ///
    /// # Errors
    ///
    /// The encoder's.
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_stdvec(self)
    }

    /// From a log.
    ///
    /// # Errors
    ///
    /// The bytes are no event, or more than one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, postcard::Error> {
        let (event, rest) = postcard::take_from_bytes(bytes)?;
        if rest.is_empty() { Ok(event) } else { Err(postcard::Error::DeserializeBadEncoding) }
    }
}
