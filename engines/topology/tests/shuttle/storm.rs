//! Storm's form, on a local cluster.

use crate::{SharedWorld, explore, once_in};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_topology::{
    ComponentError, ComponentResult, Config, KillOptions, LocalCluster, OutputCollector,
    OutputFieldsDeclarer, RichBolt, RichSpout, SpoutOutputCollector, StormTopology,
    TopologyBuilder, Tuple, Value, values,
};

const NUMBERS: u64 = 3;
const EFFECTS: u64 = 2;

struct Numbers(SharedWorld);

fn number(message_id: &Value) -> u64 {
    message_id.as_int().and_then(|id| u64::try_from(id).ok()).expect("a number")
}

impl RichSpout for Numbers {
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        if let Some(number) = self.0.take(NUMBERS) {
            out.emit(values![number as i64], number as i64)?;
        }
        Ok(())
    }
    fn ack(&mut self, message_id: Value) -> ComponentResult {
        self.0.acked(number(&message_id), EFFECTS);
        Ok(())
    }
    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.0.failed(number(&message_id));
        Ok(())
    }
    fn is_exhausted(&self) -> bool {
        let world = self.0.lock();
        world.next == NUMBERS && world.owed.is_empty()
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number"]);
    }
}

/// A bolt that may be unlucky. One that dies and comes again does not die of the first that it does then:
/// there would be a pause before it came once more, and models know of no time.
struct Luck {
    perils: bool,
    may_die: bool,
}

/// Makes the luck of bolts. Those of the first `tasks` come before anybody has died.
fn lucks(perils: bool, tasks: usize) -> impl Fn() -> Luck + Send + Sync + 'static {
    let made = AtomicUsize::new(0);
    move || Luck { perils, may_die: made.fetch_add(1, Ordering::Relaxed) < tasks }
}

impl Luck {
    /// Fails a tuple, dies with it, or says that it cannot go on, now and then.
    fn mishap(&mut self, tuple: &Tuple, out: &mut OutputCollector) -> Result<bool, ComponentError> {
        let may_die = std::mem::replace(&mut self.may_die, true);
        if !self.perils || !once_in(4) {
            return Ok(false);
        }
        if !may_die || once_in(2) {
            out.fail(tuple);
            return Ok(true);
        }
        if once_in(2) {
            resume_unwind(Box::new("the bolt dies"));
        }
        Err(ComponentError::fatal("the bolt cannot go on"))
    }
}

struct Spread(Luck);

impl RichBolt for Spread {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if self.0.mishap(&tuple, out)? {
            return Ok(());
        }
        for effect in 0..EFFECTS {
            out.emit([&tuple], values![tuple.int("number")?, effect as i64])?;
        }
        out.ack(&tuple);
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number", "effect"]);
    }
}

struct Effects(SharedWorld, Luck);

impl RichBolt for Effects {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if self.1.mishap(&tuple, out)? {
            return Ok(());
        }
        let (number, effect) = (tuple.int("number")?, tuple.int("effect")?);
        self.0.has_effect(number.unsigned_abs(), effect.unsigned_abs());
        out.ack(&tuple);
        Ok(())
    }
    fn declare_output_fields(&self, _: &mut OutputFieldsDeclarer) {}
}

fn topology(world: &SharedWorld, perils: bool) -> (StormTopology, Config) {
    let mut builder = TopologyBuilder::new();
    let (to_spout, to_bolt) = (world.clone(), world.clone());
    builder.set_spout("numbers", move || Numbers(to_spout.clone()), 1);
    // The builder makes one of each to ask for its fields.
    let (spread, effect) = (lucks(perils, 3), lucks(perils, 3));
    builder
        .set_bolt("spread", move || Spread(spread()), 1)
        .set_num_tasks(2)
        .shuffle_grouping("numbers");
    let effects = move || Effects(to_bolt.clone(), effect());
    builder.set_bolt("effects", effects, 2).fields_grouping("spread", ["number"]);
    let conf = Config::new()
        .set(Config::WEIR_EXECUTOR_RESTARTS, -1)
        .set(Config::TOPOLOGY_ACKER_EXECUTORS, 1)
        .set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, 1);
    (builder.create_topology().expect("a topology"), conf)
}

/// Bolts fail and die, are started again, and nothing is lost. The cluster's time stands still; when
/// it says that all is quiet, all is done.
#[test]
fn every_number_is_acked_after_its_effects_whatever_goes_wrong() {
    for perils in [false, true] {
        explore(move || {
            let world = SharedWorld::default();
            let (topology, conf) = topology(&world, perils);
            let cluster = LocalCluster::with_simulated_time();
            // It is quiet when this returns.
            let running = cluster.submit_topology("storm", conf, topology).expect("submitted");
            world.check(NUMBERS, EFFECTS);
            let summary = running.join().expect("it ends");
            let totals: Vec<_> = summary.components.iter().map(|c| (&*c.id, c.total())).collect();
            let spout = totals.iter().find(|(id, _)| *id == "numbers").expect("the spout").1;
            assert_eq!((spout.acked, spout.timed_out), (NUMBERS, 0), "{totals:?}");
            assert!(perils || spout.failed == 0, "{totals:?}");
        });
    }
}

/// A topology that is killed at whatever moment ends, and has acked nothing early or twice.
#[test]
fn a_topology_can_be_killed_at_any_moment() {
    explore(|| {
        let world = SharedWorld::default();
        let (topology, conf) = topology(&world, true);
        // Quiet is not waited for on the system's clock, and time is not looked at.
        let cluster = LocalCluster::new();
        let running = cluster.submit_topology("storm", conf, topology).expect("submitted");
        let summary = running.kill(KillOptions::NOW).expect("it ends");
        assert_eq!(summary.components.len(), 4);
        let world = world.lock();
        assert_eq!(world.early, []);
        assert!(world.acks.values().all(|acks| *acks == 1), "{:?}", world.acks);
    });
}
