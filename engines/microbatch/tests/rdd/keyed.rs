//! Keyed operators: partitioners, and joins against plain maps.

use crate::{local, numbers, sorted};
use proptest::prelude::*;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_microbatch::{
    ContextError, HashPartitioner, JobError, Partitioner, Partitions, Rdd, SparkConf, SparkContext,
};

/// By remainder.
#[derive(PartialEq)]
struct Remainder(usize);

impl Partitioner<u32> for Remainder {
    fn partitions(&self) -> usize {
        self.0
    }
    fn partition(&self, key: &u32) -> usize {
        *key as usize % self.0
    }
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }
}

fn remainder(partitions: usize) -> Partitions<u32> {
    Partitions::By(Arc::new(Remainder(partitions)))
}

fn shuffles(sc: &SparkContext, run: impl FnOnce()) -> usize {
    let stages = |sc: &SparkContext| sc.metrics().stages().iter().map(|s| s.runs).sum::<u64>();
    let before = stages(sc);
    run();
    // The last stage is the action's.
    (stages(sc) - before) as usize - 1
}

#[test]
fn partitioners_place_keys_and_stay_with_them() {
    let sc = local(2);
    let pairs = numbers(&sc, 20, 3).map(|x| (x, x));
    assert!(pairs.partitioner().is_none());
    let placed = pairs.partition_by(remainder(4));
    let parts = placed.keys().glom().collect().expect("a job");
    for (index, part) in parts.iter().enumerate() {
        assert!(part.iter().all(|key| *key as usize % 4 == index) && part.is_sorted(), "{part:?}");
    }
    let has = |rdd: &Rdd<(u32, u32)>| rdd.partitioner().map(|by| by.partitions());
    assert_eq!(has(&placed), Some(4));
    assert_eq!(has(&placed.map_values(|x| x + 1)), Some(4));
    assert_eq!(has(&placed.flat_map_values(|x| [x, x])), Some(4));
    assert_eq!(has(&placed.filter(|(key, _)| *key > 3)), Some(4));
    assert_eq!(has(&placed.map(|pair| pair)), None);
    assert_eq!(has(&placed.union(&placed)), Some(4));
    assert_eq!(has(&placed.union(&pairs)), None);
    assert_eq!(has(&placed.reduce_by_key(|a, b| a + b, ())), Some(4), "the input's");
    assert_eq!(has(&placed.reduce_by_key(|a, b| a + b, 2)), Some(2));
    assert_eq!(has(&placed.cache().expect("a level")), Some(4));
    assert_eq!(HashPartitioner::new(0), Err(ContextError::NoPartitions));
    assert_eq!(has(&pairs.partition_by(HashPartitioner::new(6).expect("partitions"))), Some(6));
    assert_eq!(has(&pairs.partition_by(placed.partitioner().expect("one"))), Some(4));
}

#[test]
fn equal_partitioners_need_no_shuffle() {
    let sc = local(2);
    let pairs = numbers(&sc, 20, 3).map(|x| (x % 10, x));
    for by in [|| Partitions::Count(4), || remainder(4)] {
        let (left, right) = (pairs.partition_by(by()), pairs.partition_by(by()));
        assert_eq!((left.count(), right.count()), (Ok(20), Ok(20)));
        let run = |rdd: Rdd<(u32, u32)>| shuffles(&sc, || assert!(rdd.count().is_ok()));
        assert_eq!(run(left.partition_by(by())), 0);
        assert_eq!(run(left.reduce_by_key(|a, b| a + b, by())), 0);
        assert_eq!(run(left.join(&right, ()).map_values(|(a, _)| a)), 0);
        assert_eq!(run(left.subtract_by_key(&right, ())), 0);
        assert_eq!(run(left.join(&pairs, ()).map_values(|(a, _)| a)), 1);
        assert_eq!(run(left.join(&right, 5).map_values(|(a, _)| a)), 2);
        assert_eq!(sorted(&left.reduce_by_key(|a, b| a + b, by())).len(), 10);
    }
}

#[test]
fn the_default_partitioner() {
    let widths = |sc: &SparkContext, left: usize, by: Option<usize>, right: usize| {
        let mut first = numbers(sc, 9, left).map(|x| (x, x));
        if let Some(by) = by {
            first = first.partition_by(by);
        }
        first.join(&numbers(sc, 9, right).map(|x| (x, x)), ()).partitions()
    };
    let sc = local(3);
    // Left's width, its partitioner's, right's, and the result's.
    for (left, by, right, result) in [
        (2, None, 5, 5),
        (2, Some(4), 5, 4),
        (2, Some(2), 19, 2),
        (2, Some(2), 20, 20),
        (2, Some(7), 3, 7),
    ] {
        assert_eq!(widths(&sc, left, by, right), result, "{left} {by:?} {right}");
    }
    let conf = SparkConf::new().set_master("local[2]").set("spark.default.parallelism", 6);
    let sc = SparkContext::from_conf(&conf).expect("a context");
    for (left, by, right, result) in
        [(2, None, 9, 6), (2, Some(4), 5, 4), (2, Some(2), 20, 6), (2, Some(1), 10, 6)]
    {
        assert_eq!(widths(&sc, left, by, right), result, "{left} {by:?} {right}");
    }
}

#[test]
fn a_partitioner_that_is_out_of_range_fails_the_task() {
    struct Wrong;
    impl Partitioner<u32> for Wrong {
        fn partitions(&self) -> usize {
            2
        }
        fn partition(&self, _: &u32) -> usize {
            2
        }
    }
    let pairs = numbers(&local(1), 2, 1).map(|x| (x, x));
    for rdd in [
        pairs.partition_by(Partitions::By(Arc::new(Wrong))),
        pairs.reduce_by_key(|a, _| a, Partitions::By(Arc::new(Wrong))),
    ] {
        let error = rdd.collect().expect_err("a failure");
        assert!(matches!(error, JobError::TaskFailed { .. }));
        assert!(error.to_string().contains("gave partition 2 for a key, but has 2"), "{error}");
    }
}

