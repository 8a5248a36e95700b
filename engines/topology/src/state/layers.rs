//! The bookkeeping of transactions, the same whatever the committed state is kept in.
//!
//! Both the state as it is and the transaction that is prepared are kept as their difference from the
//! committed state. So a checkpoint costs what has changed since the last one, not what there is.

use super::{Entries, StateError, StateKey, StateValue};
use hashbrown::HashMap;
use weir_dataflow::FastState;

/// What a key has become; `None` where it was taken out.
#[derive(Clone, Debug)]
pub(super) struct Change<V> {
    /// Tells this change from later ones of the same key.
    serial: u64,
    pub(super) value: Option<V>,
}

/// A difference from the committed state.
pub(super) type Delta<K, V> = HashMap<K, Change<V>, FastState>;

/// A transaction that is prepared.
#[derive(Clone, Debug)]
pub(super) struct Prepared<K, V> {
    pub(super) txid: i64,
    pub(super) delta: Delta<K, V>,
}

impl<K: StateKey, V> Prepared<K, V> {
    /// One that was kept as its changes alone.
    pub(super) fn found(txid: i64, changes: impl IntoIterator<Item = (K, Option<V>)>) -> Self {
        let change = |(key, value)| (key, Change { serial: 0, value });
        Self { txid, delta: changes.into_iter().map(change).collect() }
    }
}

/// Where the committed state and the transaction that is prepared are, for whoever opens it next.
///
/// Every operation is done as a whole or, if it returns an error, not at all.
pub(super) trait Store<K, V> {
    fn get(&self, key: &K) -> Result<Option<V>, StateError>;

    /// All entries of the committed state.
    fn entries(&self) -> Entries<'_, K, V>;

    /// The transaction that is prepared.
    fn prepared(&self) -> Option<&Prepared<K, V>>;

    /// The transaction that was committed last.
    fn committed(&self) -> Option<i64>;

    /// Puts a transaction in the place of the one that is prepared.
    fn prepare(&mut self, transaction: Prepared<K, V>) -> Result<(), StateError>;

    /// Commits the transaction that is prepared. Returns what it has changed.
    fn commit(&mut self) -> Result<Delta<K, V>, StateError>;

    /// Commits a difference, and changes the transaction that is prepared, if one is.
    fn persist(
        &mut self,
        delta: &Delta<K, V>,
        prepared: Option<Prepared<K, V>>,
    ) -> Result<(), StateError>;

    /// Forgets the transaction that is prepared.
    fn forget(&mut self) -> Result<(), StateError>;
}

/// A store with transactions over it.
#[derive(Debug)]
pub(super) struct Layers<K, V, S> {
    store: S,
    working: Delta<K, V>,
    next_serial: u64,
}

impl<K, V, S> Layers<K, V, S> {
    pub(super) const fn store(&self) -> &S {
        &self.store
    }
}

impl<K: StateKey, V: StateValue, S: Store<K, V>> Layers<K, V, S> {
    /// What is found in a store. The state is what was prepared, if something was; it is uncommitted.
    pub(super) fn resume(store: S) -> Self {
        let working = store.prepared().map(|prepared| prepared.delta.clone()).unwrap_or_default();
        let next_serial = working.values().map(|change| change.serial + 1).max().unwrap_or(0);
        Self { store, working, next_serial }
    }

    fn change(&mut self, value: Option<V>) -> Change<V> {
        self.next_serial += 1;
        Change { serial: self.next_serial, value }
    }

    pub(super) fn get(&self, key: &K) -> Result<Option<V>, StateError> {
        match self.working.get(key) {
            Some(change) => Ok(change.value.clone()),
            None => self.store.get(key),
        }
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let change = self.change(Some(value));
        self.working.insert(key, change);
    }

    pub(super) fn delete(&mut self, key: &K) -> Result<Option<V>, StateError> {
        let old = self.get(key)?;
        if old.is_some() {
            let change = self.change(None);
            self.working.insert(key.clone(), change);
        }
        Ok(old)
    }

