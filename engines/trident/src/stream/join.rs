//! Operations over several streams.

use super::{Stream, TridentTopology};
use crate::TridentError;
use crate::operation::{MultiReducer, Prototype};
use crate::plan::{JoinType, Joiner};
use crate::processor::{AnyMultiReducer, ForwardProcessor, MultiProcessor};
use crate::tuple::TupleFactory;
use std::rc::Rc;
use weir_topology::{Fields, IntoFields};

fn mismatch(operation: &'static str, message: impl Into<String>) -> TridentError {
    TridentError::Mismatch { operation, message: message.into() }
}

impl TridentTopology {
    /// The tuples of several streams in one, under the names of the first stream's fields. All must have
    /// as many fields.
    pub fn merge(&self, streams: &[&Stream]) -> Stream {
        if let Err(error) = self.own("merge", streams) {
            return self.nothing(error);
        }
        let Some(first) = streams.first() else {
            return self.nothing(mismatch("merge", "give it at least one stream"));
        };
        let fields = first.output_fields();
        let mut forward = Vec::new();
        for stream in streams {
            let other = stream.output_fields();
            if other.len() != fields.len() {
                let message = format!("{other} cannot take the names {fields}: project it first");
                return first.fail(mismatch("merge", message));
            }
            match TupleFactory::projection("merge", &other, &other) {
                Ok(same) => forward.push(same.renamed(fields.clone())),
                Err(error) => return first.fail(error),
            }
        }
        let nodes = streams.iter().map(|stream| stream.node).collect();
        first.after(nodes, fields, false, move || Box::new(ForwardProcessor(forward.clone())))
    }

    /// Joins two streams on equal values of their key fields, within each batch. What comes out has the key
    /// fields and then the other fields of each stream, under the names of `output`.
    pub fn join(
        &self,
        left: (&Stream, impl IntoFields),
        right: (&Stream, impl IntoFields),
        output: impl IntoFields,
    ) -> Stream {
        self.join_with(
            (left.0, left.1, JoinType::Inner),
            (right.0, right.1, JoinType::Inner),
            output,
        )
    }

    /// The same; a stream that is [`JoinType::Outer`] may have no tuple with a key that the other has.
    pub fn join_with(
        &self,
        (left, left_on, left_join): (&Stream, impl IntoFields, JoinType),
        (right, right_on, right_join): (&Stream, impl IntoFields, JoinType),
        output: impl IntoFields,
    ) -> Stream {
        match (left_on.into_fields(), right_on.into_fields()) {
            (Ok(left_on), Ok(right_on)) => {
                self.join_all(&[(left, left_on, left_join), (right, right_on, right_join)], output)
            }
            (Err(error), _) | (_, Err(error)) => self.nothing(error.into()),
        }
    }

    /// Joins any number of streams.
    pub fn join_all(
        &self,
        streams: &[(&Stream, Fields, JoinType)],
        output: impl IntoFields,
    ) -> Stream {
        match self.joined(streams, output) {
            Ok(stream) => stream,
            Err(error) => self.nothing(error),
        }
    }

    fn joined(
        &self,
        streams: &[(&Stream, Fields, JoinType)],
        output: impl IntoFields,
    ) -> Result<Stream, TridentError> {
        let of: Vec<&Stream> = streams.iter().map(|(stream, ..)| *stream).collect();
        self.own("join", &of)?;
        let Some((first, on, _)) = streams.first() else {
            return Err(mismatch("join", "give it at least one stream"));
        };
        let output = output.into_fields()?;
        let (keys, mut sides, mut inputs, mut nodes) =
            (on.len(), Vec::new(), Vec::new(), Vec::new());
        for (stream, on, join) in streams {
            if on.len() != keys {
                return Err(mismatch("join", "give all streams as many key fields"));
            }
            let fields = stream.check("join", on)?;
            let all = stream.output_fields();
            let rest: Vec<&str> = all.iter().filter(|field| !fields.contains(field)).collect();
            let seen = Fields::new(fields.iter().chain(rest.iter().copied()))?;
            inputs.push(TupleFactory::projection("join", &all, &seen)?);
            sides.push((*join, rest.len()));
            nodes.push(stream.partition_by(on).node);
        }
        let values = keys + sides.iter().map(|(_, values)| values).sum::<usize>();
        if output.len() != values {
            let message = format!("the result has {values} values, but {output} are its fields");
            return Err(mismatch("join", message));
        }
        let joiner = Joiner { keys, sides };
        let factory = TupleFactory::fresh(output.clone());
        Ok(first.after(nodes, output, false, move || {
            let reducer = Box::new(joiner.clone());
            Box::new(MultiProcessor { reducer, inputs: inputs.clone(), output: factory.clone() })
        }))
    }

    /// Reduces the partitions of several streams, each batch by itself. The reducer sees some fields of each
    /// stream; what it emits has the fields of `output`. Streams are not repartitioned: a state of the
    /// reducer has what is in one task. Storm's `multiReduce`.
    pub fn multi_reduce<R>(
        &self,
        streams: &[(&Stream, Fields)],
        reducer: R,
        output: impl IntoFields,
    ) -> Stream
    where
        R: MultiReducer + Clone + Send,
    {
        let reduced = || {
            let of: Vec<&Stream> = streams.iter().map(|(stream, _)| *stream).collect();
            self.own("multi_reduce", &of)?;
            let first = of
                .first()
                .ok_or_else(|| mismatch("multi_reduce", "give it at least one stream"))?;
            let seen = |(stream, fields): &(&Stream, Fields)| {
                TupleFactory::projection("multi_reduce", &stream.output_fields(), fields)
            };
            let inputs = streams.iter().map(seen).collect::<Result<Vec<_>, _>>()?;
            let nodes = of.iter().map(|stream| stream.node).collect();
            let factory = TupleFactory::fresh(output.into_fields()?);
            let reducer: Prototype<dyn AnyMultiReducer> =
                Prototype::cloned(reducer, |one| Box::new(one) as Box<dyn AnyMultiReducer>);
            Ok(first.after(nodes, factory.fields().clone(), false, move || {
                let (inputs, output) = (inputs.clone(), factory.clone());
                Box::new(MultiProcessor { reducer: reducer.make(), inputs, output })
            }))
        };
        reduced().unwrap_or_else(|error| self.nothing(error))
    }

    fn own(&self, operation: &'static str, streams: &[&Stream]) -> Result<(), TridentError> {
        let own = |stream: &&Stream| Rc::ptr_eq(&stream.definition, self.definition());
        if streams.iter().all(own) { Ok(()) } else { Err(TridentError::Foreign { operation }) }
    }

    /// A stream in the place of one that cannot be.
    fn nothing(&self, error: TridentError) -> Stream {
        let definition = Rc::clone(self.definition());
        definition.borrow_mut().errors.push(error);
        let kind = crate::plan::NodeKind::State;
        let node = definition.borrow_mut().add(None, Fields::none(), Vec::new(), kind);
        Stream { definition, node, name: None }
    }
}
