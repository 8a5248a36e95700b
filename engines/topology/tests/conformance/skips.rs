//! What is not run here, or comes out otherwise than in Storm, and why.

/// Cases that cannot apply here, by name.
pub(crate) const SKIPS: &[(&str, &str)] = &[
    ("testAddWorkerHook", "there are no workers to hook into, and no null"),
    (
        "derived_spout_with_inputs",
        "the declarer of a spout has no groupings to give it inputs with",
    ),
];

/// Cases that recorded a plain bug of Storm, by name, and what is right. Each must come out otherwise
/// than recorded, and as the case of the same name in `righted/` says; where what is right cannot be
/// said as a case, there is a test named after it.
pub(crate) const RIGHTED: &[(&str, &str)] = &[];

/// Areas without a runner, and cases of the others that no runner takes, as `area/name`.
pub(crate) const PENDING: &[&str] = &[
    "topologies/custom_metric",
    "topologies/custom_metric_multitasks",
    "validation/testStatefulTopology",
    "checkpointing",
    "key_value_state",
    "metrics_errors/derived_basic_bolt_failed_exception",
    "metrics_errors/derived_basic_bolt_other_exception",
    "metrics_errors/derived_complete_latency",
    "metrics_errors/derived_execute_latency",
    "metrics_errors/derived_interrupted",
    "metrics_errors/derived_process_latency",
    "metrics_errors/derived_rich_bolt_failed_exception",
    "metrics_errors/derived_timeout_fail_stat",
    "rotating_map",
    "starter",
    "streams_joins",
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
