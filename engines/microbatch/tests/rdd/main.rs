//! RDDs against what plain collections say.

mod actions;
mod basics;
mod conf;
mod files;
mod keyed;
mod operators;
mod retry;
mod shared_variables;
mod storage;

use weir_microbatch::{Rdd, SparkContext};

pub(crate) fn local(workers: usize) -> SparkContext {
    SparkContext::local(workers).expect("a context")
}

pub(crate) fn numbers(sc: &SparkContext, upto: u32, slices: usize) -> Rdd<u32> {
    sc.parallelize((0..upto).collect(), slices).expect("at least one slice")
}

pub(crate) fn sorted<T: Ord + Clone + Send + Sync + 'static>(rdd: &Rdd<T>) -> Vec<T> {
    let mut rows = rdd.collect().expect("a job");
    rows.sort();
    rows
}

/// Runs `check` for every number of workers and partitions.
pub(crate) fn everywhere(check: impl Fn(&SparkContext, usize)) {
    for workers in [1, 2, 4] {
        let sc = local(workers);
        for slices in [1, 2, 3, 8, 40] {
            check(&sc, slices);
        }
    }
}
