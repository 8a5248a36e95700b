//! What can go wrong with a log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a log could not do what it was asked to. Cheap to clone: a batch's failure is told to every
/// writer in it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum WalError {
    /// The system refused something.
    #[error("write-ahead log {path}: {source}; check that the folder is there and has room")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: Arc<std::io::Error>,
    },
    /// A record is not what was written.
    #[error("write-ahead log {path}: the record at byte {offset} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A record does not fit the format.
    #[error("a record of {bytes} bytes is too long for a write-ahead log; store smaller blocks")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The log was closed.
    #[error("close() was called on {log} before {what} could be fulfilled; make a new log")]
    Closed {
        /// Which log.
        log: &'static str,
        /// What was asked for.
        what: String,
    },
    /// The log does not do this.
    #[error("{log} does not support {what}; read everything with read_all")]
    Unsupported {
        /// Which log.
        log: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// The log behind another one failed.
    #[error("failed to write to the write-ahead log: {source}")]
    Write {
        /// Why.
        #[source]
        source: Box<WalError>,
    },
    /// Writing took longer than anybody wants to wait.
    #[error(
        "writing to the write-ahead log took more than {ms} ms; raise {setting}, or use a faster disk"
    )]
    Timeout {
        /// How long it was waited for.
        ms: u64,
        /// The setting that says so.
        setting: &'static str,
    },
    /// There is no such kind of log.
    #[error(
        "Could not create a write ahead log of class {class}: {reason}; register it with \
         WalRegistry::register under this name"
    )]
    Class {
        /// The name in the settings.
        class: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A log of another kind says so.
    #[error("{0}")]
    Other(String),
}

impl WalError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}
