//! Partial-key grouping: each key has two tasks, and goes to the one that has had less.

use super::java_random::JavaRandom;
use super::{Chosen, FieldsGrouping, GroupingContext, GroupingError, StreamGrouping};
use crate::tuple::{bytes_hash, java_hash};
use crate::{Fields, TaskId, Value};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::fmt;
use weir_dataflow::FastState;

/// Says which tasks a key may go to. Storm's `PartialKeyGrouping.AssignmentCreator`.
pub trait AssignmentCreator: Send + 'static {
    /// The tasks of a key, out of `tasks`; the same for equal keys.
    fn assign(&self, tasks: &[TaskId], key: &[u8]) -> Chosen;
}

/// Says which of a key's tasks gets a tuple. Storm's `PartialKeyGrouping.TargetSelector`.
pub trait TargetSelector: Send + 'static {
    /// One of `assigned`, or none of them.
    fn select(&mut self, assigned: &[TaskId]) -> Option<TaskId>;
}

/// Two tasks for each key, drawn with the key as the seed; different ones, if there are two. Storm's
/// class of this name, with the same tasks for the same key.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomTwoTaskAssignmentCreator;

impl AssignmentCreator for RandomTwoTaskAssignmentCreator {
    fn assign(&self, tasks: &[TaskId], key: &[u8]) -> Chosen {
        let count = tasks.len() as u32;
        if count == 0 {
            return Chosen::new();
        }
        let mut random = JavaRandom::new(i64::from(bytes_hash(key)));
        let first = random.next_int(count);
        let second = random.next_int(count);
        let second = if second == first { (second + 1) % count } else { second };
        SmallVec::from_buf([tasks[first as usize], tasks[second as usize]])
    }
}

/// The task that has been selected least; the first, if several have. Storm's class of this name.
#[derive(Clone, Debug, Default)]
pub struct BalancedTargetSelector {
    selected: HashMap<TaskId, u64, FastState>,
}

impl TargetSelector for BalancedTargetSelector {
    fn select(&mut self, assigned: &[TaskId]) -> Option<TaskId> {
        let had = |task: &TaskId| self.selected.get(task).copied().unwrap_or(0);
        let least = assigned.iter().copied().min_by_key(had)?;
        *self.selected.entry(least).or_insert(0) += 1;
        Some(least)
    }
}

/// Tuples with equal keys go to one of the same two tasks, whichever has had fewer tuples from this
/// grouping: a frequent key does not overload one task, and whoever puts the key's results together
/// has two to ask. Storm's `PartialKeyGrouping`.
pub struct PartialKey {
    key: Option<FieldsGrouping>,
    assignment: Box<dyn AssignmentCreator>,
    selector: Box<dyn TargetSelector>,
    targets: Vec<TaskId>,
    bytes: Vec<u8>,
}

impl fmt::Debug for PartialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Default for PartialKey {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialKey {
    /// The key is the first value.
    #[must_use]
    pub fn new() -> Self {
        Self::of(None)
    }

    /// The key is the values of these fields.
    #[must_use]
    pub fn by(key: Fields) -> Self {
        Self::of(Some(FieldsGrouping::new(key)))
    }

