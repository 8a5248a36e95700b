//! Operations that every topology needs.

use super::{
    Aggregator, CombinerAggregator, Filter, Function, TridentCollector, TridentOperationContext,
};
use crate::batch::BatchId;
use crate::tuple::TridentTuple;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Keeps every tuple and writes it down, a line each, for whoever looks for a mistake. Storm's `Debug`.
#[derive(Clone)]
pub struct Debug {
    name: String,
    to: Arc<Mutex<dyn Write + Send>>,
}

impl Debug {
    /// Writes lines that begin with a name to the standard error.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::to(name, std::io::stderr())
    }

    /// Writes lines that begin with a name somewhere.
    pub fn to(name: &str, to: impl Write + Send + 'static) -> Self {
        Self { name: name.to_owned(), to: Arc::new(Mutex::new(to)) }
    }
}

impl Default for Debug {
    fn default() -> Self {
        Self::named("")
    }
}

impl std::fmt::Debug for Debug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Debug").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Filter for Debug {
    fn is_keep(&mut self, tuple: &TridentTuple) -> Result<bool, ComponentError> {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever reads it may have gone: the tuples go on all the same.
        let _ = writeln!(to, "DEBUG({}): {tuple}", self.name);
        Ok(true)
    }
}

/// Keeps the tuples whose values are all equal. Storm's `Equals`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Equals;

impl Filter for Equals {
    fn is_keep(&mut self, tuple: &TridentTuple) -> Result<bool, ComponentError> {
        Ok(tuple.values().windows(2).all(|pair| pair[0] == pair[1]))
    }
}

/// The first tuples of a batch, in the order in which they come. Storm's `FirstN` without a sort
/// field; with one it is [`FirstNBy`].
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

/// The first tuples of a batch in the order of a field; of equal ones, those that came first. Storm's
/// `FirstN` with a sort field.
#[derive(Clone, Debug)]
pub struct FirstNBy {
    n: usize,
    field: String,
    reverse: bool,
}

impl FirstNBy {
    /// The `n` tuples with the least values of the field.
    #[must_use]
    pub fn new(n: usize, field: &str) -> Self {
        Self { n, field: field.to_owned(), reverse: false }
    }

    /// Those with the greatest, the greatest first.
    #[must_use]
    pub fn reverse(self) -> Self {
        Self { reverse: true, ..self }
    }
}

impl Aggregator for FirstNBy {
    type State = Vec<(Value, TridentTuple)>;
    fn init(
        &mut self,
        _batch: BatchId,
        _collector: &mut TridentCollector<'_>,
    ) -> Result<Self::State, ComponentError> {
        Ok(Vec::new())
    }
    fn aggregate(
        &mut self,
        state: &mut Self::State,
        tuple: &TridentTuple,
        _collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        state.push((tuple.get(&*self.field)?.clone(), tuple.clone()));
        Ok(())
    }
    fn complete(
        &mut self,
        mut state: Self::State,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        state.sort_by(
            |(one, _), (other, _)| {
                if self.reverse { other.cmp(one) } else { one.cmp(other) }
            },
        );
        state.iter().take(self.n).for_each(|(_, tuple)| collector.emit(tuple.to_values()));
        Ok(())
    }
}
