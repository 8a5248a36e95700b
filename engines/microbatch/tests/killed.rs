//! Nothing that a receiver was told is stored is lost when the process is killed.
//!
//! A process of its own stores numbers with logs and writes each number that was acknowledged to its
//! output; it is killed at some point. Then its logs are opened again: each of those numbers is in one
//! block, which can be read from the receiver's log, and which belongs to one batch or waits for one.

use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use weir_dataflow::{Alarm, Clock, SystemClock};
use weir_microbatch::receiver::{
    BlockHandler, BlockReports, BlockStore, Codec, Receiver, ReceiverError, ReceiverHandle,
    ReceiverSupervisor, StorageLevel, StoringSink,
};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::{ReceivedBlockInfo, ReceivedBlockTracker};
use weir_microbatch::wal::{WalRegistry, WalRole, driver_log_directory, receiver_log_directory};

/// Processes that are killed, one after the other, on the same logs.
const ROUNDS: u64 = 20;
/// Numbers and batches of a round begin at a multiple of this.
const STEP: u64 = 1_000_000;
/// Threads that store at once.
const STORING: u64 = 3;
/// Set for a process that is to be killed: its round, and the folder of its logs.
const CHILD: &str = "WEIR_TEST_KILLED_CHILD";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    if let Ok(task) = std::env::var(CHILD) {
        let (round, folder) = task.split_once(' ').ok_or("a round and a folder")?;
        return child(round.parse()?, Path::new(folder));
    }
    let folder = tempfile::tempdir()?;
    let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7);
    let mut acknowledged = BTreeSet::new();
    for round in 1..=ROUNDS {
        let lines = random.random_range(1..150);
        acknowledged.extend(kill_after(lines, round, folder.path())?);
        check(&acknowledged, round, folder.path())?;
    }
    writeln!(std::io::stdout(), "{ROUNDS} killed, {} numbers are there", acknowledged.len())?;
    Ok(())
}

/// Runs a process until it has written so many lines, and kills it; what it had acknowledged.
fn kill_after(lines: usize, round: u64, folder: &Path) -> Outcome<Vec<u64>> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(CHILD, format!("{round} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(child.stdout.take().ok_or("an output")?).lines();
    let mut numbers = Vec::new();
    for line in output.by_ref().take(lines) {
        numbers.push(number(&line?).ok_or("a number")?);
    }
    // SIGKILL: nothing in it runs any more.
    child.kill()?;
    let status = child.wait()?;
    assert_eq!(numbers.len(), lines, "round {round} ended by itself: {status}");
    for line in output {
        // A line that is torn acknowledges nothing.
        numbers.extend(number(&line?));
    }
    Ok(numbers)
}

fn number(line: &str) -> Option<u64> {
    line.strip_suffix('.')?.parse().ok()
}

/// The driver's and the receiver's side of stream 0, on the logs in a folder.
struct Logs {
    clock: Arc<dyn Clock>,
    settings: Settings,
    tracker: Arc<ReceivedBlockTracker>,
    handler: Arc<BlockHandler<u64>>,
}

impl Logs {
    fn open(round: u64, folder: &Path) -> Outcome<Self> {
        let clock = Arc::new(Later(SystemClock::new(), round * 10_000_000_000)) as Arc<dyn Clock>;
        let mut settings = Settings::default();
        for role in ["driver", "receiver"] {
            let of =
                |owner: &str, key: &str| format!("{owner}.streaming.{role}.writeAheadLog.{key}");
            // A file for 5 ms, or for one record, and sometimes on the disk for sure.
            let (each, sync) = (round.is_multiple_of(3), round.is_multiple_of(4));
            settings = settings
                .set(&of("spark", "rollingIntervalSecs"), "5ms")
                .set(&of("spark", "closeFileAfterWrite"), each.to_string())
                .set(&of("weir", "sync"), sync.to_string());
        }
        let open = |role, folder: &Path| WalRegistry::new().create(role, &settings, folder, &clock);
        let driver = open(WalRole::Driver, &driver_log_directory(folder))?;
        let log = open(WalRole::Receiver, &receiver_log_directory(folder, 0))?;
        let tracker = ReceivedBlockTracker::new([0], clock.clone(), Some(driver), true)?;
        let store = Arc::new(BlockStore::new(Codec::serde(), 1 << 20));
        let level = StorageLevel::MemoryOnly;
        let handler = Arc::new(BlockHandler::new(store, level, Some(log), clock.clone()));
        Ok(Self { clock, settings, tracker: Arc::new(tracker), handler })
    }
}

/// Checks that each number that was acknowledged is there once, and that every block can be read.
fn check(acknowledged: &BTreeSet<u64>, round: u64, folder: &Path) -> Outcome {
    let logs = Logs::open(round, folder)?;
    let mut blocks = logs.tracker.unallocated_blocks(0);
    for first in (1..=round).map(|round| round * STEP + 1) {
        let batches = (first..).map(|batch| logs.tracker.blocks_of_batch_and_stream(batch, 0));
        blocks.extend(batches.take_while(|blocks| !blocks.is_empty()).flatten());
    }
    let mut there = BTreeSet::new();
    for block in &blocks {
        for number in &*logs.handler.read(block, false)? {
            assert!(there.insert(*number), "round {round}: {number} is there twice");
        }
    }
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "round {round}: {lost:?} were acknowledged and are lost");
    logs.tracker.stop();
    Ok(())
}

