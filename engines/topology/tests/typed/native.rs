//! The native API: groupings, acking and replay, throttling, failures, time.

use super::support::{all, config, tick};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{ManualClock, Meter, RunError, Stamp};
use weir_topology::typed::{
    self, Bolt, Collector, FailReason, Input, Next, Outcome, Report, Spout, SpoutCollector, Stream,
    TaskContext, TopologyBuilder,
};
use weir_topology::{TopologyConfig, TopologyError};

/// Emits the numbers from 0 below `count`, tracked, and again what failed.
struct Counter {
    next: u64,
    count: u64,
    owed: VecDeque<u64>,
    open: BTreeSet<u64>,
    most_open: Arc<AtomicU64>,
}

impl Counter {
    fn new(count: u64) -> Self {
        let most_open = Arc::default();
        Self { next: 0, count, owed: VecDeque::new(), open: BTreeSet::new(), most_open }
    }
}

impl Spout for Counter {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        let number = match self.owed.pop_front() {
            Some(number) => number,
            None if self.next == self.count => return Next::Done,
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        assert!(self.open.insert(number), "{number} is open already");
        self.most_open.fetch_max(self.open.len() as u64, Ordering::Relaxed);
        out.emit_tracked(Stamp { index: number, ..Stamp::default() }, number, number);
        Next::More
    }
    fn ack(&mut self, id: u64) {
        assert!(self.open.remove(&id), "{id} is not open");
    }
    fn fail(&mut self, id: u64, _: FailReason) -> Result<(), RunError> {
        assert!(self.open.remove(&id), "{id} is not open");
        self.owed.push_back(id);
        Ok(())
    }
    fn owes(&self) -> Option<u64> {
        self.owed.iter().min().copied()
    }
}

/// A bolt made of a function.
struct Function<I, O, F>(F, std::marker::PhantomData<fn(I) -> O>);

fn function<I, O, F: FnMut(Input<'_, I>, &mut Collector<O>) -> Outcome>(f: F) -> Function<I, O, F> {
    Function(f, std::marker::PhantomData)
}

impl<I, O, F> Bolt for Function<I, O, F>
where
    I: weir_dataflow::Data,
    O: weir_dataflow::Data,
    F: FnMut(Input<'_, I>, &mut Collector<O>) -> Outcome + 'static,
{
    type In = I;
    type Out = O;
    fn execute(&mut self, input: Input<'_, I>, out: &mut Collector<O>) -> Outcome {
        (self.0)(input, out)
    }
}

fn settings() -> impl Iterator<Item = TopologyConfig> {
    [1, 3, 64].into_iter().flat_map(|batch| {
        [1, 256].map(|queue_capacity| TopologyConfig { queue_capacity, ..config(1, batch, true) })
    })
}

type Seen = Arc<Mutex<Vec<(usize, u64)>>>;

/// Remembers which task saw which tuple.
fn remember(
    seen: &Seen,
) -> impl Fn(
    &TaskContext,
) -> Function<u64, (), Box<dyn FnMut(Input<'_, u64>, &mut Collector<()>) -> Outcome>>
+ Send
+ Sync
+ 'static {
    let seen = Arc::clone(seen);
    move |task| {
        let (seen, index) = (Arc::clone(&seen), task.index);
        function(Box::new(move |input: Input<'_, u64>, _: &mut Collector<()>| {
            seen.lock().expect("no panic").push((index, input.value));
            Outcome::Ack
        }))
    }
}

fn run(topology: TopologyBuilder) -> Vec<Report> {
    topology.build().expect("valid").run_to_end().expect("the run ends")
}

