//! State in memory.

use super::layers::{Change, Delta, Layers, Prepared, Store, layered};
use super::{Entries, StateError, StateKey, StateValue};
use hashbrown::HashMap;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::FastState;

/// A map in memory, with transactions. Storm's `InMemoryKeyValueState`, save that a rollback does not
/// let later writes into what is committed.
///
/// One made with [`new`](Self::new) is gone when it is dropped. One that a
/// [`StateProvider`](super::StateProvider) opened stays there, as after the end of a process: what was
/// committed, and the transaction that was prepared.
#[derive(Debug)]
pub struct InMemoryKeyValueState<K: StateKey, V: StateValue> {
    layers: Layers<K, V, MemoryStore<K, V>>,
}

impl<K: StateKey, V: StateValue> InMemoryKeyValueState<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self { layers: Layers::resume(MemoryStore { kept: Kept::default(), home: None }) }
    }
}

impl<K: StateKey, V: StateValue> Default for InMemoryKeyValueState<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

layered!(InMemoryKeyValueState);

/// What outlives whoever works on a state.
#[derive(Debug)]
struct Kept<K, V> {
    entries: HashMap<K, V, FastState>,
    prepared: Option<Prepared<K, V>>,
    committed: Option<i64>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::default(), prepared: None, committed: None }
    }
}

impl<K: StateKey, V> Kept<K, V> {
    fn apply(&mut self, key: K, change: Change<V>) {
        match change.value {
            Some(value) => drop(self.entries.insert(key, value)),
            None => drop(self.entries.remove(&key)),
        }
    }
}

#[derive(Debug)]
struct MemoryStore<K: StateKey, V: StateValue> {
    kept: Kept<K, V>,
    /// Where it goes when nobody works on it.
    home: Option<Home>,
}

impl<K: StateKey, V: StateValue> Drop for MemoryStore<K, V> {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put(Box::new(std::mem::take(&mut self.kept)));
        }
    }
}

impl<K: StateKey, V: StateValue> Store<K, V> for MemoryStore<K, V> {
    fn get(&self, key: &K) -> Result<Option<V>, StateError> {
        Ok(self.kept.entries.get(key).cloned())
    }

    fn entries(&self) -> Entries<'_, K, V> {
        Box::new(self.kept.entries.iter().map(|(key, value)| Ok((key.clone(), value.clone()))))
    }

    fn prepared(&self) -> Option<&Prepared<K, V>> {
        self.kept.prepared.as_ref()
    }

    fn committed(&self) -> Option<i64> {
        self.kept.committed
    }

    fn prepare(&mut self, transaction: Prepared<K, V>) -> Result<(), StateError> {
        self.kept.prepared = Some(transaction);
        Ok(())
    }

    fn commit(&mut self) -> Result<Delta<K, V>, StateError> {
        let Some(Prepared { txid, delta }) = self.kept.prepared.take() else {
            return Ok(Delta::default());
        };
        for (key, change) in &delta {
            self.kept.apply(key.clone(), change.clone());
        }
        self.kept.committed = Some(txid);
        Ok(delta)
    }

    fn persist(
        &mut self,
        delta: &Delta<K, V>,
        prepared: Option<Prepared<K, V>>,
    ) -> Result<(), StateError> {
        for (key, change) in delta {
            self.kept.apply(key.clone(), change.clone());
        }
        self.kept.prepared = prepared;
        Ok(())
    }

    fn forget(&mut self) -> Result<(), StateError> {
        self.kept.prepared = None;
        Ok(())
    }
}

/// A state's place: what was left there, or `None` while somebody works on it.
type Place = Option<(Box<dyn Any + Send>, &'static str)>;

/// States in memory that outlive their executors.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms(Arc<Mutex<BTreeMap<String, Place>>>);

impl Rooms {
    /// Takes the state of a namespace, empty at first. It goes back when it is dropped.
    pub(super) fn open<K: StateKey, V: StateValue>(
        &self,
        namespace: &str,
    ) -> Result<InMemoryKeyValueState<K, V>, StateError> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match places.get_mut(namespace) {
            None => Kept::<K, V>::default(),
            Some(place) => match place.take() {
                None => return Err(StateError::InUse { namespace: namespace.to_owned() }),
                Some((kept, types)) => match kept.downcast::<Kept<K, V>>() {
                    Ok(kept) => *kept,
                    Err(kept) => {
                        *place = Some((kept, types));
                        let wanted = std::any::type_name::<(K, V)>();
                        let namespace = namespace.to_owned();
                        return Err(StateError::OtherTypes { namespace, kept: types, wanted });
                    }
                },
            },
        };
        places.insert(namespace.to_owned(), None);
        let types = std::any::type_name::<(K, V)>();
        let home = Home { rooms: self.clone(), namespace: namespace.to_owned(), types };
        Ok(InMemoryKeyValueState { layers: Layers::resume(MemoryStore { kept, home: Some(home) }) })
    }
}

#[derive(Debug)]
struct Home {
    rooms: Rooms,
    namespace: String,
    types: &'static str,
}

impl Home {
    fn put(self, kept: Box<dyn Any + Send>) {
        let mut places = self.rooms.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(self.namespace, Some((kept, self.types)));
    }
}
