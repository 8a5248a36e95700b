//! A backing map on disk.

use super::BackingMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use weir_topology::state::{DiskKeyValueState, KeyValueState, Namespace, State, StateError};
use weir_topology::{ComponentError, ComponentResult, Values};

/// A key of the file.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Key {
    Entry(Values),
    /// The keys that the last batch has set.
    Notes,
}

/// What is under it.
#[derive(Clone, Serialize, Deserialize)]
enum Content<T> {
    Entry(T),
    Notes { txid: i64, keys: Vec<Values> },
}

/// A map in a file, which survives the end of the process and that of the machine: values are on disk when
/// [`multi_put`](BackingMap::multi_put) returns, all of a call or none, and what is noted of a batch with
/// the values that it is noted for.
///
/// Objects in keys or values have no form on disk: putting them is an error.
pub struct DiskBacking<T>(DiskKeyValueState<Key, Content<T>>);

impl<T> fmt::Debug for DiskBacking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskBacking").field(&self.0).finish()
    }
}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> DiskBacking<T> {
    /// Opens the file, which is made with its folders if it is not there. Each partition of a state needs
    /// one of its own.
    pub fn open(file: &Path) -> Result<Self, StateError> {
        let component = file.display().to_string();
        let namespace = Namespace { topology: "trident".to_owned(), component, task: 0 };
        Ok(Self(DiskKeyValueState::open(file, &namespace)?))
    }

    /// All keys and their values, in no particular order.
    pub fn entries(&self) -> Result<Vec<(Values, T)>, StateError> {
        let entry = |entry: Result<(Key, Content<T>), StateError>| match entry {
            Ok((Key::Entry(key), Content::Entry(value))) => Some(Ok((key, value))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        self.0.iter().filter_map(entry).collect()
    }

    fn notes(&self) -> Result<Option<(i64, Vec<Values>)>, StateError> {
        Ok(match self.0.get(&Key::Notes)? {
            Some(Content::Notes { txid, keys }) => Some((txid, keys)),
            _ => None,
        })
    }
}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> BackingMap<T> for DiskBacking<T> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<T>>, ComponentError> {
        let get = |key: &Values| match self.0.get(&Key::Entry(key.clone()))? {
            Some(Content::Entry(value)) => Ok(Some(value)),
            _ => Ok(None),
        };
        keys.iter().map(get).collect()
    }

    fn multi_put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult {
        for (key, value) in entries {
            self.0.put(Key::Entry(key), Content::Entry(value))?;
        }
        Ok(self.0.persist()?)
    }

    /// On disk with the values that follow.
    fn note(&mut self, txid: i64, keys: &[Values]) -> ComponentResult {
        let mut all = match self.notes()? {
            Some((of, noted)) if of == txid => noted,
            _ => Vec::new(),
        };
        all.extend_from_slice(keys);
        all.sort();
        all.dedup();
        Ok(self.0.put(Key::Notes, Content::Notes { txid, keys: all })?)
    }

    fn noted(&mut self, txid: i64) -> Result<Vec<Values>, ComponentError> {
        Ok(match self.notes()? {
            Some((of, noted)) if of == txid => noted,
            _ => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{MapState, OpaqueMap, OpaqueValue, State as _};
    use weir_topology::{Value, values};

    type Map = OpaqueMap<DiskBacking<OpaqueValue<Value>>>;

    fn open(file: &Path) -> Map {
        OpaqueMap::new(DiskBacking::open(file).expect("a file"))
    }

    fn add(map: &mut Map, txid: i64, keys: &[Values]) {
        map.begin_commit(Some(txid)).expect("works");
        let add = &mut |_, stored: &Value| Ok((stored.as_int().unwrap_or(0) + 1).into());
        map.multi_update(keys, add).expect("works");
    }

    /// As after the death of a process between the update and the commit.
    #[test]
    fn a_batch_is_undone_in_another_life() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("parts/0.redb");
        let (a, b) = (values!["a"], values!["b"]);
        let mut map = open(&file);
        add(&mut map, 1, &[a.clone(), b.clone()]);
        map.commit(Some(1)).expect("works");
        add(&mut map, 2, std::slice::from_ref(&a));
        drop(map);
        let mut map = open(&file);
        map.undo(2).expect("works");
        add(&mut map, 2, std::slice::from_ref(&b));
        map.commit(Some(2)).expect("works");
        let mut entries = map.backing().entries().expect("works");
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        let values: Vec<_> = entries.into_iter().map(|(key, value)| (key, value.curr)).collect();
        assert_eq!(values, [(a, 1.into()), (b, 2.into())]);
    }

    #[test]
    fn what_has_no_form_is_an_error_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut map: DiskBacking<Value> =
            DiskBacking::open(&folder.path().join("x")).expect("a file");
        map.multi_put(vec![(values![1], 1.into())]).expect("works");
        map.multi_put(vec![(values![2], Value::object(1u8))]).expect_err("an object");
        drop(map);
        let map: DiskBacking<Value> = DiskBacking::open(&folder.path().join("x")).expect("again");
        assert_eq!(map.entries().expect("works"), [(values![1], 1.into())]);
    }
}