#[test]
fn groupings_choose_tasks() {
    for config in settings() {
        let group =
            |subscribe: fn(typed::BoltDeclarer<'_, u64, ()>, &Stream<u64>) -> Stream<()>,
             spouts: usize| {
                let (seen, mut topology) = (Seen::default(), TopologyBuilder::new(config.clone()));
                let numbers = topology.set_spout("numbers", spouts, |_| Counter::new(90));
                let bolt = topology.set_bolt("sink", 3, remember(&seen));
                let _ = subscribe(bolt, &numbers);
                run(topology);
                std::mem::take(&mut *seen.lock().expect("no panic"))
            };
        let of_task = |seen: &[(usize, u64)], task| -> Vec<u64> {
            seen.iter().filter(|(at, _)| *at == task).map(|(_, n)| *n).collect()
        };
        let shuffled = group(|bolt, numbers| bolt.shuffle_grouping(numbers).stream(), 1);
        for task in 0..3 {
            assert_eq!(of_task(&shuffled, task).len(), 30);
        }
        let by_key = group(|b, n| b.fields_grouping(n, |n| (n % 9) << 29).stream(), 2);
        let mut homes: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
        by_key.iter().for_each(|(task, n)| {
            homes.entry(n % 9).or_default().insert(*task);
        });
        assert_eq!(by_key.len(), 180);
        assert!(homes.values().all(|tasks| tasks.len() == 1), "{homes:?}");
        let global = group(|b, n| b.global_grouping(n).stream(), 2);
        assert_eq!(of_task(&global, 0).len(), 180);
        let forward = group(|b, n| b.forward_grouping(n).stream(), 3);
        for task in 0..3 {
            assert_eq!(of_task(&forward, task), (0..90).collect::<Vec<_>>());
        }
    }
}

#[test]
fn two_subscribers_both_get_everything() {
    for config in settings() {
        let (one, two) = (Seen::default(), Seen::default());
        let mut topology = TopologyBuilder::new(config);
        let numbers = topology.set_spout("numbers", 1, |_| Counter::new(50));
        let _ = topology.set_bolt("one", 2, remember(&one)).shuffle_grouping(&numbers);
        let _ = topology.set_bolt("two", 1, remember(&two)).shuffle_grouping(&numbers);
        let reports = run(topology);
        assert_eq!(reports[0].total().acked, 50);
        for seen in [one, two] {
            let all: BTreeSet<u64> =
                seen.lock().expect("no panic").iter().map(|(_, n)| *n).collect();
            assert_eq!(all, (0..50).collect());
        }
    }
}

#[test]
fn what_fails_is_replayed_until_all_is_acked() {
    for config in settings() {
        let mut topology = TopologyBuilder::new(config);
        let numbers = topology.set_spout("numbers", 2, |_| Counter::new(200));
        let double = |_: &TaskContext| {
            function(|input: Input<'_, u64>, out: &mut Collector<u64>| {
                out.emit(input.value);
                out.emit(input.value + 1_000);
                Outcome::Ack
            })
        };
        let both = topology.set_bolt("double", 2, double).shuffle_grouping(&numbers).stream();
        // Every seventh tuple fails the first time that a task sees it.
        let picky = |_: &TaskContext| {
            let mut seen = BTreeMap::new();
            function(move |input: Input<'_, u64>, _: &mut Collector<()>| {
                let times: &mut u32 = seen.entry(input.value).or_default();
                *times += 1;
                if input.value.is_multiple_of(7) && *times == 1 {
                    Outcome::Fail
                } else {
                    Outcome::Ack
                }
            })
        };
        let _ = topology
            .set_bolt("picky", 2, picky)
            .fields_grouping(&both, weir_dataflow::hash_of::<u64>);
        let reports = run(topology);
        let (spout, picky) = (reports[0].total(), reports[2].total());
        assert_eq!(spout.acked, 400);
        assert!(picky.failed > 0);
        assert!(spout.failed > 0 && spout.failed <= picky.failed, "{spout:?} {picky:?}");
        assert_eq!(spout.emitted, 400 + spout.failed);
        assert_eq!(spout.timed_out, 0);
    }
}

#[test]
fn a_spout_keeps_to_its_limit_of_open_trees() {
    for limit in [1, 2, 10] {
        for batch in [1, 5, 64] {
            let settings = config(1, batch, true);
            let pending = NonZeroUsize::new(limit);
            let mut topology =
                TopologyBuilder::new(TopologyConfig { max_spout_pending: pending, ..settings });
            let most = Arc::new(AtomicU64::new(0));
            let kept = Arc::clone(&most);
            let numbers = topology.set_spout("numbers", 1, move |_| Counter {
                most_open: Arc::clone(&kept),
                ..Counter::new(100)
            });
            let _ =
                topology.set_bolt("sink", 2, remember(&Seen::default())).shuffle_grouping(&numbers);
            assert_eq!(run(topology)[0].total().acked, 100);
            assert!((1..=limit as u64).contains(&most.load(Ordering::Relaxed)));
        }
    }
}

#[test]
fn a_tuple_may_be_held_and_acked_later() {
    for config in settings() {
        let mut topology = TopologyBuilder::new(config);
        let numbers = topology.set_spout("numbers", 1, |_| Counter::new(101));
        // Acks in pairs, as a windowed bolt would.
        let pairs = |_: &TaskContext| {
            let mut held = None;
            function(move |input: Input<'_, u64>, out: &mut Collector<()>| {
                if input.value == 100 {
                    return Outcome::Ack;
                }
                match held.take() {
                    None => held = Some(input.anchor()),
                    Some(anchor) => {
                        out.ack(anchor);
                        out.ack(input.anchor());
                    }
                }
                Outcome::Hold
            })
        };
        let _ = topology.set_bolt("pairs", 1, pairs).shuffle_grouping(&numbers);
        let total = run(topology)[0].total();
        assert_eq!((total.acked, total.failed, total.timed_out), (101, 0, 0));
    }
}

