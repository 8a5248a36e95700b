//! What is wrong with the windows of a bolt.

use super::WindowExtent;
use thiserror::Error;

/// Windows that cannot be made. Messages are Storm's, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WindowError {
    /// A length or interval of nothing, or less.
    #[error("{what} must be positive [{extent}]")]
    NotPositive {
        /// `Window length`, `Sliding interval` and so on.
        what: &'static str,
        /// What it is.
        extent: WindowExtent,
    },
    /// A setting that is there, but is nothing.
    #[error("{what} null: leave it out, or give it a value")]
    Null {
        /// What it would be set to.
        what: &'static str,
    },
    /// A duration below zero.
    #[error("Duration cannot be negative: {millis} ms")]
    NegativeDuration {
        /// The duration, in milliseconds.
        millis: i64,
    },
    /// A duration of more than 2^31 - 1 milliseconds.
    #[error("Duration is too long: {millis} ms are more than {most}", most = i32::MAX)]
    DurationTooLong {
        /// The duration, in milliseconds.
        millis: i64,
    },
    /// A second timestamp field or function.
    #[error("Window is already configured with a timestamp extractor: {timestamps}")]
    TwoTimestamps {
        /// The first.
        timestamps: String,
    },
    /// No length.
    #[error("Window length is not specified: give a count of tuples, or a duration")]
    NoLength,
    /// Without timestamps no tuple is late.
    #[error("Late tuple stream can be defined only when specifying a timestamp field")]
    LateWithoutTimestamps,
    /// A stream for late tuples that the bolt does not have.
    #[error(
        "Stream for late tuples must be defined with the builder method withLateTupleStream \
         (late_tuple_stream): the bolt does not declare {stream}"
    )]
    LateStreamNotDeclared {
        /// The stream.
        stream: String,
    },
    /// Tuples are acked when they leave the last window that they are in, which is too late.
    #[error(
        "Window duration (length + sliding interval) value {millis} is more than \
         topology.message.timeout.secs value {timeout_ms}"
    )]
    LongerThanTimeout {
        /// Length and interval together, in milliseconds.
        millis: i64,
        /// The message timeout, in milliseconds.
        timeout_ms: i64,
    },
    /// Spouts would stop before a window is full.
    #[error(
        "Window count (length + sliding interval) value {count} is more than \
         topology.max.spout.pending value {pending}"
    )]
    MoreThanPending {
        /// Length and interval together, in tuples.
        count: i64,
        /// Trees that a spout may have open.
        pending: i64,
    },
    /// A stateful bolt that cannot tell its tuples apart.
    #[error(
        "topology.bolts.message.id.field.name is not set: name the field with the message's id"
    )]
    NoMessageId,
    /// Tuples of persistent windows are acked by checkpoints, which come too late.
    #[error(
        "topology.state.checkpoint.interval.ms {interval_ms} is more than \
         topology.message.timeout.secs value {timeout_ms}"
    )]
    CheckpointsTooRare {
        /// The interval of checkpoints, in milliseconds.
        interval_ms: i64,
        /// The message timeout, in milliseconds.
        timeout_ms: i64,
    },
    /// A cache of nothing.
    #[error("a cache of partitions must have room for one at least")]
    NoRoom,
    /// Something else about a setting.
    #[error("{key} is {value}: it must be {wanted}")]
    BadSetting {
        /// The key.
        key: String,
        /// What it is set to.
        value: String,
        /// What it may be.
        wanted: &'static str,
    },
}
