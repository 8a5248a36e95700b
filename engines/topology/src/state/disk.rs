//! State on disk.

use super::layers::{Delta, Layers, Prepared, Store, layered};
use super::{Entries, Namespace, StateError, StateKey, StateValue, Stored};
use redb::backends::FileBackend;
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A map in a file, with transactions. What is committed and what is prepared is on disk when the
/// operation returns; what was written since is in memory and lost with the process.
///
/// Keys and values are in postcard's form. Types must not change between two runs other than by that
/// form's rules: it does not tell them apart.
pub struct DiskKeyValueState<K, V> {
    layers: Layers<K, V, DiskStore<K, V>>,
}

impl<K: StateKey + Stored, V: StateValue + Stored> DiskKeyValueState<K, V> {
    /// Opens the file, which is made with its folders if it is not there. Messages name `namespace`.
    pub fn open(file: &Path, namespace: &Namespace) -> Result<Self, StateError> {
        Ok(Self { layers: Layers::resume(DiskStore::open(file, namespace)?) })
    }
}

layered!(DiskKeyValueState, Stored);

impl<K, V> fmt::Debug for DiskKeyValueState<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskKeyValueState of {}", self.layers.store().namespace)
    }
}

/// Keys to values, as committed.
const COMMITTED: TableDefinition<&[u8], &[u8]> = TableDefinition::new("committed");
/// The changes of the prepared transaction, under its number: keys, and what becomes of each.
const PREPARED: TableDefinition<i64, &[u8]> = TableDefinition::new("prepared");
/// Numbers of transactions, and the version of this form.
const NUMBERS: TableDefinition<&str, i64> = TableDefinition::new("numbers");
const COMMITTED_TXID: &str = "committed";
const VERSION: &str = "version";
const PRESENT_VERSION: i64 = 1;

/// What one file may keep in memory: pages that were read or written lately.
const CACHE_BYTES: usize = 8 << 20;

type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

struct DiskStore<K, V> {
    /// The committed table as of the latest transaction, if it could be opened after that. Before the
    /// database, so that it goes first.
    committed: Option<Table>,
    database: Database,
    namespace: String,
    prepared: Option<Prepared<K, V>>,
    committed_txid: Option<i64>,
}

/// What is being done, for messages.
#[derive(Clone, Copy)]
struct Doing<'a> {
    namespace: &'a str,
    doing: &'static str,
}

impl Doing<'_> {
    fn failed(self, error: impl fmt::Display) -> StateError {
        let (namespace, message) = (self.namespace.to_owned(), error.to_string());
        StateError::Store { namespace, doing: self.doing, message }
    }

    /// Writes something that is, or has parts that are, of the type `what`.
    fn encode<T: Serialize>(self, what: &'static str, value: &T) -> Result<Vec<u8>, StateError> {
        postcard::to_stdvec(value).map_err(|error| self.form("write", what, error))
    }

    fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, StateError> {
        postcard::from_bytes(bytes).map_err(|error| self.form("read", type_name::<T>(), error))
    }

    fn form(self, doing: &'static str, what: &'static str, error: postcard::Error) -> StateError {
        let message = match error {
            // Postcard does not say what the type's own code said.
            postcard::Error::SerdeSerCustom => {
                "a part of it has no serial form, such as an object in a tuple's value".to_owned()
            }
            error => error.to_string(),
        };
        let namespace = self.namespace.to_owned();
        StateError::Form { namespace, doing, what, message }
    }
}

/// Opens a file, and makes it if it is not there. A file is whole from the beginning: a process may
/// die at any moment, also while it makes one, and another may make the same.
fn open_file(file: &Path, doing: Doing<'_>) -> Result<Database, StateError> {
    let named = |error: &dyn fmt::Display| doing.failed(format!("{}: {error}", file.display()));
    if !file.try_exists().map_err(|error| named(&error))? {
        make_file(file, &named)?;
    }
    clear_up(folder_of(file));
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).open(file).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => {
            StateError::InUse { namespace: doing.namespace.to_owned() }
        }
        error => named(&error),
    })
}

