//! What is not run here, or comes out otherwise than in Storm, and why.

/// Cases that cannot apply here, by name.
pub(crate) const SKIPS: &[(&str, &str)] = &[];

/// Cases that recorded a plain bug of Storm, by name, and what is right. Each must come out otherwise
/// than recorded, and as the case of the same name in `righted/` says; where what is right cannot be
/// said as a case, there is a test named after it.
pub(crate) const RIGHTED: &[(&str, &str)] = &[];

/// Areas without a runner, and cases of the others that no runner takes, as `area/name`.
pub(crate) const PENDING: &[&str] = &[
    "acking",
    "checkpointing",
    "groupings/custom_ngrouping",
    "groupings/derived_emit_declared_stream_without_subscriber",
    "groupings/derived_emit_direct_non_subscriber",
    "groupings/derived_emit_direct_stream_without_any_subscriber",
    "groupings/derived_emit_direct_to_regular_grouping",
    "groupings/derived_emit_undeclared_stream",
    "groupings/derived_regular_emit_to_direct_stream",
    "jcqueue_backpressure",
    "key_value_state",
    "metrics_errors",
    "rotating_map",
    "starter",
    "streams_joins",
    "timeouts_ticks",
    "topologies",
    "validation",
    "watermark_generator",
    "window_correctness",
    "windowed_bolt",
    "windows_differential",
    "windows_manager",
];

/// The reason that a list has for a case.
pub(crate) fn reason(list: &[(&str, &'static str)], case: &str) -> Option<&'static str> {
    list.iter().find(|(name, _)| *name == case).map(|(_, reason)| *reason)
}

/// The entry of [`PENDING`] that a case falls under.
pub(crate) fn pending(area: &str, case: &str) -> Option<&'static str> {
    let falls = |entry: &str| entry == area || entry.split_once('/') == Some((area, case));
    PENDING.iter().copied().find(|entry| falls(entry))
}
