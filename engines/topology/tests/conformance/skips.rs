//! What is not run here, or comes out otherwise than in Storm, and why.

/// Cases that cannot apply here, by name.
pub(crate) const SKIPS: &[(&str, &str)] = &[
    ("testAddWorkerHook", "there are no workers to hook into, and no null"),
    ("cache_testBuildInvalid3", "what loads partitions cannot be null"),
    (
        "derived_spout_with_inputs",
        "the declarer of a spout has no groupings to give it inputs with",
    ),
    ("derived_interrupted", "threads are not interrupted here"),
];

/// What the reason of a failure begins with where a runner has found that a case was recorded with a
/// plain bug of Storm, and that what came out is right.
pub(crate) const RIGHTED: &str = "righted: ";

/// Cases that recorded a plain bug of Storm, by name, and what is right. Each must come out otherwise
/// than recorded, and as the case of the same name in `righted/` says; where what is right cannot be
/// said as a case, there is a test named after it.
pub(crate) const BUGS: &[(&str, &str)] = &[
    ("derived_timeout_fail_stat", "every failure counts once, whatever share is measured"),
    ("join_quirk_many_to_one_table_right", "a join finds all pairs of a key"),
    ("join_quirk_many_left_outer", "a join finds all pairs of a key"),
    ("join_quirk_table_left_smaller", "a join finds all pairs of a key"),
];

/// Areas without a runner, and cases of the others that no runner takes, as `area/name`.
pub(crate) const PENDING: &[&str] = &[];

/// The reason that a list has for a case.
pub(crate) fn reason(list: &[(&str, &'static str)], case: &str) -> Option<&'static str> {
    list.iter().find(|(name, _)| *name == case).map(|(_, reason)| *reason)
}

/// The entry of [`PENDING`] that a case falls under.
pub(crate) fn pending(area: &str, case: &str) -> Option<&'static str> {
    let falls = |entry: &str| entry == area || entry.split_once('/') == Some((area, case));
    PENDING.iter().copied().find(|entry| falls(entry))
}