/// Files that this process has begun to make.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Whoever makes a file in a folder shares its lock, which the system takes from who dies; whoever gets
/// it alone knows that nobody makes one. Where a folder cannot be locked, nobody clears up.
fn lock_of(folder: &Path) -> std::io::Result<File> {
    File::open(folder)
}

/// Removes what processes have begun to make that died over it, unless somebody makes a file just now.
fn clear_up(folder: &Path) {
    let begun = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let begun: Vec<_> = begun.filter(|entry| is_begun(&entry.file_name())).collect();
    if begun.is_empty() {
        return;
    }
    let Ok(lock) = lock_of(folder) else { return };
    if lock.try_lock().is_ok() {
        for entry in begun {
            // If it does not go, it is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The name of a file that a process has begun: that of the file, of the process, and a number.
fn begun(file: &Path, process: u32, number: u64) -> PathBuf {
    let mut begun = file.as_os_str().to_owned();
    begun.push(format!(".{process}-{number}.new"));
    begun.into()
}

fn is_begun(name: &OsStr) -> bool {
    let numbers = name.to_str().and_then(|name| {
        let (_, numbers) = name.strip_suffix(".new")?.rsplit_once(".redb.")?;
        numbers.split_once('-')
    });
    numbers.is_some_and(|(process, number)| {
        process.parse::<u32>().is_ok() && number.parse::<u64>().is_ok()
    })
}

/// A new file under a name that nobody else uses, though a process that had the same number may have
/// died over it.
fn begin(file: &Path) -> std::io::Result<(PathBuf, File)> {
    loop {
        let begun = begun(file, std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        match File::options().read(true).write(true).create_new(true).open(&begun) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|made| (begun, made)),
        }
    }
}

/// Makes a file under a name that no other process uses, and gives it its own once it is whole. If
/// another was faster, that one's stays.
fn make_file(
    file: &Path,
    named: &dyn Fn(&dyn fmt::Display) -> StateError,
) -> Result<(), StateError> {
    let folder = folder_of(file);
    make_folders(folder).map_err(|error| named(&error))?;
    let lock = lock_of(folder).and_then(|lock| lock.lock_shared().map(|()| lock)).ok();
    let (begun, new) = begin(file).map_err(|error| named(&error))?;
    let backend = FileBackend::new(new).map_err(|error| named(&error))?;
    let database =
        Database::builder().create_with_backend(backend).map_err(|error| named(&error))?;
    let transaction = database.begin_write().map_err(|error| named(&error))?;
    // Readers expect the tables.
    transaction.open_table(COMMITTED).map_err(|error| named(&error))?;
    transaction.open_table(PREPARED).map_err(|error| named(&error))?;
    let mut numbers = transaction.open_table(NUMBERS).map_err(|error| named(&error))?;
    numbers.insert(VERSION, PRESENT_VERSION).map_err(|error| named(&error))?;
    drop(numbers);
    transaction.commit().map_err(|error| named(&error))?;
    drop(database);
    // A link, other than a name that is changed, never takes the place of what is there.
    let linked = std::fs::hard_link(&begun, file);
    let made = match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not all file systems have links.
        Err(_) => std::fs::rename(&begun, file),
        Ok(()) => Ok(()),
    };
    let _ = std::fs::remove_file(&begun);
    drop(lock);
    made.map_err(|error| named(&error))?;
    sync_folder(folder);
    Ok(())
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a folder and those that it is in. Their names are on disk afterwards.
fn make_folders(folder: &Path) -> std::io::Result<()> {
    if folder.try_exists()? {
        return Ok(());
    }
    let parent = folder_of(folder);
    make_folders(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(parent);
    Ok(())
}

/// Has the names in a folder on disk. Some systems cannot open a folder; they keep names by
/// themselves.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

impl<K: StateKey + Stored, V: StateValue + Stored> DiskStore<K, V> {
    fn open(file: &Path, namespace: &Namespace) -> Result<Self, StateError> {
        let namespace = namespace.to_string();
        let doing = Doing { namespace: &namespace, doing: "open its file" };
        let database = open_file(file, doing)?;
        let reader = database.begin_read().map_err(|error| doing.failed(error))?;
        match Self::number(&reader, VERSION, doing)? {
            Some(PRESENT_VERSION) => {}
            other => {
                return Err(doing.failed(format!(
                    "{} is in form {other:?}, and this version of weir reads form {PRESENT_VERSION}",
                    file.display()
                )));
            }
        }
        let prepared = Self::found(&reader, doing)?;
        let committed_txid = Self::number(&reader, COMMITTED_TXID, doing)?;
        let committed = reader.open_table(COMMITTED).map_err(|error| doing.failed(error))?;
        drop(reader);
        let committed = Some(committed);
        Ok(Self { committed, database, namespace, prepared, committed_txid })
    }

    fn number(
        reader: &ReadTransaction,
        name: &str,
        doing: Doing<'_>,
    ) -> Result<Option<i64>, StateError> {
        let numbers = reader.open_table(NUMBERS).map_err(|error| doing.failed(error))?;
        let found = numbers.get(name).map_err(|error| doing.failed(error))?;
        Ok(found.map(|number| number.value()))
    }

    /// The prepared transaction that is in the file.
    fn found(
        reader: &ReadTransaction,
        doing: Doing<'_>,
    ) -> Result<Option<Prepared<K, V>>, StateError> {
        let table = reader.open_table(PREPARED).map_err(|error| doing.failed(error))?;
        let Some((txid, changes)) = table.last().map_err(|error| doing.failed(error))? else {
            return Ok(None);
        };
        let changes: Vec<(K, Option<V>)> = doing.decode(changes.value())?;
        Ok(Some(Prepared::found(txid.value(), changes)))
    }

    fn view(database: &Database, doing: Doing<'_>) -> Result<Table, StateError> {
        let reader = database.begin_read().map_err(|error| doing.failed(error))?;
        reader.open_table(COMMITTED).map_err(|error| doing.failed(error))
    }

    fn doing(&self, doing: &'static str) -> Doing<'_> {
        Doing { namespace: &self.namespace, doing }
    }

    /// Changes the file as a whole or not at all. It is on disk afterwards.
    fn change(
        &mut self,
        doing: &'static str,
        change: impl FnOnce(&WriteTransaction, Doing<'_>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let doing = self.doing(doing);
        let transaction = self.database.begin_write().map_err(|error| doing.failed(error))?;
        // Dropped without a commit, a transaction has done nothing.
        change(&transaction, doing)?;
        transaction.commit().map_err(|error| doing.failed(error))?;
        // The change has been made, whether or not it can be read at once.
        self.committed = Self::view(&self.database, doing).ok();
        Ok(())
    }

    fn write_prepared(
        transaction: &WriteTransaction,
        prepared: Option<&Prepared<K, V>>,
        doing: Doing<'_>,
    ) -> Result<(), StateError> {
        transaction.delete_table(PREPARED).map_err(|error| doing.failed(error))?;
        let mut table = transaction.open_table(PREPARED).map_err(|error| doing.failed(error))?;
        let Some(Prepared { txid, delta }) = prepared else { return Ok(()) };
        let changes: Vec<(&K, &Option<V>)> =
            delta.iter().map(|(key, change)| (key, &change.value)).collect();
        let changes = doing.encode(type_name::<V>(), &changes)?;
        table.insert(*txid, &*changes).map(drop).map_err(|error| doing.failed(error))
    }

    fn write_committed(
        transaction: &WriteTransaction,
        delta: &Delta<K, V>,
        doing: Doing<'_>,
    ) -> Result<(), StateError> {
        let mut changes = Vec::with_capacity(delta.len());
        for (key, change) in delta {
            let value = change
                .value
                .as_ref()
                .map(|value| doing.encode(type_name::<V>(), value))
                .transpose()?;
            changes.push((doing.encode(type_name::<K>(), key)?, value));
        }
        // In the order of the table: neighbours go to one page.
        changes.sort_unstable();
        let mut table = transaction.open_table(COMMITTED).map_err(|error| doing.failed(error))?;
        for (key, value) in &changes {
            let result = match value {
                None => table.remove(&**key),
                Some(value) => table.insert(&**key, &**value),
            };
            result.map_err(|error| doing.failed(error))?;
        }
        Ok(())
    }
}

impl<K: StateKey + Stored, V: StateValue + Stored> Store<K, V> for DiskStore<K, V> {
    fn get(&self, key: &K) -> Result<Option<V>, StateError> {
        let doing = self.doing("read a value");
        let key = doing.encode(type_name::<K>(), key)?;
        let found = match &self.committed {
            Some(committed) => committed.get(&*key),
            None => Self::view(&self.database, doing)?.get(&*key),
        };
        let found = found.map_err(|error| doing.failed(error))?;
        found.map(|value| doing.decode(value.value())).transpose()
    }

    fn entries(&self) -> Entries<'_, K, V> {
        let doing = self.doing("read its entries");
        let all =
            |committed: &Table| committed.range::<&[u8]>(..).map_err(|error| doing.failed(error));
        let entries = match &self.committed {
            Some(committed) => all(committed),
            None => Self::view(&self.database, doing).and_then(|committed| all(&committed)),
        };
        match entries {
            Err(error) => Box::new(std::iter::once(Err(error))),
            Ok(entries) => Box::new(entries.map(move |entry| {
                let (key, value) = entry.map_err(|error| doing.failed(error))?;
                Ok((doing.decode(key.value())?, doing.decode(value.value())?))
            })),
        }
    }

    fn prepared(&self) -> Option<&Prepared<K, V>> {
        self.prepared.as_ref()
    }

    fn committed(&self) -> Option<i64> {
        self.committed_txid
    }

    fn prepare(&mut self, prepared: Prepared<K, V>) -> Result<(), StateError> {
        self.change("prepare a transaction", |transaction, doing| {
            Self::write_prepared(transaction, Some(&prepared), doing)
        })?;
        self.prepared = Some(prepared);
        Ok(())
    }

    fn commit(&mut self) -> Result<Delta<K, V>, StateError> {
        let Some(prepared) = self.prepared.take() else { return Ok(Delta::default()) };
        let written = self.change("commit a transaction", |transaction, doing| {
            Self::write_committed(transaction, &prepared.delta, doing)?;
            Self::write_prepared(transaction, None, doing)?;
            let mut numbers = transaction.open_table(NUMBERS).map_err(|e| doing.failed(e))?;
            numbers.insert(COMMITTED_TXID, prepared.txid).map(drop).map_err(|e| doing.failed(e))
        });
        match written {
            Ok(()) => {
                self.committed_txid = Some(prepared.txid);
                Ok(prepared.delta)
            }
            Err(error) => {
                self.prepared = Some(prepared);
                Err(error)
            }
        }
    }

    fn persist(
        &mut self,
        delta: &Delta<K, V>,
        prepared: Option<Prepared<K, V>>,
    ) -> Result<(), StateError> {
        self.change("commit what has changed", |transaction, doing| {
            Self::write_committed(transaction, delta, doing)?;
            match &prepared {
                None => Ok(()),
                prepared => Self::write_prepared(transaction, prepared.as_ref(), doing),
            }
        })?;
        self.prepared = prepared;
        Ok(())
    }

    fn forget(&mut self) -> Result<(), StateError> {
        self.change("roll back a transaction", |transaction, doing| {
            Self::write_prepared(transaction, None, doing)
        })?;
        self.prepared = None;
        Ok(())
    }
}
