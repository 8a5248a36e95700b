//! A stream, and operations on its tuples one by one.

use super::GroupedStream;
use super::topology::Shared;
use crate::TridentError;
use crate::operation::{Filter, Function, Prototype};
use crate::plan::{NodeId, NodeKind, ProcessorNode};
use crate::processor::{EachProcessor, FilterProcessor, ForwardProcessor, Input, Processor};
use crate::tuple::TupleFactory;
use std::rc::Rc;
use std::sync::Arc;
use weir_topology::{Fields, IntoFields};

/// A stream of batches. Clones are the same stream: several operations may follow one.
///
/// Operations between two repartitions share a bolt. What they are given is checked; mistakes are
/// reported by [`TridentTopology::build`](super::TridentTopology::build).
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) definition: Shared,
    pub(super) node: NodeId,
    pub(super) name: Option<String>,
}

impl Stream {
    /// The fields of its tuples.
    #[must_use]
    pub fn output_fields(&self) -> Fields {
        self.definition.borrow().nodes[self.node].fields.clone()
    }

    /// The same stream; the bolts of the operations that follow have the name in their ids.
    #[must_use]
    pub fn name(&self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self.clone() }
    }

    /// How many tasks the last operation has, and all others back to the last repartition: the greatest
    /// that one of them asks for. Directly behind a repartition it is an error; Storm ignores it there.
    /// `topology.tasks` of the topology, if it is set, is the number of tasks instead, unless a state or spout
    /// among them fixes it: then these share as many threads as were asked for.
    pub fn parallelism_hint(&self, tasks: usize) -> Self {
        if tasks == 0 {
            let what = "a parallelism hint";
            let (value, wanted) = (tasks.to_string(), "at least 1");
            return self.fail(TridentError::BadAmount { what, value, wanted });
        }
        if self.definition.borrow().nodes[self.node].is_partition() {
            let operation = "parallelism_hint";
            let message = "it follows a repartition, which has no tasks: put it behind the operations \
                           that follow, or before the repartition for those before it";
            return self.fail(TridentError::Mismatch { operation, message: message.to_owned() });
        }
        self.definition.borrow_mut().nodes[self.node].parallelism = Some(tasks);
        self.clone()
    }

    /// What the last operation is thought to need, in per cent of a core. Recorded, not acted on.
    pub fn set_cpu_load(&self, percent: f64) -> Self {
        self.definition.borrow_mut().nodes[self.node].resources.cpu = Some(percent);
        self.clone()
    }

    /// What the last operation is thought to need, in megabytes. Recorded, not acted on.
    pub fn set_memory_load(&self, onheap_mb: f64) -> Self {
        self.definition.borrow_mut().nodes[self.node].resources.onheap_mb = Some(onheap_mb);
        self.clone()
    }

    /// The same with what it needs outside of a heap.
    pub fn set_memory_load_with_offheap(&self, onheap_mb: f64, offheap_mb: f64) -> Self {
        self.definition.borrow_mut().nodes[self.node].resources.offheap_mb = Some(offheap_mb);
        self.set_memory_load(onheap_mb)
    }

    /// Notes a mistake. What follows it is checked no further.
    pub(super) fn fail(&self, error: TridentError) -> Self {
        self.definition.borrow_mut().errors.push(error);
        self.clone()
    }

    pub(super) fn or_fail(&self, stream: Result<Self, TridentError>) -> Self {
        stream.unwrap_or_else(|error| self.fail(error))
    }

    /// An operation behind this stream.
    pub(super) fn then(
        &self,
        fields: Fields,
        committer: bool,
        make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static,
    ) -> Self {
        self.after(vec![self.node], fields, committer, make)
    }

    /// An operation behind some streams.
    pub(super) fn after(
        &self,
        inputs: Vec<NodeId>,
        fields: Fields,
        committer: bool,
        make: impl Fn() -> Box<dyn Processor> + Send + Sync + 'static,
    ) -> Self {
        let kind = NodeKind::Processor(ProcessorNode { make: Arc::new(make), committer });
        let node = self.definition.borrow_mut().add(self.name.clone(), fields, inputs, kind);
        Self { definition: Rc::clone(&self.definition), node, name: self.name.clone() }
    }

    /// Checks that the stream has some fields.
    pub(super) fn check(
        &self,
        operation: &'static str,
        fields: impl IntoFields,
    ) -> Result<Fields, TridentError> {
        let fields = fields.into_fields()?;
        TridentError::check(operation, &fields, &self.output_fields())?;
        Ok(fields)
    }

    /// Appends what a function emits to each tuple: a copy of the tuple for each emission. The function
    /// sees the fields of `input` only, and emits values of the fields of `output`.
    pub fn each<F>(&self, input: impl IntoFields, function: F, output: impl IntoFields) -> Self
    where
        F: Function + Clone + Send,
    {
        let each = || {
            let input = Input::new("each", &self.output_fields(), &input.into_fields()?)?;
            let before = TupleFactory::fresh(self.output_fields());
            let output = TupleFactory::append(&before, &output.into_fields()?)?;
            let function: Prototype<dyn Function> =
                Prototype::cloned(function, |one| Box::new(one) as Box<dyn Function>);
            Ok(self.then(output.fields().clone(), false, move || {
                let (input, output) = (input.clone(), output.clone());
                Box::new(EachProcessor { function: function.make(), input, output })
            }))
        };
        self.or_fail(each())
    }

    /// Keeps the tuples that a filter keeps, which sees the fields of `input` only. Storm's `filter`, and
    /// `each` with a filter.
    pub fn filter<F>(&self, input: impl IntoFields, filter: F) -> Self
    where
        F: Filter + Clone + Send,
    {
        let filtered = || {
            let fields = self.output_fields();
            let input = Input::new("filter", &fields, &input.into_fields()?)?;
            let filter: Prototype<dyn Filter> =
                Prototype::cloned(filter, |one| Box::new(one) as Box<dyn Filter>);
            Ok(self.then(fields, false, move || {
                Box::new(FilterProcessor { filter: filter.make(), input: input.clone() })
            }))
        };
        self.or_fail(filtered())
    }

    /// Keeps some fields of each tuple, in the order given.
    pub fn project(&self, kept: impl IntoFields) -> Self {
        let projected = || {
            let kept = kept.into_fields()?;
            let factory = TupleFactory::projection("project", &self.output_fields(), &kept)?;
            Ok(self.then(kept, false, move || Box::new(ForwardProcessor(vec![factory.clone()]))))
        };
        self.or_fail(projected())
    }

    /// Groups tuples by some fields, for what follows: aggregations, states and queries by group.
    pub fn group_by(&self, fields: impl IntoFields) -> GroupedStream {
        match self.check("group_by", fields) {
            Ok(fields) => GroupedStream { stream: self.clone(), fields },
            Err(error) => GroupedStream { stream: self.fail(error), fields: Fields::none() },
        }
    }
}
