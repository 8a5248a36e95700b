//! Narrow operators, sampling, sorting, and what an RDD says about itself.

use crate::{everywhere, local, numbers, sorted};
use proptest::prelude::*;
use weir_microbatch::{ContextError, JobError, Partitioner, RangePartitioner};

#[test]
fn ranges() {
    everywhere(|sc, slices| {
        for (start, end, step) in
            [(0, 10, 1), (0, 10, 3), (5, 5, 1), (9, 0, 1), (9, 0, -2), (-4, 4, 4), (0, 1, 9)]
        {
            let mut model = Vec::new();
            let mut at = start;
            while (step > 0 && at < end) || (step < 0 && at > end) {
                model.push(at);
                at += step;
            }
            let rdd = sc.range(start, end, step, slices).expect("a range");
            assert_eq!(
                (rdd.partitions(), rdd.collect()),
                (slices, Ok(model)),
                "{start} {end} {step}"
            );
        }
    });
    let sc = local(1);
    let ends = sc.range(i64::MIN, i64::MAX, i64::MAX, 2).expect("a range");
    assert_eq!(ends.collect(), Ok(vec![i64::MIN, -1, i64::MAX - 1]));
    assert!(matches!(sc.range(0, 1, 0, 1), Err(ContextError::Argument { what: "step", .. })));
    assert_eq!(sc.range(0, 1, 1, 0).err(), Some(ContextError::NoPartitions));
}

#[test]
fn zips() {
    everywhere(|sc, slices| {
        let rdd = numbers(sc, 30, slices);
        let zipped = rdd.zip(&rdd.map(|x| x * 2)).expect("as wide");
        assert_eq!(zipped.collect(), Ok((0..30).map(|x| (x, x * 2)).collect()));
        let indexed = rdd.map(|x| x + 7).zip_with_index().expect("a job");
        assert_eq!(indexed.collect(), Ok((0..30).map(|x| (x + 7, u64::from(x))).collect()));
        // Partitions that are empty count nothing.
        let odd = rdd.filter(|x| x % 2 == 1).zip_with_index().expect("a job");
        assert_eq!(odd.values().collect(), Ok((0..15).collect()));
        let unique = rdd.glom().collect().expect("a job").into_iter().enumerate();
        let unique: Vec<u64> = unique
            .flat_map(|(p, part)| (0..part.len()).map(move |i| (i * slices + p) as u64))
            .collect();
        assert_eq!(rdd.zip_with_unique_id().values().collect(), Ok(unique));
        let wider = rdd.zip(&numbers(sc, 30, slices + 1)).err().map(|error| error.to_string());
        let text = format!(
            "Can't zip RDDs with unequal numbers of partitions: [{slices}, {}]; repartition them to \
             the same number",
            slices + 1
        );
        assert_eq!(wider, Some(text));
        for other in [rdd.filter(|x| *x != 3), rdd.flat_map(|x| vec![x; 1 + usize::from(x == 29)])]
        {
            let error =
                rdd.zip(&other).expect("as wide").collect().expect_err("longer").to_string();
            let text = "Can only zip RDDs with same number of elements in each partition";
            assert!(error.contains(text), "{error}");
        }
        let sums = rdd.zip_partitions(&rdd, |left, right, out| {
            let mut sum = 0;
            left.for_each(|x| sum += x)?;
            right.for_each(|x| sum += x)?;
            out(sum);
            Ok(())
        });
        assert_eq!(sums.expect("as wide").reduce(|a, b| a + b), Ok(870));
    });
}

#[test]
fn products_unions_and_indices() {
    let sc = local(2);
    let (left, right) =
        (numbers(&sc, 3, 2), sc.parallelize(vec!['a', 'b', 'c'], 3).expect("slices"));
    let product = left.cartesian(&right);
    assert_eq!(product.partitions(), 6);
    let pairs: Vec<_> = (0..3).flat_map(|x| ['a', 'b', 'c'].map(|c| (x, c))).collect();
    assert_eq!(sorted(&product), pairs);
    let blocks = product.glom().collect().expect("a job");
    assert_eq!(blocks[1], [(0, 'b')], "partition i*m+j");
    assert_eq!(left.cartesian(&sc.empty::<u8>()).count(), Ok(0));
    let indexed =
        left.map_partitions_with_index(|index, input, out| input.for_each(|x| out((index, x))));
    assert_eq!(indexed.collect(), Ok(vec![(0, 0), (1, 1), (1, 2)]));
    assert_eq!(numbers(&sc, 9, 2).coalesce(5, true).map(|rdd| rdd.partitions()), Ok(5));
    assert_eq!(sorted(&numbers(&sc, 9, 2).coalesce(5, true).expect("partitions")).len(), 9);
    assert_eq!(sc.empty_rdd::<u32>().glom().collect(), Ok(vec![]));
}

