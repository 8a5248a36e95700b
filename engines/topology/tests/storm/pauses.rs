//! Executors that are down for a while, because they die again and again: when they pause, and what
//! the rest does meanwhile.

use crate::deaths::{die, restarts, submit};
use crate::ending::meanwhile;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_topology::{
    ComponentResult, Config, KillOptions, LocalCluster, OutputCollector, OutputFieldsDeclarer,
    RichBolt, RichSpout, SpoutOutputCollector, StormTopology, TopologyBuilder, TopologyContext,
    Tuple, Value, values,
};

/// How long is waited for what must happen.
const LONG: Duration = Duration::from_secs(20);

/// Where a component dies, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    NextTuple,
    Ack,
    Execute,
    WakeAt,
}

/// A spout or bolt that starts well, and dies of its work.
#[derive(Clone)]
struct Hopeless {
    place: Place,
    deaths: Arc<AtomicUsize>,
    /// Whether its message has been sent, and has not failed since.
    sent: bool,
}

impl Hopeless {
    fn new(place: Place) -> Self {
        Self { place, deaths: Arc::default(), sent: false }
    }

    fn at(&self, place: Place) {
        if place == self.place {
            self.deaths.fetch_add(1, Ordering::SeqCst);
            die();
        }
    }
}

impl RichSpout for Hopeless {
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.at(Place::NextTuple);
        if !std::mem::replace(&mut self.sent, true) {
            out.emit(values![1], 1)?;
        }
        Ok(())
    }
    fn ack(&mut self, _: Value) -> ComponentResult {
        self.at(Place::Ack);
        Ok(())
    }
    fn fail(&mut self, _: Value) -> ComponentResult {
        self.sent = false;
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

impl RichBolt for Hopeless {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.at(Place::Execute);
        out.ack(&tuple);
        Ok(())
    }
    fn wake_at(&self) -> Option<u64> {
        self.at(Place::WakeAt);
        None
    }
}

fn hopeless(who: &Hopeless) -> StormTopology {
    let (spout, bolt) = (who.clone(), who.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || spout.clone(), 1);
    let _ = builder.set_bolt("bolt", move || bolt.clone(), 1).shuffle_grouping("spout");
    builder.create_topology().expect("a topology")
}

/// To have started is no success: what dies of its first work each time would do so for ever, at one
/// and the same time of a clock that stands still.
#[test]
fn what_dies_of_its_first_work_pauses_between_starts() {
    for place in [Place::NextTuple, Place::Ack, Place::Execute, Place::WakeAt] {
        let (who, cluster) = (Hopeless::new(place), Arc::new(LocalCluster::with_simulated_time()));
        let (topology, on) = (hopeless(&who), Arc::clone(&cluster));
        let running = meanwhile(move || submit(&on, topology, restarts(-1))).result();
        let mut deaths = vec![who.deaths.load(Ordering::SeqCst)];
        let ms = Duration::from_millis;
        for (time, step) in [(9, 1), (1, 1), (19, 1), (1, 1), (20_000, 1_000)] {
            cluster.advance_time_in_steps(ms(time), ms(step));
            deaths.push(who.deaths.load(Ordering::SeqCst));
        }
        // What comes for a bolt that is down gets lost, and nothing else comes before that times out.
        let want = if place == Place::Execute { [2; 6] } else { [2, 2, 3, 3, 4, 24] };
        assert_eq!(deaths, want, "{place:?}");
        running.kill(KillOptions::NOW).expect("it ends");
    }
}

/// Sends three messages at once, and tells what becomes of them.
#[derive(Clone)]
struct Three {
    calls: usize,
    sent: Sender<()>,
    told: Sender<(bool, Option<i64>)>,
}

impl RichSpout for Three {
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.calls += 1;
        match self.calls {
            1 => (1..=3).try_for_each(|id| out.emit(values![id], id).map(drop))?,
            2 => self.sent.send(())?,
            _ => {}
        }
        Ok(())
    }
    fn ack(&mut self, message_id: Value) -> ComponentResult {
        Ok(self.told.send((true, message_id.as_int()))?)
    }
    fn fail(&mut self, message_id: Value) -> ComponentResult {
        Ok(self.told.send((false, message_id.as_int()))?)
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

/// Acks the first message when all are there, dies of the second, and does not start at once.
struct Tired {
    starts: Arc<AtomicUsize>,
    all_there: Receiver<()>,
}

impl RichBolt for Tired {
    fn prepare(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        if self.starts.fetch_add(1, Ordering::SeqCst) == 1 {
            die();
        }
        Ok(())
    }
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        match tuple.int("x")? {
            1 => self.all_there.recv_timeout(LONG)?,
            2 => die(),
            _ => {}
        }
        out.ack(&tuple);
        Ok(())
    }
}