type Rows = Vec<(u8, i8)>;

fn grouped(rows: &Rows) -> BTreeMap<u8, Vec<i8>> {
    rows.iter().fold(BTreeMap::new(), |mut groups, (key, value)| {
        groups.entry(*key).or_default().push(*value);
        groups
    })
}

fn padded(values: Option<&Vec<i8>>) -> Vec<Option<i8>> {
    values.map_or(vec![None], |values| values.iter().copied().map(Some).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn joins(
        a in prop::collection::vec((0u8..8, any::<i8>()), 0..30),
        b in prop::collection::vec((0u8..8, any::<i8>()), 0..30),
        slices in (1usize..5, 1usize..5),
        parts in 0usize..5,
    ) {
        let sc = local(2);
        let left = sc.parallelize(a.clone(), slices.0).expect("slices");
        let right = sc.parallelize(b.clone(), slices.1).expect("slices");
        let by = || if parts == 0 { Partitions::Default } else { Partitions::Count(parts) };
        let (lefts, rights) = (grouped(&a), grouped(&b));
        let keys: BTreeSet<u8> = lefts.keys().chain(rights.keys()).copied().collect();
        let of = |groups: &BTreeMap<u8, Vec<i8>>, key| groups.get(key).cloned().unwrap_or_default();
        let both: Vec<_> = keys.iter().map(|k| (*k, (of(&lefts, k), of(&rights, k)))).collect();
        prop_assert_eq!(&sorted(&left.cogroup(&right, by())), &both);
        let three = both.iter().map(|(k, (l, r))| (*k, (l.clone(), r.clone(), l.clone())));
        prop_assert_eq!(sorted(&left.cogroup3(&right, &left, by())), three.collect::<Vec<_>>());
        let four = both.into_iter().map(|(k, (l, r))| (k, (l.clone(), r.clone(), r, l)));
        let cogrouped = left.cogroup4(&right, &right, &left, by());
        prop_assert_eq!(sorted(&cogrouped), four.collect::<Vec<_>>());
        let mut full = Vec::new();
        for key in &keys {
            for l in padded(lefts.get(key)) {
                full.extend(padded(rights.get(key)).into_iter().map(|r| (*key, (l, r))));
            }
        }
        full.sort_unstable();
        prop_assert_eq!(sorted(&left.full_outer_join(&right, by())), full.clone());
        let kept = |keep: fn(&(Option<i8>, Option<i8>)) -> bool| {
            full.iter().copied().filter(|(_, pair)| keep(pair)).collect::<Vec<_>>()
        };
        let joined = left.join(&right, by()).map_values(|(l, r)| (Some(l), Some(r)));
        prop_assert_eq!(sorted(&joined), kept(|(l, r)| l.is_some() && r.is_some()));
        let joined = left.left_outer_join(&right, by()).map_values(|(l, r)| (Some(l), r));
        prop_assert_eq!(sorted(&joined), kept(|(l, _)| l.is_some()));
        let joined = left.right_outer_join(&right, by()).map_values(|(l, r)| (l, Some(r)));
        prop_assert_eq!(sorted(&joined), kept(|(_, r)| r.is_some()));
    }

    #[test]
    fn sets_and_folds(
        a in prop::collection::vec((0u8..8, 0i8..4), 0..30),
        b in prop::collection::vec((0u8..8, 0i8..4), 0..30),
        slices in (1usize..5, 1usize..5),
        parts in 1usize..5,
    ) {
        let sc = local(2);
        let left = sc.parallelize(a.clone(), slices.0).expect("slices");
        let right = sc.parallelize(b.clone(), slices.1).expect("slices");
        let mut kept: Rows = a.iter().filter(|row| !b.contains(row)).copied().collect();
        kept.sort_unstable();
        prop_assert_eq!(sorted(&left.subtract(&right, parts)), kept);
        prop_assert_eq!(left.subtract(&right, ()).partitions(), slices.0);
        let keys = grouped(&b);
        let mut kept: Rows = a.iter().filter(|row| !keys.contains_key(&row.0)).copied().collect();
        kept.sort_unstable();
        prop_assert_eq!(sorted(&left.subtract_by_key(&right, parts)), kept);
        let common: BTreeSet<_> = a.iter().filter(|row| b.contains(row)).copied().collect();
        let found = sorted(&left.intersection(&right, parts));
        prop_assert_eq!(found, common.into_iter().collect::<Vec<_>>());
        let distinct: BTreeSet<_> = a.iter().copied().collect();
        prop_assert_eq!(sorted(&left.distinct(())), distinct.into_iter().collect::<Vec<_>>());
        let groups = grouped(&a);
        let sums: Vec<_> =
            groups.iter().map(|(k, v)| (*k, v.iter().map(|x| i64::from(*x)).sum::<i64>())).collect();
        let wide = left.map_values(i64::from);
        prop_assert_eq!(&sorted(&wide.fold_by_key(0, |a, b| a + b, parts)), &sums);
        let added = wide.aggregate_by_key((0, 0u32), |(s, n), x| (s + x, n + 1),
            |(s, n), (t, m)| (s + t, n + m), parts);
        let model: Vec<_> = sums.into_iter().map(|(k, s)| (k, (s, groups[&k].len() as u32))).collect();
        prop_assert_eq!(sorted(&added), model);
        let by_key = left.group_by(|row| row.0, parts).map_values(|rows| rows.len());
        prop_assert_eq!(by_key.count(), Ok(groups.len() as u64));
    }
}
