//! CheckpointSuite and StreamingContextSuite: what is checkpointed, and what a context is made from.

use crate::{KEEP, PATIENCE, SECOND, in_turn, refused};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, Checkpoint, ContextState, InputBatch, InputStream, Rdd, Recovery, SparkConf,
    SparkContext, StopOptions, StreamingContext, StreamingError, Time,
};

const BATCH: Duration = Duration::from_millis(500);

/// One word in each batch; counts how often it was given back what a checkpoint kept.
struct Letter(Arc<AtomicUsize>);

impl InputStream<String> for Letter {
    fn compute(&self, batch: &InputBatch<'_>) -> Result<Option<Rdd<String>>, StreamingError> {
        Ok(Some(batch.spark_context().parallelize(vec!["a".to_owned()], 2)?))
    }
    fn restore(&self, _: &[u8]) -> Result<(), StreamingError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn letters() -> Letter {
    Letter(Arc::default())
}

/// A context of a process of its own, so to speak: its own Spark context, clock and scope.
struct Life {
    ssc: StreamingContext,
    clock: Arc<ManualClock>,
}

impl Life {
    fn new(conf: &SparkConf, folder: &Path) -> Result<Self, StreamingError> {
        let sc = SparkContext::from_conf(conf)?;
        let clock = Arc::new(ManualClock::new());
        let ssc = StreamingContext::builder(&sc, BATCH)
            .clock(Arc::clone(&clock) as _)
            .scope(ActiveScope::private())
            .build()?;
        ssc.checkpoint(folder)?;
        Ok(Self { ssc, clock })
    }

    /// One that goes on from what is in `folder`, at the time of the checkpoint.
    fn recovered(
        conf: &SparkConf,
        folder: &Path,
        define: impl FnOnce(&StreamingContext) -> Result<(), StreamingError>,
    ) -> Result<Self, StreamingError> {
        let mut life = None;
        let ssc = Recovery::from_dir(folder).get_or_create(|checkpoint| {
            let made = life.insert(Self::new(conf, folder)?);
            if let Some(checkpoint) = checkpoint {
                made.clock.set(checkpoint.time().as_ns());
            }
            define(&made.ssc)?;
            Ok::<_, StreamingError>(made.ssc.clone())
        })?;
        Ok(life.filter(|life| life.ssc == ssc).expect("the context of the set-up"))
    }

    /// Moves the clock to the end of a batch, and waits for it.
    fn run_to(&self, batch: u64) {
        let end = Time::from_ms(batch * 500);
        self.clock.set(end.as_ns());
        assert!(self.ssc.await_batch(end, PATIENCE), "batch {batch}");
    }

