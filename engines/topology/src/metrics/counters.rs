//! What executors count, so that it can be read from other threads while they run.

use super::{CountStat, LatencyStat, TimeWindows};
use crate::{StreamId, TaskId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const NANOS_PER_MS: f64 = 1e6;

/// How often something happened. Only one thread adds, so that adding costs what it does to a plain
/// number.
#[derive(Debug)]
pub(crate) struct Count {
    all: AtomicU64,
    /// How much of it has gone into the windows, and these.
    filed: Mutex<(u64, CountStat)>,
}

impl Count {
    fn new(now_ms: u64) -> Self {
        Self { all: AtomicU64::new(0), filed: Mutex::new((0, CountStat::new(now_ms))) }
    }

    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.all.store(self.all.load(Ordering::Relaxed) + count, Ordering::Release);
    }

    /// Whoever sees a count of one thread sees what that thread counted before.
    pub(crate) fn all(&self) -> u64 {
        self.all.load(Ordering::Acquire)
    }

    fn filed(&self) -> MutexGuard<'_, (u64, CountStat)> {
        let mut filed = lock(&self.filed);
        let all = self.all();
        let (before, stat) = &mut *filed;
        stat.add(all - *before);
        *before = all;
        filed
    }

    fn turn(&self, now_ms: u64) {
        self.filed().1.turn(now_ms);
    }

    pub(crate) fn read(&self, now_ms: u64) -> TimeWindows<u64> {
        self.filed().1.counts(now_ms)
    }
}

/// How long something took, of the times that it was measured.
#[derive(Debug)]
pub(crate) struct Latency(Mutex<LatencyStat>);

impl Latency {
    fn new(now_ms: u64) -> Self {
        Self(Mutex::new(LatencyStat::new(now_ms)))
    }

    pub(crate) fn record(&self, nanos: u64) {
        lock(&self.0).record(nanos as f64 / NANOS_PER_MS);
    }

    fn turn(&self, now_ms: u64) {
        lock(&self.0).turn(now_ms);
    }

    /// The averages, in milliseconds, and of how many samples they are.
    pub(crate) fn read(&self, now_ms: u64) -> (TimeWindows<f64>, TimeWindows<f64>) {
        let stat = lock(&self.0);
        (stat.averages_ms(now_ms), stat.samples(now_ms))
    }
}

/// What a task counts of a stream that it emits on. Trees are those of a spout.
#[derive(Debug)]
pub(crate) struct StreamStats {
    pub(crate) stream: Arc<str>,
    pub(crate) emitted: Count,
    pub(crate) transferred: Count,
    pub(crate) acked: Count,
    pub(crate) failed: Count,
    pub(crate) complete: Latency,
}

/// What a task of a bolt counts of a stream that it subscribes to.
#[derive(Debug)]
pub(crate) struct InputStats {
    pub(crate) from: StreamId,
    pub(crate) executed: Count,
    pub(crate) acked: Count,
    pub(crate) failed: Count,
    pub(crate) execute: Latency,
    pub(crate) process: Latency,
}

/// What a task counts.
#[derive(Debug)]
pub(crate) struct TaskStats {
    pub(crate) task: TaskId,
    pub(crate) streams: Box<[StreamStats]>,
    pub(crate) inputs: Box<[InputStats]>,
}

impl TaskStats {
    pub(crate) fn new(
        task: TaskId,
        streams: impl IntoIterator<Item = Arc<str>>,
        inputs: impl IntoIterator<Item = StreamId>,
        now_ms: u64,
    ) -> Self {
        let count = || Count::new(now_ms);
        let latency = || Latency::new(now_ms);
        let stream = |stream| StreamStats {
            stream,
            emitted: count(),
            transferred: count(),
            acked: count(),
            failed: count(),
            complete: latency(),
        };
        let input = |from| InputStats {
            from,
            executed: count(),
            acked: count(),
            failed: count(),
            execute: latency(),
            process: latency(),
        };
        Self {
            task,
            streams: streams.into_iter().map(stream).collect(),
            inputs: inputs.into_iter().map(input).collect(),
        }
    }

    /// Files what was counted under the time since the last call.
    pub(crate) fn turn(&self, now_ms: u64) {
        for stats in &self.streams {
            let StreamStats { emitted, transferred, acked, failed, complete, .. } = stats;
            [emitted, transferred, acked, failed].into_iter().for_each(|count| count.turn(now_ms));
            complete.turn(now_ms);
        }
        for stats in &self.inputs {
            let InputStats { executed, acked, failed, execute, process, .. } = stats;
            [executed, acked, failed].into_iter().for_each(|count| count.turn(now_ms));
            [execute, process].into_iter().for_each(|latency| latency.turn(now_ms));
        }
    }
}
