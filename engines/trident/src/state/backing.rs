//! Where states by key keep their values.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_dataflow::FastState;
use weir_topology::{ComponentError, ComponentResult, Values};

/// Where a state by key keeps its values: a database, for instance. Storm's `IBackingMap`.
pub trait BackingMap<T>: 'static {
    /// The values of some keys; `None` for a key that is not there.
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<T>>, ComponentError>;

    /// Sets the values of some keys.
    fn multi_put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult;

    /// Notes that a batch is about to set some keys, beside those that it is noted for already; notes
    /// of other batches can go. A map that outlives its executor has to, for what it says to be exact after
    /// a failure: see [`State::undo`](super::State::undo).
    fn note(&mut self, _txid: i64, _keys: &[Values]) -> ComponentResult {
        Ok(())
    }

    /// The keys that have been noted for a batch.
    fn noted(&mut self, _txid: i64) -> Result<Vec<Values>, ComponentError> {
        Ok(Vec::new())
    }
}

impl<T, B: BackingMap<T> + ?Sized> BackingMap<T> for Box<B>
where
    T: 'static,
{
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<T>>, ComponentError> {
        (**self).multi_get(keys)
    }
    fn multi_put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult {
        (**self).multi_put(entries)
    }
    fn note(&mut self, txid: i64, keys: &[Values]) -> ComponentResult {
        (**self).note(txid, keys)
    }
    fn noted(&mut self, txid: i64) -> Result<Vec<Values>, ComponentError> {
        (**self).noted(txid)
    }
}

/// The keys that the last batch has set.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    txid: Option<i64>,
    keys: Vec<Values>,
}

impl Notes {
    pub(super) fn note(&mut self, txid: i64, keys: &[Values]) {
        if self.txid != Some(txid) {
            self.keys.clear();
            self.txid = Some(txid);
        }
        self.keys.extend_from_slice(keys);
    }

    pub(super) fn of(&self, txid: i64) -> Vec<Values> {
        if self.txid == Some(txid) { self.keys.clone() } else { Vec::new() }
    }
}

/// A map in memory. Clones are the same map, so that a partition that is made again finds it.
#[derive(Debug)]
pub struct MemoryBacking<T>(Arc<Mutex<Memory<T>>>);

#[derive(Debug)]
struct Memory<T> {
    map: BTreeMap<Values, T>,
    notes: Notes,
}

impl<T> Default for MemoryBacking<T> {
    fn default() -> Self {
        let (map, notes) = (BTreeMap::new(), Notes::default());
        Self(Arc::new(Mutex::new(Memory { map, notes })))
    }
}

impl<T> Clone for MemoryBacking<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> MemoryBacking<T> {
    fn lock(&self) -> MutexGuard<'_, Memory<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a key.
    pub fn remove(&self, key: &Values) {
        self.lock().map.remove(key);
    }

    /// All keys and their values, in the order of the keys.
    #[must_use]
    pub fn entries(&self) -> Vec<(Values, T)> {
        self.lock().map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl<T: Clone + 'static> BackingMap<T> for MemoryBacking<T> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<T>>, ComponentError> {
        let memory = self.lock();
        Ok(keys.iter().map(|key| memory.map.get(key).cloned()).collect())
    }

    fn multi_put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult {
        self.lock().map.extend(entries);
        Ok(())
    }

    fn note(&mut self, txid: i64, keys: &[Values]) -> ComponentResult {
        self.lock().notes.note(txid, keys);
        Ok(())
    }

    fn noted(&mut self, txid: i64) -> Result<Vec<Values>, ComponentError> {
        Ok(self.lock().notes.of(txid))
    }
}

/// A value, and whether this very batch wrote it.
pub(super) struct Read<T> {
    pub(super) value: Option<T>,
    pub(super) written_now: bool,
}

/// A backing map, and what the batch at hand has written: only of these is it certain that they are
/// the batch's own doing, and not of an attempt before. Storm's `CachedBatchReadsMap`.
#[derive(Debug)]
pub(super) struct BatchCache<T, B> {
    pub(super) backing: B,
    written: HashMap<Values, T, FastState>,
}

impl<T: Clone + 'static, B: BackingMap<T>> BatchCache<T, B> {
    pub(super) fn new(backing: B) -> Self {
        Self { backing, written: HashMap::default() }
    }

    /// Another batch begins, or this one ends.
    pub(super) fn reset(&mut self) {
        self.written.clear();
    }

    pub(super) fn get(&mut self, keys: &[Values]) -> Result<Vec<Read<T>>, ComponentError> {
        let missing: Vec<Values> =
            keys.iter().filter(|key| !self.written.contains_key(*key)).cloned().collect();
        let mut stored = if missing.is_empty() {
            Vec::new().into_iter()
        } else {
            self.backing.multi_get(&missing)?.into_iter()
        };
        let read = |key: &Values| match self.written.get(key) {
            Some(value) => Read { value: Some(value.clone()), written_now: true },
            None => Read { value: stored.next().flatten(), written_now: false },
        };
        Ok(keys.iter().map(read).collect())
    }

    pub(super) fn put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult {
        self.written.extend(entries.iter().cloned());
        self.backing.multi_put(entries)
    }
}
