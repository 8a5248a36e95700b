//! Programs with Trident topologies over stores on disk, killed (`SIGKILL`) at random moments and started
//! again, many times: the counts are what they would be without, to the last number.
//!
//! The test starts itself as the program: `program` is that when the environment says so.

use crate::numbers::{Numbers, counted, key, oracle};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use weir_dataflow::{Clock, SystemClock};
use weir_topology::{ComponentError, Config, Fields, LocalCluster, Value};
use weir_trident::operation::Count;
use weir_trident::spout::{Opaque, Partitioned, TridentSpout};
use weir_trident::state::{
    DiskBacking, MapState, OpaqueMap, OpaqueValue, PartitionId, StateFactory, TransactionalMap,
    TransactionalValue,
};
use weir_trident::store::FileStore;
use weir_trident::{Stream, TridentTopology};

const KILLS: u32 = 50;
/// Programs run for a random time below this before they are killed.
const LONGEST_LIFE_MS: u64 = 250;
/// Milliseconds between batches as long as programs are killed.
const INTERVAL_MS: i64 = 40;
const TASKS: usize = 3;
const PARTITIONS: i64 = 3;
const END: i64 = 3_000;

const KIND: &str = "WEIR_TRIDENT_KILLS_KIND";
const FOLDER: &str = "WEIR_TRIDENT_KILLS_FOLDER";
const INTERVAL: &str = "WEIR_TRIDENT_KILLS_INTERVAL_MS";

type Any = Box<dyn std::error::Error>;

// ---- the programs ----

fn counts(folder: &Path, task: usize) -> PathBuf {
    folder.join(format!("counts-{task}"))
}

fn count<F>(
    folder: &Path,
    interval_ms: i64,
    spouts: Vec<impl TridentSpout>,
    state: F,
) -> Result<(), Any>
where
    F: StateFactory,
    F::State: MapState,
{
    let topology = TridentTopology::with_store(Arc::new(FileStore::open(folder.join("progress"))?));
    let stream =
        |(k, spout)| topology.new_stream(&format!("numbers-{k}"), spout).parallelism_hint(2);
    let streams: Vec<Stream> = spouts.into_iter().enumerate().map(stream).collect();
    topology
        .merge(&streams.iter().collect::<Vec<_>>())
        .map_to(key, ["key"])
        .group_by(["key"])
        .persistent_aggregate(state, Fields::none(), Count, ["count"])
        .parallelism_hint(TASKS);
    let conf = Config::new()
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, interval_ms)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 3);
    LocalCluster::new().submit_topology("kills", conf, topology.build()?)?.join()?;
    Ok(())
}

/// How many spouts have their tuples in common batches.
fn spouts(kind: &str) -> i64 {
    if kind.starts_with("merged") { 2 } else { 1 }
}

fn program_of(kind: &str, folder: &Path, interval_ms: i64) -> Result<(), Any> {
    let (numbers, of) = (|_| Numbers::new(PARTITIONS, END, 5), folder.to_owned());
    let spouts = 0..spouts(kind);
    if kind.ends_with("transactional") {
        let state = move |_: &Config, at: PartitionId| -> Result<_, ComponentError> {
            Ok(TransactionalMap::new(DiskBacking::open(&counts(&of, at.index))?))
        };
        count(folder, interval_ms, spouts.map(numbers).map(Partitioned).collect(), state)
    } else {
        let state = move |_: &Config, at: PartitionId| -> Result<_, ComponentError> {
            Ok(OpaqueMap::new(DiskBacking::open(&counts(&of, at.index))?))
        };
        count(folder, interval_ms, spouts.map(numbers).map(Opaque).collect(), state)
    }
}

#[test]
fn program() {
    let (Ok(kind), Some(folder)) = (std::env::var(KIND), std::env::var_os(FOLDER)) else { return };
    let interval_ms = std::env::var(INTERVAL).ok().and_then(|text| text.parse().ok());
    if let Err(error) = program_of(&kind, Path::new(&folder), interval_ms.unwrap_or(0)) {
        // For whoever reads the test's output.
        let _ = writeln!(std::io::stderr(), "{kind}: {error}");
        std::process::exit(3);
    }
}

// ---- the test's side ----

/// A program that is killed when it is dropped.
struct Life(Child);

impl Life {
    fn start(kind: &str, folder: &Path, interval_ms: i64) -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["kills::program", "--exact", "--nocapture"])
            .env(KIND, kind)
            .env(FOLDER, folder)
            .env(INTERVAL, interval_ms.to_string())
            .stdout(Stdio::null())
            .spawn();
        Self(child.expect("a process"))
    }

    /// Fails if the program has ended by itself: there is too much to do for that.
    fn kill(mut self) {
        let ended = self.0.try_wait().expect("a child");
        assert_eq!(ended, None, "the program ended by itself");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the states hold between two lives.
fn held(kind: &str, folder: &Path) -> BTreeMap<i64, i64> {
    let mut rows = Vec::new();
    for task in 0..TASKS {
        let file = counts(folder, task);
        if kind.ends_with("transactional") {
            let backing = DiskBacking::<TransactionalValue<Value>>::open(&file).expect("a state");
            let entries = backing.entries().expect("entries");
            rows.extend(entries.into_iter().map(|(key, held)| (key, held.value)));
        } else {
            let backing = DiskBacking::<OpaqueValue<Value>>::open(&file).expect("a state");
            let entries = backing.entries().expect("entries");
            rows.extend(entries.into_iter().map(|(key, held)| (key, held.curr)));
        }
    }
    counted(rows)
}

/// Starts a program, kills it many times, and lets it come to its end at last.
fn killed(kind: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("trident-kills-{kind}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let clock = SystemClock::new();
    for number in 0..KILLS {
        let life = Life::start(kind, &folder, INTERVAL_MS);
        // What is waited for is another process.
        let life_ms = weir_dataflow::hash_of(&number) % LONGEST_LIFE_MS;
        clock.sleep_until(clock.now_ns() + life_ms * 1_000_000);
        life.kill();
    }
    let (before, all) = (held(kind, &folder), oracle(spouts(kind) * PARTITIONS, END));
    let sum = |counts: &BTreeMap<i64, i64>| counts.values().sum::<i64>();
    assert!(0 < sum(&before) && sum(&before) < sum(&all), "{} of {}", sum(&before), sum(&all));
    let mut last = Life::start(kind, &folder, 0);
    let ended = last.0.wait().expect("a child");
    assert!(ended.success(), "{ended}");
    assert_eq!(held(kind, &folder), all);
}

#[test]
fn transactional_counts_are_exact() {
    killed("transactional");
}

#[test]
fn opaque_counts_are_exact() {
    killed("opaque");
}

#[test]
fn counts_over_merged_spouts_are_exact() {
    killed("merged-transactional");
    killed("merged-opaque");
}
