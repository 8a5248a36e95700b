//! Where a sweep keeps its cells.

use super::value::SWEPT;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use weir_reports::schema::ResultFile;
use weir_reports::{FileError, load, save};

/// The folder of a sweep, held by one process at a time.
pub(super) struct Folder {
    path: PathBuf,
    /// Held until the process ends, however it ends.
    _lock: File,
}

/// What there is of a cell.
#[derive(Debug, PartialEq)]
pub(super) enum Kept {
    /// Its result.
    Result(Box<ResultFile>),
    /// A file that is no whole result; says what is wrong with it.
    Broken(String),
    /// No file.
    Nothing,
}

/// Why a folder cannot be had.
pub(super) enum Refusal {
    /// Another process has it.
    Busy,
    /// The system says no.
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Folder {
    /// Makes the folder if it is missing, and sees that files can be made in it: now, and not after
    /// minutes of measuring.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        let cells = path.join("cells");
        std::fs::create_dir_all(&cells)?;
        let mut options = File::options();
        let lock = options.create(true).truncate(false).write(true).open(cells.join(".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Refusal::Busy),
            // File systems without locks: nobody can be kept out there.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        // What processes that were killed had begun to write.
        folder.remove(|name| name.starts_with(".weir-"))?;
        Ok(folder)
    }

    pub(super) fn cell(&self, name: &str) -> PathBuf {
        self.path.join("cells").join(format!("{name}.json"))
    }

    /// The result of a cell, if it is there. A file that is no whole document is nothing that could be gone
    /// on with, nor lost.
    ///
    /// # Errors
    /// It cannot be read, or is a document of something else, which is not ours to throw away.
    pub(super) fn load(&self, name: &str) -> Result<Kept, FileError> {
        let path = self.cell(name);
        if !path.try_exists().unwrap_or(true) {
            return Ok(Kept::Nothing);
        }
        match load(&path) {
            Ok(result) => Ok(Kept::Result(Box::new(result))),
            Err(FileError::Format { message, .. }) => Ok(Kept::Broken(message)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn save(&self, name: &str, result: &ResultFile) -> Result<(), FileError> {
        save(result, &self.cell(name))
    }

    /// Takes away every result of an earlier sweep.
    pub(super) fn clear(&self) -> io::Result<()> {
        let swept =
            |name: &str| SWEPT.iter().any(|(setting, _)| name.starts_with(&format!("{setting}-")));
        self.remove(|name| name.ends_with(".json") && swept(name))?;
        match std::fs::remove_file(self.path.join("sweep.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn remove(&self, which: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in std::fs::read_dir(self.path.join("cells"))? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.file_name().to_str().is_some_and(&which) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_reports::testing::example;

    fn names(path: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(path.join("cells")).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn one_process_has_it_and_the_rest_of_killed_ones_goes() {
        let place = tempfile::tempdir().expect("a folder");
        let Ok(folder) = Folder::open(place.path()) else { panic!("a new folder") };
        assert!(matches!(Folder::open(place.path()), Err(Refusal::Busy)));
        std::fs::write(folder.cell("rate-1k").with_file_name(".weir-1"), "half").expect("a file");
        drop(folder);
        assert!(Folder::open(place.path()).is_ok());
        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn only_results_of_sweeps_are_cleared() {
        let place = tempfile::tempdir().expect("a folder");
        let Ok(folder) = Folder::open(place.path()) else { panic!("a new folder") };
        assert_eq!(folder.load("rate-1k").expect("none"), Kept::Nothing);
        folder.save("rate-1k", &example()).expect("written");
        assert_eq!(folder.load("rate-1k").expect("read"), Kept::Result(Box::new(example())));
        for other in ["notes.json", "rate-1k.txt"] {
            std::fs::write(place.path().join("cells").join(other), "mine").expect("a file");
        }
        folder.clear().expect("cleared");
        assert_eq!(names(place.path()), ["notes.json", "rate-1k.txt"]);
    }

    #[test]
    fn a_part_of_a_result_is_none_and_a_document_of_something_else_is_left_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let Ok(folder) = Folder::open(place.path()) else { panic!("a new folder") };
        for text in ["", "{", "{\"schema_version\": 1}", "[]"] {
            std::fs::write(folder.cell("rate-1k"), text).expect("a file");
            assert!(matches!(folder.load("rate-1k"), Ok(Kept::Broken(_))), "{text:?}");
        }
        for text in ["{\"schema_version\": 999}", "{\"kind\": \"sweep\", \"schema_version\": 1}"] {
            std::fs::write(folder.cell("rate-1k"), text).expect("a file");
            assert!(folder.load("rate-1k").is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_folder_below_a_file_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("file");
        std::fs::write(&file, "mine").expect("a file");
        assert!(matches!(Folder::open(&file.join("below")), Err(Refusal::Io(_))));
    }
}
