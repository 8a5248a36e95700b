//! Programs with checkpoints, killed (`SIGKILL`) at random moments and started again, many times: state is
//! what it would be without, to the last record.
//!
//! The test starts itself as the program: `program` is that when the environment says so.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Alarm, Clock, SystemClock};
use weir_microbatch::checkpoint_files::list;
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{
    Cut, DStream, DirectSource, ReadRange, Recovery, SparkConf, StreamingContext, StreamingError,
    TaskContext, TaskError, Time,
};

const KILLS: u32 = 50;
/// Programs run for a random time below this before they are killed.
const LONGEST_LIFE_MS: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(60);
const BATCH: Duration = Duration::from_millis(20);
const STATE: Duration = Duration::from_millis(100);

const KIND: &str = "WEIR_KILLS_KIND";
const FOLDER: &str = "WEIR_KILLS_FOLDER";

type Any = Box<dyn std::error::Error>;
type Counts = BTreeMap<String, u64>;

// ---- the programs ----

/// What the folder of a test holds.
fn checkpoints(folder: &Path) -> PathBuf {
    folder.join("checkpoints")
}

fn input(folder: &Path) -> PathBuf {
    folder.join("input")
}

fn result(folder: &Path) -> PathBuf {
    folder.join("result.json")
}

fn acknowledged(folder: &Path) -> PathBuf {
    folder.join("acknowledged")
}

fn program_of(kind: &str, folder: &Path) -> Result<(), Any> {
    let ssc = Recovery::from_dir(checkpoints(folder)).get_or_create(|checkpoint| {
        let new = SparkConf::new()
            .set_master("local[2]")
            .set("spark.streaming.receiver.writeAheadLog.enable", true)
            .set("spark.streaming.fileStream.minRememberDuration", "10s")
            // What is killed is the process, not the machine.
            .set("weir.streaming.checkpoint.sync", false);
        let conf = checkpoint.map_or(new.clone(), |checkpoint| checkpoint.conf_in(&new));
        let ssc = StreamingContext::from_conf(&conf, BATCH)?;
        ssc.checkpoint(checkpoints(folder))?;
        match kind {
            "files" => {
                let lines = ssc.text_file_stream(&input(folder).display().to_string())?;
                let split = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
                count(&lines.flat_map(split)?, folder)?;
            }
            "direct" => count(&ssc.direct_stream(Words)?, folder)?,
            _ => {
                let numbers = Numbers { folder: folder.to_owned(), thread: None };
                count(&ssc.receiver_stream(numbers)?.map(|n: u64| n.to_string())?, folder)?;
            }
        }
        Ok::<_, StreamingError>(ssc)
    })?;
    ssc.start()?;
    Ok(ssc.await_termination()?)
}

/// Counts the words since the start, and leaves all counts in a file, whole, after every batch.
fn count(words: &DStream<String>, folder: &Path) -> Result<(), StreamingError> {
    let counts = words
        .map(|word| (word, 1))?
        .update_state_by_key(|ones, count| Some(ones.sum::<u64>() + count.unwrap_or(0)), 2)?;
    counts.checkpoint(STATE)?;
    let (to, temporary) = (result(folder), folder.join(format!("result-{}", std::process::id())));
    counts.foreach_rdd(move |rdd, _| {
        let counts: Counts = rdd.collect()?.into_iter().collect();
        let text = serde_json::to_string(&counts).expect("counts as JSON");
        fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &to)).expect("a file");
        Ok(())
    })
}

/// Record *i* is a word that *i* alone decides; how far a batch goes is decided by its time.
struct Words;

const WORDS: u64 = 300_000;

