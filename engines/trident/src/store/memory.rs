//! Progress in memory.

use super::{StoreError, TransactionalStore};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_topology::Value;

/// Keeps progress in memory: it outlives executors, but not the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Value>>);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TransactionalStore for MemoryStore {
    fn get(&self, path: &str) -> Result<Option<Value>, StoreError> {
        Ok(self.map().get(path).cloned())
    }

    fn put(&self, path: &str, value: &Value) -> Result<(), StoreError> {
        self.map().insert(path.to_owned(), value.clone());
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), StoreError> {
        self.map().remove(path);
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, StoreError> {
        let prefix = format!("{path}/");
        let map = self.map();
        let below = map.range(prefix.clone()..).map_while(|(key, _)| key.strip_prefix(&prefix));
        let mut names: Vec<String> =
            below.map(|rest| rest.split('/').next().unwrap_or_default().to_owned()).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}
