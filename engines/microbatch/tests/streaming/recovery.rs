//! Programs that are stopped and go on from their checkpoints: whatever the moment, the damage or the
//! number of workers, every batch puts out what it does in a run without interruption.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::checkpoint_files::list;
use weir_microbatch::{
    ActiveScope, Checkpoint, Cut, DStream, DirectSource, Rdd, ReadRange, Recovery, SparkConf,
    SparkContext, StateSpec, StopOptions, StreamingContext, StreamingError, TaskContext, TaskError,
    Time, Values,
};

const BATCH_MS: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(60);

/// Record *i* is a key and a number; the batch at a time holds some, by a rule that only knows its number.
struct Records;

fn end_of(batch: u64) -> u64 {
    // 0 to 12 records a batch.
    (0..=batch).map(|b| (b * 7) % 13).sum()
}

impl ReadRange<(String, u64)> for Records {
    fn read(
        &self,
        range: Range<u64>,
        _: &TaskContext,
        sink: &mut dyn FnMut((String, u64)),
    ) -> Result<(), TaskError> {
        range.map(|i| (format!("k{}", (i * i) % 11), i)).for_each(sink);
        Ok(())
    }
}

impl DirectSource<(String, u64)> for Records {
    fn cut(&self, _: u64, time: Time) -> Cut {
        Cut { until: end_of(time.as_ms() / BATCH_MS), pieces: None, ended: false }
    }
}

