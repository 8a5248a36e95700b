//! What can go wrong in a component.

use std::error::Error;
use std::fmt;
use thiserror::Error;

/// What a component's callbacks return.
pub type ComponentResult = Result<(), ComponentError>;

/// Why a component gave up, on a tuple or altogether.
///
/// Any error converts into one that is fatal, so `?` serves in every callback.
#[derive(Debug)]
#[non_exhaustive]
pub enum ComponentError {
    /// This tuple cannot be handled: it fails and its spout may send it again. Storm's
    /// `FailedException`, known to [`BasicBolt`](crate::BasicBolt)s, windows and Trident; in a
    /// [`RichBolt`](crate::RichBolt), which acks and fails by hand, it is fatal.
    Failed(String),
    /// The same, and it is also reported as an error of the component. Storm's
    /// `ReportedFailedException`.
    Reported(String),
    /// The executor dies of it.
    Fatal(Box<dyn Error + Send + Sync>),
}

impl ComponentError {
    /// A [`Failed`](Self::Failed).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// A [`Reported`](Self::Reported).
    pub fn reported(message: impl Into<String>) -> Self {
        Self::Reported(message.into())
    }

    /// A [`Fatal`](Self::Fatal).
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal(message.into().into())
    }
}

// `ComponentError` is no `Error` itself: that would contradict the conversion from any error.
impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(message) | Self::Reported(message) => f.write_str(message),
            Self::Fatal(error) => error.fmt(f),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ComponentError {
    fn from(error: E) -> Self {
        Self::Fatal(Box::new(error))
    }
}

/// An emission that is not possible. Messages are Storm's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The component declared no such stream.
    #[error("Unknown stream ID: {stream}: declare it in declare_output_fields")]
    UnknownStream {
        /// The stream.
        stream: String,
    },
    /// Somebody subscribes by direct grouping.
    #[error("Cannot do regular emit to direct stream {stream}: use emit_direct")]
    RegularToDirect {
        /// The stream.
        stream: String,
    },
    /// The task's component subscribes by another grouping.
    #[error(
        "Cannot emitDirect to a task expecting a regular grouping (task {task}, stream {stream})"
    )]
    DirectToRegular {
        /// The stream.
        stream: String,
        /// The task.
        task: i32,
    },
    /// Nobody subscribes to the stream at all, so nobody can be addressed.
    #[error("Cannot emitDirect on stream {stream}: nobody subscribes to it")]
    NoSubscriber {
        /// The stream.
        stream: String,
    },
    /// In a topology with state every tuple must belong to a tree, so that a checkpoint knows what
    /// it covers.
    #[error("Bolts in a stateful topology must emit anchored tuples.")]
    Unanchored,
    /// A grouping named a task that the subscriber does not have.
    #[error(
        "the grouping of {subscriber} on stream {stream} chose task {task}, which it does not have"
    )]
    UnknownTask {
        /// The stream.
        stream: String,
        /// The subscribing component.
        subscriber: String,
        /// The task.
        task: i32,
    },
    /// A grouping could not place a tuple.
    #[error("the grouping of {subscriber} on stream {stream} failed: {message}")]
    Grouping {
        /// The stream.
        stream: String,
        /// The subscribing component.
        subscriber: String,
        /// What it said.
        message: String,
    },
}
