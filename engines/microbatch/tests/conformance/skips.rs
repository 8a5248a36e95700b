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
    (
        "non-existent checkpoint dir",
        "a context is never made from a checkpoint alone: recovery calls the set-up function",
    ),
    (
        "from no conf + spark home / env",
        "there is no Spark installation, and executors are threads of the process, with its environment",
    ),
    (
        "DStream and generated RDD creation sites",
        "streams are named by operation, not by call site",
    ),
    ("driver host/port from checkpoint", "there are no ports"),
    ("ui port and blockmanager port", "there are no ports"),
];
