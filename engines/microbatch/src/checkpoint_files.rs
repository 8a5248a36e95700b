//! The files of a directory of metadata checkpoints: their names, order, replacement and recovery.
//!
//! The rules are those of Spark's `Checkpoint.scala` (`CheckpointWriter`, `getCheckpointFiles`,
//! `CheckpointReader`). What a checkpoint says is the caller's; here it is bytes behind a checksum.

use crate::rdd::rows_file;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Files kept in the directory, backups counted.
pub const MOST_FILES: usize = 10;

const PREFIX: &str = "checkpoint-";
const BACKUP: &str = ".bk";

/// Why checkpoints could not be listed, written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointFilesError {
    /// The file system refused.
    #[error("failed to use {}: {source}; check that it exists and may be written", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The contents cannot be written down.
    #[error("failed to encode a checkpoint: {0}; report it")]
    Encode(String),
    /// There are files, and none is intact.
    #[error("Failed to read checkpoint from directory {}; remove it to start afresh", .0.display())]
    Unreadable(PathBuf),
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> CheckpointFilesError {
    let path = path.to_owned();
    move |source| CheckpointFilesError::Io { path, source }
}

/// Time in ms and whether it is the main file: backups come first among files of one time.
fn rank(name: &str) -> Option<(u64, bool)> {
    let rest = name.strip_prefix(PREFIX)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, tail) = rest.split_at(end);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !tail.chars().all(word) {
        return None;
    }
    Some((digits.parse().ok()?, !tail.ends_with(BACKUP)))
}

/// The checkpoints of a directory, oldest first. Only regular files whose name is a checkpoint's
/// count; a directory that does not exist has none.
///
/// # Errors
/// [`CheckpointFilesError::Io`].
pub fn list(directory: &Path) -> Result<Vec<PathBuf>, CheckpointFilesError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_at(directory))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io_at(directory))?;
        let Some(rank) = entry.file_name().to_str().and_then(rank) else { continue };
        if entry.file_type().map_err(io_at(&entry.path()))?.is_file() {
            found.push((rank, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The newest intact checkpoint, `None` where there is no file. A damaged file is passed over with a
/// warning.
///
/// # Errors
/// [`CheckpointFilesError::Unreadable`] if there are files and none is intact.
pub fn newest(directory: &Path) -> Result<Option<Vec<u8>>, CheckpointFilesError> {
    newest_that(directory, |content| Ok(content.to_vec()))
}

/// The same for contents that `read` can make sense of; others are passed over, too.
pub(crate) fn newest_that<C>(
    directory: &Path,
    mut read: impl FnMut(&[u8]) -> Result<C, String>,
) -> Result<Option<C>, CheckpointFilesError> {
    let files = list(directory)?;
    for path in files.iter().rev() {
        match rows_file::read::<u8>(path).and_then(|content| {
            read(&content).map_err(|why| format!("{} is not understood: {why}", path.display()))
        }) {
            Ok(content) => return Ok(Some(content)),
            Err(why) => log::warn!("checkpoint passed over, an older one is tried: {why}"),
        }
    }
    if files.is_empty() {
        Ok(None)
    } else {
        Err(CheckpointFilesError::Unreadable(directory.into()))
    }
}

/// What one checkpoint file says; why not, if it is damaged.
///
/// # Errors
/// It cannot be read, or is not what was written.
pub fn read(file: &Path) -> Result<Vec<u8>, String> {
    rows_file::read(file)
}

/// Where a checkpoint was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its file.
    pub file: PathBuf,
    /// What the file's former content is called now, if there was one.
    pub backup: Option<PathBuf>,
}

/// Writes the checkpoints of one run of a program.
#[derive(Debug)]
pub struct CheckpointFiles {
    directory: PathBuf,
    latest_ms: u64,
    sync: bool,
}

impl CheckpointFiles {
    /// Into `directory`, made if it is not there.
    ///
    /// # Errors
    /// [`CheckpointFilesError::Io`].
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self, CheckpointFilesError> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(io_at(&directory))?;
        // Goes on behind what an earlier run has written: what is written later must count as newer.
        let newest = list(&directory)?.pop();
        let name = newest.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        let latest_ms = name.and_then(rank).map_or(0, |(time_ms, _)| time_ms);
        Ok(Self { directory, latest_ms, sync: true })
    }

    /// Does not wait until the disk has what was written: it then survives the process, not the machine.
    #[must_use]
    pub const fn unsynced(mut self) -> Self {
        self.sync = false;
        self
    }

    /// Writes a checkpoint of the batch at `time_ms`. One that comes late for an older batch replaces
    /// the newest file, because it is what is known last (SPARK-11267); the file replaced stays as
    /// its backup. Beyond [`MOST_FILES`] the oldest files go.
    ///
    /// # Errors
    /// [`CheckpointFilesError::Io`], [`CheckpointFilesError::Encode`].
    pub fn write(&mut self, time_ms: u64, content: &[u8]) -> Result<Written, CheckpointFilesError> {
        let bytes = rows_file::encode(content).map_err(CheckpointFilesError::Encode)?;
        self.latest_ms = self.latest_ms.max(time_ms);
        let main = self.directory.join(format!("{PREFIX}{}", self.latest_ms));
        let backup = self.directory.join(format!("{PREFIX}{}{BACKUP}", self.latest_ms));
        // One name for all: what a killed run left is overwritten, not added to.
        let temp = self.directory.join("temp");
        let mut file = File::create(&temp).map_err(io_at(&temp))?;
        file.write_all(&bytes).map_err(io_at(&temp))?;
        if self.sync {
            file.sync_all().map_err(io_at(&temp))?;
        }
        let replaced = main.exists();
        if replaced {
            fs::rename(&main, &backup).map_err(io_at(&main))?;
        }
        fs::rename(&temp, &main).map_err(io_at(&main))?;
        if self.sync {
            // Makes the names durable.
            let synced = File::open(&self.directory).and_then(|folder| folder.sync_all());
            synced.map_err(io_at(&self.directory))?;
        }
        let files = list(&self.directory)?;
        for path in &files[..files.len().saturating_sub(MOST_FILES)] {
            // The checkpoint is there; the next one tries to remove the file again.
            if let Err(error) = fs::remove_file(path) {
                log::warn!("{} is not needed and stays: {error}", path.display());
            }
        }
        Ok(Written { file: main, backup: replaced.then_some(backup) })
    }
}
