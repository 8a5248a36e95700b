//! Opaque state in memory.

use super::{
    MapState, MemoryBacking, OpaqueMap, OpaqueValue, PartitionId, RemovableMapState, Snapshottable,
    SnapshottableMap, State, StateFactory, TupleCollection,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use weir_topology::{ComponentError, ComponentResult, Config, Value, Values, values};

type Backing = MemoryBacking<OpaqueValue<Value>>;

/// Opaque state in memory, by key and as one value. Storm's `MemoryMapState`.
///
/// A key that is removed is [`Value::Null`] until a batch with another id begins: only then is it
/// certain that the batch that removed it does not come again.
#[derive(Debug)]
pub struct MemoryMapState {
    state: SnapshottableMap<OpaqueMap<Backing>>,
    backing: Backing,
    removed: BTreeSet<Values>,
    txid: Option<i64>,
}

impl Default for MemoryMapState {
    fn default() -> Self {
        Self::over(Backing::default())
    }
}

impl MemoryMapState {
    /// An empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn over(backing: Backing) -> Self {
        let map = OpaqueMap::new(backing.clone());
        let state = SnapshottableMap::new(map, values!["$MEMORY-MAP-STATE-GLOBAL$"]);
        Self { state, backing, removed: BTreeSet::new(), txid: None }
    }

    /// What is set again after it was removed is not removed. (In Storm it is.)
    fn are_there(&mut self, keys: &[Values]) {
        if !self.removed.is_empty() {
            keys.iter().for_each(|key| drop(self.removed.take(key)));
        }
    }

    /// Makes states that outlive the executors that they are made for.
    #[must_use]
    pub fn factory() -> MemoryMapStateFactory {
        MemoryMapStateFactory::default()
    }
}

impl State for MemoryMapState {
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.state.begin_commit(txid)?;
        let removed = std::mem::take(&mut self.removed);
        if txid.is_none() || txid != self.txid {
            removed.iter().for_each(|key| self.backing.remove(key));
        }
        self.txid = txid;
        Ok(())
    }

    fn commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.state.commit(txid)
    }

    fn undo(&mut self, txid: i64) -> ComponentResult {
        if self.txid == Some(txid) {
            self.removed.clear();
        }
        self.state.undo(txid)
    }
}

impl MapState for MemoryMapState {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError> {
        self.state.map().multi_get(keys)
    }

    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult {
        self.are_there(keys);
        self.state.map().multi_put(keys, values)
    }

    fn multi_update(
        &mut self,
        keys: &[Values],
        update: &mut dyn FnMut(usize, &Value) -> Result<Value, ComponentError>,
    ) -> Result<Vec<Value>, ComponentError> {
        self.are_there(keys);
        self.state.map().multi_update(keys, update)
    }
}

impl RemovableMapState for MemoryMapState {
    fn multi_remove(&mut self, keys: &[Values]) -> ComponentResult {
        self.multi_put(keys, vec![Value::Null; keys.len()])?;
        self.removed.extend(keys.iter().cloned());
        Ok(())
    }
}

impl Snapshottable for MemoryMapState {
    fn get(&mut self) -> Result<Value, ComponentError> {
        self.state.get()
    }
    fn set(&mut self, value: Value) -> ComponentResult {
        self.state.set(value)
    }
    fn update(
        &mut self,
        update: &mut dyn FnMut(&Value) -> Result<Value, ComponentError>,
    ) -> Result<Value, ComponentError> {
        self.state.update(update)
    }
}

fn rows(backing: &Backing) -> Vec<Values> {
    let there = backing.entries().into_iter().filter(|(_, value)| !value.curr.is_null());
    there.map(|(key, value)| key.with([value.curr])).collect()
}

impl TupleCollection for MemoryMapState {
    fn tuples(&mut self) -> Result<Vec<Values>, ComponentError> {
        Ok(rows(&self.backing))
    }
}

/// Makes a [`MemoryMapState`] for each partition, and finds it again when a partition is made again.
/// Clones are the same. Storm's `MemoryMapState.Factory`, whose states lie in a static map by an id.
#[derive(Clone, Debug, Default)]
pub struct MemoryMapStateFactory(Arc<Mutex<BTreeMap<usize, Backing>>>);

impl MemoryMapStateFactory {
    fn partitions(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Backing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All keys with their values, of all partitions. A topology may run meanwhile: what is returned
    /// may then be between two batches.
    #[must_use]
    pub fn tuples(&self) -> Vec<Values> {
        self.partitions().values().flat_map(rows).collect()
    }
}

impl StateFactory for MemoryMapStateFactory {
    type State = MemoryMapState;

    fn make_state(
        &self,
        _conf: &Config,
        partition: PartitionId,
    ) -> Result<MemoryMapState, ComponentError> {
        let backing = self.partitions().entry(partition.index).or_default().clone();
        Ok(MemoryMapState::over(backing))
    }
}
