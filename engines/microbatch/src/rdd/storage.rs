//! RDDs that are kept once computed: where, and until when.

use super::tracked::Tracked;
use super::{Rdd, RddNode, rows_file};
use crate::job::{TaskContext, TaskError};
use crate::{ContextError, SparkContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use weir_dataflow::Data;

/// Where the partitions of a persisted RDD are kept. Names and meaning are Spark's.
///
/// There is one process, so the levels with two copies (`_2`) keep one; memory is not limited, so
/// levels of memory *and* disk stay in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StorageLevel {
    disk: bool,
    memory: bool,
    deserialized: bool,
    replication: u8,
}

impl StorageLevel {
    const fn new(disk: bool, memory: bool, deserialized: bool, replication: u8) -> Self {
        Self { disk, memory, deserialized, replication }
    }

    /// Not kept.
    pub const NONE: Self = Self::new(false, false, false, 1);
    /// On disk.
    pub const DISK_ONLY: Self = Self::new(true, false, false, 1);
    /// On disk, twice.
    pub const DISK_ONLY_2: Self = Self::new(true, false, false, 2);
    /// On disk, three times.
    pub const DISK_ONLY_3: Self = Self::new(true, false, false, 3);
    /// In memory, as values.
    pub const MEMORY_ONLY: Self = Self::new(false, true, true, 1);
    /// In memory, as values, twice.
    pub const MEMORY_ONLY_2: Self = Self::new(false, true, true, 2);
    /// In memory, as bytes.
    pub const MEMORY_ONLY_SER: Self = Self::new(false, true, false, 1);
    /// In memory, as bytes, twice.
    pub const MEMORY_ONLY_SER_2: Self = Self::new(false, true, false, 2);
    /// In memory, as values; what does not fit on disk.
    pub const MEMORY_AND_DISK: Self = Self::new(true, true, true, 1);
    /// As `MEMORY_AND_DISK`, twice.
    pub const MEMORY_AND_DISK_2: Self = Self::new(true, true, true, 2);
    /// In memory, as bytes; what does not fit on disk.
    pub const MEMORY_AND_DISK_SER: Self = Self::new(true, true, false, 1);
    /// As `MEMORY_AND_DISK_SER`, twice.
    pub const MEMORY_AND_DISK_SER_2: Self = Self::new(true, true, false, 2);

    const NAMES: [(&'static str, Self); 12] = [
        ("NONE", Self::NONE),
        ("DISK_ONLY", Self::DISK_ONLY),
        ("DISK_ONLY_2", Self::DISK_ONLY_2),
        ("DISK_ONLY_3", Self::DISK_ONLY_3),
        ("MEMORY_ONLY", Self::MEMORY_ONLY),
        ("MEMORY_ONLY_2", Self::MEMORY_ONLY_2),
        ("MEMORY_ONLY_SER", Self::MEMORY_ONLY_SER),
        ("MEMORY_ONLY_SER_2", Self::MEMORY_ONLY_SER_2),
        ("MEMORY_AND_DISK", Self::MEMORY_AND_DISK),
        ("MEMORY_AND_DISK_2", Self::MEMORY_AND_DISK_2),
        ("MEMORY_AND_DISK_SER", Self::MEMORY_AND_DISK_SER),
        ("MEMORY_AND_DISK_SER_2", Self::MEMORY_AND_DISK_SER_2),
    ];

    /// Whether partitions are kept in memory.
    #[must_use]
    pub const fn uses_memory(&self) -> bool {
        self.memory
    }

    /// Whether partitions may be kept on disk.
    #[must_use]
    pub const fn uses_disk(&self) -> bool {
        self.disk
    }

    /// Whether what is in memory are values, not bytes.
    #[must_use]
    pub const fn is_deserialized(&self) -> bool {
        self.deserialized
    }

    /// Spark's words for it, as in a debug string; nothing for [`NONE`](Self::NONE).
    #[must_use]
    pub fn description(&self) -> String {
        if !self.memory && !self.disk {
            return String::new();
        }
        let disk = if self.disk { "Disk " } else { "" };
        let memory = if self.memory { "Memory " } else { "" };
        let values = if self.deserialized { "Deserialized" } else { "Serialized" };
        format!("{disk}{memory}{values} {}x Replicated", self.replication)
    }
}

impl std::str::FromStr for StorageLevel {
    type Err = ContextError;

    /// By Spark's name.
    fn from_str(name: &str) -> Result<Self, ContextError> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, level)| *level).ok_or_else(|| ContextError::StorageLevel(name.to_owned()))
    }
}

impl<T: Data> Rdd<T> {
    /// Keeps each partition in memory once it is computed, until [`unpersist`](Self::unpersist) or
    /// the last handle goes: [`persist`](Self::persist) at [`StorageLevel::MEMORY_ONLY`], for
    /// records that need not be serializable. Returns the RDD itself.
    pub fn cache(&self) -> Result<Self, ContextError> {
        self.tracked.assign(&self.sc, StorageLevel::MEMORY_ONLY, None)?;
        Ok(self.clone())
    }

    /// Keeps each partition at `level` once it is computed. Returns the RDD itself. Another level
    /// than it has already is refused.
    pub fn persist(&self, level: StorageLevel) -> Result<Self, ContextError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.tracked.assign(&self.sc, level, Some(Codec::new()))?;
        Ok(self.clone())
    }

    /// Forgets what was kept, files too. Returns the RDD itself, which may be given a level again.
    pub fn unpersist(&self) -> Self {
        self.tracked.forget();
        self.clone()
    }

    /// The level that it was given.
    #[must_use]
    pub fn get_storage_level(&self) -> StorageLevel {
        self.tracked.level_now()
    }
}

