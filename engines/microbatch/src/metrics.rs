//! What a context has run so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counters of a [`SparkContext`](crate::SparkContext), written once per stage.
#[derive(Debug, Default)]
pub struct Metrics {
    tasks: AtomicU64,
    retried: AtomicU64,
    shuffled: AtomicU64,
    stages: Mutex<Vec<StageMetrics>>,
}

/// What the stages of one name have run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageMetrics {
    /// The stages' name.
    pub label: Arc<str>,
    /// How often such a stage ran.
    pub runs: u64,
    /// How many tasks they had, all together.
    pub tasks: u64,
    /// How many tasks the largest had.
    pub widest: usize,
}

impl Metrics {
    /// Tasks that have been started.
    pub fn tasks(&self) -> u64 {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Attempts at tasks that failed and were followed by another.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Entries (keys after a map-side combine, records without one) that went through shuffles.
    pub fn shuffled(&self) -> u64 {
        self.shuffled.load(Ordering::Relaxed)
    }

    /// By name, in the order in which they first ran.
    pub fn stages(&self) -> Vec<StageMetrics> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stage_ran(&self, label: &Arc<str>, tasks: usize) {
        if tasks == 0 {
            return;
        }
        self.tasks.fetch_add(tasks as u64, Ordering::Relaxed);
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let at = stages.iter().position(|stage| stage.label == *label).unwrap_or_else(|| {
            stages.push(StageMetrics { label: Arc::clone(label), runs: 0, tasks: 0, widest: 0 });
            stages.len() - 1
        });
        let stage = &mut stages[at];
        stage.runs += 1;
        stage.tasks += tasks as u64;
        stage.widest = stage.widest.max(tasks);
    }

    pub(crate) fn task_retried(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_shuffled(&self, entries: u64) {
        self.shuffled.fetch_add(entries, Ordering::Relaxed);
    }
}
