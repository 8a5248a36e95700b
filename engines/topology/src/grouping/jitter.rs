//! Grouping by how steadily targets take their time.

use super::{Chosen, GroupingContext, GroupingError, LoadAwareShuffle, StreamGrouping, random_of};
use crate::{TaskId, Value};
use hashbrown::HashMap;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::cmp::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use weir_dataflow::FastState;

/// How much a task's times vary, in milliseconds. What has not been reported counts as most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jitter {
    /// Of the time that `execute` takes.
    pub execute_ms: Option<f64>,
    /// Of the time from a tuple's arrival to its ack.
    pub process_ms: Option<f64>,
    /// Of the time that whole trees take.
    pub complete_ms: Option<f64>,
}

impl Jitter {
    /// By execution first, then processing, then completion.
    fn compare(&self, other: &Self) -> Ordering {
        let each = |jitter: &Self| {
            let known = |ms: Option<f64>| ms.unwrap_or(f64::INFINITY);
            [known(jitter.execute_ms), known(jitter.process_ms), known(jitter.complete_ms)]
        };
        let (these, those) = (each(self), each(other));
        let compared = these.iter().zip(&those).map(|(this, that)| this.total_cmp(that));
        compared.fold(Ordering::Equal, Ordering::then)
    }
}

type OfSource = HashMap<TaskId, Jitter, FastState>;

/// What emitting tasks have been told of the jitter of the tasks that they emit to. Clones share it.
/// Storm's `ChildEwmaStats`.
#[derive(Clone, Debug, Default)]
pub struct ChildJitter(Arc<RwLock<HashMap<TaskId, OfSource, FastState>>>);

impl ChildJitter {
    /// Tells `source` the jitter of `target`, in place of what it was told before.
    pub fn report(&self, source: TaskId, target: TaskId, jitter: Jitter) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(source).or_default().insert(target, jitter);
    }

    /// Which of two targets `source` knows to be steadier, if it knows of any.
    fn steadier(&self, source: TaskId, a: TaskId, b: TaskId) -> Option<TaskId> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&source)?;
        let of = |task: &TaskId| known.get(task).copied().unwrap_or_default();
        match of(&a).compare(&of(&b)) {
            Ordering::Less => Some(a),
            Ordering::Greater => Some(b),
            Ordering::Equal => None,
        }
    }
}

/// Draws two targets for each tuple and takes the steadier one; where they are alike, or nothing has
/// been reported, it is a [`LoadAwareShuffle`]. Storm's `JitterAwareStreamGrouping`.
///
/// Drawing two rather than taking the best keeps that from getting every tuple.
#[derive(Debug)]
pub struct JitterAware {
    seed: u64,
    targets: Vec<TaskId>,
    random: Option<Xoshiro256PlusPlus>,
    known: ChildJitter,
    otherwise: LoadAwareShuffle,
}

impl JitterAware {
    /// By what is reported to `known`, with the seed of its lots.
    #[must_use]
    pub fn new(seed: u64, known: ChildJitter) -> Self {
        let otherwise = LoadAwareShuffle::new(seed);
        Self { seed, targets: Vec::new(), random: None, known, otherwise }
    }

    /// Two different targets, if there are two.
    fn two(&mut self) -> Option<(TaskId, TaskId)> {
        let random = self.random.as_mut().filter(|_| self.targets.len() > 1)?;
        let first = random.random_range(0..self.targets.len());
        let second = random.random_range(0..self.targets.len() - 1);
        let second = second + usize::from(second >= first);
        Some((self.targets[first], self.targets[second]))
    }
}

impl StreamGrouping for JitterAware {
    fn prepare(&mut self, context: &GroupingContext) {
        self.targets.clone_from(&context.targets);
        self.random = Some(random_of(self.seed, context));
        self.otherwise.prepare(context);
    }

    fn choose(
        &mut self,
        source: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError> {
        let steadier = self.two().and_then(|(a, b)| self.known.steadier(source, a, b));
        match steadier {
            Some(task) => chosen.push(task),
            None => return self.otherwise.choose(source, values, chosen),
        }
        Ok(())
    }

    fn refresh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        self.otherwise.refresh(load);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, shares};
    use super::*;

    fn jitter(execute: f64, process: f64, complete: f64) -> Jitter {
        let known = |ms: f64| (ms >= 0.0).then_some(ms);
        Jitter {
            execute_ms: known(execute),
            process_ms: known(process),
            complete_ms: known(complete),
        }
    }

    #[test]
    fn execution_counts_first_and_what_is_unknown_counts_as_most() {
        for (less, more) in [
            (jitter(1.0, 9.0, 9.0), jitter(2.0, 1.0, 1.0)),
            (jitter(1.0, 1.0, 9.0), jitter(1.0, 2.0, 1.0)),
            (jitter(1.0, 1.0, 1.0), jitter(1.0, 1.0, 2.0)),
            (jitter(9.0, -1.0, -1.0), jitter(-1.0, 1.0, 1.0)),
            (jitter(1.0, -1.0, -1.0), Jitter::default()),
        ] {
            assert_eq!(less.compare(&more), Ordering::Less, "{less:?} {more:?}");
            assert_eq!(more.compare(&less), Ordering::Greater, "{less:?} {more:?}");
            assert_eq!(less.compare(&less), Ordering::Equal);
        }
    }

    #[test]
    fn the_worst_of_three_gets_nothing_and_the_best_not_all() {
        let known = ChildJitter::default();
        for task in [10, 11, 12] {
            known.report(1, task, jitter(f64::from(task), 0.0, 0.0));
        }
        let mut grouping = JitterAware::new(5, known);
        grouping.prepare(&context(&[], &[10, 11, 12]));
        let shares = shares(&mut grouping, 3000);
        assert!(shares.keys().eq(&[10, 11]), "{shares:?}");
        // It is in two of the three pairs.
        assert!(shares[&10].abs_diff(2000) < 160, "{shares:?}");
    }

    #[test]
    fn reports_to_others_do_not_count_and_equals_are_shuffled() {
        let known = ChildJitter::default();
        known.report(99, 10, jitter(1.0, 1.0, 1.0));
        let mut grouping = JitterAware::new(5, known.clone());
        grouping.prepare(&context(&[], &[10, 11]));
        assert_eq!(shares(&mut grouping, 1000)[&10], 500, "a round of the shuffle's ring");
        known.report(1, 10, jitter(1.0, -1.0, -1.0));
        known.report(1, 11, jitter(1.0, -1.0, -1.0));
        assert_eq!(shares(&mut grouping, 1000)[&10], 500);
        for _ in 0..10 {
            grouping.refresh(&|task| f64::from(task - 10));
        }
        assert!(shares(&mut grouping, 1000).keys().eq(&[10]), "loads reach the shuffle");
    }
}
