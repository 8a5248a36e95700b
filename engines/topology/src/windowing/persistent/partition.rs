//! Events of a window, as they are kept.

use crate::tuple::{Ids, Source};
use crate::{Fields, Tuple, Values};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Some events of a window, in order of arrival, as they are kept together. Their tuples are in no tree
/// any more when they come back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Form", try_from = "Form")]
pub struct WindowPartition {
    pub(super) events: VecDeque<StoredEvent>,
}

#[derive(Clone, Debug)]
pub(super) struct StoredEvent {
    pub(super) number: u64,
    pub(super) ts_ms: i64,
    pub(super) tuple: Tuple,
}

impl WindowPartition {
    /// How many events are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn position(&self, number: u64) -> Option<usize> {
        self.events.binary_search_by_key(&number, |event| event.number).ok()
    }
}

/// Where tuples come from is kept once for all of them.
#[derive(Serialize, Deserialize)]
struct Form {
    sources: Vec<(String, String, Vec<String>)>,
    /// Number, timestamp, which source, task and values.
    events: Vec<(u64, i64, usize, i32, Values)>,
}

impl From<WindowPartition> for Form {
    fn from(partition: WindowPartition) -> Self {
        let (mut sources, mut known) = (Vec::new(), Vec::<Arc<Source>>::new());
        let events = partition.events.iter().map(|StoredEvent { number, ts_ms, tuple }| {
            let source = tuple.source();
            let found = known.iter().position(|known| Arc::ptr_eq(known, source));
            let position = found.unwrap_or_else(|| {
                let fields = source.fields.iter().map(str::to_owned).collect();
                sources.push((source.component.to_string(), source.stream.to_string(), fields));
                known.push(Arc::clone(source));
                known.len() - 1
            });
            (*number, *ts_ms, position, tuple.source_task(), tuple.values().clone())
        });
        let events = events.collect();
        Self { sources, events }
    }
}

impl TryFrom<Form> for WindowPartition {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let source = |(component, stream, fields): (String, String, Vec<String>)| {
            let fields = Fields::new(fields).map_err(|error| error.to_string())?;
            Ok(Arc::new(Source { component: component.into(), stream: stream.into(), fields }))
        };
        let sources = form.sources.into_iter().map(source).collect::<Result<Vec<_>, String>>()?;
        let event = |(number, ts_ms, source, task, values)| {
            let source: &Arc<Source> = sources.get(source).ok_or("an event without a source")?;
            let tuple = Tuple::new(values, Arc::clone(source), task, Ids::new());
            Ok(StoredEvent { number, ts_ms, tuple })
        };
        let events = form.events.into_iter().map(event).collect::<Result<_, String>>()?;
        Ok(Self { events })
    }
}
