//! Tasks that fail and are tried again.

use crate::numbers;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_microbatch::{JobError, SparkContext, TaskError};

/// Panics in the first `times` calls.
fn failing(times: usize) -> impl Fn() + Clone + Send + Sync + 'static {
    let left = Arc::new(AtomicUsize::new(times));
    move || {
        let spend = |n: usize| n.checked_sub(1);
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok() {
            panic!("not yet");
        }
    }
}

fn attempts(most: usize) -> SparkContext {
    SparkContext::new(&format!("local[1,{most}]")).expect("a context")
}

#[test]
fn a_failure_at_any_place_is_repeated_to_the_exact_result() {
    for failures in 0..4 {
        let places: [&str; 5] = ["map", "create", "add", "merge", "behind"];
        for place in places {
            let sc = attempts(4);
            let fail = failing(failures);
            let at = |here: &str| {
                let (fail, here) = (fail.clone(), here == place);
                move || {
                    if here {
                        fail()
                    }
                }
            };
            let (map, create, add) = (at("map"), at("create"), at("add"));
            let (merge, behind) = (at("merge"), at("behind"));
            let sums = numbers(&sc, 100, 4)
                .map(move |x| {
                    map();
                    (x % 3, u64::from(x))
                })
                .combine_by_key(
                    move |x| {
                        create();
                        x
                    },
                    move |a, b| {
                        add();
                        a + b
                    },
                    move |a, b| {
                        merge();
                        a + b
                    },
                    2,
                )
                .map_values(move |sum| {
                    behind();
                    sum
                });
            assert_eq!(
                crate::sorted(&sums),
                [(0, 1683), (1, 1617), (2, 1650)],
                "{place} {failures}"
            );
            assert_eq!(sc.metrics().retried(), failures as u64, "{place}");
            assert_eq!(crate::sorted(&sums), [(0, 1683), (1, 1617), (2, 1650)], "again");
        }
    }
}

#[test]
fn through_two_shuffles() {
    let sc = attempts(3);
    let fail = failing(2);
    let counts = numbers(&sc, 60, 3)
        .map(|x| (x % 6, 1u32))
        .reduce_by_key(|a, b| a + b, 3)
        .map(|(key, n)| (key % 2, n))
        .reduce_by_key(
            move |a, b| {
                fail();
                a + b
            },
            2,
        );
    assert_eq!(crate::sorted(&counts), [(0, 30), (1, 30)]);
}

#[test]
fn a_task_that_always_fails_ends_the_job() {
    for most in [1, 2, 5] {
        let sc = attempts(most);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let bad = numbers(&sc, 4, 2).map(move |x| {
            counted.fetch_add(usize::from(x == 2), Ordering::Relaxed);
            if x == 2 { panic!("bad {x}") } else { x }
        });
        let error = bad.count().expect_err("a failure");
        let attempts = most as u32;
        let cause = TaskError::Panicked("bad 2".into());
        let (stage, label, partition) = (0, "count".into(), 1);
        assert_eq!(error, JobError::TaskFailed { stage, label, partition, attempts, cause });
        let text = format!(
            "Job aborted due to stage failure: Task 1 in stage 0 (count) failed {most} times, most \
             recent failure: panicked: bad 2; correct the function, or allow more attempts by the \
             master local[N,M]"
        );
        assert_eq!(error.to_string(), text);
        assert_eq!(calls.load(Ordering::Relaxed), most);
    }
}

#[test]
fn tasks_know_which_attempt_they_are() {
    let sc = attempts(3);
    let tried = numbers(&sc, 2, 2).map_partitions(|input, out| {
        let (partition, attempt) = (input.index(), input.task().attempt_number());
        if attempt < 2 {
            return Err(TaskError::new("again"));
        }
        out((partition, attempt));
        Ok(())
    });
    assert_eq!(tried.collect(), Ok(vec![(0, 2), (1, 2)]));
}

#[test]
fn a_failed_job_can_be_run_again() {
    let sc = attempts(1);
    let fail = failing(1);
    let sums =
        numbers(&sc, 10, 2).map(|x| (0, x)).reduce_by_key(|a, b| a + b, 1).map(move |pair| {
            fail();
            pair
        });
    assert!(matches!(sums.collect(), Err(JobError::TaskFailed { attempts: 1, .. })));
    assert_eq!(sums.collect(), Ok(vec![(0, 45)]));
    let fail = failing(1);
    let merged = numbers(&sc, 10, 2).map(|x| (0, x));
    let merged = merged.combine_by_key(
        |x| x,
        |a, b| a + b,
        move |a, b| {
            fail();
            a + b
        },
        1,
    );
    assert!(merged.collect().is_err());
    assert_eq!(merged.collect(), Ok(vec![(0, 45)]));
}