    fn of(key: Option<FieldsGrouping>) -> Self {
        Self {
            key,
            assignment: Box::new(RandomTwoTaskAssignmentCreator),
            selector: Box::new(BalancedTargetSelector::default()),
            targets: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The same with another way to choose.
    #[must_use]
    pub fn choosing(
        mut self,
        assignment: impl AssignmentCreator,
        selector: impl TargetSelector,
    ) -> Self {
        self.assignment = Box::new(assignment);
        self.selector = Box::new(selector);
        self
    }

    fn read_key(&mut self, values: &[Value]) -> Result<(), GroupingError> {
        use std::io::Write;
        self.bytes.clear();
        match (&self.key, values.first()) {
            (Some(key), _) => {
                for value in key.key_of(values)? {
                    self.bytes.extend(java_hash(value).to_be_bytes());
                }
            }
            (None, Some(Value::Text(text))) => self.bytes.extend(text.as_bytes()),
            // Writing to memory does not fail.
            (None, Some(value)) => drop(write!(self.bytes, "{value}")),
            (None, None) => {}
        }
        Ok(())
    }
}

impl StreamGrouping for PartialKey {
    fn prepare(&mut self, context: &GroupingContext) {
        if let Some(key) = &mut self.key {
            key.prepare(context);
        }
        self.targets.clone_from(&context.targets);
    }

    /// A tuple without values goes nowhere.
    fn choose(
        &mut self,
        _: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError> {
        if values.is_empty() {
            return Ok(());
        }
        self.read_key(values)?;
        let assigned = self.assignment.assign(&self.targets, &self.bytes);
        if let Some(task) = self.selector.select(&assigned) {
            chosen.push(task);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, context};
    use super::*;
    use crate::values;
    use std::collections::BTreeMap;

    fn prepared(mut grouping: PartialKey, targets: &[TaskId]) -> PartialKey {
        grouping.prepare(&context(&["n", "word"], targets));
        grouping
    }

    fn by_word() -> PartialKey {
        PartialKey::by(Fields::new(["word"]).expect("different"))
    }

    #[test]
    fn a_key_alternates_between_its_two_tasks() {
        for grouping in [PartialKey::new(), by_word()] {
            let mut grouping = prepared(grouping, &[1, 2, 3, 4, 5, 6]);
            let mut next = || chosen(&mut grouping, &values!["key1", "key1"]);
            let (first, second, third, fourth) = (next(), next(), next(), next());
            assert_ne!(first, second);
            assert_eq!((&first, &second), (&third, &fourth));
        }
    }

    /// The key's tasks are those of Storm: the generator starts with the hash of its bytes.
    #[test]
    fn the_two_tasks_are_drawn_from_the_key() {
        let tasks: Vec<TaskId> = (0..10).collect();
        let assign = |key: &[u8]| RandomTwoTaskAssignmentCreator.assign(&tasks, key).to_vec();
        // `Arrays.hashCode` of no bytes is 1; of the byte 11 it is 31 + 11, and 42 gives 0, then 3.
        assert_eq!(assign(&[11]), [0, 3]);
        let mut random = JavaRandom::new(1);
        let first = random.next_int(10) as TaskId;
        assert_eq!(assign(&[])[0], first);
    }

    #[test]
    fn equal_draws_make_neighbours_and_one_task_is_both() {
        for key in 0..=255u8 {
            let two = |tasks: &[TaskId]| RandomTwoTaskAssignmentCreator.assign(tasks, &[key]);
            let (pair, single) = (two(&[7, 9]), two(&[7]));
            assert!(pair[0] != pair[1], "{key}");
            assert_eq!(single.as_slice(), [7, 7]);
        }
    }

    #[test]
    fn the_least_used_task_is_selected_and_the_first_of_several() {
        let mut selector = BalancedTargetSelector::default();
        let picks: Vec<_> = (0..4).flat_map(|_| selector.select(&[9, 8, 7])).collect();
        assert_eq!(picks, [9, 8, 7, 9]);
        assert_eq!(selector.select(&[9, 7]), Some(7), "it remembers over assignments");
        assert_eq!(selector.select(&[]), None);
    }

    #[test]
    fn a_skewed_key_is_spread_evenly_over_two() {
        let mut grouping = prepared(PartialKey::new(), &[1, 2, 3, 4]);
        let mut shares = BTreeMap::new();
        for _ in 0..1000 {
            for task in chosen(&mut grouping, &values!["the"]) {
                *shares.entry(task).or_insert(0) += 1;
            }
        }
        assert!(shares.into_values().eq([500, 500]));
    }

    #[test]
    fn tuples_without_values_and_subscribers_without_tasks_get_nothing() {
        assert_eq!(chosen(&mut prepared(PartialKey::new(), &[1, 2]), &[]), [0; 0]);
        assert_eq!(chosen(&mut prepared(by_word(), &[1, 2]), &[]), [0; 0]);
        assert_eq!(chosen(&mut prepared(PartialKey::new(), &[]), &values!["a"]), [0; 0]);
    }

    #[test]
    fn a_missing_field_is_an_error() {
        let mut grouping = prepared(PartialKey::by(Fields::new(["x"]).expect("one")), &[1, 2]);
        let error = grouping.choose(0, &values![1, 2], &mut Chosen::new()).expect_err("no x");
        assert!(error.to_string().starts_with("x does not exist"), "{error}");
    }

    #[test]
    fn other_assignments_and_selectors_can_be_used() {
        struct Last;
        impl AssignmentCreator for Last {
            fn assign(&self, tasks: &[TaskId], key: &[u8]) -> Chosen {
                assert_eq!(key, 5i32.to_be_bytes(), "fields are hashed");
                tasks.iter().rev().copied().collect()
            }
        }
        impl TargetSelector for Last {
            fn select(&mut self, assigned: &[TaskId]) -> Option<TaskId> {
                assigned.first().copied()
            }
        }
        let mut grouping = prepared(by_word().choosing(Last, Last), &[1, 2, 3]);
        assert_eq!(chosen(&mut grouping, &values![0, 5]), [3]);
    }
}