/// What an executor has done is told before it waits to start again, and what it has not done comes
/// afterwards, whether that is in its queue or in the batch at hand.
#[test]
fn what_a_bolt_has_done_is_told_while_it_is_down() {
    for batch in [1, 3] {
        let clock = Arc::new(ManualClock::new());
        let (sent, all_there) = bounded(1);
        let (told, becomes) = bounded(3);
        let starts = Arc::<AtomicUsize>::default();
        let (spout, made) = (Three { calls: 0, sent, told }, Arc::clone(&starts));
        let mut builder = TopologyBuilder::new();
        builder.set_spout("spout", move || spout.clone(), 1);
        let tired = move || Tired { starts: Arc::clone(&made), all_there: all_there.clone() };
        let _ = builder.set_bolt("bolt", tired, 1).shuffle_grouping("spout");
        let topology = builder.create_topology().expect("a topology");
        // The spout tells of new trees at once, though time stands still.
        let conf = restarts(-1)
            .set(Config::TOPOLOGY_PRODUCER_BATCH_SIZE, batch)
            .set(Config::TOPOLOGY_BATCH_FLUSH_INTERVAL_MILLIS, 0);
        let cluster = LocalCluster::on_clock(Arc::<ManualClock>::clone(&clock));
        let running = submit(&cluster, topology, conf);
        let mut first = [(); 2].map(|()| becomes.recv_timeout(LONG));
        first.sort_unstable_by_key(|told| told.ok());
        let started = starts.load(Ordering::SeqCst);
        clock.advance(Duration::from_millis(10));
        assert_eq!(first, [Ok((false, Some(2))), Ok((true, Some(1)))], "batches of {batch}");
        assert_eq!(started, 2, "it is down");
        assert_eq!(becomes.recv_timeout(LONG), Ok((true, Some(3))), "batches of {batch}");
        running.kill(KillOptions::NOW).expect("it ends");
        assert_eq!(running.errors().len(), 2, "batches of {batch}");
    }
}

/// Sends a message, and says when it ends.
#[derive(Clone)]
struct Once(bool, Sender<()>);

impl RichSpout for Once {
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        if !std::mem::replace(&mut self.0, true) {
            out.emit(values![1], 1)?;
        }
        Ok(())
    }
    fn close(&mut self) {
        let _ = self.1.send(());
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

/// Passes a message on when it may.
#[derive(Clone)]
struct Slow {
    has_it: Sender<()>,
    may_go_on: Receiver<()>,
}

impl RichBolt for Slow {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.has_it.send(())?;
        self.may_go_on.recv_timeout(LONG)?;
        out.emit([&tuple], values![1])?;
        out.ack(&tuple);
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

/// Never starts.
#[derive(Clone)]
struct Never(Sender<()>);

impl RichBolt for Never {
    fn prepare(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        self.0.send(())?;
        die()
    }
    fn execute(&mut self, _: Tuple, _: &mut OutputCollector) -> ComponentResult {
        Ok(())
    }
}

/// What is down when a topology ends stays down, and so the topology ends well.
#[test]
fn what_is_down_when_its_topology_ends_does_not_use_up_its_restarts() {
    let clock = Arc::new(ManualClock::new());
    let ((has_it, in_hand), (go_on, may_go_on)) = (bounded(1), bounded(1));
    let ((ends, ended), (attempt, attempts)) = (bounded(1), bounded(8));
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || Once(false, ends.clone()), 1);
    let slow = Slow { has_it, may_go_on };
    let _ = builder.set_bolt("slow", move || slow.clone(), 1).shuffle_grouping("spout");
    let _ = builder.set_bolt("never", move || Never(attempt.clone()), 1).shuffle_grouping("slow");
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::on_clock(Arc::<ManualClock>::clone(&clock));
    let running = submit(&cluster, topology, restarts(2));
    in_hand.recv_timeout(LONG).expect("it has the message");
    for _ in 0..2 {
        attempts.recv_timeout(LONG).expect("there is no pause before the second");
    }
    let killed = Arc::clone(&running);
    let kill = meanwhile(move || killed.kill(KillOptions::NOW));
    ended.recv_timeout(LONG).expect("the spout ends");
    // It is time to try again, but there is nothing to start for.
    clock.advance(Duration::from_millis(10));
    go_on.send(()).expect("it waits");
    let summary = kill.result().expect("it ends well");
    assert_eq!(summary.errors.len(), 2);
    assert!(attempts.is_empty());
}

/// Takes a second for each tuple, of which there are ten.
struct Sluggish {
    clock: Arc<ManualClock>,
    calls: usize,
    told: Arc<AtomicUsize>,
    /// By call, what had been told before.
    so_far: Sender<usize>,
}

impl RichSpout for Sluggish {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        let second = Duration::from_secs(1);
        context.register_metric("calls", weir_topology::metrics::CountMetric::default(), second)?;
        Ok(())
    }
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.so_far.send(self.told.load(Ordering::SeqCst))?;
        self.calls += 1;
        self.clock.advance(Duration::from_secs(1));
        out.emit(values![1], Value::Null)?;
        Ok(())
    }
    fn is_exhausted(&self) -> bool {
        self.calls == 10
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

/// A spout that always has something, and takes long for it, does what is due in between.
#[test]
fn the_metrics_of_a_slow_spout_are_told_when_it_is_time() {
    let (clock, told) = (Arc::new(ManualClock::new()), Arc::<AtomicUsize>::default());
    let (say, said) = bounded(16);
    let mut builder = TopologyBuilder::new();
    let (moved, tells) = (Arc::clone(&clock), Arc::clone(&told));
    let sluggish = move || Sluggish {
        clock: Arc::clone(&moved),
        calls: 0,
        told: Arc::clone(&tells),
        so_far: say.clone(),
    };
    builder.set_spout("spout", sluggish, 1);
    let topology = builder.create_topology().expect("a topology");
    let cluster = LocalCluster::on_clock(clock);
    cluster.register_metrics_consumer(
        move |_: &weir_topology::metrics::TaskInfo, _: &[weir_topology::metrics::DataPoint]| {
            told.fetch_add(1, Ordering::SeqCst);
        },
    );
    submit(&cluster, topology, Config::new()).join().expect("it ends");
    let so_far: Vec<_> = said.try_iter().collect();
    assert_eq!(so_far, (0..10).collect::<Vec<_>>());
}