/// Moves a manual clock from alarm to alarm for as long as `body` runs.
fn with_time<R: Send>(clock: &ManualClock, body: impl FnOnce() -> R + Send) -> R {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                tick(clock);
                std::thread::yield_now();
            }
        });
        let result = body();
        done.store(true, Ordering::Release);
        result
    })
}

#[test]
fn a_tree_that_nobody_finishes_times_out_and_is_replayed() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    for batch in [1, 4] {
        let clock = Arc::new(ManualClock::new());
        let mut topology = TopologyBuilder::new(TopologyConfig {
            message_timeout: TIMEOUT,
            ..config(1, batch, true)
        });
        let numbers = topology.set_spout("numbers", 1, |_| Counter::new(10));
        let forgetful = |_: &TaskContext| {
            let mut seen = BTreeSet::new();
            function(move |input: Input<'_, u64>, _: &mut Collector<()>| {
                if input.value.is_multiple_of(2) && seen.insert(input.value) {
                    Outcome::Hold
                } else {
                    Outcome::Ack
                }
            })
        };
        let _ = topology.set_bolt("forgetful", 1, forgetful).shuffle_grouping(&numbers);
        let topology = topology.build().expect("valid");
        let context = weir_dataflow::RunContext::new(
            Arc::<ManualClock>::clone(&clock),
            Arc::new(all(10)),
            Arc::new(Meter::counting()),
        );
        let reports = with_time(&clock, || topology.run(&context)).expect("the run ends");
        let total = reports[0].total();
        assert_eq!(total.acked, 10);
        assert!(total.timed_out >= 5, "{total:?}");
        assert!(context.now_ns() >= TIMEOUT.as_nanos() as u64);
    }
}

#[test]
fn mistakes_are_values() {
    let bolt = |_: &TaskContext| function(|_: Input<'_, u64>, _: &mut Collector<()>| Outcome::Ack);
    let declare: [(fn(&mut TopologyBuilder, Stream<u64>), TopologyError); 3] = [
        (
            |topology, _| {
                topology.set_spout("__x", 1, |_| Counter::new(1));
            },
            TopologyError::ReservedId { id: "__x".into() },
        ),
        (
            |topology, _| {
                topology.set_spout("numbers", 1, |_| Counter::new(1));
            },
            TopologyError::Duplicate { kind: "Spout", id: "numbers".into() },
        ),
        (
            |topology, _| {
                topology.set_spout("none", 0, |_| Counter::new(1));
            },
            TopologyError::NoTasks { id: "none".into() },
        ),
    ];
    for (declare, error) in declare {
        let mut topology = TopologyBuilder::new(config(1, 1, false));
        let numbers = topology.set_spout("numbers", 2, |_| Counter::new(1));
        declare(&mut topology, numbers);
        assert_eq!(topology.build().expect_err("a mistake"), error);
    }
    let mut topology = TopologyBuilder::new(config(1, 1, false));
    let numbers = topology.set_spout("numbers", 2, |_| Counter::new(1));
    let _ = topology.set_bolt("three", 3, bolt).forward_grouping(&numbers);
    let error = topology.build().expect_err("a mistake").to_string();
    assert!(error.contains("three has 3 tasks") && error.contains("numbers with 2"), "{error}");
    let mut other = TopologyBuilder::new(config(1, 1, false));
    let _ = other.set_bolt("far", 1, bolt).shuffle_grouping(&numbers);
    assert_eq!(
        other.build().expect_err("a mistake"),
        TopologyError::ForeignStream { id: "far".into() }
    );
    let mut alone = TopologyBuilder::new(config(1, 1, false));
    alone.set_spout("numbers", 1, |_| Counter::new(1));
    let _ = alone.set_bolt("alone", 1, bolt);
    assert_eq!(
        alone.build().expect_err("a mistake"),
        TopologyError::NoInputs { id: "alone".into() }
    );
    let mut loved = TopologyBuilder::new(config(1, 1, false));
    let numbers = loved.set_spout("numbers", 1, |_| Counter::new(1));
    for n in 0..257 {
        let _ = loved.set_bolt(&format!("bolt {n}"), 1, bolt).shuffle_grouping(&numbers);
    }
    assert_eq!(
        loved.build().expect_err("too many"),
        TopologyError::Subscriptions { id: "numbers".into(), subscriptions: 257, most: 256 }
    );
    let nothing = TopologyBuilder::new(config(1, 1, false));
    assert_eq!(nothing.build().expect_err("a mistake"), TopologyError::NoSpout);
}
