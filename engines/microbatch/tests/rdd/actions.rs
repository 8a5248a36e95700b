//! Actions against plain collections, on RDDs of every width, empty ones too.

use crate::{local, sorted};
use proptest::prelude::*;
use std::collections::HashMap;
use weir_dataflow::FastState;
use weir_microbatch::{JobError, Rdd, SparkContext};

fn counted<T: Clone + std::hash::Hash + Eq>(data: &[T]) -> HashMap<T, u64, FastState> {
    data.iter().fold(HashMap::default(), |mut counts, value| {
        *counts.entry(value.clone()).or_default() += 1;
        counts
    })
}

fn of(sc: &SparkContext, data: &[i32], slices: usize) -> Rdd<i32> {
    sc.parallelize(data.to_vec(), slices).expect("slices")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn like_a_vector(
        data in prop::collection::vec(-50i32..50, 0..80),
        slices in 1usize..40,
        count in 0usize..90,
    ) {
        let sc = local(2);
        let rdd = of(&sc, &data, slices);
        let mut order = data.clone();
        order.sort_unstable();
        let sum: i64 = data.iter().map(|&x| i64::from(x)).sum();
        let none = || JobError::EmptyCollection;
        prop_assert_eq!(rdd.count(), Ok(data.len() as u64));
        prop_assert_eq!(rdd.is_empty(), Ok(data.is_empty()));
        prop_assert_eq!(rdd.min(), order.first().copied().ok_or(none()));
        prop_assert_eq!(rdd.max(), order.last().copied().ok_or(none()));
        prop_assert_eq!(rdd.first(), data.first().copied().ok_or(none()));
        prop_assert_eq!(rdd.take(count), Ok(data.iter().copied().take(count).collect()));
        let least: Vec<i32> = order.iter().copied().take(count).collect();
        prop_assert_eq!(rdd.take_ordered(count), Ok(least));
        let greatest: Vec<i32> = order.iter().rev().copied().take(count).collect();
        prop_assert_eq!(rdd.top(count), Ok(greatest));
        prop_assert_eq!(rdd.count_by_value(), Ok(counted(&data)));
        let add = |sum: i64, x: i32| sum + i64::from(x);
        prop_assert_eq!(rdd.aggregate(0, add, |a, b| a + b), Ok(sum));
        for depth in 1..4 {
            prop_assert_eq!(rdd.tree_aggregate(0, add, |a, b| a + b, depth), Ok(sum));
            let wide = rdd.map(i64::from).tree_reduce(|a, b| a + b, depth);
            prop_assert_eq!(wide, if data.is_empty() { Err(none()) } else { Ok(sum) });
        }
        let pairs = rdd.map(|x| (x % 5, x));
        let model: Vec<(i32, i32)> = data.iter().map(|x| (x % 5, *x)).collect();
        prop_assert_eq!(pairs.collect_as_map(), Ok(model.iter().copied().collect()));
        let keys: Vec<i32> = model.iter().map(|pair| pair.0).collect();
        prop_assert_eq!(pairs.count_by_key(), Ok(counted(&keys)));
        let two: Vec<i32> = data.iter().copied().filter(|x| x % 5 == 2).collect();
        prop_assert_eq!(pairs.lookup(&2), Ok(two.clone()));
        prop_assert_eq!(pairs.partition_by(3).lookup(&2), Ok(two));
    }
}

#[test]
fn zeros_are_used_once_per_partition_and_once_more() {
    let sc = local(2);
    for slices in [1, 2, 4] {
        let rdd = of(&sc, &[1, 2, 3, 4], slices);
        let expected = 10 + 100 * (slices as i32 + 1);
        assert_eq!(rdd.fold(100, |a, b| a + b), Ok(expected));
        assert_eq!(rdd.aggregate(100, |a, b| a + b, |a, b| a + b), Ok(expected));
    }
}

#[test]
fn a_lookup_of_a_partitioned_rdd_runs_one_task() {
    let sc = local(2);
    let pairs = of(&sc, &(0..100).collect::<Vec<_>>(), 4).map(|x| (x, x)).partition_by(8);
    assert_eq!(sorted(&pairs).len(), 100);
    let before = sc.metrics().tasks();
    assert_eq!(pairs.lookup(&42), Ok(vec![42]));
    assert_eq!(sc.metrics().tasks() - before, 1);
}
