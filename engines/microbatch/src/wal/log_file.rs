//! The names of a log's files.

use std::path::{Path, PathBuf};

/// A file named `log-<start>-<stop>`: records of times from `start_ms` to `stop_ms`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    /// The first time that it is for.
    pub start_ms: u64,
    /// The last time that it is for.
    pub stop_ms: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl LogFile {
    /// The file of a folder for these times.
    #[must_use]
    pub fn new(folder: &Path, start_ms: u64, stop_ms: u64) -> Self {
        Self { start_ms, stop_ms, path: folder.join(format!("log-{start_ms}-{stop_ms}")) }
    }

    fn parse(path: PathBuf) -> Option<Self> {
        let (start, stop) = path.file_name()?.to_str()?.strip_prefix("log-")?.split_once('-')?;
        let (start_ms, stop_ms) = (start.parse().ok()?, stop.parse().ok()?);
        Some(Self { start_ms, stop_ms, path })
    }

    /// The log files of a folder, oldest first; none if there is no folder.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be read.
    pub fn list(folder: &Path) -> std::io::Result<Vec<Self>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let paths = paths.collect::<std::io::Result<Vec<_>>>()?;
        let files = paths.into_iter().filter_map(Self::parse);
        let mut files: Vec<_> = files.filter(|file| file.path.is_file()).collect();
        files.sort();
        Ok(files)
    }
}
