//! What a sink held, and whether it is what the oracle says.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::{Data, FastState, Key, Sink, Writer, hash_of};
use weir_reports::schema::Verdict;
use weir_workloads::OutputKind;

/// How many differences a verdict spells out.
const EXAMPLES: usize = 5;

/// The rows of one key, without keeping them all: runs at saturation emit millions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log<V> {
    /// How many rows there were.
    pub count: u64,
    /// A hash over the sequence: it differs if a row does, or the order.
    pub digest: u64,
    /// The last row.
    pub last: V,
}

/// How much of a log a sink keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A digest per key: for timed runs.
    Digests,
    /// Every row: for rows that are written out.
    Rows,
}

/// The contents of a sink, or of one task's part of it.
#[derive(Clone, Debug)]
pub enum Rows<K, V> {
    /// A table: the latest row of each key.
    Latest(HashMap<K, V, FastState>),
    /// A digest of a log per key.
    Digests(HashMap<K, Log<V>, FastState>),
    /// A log per key.
    All(HashMap<K, Vec<V>, FastState>),
}

impl<K: Key, V: Data + Hash> Rows<K, V> {
    /// Empty contents of a kind.
    #[must_use]
    pub fn new(kind: OutputKind, detail: Detail) -> Self {
        match (kind, detail) {
            (OutputKind::Latest, _) => Self::Latest(HashMap::default()),
            (OutputKind::All, Detail::Digests) => Self::Digests(HashMap::default()),
            (OutputKind::All, Detail::Rows) => Self::All(HashMap::default()),
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Latest(rows) => rows.len(),
            Self::Digests(rows) => rows.len(),
            Self::All(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Key, V: Data + Hash> Writer<(K, V)> for Rows<K, V> {
    fn write(&mut self, (key, value): (K, V)) {
        match self {
            Self::Latest(rows) => {
                rows.insert(key, value);
            }
            Self::All(rows) => rows.entry(key).or_default().push(value),
            Self::Digests(rows) => {
                let hash = hash_of(&value);
                match rows.entry(key) {
                    Entry::Vacant(gap) => {
                        gap.insert(Log { count: 1, digest: hash_of(&hash), last: value });
                    }
                    Entry::Occupied(mut found) => {
                        let log = found.get_mut();
                        log.count += 1;
                        log.digest = hash_of(&(log.digest, hash));
                        log.last = value;
                    }
                }
            }
        }
    }
}

/// The sink of timed runs: each task fills [`Rows`] of its own and hands them over at its end.
pub struct TableSink<K, V> {
    kind: OutputKind,
    detail: Detail,
    parts: Arc<Mutex<Vec<Rows<K, V>>>>,
}

impl<K, V> TableSink<K, V> {
    /// An empty sink.
    #[must_use]
    pub fn new(kind: OutputKind, detail: Detail) -> Self {
        Self { kind, detail, parts: Arc::default() }
    }

    /// What the tasks that have ended wrote.
    #[must_use]
    pub fn take(&self) -> Vec<Rows<K, V>> {
        std::mem::take(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K, V> Clone for TableSink<K, V> {
    fn clone(&self) -> Self {
        Self { kind: self.kind, detail: self.detail, parts: Arc::clone(&self.parts) }
    }
}

impl<K: Key, V: Data + Hash> Sink<(K, V)> for TableSink<K, V> {
    type Writer = TableWriter<K, V>;
    fn writer(&self) -> TableWriter<K, V> {
        TableWriter {
            rows: Some(Rows::new(self.kind, self.detail)),
            parts: Arc::clone(&self.parts),
        }
    }
}

/// One task's end of a [`TableSink`].
pub struct TableWriter<K, V> {
    rows: Option<Rows<K, V>>,
    parts: Arc<Mutex<Vec<Rows<K, V>>>>,
}

impl<K: Key, V: Data + Hash> Writer<(K, V)> for TableWriter<K, V> {
    #[inline]
    fn write(&mut self, row: (K, V)) {
        if let Some(rows) = &mut self.rows {
            rows.write(row);
        }
    }
}

impl<K, V> Drop for TableWriter<K, V> {
    fn drop(&mut self) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.extend(self.rows.take());
    }
}

/// Compares what a run's tasks wrote with the oracle's rows, key by key.
///
/// A key that two tasks wrote is wrong, whatever its value: it was in two places at once.
#[must_use]
pub fn compare<K: Key + Debug, V: Data + PartialEq + Debug>(
    expected: &Rows<K, V>,
    found: &[Rows<K, V>],
) -> Verdict {
    let mut verdict = Verdict::default();
    match expected {
        Rows::Latest(expected) => {
            let parts = found.iter().filter_map(|part| match part {
                Rows::Latest(rows) => Some(rows),
                _ => None,
            });
            compare_maps(expected, &parts.collect::<Vec<_>>(), &mut verdict);
        }
        Rows::Digests(expected) => {
            let parts = found.iter().filter_map(|part| match part {
                Rows::Digests(rows) => Some(rows),
                _ => None,
            });
            compare_maps(expected, &parts.collect::<Vec<_>>(), &mut verdict);
        }
        Rows::All(expected) => {
            let parts = found.iter().filter_map(|part| match part {
                Rows::All(rows) => Some(rows),
                _ => None,
            });
            compare_maps(expected, &parts.collect::<Vec<_>>(), &mut verdict);
        }
    }
    verdict.valid = verdict.missing + verdict.extra + verdict.wrong == 0;
    verdict
}

fn compare_maps<K: Key + Debug, V: PartialEq + Debug>(
    expected: &HashMap<K, V, FastState>,
    parts: &[&HashMap<K, V, FastState>],
    verdict: &mut Verdict,
) {
    verdict.rows = expected.len() as u64;
    let Verdict { missing, extra, wrong, examples, .. } = verdict;
    let mut note = |count: &mut u64, text: &dyn Fn() -> String| {
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(text());
        }
    };
    for (key, want) in expected {
        let mut holders = parts.iter().filter_map(|part| part.get(key));
        match (holders.next(), holders.next()) {
            (None, _) => note(missing, &|| format!("{key:?}: expected {want:?}, found nothing")),
            (Some(one), Some(two)) => {
                note(wrong, &|| format!("{key:?}: in two tasks' rows, as {one:?} and {two:?}"));
            }
            (Some(got), None) if got != want => {
                note(wrong, &|| format!("{key:?}: expected {want:?}, found {got:?}"));
            }
            (Some(_), None) => {}
        }
    }
    for (key, got) in parts.iter().flat_map(|part| part.iter()) {
        if !expected.contains_key(key) {
            note(extra, &|| format!("{key:?}: expected nothing, found {got:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(kind: OutputKind, detail: Detail, all: &[(u8, u32)]) -> Rows<u8, u32> {
        let mut rows = Rows::new(kind, detail);
        all.iter().for_each(|row| rows.write(*row));
        rows
    }

    /// (kind, expected, parts found, [missing, extra, wrong])
    type Case<'a> = (OutputKind, &'a [(u8, u32)], &'a [&'a [(u8, u32)]], [u64; 3]);

    #[test]
    fn verdict_table() {
        use OutputKind::{All, Latest};
        let cases: &[Case<'_>] = &[
            (Latest, &[], &[], [0, 0, 0]),
            (Latest, &[(1, 5), (1, 6)], &[&[(1, 6)]], [0, 0, 0]),
            (Latest, &[(1, 6), (2, 7)], &[&[(1, 6)], &[(2, 7)]], [0, 0, 0]),
            (Latest, &[(1, 6), (2, 7)], &[&[(1, 6)]], [1, 0, 0]),
            (Latest, &[(1, 6)], &[&[(1, 6), (2, 7)]], [0, 1, 0]),
            (Latest, &[(1, 6)], &[&[(1, 7)]], [0, 0, 1]),
            (Latest, &[(1, 6)], &[&[(1, 6)], &[(1, 6)]], [0, 0, 1]),
            (All, &[(1, 5), (1, 6)], &[&[(1, 5), (1, 6)]], [0, 0, 0]),
            (All, &[(1, 5), (1, 6)], &[&[(1, 6), (1, 5)]], [0, 0, 1]),
            (All, &[(1, 5), (1, 6)], &[&[(1, 6)]], [0, 0, 1]),
            (All, &[(1, 5), (2, 5)], &[&[(2, 5), (1, 5)]], [0, 0, 0]),
            (All, &[(1, 5), (1, 5)], &[&[(1, 5)], &[(1, 5)]], [0, 0, 1]),
        ];
        for (kind, expected, found, want) in cases {
            for detail in [Detail::Digests, Detail::Rows] {
                let parts: Vec<_> = found.iter().map(|part| rows(*kind, detail, part)).collect();
                let verdict = compare(&rows(*kind, detail, expected), &parts);
                let counts = [verdict.missing, verdict.extra, verdict.wrong];
                assert_eq!(counts, *want, "{expected:?} {found:?} {detail:?}");
                assert_eq!(verdict.valid, *want == [0, 0, 0]);
                assert_eq!(verdict.examples.len() as u64, want.iter().sum::<u64>());
            }
        }
    }

    #[test]
    fn a_sink_collects_its_writers_when_they_are_dropped() {
        let sink = TableSink::new(OutputKind::Latest, Detail::Digests);
        let mut writer = sink.writer();
        writer.write((1u8, 2u32));
        assert!(sink.take().is_empty());
        drop(writer);
        assert_eq!(sink.take().len(), 1);
    }
}
