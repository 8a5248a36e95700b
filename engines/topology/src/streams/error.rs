//! What is wrong with streams before they run.

use crate::TopologyError;
use crate::windowing::WindowError;
use thiserror::Error;

/// Streams that cannot be made into a topology.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Streams begin at the default stream of a spout.
    #[error(
        "the spout {spout} does not declare the default stream: declare it, for streams read it"
    )]
    NoDefaultStream {
        /// The id that it was given.
        spout: String,
    },
    /// A stream of another builder.
    #[error("a stream of another builder is joined or queried: make both with one builder")]
    ForeignStream,
    /// A window after which nothing is done.
    #[error(
        "a window goes straight into a bolt: put an operation between, or give it a windowed bolt"
    )]
    WindowIntoBolt,
    /// Windows of a window.
    #[error("two windows follow each other: put an operation between")]
    WindowOfWindow,
    /// Streams with different windows meet.
    #[error("{bolt} would have two different windows: repartition one of the streams before")]
    TwoWindows {
        /// The bolt.
        bolt: String,
    },
    /// Different bolts want the time in different fields.
    #[error("the times of {bolt} are wanted as {first} and as {second}: use one timestamp field")]
    TwoTimestamps {
        /// The bolt that would have to emit both.
        bolt: String,
        /// One field.
        first: String,
        /// The other.
        second: String,
    },
    /// State that is updated directly from a window.
    #[error("state is updated straight from a window: aggregate the window before")]
    StateOfWindow,
    /// A query that depends on the state that it asks for.
    #[error("a state is queried with a stream that comes of it, in a circle: use another stream")]
    QueryOfItself,
    /// Windows that cannot be.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// A topology that cannot be.
    #[error(transparent)]
    Topology(#[from] TopologyError),
}
