//! One value, kept in a state by key.

use super::{MapState, Snapshottable, State};
use weir_topology::{ComponentError, ComponentResult, Value, Values};

/// One value, kept under one key of a state by key. Storm's `SnapshottableMap`.
#[derive(Debug)]
pub struct SnapshottableMap<M> {
    map: M,
    key: [Values; 1],
}

impl<M: MapState> SnapshottableMap<M> {
    /// The value under `key`.
    pub const fn new(map: M, key: Values) -> Self {
        Self { map, key: [key] }
    }

    /// The state by key.
    pub const fn map(&mut self) -> &mut M {
        &mut self.map
    }
}

impl<M: MapState> State for SnapshottableMap<M> {
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.map.begin_commit(txid)
    }
    fn commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.map.commit(txid)
    }
    fn undo(&mut self, txid: i64) -> ComponentResult {
        self.map.undo(txid)
    }
}

impl<M: MapState> Snapshottable for SnapshottableMap<M> {
    fn get(&mut self) -> Result<Value, ComponentError> {
        Ok(self.map.multi_get(&self.key)?.pop().unwrap_or_default())
    }

    fn set(&mut self, value: Value) -> ComponentResult {
        self.map.multi_put(&self.key, vec![value])
    }

    fn update(
        &mut self,
        update: &mut dyn FnMut(&Value) -> Result<Value, ComponentError>,
    ) -> Result<Value, ComponentError> {
        let made = self.map.multi_update(&self.key, &mut |_, value| update(value))?;
        Ok(made.into_iter().next().unwrap_or_default())
    }
}

/// As the state by key itself, in which the one value is a key among the others: so one state serves
/// aggregations of groups and of all there is.
impl<M: MapState> MapState for SnapshottableMap<M> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError> {
        self.map.multi_get(keys)
    }
    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult {
        self.map.multi_put(keys, values)
    }
    fn multi_update(
        &mut self,
        keys: &[Values],
        update: &mut dyn FnMut(usize, &Value) -> Result<Value, ComponentError>,
    ) -> Result<Vec<Value>, ComponentError> {
        self.map.multi_update(keys, update)
    }
}
