//! What is not run here, and why.

/// Cases that cannot apply outside the JVM, by name.
pub(crate) const SKIPS: &[(&str, &str)] = &[
    ("transform with NULL", "a Rust function cannot return null"),
    (
        "lifecycle observed - no-such checkpoint",
        "a context is never made from a checkpoint alone: recovery calls the set-up function",
    ),
    ("receiver data deserialised in other executor", "there is one process"),
    ("null batch duration", "a Rust duration cannot be null"),
    (
        "both SparkContext and checkpoint null / non-existent checkpoint dir",
        "a context is never made from a checkpoint alone: recovery calls the set-up function",
    ),
    ("start with non-serializable DStream checkpoints", "functions are never serialized"),
    (
        "DStream and generated RDD creation sites",
        "streams are named by operation, not by call site",
    ),
    ("driver host/port from checkpoint", "there are no ports"),
    ("ui port and blockmanager port", "there are no ports"),
];

/// Kinds that are not executed here yet.
pub(crate) const ELSEWHERE: &[&str] = &[
    "file_stream_recovery",
    "checkpoint_files",
    "checkpoint_recovery",
    "checkpoint_recovery_timeline",
    "failure",
];
