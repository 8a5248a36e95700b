//! What a task knows of its windows, and of the batches that it has from: in memory and in a store.

use super::{Content, Cut, WindowsStore};
use std::collections::BTreeMap;
use weir_topology::{ComponentError, ComponentResult, Value, Values, values};

/// A batch that has been taken and may come again.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) at_ns: i64,
    pub(crate) tuples: Vec<Values>,
    /// What came out with it: a list per window.
    pub(crate) results: Vec<Value>,
}

impl Taken {
    fn row(&self) -> Value {
        let list = |rows: &[Values]| rows.iter().cloned().map(Value::from).collect::<Vec<_>>();
        values![self.at_ns, list(&self.tuples), self.results.clone()].into()
    }

    fn read(row: &Value) -> Option<Self> {
        let [at_ns, tuples, results] = row.as_list()? else { return None };
        let values = |row: &Value| row.as_list().map(|values| Values::from(values.to_vec()));
        Some(Self {
            at_ns: at_ns.as_int()?,
            tuples: tuples.as_list()?.iter().map(values).collect::<Option<_>>()?,
            results: results.as_list()?.to_vec(),
        })
    }
}

/// The windows of a task: what they hold of batches that are committed, and the batches since then, one
/// by one, so that any of them can be taken back.
pub(crate) struct Journal {
    store: Box<dyn WindowsStore>,
    prefix: String,
    /// Without the batches in `taken`.
    base: Content,
    /// The last batch in `base`.
    based_on: Option<i64>,
    taken: BTreeMap<i64, Taken>,
    /// With the batches in `taken`.
    content: Content,
    /// The numbers of the tuples of `base` that are in the store, from and up to.
    kept: (i64, i64),
    /// Batches in the store that are in `base`.
    merged: Vec<i64>,
}

/// The batches between the last that windows have and one that has come.
pub(crate) struct Missing {
    last: i64,
    before: i64,
    prefix: String,
}

impl Missing {
    /// They have been committed, so that they do not come any more.
    pub(crate) fn for_ever(&self) -> ComponentError {
        let Self { last, before, prefix } = self;
        let (first, to) = (last + 1, before - 1);
        ComponentError::fatal(format!(
            "the windows store (keys with {prefix:?} in front) ends with batch {last}, but its spouts have \
             committed batches {first} to {to}, too: put back a copy that is as old as their progress, or \
             empty it, and windows begin anew with batch {before}, without the tuples before it"
        ))
    }
}

/// A store without, or with other than, what was put there.
fn damaged(what: &str) -> ComponentError {
    ComponentError::fatal(format!(
        "the windows store has a damaged {what}: empty it together with the states behind the window"
    ))
}

impl Journal {
    /// Finds what a task before this one has kept. Times are those of a clock that began with that task:
    /// they count from its last sign of life.
    pub(crate) fn open(
        store: Box<dyn WindowsStore>,
        prefix: String,
        cut: Cut,
        now_ns: i64,
    ) -> Result<Self, ComponentError> {
        let base = Content::new(cut, now_ns);
        let content = base.clone();
        let (based_on, taken, merged, kept) = (None, BTreeMap::new(), Vec::new(), (0, 0));
        let mut journal = Self { store, prefix, base, based_on, taken, content, kept, merged };
        let meta = journal.store.get(&[journal.key("meta")])?.pop().unwrap_or_default();
        let mut entries = Vec::new();
        if !meta.is_null() {
            entries = journal.recover(&meta, now_ns)?;
        }
        entries.push((journal.key("meta"), journal.meta(now_ns)));
        journal.store.put(entries)?;
        Ok(journal)
    }

    fn key(&self, kind: &str) -> String {
        format!("{}{kind}", self.prefix)
    }

    fn numbered(&self, kind: &str, number: i64) -> String {
        format!("{}{kind}|{number:020}", self.prefix)
    }