    fn stop(&self) {
        self.ssc.stop(StopOptions::default()).expect("a stop");
    }
}

fn conf() -> SparkConf {
    SparkConf::new().set_master("local[2]").set("weir.streaming.checkpoint.sync", false)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The folders in which states are checkpointed.
fn states(folder: &Path) -> Vec<PathBuf> {
    let pattern = format!("{}/*/stream-*", folder.display());
    glob::glob(&pattern).expect("a pattern").map(|path| path.expect("a path")).collect()
}

fn count(ssc: &StreamingContext) -> Result<(), StreamingError> {
    let pairs = ssc.input_stream(letters())?.map(|letter| (letter, 1))?;
    let counts =
        pairs.update_state_by_key(|ones, n| Some(ones.sum::<u64>() + n.unwrap_or(0)), 2)?;
    counts.checkpoint(SECOND)?;
    counts.foreach_rdd(|rdd, time| {
        assert_eq!(rdd.collect()?, [("a".to_owned(), time.as_ms() / 500)]);
        Ok(())
    })
}

#[test]
fn basic_rdd_checkpoints_dstream_graph_checkpoint_recovery() {
    let folder = folder();
    let mut life = Life::recovered(&conf(), folder.path(), count).expect("a new one");
    life.ssc.start().expect("a start");
    life.run_to(2);
    let first = states(folder.path());
    assert!(!first.is_empty(), "a second has passed");
    // Soon no checkpoint file refers to them any more.
    let gone = (3..500).find(|batch| {
        life.run_to(*batch);
        !first.iter().any(|path| path.exists())
    });
    let gone = gone.expect("they go");
    life.stop();
    // Twice: what was given back is kept again.
    for batch in [gone + 2, gone + 4] {
        let kept = states(folder.path());
        assert!(!kept.is_empty());
        life = Life::recovered(&conf(), folder.path(), count).expect("it goes on");
        assert!(life.ssc.recovered_from().is_some());
        life.ssc.start().expect("a start");
        life.run_to(batch);
        assert_eq!(life.ssc.await_termination_or_timeout(Duration::ZERO), Ok(false));
        assert_ne!(states(folder.path()), kept, "batch {batch} has a new one");
        life.stop();
    }
    // Seven batches were missed.
    life = Life::recovered(&conf(), folder.path(), count).expect("it goes on");
    life.clock.set(Time::from_ms((gone + 11) * 500).as_ns());
    life.ssc.start().expect("a start");
    life.run_to(gone + 15);
    let runs = std::fs::read_dir(folder.path()).expect("entries").map(|entry| entry.expect("one"));
    let runs = runs.filter(|entry| entry.path().is_dir()).count();
    assert!(runs <= 4, "folders of runs that have nothing go: {runs}");
    assert_eq!(life.ssc.await_termination_or_timeout(Duration::ZERO), Ok(false));
    life.stop();
}

#[test]
fn dstreamcheckpointdata_restore_invoking_times() {
    let folder = folder();
    let restored = Arc::<AtomicUsize>::default();
    let define = |ssc: &StreamingContext| {
        let mapped = ssc.input_stream(Letter(Arc::clone(&restored)))?.map(|letter| letter)?;
        for _ in 0..3 {
            mapped.foreach_rdd(|rdd, _| rdd.count().map(drop))?;
        }
        Ok(())
    };
    let first = Life::recovered(&conf(), folder.path(), define).expect("a new one");
    first.ssc.start().expect("a start");
    first.run_to(1);
    first.stop();
    assert_eq!(restored.load(Ordering::Relaxed), 0, "there was nothing to give back");
    let second = Life::recovered(&conf(), folder.path(), define).expect("it goes on");
    assert_eq!(restored.load(Ordering::Relaxed), 1, "not once for each output");
    second.ssc.start().expect("a start");
    second.run_to(2);
    assert_eq!(restored.load(Ordering::Relaxed), 1, "not again at the start");
    second.stop();
}

#[test]
fn spark_6847_both_state_rdds_checkpointed() {
    let folder = folder();
    let define = |ssc: &StreamingContext| {
        let sum = |ones: u64, n: Option<u64>| Some(ones + n.unwrap_or(0));
        let pairs = ssc.input_stream(letters())?.map(|letter| (letter, 1))?;
        let once = pairs.update_state_by_key(move |ones, n| sum(ones.sum(), n), 2)?;
        once.checkpoint(BATCH)?;
        let twice = once.update_state_by_key(move |ones, n| sum(ones.sum(), n), 2)?;
        twice.checkpoint(BATCH)?;
        twice.foreach_rdd(|rdd, _| rdd.count().map(drop))
    };
    let life = Life::recovered(&conf(), folder.path(), define).expect("a new one");
    life.ssc.start().expect("a start");
    life.run_to(1);
    let of_batch = states(folder.path());
    life.stop();
    assert_eq!(of_batch.len(), 2, "both states of the batch: {of_batch:?}");
}

/// Has a context write a checkpoint, with a setting of its own.
fn valid(folder: &Path) {
    let conf = conf().set("someKey", "someValue").set("spark.dummyTimeConfig", "10s");
    let life = Life::recovered(&conf, folder, count).expect("a new one");
    life.ssc.start().expect("a start");
    life.run_to(1);
    life.stop();
}

fn corrupted(folder: &Path) {
    std::fs::write(folder.join("checkpoint-1000"), "garbage").expect("a file");
}

/// What the set-up of `Recovery` was given, and what came of it.
fn recover(recovery: &Recovery, folder: &Path) -> (Option<bool>, Result<(), StreamingError>) {
    let mut given = None;
    let made = recovery.get_or_create(|checkpoint| {
        given = Some(checkpoint.is_some());
        let life = Life::new(&checkpoint.map_or_else(conf, |c| c.conf_in(&conf())), folder)?;
        count(&life.ssc)?;
        Ok(life.ssc)
    });
    (given, made.map(drop))
}

const UNREADABLE: &str = "Failed to read checkpoint from directory";

#[test]
fn getorcreate_empty_path() {
    let folder = folder();
    let recovery = Recovery::from_dir(folder.path());
    assert_eq!(recover(&recovery, folder.path()), (Some(false), Ok(())));
}

#[test]
fn getorcreate_corrupted_checkpoint() {
    let folder = folder();
    corrupted(folder.path());
    let (given, made) = recover(&Recovery::from_dir(folder.path()), folder.path());
    assert_eq!(given, None, "the set-up is not called");
    refused(made, UNREADABLE);
}

#[test]
fn getorcreate_corrupted_checkpoint_createonerror_true() {
    let folder = folder();
    corrupted(folder.path());
    let recovery = Recovery::from_dir(folder.path()).create_on_error();
    assert_eq!(recover(&recovery, folder.path()), (Some(false), Ok(())));
}

/// The set-up function is always called, because it defines the streams; what Spark's test says of it here
/// holds of what it is given.
#[test]
fn getorcreate_valid_checkpoint_recovers_old_conf() {
    let folder = folder();
    valid(folder.path());
    let mut recovered = None;
    let ssc = Recovery::from_dir(folder.path()).get_or_create(|checkpoint| {
        let conf = checkpoint.expect("a checkpoint").conf_in(&conf());
        let life = Life::new(&conf, folder.path())?;
        count(&life.ssc)?;
        recovered = Some(life.ssc.clone());
        Ok::<_, StreamingError>(life.ssc)
    });
    let ssc = ssc.expect("it goes on");
    assert_eq!(Some(&ssc), recovered.as_ref());
    assert_eq!(ssc.spark_context().conf().get("someKey"), Some("someValue"));
    assert_eq!(ssc.recovered_from(), Some(Time::from_ms(500)));
    assert_eq!(ssc.state(), ContextState::Initialized);
}

#[test]
fn getorcreate_valid_checkpoint_with_an_existing_sparkcontext() {
    let folder = folder();
    valid(folder.path());
    let sc = SparkContext::local(2).expect("a context");
    let ssc = StreamingContext::get_or_create(folder.path(), || {
        let ssc = StreamingContext::builder(&sc, BATCH).scope(ActiveScope::private()).build()?;
        count(&ssc)?;
        Ok::<_, StreamingError>(ssc)
    });
    let ssc = ssc.expect("it goes on");
    assert_eq!(ssc.spark_context().conf().get("someKey"), None, "its settings hold");
    assert_eq!(ssc.recovered_from(), Some(Time::from_ms(500)));
    assert_eq!(ssc.checkpoint_dir().as_deref(), Some(folder.path()));
}

#[test]
fn from_checkpoint_keeps_conf() {
    let folder = folder();
    valid(folder.path());
    let checkpoint = Checkpoint::latest(folder.path()).expect("readable").expect("one");
    assert_eq!(checkpoint.conf().time("spark.dummyTimeConfig"), Ok(Duration::from_secs(10)));
}

#[test]
fn recovery_of_conf_through_checkpoints() {
    let folder = folder();
    let old = conf().set_app_name("old").set("spark.mykey", "myvalue");
    let life = Life::recovered(&old, folder.path(), count).expect("a new one");
    life.ssc.start().expect("a start");
    life.run_to(1);
    life.stop();
    let checkpoint = Checkpoint::latest(folder.path()).expect("readable").expect("one");
    let same = checkpoint.conf_in(&SparkConf::new());
    assert_eq!(same.get("spark.master"), Some("local[2]"));
    assert_eq!(same.get("spark.app.name"), Some("old"));
    assert_eq!(same.get("spark.mykey"), Some("myvalue"));
    let new = checkpoint.conf_in(&SparkConf::new().set_master("local[1]").set_app_name("new"));
    assert_eq!(new.get("spark.master"), Some("local[1]"), "it is the process's");
    assert_eq!(new.get("spark.app.name"), Some("old"), "it is the program's");
    assert_eq!(checkpoint.conf().get("spark.master"), None);
}

#[test]
fn checkpoint_from_conf() {
    let folder = folder();
    let place = folder.path().join("below");
    let conf = conf().set("spark.streaming.checkpoint.directory", place.display());
    let ssc = StreamingContext::from_conf(&conf, SECOND).expect("a context");
    assert_eq!(ssc.checkpoint_dir(), Some(place.clone()));
    assert!(place.is_dir());
}

#[test]
fn getactiveorcreate_checkpointpath_returns_the_active_one_even_if_a_checkpoint_exists() {
    let _turn = in_turn();
    let folder = folder();
    valid(folder.path());
    let sc = SparkContext::local(2).expect("a context");
    let active = StreamingContext::new(&sc, BATCH).expect("a context");
    active.input_stream(letters()).and_then(|input| input.print(1)).expect("a program");
    active.start().expect("a start");
    let got =
        Recovery::from_dir(folder.path()).get_active_or_create(|_| Err(StreamingError::NoOutputs));
    assert_eq!(got, Ok(active.clone()), "nothing is set up");
    active.stop(KEEP).expect("a stop");
}

#[test]
fn getactiveorcreate_checkpointpath_empty_corrupted_corrupted_createonerror_valid() {
    let _turn = in_turn();
    let create = |recovery: &Recovery, folder: &Path| {
        recovery.get_active_or_create(|checkpoint| {
            let life = Life::new(&checkpoint.map_or_else(conf, Checkpoint::conf), folder);
            let life = life.or_else(|_| Life::new(&conf(), folder))?;
            count(&life.ssc)?;
            Ok::<_, StreamingError>(life.ssc)
        })
    };
    let empty = folder();
    let made = create(&Recovery::from_dir(empty.path()), empty.path()).expect("a new one");
    assert_eq!(made.recovered_from(), None);
    let damaged = folder();
    corrupted(damaged.path());
    let recovery = Recovery::from_dir(damaged.path());
    refused(create(&recovery, damaged.path()), UNREADABLE);
    let made = create(&recovery.create_on_error(), damaged.path()).expect("a new one");
    assert_eq!(made.recovered_from(), None);
    let good = folder();
    valid(good.path());
    let made = create(&Recovery::from_dir(good.path()), good.path()).expect("it goes on");
    assert_eq!(made.recovered_from(), Some(Time::from_ms(500)));
}

#[test]
fn queuestream_doesnt_support_checkpointing() {
    let folder = folder();
    let define = |ssc: &StreamingContext| {
        let queue = ssc.queue_stream::<i64>(Arc::default())?;
        queue.foreach_rdd(|rdd, _| rdd.count().map(drop))
    };
    let life = Life::recovered(&conf(), folder.path(), define).expect("a new one");
    life.ssc.start().expect("a start, with a warning");
    life.run_to(2);
    life.stop();
    let files = weir_microbatch::checkpoint_files::list(folder.path()).expect("files");
    assert!(files.len() > 1, "{files:?}");
    let recovered = Life::recovered(&conf(), folder.path(), define).map(drop);
    refused(recovered.clone(), UNREADABLE);
    refused(
        recovered,
        "queueStream doesn't support checkpointing. Please don't use queueStream when checkpointing is \
         enabled.",
    );
}

/// Functions are never written down here; states are, and one that cannot be is refused in their place.
#[test]
fn start_with_non_serializable_dstream_checkpoints() {
    let folder = folder();
    let life = Life::new(&conf(), folder.path()).expect("a context");
    let input = life.ssc.input_stream(letters()).expect("an input");
    let pairs = input.map(|letter| (letter, 1_u64)).expect("pairs");
    let keep = |_, _: &String, values: weir_microbatch::Values<'_, u64>, _, _: &mut Vec<()>| {
        Some(values.count())
    };
    let state = pairs.update_state_by_key_emitting("keep", weir_microbatch::Pairs, keep, 1);
    state.expect("a state").outputs().foreach_rdd(|_, _| Ok(())).expect("an output");
    refused(life.ssc.start(), "DStreams with their functions are not serializable");
    assert_eq!(life.ssc.state(), ContextState::Stopped);
}
