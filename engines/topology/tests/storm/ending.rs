//! How topologies end, and what does not end them: who kills, who waits, and who lets go.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use weir_dataflow::{Clock, Received, SystemClock, receive};
use weir_topology::typed::{Report, TaskCounts};
use weir_topology::{
    ComponentResult, Config, FeederSpout, FixedTupleSpout, KillOptions, LocalCluster,
    MockedSources, OutputCollector, RichBolt, RunningTopology, StormTopology, SubmitOptions,
    TopologyBuilder, TopologyError, TopologyStatus, TopologySummary, Tuple, Value, values,
};

/// How long is waited for what must happen.
const PATIENCE_NS: u64 = 20_000_000_000;

/// Does something on a thread of its own, which has begun when this returns.
pub(crate) fn meanwhile<R: Send + 'static>(
    what: impl FnOnce() -> R + Send + 'static,
) -> Meanwhile<R> {
    let (begin, begun) = crossbeam_channel::bounded(1);
    let (end, ended) = crossbeam_channel::bounded(1);
    let body = move || {
        let _ = begin.send(());
        let _ = end.send(what());
    };
    let thread = Builder::new().name("meanwhile".into()).spawn(body).expect("a thread");
    begun.recv().expect("it begins");
    Meanwhile { thread, ended }
}

pub(crate) struct Meanwhile<R> {
    thread: JoinHandle<()>,
    ended: crossbeam_channel::Receiver<R>,
}

impl<R> Meanwhile<R> {
    /// What came of it. It must not take for ever.
    pub(crate) fn result(self) -> R {
        let clock = SystemClock::new();
        let Received::Message(result) = receive(&self.ended, clock.alarm(PATIENCE_NS)) else {
            panic!("it does not end");
        };
        self.thread.join().expect("it ends");
        result
    }
}

/// Acks at once, or at the next tick.
struct Ack {
    at_ticks: bool,
    held: Vec<Tuple>,
}

impl RichBolt for Ack {
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        if tuple.is_tick() {
            self.held.drain(..).for_each(|tuple| collector.ack(&tuple));
        } else if self.at_ticks {
            self.held.push(tuple);
        } else {
            collector.ack(&tuple);
        }
        Ok(())
    }
}

/// A spout and a bolt that acks: at once, or at ticks.
fn acked<S: weir_topology::RichSpout + Clone + Send + Sync + 'static>(
    spout: &S,
    tick_secs: Option<i64>,
) -> StormTopology {
    let (mut builder, spout) = (TopologyBuilder::new(), spout.clone());
    builder.set_spout("spout", move || spout.clone(), 1);
    let at_ticks = tick_secs.is_some();
    let bolt = move || Ack { at_ticks, held: Vec::new() };
    let _ = builder
        .set_bolt("ack", bolt, 1)
        .add_configuration(
            Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS,
            tick_secs.map_or(Value::Null, Value::from),
        )
        .shuffle_grouping("spout");
    builder.create_topology().expect("a topology")
}

fn of_spout(summary: &TopologySummary) -> TaskCounts {
    let spout = summary.components.iter().find(|component| component.id == "spout");
    spout.map(Report::total).unwrap_or_default()
}

fn acked_trees(summary: &TopologySummary) -> u64 {
    of_spout(summary).acked
}

fn feeder() -> FeederSpout {
    FeederSpout::new(["x"]).expect("a field")
}

fn three() -> FixedTupleSpout {
    FixedTupleSpout::new(["x"], [values![1], values![2], values![3]]).expect("a field")
}

/// Threads that wait for the end keep nobody from asking, or from bringing it about.
#[test]
fn who_waits_for_the_end_keeps_nobody_from_killing() {
    for round in 0..20 {
        let cluster = Arc::new(LocalCluster::with_simulated_time());
        let (feeder, name) = (feeder(), format!("endless-{round}"));
        let topology = acked(&feeder, None);
        let running = cluster.submit_topology(&name, Config::new(), topology).expect("submitted");
        let joiners = [0, 1].map(|_| {
            let running = Arc::clone(&running);
            meanwhile(move || running.join())
        });
        feeder.feed(values![1], 1);
        let killer = meanwhile(move || {
            cluster.advance_time(Duration::from_secs(1));
            assert_eq!(running.status(), TopologyStatus::Active);
            running.deactivate();
            assert_eq!(running.status(), TopologyStatus::Inactive);
            running.activate().expect("it is alive");
            let other = acked(&three(), None);
            let _ = cluster.submit_topology("other", Config::new(), other).expect("submitted");
            assert!(running.await_processed(1, Duration::ZERO));
            running.kill(KillOptions::NOW)
        });
        let killed = killer.result().expect("it ends");
        assert_eq!(feeder.status().acked, [Value::from(1)]);
        for joiner in joiners {
            assert_eq!(joiner.result().as_ref(), Ok(&killed));
        }
    }
}

