//! Operations on single tuples, and those that only hand tuples on.

use super::{Appending, Input, Out, Processor, Setup};
use crate::batch::BatchId;
use crate::operation::{AnyState, Filter, Function, TridentCollector};
use crate::tuple::{TridentTuple, TupleFactory};
use weir_topology::{ComponentError, ComponentResult, Values};

/// What an operation keeps that keeps nothing.
fn nothing() -> AnyState {
    Box::new(())
}

macro_rules! stateless {
    () => {
        fn start_batch(
            &mut self,
            _batch: BatchId,
            _out: &mut Out<'_>,
        ) -> Result<AnyState, ComponentError> {
            Ok(nothing())
        }

        fn finish_batch(
            &mut self,
            _batch: BatchId,
            _state: AnyState,
            _out: &mut Out<'_>,
        ) -> ComponentResult {
            Ok(())
        }
    };
}

/// Appends what a function emits. Storm's `EachProcessor`.
pub(crate) struct EachProcessor {
    pub(crate) function: Box<dyn Function>,
    pub(crate) input: Input,
    pub(crate) output: TupleFactory,
}

impl Processor for EachProcessor {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        self.function.prepare(setup.context)
    }

    stateless!();

    fn execute(
        &mut self,
        _state: &mut AnyState,
        _from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let mut sink = Appending { factory: &self.output, parent: Some(tuple), out };
        self.function.execute(&self.input.view(tuple), &mut TridentCollector::new(&mut sink))
    }

    fn cleanup(&mut self) {
        self.function.cleanup();
    }
}

/// Hands on what a filter keeps.
pub(crate) struct FilterProcessor {
    pub(crate) filter: Box<dyn Filter>,
    pub(crate) input: Input,
}

impl Processor for FilterProcessor {
    fn prepare(&mut self, setup: &Setup<'_>) -> ComponentResult {
        self.filter.prepare(setup.context)
    }

    stateless!();

    fn execute(
        &mut self,
        _state: &mut AnyState,
        _from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        if self.filter.is_keep(&self.input.view(tuple))? {
            out.send(tuple);
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        self.filter.cleanup();
    }
}

/// What a [`MapProcessor`] makes of a tuple: any number of others.
pub(crate) type Mapping =
    dyn FnMut(&TridentTuple, &mut dyn FnMut(Values)) -> ComponentResult + 'static;

/// Puts other tuples in the place of one. Storm's `MapProcessor`.
pub(crate) struct MapProcessor {
    pub(crate) mapping: Box<Mapping>,
    pub(crate) output: TupleFactory,
}

impl Processor for MapProcessor {
    fn prepare(&mut self, _setup: &Setup<'_>) -> ComponentResult {
        Ok(())
    }

    stateless!();

    fn execute(
        &mut self,
        _state: &mut AnyState,
        _from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        let output = &self.output;
        (self.mapping)(tuple, &mut |values| match output.check(0, values.len()) {
            Ok(()) => out.send(&output.of(values.iter().cloned())),
            Err(error) => out.fail(error),
        })
    }
}

/// Hands tuples on, with some of their fields only or under other names. Storm's `ProjectedProcessor`.
pub(crate) struct ForwardProcessor(pub(crate) Vec<TupleFactory>);

impl Processor for ForwardProcessor {
    fn prepare(&mut self, _setup: &Setup<'_>) -> ComponentResult {
        Ok(())
    }

    stateless!();

    fn execute(
        &mut self,
        _state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        out: &mut Out<'_>,
    ) -> ComponentResult {
        out.send(&self.0[from].projected(tuple));
        Ok(())
    }
}
