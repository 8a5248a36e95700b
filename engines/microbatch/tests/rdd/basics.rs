//! RDD operators against what `Vec` says, laziness, and failures as values.

use crate::{everywhere, local, numbers, sorted};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_dataflow::Cancel;
use weir_microbatch::{ContextError, JobError, Rdd, SparkContext, TaskError};

#[test]
fn narrow_operators_keep_order() {
    everywhere(|sc, slices| {
        let rdd = numbers(sc, 30, slices);
        assert_eq!(rdd.partitions(), slices);
        assert_eq!(rdd.collect(), Ok((0..30).collect()));
        assert_eq!(rdd.map(|x| x * 2).collect(), Ok((0..30).map(|x| x * 2).collect()));
        let even: Vec<u32> = (0..30).filter(|x| x % 2 == 0).collect();
        assert_eq!(rdd.filter(|x| x % 2 == 0).collect(), Ok(even));
        let twice: Vec<u32> = (0..30).flat_map(|x| [x, x]).collect();
        assert_eq!(rdd.flat_map(|x| [x, x]).collect(), Ok(twice));
        assert_eq!(rdd.key_by(|x| x % 3).map(|(k, _)| k).take(4), Ok(vec![0, 1, 2, 0]));
    });
}

#[test]
fn slices_and_partitions() {
    let sc = local(2);
    let rdd = sc.parallelize((0..7).collect(), 3).expect("slices");
    assert_eq!(rdd.glom().collect(), Ok(vec![vec![0, 1], vec![2, 3], vec![4, 5, 6]]));
    let sparse = sc.parallelize(vec![1, 2], 4).expect("slices");
    assert_eq!(sparse.glom().collect(), Ok(vec![vec![], vec![1], vec![], vec![2]]));
    let together = sparse.coalesce(2, false).expect("partitions");
    assert_eq!(together.glom().collect(), Ok(vec![vec![1], vec![2]]));
    assert_eq!(sparse.coalesce(9, false).map(|rdd| rdd.partitions()), Ok(4));
    assert_eq!(sparse.coalesce(0, false).err(), Some(ContextError::NoPartitions));
    assert_eq!(sparse.repartition(0).err(), Some(ContextError::NoPartitions));
    assert_eq!(sc.parallelize(vec![0], 0).err(), Some(ContextError::NoPartitions));
    let sum = rdd.map_partitions(|input, out| {
        let mut sum = 0;
        input.for_each(|x| sum += x)?;
        out(sum);
        Ok(())
    });
    assert_eq!(sum.collect(), Ok(vec![1, 5, 15]));
}

#[test]
fn unions() {
    let sc = local(2);
    let (a, b) = (numbers(&sc, 4, 2), numbers(&sc, 3, 3));
    let both = a.union(&b);
    assert_eq!((both.partitions(), both.collect()), (5, Ok(vec![0, 1, 2, 3, 0, 1, 2])));
    let none = sc.union::<u32>(&[sc.empty(), sc.empty()]);
    assert_eq!((none.partitions(), none.collect(), none.count()), (0, Ok(vec![]), Ok(0)));
    assert_eq!(sc.union(&[sc.empty(), a.clone()]).partitions(), 2);
    // Partitioned alike, so partition by partition.
    let by_key = |rdd: &Rdd<u32>| rdd.map(|x| (x, 1)).reduce_by_key(|a, b| a + b, 3);
    let aligned = by_key(&a).union(&by_key(&b));
    assert_eq!(aligned.partitions(), 3);
    assert_eq!(sorted(&aligned), [(0, 1), (0, 1), (1, 1), (1, 1), (2, 1), (2, 1), (3, 1)]);
    assert_eq!(
        a.repartition(3).expect("three").union(&b.repartition(3).expect("three")).partitions(),
        6
    );
}

