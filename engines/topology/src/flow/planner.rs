//! From a flow to declarations.

use crate::TopologyConfig;
use crate::typed::{Stream, TopologyBuilder};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use weir_dataflow::RunContext;

/// What an operator's successor wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) rows: Rows,
    pub(crate) order: Order,
}

/// Which outputs of a running aggregate are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One per change.
    Changes,
    /// The last of each key: the flow ends here, and is a table.
    Last,
}

/// Whether records must come in the order of the source, across keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Per key of the operator that emits them is enough.
    Any,
    /// A later operator will group them by another key and depends on their order: operators before
    /// it that keep the source's order only per key must run as one task.
    OfSource,
}

/// Counters of a run that its bolts add to when they end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) records: Arc<AtomicU64>,
    pub(crate) late: Arc<AtomicU64>,
}

/// A topology in the making.
pub(crate) struct Planner {
    pub(crate) builder: TopologyBuilder,
    pub(crate) config: TopologyConfig,
    pub(crate) context: RunContext,
    pub(crate) tallies: Tallies,
    pub(crate) sources: usize,
    ids: BTreeSet<String>,
}

/// A stream, and what has to be known about who emits it.
pub(crate) struct Planned<T> {
    pub(crate) stream: Stream<T>,
    pub(crate) by_spout: bool,
    /// Whether narrow operators have to keep the order within a task.
    pub(crate) in_line: bool,
}

impl Planner {
    pub(crate) fn new(config: &TopologyConfig, context: &RunContext) -> Self {
        Self {
            builder: TopologyBuilder::new(config.clone()),
            config: config.clone(),
            context: context.clone(),
            tallies: Tallies::default(),
            sources: 0,
            ids: BTreeSet::new(),
        }
    }

    /// A component id made of an operator's label: distinct, and not one of the engine's.
    pub(crate) fn id(&mut self, label: &str) -> String {
        let label = label.trim_start_matches('_');
        let label = if label.is_empty() { "operator" } else { label };
        let mut id = label.to_owned();
        let mut number = 1;
        while !self.ids.insert(id.clone()) {
            number += 1;
            id = format!("{label}-{number}");
        }
        id
    }
}
