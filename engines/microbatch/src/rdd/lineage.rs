//! What an RDD is made from, and how that is shown.

use super::storage::StorageLevel;
use crate::job::{JobError, is_within_stream};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An RDD without the type of its records.
pub(crate) trait Lineage: Send + Sync {
    fn id(&self) -> u64;
    fn partitions(&self) -> usize;
    /// `name Kind[id] at label`.
    fn describe(&self) -> String;
    fn level(&self) -> StorageLevel;
    /// How many partitions are stored, and their bytes in memory (if known) and on disk.
    fn stored(&self) -> Option<(usize, u64)>;
    fn dependencies(&self) -> Vec<Dependency>;
    /// Writes the checkpoint that was asked for. Whether one was.
    fn do_checkpoint(&self) -> Result<bool, JobError>;
}

/// One RDD that another is made from.
pub(crate) struct Dependency {
    pub(crate) on: Arc<dyn Lineage>,
    pub(crate) shuffle: bool,
}

/// Writes the checkpoints that were asked for, from `last` upwards. As in Spark, what is above a
/// checkpointed RDD is left alone, as nobody will read it; but not in the jobs of streams, whose states
/// are each the beginning of a recovery.
pub(crate) fn checkpoint_all(last: Arc<dyn Lineage>) -> Result<(), JobError> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![last]);
    let all = is_within_stream();
    while let Some(rdd) = open.pop() {
        if seen.insert(rdd.id()) {
            // Before the checkpoint, which cuts them off.
            let above = rdd.dependencies();
            if !rdd.do_checkpoint()? || all {
                open.extend(above.into_iter().map(|dependency| dependency.on));
            }
        }
    }
    Ok(())
}

/// Spark's `toDebugString`: a line per RDD, indented at shuffles.
pub(crate) fn debug_string(last: &dyn Lineage) -> String {
    let count = format!("({})", last.partitions());
    let offset = (count.len() - 1) / 2;
    let prefix = format!("{}|{}", " ".repeat(offset), " ".repeat(count.len() - offset));
    let mut lines = Vec::new();
    for (index, line) in own_lines(last).into_iter().enumerate() {
        lines.push(if index == 0 { format!("{count} {line}") } else { format!("{prefix}{line}") });
    }
    children(last, &prefix, &mut lines);
    lines.join("\n")
}

fn own_lines(rdd: &dyn Lineage) -> Vec<String> {
    let mut lines = vec![format!("{} [{}]", rdd.describe(), rdd.level().description())];
    if let Some((partitions, disk)) = rdd.stored() {
        lines.push(format!("    CachedPartitions: {partitions}; DiskSize: {disk} B"));
    }
    lines
}

fn children(rdd: &dyn Lineage, prefix: &str, lines: &mut Vec<String>) {
    let dependencies = rdd.dependencies();
    let last = dependencies.len().saturating_sub(1);
    for (index, dependency) in dependencies.iter().enumerate() {
        if dependency.shuffle {
            behind_shuffle(&*dependency.on, prefix, index == last, lines);
        } else {
            lines.extend(own_lines(&*dependency.on).iter().map(|line| format!("{prefix}{line}")));
            children(&*dependency.on, prefix, lines);
        }
    }
}

fn behind_shuffle(rdd: &dyn Lineage, prefix: &str, is_last: bool, lines: &mut Vec<String>) {
    let count = format!("({})", rdd.partitions());
    let offset = (count.len() - 1) / 2;
    // The bar above belongs to the RDD that is left here.
    let trimmed = prefix.trim_end();
    let this = match trimmed.strip_suffix('|') {
        Some(rest) if trimmed.len() < prefix.len() => rest,
        _ => prefix,
    };
    let next = format!(
        "{this}{}{}|{}",
        if is_last { "  " } else { "| " },
        " ".repeat(offset),
        " ".repeat(count.len() - offset)
    );
    for (index, line) in own_lines(rdd).into_iter().enumerate() {
        lines.push(if index == 0 {
            format!("{this}+-{count} {line}")
        } else {
            format!("{next}{line}")
        });
    }
    children(rdd, &next, lines);
}