#[test]
fn shuffles() {
    everywhere(|sc, slices| {
        let pairs = numbers(sc, 100, slices).map(|x| (x % 7, u64::from(x)));
        for parts in [0, 1, 2, 5] {
            let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
            let mut groups: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            for x in 0..100u32 {
                *sums.entry(x % 7).or_default() += u64::from(x);
                groups.entry(x % 7).or_default().push(u64::from(x));
            }
            let reduced = pairs.reduce_by_key(|a, b| a + b, parts);
            assert_eq!(reduced.partitions(), parts.max(1));
            assert_eq!(sorted(&reduced), sums.clone().into_iter().collect::<Vec<_>>());
            // Values stay in the order of partitions and records.
            assert_eq!(sorted(&pairs.group_by_key(parts)), groups.into_iter().collect::<Vec<_>>());
            let counted = pairs.combine_by_key(|_| 1u32, |n, _| n + 1, |a, b| a + b, parts);
            assert_eq!(counted.map(|(_, n)| n).reduce(|a, b| a + b), Ok(100));
            assert_eq!(sorted(&pairs.map(|(k, _)| k).distinct(parts)), (0..7).collect::<Vec<_>>());
            assert_eq!(sorted(&pairs.repartition(parts.max(1)).expect("partitions")).len(), 100);
            assert_eq!(
                sorted(&reduced.map_values(|sum| sum + 1)),
                sums.into_iter().map(|(k, sum)| (k, sum + 1)).collect::<Vec<_>>()
            );
        }
    });
}

#[test]
fn joins() {
    let sc = local(2);
    let left = sc.parallelize(vec![(1, 'a'), (2, 'b'), (1, 'c')], 2).expect("slices");
    let right = sc.parallelize(vec![(1, 10), (3, 30), (1, 11)], 3).expect("slices");
    let joined = [(1, ('a', 10)), (1, ('a', 11)), (1, ('c', 10)), (1, ('c', 11))];
    assert_eq!(sorted(&left.join(&right, 2)), joined);
    let groups =
        [(1, (vec!['a', 'c'], vec![10, 11])), (2, (vec!['b'], vec![])), (3, (vec![], vec![30]))];
    assert_eq!(sorted(&left.cogroup(&right, 4)), groups);
}

#[test]
fn actions() {
    let sc = local(2);
    let (some, none) = (numbers(&sc, 10, 4), sc.empty::<u32>());
    assert_eq!((some.count(), none.count()), (Ok(10), Ok(0)));
    assert_eq!(some.reduce(|a, b| a + b), Ok(45));
    assert_eq!(none.reduce(|a, b| a + b), Err(JobError::EmptyCollection));
    assert_eq!((some.fold(0, |a, b| a + b), none.fold(0, |a, b| a + b)), (Ok(45), Ok(0)));
    assert_eq!((some.take(3), some.take(0), some.take(99)).0, Ok(vec![0, 1, 2]));
    assert_eq!((some.take(0), some.take(99).map(|rows| rows.len())), (Ok(vec![]), Ok(10)));
    assert_eq!((some.first(), none.first()), (Ok(0), Err(JobError::EmptyCollection)));
    let seen = AtomicUsize::new(0);
    let add = |x| {
        seen.fetch_add(x as usize, Ordering::Relaxed);
    };
    some.foreach(add).expect("a job");
    assert_eq!(seen.into_inner(), 45);
}

#[test]
fn nothing_runs_before_an_action_and_shuffles_run_once() {
    let sc = local(2);
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let mapped = numbers(&sc, 10, 2).map(move |x| {
        counter.fetch_add(1, Ordering::Relaxed);
        (x % 2, x)
    });
    let reduced = mapped.reduce_by_key(|a, b| a + b, 2);
    let kept = mapped.map(|pair| pair).cache().expect("a level");
    assert_eq!((calls.load(Ordering::Relaxed), sc.metrics().tasks()), (0, 0));
    assert_eq!(sorted(&reduced), [(0, 20), (1, 25)]);
    assert_eq!(calls.load(Ordering::Relaxed), 10);
    assert_eq!(reduced.count(), Ok(2));
    assert_eq!(calls.load(Ordering::Relaxed), 10, "the shuffle's result is kept");
    assert_eq!((kept.count(), kept.count()), (Ok(10), Ok(10)));
    assert_eq!(calls.load(Ordering::Relaxed), 20, "persisted once computed");
    assert_eq!((mapped.count(), mapped.count()), (Ok(10), Ok(10)));
    assert_eq!(calls.load(Ordering::Relaxed), 40, "a narrow RDD is computed by every action");
    let labels: Vec<String> =
        sc.metrics().stages().iter().map(|stage| stage.label.to_string()).collect();
    assert_eq!(labels, ["reduce by key", "collect", "count"]);
}

