//! A topology with state on disk, killed (`SIGKILL`) at random moments and started again, many times: the
//! counts are what they would be without, to the last word.
//!
//! The test starts itself as the program: `program` is that when the environment says so.

#[path = "../../examples/stateful_word_count/components.rs"]
mod components;

use components::{Count, Lines, Split, counts_in};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use weir_dataflow::{Alarm, Clock, SystemClock};
use weir_topology::state::{KeyValue, Namespace, StateProvider};
use weir_topology::{Config, LocalCluster, TopologyBuilder};

const KILLS: usize = 50;
/// Programs run for a random time below this before they are killed.
const LONGEST_LIFE_MS: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(60);
/// About twice what the lives that are killed get done.
const LINES: i64 = 50_000;
const COUNTERS: usize = 2;

const NAME: &str = "kills";
const FOLDER: &str = "WEIR_TOPOLOGY_KILLS_FOLDER";

type Any = Box<dyn std::error::Error>;
type Counts = BTreeMap<String, i64>;

/// Words that the line's number alone decides.
fn line(number: i64) -> String {
    let lots = number.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = |place: u64| format!("word{}", (lots >> (8 * place)) % 61);
    [2, 3, 4, 5].map(word).join(" ")
}

fn program_in(folder: &Path) -> Result<(), Any> {
    let mut builder = TopologyBuilder::new();
    builder.set_spout("lines", || Lines::new(line, LINES), 1);
    builder.set_basic_bolt("split", || Split, 2).shuffle_grouping("lines");
    builder.set_stateful_bolt("count", Count::default, COUNTERS).fields_grouping("split", ["word"]);
    let conf = Config::new()
        .set(Config::TOPOLOGY_STATE_PROVIDER, "disk")
        .set(Config::TOPOLOGY_STATE_PROVIDER_CONFIG, folder.display().to_string())
        .set(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, 100)
        // So much at most is done from checkpoint to checkpoint.
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 250);
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology(NAME, conf, builder.create_topology()?)?;
    running.join()?;
    Ok(())
}

#[test]
fn program() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    if let Err(error) = program_in(Path::new(&folder)) {
        // For whoever reads the test's output.
        let _ = writeln!(std::io::stderr(), "{error}");
        std::process::exit(3);
    }
}

/// Waits on the real clock: what is waited for is another process.
fn pause(clock: &SystemClock, time: Duration) {
    let (_never, nothing) = crossbeam_channel::bounded::<()>(0);
    let alarm: Alarm = clock.alarm(clock.now_ns() + time.as_nanos() as u64);
    let _ = weir_dataflow::receive(&nothing, alarm);
}

/// A program that is killed when it is dropped.
struct Life(Child);

impl Life {
    fn start(folder: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["kills::program", "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("a process"))
    }

    /// Whether it has ended by itself, which it must not with an error.
    fn has_ended(&mut self) -> bool {
        let Some(status) = self.0.try_wait().expect("a child") else { return false };
        let said = self.0.stderr.take().map(BufReader::new).into_iter();
        let said: Vec<String> =
            said.flat_map(|lines| lines.lines().map_while(Result::ok)).collect();
        assert!(status.success(), "the program ended, {status}: {}", said.join("\n"));
        true
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Numbers that only the seed decides.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % end
    }
}

fn counts(provider: &StateProvider) -> Counts {
    let mut counts = Counts::new();
    for task in 0..COUNTERS {
        let (topology, component) = (NAME.to_owned(), "count".to_owned());
        let state: KeyValue<_, i64> =
            provider.key_value(&Namespace { topology, component, task }).expect("a state");
        for (word, count) in counts_in(&state).expect("counts") {
            let other = counts.insert(word, count);
            assert_eq!(other, None, "a word has one task");
        }
    }
    counts
}

#[test]
fn counts_are_exact_however_often_the_process_is_killed() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("topology-kills");
    let _ = std::fs::remove_dir_all(&folder);
    let provider = StateProvider::disk(&folder);
    let (clock, mut random, mut behind) = (SystemClock::new(), Random(0x5eed), Vec::new());
    for _ in 0..KILLS {
        let mut life = Life::start(&folder);
        pause(&clock, Duration::from_millis(random.below(LONGEST_LIFE_MS)));
        assert!(!life.has_ended(), "it was done before it could be killed");
        drop(life);
        behind.push(Lines::finished(&provider, NAME, "lines").expect("a number"));
    }
    // The kills were in the midst of the work, not before it or behind.
    assert!(behind.is_sorted(), "{behind:?}");
    behind.dedup();
    assert!(behind.len() > KILLS / 4, "{behind:?}");

    let (mut life, begun) = (Life::start(&folder), clock.now_ns());
    while !life.has_ended() {
        let waited = Duration::from_nanos(clock.now_ns() - begun);
        assert!(waited < PATIENCE, "it is not done after {waited:?}");
        pause(&clock, Duration::from_millis(5));
    }
    let mut oracle = Counts::new();
    for number in 0..LINES {
        line(number).split(' ').for_each(|word| *oracle.entry(word.into()).or_default() += 1);
    }
    assert_eq!(counts(&provider), oracle);
    assert_eq!(Lines::finished(&provider, NAME, "lines").expect("a number"), LINES);
    let _ = std::fs::remove_dir_all(&folder);
}