    pub(super) fn iter(&self) -> Entries<'_, K, V> {
        let committed = self.store.entries().filter(|entry| match entry {
            Ok((key, _)) => !self.working.contains_key(key),
            Err(_) => true,
        });
        let entry =
            |(key, change): (&K, &Change<V>)| Some(Ok((key.clone(), change.value.clone()?)));
        Box::new(committed.chain(self.working.iter().filter_map(entry)))
    }

    pub(super) fn prepare_commit(&mut self, txid: i64) -> Result<(), StateError> {
        match self.store.prepared() {
            Some(Prepared { txid: pending, .. }) if txid > *pending => {
                Err(StateError::PendingTransaction { pending: *pending, txid })
            }
            _ => self.store.prepare(Prepared { txid, delta: self.working.clone() }),
        }
    }

    pub(super) fn commit(&mut self, txid: i64) -> Result<(), StateError> {
        let prepared = match self.store.prepared() {
            Some(prepared) if prepared.txid == txid => prepared,
            other => {
                let prepared = other.map(|prepared| prepared.txid);
                return Err(StateError::NotPrepared { prepared, txid });
            }
        };
        // `persist` may have come after the preparation: then keys that the transaction sets back are
        // at present what is committed.
        let set_back = prepared.delta.keys().filter(|key| !self.working.contains_key(*key));
        let kept: Result<Vec<_>, _> =
            set_back.map(|key| Ok((key.clone(), self.store.get(key)?))).collect();
        let kept = kept?;
        let committed = self.store.commit()?;
        self.working.retain(|key, change| {
            committed.get(key).is_none_or(|committed| committed.serial != change.serial)
        });
        for (key, value) in kept {
            let change = self.change(value);
            self.working.insert(key, change);
        }
        Ok(())
    }

    pub(super) fn persist(&mut self) -> Result<(), StateError> {
        let mut prepared = self.store.prepared().cloned();
        if let Some(Prepared { delta, .. }) = &mut prepared {
            // The transaction stays what it is; what it differs from does not.
            for key in self.working.keys() {
                if !delta.contains_key(key) {
                    let value = self.store.get(key)?;
                    delta.insert(key.clone(), Change { serial: 0, value });
                }
            }
        }
        self.store.persist(&self.working, prepared)?;
        self.working.clear();
        Ok(())
    }

    pub(super) fn rollback(&mut self) -> Result<(), StateError> {
        if self.store.prepared().is_some() {
            self.store.forget()?;
        }
        self.working.clear();
        Ok(())
    }

    pub(super) fn is_committed(&self, txid: i64) -> bool {
        let again = self.store.prepared().is_some_and(|prepared| prepared.txid == txid);
        !again && self.store.committed() == Some(txid)
    }
}

/// Gives a map over [`Layers`] the operations of state.
macro_rules! layered {
    ($state:ident $(, $bound:ident)?) => {
        impl<K: StateKey $(+ $bound)?, V: StateValue $(+ $bound)?> $crate::state::State
            for $state<K, V>
        {
            fn prepare_commit(&mut self, txid: i64) -> Result<(), StateError> {
                self.layers.prepare_commit(txid)
            }
            fn commit(&mut self, txid: i64) -> Result<(), StateError> {
                self.layers.commit(txid)
            }
            fn persist(&mut self) -> Result<(), StateError> {
                self.layers.persist()
            }
            fn rollback(&mut self) -> Result<(), StateError> {
                self.layers.rollback()
            }
            fn is_committed(&self, txid: i64) -> bool {
                self.layers.is_committed(txid)
            }
        }

        impl<K: StateKey $(+ $bound)?, V: StateValue $(+ $bound)?>
            $crate::state::KeyValueState<K, V> for $state<K, V>
        {
            fn get(&self, key: &K) -> Result<Option<V>, StateError> {
                self.layers.get(key)
            }
            fn put(&mut self, key: K, value: V) -> Result<(), StateError> {
                self.layers.put(key, value);
                Ok(())
            }
            fn delete(&mut self, key: &K) -> Result<Option<V>, StateError> {
                self.layers.delete(key)
            }
            fn iter(&self) -> $crate::state::Entries<'_, K, V> {
                self.layers.iter()
            }
        }
    };
}
pub(super) use layered;
