//! Operations that put other tuples in the place of each.

use super::Stream;
use crate::TridentError;
use crate::operation::Prototype;
use crate::processor::{MapProcessor, Mapping};
use crate::tuple::{TridentTuple, TupleFactory};
use weir_topology::{ComponentError, ComponentResult, Fields, IntoFields, Values};

impl Stream {
    fn mapping(&self, fields: Result<Fields, TridentError>, mapping: Prototype<Mapping>) -> Self {
        let mapped = fields.map(|fields| {
            let output = TupleFactory::fresh(fields.clone());
            self.then(fields, false, move || {
                Box::new(MapProcessor { mapping: mapping.make(), output: output.clone() })
            })
        });
        self.or_fail(mapped)
    }

    /// Puts other values in the place of those of each tuple, under the same names.
    pub fn map<F>(&self, map: F) -> Self
    where
        F: FnMut(&TridentTuple) -> Result<Values, ComponentError> + Clone + Send + 'static,
    {
        self.map_to(map, self.output_fields())
    }

    /// Puts other values in the place of those of each tuple, under other names. Storm's `map` with output
    /// fields.
    pub fn map_to<F>(&self, map: F, output: impl IntoFields) -> Self
    where
        F: FnMut(&TridentTuple) -> Result<Values, ComponentError> + Clone + Send + 'static,
    {
        let mapping = Prototype::cloned(map, |mut map| -> Box<Mapping> {
            Box::new(move |tuple, emit| {
                emit(map(tuple)?);
                Ok(())
            })
        });
        self.mapping(output.into_fields().map_err(Into::into), mapping)
    }

    /// Puts any number of tuples in the place of each, with values under the same names.
    pub fn flat_map<F, I>(&self, map: F) -> Self
    where
        F: FnMut(&TridentTuple) -> Result<I, ComponentError> + Clone + Send + 'static,
        I: IntoIterator<Item = Values>,
    {
        self.flat_map_to(map, self.output_fields())
    }

    /// Puts any number of tuples in the place of each, with values under other names. Storm's `flatMap`
    /// with output fields.
    pub fn flat_map_to<F, I>(&self, map: F, output: impl IntoFields) -> Self
    where
        F: FnMut(&TridentTuple) -> Result<I, ComponentError> + Clone + Send + 'static,
        I: IntoIterator<Item = Values>,
    {
        let mapping = Prototype::cloned(map, |mut map| -> Box<Mapping> {
            Box::new(move |tuple, emit| {
                map(tuple)?.into_iter().for_each(emit);
                Ok(())
            })
        });
        self.mapping(output.into_fields().map_err(Into::into), mapping)
    }

    /// Looks at each tuple and hands it on as it is.
    pub fn peek<F>(&self, look: F) -> Self
    where
        F: FnMut(&TridentTuple) -> ComponentResult + Clone + Send + 'static,
    {
        let mapping = Prototype::cloned(look, |mut look| -> Box<Mapping> {
            Box::new(move |tuple, emit| {
                look(tuple)?;
                emit(tuple.to_values());
                Ok(())
            })
        });
        self.mapping(Ok(self.output_fields()), mapping)
    }
}
