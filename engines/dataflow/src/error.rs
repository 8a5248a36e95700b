//! Why a run ended without an answer.

use thiserror::Error;

/// A failed run. Engines return it; they do not panic and do not print.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RunError {
    /// User code (or the engine's own) panicked inside a task.
    #[error("task {task} panicked: {message}")]
    TaskPanicked {
        /// The component or stage, and the task's number.
        task: String,
        /// The panic's payload, where it was text.
        message: String,
    },
    /// User code said that it cannot go on.
    #[error("task {task} failed: {message}")]
    TaskFailed {
        /// The component, and the task's number.
        task: String,
        /// What it said.
        message: String,
    },
    /// A batch job failed.
    #[error("batch {batch_ms} ms failed in stage {stage}, partition {partition}: {message}")]
    JobFailed {
        /// The batch's time, in milliseconds from the start of the run.
        batch_ms: u64,
        /// Which stage of the job.
        stage: usize,
        /// Which partition of the stage.
        partition: usize,
        /// What happened.
        message: String,
    },
    /// A record could not be processed within the engine's retries.
    #[error("record {index} failed {attempts} times: {message}")]
    RecordFailed {
        /// Index of the record in the stream.
        index: u64,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        message: String,
    },
    /// A thread could not be started.
    #[error("failed to start thread {name}: {message}")]
    Spawn {
        /// The thread's name.
        name: String,
        /// The system's reason.
        message: String,
    },
    /// The engine cannot run this flow with this configuration.
    #[error("{what} is not possible: {remedy}")]
    Unsupported {
        /// What was asked.
        what: String,
        /// What to do instead.
        remedy: String,
    },
    /// The run was cancelled from outside.
    #[error("the run was cancelled")]
    Cancelled,
}

impl RunError {
    /// The text of a panic's payload.
    #[must_use]
    pub fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
        payload
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(a payload that is not text)".to_owned())
    }
}
