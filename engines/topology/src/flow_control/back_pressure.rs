//! Which tasks cannot keep up.

use super::ReceiveQueue;
use crate::TaskId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Which tasks are under back-pressure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackPressureStatus {
    /// Those whose queue has overflowed, in ascending order.
    pub under_pressure: Vec<TaskId>,
    /// All others, in ascending order.
    pub relieved: Vec<TaskId>,
}

/// Keeps which tasks are under back-pressure: from when their queue first overflows until its overflow
/// is empty again. Storm's `BackPressureTracker`.
pub struct BackPressureTracker<T> {
    under_pressure: BTreeMap<TaskId, Pressed<T>>,
    relieved: BTreeSet<TaskId>,
}

struct Pressed<T> {
    queue: Arc<ReceiveQueue<T>>,
    last_overflow: usize,
}

impl<T> fmt::Debug for BackPressureTracker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

impl<T> BackPressureTracker<T> {
    /// Of these tasks, none of which is under back-pressure. The system's task, -1, is not kept track
    /// of.
    #[must_use]
    pub fn new(tasks: impl IntoIterator<Item = TaskId>) -> Self {
        let relieved = tasks.into_iter().filter(|task| *task >= 0).collect();
        Self { under_pressure: BTreeMap::new(), relieved }
    }

    /// The queue of a task has overflowed. Whether that is new.
    pub fn record(&mut self, task: TaskId, queue: &Arc<ReceiveQueue<T>>) -> bool {
        let new = self.relieved.remove(&task);
        if new {
            let queue = Arc::clone(queue);
            self.under_pressure.insert(task, Pressed { queue, last_overflow: 0 });
        }
        new
    }

    /// Relieves the tasks whose overflow is empty. Whether there were any.
    pub fn refresh(&mut self) -> bool {
        let before = self.relieved.len();
        let relieved = &mut self.relieved;
        self.under_pressure.retain(|task, pressed| {
            let keep = !pressed.queue.is_overflow_empty();
            relieved.extend((!keep).then_some(*task));
            keep
        });
        self.relieved.len() > before
    }

    /// Which tasks are under back-pressure.
    #[must_use]
    pub fn status(&self) -> BackPressureStatus {
        BackPressureStatus {
            under_pressure: self.under_pressure.keys().copied().collect(),
            relieved: self.relieved.iter().copied().collect(),
        }
    }

    /// Keeps how long a task's overflow was when it was last told to the producers.
    pub fn set_last_overflow(&mut self, task: TaskId, len: usize) {
        if let Some(pressed) = self.under_pressure.get_mut(&task) {
            pressed.last_overflow = len;
        }
    }

    /// What was kept last, 0 at first; `None` if the task is not under back-pressure.
    #[must_use]
    pub fn last_overflow(&self, task: TaskId) -> Option<usize> {
        self.under_pressure.get(&task).map(|pressed| pressed.last_overflow)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Kept, queue};
    use super::*;

    #[test]
    fn a_task_is_under_pressure_until_its_overflow_is_empty() {
        let queue = queue(1, 1);
        let mut tracker = BackPressureTracker::new([-1, 1, 2]);
        let status = |under: &[TaskId], relieved: &[TaskId]| BackPressureStatus {
            under_pressure: under.to_vec(),
            relieved: relieved.to_vec(),
        };
        assert_eq!(tracker.status(), status(&[], &[1, 2]));
        queue.try_publish_to_overflow(0).expect("no limit");
        assert!(tracker.record(2, &queue));
        assert!(!tracker.record(2, &queue), "it is known");
        assert!(!tracker.record(7, &queue), "it is nobody");
        tracker.set_last_overflow(2, 5);
        assert!(!tracker.refresh());
        assert_eq!(tracker.status(), status(&[2], &[1]));
        assert_eq!((tracker.last_overflow(2), tracker.last_overflow(1)), (Some(5), None));
        queue.consume(&mut Kept::default(), || true);
        assert!(tracker.refresh());
        assert!(!tracker.refresh(), "nothing changed since");
        assert_eq!(tracker.status(), status(&[], &[1, 2]));
        assert!(tracker.record(2, &queue));
        assert_eq!(tracker.last_overflow(2), Some(0), "it begins anew");
    }
}
