//! What can go wrong with a streaming context.

use super::Time;
use crate::JobError;
use std::time::Duration;
use thiserror::Error;

/// Why a streaming context refused something, or what happened while it ran.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamingError {
    /// Something was added to a running context.
    #[error(
        "adding inputs, transformations and outputs after starting a context is not supported; \
         define everything before start"
    )]
    AddedAfterStart,
    /// Something was added to a stopped context.
    #[error(
        "adding inputs, transformations and outputs after stopping a context is not supported; \
         make a new StreamingContext (it may use the same SparkContext)"
    )]
    AddedAfterStop,
    /// A stopped context was started.
    #[error(
        "the StreamingContext has been stopped and cannot be started again; make a new one (it may \
         use the same SparkContext)"
    )]
    AlreadyStopped,
    /// Another context is active.
    #[error(
        "only one StreamingContext may be active in this process; stop the one that is running first"
    )]
    AnotherActive,
    /// There is nothing to do.
    #[error(
        "no output operations registered, so nothing to execute; call foreach_rdd before start"
    )]
    NoOutputs,
    /// The batch interval is too short.
    #[error("a batch interval of {0:?} is not supported; use 1 ms or more")]
    BatchInterval(Duration),
    /// A window does not fit the batches of its parent.
    #[error(
        "the {what} of the windowed stream ({given:?}) must be a multiple of the slide duration of \
         its parent ({parent:?})"
    )]
    NotMultiple {
        /// `window duration` or `slide duration`.
        what: &'static str,
        /// What was asked for.
        given: Duration,
        /// What it must be a multiple of.
        parent: Duration,
    },
    /// Streams of several contexts were put together.
    #[error("some of the DStreams have different contexts; make them from one StreamingContext")]
    DifferentContexts,
    /// Streams that tick differently were put together.
    #[error(
        "some of the DStreams have different slide durations; bring them to one by window() first"
    )]
    DifferentSlides,
    /// A union of nothing.
    #[error("a union needs at least one DStream")]
    NothingToUnite,
    /// A job called `stop` and would have waited for itself.
    #[error("a job cannot stop its own StreamingContext; stop it from another thread")]
    StopInsideJob,
    /// A thread could not be started.
    #[error("failed to start thread {name}: {message}")]
    Spawn {
        /// The thread's name.
        name: String,
        /// The system's reason.
        message: String,
    },
    /// A batch's jobs could not be made.
    #[error("error generating jobs for time {time}: {message}")]
    Generation {
        /// The batch.
        time: Time,
        /// What happened.
        message: String,
    },
    /// An output's job failed.
    #[error("output {output} of the batch at {time} failed")]
    Output {
        /// The batch.
        time: Time,
        /// Index of the job among the batch's.
        output: usize,
        /// Why.
        #[source]
        source: JobError,
    },
    /// An output's function panicked outside of its tasks.
    #[error("output {output} of the batch at {time} panicked: {message}")]
    OutputPanicked {
        /// The batch.
        time: Time,
        /// Index of the job among the batch's.
        output: usize,
        /// The panic's payload, where it was text.
        message: String,
    },
}
