//! Narrow operators: one record in, any number out, no state shared between records of different
//! partitions.

use crate::Data;
use std::marker::PhantomData;

/// Where an operator puts its output. Any `FnMut(T)` is one, so that chains inline to plain loops.
pub trait Emit<T> {
    /// Takes one output value.
    fn emit(&mut self, value: T);
}

impl<T, F: FnMut(T)> Emit<T> for F {
    #[inline(always)]
    fn emit(&mut self, value: T) {
        self(value);
    }
}

/// A narrow operator. It is cloned once per task, so it may keep scratch space, but its output must
/// depend on its input alone.
pub trait Transform: Clone + Send + Sync + 'static {
    /// What it takes.
    type In: Data;
    /// What it emits.
    type Out: Data;
    /// Handles one record. The operator may borrow from `input` while it emits; nothing needs to be
    /// collected into a `Vec` first.
    fn apply(&mut self, input: Self::In, out: &mut impl Emit<Self::Out>);

    /// The operator's name in plans.
    fn label(&self) -> String {
        short_type_name::<Self>()
    }
}

/// `crate::module::Name<crate::T>` as `Name`.
pub(crate) fn short_type_name<T>() -> String {
    let full = std::any::type_name::<T>();
    let head = full.split('<').next().unwrap_or(full);
    head.rsplit("::").next().unwrap_or(head).to_owned()
}

/// Passes records through: the empty chain.
pub struct Identity<T>(PhantomData<fn(T) -> T>);

impl<T> Identity<T> {
    /// The empty chain.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Identity<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Identity<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T: Data> Transform for Identity<T> {
    type In = T;
    type Out = T;
    #[inline(always)]
    fn apply(&mut self, input: T, out: &mut impl Emit<T>) {
        out.emit(input);
    }
    fn label(&self) -> String {
        String::new()
    }
}

/// Two operators run back to back in one loop. Engines that fuse build their stages from it.
#[derive(Clone, Debug)]
pub struct Chain<F, G>(pub F, pub G);

impl<F: Transform, G: Transform<In = F::Out>> Transform for Chain<F, G> {
    type In = F::In;
    type Out = G::Out;
    #[inline(always)]
    fn apply(&mut self, input: F::In, out: &mut impl Emit<G::Out>) {
        let Self(first, second) = self;
        first.apply(input, &mut |value| second.apply(value, out));
    }
    fn label(&self) -> String {
        match (self.0.label(), self.1.label()) {
            (a, b) if a.is_empty() => b,
            (a, b) if b.is_empty() => a,
            (a, b) => format!("{a} · {b}"),
        }
    }
}

/// Every record through a function. Made by [`Flow::map`](crate::Flow::map).
pub struct Map<F, I, O>(F, PhantomData<fn(I) -> O>);
/// The records that a predicate accepts. Made by [`Flow::filter`](crate::Flow::filter).
pub struct Filter<F, I>(F, PhantomData<fn(I)>);
/// Every record into any number. Made by [`Flow::flat_map`](crate::Flow::flat_map).
pub struct FlatMap<F, I, O>(F, PhantomData<fn(I) -> O>);

impl<F, I, O> Map<F, I, O> {
    /// Wraps `f`.
    pub const fn new(f: F) -> Self {
        Self(f, PhantomData)
    }
}
impl<F, I> Filter<F, I> {
    /// Wraps `f`.
    pub const fn new(f: F) -> Self {
        Self(f, PhantomData)
    }
}
impl<F, I, O> FlatMap<F, I, O> {
    /// Wraps `f`.
    pub const fn new(f: F) -> Self {
        Self(f, PhantomData)
    }
}

impl<F: Clone, I, O> Clone for Map<F, I, O> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}
impl<F: Clone, I> Clone for Filter<F, I> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}
impl<F: Clone, I, O> Clone for FlatMap<F, I, O> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<I: Data, O: Data, F: Fn(I) -> O + Clone + Send + Sync + 'static> Transform for Map<F, I, O> {
    type In = I;
    type Out = O;
    #[inline(always)]
    fn apply(&mut self, input: I, out: &mut impl Emit<O>) {
        out.emit((self.0)(input));
    }
    fn label(&self) -> String {
        "map".into()
    }
}

impl<I: Data, F: Fn(&I) -> bool + Clone + Send + Sync + 'static> Transform for Filter<F, I> {
    type In = I;
    type Out = I;
    #[inline(always)]
    fn apply(&mut self, input: I, out: &mut impl Emit<I>) {
        if (self.0)(&input) {
            out.emit(input);
        }
    }
    fn label(&self) -> String {
        "filter".into()
    }
}

impl<I: Data, O: Data, It, F> Transform for FlatMap<F, I, O>
where
    It: IntoIterator<Item = O>,
    F: Fn(I) -> It + Clone + Send + Sync + 'static,
{
    type In = I;
    type Out = O;
    #[inline(always)]
    fn apply(&mut self, input: I, out: &mut impl Emit<O>) {
        for value in (self.0)(input) {
            out.emit(value);
        }
    }
    fn label(&self) -> String {
        "flat_map".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T: Transform>(mut t: T, input: impl IntoIterator<Item = T::In>) -> Vec<T::Out> {
        let mut out = Vec::new();
        for x in input {
            t.apply(x, &mut |y| out.push(y));
        }
        out
    }

    #[test]
    fn chains_apply_in_order_and_fan_out() {
        let double = FlatMap::new(|x: u32| [x, x * 10]);
        let odd = Filter::new(|x: &u32| x % 2 == 1);
        let plus = Map::new(|x: u32| u64::from(x) + 1);
        assert_eq!(run(Chain(Chain(double, odd), plus), 1..=4), vec![2u64, 4]);
        assert_eq!(run(Identity::new(), [7u8, 8]), vec![7, 8]);
    }

    #[test]
    fn labels_skip_the_empty_chain() {
        let chain = Chain(Identity::<u32>::new(), Map::new(|x: u32| x));
        assert_eq!(chain.label(), "map");
    }
}
