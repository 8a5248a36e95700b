//! The words in which cases tell of blocks, batches and what is logged of them.

use crate::phrases::{clauses, holes, number, unknown};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use weir_microbatch::tracker::{BlockId, LogEvent, ReceivedBlockInfo};

/// The input stream that blocks are of, unless a case says otherwise.
pub(super) const STREAM: usize = 1;

/// What names stand for: groups of blocks, and times.
#[derive(Default)]
pub(super) struct Words {
    groups: BTreeMap<String, Vec<u64>>,
    times: BTreeMap<String, u64>,
    /// The highest block that was named.
    last: u64,
}

impl Words {
    /// Blocks from `b1`, `b1..b5`, `b1,b2`, a group `A`, a new group `A(5)`, or `5 blocks`, new ones.
    pub(super) fn blocks(&mut self, text: &str) -> Result<Vec<u64>, String> {
        if let Some([count]) = holes(text, "{n} blocks").or_else(|| holes(text, "{n} block")) {
            return Ok(self.fresh(number(count)?));
        }
        if let Some([group, count]) = holes(text, "{w}({n})") {
            let blocks = self.fresh(number(count)?);
            self.groups.insert(group.to_owned(), blocks.clone());
            return Ok(blocks);
        }
        if let Some(group) = self.groups.get(text) {
            return Ok(group.clone());
        }
        let mut blocks = Vec::new();
        for part in clauses(text, ',') {
            let of = |text: &str| match holes(text, "b{n}") {
                Some([n]) => number(n),
                None => unknown(text),
            };
            match part.split_once("..") {
                Some((from, to)) => blocks.extend(of(from)?..=of(to)?),
                None => blocks.push(of(part)?),
            }
        }
        self.last = blocks.iter().copied().fold(self.last, u64::max);
        Ok(blocks)
    }

    fn fresh(&mut self, count: u64) -> Vec<u64> {
        let first = self.last + 1;
        self.last += count;
        (first..=self.last).collect()
    }

    /// Blocks as an expectation writes them: a list, or a group.
    pub(super) fn expected(&mut self, value: &Value) -> Result<Vec<u64>, String> {
        match value {
            Value::String(text) => self.blocks(text),
            Value::Array(all) => {
                let mut blocks = Vec::new();
                for one in all {
                    blocks.extend(self.blocks(one.as_str().ok_or("a block is no text")?)?);
                }
                Ok(blocks)
            }
            other => Err(format!("{other}: no blocks")),
        }
    }

    /// A time from `1000`, from a name, or from `t1=now`, which is a new name.
    pub(super) fn time(&mut self, text: &str, now_ms: u64) -> Result<u64, String> {
        let (name, what) = text.split_once('=').unwrap_or((text, text));
        let time = match (what.trim(), self.times.get(what.trim())) {
            ("now", _) => now_ms,
            (_, Some(time)) => *time,
            (digits, None) => number(digits)?,
        };
        self.times.insert(name.trim().to_owned(), time);
        Ok(time)
    }

    /// All times that were named.
    pub(super) fn times(&self) -> BTreeSet<u64> {
        self.times.values().copied().collect()
    }

    /// Events from `add b1`, `add A x5`, `alloc 1000 [b1,b2]`, `alloc t1 A` or `cleanup [0]`.
    pub(super) fn events(&mut self, text: &str) -> Result<Vec<LogEvent>, String> {
        let added = |blocks: Vec<u64>| {
            blocks.into_iter().map(|n| LogEvent::BlockAddition(block(n))).collect::<Vec<_>>()
        };
        if let Some([blocks, count]) = holes(text, "add {w} x{n}") {
            let blocks = self.blocks(blocks)?;
            let same = blocks.len() as u64 == number(count)?;
            return if same { Ok(added(blocks)) } else { unknown(text) };
        }
        if let Some([blocks]) = holes(text, "add {*}") {
            return Ok(added(self.blocks(blocks)?));
        }
        if let Some([batch, blocks]) = holes(text, "alloc {w} {*}") {
            let batch_ms = self.time(batch, 0)?;
            let blocks = self.blocks(blocks.trim_matches(['[', ']']))?;
            let blocks = BTreeMap::from([(STREAM, blocks.into_iter().map(block).collect())]);
            return Ok(vec![LogEvent::BatchAllocation { batch_ms, blocks }]);
        }
        if let Some([batches]) = holes(text, "cleanup [{*}]") {
            let times = clauses(batches, ',').into_iter().map(|batch| self.time(batch, 0));
            let batches_ms = times.collect::<Result<Vec<_>, _>>()?;
            return Ok(vec![LogEvent::BatchCleanup { batches_ms }]);
        }
        unknown(text)
    }
}

