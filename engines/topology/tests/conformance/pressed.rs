//! Receive queues, batches and back-pressure as a topology has them that runs.

use crate::stage::{FnBolt, lock, text};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, SystemClock};
use weir_topology::{
    ComponentResult, Config, KillOptions, LocalCluster, OutputFieldsDeclarer, RichSpout,
    RunningTopology, SpoutOutputCollector, TopologyBuilder, values,
};

const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGES: usize = 2_000;

/// Looks again and again, but not for ever.
fn await_that(what: &str, seen: impl Fn() -> bool) -> Result<(), String> {
    let clock = SystemClock::new();
    while !seen() {
        if clock.now_ns() > PATIENCE.as_nanos() as u64 {
            return Err(format!("it never comes to {what}"));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// How the queues of a topology are.
#[derive(Clone, Copy)]
pub(crate) struct Queues {
    pub(crate) size: usize,
    pub(crate) batch: usize,
    pub(crate) dynamic: bool,
}

impl Queues {
    fn conf(self) -> Result<Config, String> {
        let int = |count: usize| i64::try_from(count).map_err(text);
        Ok(Config::new()
            .set(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE, int(self.size)?)
            .set(Config::TOPOLOGY_PRODUCER_BATCH_SIZE, int(self.batch)?)
            .set(Config::TOPOLOGY_PRODUCER_BATCH_DYNAMIC, self.dynamic))
    }
}

/// What a spout and those who watch it have in common.
#[derive(Clone, Default)]
struct Watched {
    may_begin: Arc<AtomicBool>,
    emitted: Arc<AtomicUsize>,
}

/// Emits rounds of numbers, each with its stream, once it may begin.
#[derive(Clone)]
struct Numbers {
    rounds: std::vec::IntoIter<Vec<(&'static str, i64)>>,
    watched: Watched,
}

impl Numbers {
    fn new(rounds: Vec<Vec<(&'static str, i64)>>, watched: &Watched) -> Self {
        Self { rounds: rounds.into_iter(), watched: watched.clone() }
    }
}

impl RichSpout for Numbers {
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        if !self.watched.may_begin.load(Ordering::Acquire) {
            return Ok(());
        }
        for (stream, number) in self.rounds.next().unwrap_or_default() {
            out.emit_to(stream, values![number], number)?;
            self.watched.emitted.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        for stream in ["default", "side"] {
            declarer.declare_stream(stream, ["number"]);
        }
    }
}

/// Numbers in the order in which a bolt got them.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<i64>>>);

impl Seen {
    fn numbers(&self) -> Vec<i64> {
        lock(&self.0).clone()
    }

    fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// A bolt that asks for leave before each tuple.
    fn bolt(&self, leave: impl Fn() + Send + Sync + 'static) -> FnBolt {
        let seen = self.clone();
        FnBolt::new(&[], move |_, tuple, out| {
            leave();
            lock(&seen.0).push(tuple.int("number")?);
            out.ack(tuple);
            Ok(())
        })
    }
}

/// A gate that lets one tuple through for each word.
fn gate() -> (Sender<()>, impl Fn() + Send + Sync + Clone) {
    let (open, gate): (Sender<()>, Receiver<()>) = bounded(1);
    // Once nobody holds it any more, it stands open.
    let wait = move || {
        let _ = gate.recv();
    };
    (open, wait)
}

fn submit(
    cluster: &LocalCluster,
    queues: Queues,
    builder: TopologyBuilder,
) -> Result<Arc<RunningTopology>, String> {
    let topology = builder.create_topology().map_err(text)?;
    cluster.submit_topology("queues", queues.conf()?, topology).map_err(text)
}

fn end(running: &RunningTopology) -> Result<(), String> {
    running.kill(KillOptions::NOW).map(drop).map_err(text)
}

fn one_by_one(numbers: std::ops::Range<i64>) -> Vec<Vec<(&'static str, i64)>> {
    numbers.map(|number| vec![("default", number)]).collect()
}

/// What a bolt gets of so many producers that emit 0, 1, 2 and so on, and of one that emits `first`
/// before they begin.
pub(crate) fn produced(
    queues: Queues,
    producers: usize,
    first: Option<i64>,
) -> Result<Vec<i64>, String> {
    let (cluster, seen, mut builder) =
        (LocalCluster::new(), Seen::default(), TopologyBuilder::new());
    let watched = [Watched::default(), Watched::default()];
    watched[0].may_begin.store(true, Ordering::Release);
    let rounds = first.map(|first| vec![("default", first)]).into_iter().collect();
    let spout = Numbers::new(rounds, &watched[0]);
    builder.set_spout("first", move || spout.clone(), 1);
    let spout = Numbers::new(one_by_one(0..MESSAGES as i64), &watched[1]);
    builder.set_spout("producers", move || spout.clone(), producers);
    let bolt = seen.bolt(|| {});
    let _ = builder
        .set_bolt("seen", move || bolt.clone(), 1)
        .global_grouping("first")
        .global_grouping("producers");
    let running = submit(&cluster, queues, builder)?;
    let before = usize::from(first.is_some());
    await_that("the first", || watched[0].emitted.load(Ordering::Acquire) == before)?;
    if !running.await_processed(before as u64, PATIENCE) {
        return Err("the first is not processed".into());
    }
    watched[1].may_begin.store(true, Ordering::Release);
    await_that("the last", || seen.count() == before + producers * MESSAGES)?;
    end(&running)?;
    Ok(seen.numbers())
}

/// Fills the queue of a bolt that does nothing, and lets that take the messages one by one. The
/// producer gets on as far as there is room, and no further: one message may be in the bolt's hands,
/// one in its own. It is woken when half of the room is free, and looks by itself before that: with each
/// message that is let go, one more comes. Returns the messages in the order in which they came.
pub(crate) fn pressed(queues: Queues, messages: usize) -> Result<Vec<i64>, String> {
    let (cluster, seen, mut builder) =
        (LocalCluster::new(), Seen::default(), TopologyBuilder::new());
    let watched = Watched::default();
    watched.may_begin.store(true, Ordering::Release);
    let spout = Numbers::new(one_by_one(0..messages as i64), &watched);
    builder.set_spout("producer", move || spout.clone(), 1);
    let (open, leave) = gate();
    let bolt = seen.bolt(leave);
    let _ = builder.set_bolt("seen", move || bolt.clone(), 1).global_grouping("producer");
    let running = submit(&cluster, queues, builder)?;
    let emitted = || watched.emitted.load(Ordering::Acquire);
    for done in 0..messages {
        let full = messages.min(done + queues.size);
        await_that("a queue that is full", || emitted() >= full)?;
        let most = done + queues.size + 2;
        if emitted() > most {
            return Err(format!("{} emitted, and at most {most} have room", emitted()));
        }
        open.send(()).map_err(text)?;
        await_that("the next message", || seen.count() > done)?;
    }
    end(&running)?;
    Ok(seen.numbers())
}

/// Emits to a bolt whose queue is full, and then to one whose queue is empty. Returns how many messages
/// the first had let go when the second got its own.
pub(crate) fn overtaken(queues: Queues, messages: usize) -> Result<usize, String> {
    let (cluster, mut builder) = (LocalCluster::new(), TopologyBuilder::new());
    let (full, side, watched) = (Seen::default(), Seen::default(), Watched::default());
    watched.may_begin.store(true, Ordering::Release);
    let mut round: Vec<_> = (0..messages as i64).map(|number| ("default", number)).collect();
    round.push(("side", -1));
    let spout = Numbers::new(vec![round], &watched);
    builder.set_spout("producer", move || spout.clone(), 1);
    let (open, leave) = gate();
    let bolt = full.bolt(leave);
    let _ = builder.set_bolt("full", move || bolt.clone(), 1).global_grouping("producer");
    let done = full.clone();
    let at = Arc::new(Mutex::new(None));
    let note = Arc::clone(&at);
    let bolt = side.bolt(move || *lock(&note) = Some(done.count()));
    let _ = builder.set_bolt("open", move || bolt.clone(), 1).global_grouping(("producer", "side"));
    let running = submit(&cluster, queues, builder)?;
    for done in 0..messages {
        open.send(()).map_err(text)?;
        await_that("the next message", || full.count() > done)?;
    }
    await_that("the open queue", || side.count() == 1)?;
    end(&running)?;
    let at = *lock(&at);
    at.ok_or_else(|| "nothing came".into())
}
