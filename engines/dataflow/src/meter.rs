//! Where an engine reports its progress and its records' latencies.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The three times of one record, in nanoseconds from the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When it was scheduled to arrive: the origin of its latency.
    pub scheduled_ns: u64,
    /// When the engine took it in: the origin of its service latency.
    pub taken_ns: u64,
    /// When the last effect that it caused was visible: state that it changed, or rows in the sink.
    pub visible_ns: u64,
}

/// Takes the samples of one thread. Made by the harness; called per chunk, not per record.
pub trait Recorder: Send {
    /// Takes the samples of some records.
    fn record(&mut self, samples: &[Sample]);
}

/// How many records had been completed at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Nanoseconds from the start of the run.
    pub at_ns: u64,
    /// Records whose every effect is visible; all of them below this index.
    pub completed: u64,
}

/// The shared counters of one run. Each is on a cache line of its own.
pub struct Meter {
    taken: CachePadded<AtomicU64>,
    completed: CachePadded<AtomicU64>,
    /// When the last point was kept.
    last_point_ns: CachePadded<AtomicU64>,
    points: Mutex<Vec<Point>>,
    make: Box<dyn Fn() -> Box<dyn Recorder> + Send + Sync>,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter")
            .field("taken", &self.taken())
            .field("completed", &self.completed())
            .finish_non_exhaustive()
    }
}

impl Meter {
    /// The least time between two points of the progress curve.
    pub const POINT_SPACING_NS: u64 = 1_000_000;

    /// A meter whose threads record into what `make` returns.
    pub fn new(make: impl Fn() -> Box<dyn Recorder> + Send + Sync + 'static) -> Self {
        Self {
            taken: CachePadded::default(),
            completed: CachePadded::default(),
            last_point_ns: CachePadded::default(),
            points: Mutex::new(Vec::new()),
            make: Box::new(make),
        }
    }

    /// A meter that counts and drops all samples: for runs whose latency nobody asks for.
    #[must_use]
    pub fn counting() -> Self {
        struct Nowhere;
        impl Recorder for Nowhere {
            fn record(&mut self, _: &[Sample]) {}
        }
        Self::new(|| Box::new(Nowhere))
    }

    /// A recorder for the calling thread.
    pub fn recorder(&self) -> Box<dyn Recorder> {
        (self.make)()
    }

    /// Notes that the engine has taken in `more` records.
    pub fn add_taken(&self, more: u64) {
        self.taken.fetch_add(more, Ordering::Relaxed);
    }

    /// Records that the engine has taken in.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Notes that every record below `upto` is complete. Lower values than before are ignored.
    pub fn complete(&self, upto: u64, now_ns: u64) {
        let before = self.completed.fetch_max(upto, Ordering::Relaxed);
        if upto <= before {
            return;
        }
        let last = self.last_point_ns.load(Ordering::Relaxed);
        let due = now_ns >= last + Self::POINT_SPACING_NS || last == 0;
        let claim = |to| {
            self.last_point_ns
                .compare_exchange(last, to, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if due && claim(now_ns.max(1)) {
            let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
            points.push(Point { at_ns: now_ns, completed: upto });
        }
    }

    /// All records below this index are complete.
    pub fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// The progress curve: at most one point per [`POINT_SPACING_NS`](Self::POINT_SPACING_NS).
    pub fn points(&self) -> Vec<Point> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
