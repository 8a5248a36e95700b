//! The three kinds of aggregation under one name.

use super::{
    Aggregator, AnyAggregator, CombinerAggregator, Combining, Prototype, ReducerAggregator,
    Reducing,
};

type Made = Box<dyn AnyAggregator>;

/// An aggregation of some kind.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Combiner(Prototype<dyn CombinerAggregator>),
    Reducer(Prototype<dyn ReducerAggregator>),
    Aggregator(Prototype<dyn AnyAggregator>),
}

impl Kind {
    /// As an aggregator over the tuples themselves.
    pub(crate) fn whole(&self) -> Prototype<dyn AnyAggregator> {
        match self.clone() {
            Self::Combiner(combiner) => Prototype::new(move || -> Made {
                Box::new(Combining { combiner: combiner.make(), combined: false })
            }),
            Self::Reducer(reducer) => {
                Prototype::new(move || -> Made { Box::new(Reducing(reducer.make())) })
            }
            Self::Aggregator(aggregator) => aggregator,
        }
    }

    /// As an aggregator over what [`whole`](Self::whole) has made of each partition, if it can be.
    pub(crate) fn rest(&self) -> Option<Prototype<dyn AnyAggregator>> {
        let Self::Combiner(combiner) = self.clone() else { return None };
        Some(Prototype::new(move || -> Made {
            Box::new(Combining { combiner: combiner.make(), combined: true })
        }))
    }
}

mod sealed {
    pub trait Sealed<K> {}
}

/// Any aggregation: a [`CombinerAggregator`], a [`ReducerAggregator`] or an [`Aggregator`]. `K` says
/// which and is found by the compiler.
pub trait Aggregation<K>: sealed::Sealed<K> {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed: only this crate implements and calls it")]
    fn into_kind(self) -> Kind;
}

/// An aggregation whose result can be kept as state: a [`CombinerAggregator`] or a
/// [`ReducerAggregator`].
pub trait PersistentAggregation<K>: Aggregation<K> {}

/// Marks combiners.
#[derive(Debug)]
pub enum ByCombiner {}
/// Marks reducers.
#[derive(Debug)]
pub enum ByReducer {}
/// Marks aggregators.
#[derive(Debug)]
pub enum ByAggregator {}

macro_rules! kinds {
    ($($by:ident $bound:ident $kind:ident $any:ident;)*) => {$(
        impl<A: $bound + Clone + Send> sealed::Sealed<$by> for A {}
        impl<A: $bound + Clone + Send> Aggregation<$by> for A {
            #[expect(private_interfaces, reason = "sealed: only this crate implements and calls it")]
            fn into_kind(self) -> Kind {
                Kind::$kind(Prototype::cloned(self, |one| Box::new(one) as Box<dyn $any>))
            }
        }
    )*};
}
kinds! {
    ByCombiner CombinerAggregator Combiner CombinerAggregator;
    ByReducer ReducerAggregator Reducer ReducerAggregator;
    ByAggregator Aggregator Aggregator AnyAggregator;
}
impl<A: Aggregation<ByCombiner>> PersistentAggregation<ByCombiner> for A {}
impl<A: Aggregation<ByReducer>> PersistentAggregation<ByReducer> for A {}
