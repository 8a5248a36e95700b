//! Nothing is lost: bolts and spouts that fail, hang and die at random, with queues of any size.
//!
//! A spout sends every message again that fails. Whatever goes wrong, each message must be acked in
//! the end, and at that time all its effects must be there.

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::{Config as Runs, TestCaseError};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_topology::{
    ComponentError, ComponentResult, Config, LocalCluster, OutputCollector, OutputFieldsDeclarer,
    RichBolt, RichSpout, SpoutOutputCollector, TopologyBuilder, TopologyContext, Tuple, Value,
    values,
};

/// Effects that a message has.
const EFFECTS: i64 = 3;

/// What happened, as the outside world sees it.
#[derive(Default)]
struct World {
    messages: i64,
    next: i64,
    /// Sent, and neither acked nor failed since.
    open: BTreeSet<i64>,
    owed: BTreeSet<i64>,
    /// How often each message was acked.
    acks: BTreeMap<i64, usize>,
    /// How often each effect of each message happened.
    effects: BTreeMap<(i64, i64), usize>,
    /// Messages that were acked before all their effects had happened.
    early: Vec<i64>,
    /// What decides whether something goes wrong.
    lots: u64,
    /// Something goes wrong once in so many tuples.
    rarity: u64,
}

impl World {
    /// What goes wrong now, if anything: a number below `kinds`.
    fn mishap(&mut self, kinds: u64) -> Option<u64> {
        self.lots = self.lots.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        let lot = self.lots >> 33;
        lot.is_multiple_of(self.rarity).then(|| lot / self.rarity % kinds)
    }
}

type Shared = Arc<Mutex<World>>;

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends numbers, tracked, and sends again what fails. One that dies leaves its successor to send all
/// that was open.
struct Numbers(Shared);

impl RichSpout for Numbers {
    fn open(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        let mut world = lock(&self.0);
        let open = std::mem::take(&mut world.open);
        world.owed.extend(open);
        Ok(())
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        let mut world = lock(&self.0);
        if world.mishap(1).is_some() {
            drop(world);
            resume_unwind(Box::new("the spout dies"));
        }
        let number = match world.owed.pop_first() {
            Some(number) => number,
            None if world.next < world.messages => {
                world.next += 1;
                world.next - 1
            }
            None => return Ok(()),
        };
        world.open.insert(number);
        out.emit(values![number], number)?;
        Ok(())
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        let number = message_id.as_int().unwrap_or(-1);
        let mut world = lock(&self.0);
        world.open.remove(&number);
        *world.acks.entry(number).or_default() += 1;
        if (0..EFFECTS).any(|effect| !world.effects.contains_key(&(number, effect))) {
            world.early.push(number);
        }
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        let number = message_id.as_int().unwrap_or(-1);
        let mut world = lock(&self.0);
        world.open.remove(&number);
        world.owed.insert(number);
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        let world = lock(&self.0);
        world.next == world.messages && world.owed.is_empty()
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number"]);
    }
}

/// Takes each tuple, unless something goes wrong: it fails it, forgets it, dies with it, or says that
/// it cannot go on.
struct Flaky<F>(Shared, F);

impl<F> RichBolt for Flaky<F>
where
    F: Fn(&Tuple, &mut OutputCollector, &Shared) -> ComponentResult + 'static,
{
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        let mishap = lock(&self.0).mishap(4);
        match mishap {
            Some(0) => out.fail(&tuple),
            // It hangs: the tree times out.
            Some(1) => {}
            Some(2) => {
                // Half of the work is done by then.
                (self.1)(&tuple, out, &self.0)?;
                resume_unwind(Box::new("the bolt dies"));
            }
            Some(_) => return Err(ComponentError::fatal("the bolt cannot go on")),
            None => {
                (self.1)(&tuple, out, &self.0)?;
                out.ack(&tuple);
            }
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["number", "effect"]);
    }
}

fn spread(tuple: &Tuple, out: &mut OutputCollector, _: &Shared) -> ComponentResult {
    for effect in 0..EFFECTS {
        out.emit([tuple], values![tuple.int("number")?, effect])?;
    }
    Ok(())
}

