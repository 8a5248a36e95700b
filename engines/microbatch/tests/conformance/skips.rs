//! What is not run here, and why.

/// Cases that do not apply, by name.
pub(crate) const SKIPS: &[(&str, &str)] = &[
    ("transform with NULL", "a Rust function cannot return null"),
    (
        "lifecycle observed - no-such checkpoint",
        "a context is never made from a checkpoint alone: recovery calls the set-up function",
    ),
];

/// Kinds whose cases are hand-written tests, or are run together with the part that they belong to.
pub(crate) const ELSEWHERE: &[&str] = &["steps"];