    fn meta(&self, now_ns: i64) -> Value {
        let Content { next_number, since_cut, next_cut_ns, .. } = self.base;
        let since_cut = i64::try_from(since_cut).unwrap_or(i64::MAX);
        let numbers = [self.base.first_number(), next_number, since_cut, next_cut_ns, now_ns];
        let numbers = numbers.into_iter().map(Value::from);
        numbers.chain([Value::from(self.based_on)]).collect::<Vec<_>>().into()
    }

    /// Returns what is to be kept from here on, with the times of this life.
    fn recover(
        &mut self,
        meta: &Value,
        now_ns: i64,
    ) -> Result<Vec<(String, Value)>, ComponentError> {
        let [numbers @ .., based_on] = meta.as_list().unwrap_or_default() else {
            return Err(damaged("head"));
        };
        let numbers: Vec<i64> = numbers.iter().filter_map(Value::as_int).collect();
        let [first, next, since_cut, next_cut_ns, mut then] = numbers[..] else {
            return Err(damaged("head"));
        };
        self.based_on = based_on.as_int();
        let (mut last, mut gone) = (self.based_on, Vec::new());
        for (txid, row) in self.rows("b")? {
            if self.based_on.is_some_and(|last| txid <= last) {
                self.merged.push(txid);
                continue;
            }
            if last.is_some_and(|last| last.checked_add(1) != Some(txid)) {
                // It was being taken back with the one before it, which is not there any more.
                gone.push(self.numbered("b", txid));
                continue;
            }
            last = Some(txid);
            let taken = Taken::read(&row).ok_or_else(|| damaged("batch"))?;
            then = then.max(taken.at_ns);
            self.taken.insert(txid, taken);
        }
        let here = |at_ns: i64| now_ns.saturating_sub(then.saturating_sub(at_ns));
        self.taken.values_mut().for_each(|taken| taken.at_ns = here(taken.at_ns));
        self.base.next_number = next;
        self.base.since_cut = usize::try_from(since_cut).map_err(|_| damaged("head"))?;
        self.base.next_cut_ns = here(next_cut_ns);
        for (number, row) in self.rows("tu")? {
            let Some([Value::Int(at_ns), values @ ..]) = row.as_list() else {
                return Err(damaged("tuple"));
            };
            if (first..next).contains(&number) {
                self.base.tuples.push_back((number, here(*at_ns), values.to_vec().into()));
            } else {
                gone.push(self.numbered("tu", number));
            }
        }
        if i64::try_from(self.base.tuples.len()).ok() != next.checked_sub(first) {
            return Err(damaged("number of tuples"));
        }
        if !gone.is_empty() {
            self.store.remove(&gone)?;
        }
        self.kept = (first, next);
        self.rebuild();
        let batches =
            self.taken.iter().map(|(txid, taken)| (self.numbered("b", *txid), taken.row()));
        Ok(batches.chain(self.tuples_from(first)).collect())
    }

    fn rows(&mut self, kind: &str) -> Result<Vec<(i64, Value)>, ComponentError> {
        let keys = self.store.keys(&format!("{}{kind}|", self.prefix))?;
        let rows = self.store.get(&keys)?;
        let number = |key: &String| key.rsplit('|').next().and_then(|number| number.parse().ok());
        let row = |(key, row)| Some((number(key)?, row));
        Ok(keys.iter().zip(rows).filter_map(row).collect())
    }

    /// The tuples of `base`, from a number on, as they are kept.
    fn tuples_from(&self, first: i64) -> impl Iterator<Item = (String, Value)> {
        let from = self.base.tuples.iter().filter(move |(number, ..)| *number >= first);
        from.map(|(number, at_ns, values)| {
            let row = std::iter::once(Value::from(*at_ns)).chain(values.iter().cloned());
            (self.numbered("tu", *number), row.collect::<Vec<_>>().into())
        })
    }