fn take_effect(tuple: &Tuple, _: &mut OutputCollector, world: &Shared) -> ComponentResult {
    let effect = (tuple.int("number")?, tuple.int("effect")?);
    *lock(world).effects.entry(effect).or_default() += 1;
    Ok(())
}

#[derive(Clone, Debug)]
struct Setting {
    executors: usize,
    tasks: usize,
    ackers: i64,
    queue: i64,
    batch: i64,
    pending: Option<i64>,
    seed: u64,
}

fn run(setting: &Setting, messages: i64, rarity: u64) -> Result<World, TestCaseError> {
    let lots = setting.seed;
    let world: Shared = Arc::new(Mutex::new(World { messages, lots, rarity, ..World::default() }));
    let mut builder = TopologyBuilder::new();
    let (spout, first, last) = (Arc::clone(&world), Arc::clone(&world), Arc::clone(&world));
    builder.set_spout("numbers", move || Numbers(Arc::clone(&spout)), 1);
    builder
        .set_bolt("spread", move || Flaky(Arc::clone(&first), spread), setting.executors)
        .set_num_tasks(setting.tasks)
        .shuffle_grouping("numbers");
    builder
        .set_bolt("effects", move || Flaky(Arc::clone(&last), take_effect), setting.executors)
        .fields_grouping("spread", ["number"]);
    let conf = Config::new()
        .set(Config::WEIR_EXECUTOR_RESTARTS, -1)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 0.05)
        .set(Config::TOPOLOGY_ACKER_EXECUTORS, setting.ackers)
        .set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, setting.queue)
        .set(Config::TOPOLOGY_PRODUCER_BATCH_SIZE, setting.batch)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, setting.pending);
    let topology = builder.create_topology().expect("a topology");
    let running = LocalCluster::new();
    let running = running.submit_topology("faults", conf, topology).expect("submitted");
    let summary = running.join().map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(summary.components.len(), 4);
    Ok(std::mem::take(&mut *lock(&world)))
}

fn nothing_is_lost(world: &World) -> Result<(), TestCaseError> {
    prop_assert_eq!(&world.early, &[], "acked before their effects");
    let acked: BTreeSet<i64> = world.acks.keys().copied().collect();
    prop_assert_eq!(acked, (0..world.messages).collect::<BTreeSet<_>>());
    prop_assert_eq!(world.effects.len() as i64, world.messages * EFFECTS);
    Ok(())
}

#[test]
fn nothing_is_lost_when_things_go_wrong_once_in_a_thousand_tuples() {
    for (queue, batch, executors) in [(1, 1, 1), (1, 1, 3), (64, 10, 2), (32_768, 1, 2)] {
        let setting = Setting {
            executors,
            tasks: executors + 1,
            ackers: 1,
            queue,
            batch,
            pending: Some(1000),
            seed: 17,
        };
        let world = run(&setting, 5_000, 1_000).expect("it ends");
        nothing_is_lost(&world).expect("nothing is lost");
        assert!(world.acks.values().sum::<usize>() >= 5_000);
    }
}

fn settings() -> impl Strategy<Value = Setting> {
    let queue = prop_oneof![Just(1i64), Just(2), Just(100)];
    let numbers = (1..4usize, 0..3usize, 1..4i64, queue, 1..20i64);
    let pending = proptest::option::of(1..50i64);
    (numbers, pending, any::<u64>()).prop_map(
        |((executors, more, ackers, queue, batch), pending, seed)| Setting {
            executors,
            tasks: executors + more,
            ackers,
            queue,
            batch,
            pending,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(Runs { cases: 24, ..Runs::default() })]

    #[test]
    fn nothing_is_lost_however_often_things_go_wrong(
        setting in settings(),
        messages in 0..200i64,
        rarity in 8..200u64,
    ) {
        let world = run(&setting, messages, rarity)?;
        nothing_is_lost(&world)?;
        prop_assert!(world.acks.values().all(|acks| *acks >= 1));
    }
}
