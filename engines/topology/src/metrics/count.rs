//! Counts over the recent past.

use super::buckets::{Buckets, Sum};
use super::{STAT_BUCKETS, TimeWindows};

impl Sum for u64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn share(self, of: f64) -> Self {
        (self as f64 * of) as Self
    }
}

/// How often something happened, over the last ten minutes, three hours, day, and of all time. Storm's
/// `CountStat`.
///
/// Times are passed in, in milliseconds of one clock. What a window holds is exact to a bucket: of the
/// oldest one a share is taken.
#[derive(Clone, Debug)]
pub struct CountStat {
    buckets: Buckets<u64>,
}

impl CountStat {
    /// One that begins at `now_ms`, with Storm's default number of buckets.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self::with_buckets(STAT_BUCKETS, now_ms)
    }

    /// One with so many buckets for each window; at least 2.
    #[must_use]
    pub fn with_buckets(buckets: usize, now_ms: u64) -> Self {
        Self { buckets: Buckets::new(buckets, now_ms) }
    }

    /// It happened so often.
    #[inline]
    pub fn add(&mut self, count: u64) {
        self.buckets.add(count);
    }

    /// Files what has been added under the time since the last call. To be called every
    /// [`turn_every_ms`](Self::turn_every_ms), or more often.
    pub fn turn(&mut self, now_ms: u64) {
        self.buckets.turn(now_ms);
    }

    /// The time that a bucket of the shortest window lasts.
    #[must_use]
    pub const fn turn_every_ms(&self) -> u64 {
        self.buckets.turn_every_ms()
    }

    /// How often it happened.
    #[must_use]
    pub fn counts(&self, now_ms: u64) -> TimeWindows<u64> {
        self.buckets.read(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::buckets::WINDOWS_MS;
    use super::*;
    use proptest::prelude::*;

    fn windows(counts: TimeWindows<u64>) -> [u64; 4] {
        counts.by_name().map(|(_, count)| count)
    }

    #[test]
    fn what_happened_before_a_window_leaves_it() {
        let mut stat = CountStat::with_buckets(10, 5_000);
        stat.add(7);
        assert_eq!(windows(stat.counts(5_000)), [7; 4], "at once");
        stat.turn(75_000);
        assert_eq!(windows(stat.counts(605_000)), [7; 4], "a window ago, to the millisecond");
        assert_eq!(windows(stat.counts(640_000)), [3, 7, 7, 7], "half of the bucket is left");
        stat.turn(675_000);
        assert_eq!(windows(stat.counts(675_000)), [0, 7, 7, 7]);
        stat.turn(9_700_000);
        stat.turn(100_000_000);
        assert_eq!(windows(stat.counts(100_000_000)), [0, 0, 0, 7]);
    }

    #[test]
    fn a_turn_lasts_a_bucket_of_the_shortest_window() {
        assert_eq!(CountStat::new(0).turn_every_ms(), 600_000 / 19);
        assert_eq!(CountStat::with_buckets(0, 0).turn_every_ms(), 600_000);
    }

    #[test]
    fn time_that_goes_back_is_no_time() {
        let mut stat = CountStat::new(1_000);
        stat.add(1);
        stat.turn(500);
        assert_eq!(windows(stat.counts(0)), [1; 4]);
    }

    proptest! {
        /// A window holds at most what happened within it and one more bucket and turn, and at least
        /// what happened within it.
        #[test]
        fn windows_hold_what_happened_in_them(
            steps in proptest::collection::vec((0..90_000u64, 0..100u64), 1..300),
            buckets in 2..30usize,
        ) {
            let mut stat = CountStat::with_buckets(buckets, 0);
            let (mut now_ms, mut all) = (0, Vec::new());
            for (pass_ms, count) in steps {
                stat.add(count);
                all.push((now_ms, count));
                now_ms += pass_ms;
                stat.turn(now_ms);
            }
            let counts = windows(stat.counts(now_ms));
            for (length_ms, got) in WINDOWS_MS.into_iter().zip(counts) {
                let since = |age_ms: u64| {
                    let young = all.iter().filter(|(at_ms, _)| now_ms - at_ms <= age_ms);
                    young.map(|(_, count)| count).sum::<u64>()
                };
                let bucket_ms = length_ms / (buckets as u64 - 1);
                prop_assert!(got <= since(length_ms + bucket_ms + 90_000), "{length_ms}: {got}");
                prop_assert!(got >= since(length_ms - bucket_ms - 90_000.min(length_ms - bucket_ms)));
            }
            prop_assert_eq!(counts[3], all.iter().map(|(_, count)| count).sum::<u64>());
        }
    }
}