/// An RDD that is kept for nobody's sake: it may be gone.
pub(crate) struct WeakRdd<T>(Weak<Tracked<T>>);

impl<T: Data> WeakRdd<T> {
    pub(crate) fn of(rdd: &Rdd<T>) -> Self {
        Self(Arc::downgrade(&rdd.tracked))
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Forgets what was kept, if the RDD is still there.
    pub(crate) fn unpersist(&self) {
        if let Some(tracked) = self.0.upgrade() {
            tracked.forget();
        }
    }
}

/// How rows become bytes: found where the type is known to be serializable.
pub(crate) struct Codec<T> {
    encode: fn(&[T]) -> Result<Vec<u8>, String>,
    decode: fn(&[u8]) -> Result<Vec<T>, String>,
}

impl<T: Serialize + DeserializeOwned> Codec<T> {
    pub(crate) fn new() -> Self {
        Self { encode: rows_file::encode::<T>, decode: rows_file::decode::<T> }
    }
}

/// The kept partitions of one RDD.
pub(crate) struct Storage<T> {
    pub(crate) level: StorageLevel,
    codec: Option<Codec<T>>,
    /// The file of partition *p* is this with `_p` behind it.
    files: Option<PathBuf>,
    cells: Vec<Mutex<Option<Stored<T>>>>,
}

#[derive(Clone)]
enum Stored<T> {
    Rows(Arc<Vec<T>>),
    Bytes(Arc<Vec<u8>>),
    File(PathBuf, u64),
}

impl<T: Data> Storage<T> {
    pub(crate) fn new(
        sc: &SparkContext,
        level: StorageLevel,
        codec: Option<Codec<T>>,
        rdd: u64,
        partitions: usize,
    ) -> Result<Self, ContextError> {
        let on_disk = level.disk && !level.memory;
        let files = if on_disk { Some(sc.local_dir()?.join(format!("rdd_{rdd}"))) } else { None };
        let cells = (0..partitions).map(|_| Mutex::default()).collect();
        Ok(Self { level, codec, files, cells })
    }

    /// How many partitions are here, and their bytes on disk.
    pub(crate) fn stored(&self) -> (usize, u64) {
        let (mut partitions, mut disk) = (0, 0);
        for cell in &self.cells {
            match &*cell.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(Stored::File(_, bytes)) => (partitions, disk) = (partitions + 1, disk + bytes),
                Some(_) => partitions += 1,
                None => {}
            }
        }
        (partitions, disk)
    }

    /// Hands out a partition: from here, or from `source` the first time.
    pub(crate) fn read(
        &self,
        source: &dyn RddNode<T>,
        task: &TaskContext,
        sink: &mut dyn FnMut(T),
    ) -> Result<(), TaskError> {
        let mut cell = self.cells[task.partition()].lock().unwrap_or_else(PoisonError::into_inner);
        let stored = match &*cell {
            Some(stored) => stored.clone(),
            None => {
                let mut rows = Vec::new();
                source.compute(task, &mut |value| rows.push(value))?;
                let stored = self.store(task.partition(), rows)?;
                cell.insert(stored).clone()
            }
        };
        drop(cell);
        match (stored, &self.codec) {
            (Stored::Rows(rows), _) => rows.iter().cloned().for_each(sink),
            (Stored::Bytes(bytes), Some(codec)) => {
                (codec.decode)(&bytes).map_err(TaskError::Failed)?.into_iter().for_each(sink);
            }
            (Stored::File(path, _), Some(codec)) => {
                self.load(&path, codec)?.into_iter().for_each(sink);
            }
            (Stored::Bytes(_) | Stored::File(..), None) => {}
        }
        Ok(())
    }

    fn store(&self, partition: usize, rows: Vec<T>) -> Result<Stored<T>, TaskError> {
        let Some(codec) = self.codec.as_ref().filter(|_| !self.level.deserialized) else {
            return Ok(Stored::Rows(Arc::new(rows)));
        };
        let bytes = (codec.encode)(&rows).map_err(TaskError::Failed)?;
        let Some(files) = &self.files else { return Ok(Stored::Bytes(Arc::new(bytes))) };
        let mut path = files.clone().into_os_string();
        path.push(format!("_{partition}"));
        let path = PathBuf::from(path);
        // Not synced: it is of no use to another process.
        std::fs::write(&path, &bytes).map_err(|error| {
            let folder = "make room, or set spark.local.dir to another disk";
            TaskError::Failed(format!("failed to write {}: {error}; {folder}", path.display()))
        })?;
        Ok(Stored::File(path, bytes.len() as u64))
    }

    fn load(&self, path: &std::path::Path, codec: &Codec<T>) -> Result<Vec<T>, TaskError> {
        let remedy = "unpersist the RDD, so that it is computed again";
        let bytes = std::fs::read(path).map_err(|error| {
            TaskError::Failed(format!("failed to read {}: {error}; {remedy}", path.display()))
        })?;
        (codec.decode)(&bytes).map_err(|why| {
            TaskError::Failed(format!("{} is corrupt: {why}; {remedy}", path.display()))
        })
    }
}

impl<T> Drop for Storage<T> {
    fn drop(&mut self) {
        for cell in &mut self.cells {
            if let Some(Stored::File(path, _)) =
                cell.get_mut().unwrap_or_else(PoisonError::into_inner)
            {
                // The context's folder goes as a whole in the end.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
