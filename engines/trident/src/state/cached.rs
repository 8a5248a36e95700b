//! A backing map with what was used last in memory.

use super::BackingMap;
use std::collections::{BTreeMap, HashMap};
use weir_dataflow::FastState;
use weir_topology::{ComponentError, ComponentResult, Values};

/// A backing map of which the keys that were used last are kept in memory, too. Nobody else may change the
/// map underneath. Storm's `CachedMap`.
#[derive(Debug)]
pub struct CachedMap<T, B> {
    backing: B,
    /// At least 1.
    most: usize,
    /// Values, and when each was used last.
    values: HashMap<Values, (T, u64), FastState>,
    used: BTreeMap<u64, Values>,
    uses: u64,
}

impl<T: Clone + 'static, B: BackingMap<T>> CachedMap<T, B> {
    /// Keeps at most so many keys in memory, at least one.
    pub fn new(backing: B, most: usize) -> Self {
        let (values, used) = (HashMap::default(), BTreeMap::new());
        Self { backing, most: most.max(1), values, used, uses: 0 }
    }

    /// The map underneath.
    pub const fn backing(&mut self) -> &mut B {
        &mut self.backing
    }

    fn forget(&mut self, key: &Values) {
        if let Some((_, use_)) = self.values.remove(key) {
            self.used.remove(&use_);
        }
    }

    fn remember(&mut self, key: &Values, value: T) {
        self.forget(key);
        self.uses += 1;
        self.values.insert(key.clone(), (value, self.uses));
        self.used.insert(self.uses, key.clone());
        if self.values.len() > self.most
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.values.remove(&oldest);
        }
    }
}

impl<T: Clone + 'static, B: BackingMap<T>> BackingMap<T> for CachedMap<T, B> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<T>>, ComponentError> {
        let mut found: Vec<Option<T>> =
            keys.iter().map(|key| self.values.get(key).map(|(value, _)| value.clone())).collect();
        let places: Vec<usize> = (0..keys.len()).filter(|at| found[*at].is_none()).collect();
        if !places.is_empty() {
            let missing: Vec<Values> = places.iter().map(|at| keys[*at].clone()).collect();
            for (at, value) in places.into_iter().zip(self.backing.multi_get(&missing)?) {
                found[at] = value;
            }
        }
        for (key, value) in keys.iter().zip(&found) {
            if let Some(value) = value {
                self.remember(key, value.clone());
            }
        }
        Ok(found)
    }

    fn multi_put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult {
        // If that fails, it is the map that knows what is there.
        entries.iter().for_each(|(key, _)| self.forget(key));
        self.backing.multi_put(entries.clone())?;
        entries.into_iter().for_each(|(key, value)| self.remember(&key, value));
        Ok(())
    }

    fn note(&mut self, txid: i64, keys: &[Values]) -> ComponentResult {
        self.backing.note(txid, keys)
    }

    fn noted(&mut self, txid: i64) -> Result<Vec<Values>, ComponentError> {
        self.backing.noted(txid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weir_topology::values;

    /// Counts the keys that it is asked for.
    #[derive(Default)]
    struct Asked {
        map: BTreeMap<Values, i64>,
        asked: usize,
    }

    impl BackingMap<i64> for Asked {
        fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<i64>>, ComponentError> {
            self.asked += keys.len();
            Ok(keys.iter().map(|key| self.map.get(key).copied()).collect())
        }
        fn multi_put(&mut self, entries: Vec<(Values, i64)>) -> ComponentResult {
            self.map.extend(entries);
            Ok(())
        }
    }

    fn ask(cached: &mut CachedMap<i64, Asked>, key: i64) -> (Option<i64>, usize) {
        let before = cached.backing().asked;
        let found = cached.multi_get(&[values![key]]).expect("memory").remove(0);
        (found, cached.backing().asked - before)
    }

    #[test]
    fn what_was_used_last_is_in_memory() {
        let mut cached = CachedMap::new(Asked::default(), 2);
        cached.multi_put((0..3).map(|key| (values![key], 10 * key)).collect()).expect("memory");
        let asked = [1, 2, 1, 0, 1, 2, 7, 7].map(|key| ask(&mut cached, key));
        let want = [(10, 0), (20, 0), (10, 0), (0, 1), (10, 0), (20, 1)];
        assert_eq!(asked[..6], want.map(|(value, asked)| (Some(value), asked)));
        assert_eq!(asked[6..], [(None, 1), (None, 1)], "what is not there is asked for each time");
    }

    proptest! {
        #[test]
        fn it_has_what_the_map_has(
            most in 0usize..5,
            steps in prop::collection::vec((0i64..7, prop::option::of(0i64..9)), 0..60),
        ) {
            let mut cached = CachedMap::new(Asked::default(), most);
            for (key, put) in steps {
                match put {
                    Some(value) => cached.multi_put(vec![(values![key], value)]).expect("memory"),
                    None => {
                        let there = cached.backing().map.get(&values![key]).copied();
                        prop_assert_eq!(ask(&mut cached, key).0, there);
                    }
                }
                prop_assert!(cached.values.len() <= most.max(1));
                prop_assert_eq!(cached.values.len(), cached.used.len());
            }
        }
    }
}
