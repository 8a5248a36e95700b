//! What can be said of a component after it has been set.

use super::definition::{ComponentDef, GroupingSpec, Subscription};
use super::{StreamId, TopologyBuilder};
use crate::component::IntoFields;
use crate::grouping::StreamGrouping;
use crate::{Config, Fields, TopologyError, Value};
use std::sync::Arc;

/// A spout that has been declared.
#[derive(Debug)]
pub struct SpoutDeclarer<'a> {
    pub(crate) builder: &'a mut TopologyBuilder,
    pub(crate) id: String,
}

/// A bolt that has been declared, to subscribe it to streams. Subscribing to a stream a second time
/// takes the place of the first.
#[derive(Debug)]
pub struct BoltDeclarer<'a> {
    pub(crate) builder: &'a mut TopologyBuilder,
    pub(crate) id: String,
}

macro_rules! settings {
    ($declarer:ident) => {
        impl $declarer<'_> {
            /// A setting of this component alone. It wins over what the component says itself.
            pub fn add_configuration(self, key: &str, value: impl Into<Value>) -> Self {
                if key == Config::TOPOLOGY_KRYO_REGISTER {
                    self.builder.errors.push(TopologyError::ComponentSerialization);
                } else if let Some(component) = self.builder.components.get_mut(&self.id) {
                    component.conf.put(key, value);
                }
                self
            }

            /// How many tasks it has; without it, as many as executors.
            pub fn set_num_tasks(self, tasks: usize) -> Self {
                let tasks = i64::try_from(tasks).unwrap_or(i64::MAX);
                self.add_configuration(Config::TOPOLOGY_TASKS, tasks)
            }

            /// The most tasks it may have.
            pub fn set_max_task_parallelism(self, tasks: usize) -> Self {
                let tasks = i64::try_from(tasks).unwrap_or(i64::MAX);
                self.add_configuration(Config::TOPOLOGY_MAX_TASK_PARALLELISM, tasks)
            }

            /// Trees that each of its tasks may have open, of a spout.
            pub fn set_max_spout_pending(self, pending: usize) -> Self {
                let pending = i64::try_from(pending).unwrap_or(i64::MAX);
                self.add_configuration(Config::TOPOLOGY_MAX_SPOUT_PENDING, pending)
            }

            /// Whether its emissions are logged. No effect: see [`Config::TOPOLOGY_DEBUG`].
            pub fn set_debug(self, debug: bool) -> Self {
                self.add_configuration(Config::TOPOLOGY_DEBUG, debug)
            }
        }
    };
}

settings!(SpoutDeclarer);
settings!(BoltDeclarer);

impl BoltDeclarer<'_> {
    pub(super) fn component(&mut self, change: impl FnOnce(&mut ComponentDef)) {
        if let Some(component) = self.builder.components.get_mut(&self.id) {
            change(component);
        }
    }

    /// Tuples go to the tasks in turn, fewer to those whose queues are full.
    pub fn shuffle_grouping(self, from: impl Into<StreamId>) -> Self {
        self.subscribe(from, GroupingSpec::Shuffle)
    }

    /// As a shuffle among the tasks of the same process, which here are all.
    pub fn local_or_shuffle_grouping(self, from: impl Into<StreamId>) -> Self {
        self.subscribe(from, GroupingSpec::LocalOrShuffle)
    }

    /// Tuples with equal values in these fields go to one task. With no fields it is a global
    /// grouping.
    pub fn fields_grouping(self, from: impl Into<StreamId>, fields: impl IntoFields) -> Self {
        let named = fields.into_fields();
        self.with_fields(from, named, |fields| {
            if fields.is_empty() { GroupingSpec::Global } else { GroupingSpec::Fields(fields) }
        })
    }

    /// Tuples with equal values in these fields go to one of two tasks, the one that has had fewer.
    pub fn partial_key_grouping(self, from: impl Into<StreamId>, fields: impl IntoFields) -> Self {
        let named = fields.into_fields();
        self.with_fields(from, named, GroupingSpec::PartialKey)
    }

    /// Every task gets every tuple.
    pub fn all_grouping(self, from: impl Into<StreamId>) -> Self {
        self.subscribe(from, GroupingSpec::All)
    }

    /// All tuples go to the task with the lowest id.
    pub fn global_grouping(self, from: impl Into<StreamId>) -> Self {
        self.subscribe(from, GroupingSpec::Global)
    }

    /// It does not matter where tuples go: here, to a task at random.
    pub fn none_grouping(self, from: impl Into<StreamId>) -> Self {
        self.subscribe(from, GroupingSpec::None)
    }

    /// The emitting component says which task gets a tuple.
    pub fn direct_grouping(self, from: impl Into<StreamId>) -> Self {
        self.subscribe(from, GroupingSpec::Direct)
    }

    /// Tuples go where a grouping of one's own sends them. `make` is called once per emitting
    /// executor.
    pub fn custom_grouping<G: StreamGrouping>(
        self,
        from: impl Into<StreamId>,
        make: impl Fn() -> G + Send + Sync + 'static,
    ) -> Self {
        self.subscribe(from, GroupingSpec::Custom(Arc::new(move || Box::new(make()))))
    }

    fn with_fields(
        self,
        from: impl Into<StreamId>,
        fields: Result<Fields, TopologyError>,
        grouping: impl FnOnce(Fields) -> GroupingSpec,
    ) -> Self {
        match fields {
            Ok(fields) => self.subscribe(from, grouping(fields)),
            Err(error) => {
                self.builder.errors.push(error);
                self
            }
        }
    }

    fn subscribe(mut self, from: impl Into<StreamId>, grouping: GroupingSpec) -> Self {
        let subscription = Subscription { from: from.into(), grouping };
        self.component(|component| component.subscribe(subscription));
        self
    }
}