#[test]
fn samples() {
    everywhere(|sc, slices| {
        let rdd = numbers(sc, 2_000, slices);
        for (again, fraction) in [(false, 0.3), (true, 0.3), (true, 2.5)] {
            let sample =
                rdd.sample(again, fraction, 7).expect("a fraction").collect().expect("a job");
            let expected = 2_000.0 * fraction;
            let spread = 6.0 * expected.sqrt();
            assert!((sample.len() as f64 - expected).abs() < spread, "{again} {}", sample.len());
            let once = rdd.sample(again, fraction, 7).expect("a fraction").collect();
            assert_eq!(once, Ok(sample.clone()), "the same seed");
            assert_ne!(
                rdd.sample(again, fraction, 8).expect("a fraction").collect(),
                Ok(sample.clone())
            );
            assert!(sample.is_sorted());
            if !again {
                assert!(sample.windows(2).all(|pair| pair[0] < pair[1]), "none is taken twice");
            }
        }
        assert_eq!(rdd.sample(false, 1.0, 1).expect("a fraction").count(), Ok(2_000));
        assert_eq!(rdd.sample(true, 0.0, 1).expect("a fraction").count(), Ok(0));
        let parts = rdd.random_split(&[1.0, 2.0, 0.0], 3).expect("weights");
        let counts: Vec<u64> = parts.iter().map(|part| part.count().expect("a job")).collect();
        assert_eq!(counts.iter().sum::<u64>(), 2_000);
        assert!(counts[0] > 500 && counts[0] < 850, "{counts:?}");
        assert_eq!(sorted(&sc.union(&parts)), (0..2_000).collect::<Vec<_>>());
        let mut taken = rdd.take_sample(false, 50, 1).expect("a job");
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 50);
        assert_eq!(rdd.take_sample(false, 9_999, 1).map(|rows| rows.len()), Ok(2_000));
        assert_eq!(rdd.take_sample(true, 9_999, 1).map(|rows| rows.len()), Ok(9_999));
    });
    let rdd = numbers(&local(1), 5, 1);
    for (again, fraction) in [(false, 1.1), (false, -0.1), (true, -1.0), (false, f64::NAN)] {
        assert!(matches!(rdd.sample(again, fraction, 0), Err(ContextError::Argument { .. })));
    }
    assert!(rdd.random_split(&[], 0).is_err() && rdd.random_split(&[1.0, -1.0], 0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sorts(
        data in prop::collection::vec((0u8..20, any::<i16>()), 0..200),
        slices in 1usize..6,
        parts in 1usize..7,
        ascending: bool,
    ) {
        let sc = local(2);
        let rdd = sc.parallelize(data.clone(), slices).expect("slices");
        let mut model = data;
        model.sort_by(|a, b| if ascending { a.0.cmp(&b.0) } else { b.0.cmp(&a.0) });
        let by_key = rdd.sort_by_key(ascending, parts).expect("a job");
        prop_assert!(by_key.partitions() <= parts);
        prop_assert_eq!(by_key.collect(), Ok(model.clone()));
        let by_default = rdd.sort_by_key(ascending, ()).expect("a job");
        prop_assert!(by_default.partitions() <= slices);
        prop_assert_eq!(by_default.collect(), Ok(model.clone()));
        let by = rdd.sort_by(|row| row.0, ascending, parts).expect("a job");
        prop_assert_eq!(by.collect(), Ok(model));
    }
}

#[test]
fn range_partitioners_are_even_and_comparable() {
    let sc = local(2);
    let pairs = numbers(&sc, 10_000, 4).map(|x| (x * 7919 % 10_000, x));
    let sorted = pairs.sort_by_key(true, 5).expect("a job");
    let sizes: Vec<usize> = sorted.glom().collect().expect("a job").iter().map(Vec::len).collect();
    assert_eq!(sizes.len(), 5);
    assert!(sizes.iter().all(|size| (1_000..3_500).contains(size)), "{sizes:?}");
    let up = RangePartitioner::new(vec![20, 10, 20], true);
    let down = RangePartitioner::new(vec![10, 20], false);
    let placed: Vec<_> = [5, 10, 11, 20, 21].map(|k| (up.partition(&k), down.partition(&k))).into();
    assert_eq!(placed, [(0, 2), (0, 2), (1, 1), (1, 1), (2, 0)]);
    assert!(up.equals(&RangePartitioner::new(vec![10, 20], true)) && !up.equals(&down));
}

#[test]
fn debug_strings() {
    let sc = local(2);
    let words = numbers(&sc, 4, 2).map(|x| (x % 2, x));
    let reduced = words.reduce_by_key(|a, b| a + b, 3).set_name("sums");
    let joined = reduced.map_values(|x| x + 1).union(&words);
    let text = "(5) UnionRDD[4] at union []
 |  MapPartitionsRDD[3] at mapValues []
 |  sums ShuffledRDD[2] at reduce by key []
 +-(2) MapPartitionsRDD[1] at map []
    |  ParallelCollectionRDD[0] at parallelize []
 |  MapPartitionsRDD[1] at map []
 |  ParallelCollectionRDD[0] at parallelize []";
    assert_eq!(joined.to_debug_string(), text);
    assert_eq!(joined.dependencies(), [(3, false), (1, false)]);
    assert_eq!((reduced.dependencies(), reduced.id()), (vec![(1, true)], 2));
    assert_eq!(reduced.name().as_deref(), Some("sums"));
    let cached = words.cache().expect("a level");
    assert_eq!(cached.count(), Ok(4));
    let text = "(2) MapPartitionsRDD[1] at map [Memory Deserialized 1x Replicated]
 |      CachedPartitions: 2; DiskSize: 0 B
 |  ParallelCollectionRDD[0] at parallelize []";
    assert_eq!(cached.to_debug_string(), text);
}

#[test]
fn errors_of_definitions_have_sparks_words() {
    let sc = local(1);
    let error = sc.parallelize(vec![1], 0).expect_err("no partitions").to_string();
    assert_eq!(error, "Positive number of partitions required; ask for at least 1");
    let error = sc.empty::<u32>().first().expect_err("nothing");
    assert_eq!(
        (error.to_string().starts_with("empty collection"), error),
        (true, JobError::EmptyCollection)
    );
}
