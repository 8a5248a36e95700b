//! Sums over the recent past, in buckets of time.

use std::collections::VecDeque;

/// What a statistic is over the windows that Storm reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeWindows<V> {
    /// Over the last 10 minutes.
    pub ten_minutes: V,
    /// Over the last 3 hours.
    pub three_hours: V,
    /// Over the last day.
    pub one_day: V,
    /// Since the beginning.
    pub all_time: V,
}

impl<V: Copy> TimeWindows<V> {
    /// The windows by Storm's names of them.
    #[must_use]
    pub const fn by_name(&self) -> [(&'static str, V); 4] {
        [
            ("600", self.ten_minutes),
            ("10800", self.three_hours),
            ("86400", self.one_day),
            (":all-time", self.all_time),
        ]
    }

    /// Each window together with the same window of another statistic.
    pub(super) fn with<W, U>(
        self,
        other: TimeWindows<W>,
        of: impl Fn(V, W) -> U,
    ) -> TimeWindows<U> {
        TimeWindows {
            ten_minutes: of(self.ten_minutes, other.ten_minutes),
            three_hours: of(self.three_hours, other.three_hours),
            one_day: of(self.one_day, other.one_day),
            all_time: of(self.all_time, other.all_time),
        }
    }

    pub(super) fn map<U>(self, of: impl Fn(V) -> U) -> TimeWindows<U> {
        TimeWindows {
            ten_minutes: of(self.ten_minutes),
            three_hours: of(self.three_hours),
            one_day: of(self.one_day),
            all_time: of(self.all_time),
        }
    }
}

impl TimeWindows<f64> {
    pub(super) fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl TimeWindows<u64> {
    pub(super) fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

/// Buckets of a window, by default: Storm's `num.stat.buckets`.
pub const STAT_BUCKETS: usize = 20;

/// The lengths of the windows, in milliseconds.
pub(super) const WINDOWS_MS: [u64; 3] = [600_000, 10_800_000, 86_400_000];

/// Something that is summed up.
pub(super) trait Sum: Copy + Default {
    fn plus(self, other: Self) -> Self;
    /// A share of it, between 0 and 1.
    fn share(self, of: f64) -> Self;
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket<V> {
    lasted_ms: u64,
    sum: V,
}

/// One window: the last buckets, the youngest first, of which that one is still being filled.
#[derive(Clone, Debug)]
struct Window<V> {
    length_ms: u64,
    /// How long a bucket lasts at least.
    bucket_ms: u64,
    most: usize,
    buckets: VecDeque<Bucket<V>>,
}

impl<V: Sum> Window<V> {
    fn new(length_ms: u64, buckets: usize) -> Self {
        // The youngest bucket may be empty: the others have to cover the window.
        let bucket_ms = length_ms / (buckets as u64 - 1);
        Self { length_ms, bucket_ms, most: buckets, buckets: VecDeque::from([Bucket::default()]) }
    }

    fn add(&mut self, sum: V, lasted_ms: u64) {
        let Some(youngest) = self.buckets.front_mut() else { return };
        youngest.sum = youngest.sum.plus(sum);
        youngest.lasted_ms += lasted_ms;
        if youngest.lasted_ms >= self.bucket_ms {
            self.buckets.truncate(self.most - 1);
            self.buckets.push_front(Bucket::default());
        }
    }

    /// What the window holds, when there is another `sum` that has lasted `lasted_ms`. Of the bucket
    /// at the window's far end a share is taken, as if it had been filled evenly.
    fn read(&self, sum: V, lasted_ms: u64) -> V {
        let (mut sum, mut left_ms) = (sum, self.length_ms.saturating_sub(lasted_ms));
        for bucket in &self.buckets {
            if bucket.lasted_ms > left_ms {
                return sum.plus(bucket.sum.share(left_ms as f64 / bucket.lasted_ms as f64));
            }
            sum = sum.plus(bucket.sum);
            left_ms -= bucket.lasted_ms;
        }
        sum
    }
}

/// The windows of a statistic. What is added goes into all of them at the next turn.
#[derive(Clone, Debug)]
pub(super) struct Buckets<V> {
    present: V,
    since_ms: u64,
    windows: [Window<V>; 3],
    before: V,
}

impl<V: Sum> Buckets<V> {
    pub(super) fn new(buckets: usize, now_ms: u64) -> Self {
        let windows = WINDOWS_MS.map(|length_ms| Window::new(length_ms, buckets.max(2)));
        Self { present: V::default(), since_ms: now_ms, windows, before: V::default() }
    }

    #[inline]
    pub(super) fn add(&mut self, value: V) {
        self.present = self.present.plus(value);
    }

    pub(super) fn turn(&mut self, now_ms: u64) {
        let (present, lasted_ms) = (std::mem::take(&mut self.present), self.lasted_ms(now_ms));
        for window in &mut self.windows {
            window.add(present, lasted_ms);
        }
        self.before = self.before.plus(present);
        self.since_ms = self.since_ms.max(now_ms);
    }

    const fn lasted_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.since_ms)
    }

    /// How often it should be turned, at least.
    pub(super) const fn turn_every_ms(&self) -> u64 {
        self.windows[0].bucket_ms
    }

    pub(super) fn read(&self, now_ms: u64) -> TimeWindows<V> {
        let lasted_ms = self.lasted_ms(now_ms);
        let [ten_minutes, three_hours, one_day] =
            self.windows.each_ref().map(|window| window.read(self.present, lasted_ms));
        let all_time = self.before.plus(self.present);
        TimeWindows { ten_minutes, three_hours, one_day, all_time }
    }
}
