//! What an operation sees of a tuple, and what becomes of what it emits.

use super::Out;
use crate::TridentError;
use crate::operation::Sink;
use crate::tuple::{TridentTuple, TupleFactory};
use std::borrow::Cow;
use weir_topology::{Fields, Values};

/// The fields of a tuple that an operation wants to see.
#[derive(Clone, Debug)]
pub(crate) struct Input(Option<TupleFactory>);

impl Input {
    pub(crate) fn new(
        operation: &'static str,
        of: &Fields,
        wanted: &Fields,
    ) -> Result<Self, TridentError> {
        let projection = TupleFactory::projection(operation, of, wanted)?;
        Ok(Self((of != wanted).then_some(projection)))
    }

    pub(crate) fn view<'t>(&self, tuple: &'t TridentTuple) -> Cow<'t, TridentTuple> {
        match &self.0 {
            None => Cow::Borrowed(tuple),
            Some(projection) => Cow::Owned(projection.projected(tuple)),
        }
    }
}

/// Appends what an operation emits to a tuple; to none, if the emission stands for itself.
pub(crate) struct Appending<'a, 'o> {
    pub(crate) factory: &'a TupleFactory,
    pub(crate) parent: Option<&'a TridentTuple>,
    pub(crate) out: &'a mut Out<'o>,
}

impl Sink for Appending<'_, '_> {
    fn emit(&mut self, values: Values) {
        let before = self.parent.map_or(0, TridentTuple::len);
        if let Err(error) = self.factory.check(before, values.len()) {
            return self.out.fail(error);
        }
        let values = values.iter().cloned();
        let tuple = match self.parent {
            Some(parent) => self.factory.appended(parent, values),
            None => self.factory.of(values),
        };
        self.out.send(&tuple);
    }

    fn report_error(&mut self, message: &str) {
        self.out.report_error(message);
    }
}
