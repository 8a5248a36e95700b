//! The records of a file.

use crate::lines::{Line, LineReader};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a file cannot be taken as records.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused it.
    #[error("{path}: {source}; files must be moved into a watched directory whole, and stay there")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: Arc<std::io::Error>,
    },
    /// Its length is not that of whole records.
    #[error(
        "requirement failed: Byte array does not have correct length. {path} has {bytes} bytes, \
         which are no whole number of records of {record_length}; write whole records, or give \
         their true length"
    )]
    RecordLength {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// What it must be a multiple of.
        record_length: usize,
    },
    /// A line is longer than is allowed.
    #[error(
        "{path}: line {line} has {bytes} bytes, more than the {max_bytes} allowed; raise the limit"
    )]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Its length.
        bytes: u64,
        /// What is allowed.
        max_bytes: usize,
    },
    /// A pattern is not a glob.
    #[error("{pattern} is no pattern of directories: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
}

impl FileError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}

/// The lines of a text file, none longer than `max_bytes`.
///
/// # Errors
///
/// It cannot be read, or has a longer line.
pub fn text_lines(path: &Path, max_bytes: usize) -> Result<Vec<String>, FileError> {
    let file = File::open(path).map_err(|error| FileError::io(path, error))?;
    let mut reader = LineReader::new(file, max_bytes);
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().map_err(|error| FileError::io(path, error))? {
        match line {
            Line::Text(text) => lines.push(text),
            Line::TooLong { bytes } => {
                let (path, line) = (path.to_owned(), lines.len() as u64 + 1);
                return Err(FileError::LineTooLong { path, line, bytes, max_bytes });
            }
        }
    }
    Ok(lines)
}

/// The records of a binary file, each `record_length` bytes long.
///
/// # Errors
///
/// It cannot be read, or its length is not that of whole records.
pub fn fixed_length_records(path: &Path, record_length: usize) -> Result<Vec<Vec<u8>>, FileError> {
    let bytes = std::fs::read(path).map_err(|error| FileError::io(path, error))?;
    if record_length == 0 || bytes.len() % record_length != 0 {
        let (path, bytes) = (path.to_owned(), bytes.len() as u64);
        return Err(FileError::RecordLength { path, bytes, record_length });
    }
    Ok(bytes.chunks_exact(record_length).map(<[u8]>::to_vec).collect())
}
