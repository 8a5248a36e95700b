//! What makes one value of many.

use super::item::Datum;
use crate::Value;
use std::marker::PhantomData;

/// Makes one value of many, of parts of them if need be. Storm's `CombinerAggregator`.
///
/// It must not matter how the values are cut into parts: `merge(a, b)` is what `apply` makes of the
/// values of both.
pub trait Aggregator<T>: Send + Sync + 'static {
    /// What is known of the values so far. It may travel from task to task.
    type State: Datum;
    /// What comes of it.
    type Output: Datum;

    /// Of no values.
    fn init(&self) -> Self::State;

    /// Of one value more.
    fn apply(&self, state: Self::State, value: T) -> Self::State;

    /// Of the values of both.
    fn merge(&self, one: Self::State, other: Self::State) -> Self::State;

    /// What comes of the values so far.
    fn result(&self, state: &Self::State) -> Self::Output;
}

/// How many values there are. Storm's `Count`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountItems;

impl<T> Aggregator<T> for CountItems {
    type State = i64;
    type Output = i64;

    fn init(&self) -> i64 {
        0
    }
    fn apply(&self, state: i64, _: T) -> i64 {
        state + 1
    }
    fn merge(&self, one: i64, other: i64) -> i64 {
        one + other
    }
    fn result(&self, state: &i64) -> i64 {
        *state
    }
}

/// The sum of numbers; whole ones wrap around as in Java. Storm's `Sum` and `LongSum`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum;

impl Aggregator<i64> for Sum {
    type State = i64;
    type Output = i64;

    fn init(&self) -> i64 {
        0
    }
    fn apply(&self, state: i64, value: i64) -> i64 {
        state.wrapping_add(value)
    }
    fn merge(&self, one: i64, other: i64) -> i64 {
        one.wrapping_add(other)
    }
    fn result(&self, state: &i64) -> i64 {
        *state
    }
}

impl Aggregator<f64> for Sum {
    type State = f64;
    type Output = f64;

    fn init(&self) -> f64 {
        0.0
    }
    fn apply(&self, state: f64, value: f64) -> f64 {
        state + value
    }
    fn merge(&self, one: f64, other: f64) -> f64 {
        one + other
    }
    fn result(&self, state: &f64) -> f64 {
        *state
    }
}

/// All values, in order of arrival.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Collect;

impl<T: Datum + Clone> Aggregator<T> for Collect {
    type State = Vec<T>;
    type Output = Vec<T>;

    fn init(&self) -> Vec<T> {
        Vec::new()
    }
    fn apply(&self, mut state: Vec<T>, value: T) -> Vec<T> {
        state.push(value);
        state
    }
    fn merge(&self, mut one: Vec<T>, other: Vec<T>) -> Vec<T> {
        one.extend(other);
        one
    }
    fn result(&self, state: &Vec<T>) -> Vec<T> {
        state.clone()
    }
}

/// Makes one value of every two, by a function.
pub(super) struct Reduce<T, F> {
    reduce: F,
    of: PhantomData<fn() -> T>,
}

impl<T, F: Fn(T, T) -> T> Reduce<T, F> {
    pub(super) const fn new(reduce: F) -> Self {
        Self { reduce, of: PhantomData }
    }

    fn both(&self, one: Option<T>, other: Option<T>) -> Option<T> {
        match (one, other) {
            (Some(one), Some(other)) => Some((self.reduce)(one, other)),
            (one, other) => one.or(other),
        }
    }
}

/// What values were reduced to. As a value of a tuple it is that value: nothing is sent before there
/// is one.
pub(super) struct Reduced<T>(Option<T>);

impl<T: Datum> Datum for Reduced<T> {
    fn into_value(self) -> Value {
        self.0.map_or(Value::Null, T::into_value)
    }
    fn from_value(value: Value) -> Option<Self> {
        T::from_value(value).map(|value| Self(Some(value)))
    }
}

impl<T, F> Aggregator<T> for Reduce<T, F>
where
    T: Datum + Clone,
    F: Fn(T, T) -> T + Send + Sync + 'static,
{
    type State = Reduced<T>;
    type Output = Reduced<T>;

    fn init(&self) -> Reduced<T> {
        Reduced(None)
    }
    fn apply(&self, state: Reduced<T>, value: T) -> Reduced<T> {
        Reduced(self.both(state.0, Some(value)))
    }
    fn merge(&self, one: Reduced<T>, other: Reduced<T>) -> Reduced<T> {
        Reduced(self.both(one.0, other.0))
    }
    fn result(&self, state: &Reduced<T>) -> Reduced<T> {
        Reduced(state.0.clone())
    }
}
