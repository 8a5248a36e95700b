//! State that is exact even if a batch that comes again has other content.

use super::backing::{BatchCache, Notes};
use super::{BackingMap, MapState, OpaqueValue, State};
use weir_topology::{ComponentError, ComponentResult, Value, Values};

/// State by key that is exact even if a batch that comes again has other content: it keeps the value
/// before the last batch, too. Storm's `OpaqueMap`.
#[derive(Debug)]
pub struct OpaqueMap<B> {
    cache: BatchCache<OpaqueValue<Value>, B>,
    txid: Option<i64>,
    /// Beside those of the backing map, which may take none.
    notes: Notes,
}

impl<B: BackingMap<OpaqueValue<Value>>> OpaqueMap<B> {
    /// Over a backing map.
    pub fn new(backing: B) -> Self {
        Self { cache: BatchCache::new(backing), txid: None, notes: Notes::default() }
    }

    /// Where the values are kept.
    pub const fn backing(&mut self) -> &mut B {
        &mut self.cache.backing
    }
}

impl<B: BackingMap<OpaqueValue<Value>>> State for OpaqueMap<B> {
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

    fn undo(&mut self, txid: i64) -> ComponentResult {
        self.cache.reset();
        let mut keys = self.backing().noted(txid)?;
        keys.extend(self.notes.of(txid));
        keys.sort();
        keys.dedup();
        let stored = self.backing().multi_get(&keys)?;
        let undone = keys.into_iter().zip(stored).filter_map(|(key, stored)| {
            let stored = stored.filter(|stored| stored.txid == Some(txid))?;
            Some((key, OpaqueValue::new(Some(txid), stored.prev.clone(), stored.prev)))
        });
        let undone: Vec<_> = undone.collect();
        if undone.is_empty() { Ok(()) } else { self.backing().multi_put(undone) }
    }
}

impl<B: BackingMap<OpaqueValue<Value>>> MapState for OpaqueMap<B> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError> {
        let mut values = Vec::with_capacity(keys.len());
        for read in self.cache.get(keys)? {
            values.push(match read.value {
                None => Value::Null,
                Some(value) if read.written_now => value.curr,
                Some(value) => value.get(self.txid)?.clone(),
            });
        }
        Ok(values)
    }

    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult {
        self.multi_update(keys, &mut |k, _| Ok(values.get(k).cloned().unwrap_or_default()))
            .map(drop)
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
            // What this batch wrote itself has its id, too, but is what the update builds on.
            let base = if read.written_now { &stored.curr } else { stored.get(self.txid)? };
            let value = update(k, base)?;
            made.push(value.clone());
            entries.push((keys[k].clone(), stored.update(self.txid, value)?));
        }
        if let Some(txid) = self.txid {
            self.notes.note(txid, keys);
            self.cache.backing.note(txid, keys)?;
        }
        self.cache.put(entries)?;
        Ok(made)
    }
}
