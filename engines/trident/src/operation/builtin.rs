//! Operations that every topology needs.

use super::{
    Aggregator, CombinerAggregator, Filter, Function, TridentCollector, TridentOperationContext,
};
use crate::batch::BatchId;
use crate::tuple::TridentTuple;
use weir_topology::{ComponentError, ComponentResult, Value, values};

/// Counts tuples. Storm's `Count`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count;

impl CombinerAggregator for Count {
    fn init(&mut self, _tuple: &TridentTuple) -> Result<Value, ComponentError> {
        Ok(1.into())
    }
    fn combine(&mut self, one: &Value, other: &Value) -> Result<Value, ComponentError> {
        add(one, other)
    }
    fn zero(&mut self) -> Value {
        0.into()
    }
}

/// Adds up the first value of tuples; whole numbers and others. Storm's `Sum`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum;

impl CombinerAggregator for Sum {
    fn init(&mut self, tuple: &TridentTuple) -> Result<Value, ComponentError> {
        Ok(tuple.get(0)?.clone())
    }
    fn combine(&mut self, one: &Value, other: &Value) -> Result<Value, ComponentError> {
        add(one, other)
    }
    fn zero(&mut self) -> Value {
        0.into()
    }
}

fn add(one: &Value, other: &Value) -> Result<Value, ComponentError> {
    match (one, other) {
        // Like Java's `long`.
        (Value::Int(one), Value::Int(other)) => Ok(one.wrapping_add(*other).into()),
        _ => match (one.as_float(), other.as_float()) {
            (Some(one), Some(other)) => Ok((one + other).into()),
            _ => Err(ComponentError::fatal(format!("{one} and {other} cannot be added up"))),
        },
    }
}

/// Counts the tuples of a batch as an aggregator, also those of an empty one. Storm's
/// `CountAsAggregator` of its tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountAsAggregator;

impl Aggregator for CountAsAggregator {
    type State = i64;
    fn init(
        &mut self,
        _batch: BatchId,
        _collector: &mut TridentCollector<'_>,
    ) -> Result<i64, ComponentError> {
        Ok(0)
    }
    fn aggregate(
        &mut self,
        state: &mut i64,
        _tuple: &TridentTuple,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        *state += 1;
        Ok(())
    }
    fn complete(&mut self, state: i64, collector: &mut TridentCollector<'_>) -> ComponentResult {
        collector.emit(values![state]);
        Ok(())
    }
}

/// Lets go of tuples that have a [`Value::Null`]. Storm's `FilterNull`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilterNull;

impl Filter for FilterNull {
    fn is_keep(&mut self, tuple: &TridentTuple) -> Result<bool, ComponentError> {
        Ok(!tuple.values().iter().any(Value::is_null))
    }
}

/// Keeps what another filter lets go. Storm's `Negate`.
#[derive(Clone, Debug, Default)]
pub struct Negate<F>(pub F);

impl<F: Filter> Filter for Negate<F> {
    fn prepare(&mut self, context: &TridentOperationContext) -> ComponentResult {
        self.0.prepare(context)
    }
    fn is_keep(&mut self, tuple: &TridentTuple) -> Result<bool, ComponentError> {
        Ok(!self.0.is_keep(tuple)?)
    }
    fn cleanup(&mut self) {
        self.0.cleanup();
    }
}

/// Splits a text at spaces, into words that are not empty. Storm's `Split` of its tests and examples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Split;

impl Function for Split {
    fn execute(
        &mut self,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        for word in tuple.text(0)?.split(' ').filter(|word| !word.is_empty()) {
            collector.emit(values![word]);
        }
        Ok(())
    }
}

/// Writes every tuple to the log of [`TridentCollector::report_error`]'s kind: a line per tuple, for
/// whoever looks for a mistake. Storm's `Debug`, which writes to the standard output.
#[derive(Clone, Debug, Default)]
pub struct Debug {
    name: String,
}

impl Debug {
    /// Lines that begin with a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

impl Function for Debug {
    fn execute(
        &mut self,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        collector.report_error(&format!("DEBUG({}): {tuple}", self.name));
        collector.emit(weir_topology::Values::none());
        Ok(())
    }
}

/// The first tuples of a batch, in the order in which they come. Storm's `FirstN` without a sort
/// field.
#[derive(Clone, Copy, Debug)]
pub struct FirstN(pub usize);

impl Aggregator for FirstN {
    type State = usize;
    fn init(
        &mut self,
        _batch: BatchId,
        _collector: &mut TridentCollector<'_>,
    ) -> Result<usize, ComponentError> {
        Ok(0)
    }
    fn aggregate(
        &mut self,
        state: &mut usize,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        if *state < self.0 {
            *state += 1;
            collector.emit(tuple.to_values());
        }
        Ok(())
    }
    fn complete(
        &mut self,
        _state: usize,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        Ok(())
    }
}
