//! RDDs as files.

use super::{Partition, Rdd, checkpoint, rows_file};
use crate::job::{JobError, TaskError, is_within_stream};
use crate::{ContextError, SparkContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};
use weir_dataflow::Data;

/// Written when everything is there.
const SUCCESS: &str = "_SUCCESS";

impl<T: Data + Display> Rdd<T> {
    /// Writes each partition to a file of the folder, a line per record: `part-00000` and so on, and
    /// then `_SUCCESS`. The folder must not exist.
    pub fn save_as_text_file(&self, folder: impl AsRef<Path>) -> Result<(), JobError> {
        let folder = folder.as_ref();
        refuse_existing(folder)?;
        self.write_text(folder)
    }

    /// [`save_as_text_file`](Self::save_as_text_file) into a folder that may exist: files of an
    /// earlier run are replaced, as the outputs of streams need it after a recovery.
    pub fn write_text(&self, folder: &Path) -> Result<(), JobError> {
        std::fs::create_dir_all(folder).map_err(|error| JobError::output(folder, &error))?;
        self.run_job(&"save as text file".into(), |input: Partition<'_, T>| {
            let (path, mut text) = (part(folder, input.index()), String::new());
            let mut result = Ok(());
            input.for_each(|value| result = result.and(writeln!(text, "{value}")))?;
            result.map_err(|_| TaskError::new("a record's Display failed; correct it"))?;
            rows_file::write_whole(&path, text.as_bytes()).map_err(TaskError::Failed)
        })?;
        // Partitions that are known to be empty have no task, but a file.
        for partition in 0..self.partitions() {
            let path = part(folder, partition);
            if self.node.known_empty(partition) || !path.exists() {
                rows_file::write_whole(&path, b"").map_err(JobError::Output)?;
            }
        }
        remove_parts_from(folder, self.partitions())?;
        rows_file::write_whole(&folder.join(SUCCESS), b"").map_err(JobError::Output)
    }
}

/// Removes the parts of an earlier run that had more of them.
fn remove_parts_from(folder: &Path, first: usize) -> Result<(), JobError> {
    let failed = |error: std::io::Error| JobError::output(folder, &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("part-").and_then(|digits| digits.parse::<usize>().ok());
        if number.is_some_and(|number| number >= first) {
            std::fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

impl<T: Data + Serialize> Rdd<T> {
    /// Writes each partition to a file of the folder, as bytes with a checksum that
    /// [`SparkContext::object_file`] reads. The folder must not exist.
    pub fn save_as_object_file(&self, folder: impl AsRef<Path>) -> Result<(), JobError> {
        let folder = folder.as_ref();
        refuse_existing(folder)?;
        self.write_objects(folder)
    }

    /// [`save_as_object_file`](Self::save_as_object_file) into a folder that may exist.
    pub fn write_objects(&self, folder: &Path) -> Result<(), JobError> {
        checkpoint::write_checkpoint(self, folder)?;
        rows_file::write_whole(&folder.join(SUCCESS), b"").map_err(JobError::Output)
    }
}

impl SparkContext {
    /// What [`Rdd::save_as_object_file`] wrote, in the same partitions. The type must be the one that
    /// was written.
    pub fn object_file<T: Data + DeserializeOwned>(
        &self,
        folder: impl AsRef<Path>,
    ) -> Result<Rdd<T>, ContextError> {
        Ok(checkpoint::read_checkpoint(self, folder.as_ref())?.labelled("objectFile"))
    }
}

fn refuse_existing(folder: &Path) -> Result<(), JobError> {
    // A batch that is run again replaces what it wrote.
    if folder.exists() && !is_within_stream() {
        return Err(JobError::OutputExists(folder.display().to_string()));
    }
    Ok(())
}

fn part(folder: &Path, partition: usize) -> PathBuf {
    folder.join(format!("part-{partition:05}"))
}
