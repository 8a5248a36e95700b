//! Where received blocks are kept.

use super::ReceivedBlock;
use crate::tracker::{BlockId, ReceivedBlockInfo};
use crate::wal::{WalError, WriteAheadLog};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;
use thiserror::Error;
use weir_dataflow::{Clock, FastState};

/// Where blocks may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageLevel {
    /// In memory; what does not fit is refused.
    MemoryOnly,
    /// In memory; what does not fit goes to disk.
    #[default]
    MemoryAndDisk,
    /// On disk.
    DiskOnly,
}

impl From<crate::StorageLevel> for StorageLevel {
    /// As far as it matters to blocks: memory, disk, or both.
    fn from(level: crate::StorageLevel) -> Self {
        match (level.uses_memory(), level.uses_disk()) {
            (true, false) => Self::MemoryOnly,
            (false, true) => Self::DiskOnly,
            // Blocks that were received must be somewhere.
            (true, true) | (false, false) => Self::MemoryAndDisk,
        }
    }
}

/// Why a block could not be stored or read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room.
    #[error(
        "Could not store {block}: {bytes} bytes do not fit in memory ({free} free); use a storage \
         level with disk, or give more memory"
    )]
    NoRoom {
        /// The block.
        block: BlockId,
        /// How large it is.
        bytes: u64,
        /// How much is left.
        free: u64,
    },
    /// The block is nowhere.
    #[error(
        "block {block} is not there any more and in no log; enable the receiver's write-ahead log"
    )]
    Missing {
        /// The block.
        block: BlockId,
    },
    /// It cannot be turned into bytes, or back.
    #[error(
        "block {block} cannot be encoded or decoded: {reason}; use types that serde can round-trip"
    )]
    Codec {
        /// The block.
        block: BlockId,
        /// Why.
        reason: String,
    },
    /// The disk refused it.
    #[error("Could not store {block} on disk: {reason}; check the temporary folder")]
    Disk {
        /// The block.
        block: BlockId,
        /// The system's reason.
        reason: String,
    },
    /// The log refused it.
    #[error("Could not store {block} in the write-ahead log: {source}")]
    Log {
        /// The block.
        block: BlockId,
        /// Why.
        #[source]
        source: WalError,
    },
}

type Encode<T> = dyn Fn(&[T]) -> Result<Vec<u8>, String> + Send + Sync;
type Decode<T> = dyn Fn(&[u8]) -> Result<Vec<T>, String> + Send + Sync;

/// Turns records into bytes and back.
pub struct Codec<T> {
    encode: Arc<Encode<T>>,
    decode: Arc<Decode<T>>,
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        Self { encode: Arc::clone(&self.encode), decode: Arc::clone(&self.decode) }
    }
}

impl<T> std::fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

impl<T: Serialize + DeserializeOwned> Codec<T> {
    /// What serde says, in the postcard format. Bytes behind the records are refused.
    #[must_use]
    pub fn serde() -> Self {
        Self::new(
            |records| postcard::to_stdvec(records).map_err(|error| error.to_string()),
            |bytes| {
                let taken = postcard::take_from_bytes(bytes);
                let (records, rest) = taken.map_err(|error| error.to_string())?;
                let more = || format!("{} bytes follow the records", rest.len());
                if rest.is_empty() { Ok(records) } else { Err(more()) }
            },
        )
    }
}

impl<T> Codec<T> {
    /// A codec of the user's own.
    pub fn new(
        encode: impl Fn(&[T]) -> Result<Vec<u8>, String> + Send + Sync + 'static,
        decode: impl Fn(&[u8]) -> Result<Vec<T>, String> + Send + Sync + 'static,
    ) -> Self {
        Self { encode: Arc::new(encode), decode: Arc::new(decode) }
    }

    fn encode(&self, block: BlockId, records: &[T]) -> Result<Vec<u8>, StoreError> {
        (self.encode)(records).map_err(|reason| StoreError::Codec { block, reason })
    }