    /// What came out with a batch when it was taken with these tuples, in whatever order they came.
    pub(crate) fn results(&self, txid: i64, tuples: &[Values]) -> Option<Vec<Value>> {
        let taken = self.taken.get(&txid)?;
        let (mut one, mut other): (Vec<&Values>, Vec<&Values>) =
            (taken.tuples.iter().collect(), tuples.iter().collect());
        one.sort();
        other.sort();
        (one == other).then(|| taken.results.clone())
    }

    /// The batch that would come next if batches did not have ids.
    pub(crate) fn next(&self) -> i64 {
        self.based_on.unwrap_or(0) + 1
    }

    /// A batch is about to be taken that was not, or with other tuples: it, and those behind it, are taken
    /// back.
    pub(crate) fn take_back(&mut self, txid: i64) -> ComponentResult {
        if let Some(last) = self.based_on
            && txid <= last
        {
            return Err(ComponentError::fatal(format!(
                "batch {txid} comes to windows that have batch {last}, which was committed before: a \
                 windows store goes with the progress of its spouts, so empty it with theirs"
            )));
        }
        let gone: Vec<i64> = self.taken.range(txid..).map(|(txid, _)| *txid).collect();
        if !gone.is_empty() {
            // First there: what is only gone from here would be found again.
            let keys: Vec<String> = gone.iter().map(|txid| self.numbered("b", *txid)).collect();
            self.store.remove(&keys)?;
            self.taken.split_off(&txid);
            self.rebuild();
        }
        Ok(())
    }

    /// The batches that would have to be taken before this one, if there are any. An empty store begins with
    /// any batch.
    pub(crate) fn missing_before(&self, txid: i64) -> Option<Missing> {
        let last = self.taken.last_key_value().map(|(last, _)| *last).or(self.based_on)?;
        (last < txid - 1).then(|| Missing { last, before: txid, prefix: self.prefix.clone() })
    }

    /// The windows that end by now and with these tuples. To be kept or given up.
    pub(crate) fn cut(&mut self, now_ns: i64, tuples: &[Values]) -> Vec<Vec<Values>> {
        self.content.step(now_ns, tuples)
    }

    /// What has been cut and not kept is given up.
    pub(crate) fn rebuild(&mut self) {
        self.content = self.base.clone();
        for taken in self.taken.values() {
            self.content.pass(taken.at_ns, &taken.tuples);
        }
    }

    /// Keeps what has been cut, as what a batch did.
    pub(crate) fn keep(&mut self, txid: i64, taken: Taken) -> ComponentResult {
        self.store.put(vec![(self.numbered("b", txid), taken.row())])?;
        self.taken.insert(txid, taken);
        Ok(())
    }

    /// The batches up to this one have been committed: they are not taken back any more.
    pub(crate) fn committed(&mut self, txid: i64, now_ns: i64) -> ComponentResult {
        while let Some(first) = self.taken.first_entry()
            && *first.key() <= txid
        {
            let (txid, taken) = first.remove_entry();
            self.base.pass(taken.at_ns, &taken.tuples);
            self.based_on = Some(txid);
            self.merged.push(txid);
        }
        if self.merged.is_empty() {
            return Ok(());
        }
        let (first, next) = (self.base.first_number(), self.base.next_number);
        let mut entries: Vec<_> = self.tuples_from(self.kept.1).collect();
        entries.push((self.key("meta"), self.meta(now_ns)));
        self.store.put(entries)?;
        // From here on the batches and tuples that remain are known to be of no use.
        let batches = self.merged.iter().map(|txid| self.numbered("b", *txid));
        let tuples = (self.kept.0..first.min(self.kept.1)).map(|n| self.numbered("tu", n));
        self.store.remove(&batches.chain(tuples).collect::<Vec<_>>())?;
        self.merged.clear();
        self.kept = (first, next);
        Ok(())
    }

    pub(crate) fn shutdown(&mut self) {
        self.store.shutdown();
    }
}
