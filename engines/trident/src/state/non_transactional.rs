//! State that does not know of batches.

use super::{BackingMap, MapState, State};
use weir_topology::{ComponentError, ComponentResult, Value, Values};

/// State by key that knows nothing of batches: one that comes again is applied again. Storm's
/// `NonTransactionalMap`.
#[derive(Debug)]
pub struct NonTransactionalMap<B> {
    backing: B,
}

impl<B: BackingMap<Value>> NonTransactionalMap<B> {
    /// Over a backing map.
    pub const fn new(backing: B) -> Self {
        Self { backing }
    }

    /// Where the values are kept.
    pub const fn backing(&mut self) -> &mut B {
        &mut self.backing
    }
}

impl<B: BackingMap<Value>> State for NonTransactionalMap<B> {
    fn begin_commit(&mut self, _txid: Option<i64>) -> ComponentResult {
        Ok(())
    }
    fn commit(&mut self, _txid: Option<i64>) -> ComponentResult {
        Ok(())
    }
}

impl<B: BackingMap<Value>> MapState for NonTransactionalMap<B> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError> {
        let values = self.backing.multi_get(keys)?;
        Ok(values.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult {
        self.backing.multi_put(keys.iter().cloned().zip(values).collect())
    }

    fn multi_update(
        &mut self,
        keys: &[Values],
        update: &mut dyn FnMut(usize, &Value) -> Result<Value, ComponentError>,
    ) -> Result<Vec<Value>, ComponentError> {
        let values = self.multi_get(keys)?;
        let made = values.iter().enumerate().map(|(k, value)| update(k, value));
        let made: Vec<Value> = made.collect::<Result<_, _>>()?;
        self.multi_put(keys, made.clone())?;
        Ok(made)
    }
}
