//! Average latencies over the recent past.

use super::buckets::{Buckets, Sum};
use super::{STAT_BUCKETS, TimeWindows};

#[derive(Clone, Copy, Debug, Default)]
struct Latencies {
    sum_ms: f64,
    /// Shares of buckets are taken, so it may be broken.
    count: f64,
}

impl Sum for Latencies {
    fn plus(self, other: Self) -> Self {
        Self { sum_ms: self.sum_ms + other.sum_ms, count: self.count + other.count }
    }
    fn share(self, of: f64) -> Self {
        Self { sum_ms: self.sum_ms * of, count: self.count * of }
    }
}

/// The average of latencies, over the last ten minutes, three hours, day, and of all time. Storm's
/// `LatencyStat`.
///
/// Times are passed in, in milliseconds of one clock.
#[derive(Clone, Debug)]
pub struct LatencyStat {
    buckets: Buckets<Latencies>,
}

impl LatencyStat {
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

    /// Something took so long, in milliseconds.
    #[inline]
    pub fn record(&mut self, latency_ms: f64) {
        self.buckets.add(Latencies { sum_ms: latency_ms, count: 1.0 });
    }

    /// Files what has been recorded under the time since the last call. To be called every
    /// [`turn_every_ms`](Self::turn_every_ms), or more often.
    pub fn turn(&mut self, now_ms: u64) {
        self.buckets.turn(now_ms);
    }

    /// The time that a bucket of the shortest window lasts.
    #[must_use]
    pub const fn turn_every_ms(&self) -> u64 {
        self.buckets.turn_every_ms()
    }

    /// How many there were. Broken where a bucket counts in part.
    #[must_use]
    pub fn samples(&self, now_ms: u64) -> TimeWindows<f64> {
        self.buckets.read(now_ms).map(|all| all.count)
    }

    /// The average, in milliseconds; 0 where nothing has been recorded.
    #[must_use]
    pub fn averages_ms(&self, now_ms: u64) -> TimeWindows<f64> {
        let average = |all: Latencies| if all.count > 0.0 { all.sum_ms / all.count } else { 0.0 };
        self.buckets.read(now_ms).map(average)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_weighted_by_how_many_there_were() {
        let mut stat = LatencyStat::with_buckets(10, 0);
        let averages = |stat: &LatencyStat, now| stat.averages_ms(now).by_name().map(|(_, ms)| ms);
        assert_eq!(averages(&stat, 0), [0.0; 4], "nothing yet");
        for latency_ms in [1.0, 2.0, 6.0] {
            stat.record(latency_ms);
        }
        assert_eq!(averages(&stat, 0), [3.0; 4], "at once");
        stat.turn(100_000);
        stat.record(13.0);
        stat.turn(200_000);
        assert_eq!(averages(&stat, 200_000), [5.5; 4]);
        // Of the three that are first half a bucket is left: 1.5 of 3 ms, and one of 13.
        assert_eq!(averages(&stat, 650_000), [(4.5 + 13.0) / 2.5, 5.5, 5.5, 5.5]);
        assert_eq!(averages(&stat, 10_000_000), [0.0, 5.5, 5.5, 5.5]);
        let samples = |stat: &LatencyStat, now| stat.samples(now).by_name().map(|(_, n)| n);
        assert_eq!(samples(&stat, 650_000), [2.5, 4.0, 4.0, 4.0]);
        assert_eq!(samples(&stat, 10_000_000), [0.0, 4.0, 4.0, 4.0]);
    }
}