fn word(i: u64) -> String {
    format!("word{}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

impl ReadRange<String> for Words {
    fn read(
        &self,
        range: Range<u64>,
        _: &TaskContext,
        sink: &mut dyn FnMut(String),
    ) -> Result<(), TaskError> {
        range.map(word).for_each(sink);
        Ok(())
    }
}

impl DirectSource<String> for Words {
    fn cut(&self, from: u64, time: Time) -> Cut {
        // Some hundred words, more or fewer.
        let until = (from + 500 + time.as_ms() % 700).min(WORDS);
        Cut { until, pieces: None, ended: false }
    }
}

/// Stores numbers, in blocks, and acknowledges each block in a file once it is stored. A new life goes on
/// behind the last number that was acknowledged.
struct Numbers {
    folder: PathBuf,
    thread: Option<JoinHandle<()>>,
}

fn last_acknowledged(folder: &Path) -> u64 {
    let file = fs::read_to_string(acknowledged(folder)).unwrap_or_default();
    // What a kill has cut off was not acknowledged.
    let whole = file.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().next_back().and_then(|line| line.parse().ok()).unwrap_or(0)
}

impl Receiver<u64> for Numbers {
    fn on_start(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let folder = self.folder.clone();
        let body = move || {
            let open = fs::OpenOptions::new().create(true).append(true).open(acknowledged(&folder));
            let mut file = open.expect("a file");
            let (mut next, clock) = (last_acknowledged(&folder) + 1, SystemClock::new());
            // A line that a kill has cut off is ended here.
            file.write_all(format!("{}\n", next - 1).as_bytes()).expect("a line");
            while !handle.is_stopped() {
                let block: Vec<u64> = (next..next + 10).collect();
                if handle.store_many(block).is_err() {
                    return;
                }
                next += 10;
                file.write_all(format!("{}\n", next - 1).as_bytes()).expect("a line");
                pause(&clock, 1);
            }
        };
        let thread = std::thread::Builder::new().name("numbers".into()).spawn(body);
        self.thread = Some(thread.map_err(|error| ReceiverError::Failed(error.to_string()))?);
        Ok(())
    }
    fn on_stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn program() {
    let (Ok(kind), Some(folder)) = (std::env::var(KIND), std::env::var_os(FOLDER)) else { return };
    if let Err(error) = program_of(&kind, Path::new(&folder)) {
        // For whoever reads the test's output.
        let _ = writeln!(std::io::stderr(), "{kind}: {error}");
        std::process::exit(3);
    }
}

// ---- the test's side ----

/// Waits on the real clock: what is waited for is another process.
fn pause(clock: &SystemClock, ms: u64) {
    let (_never, nothing) = crossbeam_channel::bounded::<()>(0);
    let alarm: Alarm = clock.alarm(clock.now_ns() + ms * 1_000_000);
    let _ = weir_dataflow::receive(&nothing, alarm);
}

/// A program that is killed when it is dropped.
struct Life(Child);

impl Life {
    fn start(kind: &str, folder: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["kills::program", "--exact", "--nocapture"])
            .env(KIND, kind)
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("a process"))
    }

    /// Fails if the program has ended by itself: it never should.
    fn kill(mut self) {
        if let Some(status) = self.0.try_wait().expect("a child") {
            let said = self.0.stderr.take().map(BufReader::new).into_iter();
            let said: Vec<String> =
                said.flat_map(|lines| lines.lines().map_while(Result::ok)).collect();
            panic!("the program ended by itself, {status}: {}", said.join("\n"));
        }
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

fn wait(clock: &SystemClock, what: &str, mut done: impl FnMut() -> bool) {
    let begun = clock.now_ns();
    while !done() {
        let waited = Duration::from_nanos(clock.now_ns() - begun);
        assert!(waited < PATIENCE, "{what}: not after {waited:?}");
        pause(clock, 5);
    }
}

/// Starts a program, calls `begin` once it has written a checkpoint, kills it many times, and lets it run
/// at last until `done`.
fn killed(
    kind: &str,
    folder: &Path,
    begin: impl FnOnce(),
    mut done: impl FnMut(&Counts) -> bool,
) -> Counts {
    let (clock, mut random) = (SystemClock::new(), Random(0x5eed));
    let life = Life::start(kind, folder);
    wait(&clock, "a first checkpoint", || {
        list(&checkpoints(folder)).is_ok_and(|files| !files.is_empty())
    });
    begin();
    life.kill();
    for _ in 1..KILLS {
        let life = Life::start(kind, folder);
        pause(&clock, random.below(LONGEST_LIFE_MS));
        life.kill();
    }
    let life = Life::start(kind, folder);
    let mut counts = Counts::new();
    wait(&clock, kind, || {
        let text = fs::read_to_string(result(folder)).unwrap_or_default();
        counts = serde_json::from_str(&text).unwrap_or_default();
        done(&counts)
    });
    life.kill();
    counts
}

fn folder(kind: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kills-{kind}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(input(&folder)).expect("a folder");
    folder
}

#[test]
fn counts_over_a_direct_source_are_exact() {
    let mut oracle = Counts::new();
    (0..WORDS).for_each(|i| *oracle.entry(word(i)).or_default() += 1);
    let folder = folder("direct");
    let counts = killed("direct", &folder, || {}, |counts| counts.values().sum::<u64>() >= WORDS);
    assert_eq!(counts, oracle);
}

/// Makes files until `running` is gone. Returns the words in all of them.
fn make_files(into: &Path, running: &Weak<()>) -> Counts {
    let (clock, mut random, mut oracle) = (SystemClock::new(), Random(17), Counts::new());
    for file in 0_u64.. {
        if running.strong_count() == 0 {
            break;
        }
        let words: Vec<String> =
            (0..=random.below(40)).map(|_| random.below(100).to_string()).collect();
        let path = into.join(format!(".{file}"));
        fs::write(&path, words.join(" ") + "\n").expect("a file");
        fs::rename(&path, into.join(file.to_string())).expect("a name");
        words.into_iter().for_each(|word| *oracle.entry(word).or_default() += 1);
        pause(&clock, 5 + random.below(20));
    }
    oracle
}

/// Files appear while the program runs, is dead, or starts.
#[test]
fn counts_over_files_are_exact() {
    let folder = folder("files");
    let mut running = Some(Arc::new(()));
    let (into, alive) = (input(&folder), running.as_ref().map(Arc::downgrade));
    let (writer, mut oracle) = (OnceCell::new(), None);
    let counts = killed(
        "files",
        &folder,
        || {
            let body = move || make_files(&into, &alive.unwrap_or_default());
            let thread = std::thread::Builder::new().name("files".into()).spawn(body);
            let _ = writer.set(Cell::new(Some(thread.expect("a thread"))));
        },
        |counts| {
            // The last life has begun: no more files.
            drop(running.take());
            let all = oracle.get_or_insert_with(|| {
                let writer = writer.get().and_then(Cell::take).expect("a thread");
                writer.join().expect("the writer of files")
            });
            counts.values().sum::<u64>() >= all.values().sum()
        },
    );
    assert_eq!(Some(counts), oracle);
}

/// Numbers that were stored and not acknowledged are stored again by the next life: those may be counted
/// twice, all others once.
#[test]
fn nothing_that_a_receiver_acknowledged_is_lost() {
    let folder = folder("receiver");
    let mut goal = None;
    let done = |counts: &Counts| {
        let goal = *goal.get_or_insert_with(|| last_acknowledged(&folder));
        counts.contains_key(&goal.to_string())
    };
    let counts = killed("receiver", &folder, || {}, done);
    let goal = goal.expect("a number");
    assert!(goal > 1000, "only {goal} numbers");
    let lost: Vec<u64> = (1..=goal).filter(|n| !counts.contains_key(&n.to_string())).collect();
    assert!(lost.is_empty(), "of {goal}: {lost:?}");
    // A life begins with the last number of the one before.
    let begun = fs::read_to_string(acknowledged(&folder)).expect("a file");
    let mut lines = begun.lines().peekable();
    let mut again = BTreeSet::new();
    while let Some(line) = lines.next() {
        if lines.peek() == Some(&line) {
            let last: u64 = line.parse().expect("a number");
            again.extend(last + 1..=last + 10);
        }
    }
    let twice = counts.iter().filter(|(_, count)| **count > 1);
    let doubled: Vec<_> =
        twice.filter(|(n, _)| !again.contains(&n.parse().expect("a number"))).collect();
    assert!(doubled.is_empty(), "counted twice: {doubled:?}");
}