#[test]
fn a_kill_that_waits_can_be_cut_short_but_not_undone() {
    let (cluster, feeder) = (LocalCluster::new(), feeder());
    let topology = acked(&feeder, Some(3_600));
    feeder.feed(values![1], 1);
    let running = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
    assert!(running.await_processed(1, Duration::from_nanos(PATIENCE_NS)));
    let patient = Arc::clone(&running);
    let hour = KillOptions { wait: Duration::from_secs(3_600) };
    let waits = meanwhile(move || patient.kill(hour));
    while running.status() != TopologyStatus::Killed {
        std::thread::yield_now();
    }
    let not_alive = TopologyError::NotAlive { name: "t".into() };
    assert_eq!(running.activate(), Err(not_alive));
    let cut_short = running.kill(KillOptions::NOW).expect("it ends");
    assert_eq!(waits.result(), Ok(cut_short));
}

/// Whoever waits for a topology that was submitted inactive waits until it is activated, or killed.
#[test]
fn the_end_of_an_inactive_topology_is_waited_for() {
    let inactive = SubmitOptions { inactive: true };
    for round in 0..20 {
        let cluster = LocalCluster::new();
        let topology = acked(&three(), None);
        let running =
            cluster.submit_with("t", Config::new(), topology, inactive).expect("submitted");
        let joined = Arc::clone(&running);
        let joiner = meanwhile(move || joined.join());
        let killed = round % 2 == 1;
        if killed {
            running.kill(KillOptions::NOW).expect("it ends");
        } else {
            running.activate().expect("it starts");
        }
        let summary = joiner.result().expect("it ends");
        assert_eq!(running.status(), TopologyStatus::Ended);
        assert_eq!(running.activate(), Err(TopologyError::NotAlive { name: "t".into() }));
        assert_eq!(acked_trees(&summary), if killed { 0 } else { 3 });
    }
}

#[test]
fn a_name_is_free_again_once_its_topology_has_ended() {
    let cluster = LocalCluster::with_simulated_time();
    let submit = |topology| cluster.submit_topology("t", Config::new(), topology);
    let first = submit(acked(&feeder(), None)).expect("submitted");
    let taken = TopologyError::NameTaken { name: "t".into() };
    assert_eq!(submit(acked(&feeder(), None)).err(), Some(taken.clone()));
    assert_eq!(first.status(), TopologyStatus::Active, "the other one does not matter");
    first.kill(KillOptions::NOW).expect("it ends");
    let second = submit(acked(&feeder(), None)).expect("the name is free, whoever has the handle");
    assert_eq!(submit(acked(&feeder(), None)).err(), Some(taken));
    second.kill(KillOptions::NOW).expect("it ends");
    // One that cannot start does not keep its name, either.
    let bad = Config::new().set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, "soon");
    let refused = cluster.submit_topology("t", bad, acked(&three(), None)).err();
    assert!(matches!(refused, Some(TopologyError::BadSetting { .. })), "{refused:?}");
    let third = submit(acked(&three(), None)).expect("the name is free");
    assert_eq!(acked_trees(&third.join().expect("it ends")), 3);
}

/// As in Storm, whoever submits a topology can forget about it.
#[test]
fn what_is_submitted_runs_without_its_handle() {
    let (cluster, feeder) = (LocalCluster::with_simulated_time(), feeder());
    let topology = acked(&feeder, None);
    let _ = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
    feeder.feed(values![1], 1);
    cluster.await_quiet();
    assert_eq!(feeder.status().acked, [Value::from(1)]);
    assert_eq!(cluster.topology("t").map(|t| t.status()), Some(TopologyStatus::Active));
    let summary = cluster.kill_topology("t", KillOptions::NOW).expect("it ends");
    assert_eq!(acked_trees(&summary), 1);
    assert!(cluster.topology("t").is_none());
    let error = cluster.kill_topology("t", KillOptions::NOW).expect_err("it has ended");
    assert!(error.to_string().contains("a topology named t is not alive"), "{error}");
}

