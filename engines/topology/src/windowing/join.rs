//! Joins of streams over windows.

use super::{TupleWindow, WindowedBolt, WindowedOutputCollector};
use crate::{
    ComponentResult, DEFAULT_STREAM, Fields, OutputFieldsDeclarer, TopologyError, Tuple, Value,
};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use thiserror::Error;
use weir_dataflow::FastState;

/// A join that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A stream that is joined twice.
    #[error("'{stream}' is already part of join. Cannot join with it more than once.")]
    JoinedTwice {
        /// The stream.
        stream: String,
    },
    /// A join with what is no part of it.
    #[error("Stream '{prior}' was not previously declared: join it before {stream}")]
    UnknownPrior {
        /// What it is to be joined with.
        prior: String,
        /// The stream.
        stream: String,
    },
    /// Nothing to emit.
    #[error("the join selects nothing: name the fields of its output with select")]
    NothingSelected,
    /// A field that is selected twice, or a name that cannot be one.
    #[error(transparent)]
    Fields(#[from] TopologyError),
}

/// What tells the streams of a join apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The name of the stream.
    Stream,
    /// The component that emits it.
    Source,
}

impl Selector {
    fn of(self, tuple: &Tuple) -> &str {
        match self {
            Self::Stream => tuple.source_stream(),
            Self::Source => tuple.source_component(),
        }
    }
}

/// Names a field, in tuples of one stream or of all: `field`, `stream:field`, and `field.key` for what
/// a field holds that is a `BTreeMap<String, Value>`.
#[derive(Clone, Debug)]
struct FieldSelector {
    stream: Option<String>,
    path: Vec<String>,
}

impl FieldSelector {
    fn new(name: &str) -> Self {
        match name.split_once(':') {
            Some((stream, path)) => Self::of(Some(stream), path),
            None => Self::of(None, name),
        }
    }

    fn of(stream: Option<&str>, path: &str) -> Self {
        let path = path.split('.').map(|key| key.trim().to_owned()).collect();
        Self { stream: stream.map(|stream| stream.trim().to_owned()), path }
    }

    /// The value in a tuple. Nothing is as good as none.
    fn value<'t>(&self, tuple: &'t Tuple, selector: Selector) -> Option<&'t Value> {
        if self.stream.as_ref().is_some_and(|stream| stream != selector.of(tuple)) {
            return None;
        }
        let (field, keys) = self.path.split_first()?;
        let mut value = tuple.values().get(tuple.fields().index_of(field)?)?;
        for key in keys {
            value = value.as_object::<BTreeMap<String, Value>>()?.get(key)?;
        }
        Some(value).filter(|value| !value.is_null())
    }
}

/// A stream of a join.
#[derive(Clone, Debug)]
struct Joined {
    stream: String,
    key: FieldSelector,
    /// The key of the stream that it is joined with; none for the first.
    prior: Option<FieldSelector>,
    left: bool,
}

/// Joins streams within windows by keys that are equal. Storm's `JoinBolt`.
///
/// The first stream is joined with the second, what comes of it with the third, and so on: by an inner
/// join, or by a left join that keeps rows without a match. Rows whose key is nothing are left out,
/// also by a left join. There are no right or full joins.
///
/// A row is anchored to the tuples that it is made of. Fields of its output that no tuple of it has are
/// [`Value::Null`].
///
/// ```
/// use std::time::Duration;
/// use weir_topology::windowing::{JoinBolt, Selector, WindowConfig, WindowedBolt};
/// let join = JoinBolt::builder(Selector::Stream, "users", "userId")
///     .left_join("orders", "userId", "users")
///     .select("userId, name, orders:price")
///     .build()?;
/// let bolt = join.windowed(WindowConfig::tumbling(Duration::from_secs(10)).build()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JoinBolt {
    selector: Selector,
    streams: Vec<Joined>,
    selected: Vec<FieldSelector>,
    fields: Fields,
    output: String,
}

/// Says what a [`JoinBolt`] is to do. The first mistake is told by [`build`](Self::build).
#[derive(Debug)]
pub struct JoinBuilder {
    selector: Selector,
    streams: Vec<Joined>,
    selected: Vec<String>,
    output: String,
    mistake: Option<JoinError>,
}

impl JoinBuilder {
    /// Joins with a stream, where its `key` equals that of a stream named before.
    #[must_use]
    pub fn join(self, stream: &str, key: &str, prior: &str) -> Self {
        self.add(stream, key, prior, false)
    }

    /// The same, and keeps the rows without a match.
    #[must_use]
    pub fn left_join(self, stream: &str, key: &str, prior: &str) -> Self {
        self.add(stream, key, prior, true)
    }

