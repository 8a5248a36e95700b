//! Durations as the clock counts them.

use std::time::Duration;

/// Nanoseconds; what is more than there is room for is the most there is.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
