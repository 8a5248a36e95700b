//! What a component says of its streams.

use crate::{DEFAULT_STREAM, Fields, TopologyError};
use std::collections::BTreeMap;

/// Anything that names fields: `["word", "count"]`, or [`Fields`].
pub trait IntoFields {
    /// The fields.
    fn into_fields(self) -> Result<Fields, TopologyError>;
}

impl IntoFields for Fields {
    fn into_fields(self) -> Result<Fields, TopologyError> {
        Ok(self)
    }
}

impl IntoFields for &Fields {
    fn into_fields(self) -> Result<Fields, TopologyError> {
        Ok(self.clone())
    }
}

impl<S: AsRef<str>, const N: usize> IntoFields for [S; N] {
    fn into_fields(self) -> Result<Fields, TopologyError> {
        Fields::new(self)
    }
}

impl<S: AsRef<str>> IntoFields for &[S] {
    fn into_fields(self) -> Result<Fields, TopologyError> {
        Fields::new(self)
    }
}

impl<S: AsRef<str>> IntoFields for Vec<S> {
    fn into_fields(self) -> Result<Fields, TopologyError> {
        Fields::new(self)
    }
}

/// A declared stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamInfo {
    pub(crate) fields: Fields,
    /// Whether whoever emits says to which task.
    pub(crate) direct: bool,
}

/// Takes down which streams a component emits, and their fields. Mistakes are reported when the
/// topology is created.
#[derive(Clone, Debug, Default)]
pub struct OutputFieldsDeclarer {
    pub(crate) streams: BTreeMap<String, StreamInfo>,
    pub(crate) errors: Vec<TopologyError>,
}

impl OutputFieldsDeclarer {
    /// The fields of the default stream.
    pub fn declare(&mut self, fields: impl IntoFields) {
        self.declare_stream(DEFAULT_STREAM, fields);
    }

    /// The fields of the default stream, whose emissions name their task.
    pub fn declare_direct(&mut self, fields: impl IntoFields) {
        self.declare_stream_direct(DEFAULT_STREAM, fields);
    }

    /// A stream and its fields.
    pub fn declare_stream(&mut self, stream: &str, fields: impl IntoFields) {
        self.put(stream, fields, false);
    }

    /// A stream whose emissions name their task, and its fields.
    pub fn declare_stream_direct(&mut self, stream: &str, fields: impl IntoFields) {
        self.put(stream, fields, true);
    }

    fn put(&mut self, stream: &str, fields: impl IntoFields, direct: bool) {
        if self.streams.contains_key(stream) {
            self.errors.push(TopologyError::StreamDeclaredTwice { stream: stream.into() });
            return;
        }
        match fields.into_fields() {
            Ok(fields) => {
                self.streams.insert(stream.into(), StreamInfo { fields, direct });
            }
            Err(error) => self.errors.push(error),
        }
    }
}