pub(super) fn block(n: u64) -> ReceivedBlockInfo {
    ReceivedBlockInfo::new(BlockId::new(STREAM, n), Some(0))
}

pub(super) fn ids(blocks: &[ReceivedBlockInfo]) -> Vec<u64> {
    blocks.iter().map(|block| block.block_id.unique_id).collect()
}

/// An event, without what a log adds to it.
pub(super) fn shown(event: &LogEvent) -> String {
    match event {
        LogEvent::BlockAddition(block) => format!("add {}", block.block_id.unique_id),
        LogEvent::BatchAllocation { batch_ms, blocks } => {
            let blocks: Vec<_> = blocks.values().map(|blocks| ids(blocks)).collect();
            format!("alloc {batch_ms} {blocks:?}")
        }
        LogEvent::BatchCleanup { batches_ms } => format!("cleanup {batches_ms:?}"),
    }
}

/// The files of a case: where each begins and ends, and what is in it.
pub(super) type LogFiles = Vec<(u64, u64, Vec<LogEvent>)>;

/// Reads `[{"log-0-1000": ["add b1", ..]}, ..]`. Spark's suite makes five blocks at a time: `add rest`
/// are those of them that nothing else names.
pub(super) fn log_files(words: &mut Words, files: &Value) -> Result<LogFiles, String> {
    let (mut found, mut rest) = (LogFiles::new(), None);
    for file in files.as_array().into_iter().flatten() {
        for (name, events) in file.as_object().ok_or("a file has no name")? {
            let span = holes(name, "log-{n}-{n}").ok_or_else(|| format!("{name:?}?"))?;
            let [start, stop] = span.map(number);
            let mut all = Vec::new();
            for event in events.as_array().ok_or("a file has no events")? {
                match event.as_str().ok_or("an event is no text")? {
                    "add rest" => rest = Some(found.len()),
                    event => all.extend(words.events(event)?),
                }
            }
            found.push((start?, stop?, all));
        }
    }
    if let Some(at) = rest {
        let named = |n: &u64| {
            found.iter().flat_map(|(_, _, events)| events).any(|event| {
            matches!(event, LogEvent::BlockAddition(block) if block.block_id.unique_id == *n)
        })
        };
        let left: Vec<u64> = (1..=5).filter(|n| !named(n)).collect();
        words.last = words.last.max(5);
        found[at].2.extend(left.into_iter().map(|n| LogEvent::BlockAddition(block(n))));
    }
    Ok(found)
}

/// What a tracker knows: the blocks of batches, and those that no batch has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) batches: BTreeMap<u64, Vec<u64>>,
    pub(super) unallocated: Vec<u64>,
}

impl Known {
    /// What is known after some events, told without a tracker.
    pub(super) fn of(files: &LogFiles) -> Self {
        let mut known = Self::default();
        for event in files.iter().flat_map(|(_, _, events)| events) {
            match event {
                LogEvent::BlockAddition(block) => {
                    known.unallocated.push(block.block_id.unique_id);
                }
                LogEvent::BatchAllocation { batch_ms, blocks } => {
                    let taken: Vec<u64> = blocks.values().flat_map(|blocks| ids(blocks)).collect();
                    known.unallocated.retain(|block| !taken.contains(block));
                    known.batches.insert(*batch_ms, taken);
                }
                LogEvent::BatchCleanup { batches_ms } => {
                    known.batches.retain(|batch, _| !batches_ms.contains(batch));
                }
            }
        }
        known.batches.retain(|_, blocks| !blocks.is_empty());
        known
    }
}
