//! The folders that the runs of a program have in its checkpoint directory.

use crate::streaming::StreamingError;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Makes the folder of a new run: no other run has written to it.
pub(in crate::streaming) fn new_run(directory: &Path) -> Result<PathBuf, StreamingError> {
    let refused = |error: io::Error| {
        let directory = directory.display();
        StreamingError::Checkpoint(format!(
            "failed to make a folder in {directory}: {error}; check that it may be written"
        ))
    };
    let last = runs(directory).filter_map(|path| number_of(&path)).max().unwrap_or(0);
    for number in last + 1.. {
        let folder = directory.join(format!("run-{number}"));
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder).map_err(refused),
        }
    }
    Err(refused(io::Error::other("there is no number left")))
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("run-")?.parse().ok()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir())
}

fn runs(directory: &Path) -> impl Iterator<Item = PathBuf> {
    entries(directory).filter(|path| number_of(path).is_some())
}

/// The folders of streams that earlier runs have left in a checkpoint directory, below it.
pub(super) fn left_behind(directory: &Path) -> BTreeSet<PathBuf> {
    let runs: Vec<PathBuf> = runs(directory).collect();
    let streams = runs.iter().flat_map(|run| entries(run));
    streams.filter_map(|path| Some(path.strip_prefix(directory).ok()?.to_path_buf())).collect()
}

/// Removes the folders of runs in which there is nothing any more.
pub(super) fn remove_empty(directory: &Path) {
    for run in runs(directory) {
        // One that holds something stays.
        let _ = std::fs::remove_dir(run);
    }
}
