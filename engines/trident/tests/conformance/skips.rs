//! What is not run here, and why.

/// Cases that cannot apply here, by name.
pub(crate) const SKIPS: &[(&str, &str)] = &[(
    "batch_bolt_independent_attempts",
    "batch bolts of Storm's transactional topologies, which Trident took the place of and which are gone \
     from Storm",
)];

/// The reason that there is for a case.
pub(crate) fn reason(case: &str) -> Option<&'static str> {
    SKIPS.iter().find(|(name, _)| *name == case).map(|(_, reason)| *reason)
}