#[test]
fn failures_name_stage_partition_and_cause() {
    everywhere(|sc, slices| {
        if slices < 3 {
            return;
        }
        let rdd = numbers(sc, 120, slices);
        let bad = rdd.map(|x| if x == 0 { panic!("bad {x}") } else { (x, x) });
        let failed = |stage: usize, label: &str, partition: usize, cause: TaskError| {
            Err(JobError::TaskFailed { stage, label: label.into(), partition, attempts: 1, cause })
        };
        let panicked = TaskError::Panicked("bad 0".into());
        assert_eq!(bad.count(), failed(0, "count", 0, panicked.clone()));
        let shuffled = bad.reduce_by_key(|a, b| a + b, 2);
        assert_eq!(shuffled.count(), failed(0, "reduce by key", 0, panicked.clone()));
        assert_eq!(shuffled.count(), failed(0, "reduce by key", 0, panicked), "again");
        let late = rdd.map(|x| (x % 2, x)).reduce_by_key(|_, _| panic!("late"), 1);
        assert!(matches!(late.count(), Err(JobError::TaskFailed { .. })));
        let last = slices - 1;
        let refused = rdd.map_partitions::<u32>(move |input, _| {
            if input.index() == last { Err(TaskError::new("no")) } else { Ok(()) }
        });
        assert_eq!(refused.count(), failed(0, "count", last, TaskError::new("no")));
        // The second stage of two.
        let second = rdd
            .repartition(slices)
            .expect("partitions")
            .map(|x| if x < 500 { panic!("all") } else { x });
        let error = second.count().expect_err("a failure");
        assert!(error.to_string().contains("Task 0 in stage 1 (count) failed 1 times"), "{error}");
        assert_eq!(rdd.count(), Ok(120), "the pool survives");
    });
}

#[test]
fn cancelled_stopped_and_nested_jobs_are_refused() {
    let cancel = Cancel::new();
    let sc = SparkContext::builder().workers(2).cancel(cancel.clone()).build().expect("a context");
    let rdd = numbers(&sc, 10, 2);
    let inner = rdd.clone();
    let nested = rdd.map_partitions(move |_, out| {
        out(inner.count());
        Ok(())
    });
    assert_eq!(nested.collect(), Ok(vec![Err(JobError::Nested), Err(JobError::Nested)]));
    cancel.cancel();
    assert_eq!(rdd.count(), Err(JobError::Cancelled));
    sc.stop();
    assert_eq!(rdd.count(), Err(JobError::ContextStopped));
}

#[test]
fn threads_may_share_a_context_and_its_stages() {
    let sc = local(2);
    let reduced = numbers(&sc, 1_000, 8).map(|x| (x % 10, 1u32)).reduce_by_key(|a, b| a + b, 4);
    let again = reduced.map(|(k, n)| (k % 2, n)).reduce_by_key(|a, b| a + b, 2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(sorted(&again), [(0, 500), (1, 500)]));
            scope.spawn(|| assert_eq!(reduced.count(), Ok(10)));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_data_any_partitioning(
        data in prop::collection::vec((0u8..6, any::<i32>()), 0..60),
        slices in 1usize..9,
        parts in 1usize..6,
        workers in 1usize..4,
    ) {
        let sc = local(workers);
        let rdd = sc.parallelize(data.clone(), slices).expect("slices");
        prop_assert_eq!(rdd.collect(), Ok(data.clone()));
        let mut groups: BTreeMap<u8, Vec<i32>> = BTreeMap::new();
        for (key, value) in &data {
            groups.entry(*key).or_default().push(*value);
        }
        let grouped = sorted(&rdd.group_by_key(parts));
        prop_assert_eq!(grouped, groups.clone().into_iter().collect::<Vec<_>>());
        let sums = rdd.reduce_by_key(i32::wrapping_add, parts);
        let want: Vec<_> = groups
            .into_iter()
            .map(|(key, values)| (key, values.into_iter().fold(0, i32::wrapping_add)))
            .collect();
        prop_assert_eq!(sorted(&sums), want);
        let mut all = data;
        all.sort_unstable();
        prop_assert_eq!(sorted(&rdd.repartition(parts).expect("partitions")), all);
    }
}
