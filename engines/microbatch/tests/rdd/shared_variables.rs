//! Accumulators and broadcast variables.

use crate::{local, numbers};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_microbatch::{Accumulate, SparkContext};

#[derive(Clone, Default, Debug, PartialEq)]
struct Longest(String);

impl Accumulate for Longest {
    type Item = String;
    fn add(&mut self, item: String) {
        self.merge(Self(item));
    }
    fn merge(&mut self, other: Self) {
        if other.0.len() > self.0.len() {
            *self = other;
        }
    }
}

#[test]
fn accumulators_add_up() {
    crate::everywhere(|sc, slices| {
        let (longs, doubles) = (sc.long_accumulator("longs"), sc.double_accumulator("doubles"));
        let (all, longest) =
            (sc.collection_accumulator("all"), sc.accumulator::<Longest>("longest"));
        let adds = (longs.clone(), doubles.clone(), all.clone(), longest.clone());
        let add = move |x: u32| {
            adds.0.add(i64::from(x));
            adds.1.add(f64::from(x) / 2.0);
            adds.2.add(x);
            adds.3.add("x".repeat(x as usize));
        };
        numbers(sc, 30, slices).foreach(add).expect("a job");
        assert_eq!((longs.value().sum, longs.value().count, longs.value().avg()), (435, 30, 14.5));
        assert_eq!((doubles.value().sum, doubles.value().avg()), (217.5, 7.25));
        let mut seen = all.value();
        seen.sort_unstable();
        assert_eq!(seen, (0..30).collect::<Vec<_>>());
        assert_eq!(longest.value(), Longest("x".repeat(29)));
        longs.add(1);
        assert_eq!((longs.value().sum, longs.name()), (436, Some("longs")), "on the driver");
        longs.reset();
        assert_eq!(longs.value().count, 0);
    });
}

#[test]
fn a_task_that_is_repeated_counts_once() {
    let sc = SparkContext::new("local[2,3]").expect("a context");
    let (count, failed) = (sc.long_accumulator("records"), AtomicBool::new(false));
    let result = numbers(&sc, 10, 2).foreach(|x| {
        count.add(1);
        if x == 9 && !failed.swap(true, Ordering::Relaxed) {
            panic!("at the end");
        }
    });
    assert_eq!((result, count.value().sum), (Ok(()), 10));
    // Map tasks whose blocks have to be made again have been counted.
    let (mapped, failed) = (sc.long_accumulator("mapped"), Arc::new(AtomicBool::new(false)));
    let adds = mapped.clone();
    let sums = numbers(&sc, 10, 2)
        .map(move |x| {
            adds.add(1);
            (0, x)
        })
        .combine_by_key(
            |x| x,
            |a, b| a + b,
            move |a, b| {
                assert!(failed.swap(true, Ordering::Relaxed), "once");
                a + b
            },
            1,
        );
    assert_eq!((sums.collect(), mapped.value().sum), (Ok(vec![(0, 45)]), 10));
    // A job that fails leaves the tasks that ended well.
    let one = SparkContext::new("local[1]").expect("a context");
    let count = one.long_accumulator("records");
    let result = numbers(&one, 10, 2).foreach(|x| {
        count.add(1);
        assert!(x < 9, "always");
    });
    assert!(result.is_err());
    assert_eq!(count.value().sum, 5);
}

#[test]
fn broadcasts_end() {
    let sc = local(2);
    let (first, second) = (sc.broadcast(vec![10, 20, 30]), sc.broadcast("x"));
    assert_eq!((first.id(), second.id()), (0, 1));
    let table = first.clone();
    let looked_up = numbers(&sc, 3, 2).map_partitions(move |input, out| {
        let table = table.value()?;
        input.for_each(|x| out(table[x as usize]))
    });
    assert_eq!(looked_up.collect(), Ok(vec![10, 20, 30]));
    assert_eq!(first.unpersist(), Ok(()));
    assert_eq!(looked_up.collect(), Ok(vec![10, 20, 30]));
    assert_eq!(first.destroy(), Ok(()));
    let text = "Attempted to use Broadcast(0) after it was destroyed";
    assert!(first.value().expect_err("destroyed").to_string().starts_with(text));
    assert!(first.destroy().is_err() && first.unpersist().is_err());
    let error = looked_up.collect().expect_err("destroyed").to_string();
    assert!(error.contains(text), "{error}");
    assert_eq!(second.value().as_deref(), Ok(&"x"));
}
