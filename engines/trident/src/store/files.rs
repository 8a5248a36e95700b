//! Progress on disk.

use super::codec::{DEEPEST, NoForm, decode, encode};
use super::{StoreError, TransactionalStore};
use std::fs::{self, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use weir_topology::Value;

/// The end of the names of files that hold a value.
const EXTENSION: &str = ".value";

/// The file that is locked as long as a store uses its folder. No stream's folder has a dot in its name.
const LOCK: &str = ".lock";

/// Keeps progress in a folder, a file for each value. What was put there survives the end of the
/// process and, with [`synced`](Self::synced), that of the machine.
///
/// One store at a time uses a folder. Topologies of one process share one: their streams then need
/// different names.
#[derive(Debug)]
pub struct FileStore {
    root: PathBuf,
    sync: bool,
    written: AtomicU64,
    /// Locked until it is closed, which the end of the process does, too.
    _lock: fs::File,
}

impl FileStore {
    /// Keeps progress in this folder, which is made if it is not there. An error if another store uses
    /// it.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let failed = |error| io(&root, error);
        make_folders(&root).map_err(failed)?;
        let lock =
            fs::File::options().create(true).truncate(false).write(true).open(root.join(LOCK));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { folder: root.display().to_string() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self { root, sync: false, written: AtomicU64::new(0), _lock: lock })
    }

    /// The same, waiting with every value until it is on the disk.
    #[must_use]
    pub const fn synced(mut self) -> Self {
        self.sync = true;
        self
    }

    fn file(&self, path: &str) -> Result<PathBuf, StoreError> {
        let is_name = |part: &str| !matches!(part, "" | "." | "..");
        if path.split('/').all(is_name) {
            return Ok(self.root.join(format!("{path}{EXTENSION}")));
        }
        Err(StoreError::NoPath { path: path.to_owned() })
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
        let folder = file.parent().unwrap_or(&self.root);
        // A file is there as a whole or not at all.
        if let Err(error) = fs::rename(&written, file) {
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
            make_folders(folder)?;
            fs::rename(&written, file)?;
        }
        if self.sync { fs::File::open(folder)?.sync_all() } else { Ok(()) }
    }
}

/// Makes a folder with those above it, so that they are there after the machine has stopped: the folder
/// above each is what has to be on the disk.
fn make_folders(folder: &Path) -> std::io::Result<()> {
    let made: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(folder)?;
    for above in made.iter().filter_map(|folder| folder.parent()) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        fs::File::open(above)?.sync_all()?;
    }
    Ok(())
}

fn io(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Io { path: path.display().to_string(), error }
}

impl TransactionalStore for FileStore {
    fn get(&self, path: &str) -> Result<Option<Value>, StoreError> {
        let file = self.file(path)?;
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
        let file = self.file(path)?;
        encode(value, &mut bytes).map_err(|why| match (why, path.to_owned()) {
            (NoForm::Object(kind), path) => StoreError::NotKept { path, kind },
            (NoForm::TooDeep, path) => StoreError::TooDeep { path, deepest: DEEPEST },
        })?;
        self.write(&file, &bytes).map_err(|error| io(&file, error))
    }

    fn remove(&self, path: &str) -> Result<(), StoreError> {
        let file = self.file(path)?;
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io(&file, error)),
            _ => Ok(()),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, StoreError> {
        self.file(path)?;
        let folder = self.root.join(path);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| io(&folder, error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| io(&folder, error))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            match name.strip_suffix(EXTENSION) {
                _ if path.is_dir() => names.push(name),
                Some(name) => names.push(name.to_owned()),
                None => {}
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
        for (path, value) in
            [("a/x", 1), ("a/x", 2), ("a/b/y", 3), ("a/b/z", 4), ("b/w", 5), ("lock/x", 6)]
        {
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

    #[test]
    fn paths_stay_in_the_folder_and_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileStore::open(folder.path().join("a/b")).expect("a store").synced();
        for path in ["", "/x", "../x", "x/../../y", "x//y", "x/", "."] {
            let error = store.put(path, &1.into()).expect_err("no path");
            assert!(error.to_string().contains("is no path in a store"), "{error}");
        }
        for (path, value) in [("p/a.b", 1), ("p/a.c", 2), ("p/a", 3)] {
            store.put(path, &value.into()).expect("works");
        }
        assert_eq!(store.get("p/a.b").expect("works"), Some(1.into()));
        assert_eq!(store.get("p/a").expect("works"), Some(3.into()));
        assert_eq!(store.list("p").expect("works"), ["a", "a.b", "a.c"]);
    }

    #[test]
    fn a_stream_without_a_name_keeps_its_progress_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileStore::open(folder.path().join("store")).expect("a store");
        let store: std::sync::Arc<dyn TransactionalStore> = std::sync::Arc::new(store);
        let state = super::super::TransactionalState::user(&store, "").part("");
        state.put("", &7.into()).expect("works");
        assert_eq!(state.get("").expect("works"), Some(7.into()));
        assert_eq!(state.names().expect("works"), [""]);
        assert!(folder.path().join("store/%/user/%/%.value").exists());
    }

    #[test]
    fn a_folder_has_one_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FileStore::open(folder.path()).expect("a store");
        let error = FileStore::open(folder.path()).expect_err("it is in use");
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        drop(store);
        FileStore::open(folder.path()).expect("it is free");
    }
}
