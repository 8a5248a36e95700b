//! State that is exact if a batch that comes again has the same content.

use super::backing::BatchCache;
use super::{BackingMap, BehindState, MapState, State, TransactionalValue};
use weir_topology::{ComponentError, ComponentResult, Value, Values};

/// State by key that is exact if a batch that comes again has the same content: it knows which batch
/// made a value, and does not do it twice. Storm's `TransactionalMap`, which does not notice that a batch
/// is older than what it has: here updating or replacing a value is then an error ([`BehindState`]), for
/// which a replaced value is read before.
#[derive(Debug)]
pub struct TransactionalMap<B> {
    cache: BatchCache<TransactionalValue<Value>, B>,
    txid: Option<i64>,
}

impl<B: BackingMap<TransactionalValue<Value>>> TransactionalMap<B> {
    /// Over a backing map.
    pub fn new(backing: B) -> Self {
        Self { cache: BatchCache::new(backing), txid: None }
    }

    /// A batch that is older than a value cannot know what the value is to be.
    fn check(&self, stored: &TransactionalValue<Value>) -> Result<(), BehindState> {
        match (self.txid, stored.txid) {
            (Some(batch), Some(state)) if state > batch => Err(BehindState { batch, state }),
            _ => Ok(()),
        }
    }

    /// Where the values are kept.
    pub const fn backing(&mut self) -> &mut B {
        &mut self.cache.backing
    }
}

impl<B: BackingMap<TransactionalValue<Value>>> State for TransactionalMap<B> {
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.txid = txid;
        self.cache.reset();
        Ok(())
    }

    fn commit(&mut self, _txid: Option<i64>) -> ComponentResult {
        self.txid = None;
        self.cache.reset();
        Ok(())
    }
}

impl<B: BackingMap<TransactionalValue<Value>>> MapState for TransactionalMap<B> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError> {
        let reads = self.cache.get(keys)?;
        Ok(reads.into_iter().map(|read| read.value.unwrap_or_default().value).collect())
    }

    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult {
        if self.txid.is_some() {
            for read in self.cache.get(keys)? {
                read.value.map_or(Ok(()), |stored| self.check(&stored))?;
            }
        }
        let entry = |(key, value): (&Values, Value)| {
            (key.clone(), TransactionalValue::new(self.txid, value))
        };
        self.cache.put(keys.iter().zip(values).map(entry).collect())
    }

    fn multi_update(
        &mut self,
        keys: &[Values],
        update: &mut dyn FnMut(usize, &Value) -> Result<Value, ComponentError>,
    ) -> Result<Vec<Value>, ComponentError> {
        let reads = self.cache.get(keys)?;
        let (mut entries, mut made) = (Vec::new(), Vec::with_capacity(keys.len()));
        for (k, read) in reads.into_iter().enumerate() {
            let stored = read.value.unwrap_or_default();
            self.check(&stored)?;
            let done_before = self.txid.is_some() && stored.txid == self.txid && !read.written_now;
            if done_before {
                made.push(stored.value);
            } else {
                let value = update(k, &stored.value)?;
                made.push(value.clone());
                entries.push((keys[k].clone(), TransactionalValue::new(self.txid, value)));
            }
        }
        if !entries.is_empty() {
            self.cache.put(entries)?;
        }
        Ok(made)
    }
}
