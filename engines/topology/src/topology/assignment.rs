//! Which tasks there are, and which executor runs which.

use super::StormTopology;
use crate::typed::MOST_TASKS;
use crate::{Config, TaskId, TopologyError};
use std::collections::BTreeMap;

/// The id of the component that follows tuple trees.
pub(crate) const ACKER_COMPONENT: &str = "__acker";

/// The tasks of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTasks {
    /// By executor, the tasks that it runs, in ascending order.
    pub executors: Vec<Vec<TaskId>>,
}

impl ComponentTasks {
    /// All tasks, in ascending order.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> {
        self.executors.iter().flatten().copied()
    }
}

/// The tasks and executors of a topology under a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// By component, those of the system included.
    pub components: BTreeMap<String, ComponentTasks>,
}

impl StormTopology {
    /// Lays out the topology under a configuration: how many tasks and executors each component has,
    /// and their numbers.
    ///
    /// A component has `topology.tasks` tasks, its own or else the topology's, or as many as its
    /// parallelism, but not more than `topology.max.task.parallelism`; it has as many executors as its
    /// parallelism, but not more than tasks. Tasks are numbered from 1 in the order of the components' ids,
    /// the system's included. Ackers have as many as they are.
    pub fn assignment(&self, conf: &Config) -> Result<Assignment, TopologyError> {
        let (mut sizes, mut all) = (BTreeMap::new(), ackers(conf)?);
        for (id, component) in &self.components {
            let of_both = |key: &str| {
                let own = component.conf.count(key)?;
                if own.is_some() { Ok(own) } else { conf.count(key) }
            };
            let hint = component.parallelism.unwrap_or(1);
            let wanted = of_both(Config::TOPOLOGY_TASKS)?.unwrap_or(hint);
            let most = of_both(Config::TOPOLOGY_MAX_TASK_PARALLELISM)?.unwrap_or(usize::MAX);
            let tasks = wanted.min(most);
            all = tasks.saturating_add(all);
            if all > MOST_TASKS {
                let (id, most) = (id.clone(), MOST_TASKS);
                return Err(TopologyError::TooManyTasks { id, tasks, most });
            }
            sizes.insert(id.as_str(), (tasks, hint.min(tasks)));
        }
        let ackers = ackers(conf)?;
        sizes.insert(ACKER_COMPONENT, (ackers, ackers));
        let mut next = 1;
        let numbered = sizes.into_iter().map(|(id, (tasks, executors))| {
            let first = next;
            next += tasks as TaskId;
            (id.to_owned(), ComponentTasks { executors: chunks(first, tasks, executors) })
        });
        Ok(Assignment { components: numbered.collect() })
    }
}

/// How many ackers a configuration asks for: one per worker unless it says otherwise.
pub(crate) fn ackers(conf: &Config) -> Result<usize, TopologyError> {
    match conf.count(Config::TOPOLOGY_ACKER_EXECUTORS)? {
        Some(ackers) => Ok(ackers),
        None => Ok(conf.count(Config::TOPOLOGY_WORKERS)?.unwrap_or(1)),
    }
}

/// Cuts a row of tasks into consecutive chunks of nearly the same size, the larger ones first.
fn chunks(first: TaskId, tasks: usize, executors: usize) -> Vec<Vec<TaskId>> {
    let mut next = first;
    let chunk = |executor| {
        let size = tasks / executors + usize::from(executor < tasks % executors);
        let begin = next;
        next += size as TaskId;
        (begin..next).collect()
    };
    (0..executors).map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_chunks_come_first() {
        assert_eq!(chunks(4, 5, 3), [vec![4, 5], vec![6, 7], vec![8]]);
        assert_eq!(chunks(1, 2, 2), [vec![1], vec![2]]);
        assert!(chunks(1, 0, 0).is_empty());
    }
}
