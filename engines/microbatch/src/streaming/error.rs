//! What can go wrong with a streaming context.

use super::Time;
use crate::settings::SettingError;
use crate::{ConfError, ContextError, JobError};
use std::time::Duration;
use thiserror::Error;

/// Why a streaming context refused something, or what happened while it ran.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamingError {
    /// Something was added to a running context.
    #[error(
        "Adding new inputs, transformations, and output operations after starting a context is not \
         supported; define everything before start"
    )]
    AddedAfterStart,
    /// Something was added to a stopped context.
    #[error(
        "Adding new inputs, transformations, and output operations after stopping a context is not \
         supported; make a new StreamingContext (it may use the same SparkContext)"
    )]
    AddedAfterStop,
    /// A storage level was set too late.
    #[error(
        "Cannot change storage level of a DStream after streaming context has started; call persist \
         before start"
    )]
    StorageAfterStart,
    /// A checkpoint interval was set too late.
    #[error(
        "Cannot change checkpoint interval of a DStream after streaming context has started; call \
         checkpoint before start"
    )]
    CheckpointAfterStart,
    /// A stopped context was started.
    #[error(
        "StreamingContext has already been stopped and cannot be started again; make a new one (it \
         may use the same SparkContext)"
    )]
    AlreadyStopped,
    /// Another context is active.
    #[error(
        "Only one StreamingContext may be started in this process; stop the one that is running first"
    )]
    AnotherActive,
    /// There is nothing to do.
    #[error(
        "No output operations registered, so nothing to execute; call foreach_rdd or print before \
         start"
    )]
    NoOutputs,
    /// State needs a place for checkpoints.
    #[error(
        "The checkpoint directory has not been set. Please set it by StreamingContext.checkpoint()."
    )]
    NoCheckpointDirectory,
    /// The checkpoint directory cannot be used.
    #[error(
        "failed to make the checkpoint directory {path}: {message}; choose one that can be written"
    )]
    CheckpointDirectory {
        /// The directory.
        path: String,
        /// The system's reason.
        message: String,
    },
    /// A checkpoint interval is shorter than the slide.
    #[error(
        "The checkpoint interval for {operation} has been set to {} which is lower than its slide time \
         ({}). Please set it to at least {}.", Ms(*interval_ns), Ms(*slide_ns), Ms(*slide_ns)
    )]
    CheckpointTooShort {
        /// The stream.
        operation: &'static str,
        /// What was asked for.
        interval_ns: u64,
        /// The least there can be.
        slide_ns: u64,
    },
    /// A checkpoint interval does not fit the slide.
    #[error(
        "The checkpoint interval for {operation} has been set to  {} which not a multiple of its slide \
         time ({}). Please set it to a multiple of {}.", Ms(*interval_ns), Ms(*slide_ns), Ms(*slide_ns)
    )]
    CheckpointNotMultiple {
        /// The stream.
        operation: &'static str,
        /// What was asked for.
        interval_ns: u64,
        /// What it must be a multiple of.
        slide_ns: u64,
    },
    /// RDDs would be forgotten before they are checkpointed.
    #[error(
        "The remember duration for {operation} has been set to {} which is not more than the checkpoint \
         interval ({}). Please set it to a value higher than {}.",
        Ms(*remember_ns), Ms(*interval_ns), Ms(*interval_ns)
    )]
    RememberTooShort {
        /// The stream.
        operation: &'static str,
        /// How long it remembers.
        remember_ns: u64,
        /// How often it is checkpointed.
        interval_ns: u64,
    },
    /// A checkpoint cannot be written, read or used; says why.
    #[error("{0}")]
    Checkpoint(String),
    /// A program's streams are not those of the checkpoint that it should go on from.
    #[error(
        "the program defines other streams than the checkpoint in {directory}; run the program that wrote \
         it, or use another directory:{difference}"
    )]
    GraphDiffers {
        /// The checkpoint directory.
        directory: String,
        /// What differs, two lines for each place.
        difference: String,
    },
    /// A stream of a checkpointed context cannot be written down.
    #[error(
        "DStream checkpointing has been enabled but the DStreams with their functions are not \
         serializable: the state of {operation} cannot be written down; use update_state_by_key or \
         map_with_state, or do not call checkpoint"
    )]
    NotSerializable {
        /// The stream.
        operation: &'static str,
    },
    /// `remember` was called twice.
    #[error("Remember duration already set as {} ms. Cannot set it again.", .0.as_millis())]
    RememberedTwice(Duration),
    /// A stream was asked for RDDs before its context was started.
    #[error(
        "{operation} has not been initialized; call slice after start, on a stream with an output"
    )]
    NotInitialized {
        /// The stream.
        operation: &'static str,
    },
    /// A state is gone because a later batch changed it in place.
    #[error(
        "the state of the batch at {time} has been updated by later batches; call \
         StreamingContext.remember() before start to keep older states"
    )]
    StateReleased {
        /// The batch.
        time: Time,
    },
    /// A transform had no RDD to work on.
    #[error(
        "Couldn't generate RDD from parent at time {time}; let the input return an empty RDD instead \
         of none"
    )]
    NoParentRdd {
        /// The batch.
        time: Time,
    },
    /// A union had no RDD to work on.
    #[error(
        "Could not generate RDD from a parent for unifying at time {time}; let the input return an \
         empty RDD instead of none"
    )]
    NoRddToUnite {
        /// The batch.
        time: Time,
    },
    /// An input reported twice for one batch.
    #[error(
        "Input stream {stream} for batch {time} is already added into InputInfoTracker; report once \
         per batch"
    )]
    ReportedTwice {
        /// The input.
        stream: usize,
        /// The batch.
        time: Time,
    },
    /// A listener that the settings name cannot be made.
    #[error(
        "spark.streaming.extraListeners names {name}: {reason}; register it with \
         ListenerRegistry::register under this name, and give the builder the registry"
    )]
    ExtraListener {
        /// The name in the settings.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A configuration of a Spark context cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// An input cannot start or make its batch.
    #[error("input stream {stream} failed: {message}")]
    Input {
        /// The input.
        stream: usize,
        /// Why.
        message: String,
    },
    /// A receiver needs batches of whole milliseconds.
    #[error("a batch interval of {0:?} does not work with receivers; use whole milliseconds")]
    ReceiverInterval(Duration),
    /// The driver cannot keep account of received blocks.
    #[error("cannot keep account of received blocks: {0}")]
    ReceivedBlocks(String),
    /// A receiver's log has no place.
    #[error(
        "Cannot enable receiver write-ahead log without checkpoint directory set. Please use \
         StreamingContext.checkpoint() to set the checkpoint directory."
    )]
    LogWithoutCheckpoints,
    /// The batch interval is too short.
    #[error("a batch interval of {0:?} is not supported; use 1 ms or more")]
    BatchInterval(Duration),
    /// A window does not fit the batches of its parent.
    #[error(
        "The {what} of windowed DStream ({}) must be a multiple of the slide duration of parent DStream \
         ({})", Ms(*given_ns), Ms(*parent_ns)
    )]
    NotMultiple {
        /// `window duration` or `slide duration`.
        what: &'static str,
        /// What was asked for, in nanoseconds.
        given_ns: u64,
        /// What it must be a multiple of, in nanoseconds.
        parent_ns: u64,
    },
    /// A window with an inverse function does not fit the batches of its parent.
    #[error(
        "The {what} of ReducedWindowedDStream ({}) must be multiple of the slide duration of parent \
         DStream ({})", Ms(*given_ns), Ms(*parent_ns)
    )]
    ReducedNotMultiple {
        /// `window duration` or `slide duration`.
        what: &'static str,
        /// What was asked for, in nanoseconds.
        given_ns: u64,
        /// What it must be a multiple of, in nanoseconds.
        parent_ns: u64,
    },
    /// Streams of several contexts were put together.
    #[error("Some of the DStreams have different contexts; make them from one StreamingContext")]
    DifferentContexts,
    /// Streams that tick differently were put together.
    #[error(
        "Some of the DStreams have different slide durations; bring them to one by window() first"
    )]
    DifferentSlides,
    /// A union of nothing.
    #[error("a union needs at least one DStream")]
    NothingToUnite,
    /// A job called `stop` and would have waited for itself.
    #[error("a job cannot stop its own StreamingContext; stop it from another thread")]
    StopInsideJob,
    /// A listener called `stop` and would have waited for itself.
    #[error(
        "Cannot stop StreamingContext within listener bus thread. Stop it from another thread."
    )]
    StopInsideListener,
    /// A thread could not be started.
    #[error("failed to start thread {name}: {message}")]
    Spawn {
        /// The thread's name.
        name: String,
        /// The system's reason.
        message: String,
    },
    /// A batch's jobs could not be made.
    #[error("Error generating jobs for time {time}: {message}")]
    Generation {
        /// The batch.
        time: Time,
        /// What happened.
        message: String,
    },
    /// An output's job failed.
    #[error("output {output} of the batch at {time} failed: {source}")]
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

impl From<ConfError> for StreamingError {
    fn from(error: ConfError) -> Self {
        Self::Context(error.into())
    }
}

/// A duration in nanoseconds, shown as Spark shows durations.
struct Ms(u64);

impl std::fmt::Display for Ms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ms", self.0 as f64 / 1e6)
    }
}
