//! What a bolt subscribes to.

use crate::DEFAULT_STREAM;
use std::fmt;

/// A stream of a component. Storm's `GlobalStreamId`. The id of a component alone means its default
/// stream; a pair is component and stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The component.
    pub component: String,
    /// The stream.
    pub stream: String,
}

impl StreamId {
    /// A stream of a component.
    pub fn new(component: impl Into<String>, stream: impl Into<String>) -> Self {
        Self { component: component.into(), stream: stream.into() }
    }
}

impl From<&str> for StreamId {
    fn from(component: &str) -> Self {
        Self::new(component, DEFAULT_STREAM)
    }
}

impl From<&String> for StreamId {
    fn from(component: &String) -> Self {
        Self::new(component, DEFAULT_STREAM)
    }
}

impl From<String> for StreamId {
    fn from(component: String) -> Self {
        Self::new(component, DEFAULT_STREAM)
    }
}

impl From<(&str, &str)> for StreamId {
    fn from((component, stream): (&str, &str)) -> Self {
        Self::new(component, stream)
    }
}

impl From<(String, String)> for StreamId {
    fn from((component, stream): (String, String)) -> Self {
        Self { component, stream }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.component, self.stream)
    }
}
