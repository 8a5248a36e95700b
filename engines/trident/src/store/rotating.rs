//! What a spout knows of its last batches.

use super::{StoreError, TransactionalState};
use std::collections::BTreeMap;
use weir_topology::{ComponentError, Value};

/// What a spout knows of its last batches, by their ids. Storm's `RotatingTransactionalState`.
#[derive(Debug)]
pub struct RotatingTransactionalState {
    state: TransactionalState,
    /// The same as in the store.
    known: BTreeMap<i64, Value>,
}

impl RotatingTransactionalState {
    /// What a part of a store has.
    pub fn load(state: TransactionalState) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        for name in state.names()? {
            if let Ok(txid) = name.parse::<i64>()
                && let Some(value) = state.get(&name)?
            {
                known.insert(txid, value);
            }
        }
        Ok(Self { state, known })
    }

    /// What is known of a batch.
    #[must_use]
    pub fn get(&self, txid: i64) -> Option<&Value> {
        self.known.get(&txid)
    }

    /// What is known of the last batch before one.
    #[must_use]
    pub fn previous(&self, txid: i64) -> Option<&Value> {
        self.known.range(..txid).next_back().map(|(_, value)| value)
    }

    /// What is known of the last batch.
    #[must_use]
    pub fn last(&self) -> Option<&Value> {
        self.known.last_key_value().map(|(_, value)| value)
    }

    /// Keeps something of a batch, in the place of what is known.
    pub fn put(&mut self, txid: i64, value: Value) -> Result<(), StoreError> {
        self.state.put(&txid.to_string(), &value)?;
        self.known.insert(txid, value);
        Ok(())
    }

    /// Forgets a batch.
    pub fn remove(&mut self, txid: i64) -> Result<(), StoreError> {
        if self.known.remove(&txid).is_some() {
            self.state.remove(&txid.to_string())?;
        }
        Ok(())
    }

    /// What is known of a batch, or `None` if that was made just now: by `make`, of what is known of
    /// the batch before. [`Value::Null`] if a later batch is known already: this one cannot be made any
    /// more.
    pub fn get_or_make(
        &mut self,
        txid: i64,
        make: impl FnOnce(Option<&Value>) -> Result<Value, ComponentError>,
    ) -> Result<Option<Value>, ComponentError> {
        if let Some(value) = self.known.get(&txid) {
            return Ok(Some(value.clone()));
        }
        let value = if self.known.range(txid..).next().is_some() {
            Value::Null
        } else {
            make(self.previous(txid))?
        };
        self.put(txid, value)?;
        Ok(None)
    }

    /// Forgets all batches before one, but not the last that is known: a partition that was not there for
    /// some batches goes on behind it.
    pub fn cleanup_before(&mut self, txid: i64) -> Result<(), StoreError> {
        let last = self.known.last_key_value().map_or(txid, |(last, _)| *last);
        let keep = self.known.split_off(&txid.min(last));
        for old in std::mem::replace(&mut self.known, keep).into_keys() {
            self.state.remove(&old.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryStore, TransactionalStore};
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_known_of_batches_rotates() {
        let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
        let part = || TransactionalState::user(&store, "s").part("p");
        let mut state = RotatingTransactionalState::load(part()).expect("memory");
        let made = state.get_or_make(1, |before| {
            assert_eq!(before, None);
            Ok(10.into())
        });
        assert_eq!(made.expect("made"), None);
        let made = state.get_or_make(2, |before| {
            assert_eq!(before, Some(&10.into()));
            Ok(20.into())
        });
        assert_eq!(made.expect("made"), None);
        let mut state = RotatingTransactionalState::load(part()).expect("memory");
        let known = state.get_or_make(1, |_| unreachable!("it is known"));
        assert_eq!(known.expect("known"), Some(10.into()));
        assert_eq!((state.previous(2), state.last()), (Some(&10.into()), Some(&20.into())));
        state.cleanup_before(2).expect("memory");
        assert_eq!(part().names().expect("memory"), ["2"]);
        state.cleanup_before(9).expect("memory");
        assert_eq!(state.last(), Some(&20.into()), "there is none that would replace it");
        let late = state.get_or_make(1, |_| unreachable!("too late"));
        assert_eq!((late.expect("known"), state.get(1)), (None, Some(&Value::Null)));
    }
}
