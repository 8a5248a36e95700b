//! Where the tuples and results of windows are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_topology::{ComponentError, ComponentResult, Value};

/// Where the tuples and results of windows are kept, by key. Storm's `WindowsStore`.
pub trait WindowsStore: 'static {
    /// What is kept under some keys; [`Value::Null`] where nothing is.
    fn get(&mut self, keys: &[String]) -> Result<Vec<Value>, ComponentError>;

    /// Keeps values under keys, all or none of them.
    fn put(&mut self, entries: Vec<(String, Value)>) -> ComponentResult;

    /// Forgets some keys.
    fn remove(&mut self, keys: &[String]) -> ComponentResult;

    /// All keys that begin so, in order.
    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, ComponentError>;

    /// Called last, when a topology ends in order.
    fn shutdown(&mut self) {}
}

/// Makes the store of a task. Asked again after an executor was restarted, and then has to come up with
/// what was kept. Storm's `WindowsStoreFactory`. A closure without arguments is one.
pub trait WindowsStoreFactory: Send + Sync + 'static {
    /// A store; all that one factory makes have the same content.
    fn create(&self) -> Result<Box<dyn WindowsStore>, ComponentError>;
}

impl<F> WindowsStoreFactory for F
where
    F: Fn() -> Result<Box<dyn WindowsStore>, ComponentError> + Send + Sync + 'static,
{
    fn create(&self) -> Result<Box<dyn WindowsStore>, ComponentError> {
        self()
    }
}

/// A store in memory. Clones are the same store. Storm's `InMemoryWindowsStore`.
#[derive(Clone, Debug, Default)]
pub struct MemoryWindowsStore(Arc<Mutex<BTreeMap<String, Value>>>);

impl MemoryWindowsStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WindowsStore for MemoryWindowsStore {
    fn get(&mut self, keys: &[String]) -> Result<Vec<Value>, ComponentError> {
        let map = self.map();
        Ok(keys.iter().map(|key| map.get(key).cloned().unwrap_or_default()).collect())
    }

    fn put(&mut self, entries: Vec<(String, Value)>) -> ComponentResult {
        self.map().extend(entries);
        Ok(())
    }

    fn remove(&mut self, keys: &[String]) -> ComponentResult {
        let mut map = self.map();
        keys.iter().for_each(|key| drop(map.remove(key)));
        Ok(())
    }

    fn keys(&mut self, prefix: &str) -> Result<Vec<String>, ComponentError> {
        let map = self.map();
        let from = map.range(prefix.to_owned()..).map(|(key, _)| key);
        Ok(from.take_while(|key| key.starts_with(prefix)).cloned().collect())
    }
}

impl WindowsStoreFactory for MemoryWindowsStore {
    fn create(&self) -> Result<Box<dyn WindowsStore>, ComponentError> {
        Ok(Box::new(self.clone()))
    }
}
