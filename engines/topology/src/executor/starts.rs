//! When an executor whose component died starts again.

/// The pause after the second death in a row; after the first there is none.
const PAUSE_NS: u64 = 10_000_000;
const LONGEST_PAUSE_NS: u64 = 1_000_000_000;

/// The attempts of an executor to start. One that dies starts again at once; while it dies before it
/// has got through any work it pauses in between, longer each time, as Storm's supervisor does with a
/// worker.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// Deaths since it last got through work.
    failed: u32,
    /// When to start again; none unless it is down.
    retry_ns: Option<u64>,
}

impl Starts {
    /// It has died, or has failed to start.
    pub(crate) fn died(&mut self, now_ns: u64) {
        self.retry_ns = Some(now_ns.saturating_add(self.pause_ns()));
        self.failed = self.failed.saturating_add(1);
    }

    fn pause_ns(&self) -> u64 {
        let doublings = self.failed.saturating_sub(1).min(7);
        if self.failed == 0 { 0 } else { (PAUSE_NS << doublings).min(LONGEST_PAUSE_NS) }
    }

    /// It is up. Whether it is of use is seen when it [`succeeded`](Self::succeeded).
    pub(crate) fn started(&mut self) {
        self.retry_ns = None;
    }

    /// It has got through work: the next death is a first one.
    #[inline]
    pub(crate) const fn succeeded(&mut self) {
        self.failed = 0;
    }

    /// When to start again, if it is down.
    #[inline]
    pub(crate) const fn retry_ns(&self) -> Option<u64> {
        self.retry_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_start_succeeds() {
        let mut starts = Starts::default();
        let mut pauses_ms = |deaths: usize| {
            let pause_ms = |_| {
                starts.died(5_000_000);
                let retry_ns = starts.retry_ns().expect("it is down");
                // To be up for a while is not enough.
                starts.started();
                (retry_ns - 5_000_000) / 1_000_000
            };
            let pauses: Vec<_> = (0..deaths).map(pause_ms).collect();
            starts.succeeded();
            pauses
        };
        assert_eq!(pauses_ms(11), [0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
        assert_eq!(pauses_ms(2), [0, 10]);
        assert_eq!(starts.retry_ns(), None);
        starts.failed = u32::MAX;
        starts.died(u64::MAX);
        assert_eq!((starts.failed, starts.retry_ns()), (u32::MAX, Some(u64::MAX)));
    }
}