/// Stores numbers, gives them to batches, and writes what was acknowledged, until it is killed.
fn child(round: u64, folder: &Path) -> Outcome {
    let Logs { clock, settings, tracker, handler } = Logs::open(round, folder)?;
    let reports = Arc::new(Driver(Arc::clone(&tracker)));
    let sink = StoringSink::new(0, &settings, clock.clone(), handler, reports)?;
    let receiver = Box::new(Numbers { first: round * STEP, threads: Vec::new() });
    let supervisor = ReceiverSupervisor::new(0, receiver, Arc::new(sink), &settings, clock)?;
    supervisor.start()?;
    let mut batch = round * STEP;
    loop {
        if tracker.has_unallocated_received_blocks() {
            batch += 1;
            tracker.allocate_blocks_to_batch(batch)?;
        }
        std::thread::yield_now();
    }
}

struct Driver(Arc<ReceivedBlockTracker>);

impl BlockReports for Driver {
    fn add_block(&self, block: ReceivedBlockInfo) -> Result<(), String> {
        self.0.add_block(block).map_err(|error| error.to_string())
    }
    fn report_error(&self, _: usize, message: &str, cause: &str) {
        panic!("{message}: {cause}");
    }
}

/// Stores numbers from several threads for ever.
struct Numbers {
    first: u64,
    threads: Vec<JoinHandle<()>>,
}

impl Receiver<u64> for Numbers {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        for thread in 0..STORING {
            let (handle, first) = (handle.clone(), self.first + thread);
            let store = move || {
                for number in (first..).step_by(STORING as usize) {
                    handle.store_many(vec![number]).expect("stored");
                    // Who is killed after this has acknowledged it.
                    writeln!(std::io::stdout(), "{number}.").expect("an output");
                }
            };
            let named = std::thread::Builder::new().name(format!("storing-{thread}"));
            self.threads.push(named.spawn(store).expect("a thread"));
        }
        Ok(())
    }
    fn on_stop(&mut self) {
        for thread in self.threads.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

/// A clock that starts later than those of the processes before: names of blocks and files go up.
#[derive(Debug)]
struct Later(SystemClock, u64);

impl Clock for Later {
    fn now_ns(&self) -> u64 {
        self.0.now_ns() + self.1
    }
    fn alarm(&self, deadline_ns: u64) -> Alarm {
        self.0.alarm(deadline_ns.saturating_sub(self.1))
    }
}
