//! How busy executors are.

/// How busy an executor was: the share of its time that it spent in `execute`. 1 is all of it. Storm's
/// `capacity`, for which it takes the last ten minutes, or less if the executor is younger.
///
/// `executed` tuples took `execute_latency_ms` each, in `time_ms` altogether.
#[must_use]
pub fn capacity(executed: u64, execute_latency_ms: f64, time_ms: u64) -> f64 {
    if time_ms == 0 { 0.0 } else { executed as f64 * execute_latency_ms / time_ms as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_the_busy_share() {
        for (executed, latency_ms, time_ms, want) in
            [(0, 0.0, 1000, 0.0), (500, 1.0, 1000, 0.5), (1000, 1.0, 1000, 1.0), (5, 1.0, 0, 0.0)]
        {
            assert_eq!(capacity(executed, latency_ms, time_ms), want, "{executed} in {time_ms} ms");
        }
    }
}
