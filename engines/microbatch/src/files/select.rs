//! The rule by which a file belongs to a batch: it is new, and not from the future.

use super::FileError;
use crate::settings::{SettingError, Settings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A file in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// Where it is.
    pub path: PathBuf,
    /// When it was last written to, in ms on the clock that batches are counted on.
    pub modified_ms: u64,
}

/// How many batches' files are remembered so that they span `min_remember`.
#[must_use]
pub fn num_batches_to_remember(batch: Duration, min_remember: Duration) -> u64 {
    let batches = min_remember.as_nanos().div_ceil(batch.as_nanos().max(1));
    u64::try_from(batches).unwrap_or(u64::MAX)
}

/// Whether a file of `modified_ms` belongs to the batch at `batch_ms`: modified after the threshold,
/// not after the batch, not taken before, and wanted.
#[must_use]
pub const fn is_new_file(
    modified_ms: u64,
    batch_ms: u64,
    ignore_threshold_ms: u64,
    already_selected: bool,
    accepted: bool,
) -> bool {
    accepted && ignore_threshold_ms < modified_ms && modified_ms <= batch_ms && !already_selected
}

/// The default filter: names that do not begin with a dot.
#[must_use]
pub fn accept_visible(path: &Path) -> bool {
    path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
}

/// What a [`FileSelector`] remembers, for a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSelection {
    /// The files of each batch, by its time in ms.
    pub batches: BTreeMap<u64, Vec<PathBuf>>,
    /// Files modified at this time or before are never taken, in ms: the stream did not exist then.
    pub initial_threshold_ms: u64,
}

/// Decides which files belong to a batch.
pub struct FileSelector {
    remember_ms: u64,
    accept: Box<dyn Fn(&Path) -> bool + Send + Sync>,
    selection: FileSelection,
    recent: BTreeSet<PathBuf>,
}

impl FileSelector {
    /// A selector for batches of `batch`, made at `now_ms`. With `new_files_only`, files from before
    /// that are never taken; without, those from before the remembered time are not.
    ///
    /// # Errors
    ///
    /// `spark.streaming.fileStream.minRememberDuration` (or its old name without `fileStream`) is not
    /// a time.
    pub fn new(
        settings: &Settings,
        batch: Duration,
        new_files_only: bool,
        now_ms: u64,
    ) -> Result<Self, SettingError> {
        let old = settings.time_s_as_ms("spark.streaming.minRememberDuration", 60_000)?;
        let key = "spark.streaming.fileStream.minRememberDuration";
        let min_remember = Duration::from_millis(settings.time_s_as_ms(key, old)?);
        let batch_ms = u64::try_from(batch.as_millis()).unwrap_or(u64::MAX);
        let remember_ms = batch_ms.saturating_mul(num_batches_to_remember(batch, min_remember));
        Ok(Self {
            remember_ms,
            accept: Box::new(accept_visible),
            selection: FileSelection {
                initial_threshold_ms: if new_files_only { now_ms } else { 0 },
                ..FileSelection::default()
            },
            recent: BTreeSet::new(),
        })
    }

    /// Takes only the files that `accept` wants, instead of those whose name begins with no dot.
    #[must_use]
    pub fn filter(mut self, accept: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        self.accept = Box::new(accept);
        self
    }

    /// How long files are remembered, in ms: what the input stream must remember, too.
    #[must_use]
    pub const fn remember_ms(&self) -> u64 {
        self.remember_ms
    }

    /// Files modified at this time or before do not belong to the batch.
    #[must_use]
    pub fn ignore_threshold_ms(&self, batch_ms: u64) -> u64 {
        self.selection.initial_threshold_ms.max(batch_ms.saturating_sub(self.remember_ms))
    }

    /// The new files of a listing, in its order. They belong to the batch from here on.
    pub fn select(&mut self, batch_ms: u64, listing: &[FileStatus]) -> Vec<PathBuf> {
        let threshold_ms = self.ignore_threshold_ms(batch_ms);
        let is_new = |file: &&FileStatus| {
            let (taken, accepted) = (self.recent.contains(&file.path), (self.accept)(&file.path));
            is_new_file(file.modified_ms, batch_ms, threshold_ms, taken, accepted)
        };
        let files: Vec<_> = listing.iter().filter(is_new).map(|file| file.path.clone()).collect();
        self.recent.extend(files.iter().cloned());
        self.selection.batches.insert(batch_ms, files.clone());
        files
    }

    /// Forgets the files of batches that are older than the remembered time at `batch_ms`.
    pub fn clear_before(&mut self, batch_ms: u64) {
        let threshold_ms = batch_ms.saturating_sub(self.remember_ms);
        self.forget(|batch_ms| batch_ms < threshold_ms);
    }

    /// Forgets the files of the batches, by their times in ms, that are over.
    pub(crate) fn forget(&mut self, over: impl Fn(u64) -> bool) {
        let recent = &mut self.recent;
        self.selection.batches.retain(|batch_ms, files| {
            let over = over(*batch_ms);
            if over {
                recent.retain(|file| !files.contains(file));
            }
            !over
        });
    }

    /// What is remembered.
    #[must_use]
    pub const fn selection(&self) -> &FileSelection {
        &self.selection
    }

    /// Remembers what a checkpoint says; files that came while the program was down are new. Returns it
    /// by batch: the batches' files are to be read again.
    pub fn restore(&mut self, selection: FileSelection) -> &BTreeMap<u64, Vec<PathBuf>> {
        self.recent.extend(selection.batches.values().flatten().cloned());
        self.selection.batches.extend(selection.batches);
        self.selection.initial_threshold_ms = selection.initial_threshold_ms;
        &self.selection.batches
    }
}

impl std::fmt::Debug for FileSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("FileSelector");
        out.field("remember_ms", &self.remember_ms).field("selection", &self.selection);
        out.finish_non_exhaustive()
    }
}

/// The regular files of the directories that `pattern` matches, not of directories in them. A
/// directory that is missing or cannot be read is left out with a warning. `to_clock_ms` turns a
/// file's time since 1970, in ms, into the clock's.
///
/// # Errors
///
/// The pattern is no glob.
pub fn list(pattern: &str, to_clock_ms: impl Fn(u64) -> u64) -> Result<Vec<FileStatus>, FileError> {
    let refuse = |error: glob::PatternError| FileError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.msg.to_owned(),
    };
    // A trailing slash says what is so anyhow: directories are meant.
    let matches = glob::glob(pattern.trim_end_matches('/')).map_err(refuse)?;
    let folders: Vec<_> = matches.filter_map(Result::ok).filter(|path| path.is_dir()).collect();
    if folders.is_empty() {
        log::warn!("no directory matches {pattern}: the batch has no files");
    }
    let mut files = Vec::new();
    for folder in folders {
        match list_one(&folder, &to_clock_ms) {
            Ok(found) => files.extend(found),
            Err(error) => log::warn!("error finding new files: {error}"),
        }
    }
    Ok(files)
}

fn list_one(folder: &Path, to_clock_ms: impl Fn(u64) -> u64) -> Result<Vec<FileStatus>, FileError> {
    let refuse = |error| FileError::io(folder, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        // A file that goes while it is listed is not there.
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if about.is_file() {
            let modified = about.modified().map_err(refuse)?;
            let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            let unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            files.push(FileStatus { path, modified_ms: to_clock_ms(unix_ms) });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