    /// The fields of the output, with commas between them. `stream:field` is that of one stream; one
    /// without a stream is that of the first stream that has it. Their names are as they are given.
    #[must_use]
    pub fn select(mut self, fields: &str) -> Self {
        let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty());
        self.selected = fields.map(str::to_owned).collect();
        self
    }

    /// The stream that rows are emitted on, if not the default stream.
    #[must_use]
    pub fn output_stream(mut self, stream: &str) -> Self {
        stream.clone_into(&mut self.output);
        self
    }

    /// The bolt, if there is no mistake.
    pub fn build(self) -> Result<JoinBolt, JoinError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        if self.selected.is_empty() {
            return Err(JoinError::NothingSelected);
        }
        Ok(JoinBolt {
            selector: self.selector,
            streams: self.streams,
            fields: Fields::new(&self.selected)?,
            selected: self.selected.iter().map(|name| FieldSelector::new(name)).collect(),
            output: self.output,
        })
    }

    fn add(mut self, stream: &str, key: &str, prior: &str, left: bool) -> Self {
        let find = |name: &str| self.streams.iter().find(|joined| joined.stream == name);
        let mistake = match (find(stream), find(prior)) {
            (Some(_), _) => JoinError::JoinedTwice { stream: stream.into() },
            (None, None) => JoinError::UnknownPrior { prior: prior.into(), stream: stream.into() },
            (None, Some(joined)) => {
                let prior = Some(joined.key.clone());
                let key = FieldSelector::of(Some(stream), key);
                self.streams.push(Joined { stream: stream.into(), key, prior, left });
                return self;
            }
        };
        self.mistake.get_or_insert(mistake);
        self
    }
}

/// The tuples of a row, in the order of the streams; none where a left join found none.
type Row<'w> = Vec<&'w Tuple>;

impl JoinBolt {
    /// A join that begins with a stream, which has a key.
    #[must_use]
    pub fn builder(selector: Selector, first: &str, key: &str) -> JoinBuilder {
        let key = FieldSelector::of(Some(first), key);
        let first = Joined { stream: first.into(), key, prior: None, left: false };
        JoinBuilder {
            selector,
            streams: vec![first],
            selected: Vec::new(),
            output: DEFAULT_STREAM.into(),
            mistake: None,
        }
    }

    fn rows<'w>(&self, tuples: impl Iterator<Item = &'w Tuple>) -> Vec<Row<'w>> {
        let mut rows = Vec::new();
        let mut tables: Vec<HashMap<&Value, Vec<&'w Tuple>, FastState>> =
            self.streams.iter().map(|_| HashMap::default()).collect();
        for tuple in tuples {
            let stream = self.selector.of(tuple);
            match self.streams.iter().position(|joined| joined.stream == stream) {
                Some(0) => rows.push(vec![tuple]),
                Some(n) => {
                    if let Some(key) = self.streams[n].key.value(tuple, self.selector) {
                        tables[n].entry(key).or_default().push(tuple);
                    }
                }
                None => {}
            }
        }
        for (joined, table) in self.streams.iter().zip(tables).skip(1) {
            rows = self.joined(rows, joined, &table);
        }
        rows
    }

    fn joined<'w>(
        &self,
        rows: Vec<Row<'w>>,
        joined: &Joined,
        table: &HashMap<&Value, Vec<&'w Tuple>, FastState>,
    ) -> Vec<Row<'w>> {
        let mut result = Vec::new();
        for row in rows {
            let key = joined.prior.as_ref().and_then(|prior| self.find(&row, prior));
            let Some(key) = key else { continue };
            match table.get(key) {
                Some(matches) => result.extend(matches.iter().map(|tuple| {
                    let mut longer = Vec::with_capacity(row.len() + 1);
                    longer.extend_from_slice(&row);
                    longer.push(*tuple);
                    longer
                })),
                None if joined.left => result.push(row),
                None => {}
            }
        }
        result
    }

    fn find<'w>(&self, row: &Row<'w>, field: &FieldSelector) -> Option<&'w Value> {
        row.iter().find_map(|tuple| field.value(tuple, self.selector))
    }
}

impl WindowedBolt for JoinBolt {
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        collector: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        for row in self.rows(window.get()) {
            let value = |field| self.find(&row, field).cloned().unwrap_or_default();
            let values = self.selected.iter().map(value).collect();
            collector.emit_anchored(&self.output, row.iter().copied(), values)?;
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare_stream(&self.output, &self.fields);
    }
}