/// Rows of each output at each time, sorted.
type Rows = BTreeMap<(&'static str, u64), Vec<String>>;
type Seen = Arc<Mutex<Vec<((&'static str, u64), Vec<String>)>>>;

fn watch<T>(name: &'static str, stream: &DStream<T>, seen: &Seen) -> Result<(), StreamingError>
where
    T: Clone + Send + Sync + std::fmt::Debug + 'static,
{
    let seen = Arc::clone(seen);
    stream.foreach_rdd(move |rdd: Rdd<T>, time| {
        let mut rows: Vec<_> = rdd.collect()?.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        seen.lock().expect("rows").push(((name, time.as_ms()), rows));
        Ok(())
    })
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Every kind of state, each with an output; some on top of another, one with a slower output.
fn define(ssc: &StreamingContext, seen: &Seen) -> Result<(), StreamingError> {
    let input = ssc.direct_stream(Records)?;
    let sum = |values: u64, state: Option<u64>| Some(values + state.unwrap_or(0));
    let initial = vec![("k1".to_owned(), 1_000), ("at first only".to_owned(), 5)];
    let initial = ssc.spark_context().parallelize(initial, 2)?;
    let update = move |values: Values<'_, u64>, state| sum(values.sum(), state);
    let totals = input.update_state_by_key_from(update, 0, &initial)?;
    totals.checkpoint(ms(2 * BATCH_MS))?;
    watch("totals", &totals, seen)?;
    let again = totals.update_state_by_key(move |values, state| sum(values.sum(), state), 3)?;
    again.checkpoint(ms(5 * BATCH_MS))?;
    watch("sums of totals", &again, seen)?;
    let spec = StateSpec::function(|key: &String, value: Option<u64>, state| {
        let before = state.get_option().copied().unwrap_or(0_u64);
        if !state.is_timing_out() {
            // Neither removed nor timing out: it can be updated.
            let _ = state.update(before + value.unwrap_or(0));
        }
        (key.clone(), before, state.is_timing_out())
    });
    let mapped = input.map_with_state(spec.timeout(ms(4 * BATCH_MS)))?;
    mapped.checkpoint(ms(3 * BATCH_MS))?;
    watch("mapped", &mapped, seen)?;
    watch("snapshots", &mapped.state_snapshots()?, seen)?;
    let windows = input.reduce_by_key_and_window_inverse(
        |a, b| a + b,
        |a, b| a - b,
        ms(5 * BATCH_MS),
        ms(2 * BATCH_MS),
        0,
    )?;
    watch("windows", &windows, seen)?;
    let counts = input.map(|(key, _)| key)?.count_by_value(0)?;
    counts.checkpoint(ms(3 * BATCH_MS))?;
    watch("windows of counts", &counts.window(ms(6 * BATCH_MS), ms(3 * BATCH_MS))?, seen)
}

/// A life of the program, which begins at a time and runs to the end of a batch.
struct Life {
    begin_ms: u64,
    end_batch: u64,
    workers: usize,
    /// Whether its last batches are waited for.
    patient: bool,
}

fn live(folder: &Path, life: &Life, seen: &Seen) -> Result<(), StreamingError> {
    let clock = Arc::new(ManualClock::new());
    clock.set(life.begin_ms * 1_000_000);
    let ssc = Recovery::from_dir(folder).get_or_create(|_| {
        let conf = SparkConf::new()
            .set_master(&format!("local[{}]", life.workers))
            .set("weir.streaming.checkpoint.sync", false);
        let ssc = StreamingContext::builder(&SparkContext::from_conf(&conf)?, ms(BATCH_MS))
            .clock(Arc::clone(&clock) as _)
            .scope(ActiveScope::private())
            .build()?;
        ssc.checkpoint(folder)?;
        define(&ssc, seen)?;
        Ok::<_, StreamingError>(ssc)
    })?;
    ssc.start()?;
    let end = Time::from_ms(life.end_batch * BATCH_MS);
    clock.set(end.as_ns());
    if life.patient {
        assert!(ssc.await_batch(end, PATIENCE), "batches hang");
        ssc.await_termination_or_timeout(Duration::ZERO)?;
    }
    ssc.stop(StopOptions::default())
}

/// What a run without interruption puts out. Outputs of a batch do not depend on how many follow.
fn uninterrupted(batches: u64) -> Rows {
    static LONGEST: LazyLock<Rows> = LazyLock::new(|| run_through(100));
    assert!(batches <= 100, "{batches} batches");
    let within = |((_, ms), _): &(&(&str, u64), _)| *ms <= batches * BATCH_MS;
    LONGEST.iter().filter(within).map(|(at, rows)| (*at, rows.clone())).collect()
}

fn run_through(batches: u64) -> Rows {
    let (folder, seen) = (tempfile::tempdir().expect("a folder"), Seen::default());
    let life = Life { begin_ms: 0, end_batch: batches, workers: 2, patient: true };
    live(folder.path(), &life, &seen).expect("a run");
    seen.lock().expect("rows").iter().cloned().collect()
}

/// Every row that was put out, the first time or again, is as it should be, and none is missing.
fn check(seen: &Seen, expected: &Rows) {
    let seen = seen.lock().expect("rows");
    for (at, rows) in seen.iter() {
        assert_eq!(Some(rows), expected.get(at), "{at:?}");
    }
    let all: Rows = seen.iter().cloned().collect();
    let missing: Vec<_> = expected.keys().filter(|at| !all.contains_key(at)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

const BATCHES: u64 = 40;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    /// The first life is waited for, so that there is something to go on from.
    #[test]
    fn interruptions_change_nothing(
        lives in prop::collection::vec((1_u64..9, 0_u64..6, 1_usize..4, any::<bool>()), 1..7)
    ) {
        let (folder, seen) = (tempfile::tempdir().expect("a folder"), Seen::default());
        let (mut batch, mut begin_ms) = (0, 0);
        for (n, (run, down, workers, patient)) in lives.into_iter().enumerate() {
            batch += run;
            let life = Life { begin_ms, end_batch: batch, workers, patient: patient || n == 0 };
            live(folder.path(), &life, &seen).expect("a life");
            batch += down;
            // Not on a tick.
            begin_ms = batch * BATCH_MS + 37;
        }
        let last = Life { begin_ms, end_batch: BATCHES.max(batch + 1), workers: 2, patient: true };
        live(folder.path(), &last, &seen).expect("the last life");
        check(&seen, &uninterrupted(last.end_batch));
    }
}

/// A program that has run for some batches, and is to go on.
fn stopped() -> (tempfile::TempDir, Seen) {
    let (folder, seen) = (tempfile::tempdir().expect("a folder"), Seen::default());
    for batch in [7, 13] {
        let begin_ms = if batch == 7 { 0 } else { 7 * BATCH_MS };
        let life = Life { begin_ms, end_batch: batch, workers: 2, patient: true };
        live(folder.path(), &life, &seen).expect("a life");
    }
    (folder, seen)
}

fn go_on(folder: &Path, seen: &Seen) -> Result<(), StreamingError> {
    let last = Life { begin_ms: 13 * BATCH_MS, end_batch: 20, workers: 2, patient: true };
    live(folder, &last, seen)
}

fn newest(folder: &Path) -> PathBuf {
    list(folder).expect("files").pop().expect("a checkpoint")
}

/// The parts of the newest states.
fn newest_parts(folder: &Path) -> Vec<PathBuf> {
    let time_ns = |path: &Path| -> u64 {
        let name = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
        name.rsplit('-').next().and_then(|ns| ns.parse().ok()).expect("a time")
    };
    let pattern = format!("{}/*/stream-*/part-*", folder.display());
    let parts: Vec<_> =
        glob::glob(&pattern).expect("a pattern").map(|path| path.expect("a path")).collect();
    let last = parts.iter().map(|path| time_ns(path)).max().expect("a state");
    parts.into_iter().filter(|path| time_ns(path) == last).collect()
}

fn cut(path: &Path, keep: impl Fn(usize) -> usize) {
    let bytes = fs::read(path).expect("a file");
    fs::write(path, &bytes[..keep(bytes.len())]).expect("a file");
}

fn flip(path: &Path, bit: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(path).expect("a file");
    let bit = bit(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, &bytes).expect("a file");
}

#[test]
fn what_is_damaged_is_passed_over() {
    type Damage = (&'static str, Box<dyn Fn(&Path)>);
    let damages: Vec<Damage> = vec![
        ("an empty checkpoint", Box::new(|folder| cut(&newest(folder), |_| 0))),
        ("a checkpoint cut in its header", Box::new(|folder| cut(&newest(folder), |_| 11))),
        ("a checkpoint cut in its middle", Box::new(|folder| cut(&newest(folder), |n| n / 2))),
        ("a checkpoint without its last byte", Box::new(|folder| cut(&newest(folder), |n| n - 1))),
        ("a flipped bit at the front", Box::new(|folder| flip(&newest(folder), |_| 3))),
        ("a flipped bit in the length", Box::new(|folder| flip(&newest(folder), |_| 8 * 15))),
        ("a flipped bit in the middle", Box::new(|folder| flip(&newest(folder), |n| n / 2))),
        ("a flipped bit at the end", Box::new(|folder| flip(&newest(folder), |n| n - 1))),
        ("text", Box::new(|folder| fs::write(newest(folder), "garbage").expect("a file"))),
        (
            "a newer one that was never written whole",
            Box::new(|folder| fs::write(folder.join("checkpoint-9000"), "").expect("a file")),
        ),
        ("what a kill left half done", Box::new(|f| fs::write(f.join("temp"), "x").expect("it"))),
        (
            "two damaged ones",
            Box::new(|folder| {
                flip(&newest(folder), |n| n / 2);
                let path = newest(folder);
                fs::remove_file(&path).expect("it was there");
                cut(&newest(folder), |n| n / 3);
            }),
        ),
        (
            "a damaged state",
            Box::new(|folder| newest_parts(folder).iter().for_each(|path| flip(path, |n| n / 2))),
        ),
        (
            "a state that was cut",
            Box::new(|folder| newest_parts(folder).iter().for_each(|path| cut(path, |n| n - 1))),
        ),
        (
            "a state that has lost a part",
            Box::new(|folder| fs::remove_file(&newest_parts(folder)[0]).expect("it was there")),
        ),
    ];
    let expected = uninterrupted(20);
    for (what, damage) in damages {
        let (folder, seen) = stopped();
        damage(folder.path());
        go_on(folder.path(), &seen).unwrap_or_else(|error| panic!("{what}: {error}"));
        check(&seen, &expected);
    }
}

#[test]
fn damage_to_all_is_an_error_that_names_the_folder() {
    let (folder, seen) = stopped();
    for path in list(folder.path()).expect("files") {
        flip(&path, |bits| bits / 3);
    }
    let error = go_on(folder.path(), &seen).expect_err("nothing to go on from").to_string();
    let gist = format!(
        "Failed to read checkpoint from directory {}; remove it to start afresh",
        folder.path().display()
    );
    assert_eq!(error, gist);
}

/// The same directory may be named in several ways; another one is refused.
#[test]
fn a_program_writes_where_it_was_recovered_from() {
    let (folder, _) = stopped();
    let under_another_name = folder.path().join(".");
    let other = tempfile::tempdir().expect("a folder");
    let recovered = |to: &Path| {
        Recovery::from_dir(folder.path()).get_or_create(|_| {
            let ssc = StreamingContext::new(&SparkContext::local(1)?, ms(BATCH_MS))?;
            ssc.checkpoint(to)?;
            define(&ssc, &Seen::default())?;
            Ok::<_, StreamingError>(ssc)
        })
    };
    assert!(recovered(&under_another_name).expect("it goes on").recovered_from().is_some());
    let error = recovered(other.path()).expect_err("another").to_string();
    assert!(error.contains("; use one directory"), "{error}");
}

/// The offsets of a batch that failed are kept, however many batches end well after it.
#[test]
fn a_batch_that_failed_is_run_again_with_what_it_had() {
    let (folder, seen) = (tempfile::tempdir().expect("a folder"), Seen::default());
    let life = |begin_ms: u64, end_batch: u64, broken: bool| {
        let clock = Arc::new(ManualClock::new());
        clock.set(begin_ms * 1_000_000);
        let ssc = Recovery::from_dir(folder.path()).get_or_create(|_| {
            let ssc = StreamingContext::builder(&SparkContext::local(1)?, ms(BATCH_MS))
                .clock(Arc::clone(&clock) as _)
                .scope(ActiveScope::private())
                .build()?;
            ssc.checkpoint(folder.path())?;
            let fail = move |(key, n)| {
                assert!(!(broken && n < end_of(3) && n >= end_of(2)), "the third batch");
                (key, n)
            };
            watch("rows", &ssc.direct_stream(Records)?.map(fail)?, &seen)?;
            Ok::<_, StreamingError>(ssc)
        });
        let ssc = ssc.expect("a program");
        ssc.start().expect("a start");
        let end = Time::from_ms(end_batch * BATCH_MS);
        clock.set(end.as_ns());
        assert!(ssc.await_batch(end, PATIENCE));
        ssc.stop(StopOptions::default()).expect("a stop");
    };
    life(0, 9, true);
    let third = |at: &(&str, u64)| at.1 == 3 * BATCH_MS;
    assert!(!seen.lock().expect("rows").iter().any(|(at, _)| third(at)), "it fails");
    life(9 * BATCH_MS, 10, false);
    let rows = seen.lock().expect("rows");
    let again: Vec<_> = rows.iter().filter(|(at, _)| third(at)).map(|(_, rows)| rows).collect();
    let row = |i| format!("{:?}", (format!("k{}", (i * i) % 11), i));
    let mut expected: Vec<_> = (end_of(2)..end_of(3)).map(row).collect();
    expected.sort();
    assert_eq!(again, [&expected]);
}

/// Files are looked for in the last second only, and a state is checkpointed every ten.
#[test]
fn files_are_known_for_as_long_as_a_state_may_go_back() {
    let (folder, files) = (tempfile::tempdir().expect("it"), tempfile::tempdir().expect("it"));
    let seen = Seen::default();
    let life = |begin: u64, end: u64| {
        let clock = Arc::new(ManualClock::new());
        clock.set(begin * 1_000_000_000);
        let conf = SparkConf::new()
            .set_master("local[2]")
            .set("spark.streaming.fileStream.minRememberDuration", "1s");
        let ssc = Recovery::from_dir(folder.path()).get_or_create(|_| {
            let sc = SparkContext::from_conf(&conf)?;
            let ssc = StreamingContext::builder(&sc, ms(1_000))
                .clock(Arc::clone(&clock) as _)
                .scope(ActiveScope::private())
                .build()?;
            ssc.checkpoint(folder.path())?;
            let lines = ssc.text_file_stream(&files.path().display().to_string())?;
            let ones = lines.map(|line| (line, 1_u64))?;
            let count =
                |ones: Values<'_, u64>, n: Option<u64>| Some(ones.sum::<u64>() + n.unwrap_or(0));
            watch("counts", &ones.update_state_by_key(count, 2)?, &seen)?;
            Ok::<_, StreamingError>(ssc)
        });
        let ssc = ssc.expect("a program");
        ssc.start().expect("a start");
        for second in begin + 1..=end {
            let path = files.path().join(second.to_string());
            fs::write(&path, "line\n").expect("a file");
            let at = std::time::UNIX_EPOCH + Duration::from_millis(second * 1_000 - 500);
            let file = fs::File::options().write(true).open(&path).expect("a file");
            file.set_modified(at).expect("a time");
            clock.set(second * 1_000_000_000);
            assert!(ssc.await_batch(Time::from_ms(second * 1_000), PATIENCE));
        }
        ssc.stop(StopOptions::default()).expect("a stop");
    };
    life(0, 19);
    life(19, 23);
    for ((_, at_ms), rows) in seen.lock().expect("rows").iter() {
        assert_eq!(rows, &[format!("{:?}", ("line", at_ms / 1_000))], "at {at_ms} ms");
    }
}

type Define = fn(&StreamingContext) -> Result<(), StreamingError>;

/// Writes a checkpoint of one definition, and defines another over it.
fn redefined(first: Define, second: Define, interval_ms: u64) -> Result<(), StreamingError> {
    let folder = tempfile::tempdir().expect("a folder");
    let define = |define: Define, interval_ms| {
        let (folder, clock) = (folder.path().to_owned(), Arc::new(ManualClock::new()));
        let ssc = Recovery::from_dir(&folder).get_or_create(|_| {
            let sc = SparkContext::local(1)?;
            let ssc = StreamingContext::builder(&sc, ms(interval_ms))
                .clock(Arc::clone(&clock) as _)
                .scope(ActiveScope::private())
                .build()?;
            ssc.checkpoint(&folder)?;
            define(&ssc)?;
            Ok::<_, StreamingError>(ssc)
        });
        ssc.map(|ssc| (ssc, clock))
    };
    let (ssc, clock) = define(first, 100)?;
    ssc.start()?;
    clock.set(100_000_000);
    assert!(ssc.await_batch(Time::from_ms(100), PATIENCE));
    ssc.stop(StopOptions::default())?;
    assert!(Checkpoint::latest(folder.path())?.is_some());
    define(second, interval_ms).map(drop)
}

fn plain(ssc: &StreamingContext) -> Result<(), StreamingError> {
    ssc.direct_stream(Records)?.map(|(key, _)| key)?.print_to(1, std::io::sink())
}

/// What is another definition than `plain`, at which batch interval (ms), and what is said of it.
const OTHERS: [(&str, Define, u64, &str); 8] = [
    ("another interval", plain, 200, "the program has one every 200ms"),
    (
        "another operation",
        |ssc| {
            let input = ssc.direct_stream(Records)?;
            input.flat_map(|(key, _)| Some(key))?.print_to(1, std::io::sink())
        },
        100,
        "1: the checkpoint has MappedDStream of alloc::string::String, every 100 ms, from stream \
         [0]\n  1: the program has FlatMappedDStream of alloc::string::String",
    ),
    (
        "another type",
        |ssc| ssc.direct_stream(Records)?.map(|(_, n)| n)?.print_to(1, std::io::sink()),
        100,
        "1: the program has MappedDStream of u64",
    ),
    (
        "another input",
        |ssc| {
            let files = ssc.text_file_stream("/nowhere")?.map(|line| (line, 1_u64))?;
            files.map(|(key, _)| key)?.print_to(1, std::io::sink())
        },
        100,
        "0: the program has FileInputDStream of alloc::string::String",
    ),
    (
        "one stream more",
        |ssc| {
            plain(ssc)?;
            ssc.direct_stream(Records).map(drop)
        },
        100,
        "the program has DirectInputDStream of (alloc::string::String, u64)",
    ),
    (
        "no stream",
        |ssc| ssc.direct_stream(Records)?.print_to(1, std::io::sink()),
        100,
        "the program has nothing",
    ),
    (
        "another window",
        |ssc| {
            let keys = ssc.direct_stream(Records)?.map(|(key, _)| key)?;
            keys.window(ms(200), ms(100))?.print_to(1, std::io::sink())
        },
        100,
        "the program has WindowedDStream of alloc::string::String, every 100 ms over 200 ms",
    ),
    (
        "an output of another stream",
        |ssc| {
            let input = ssc.direct_stream(Records)?;
            input.map(|(key, _)| key)?;
            input.print_to(1, std::io::sink())
        },
        100,
        "the program has ForEachDStream of (alloc::string::String, u64), every 100 ms, from stream [0]",
    ),
];

#[test]
fn another_definition_is_refused_with_the_difference() {
    assert_eq!(redefined(plain, plain, 100), Ok(()));
    for (what, second, interval_ms, gist) in OTHERS {
        let error = redefined(plain, second, interval_ms).expect_err(what);
        assert!(matches!(error, StreamingError::GraphDiffers { .. }), "{what}: {error}");
        assert!(error.to_string().contains(gist), "{what}: {error}");
    }
}
