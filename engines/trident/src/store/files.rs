//! Progress on disk.

use super::codec::{decode, encode};
use super::{StoreError, TransactionalStore};
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use weir_topology::Value;

/// The end of the names of files that hold a value.
const EXTENSION: &str = "value";

/// Keeps progress in a folder, a file for each value. What was put there survives the end of the
/// process and, with [`synced`](Self::synced), that of the machine.
#[derive(Debug)]
pub struct FileStore {
    root: PathBuf,
    sync: bool,
    written: AtomicU64,
}

impl FileStore {
    /// Keeps progress in this folder, which is made if it is not there. Two processes must not use one
    /// folder at the same time.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|error| io(&root, error))?;
        Ok(Self { root, sync: false, written: AtomicU64::new(0) })
    }

    /// The same, waiting with every value until it is on the disk.
    #[must_use]
    pub const fn synced(mut self) -> Self {
        self.sync = true;
        self
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root.join(path).with_extension(EXTENSION)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let written = self.root.join(format!("{number}.tmp"));
        let mut out = fs::File::create(&written)?;
        out.write_all(bytes)?;
        if self.sync {
            out.sync_all()?;
        }
        drop(out);
        // A file is there as a whole or not at all.
        if let Err(error) = fs::rename(&written, file) {
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
            fs::create_dir_all(file.parent().unwrap_or(&self.root))?;
            fs::rename(&written, file)?;
        }
        if self.sync {
            fs::File::open(file.parent().unwrap_or(&self.root))?.sync_all()?;
        }
        Ok(())
    }
}

fn io(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Io { path: path.display().to_string(), error }
}

impl TransactionalStore for FileStore {
    fn get(&self, path: &str) -> Result<Option<Value>, StoreError> {
        let file = self.file(path);
        match fs::read(&file) {
            Ok(bytes) => match decode(&bytes) {
                Some(value) => Ok(Some(value)),
                None => Err(StoreError::Damaged { path: file.display().to_string() }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(&file, error)),
        }
    }

    fn put(&self, path: &str, value: &Value) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes)
            .map_err(|kind| StoreError::NotKept { path: path.to_owned(), kind })?;
        let file = self.file(path);
        self.write(&file, &bytes).map_err(|error| io(&file, error))
    }

    fn remove(&self, path: &str) -> Result<(), StoreError> {
        let file = self.file(path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io(&file, error)),
            _ => Ok(()),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, StoreError> {
        let folder = self.root.join(path);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| io(&folder, error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| io(&folder, error))?.path();
            let is_name = path.extension() == Some(OsStr::new(EXTENSION)) || path.is_dir();
            if let (true, Some(name)) = (is_name, path.file_stem()) {
                names.push(name.to_string_lossy().into_owned());
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;
    use weir_topology::values;

    fn keeps(store: &dyn TransactionalStore) {
        assert_eq!(store.list("a").expect("works"), [""; 0]);
        for (path, value) in [("a/x", 1), ("a/x", 2), ("a/b/y", 3), ("a/b/z", 4), ("b/w", 5)] {
            store.put(path, &value.into()).expect("works");
        }
        assert_eq!(store.get("a/x").expect("works"), Some(2.into()));
        assert_eq!(store.get("a/b").expect("works"), None);
        assert_eq!(store.list("a").expect("works"), ["b", "x"]);
        assert_eq!(store.list("a/b").expect("works"), ["y", "z"]);
        store.remove("a/b/y").expect("works");
        store.remove("a/b/y").expect("works");
        assert_eq!(store.list("a/b").expect("works"), ["z"]);
    }

    #[test]
    fn stores_keep_values_by_path() {
        keeps(&MemoryStore::new());
        let folder = tempfile::tempdir().expect("a folder");
        keeps(&FileStore::open(folder.path()).expect("a store"));
        let again = FileStore::open(folder.path()).expect("a store").synced();
        assert_eq!(again.get("b/w").expect("works"), Some(5.into()), "found again");
        again.put("b/w", &values![1, "x"].into()).expect("works");
        assert_eq!(again.get("b/w").expect("works"), Some(values![1, "x"].into()));
    }

    #[test]
    fn what_cannot_be_kept_or_read_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileStore::open(folder.path()).expect("a store");
        let error = store.put("x", &Value::object(1u8)).expect_err("an object");
        assert!(error.to_string().contains("type u8"), "{error}");
        fs::write(folder.path().join("x.value"), [9]).expect("a file");
        let error = store.get("x").expect_err("damaged");
        assert!(error.to_string().contains("is damaged"), "{error}");
    }
}