    fn decode(&self, block: BlockId, bytes: &[u8]) -> Result<Vec<T>, StoreError> {
        (self.decode)(bytes).map_err(|reason| StoreError::Codec { block, reason })
    }
}

#[derive(Clone)]
enum Kept<T> {
    Memory(Arc<Vec<T>>, u64),
    Disk(PathBuf),
}

struct State<T> {
    blocks: HashMap<BlockId, Kept<T>, FastState>,
    used_bytes: u64,
    folder: Option<TempDir>,
}

/// Blocks in memory, up to a number of bytes, and in a temporary folder.
pub struct BlockStore<T> {
    codec: Codec<T>,
    max_bytes: u64,
    state: Mutex<State<T>>,
}

impl<T: Send + Sync> BlockStore<T> {
    /// A store that keeps at most `max_bytes` of encoded records in memory.
    #[must_use]
    pub fn new(codec: Codec<T>, max_bytes: u64) -> Self {
        let state = State { blocks: HashMap::default(), used_bytes: 0, folder: None };
        Self { codec, max_bytes, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a block.
    ///
    /// # Errors
    ///
    /// It does not fit, or the disk refuses it.
    pub fn put(
        &self,
        block: BlockId,
        records: Vec<T>,
        level: StorageLevel,
    ) -> Result<(), StoreError> {
        let encoded = self.codec.encode(block, &records)?;
        self.keep(block, records, &encoded, level)
    }

    /// Keeps a block that has been encoded already.
    fn keep(
        &self,
        block: BlockId,
        records: Vec<T>,
        encoded: &[u8],
        level: StorageLevel,
    ) -> Result<(), StoreError> {
        let bytes = encoded.len() as u64;
        let mut state = self.state();
        let free = self.max_bytes - state.used_bytes;
        let kept = match level {
            StorageLevel::MemoryOnly | StorageLevel::MemoryAndDisk if bytes <= free => {
                state.used_bytes += bytes;
                Kept::Memory(Arc::new(records), bytes)
            }
            StorageLevel::MemoryOnly => return Err(StoreError::NoRoom { block, bytes, free }),
            StorageLevel::MemoryAndDisk | StorageLevel::DiskOnly => {
                let refuse =
                    |error: std::io::Error| StoreError::Disk { block, reason: error.to_string() };
                let folder = match &state.folder {
                    Some(folder) => folder,
                    None => state.folder.insert(tempfile::tempdir().map_err(refuse)?),
                };
                let path = folder.path().join(block.to_string());
                std::fs::write(&path, encoded).map_err(refuse)?;
                Kept::Disk(path)
            }
        };
        let replaced = state.blocks.insert(block, kept);
        state.forget(replaced.filter(|kept| matches!(kept, Kept::Memory(..))));
        Ok(())
    }

    /// The records of a block; None if it is not here.
    ///
    /// # Errors
    ///
    /// Its file cannot be read.
    pub fn get(&self, block: BlockId) -> Result<Option<Arc<Vec<T>>>, StoreError> {
        let kept = match self.state().blocks.get(&block) {
            None => return Ok(None),
            Some(Kept::Memory(records, _)) => return Ok(Some(Arc::clone(records))),
            Some(Kept::Disk(path)) => path.clone(),
        };
        let bytes = std::fs::read(kept)
            .map_err(|error| StoreError::Disk { block, reason: error.to_string() })?;
        self.codec.decode(block, &bytes).map(|records| Some(Arc::new(records)))
    }

    /// Whether a block is here.
    #[must_use]
    pub fn contains(&self, block: BlockId) -> bool {
        self.state().blocks.contains_key(&block)
    }

    /// Drops a block, if it is here.
    pub fn remove(&self, block: BlockId) {
        let mut state = self.state();
        let removed = state.blocks.remove(&block);
        state.forget(removed);
    }
}

impl<T> State<T> {
    fn forget(&mut self, kept: Option<Kept<T>>) {
        match kept {
            Some(Kept::Memory(_, bytes)) => self.used_bytes -= bytes,
            // The folder goes with the store: a file that stays costs room, not correctness.
            Some(Kept::Disk(path)) => drop(std::fs::remove_file(path)),
            None => {}
        }
    }
}

impl<T> std::fmt::Debug for BlockStore<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockStore").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// Stores the blocks of a receiver: in the store, and in a log if there is one. Once
/// [`store`](Self::store) returns with a log, the block survives the process.
#[derive(Debug)]
pub struct BlockHandler<T> {
    store: Arc<BlockStore<T>>,
    level: StorageLevel,
    log: Option<Arc<dyn WriteAheadLog>>,
    clock: Arc<dyn Clock>,
}

impl<T: Send + Sync> BlockHandler<T> {
    /// Stores blocks at a level, and in a log if one is given.
    #[must_use]
    pub fn new(
        store: Arc<BlockStore<T>>,
        level: StorageLevel,
        log: Option<Arc<dyn WriteAheadLog>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, level, log, clock }
    }

    /// Stores a block.
    ///
    /// # Errors
    ///
    /// It does not fit where it must be, or cannot be written or decoded. With a log, memory that is
    /// full is no error: the block is in the log.
    pub fn store(
        &self,
        block: BlockId,
        data: ReceivedBlock<T>,
    ) -> Result<ReceivedBlockInfo, StoreError> {
        let codec = &self.store.codec;
        let (records, num_records) = match data {
            ReceivedBlock::Bytes(bytes) => (codec.decode(block, &bytes)?, None),
            ReceivedBlock::Records(records) => {
                let count = records.len() as u64;
                (records, Some(count))
            }
            ReceivedBlock::Iterator(records) => {
                let records: Vec<T> = records.collect();
                let count = records.len() as u64;
                (records, Some(count))
            }
        };
        let mut info = ReceivedBlockInfo::new(block, num_records);
        let Some(log) = &self.log else {
            self.store.put(block, records, self.level)?;
            return Ok(info);
        };
        let bytes = codec.encode(block, &records)?;
        let now_ms = self.clock.now_ns() / 1_000_000;
        let handle =
            log.write(&bytes, now_ms).map_err(|source| StoreError::Log { block, source })?;
        info.wal_handle = Some(handle);
        match self.store.keep(block, records, &bytes, self.level) {
            Err(StoreError::NoRoom { .. }) => log::debug!("{block} is in the log only"),
            stored => stored?,
        }
        Ok(info)
    }

    /// The records of a stored block: from the store or, if it is not there or may not be asked, from
    /// the log. `keep` puts what came from the log into the store.
    ///
    /// # Errors
    ///
    /// It is in neither, or cannot be read.
    pub fn read(&self, info: &ReceivedBlockInfo, keep: bool) -> Result<Arc<Vec<T>>, StoreError> {
        let block = info.block_id;
        if info.is_block_id_valid
            && let Some(records) = self.store.get(block)?
        {
            return Ok(records);
        }
        let (Some(log), Some(handle)) = (&self.log, &info.wal_handle) else {
            return Err(StoreError::Missing { block });
        };
        let bytes = log.read(handle).map_err(|source| StoreError::Log { block, source })?;
        let records = self.store.codec.decode(block, &bytes)?;
        if keep {
            let copy = self.store.codec.decode(block, &bytes)?;
            if let Err(error) = self.store.keep(block, copy, &bytes, self.level) {
                log::warn!("{block} stays in the log only: {error}");
            }
        }
        Ok(Arc::new(records))
    }

    /// Whether blocks go to a log, too.
    #[must_use]
    pub const fn has_log(&self) -> bool {
        self.log.is_some()
    }

    /// The store.
    #[must_use]
    pub const fn block_store(&self) -> &Arc<BlockStore<T>> {
        &self.store
    }

    /// Forgets the log's blocks from before `threshold_ms`.
    ///
    /// # Errors
    ///
    /// The log's.
    pub fn cleanup_old_blocks(&self, threshold_ms: u64) -> Result<(), WalError> {
        self.log.as_ref().map_or(Ok(()), |log| log.clean(threshold_ms, false))
    }
}