#[test]
fn a_topology_ends_with_its_cluster_unless_somebody_has_its_handle() {
    // The cluster is gone at the end of the statement.
    let running = LocalCluster::new()
        .submit_topology("t", Config::new(), acked(&three(), None))
        .expect("submitted");
    assert_eq!(acked_trees(&running.join().expect("it ends")), 3);

    let (forgotten, kept, shut) = (feeder(), feeder(), feeder());
    let cluster = LocalCluster::with_simulated_time();
    let submit = |cluster: &LocalCluster, name, feeder| {
        cluster.submit_topology(name, Config::new(), acked(feeder, None)).expect("submitted")
    };
    let _ = submit(&cluster, "forgotten", &forgotten);
    let handle = submit(&cluster, "kept", &kept);
    drop(cluster);
    for feeder in [&forgotten, &kept] {
        feeder.feed(values![1], 1);
    }
    assert_eq!(handle.status(), TopologyStatus::Active);
    assert!(handle.await_processed(1, Duration::ZERO));
    handle.kill(KillOptions::NOW).expect("it ends");
    assert_eq!((forgotten.status().acked.len(), kept.status().acked.len()), (0, 1));

    let cluster = LocalCluster::with_simulated_time();
    let handle = submit(&cluster, "shut", &shut);
    cluster.shutdown();
    assert_eq!(handle.status(), TopologyStatus::Ended);
}

/// A kill that waits lets open trees go on for so long, on simulated time as well.
#[test]
fn open_trees_may_go_on_for_a_while_when_time_is_simulated() {
    for (wait_secs, want, end_secs) in [(30, 1, 5), (5, 1, 5), (4, 0, 4), (0, 0, 0)] {
        let (cluster, feeder) = (LocalCluster::with_simulated_time(), feeder());
        let topology = acked(&feeder, Some(5));
        feeder.feed(values![1], 1);
        let running = cluster.submit_topology("t", Config::new(), topology).expect("submitted");
        let wait = Duration::from_secs(wait_secs);
        let summary = running.kill(KillOptions { wait }).expect("it ends");
        let acked = acked_trees(&summary);
        let now_secs = cluster.clock().now_ns() / 1_000_000_000;
        assert_eq!((acked, now_secs), (want, end_secs), "a wait of {wait_secs} s");
        // The spout was told what became of it, unless that was not known.
        assert_eq!(feeder.status().acked.len() as u64, want);
    }
}

/// What takes time to complete takes simulated time.
#[test]
fn a_topology_completes_on_simulated_time() {
    for (tick_secs, want) in [(5, 3), (3_600, 0)] {
        let cluster = LocalCluster::with_simulated_time();
        let topology = acked(&three(), Some(tick_secs));
        let completed = meanwhile(move || {
            cluster.complete_topology(topology, Config::new(), MockedSources::new())
        });
        let summary = completed.result().expect("it completes").summary;
        let total = of_spout(&summary);
        // What is not acked times out.
        assert_eq!((total.acked, total.timed_out), (want, 3 - want), "{tick_secs} s");
    }
}

/// Has something to do at every time, and is never done with it.
struct Restless;

impl RichBolt for Restless {
    fn execute(&mut self, _: Tuple, _: &mut OutputCollector) -> ComponentResult {
        Ok(())
    }
    fn wake_at(&self) -> Option<u64> {
        Some(0)
    }
}

/// Whoever submits it waits for ever, unless somebody else kills it, whether trees are open or not.
#[test]
fn a_topology_that_never_gets_quiet_can_be_killed() {
    for wait_secs in [0, 3] {
        let cluster = Arc::new(LocalCluster::with_simulated_time());
        let (feeder, mut builder) = (feeder(), TopologyBuilder::new());
        feeder.feed(values![1], 1);
        let spout = feeder;
        builder.set_spout("spout", move || spout.clone(), 1);
        let _ = builder.set_bolt("restless", || Restless, 1).shuffle_grouping("spout");
        let topology = builder.create_topology().expect("a topology");
        let on = Arc::clone(&cluster);
        let submitted = meanwhile(move || on.submit_topology("t", Config::new(), topology));
        let running = loop {
            let emitted = |running: &RunningTopology| {
                let spout = running.metrics().components.get("spout").cloned();
                spout.is_some_and(|spout| spout.stream("default").emitted.all_time == 1)
            };
            if let Some(running) = cluster.topology("t").filter(|running| emitted(running)) {
                break running;
            }
            std::thread::yield_now();
        };
        let wait = Duration::from_secs(wait_secs);
        let summary = meanwhile(move || running.kill(KillOptions { wait })).result();
        assert_eq!(of_spout(&summary.expect("it ends")).emitted, 1, "a wait of {wait_secs} s");
        assert!(submitted.result().is_ok());
        assert_eq!(cluster.clock().now_ns(), wait_secs * 1_000_000_000);
    }
}
