//! The received-block tracker.

use crate::parts::{Outcome, same, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock, SystemClock};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::{BlockId, LogEvent, ReceivedBlockInfo, ReceivedBlockTracker};
use weir_microbatch::wal::{
    FileBasedWriteAheadLog, FileWalOptions, LogFile, Records, WalError, WalHandle, WalRegistry,
    WalRole, WriteAheadLog,
};

/// The cases tell their steps in words: each has a script here, by its name.
pub(crate) fn block_tracker(case: &Value) -> Outcome {
    match case["name"].as_str().unwrap_or_default() {
        "block addition, and block to batch allocation" => allocation(),
        "many blocks" => many_blocks(),
        "allocation must not lose blocks when the WAL write fails" => failing_log(),
        "recovery and cleanup with write ahead logs" => recovery(),
        "recovery is robust to left-over old log files" => left_over_files(),
        "cleanup requires threshold in the past" => cleanup_in_the_past(),
        name => Err(format!("{name} is not known")),
    }
}

fn block(n: u64) -> ReceivedBlockInfo {
    ReceivedBlockInfo::new(BlockId::new(1, n), Some(0))
}

fn ids(blocks: &[ReceivedBlockInfo]) -> Vec<u64> {
    blocks.iter().map(|block| block.block_id.unique_id).collect()
}

fn add(tracker: &ReceivedBlockTracker, blocks: std::ops::RangeInclusive<u64>) -> Outcome {
    blocks.into_iter().try_for_each(|n| tracker.add_block(block(n)).map_err(text))
}

/// A tracker in a folder, at a time.
struct Driver {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    batched: bool,
}

impl Driver {
    fn new(batched: bool) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        Ok(Self { folder, clock: Arc::new(ManualClock::new()), batched })
    }

    fn tracker(&self, recover: bool) -> Result<ReceivedBlockTracker, String> {
        let key = "spark.streaming.driver.writeAheadLog";
        let settings = Settings::default()
            .set(&format!("{key}.rollingIntervalSecs"), "1")
            .set(&format!("{key}.allowBatching"), self.batched.to_string());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let registry = WalRegistry::new();
        let log = registry.create(WalRole::Driver, &settings, self.folder.path(), &clock);
        let log = Some(log.map_err(text)?);
        ReceivedBlockTracker::new([1], self.clock.clone(), log, recover).map_err(text)
    }

    fn later(&self, ms: u64) -> u64 {
        self.clock.advance(Duration::from_millis(ms));
        self.clock.now_ns() / 1_000_000
    }

    fn files(&self) -> Result<Vec<LogFile>, String> {
        LogFile::list(self.folder.path()).map_err(text)
    }

    /// Everything in the log, in words.
    fn events(&self) -> Result<Vec<String>, String> {
        let log = FileBasedWriteAheadLog::new(self.folder.path(), FileWalOptions::default());
        let records = log.map_err(text)?.read_all().map_err(text)?;
        records.map(|record| event(&record.map_err(text)?)).collect()
    }
}

fn event(record: &[u8]) -> Result<String, String> {
    Ok(match LogEvent::from_bytes(record).map_err(text)? {
        LogEvent::BlockAddition(block) => format!("add {}", block.block_id.unique_id),
        LogEvent::BatchAllocation { batch_ms, blocks } => {
            format!("alloc {batch_ms} {:?}", blocks.get(&1).map(|blocks| ids(blocks)))
        }
        LogEvent::BatchCleanup { batches_ms } => format!("cleanup {batches_ms:?}"),
    })
}

fn allocation() -> Outcome {
    let clock = Arc::new(ManualClock::new());
    let tracker = ReceivedBlockTracker::new([1], clock, None, false).map_err(text)?;
    same("log", tracker.is_write_ahead_log_enabled(), false)?;
    same("unallocated", tracker.unallocated_blocks(1), vec![])?;
    add(&tracker, 1..=5)?;
    same("unallocated", ids(&tracker.unallocated_blocks(1)), vec![1, 2, 3, 4, 5])?;
    same("has unallocated", tracker.has_unallocated_received_blocks(), true)?;
    tracker.allocate_blocks_to_batch(1).map_err(text)?;
    same("batch 1", ids(&tracker.blocks_of_batch_and_stream(1, 1)), vec![1, 2, 3, 4, 5])?;
    same("has unallocated", tracker.has_unallocated_received_blocks(), false)?;
    tracker.allocate_blocks_to_batch(2).map_err(text)?;
    same("batch 2", tracker.blocks_of_batch(2), BTreeMap::from([(1, vec![])]))?;
    tracker.allocate_blocks_to_batch(1).map_err(text)?;
    same("batch 1", ids(&tracker.blocks_of_batch_and_stream(1, 1)), vec![1, 2, 3, 4, 5])?;
    add(&tracker, 6..=10)?;
    tracker.allocate_blocks_to_batch(2).map_err(text)?;
    same("batch 2", tracker.blocks_of_batch_and_stream(2, 1), vec![])?;
    same("unallocated", ids(&tracker.unallocated_blocks(1)), vec![6, 7, 8, 9, 10])
}

fn many_blocks() -> Outcome {
    let driver = Driver::new(false)?;
    let tracker = driver.tracker(true)?;
    add(&tracker, 1..=100_000)?;
    tracker.allocate_blocks_to_batch(1).map_err(text)?;
    same("batch 1", tracker.blocks_of_batch_and_stream(1, 1).len(), 100_000)?;
    same("unallocated", tracker.has_unallocated_received_blocks(), false)?;
    tracker.stop();
    same("files", driver.files()?.len(), 1)?;
    let events = driver.events()?;
    let additions = events.iter().filter(|event| event.starts_with("add")).count();
    same("events", (additions, events.len()), (100_000, 100_001))
}

#[derive(Debug)]
struct Failing(FileBasedWriteAheadLog, AtomicBool);

impl WriteAheadLog for Failing {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(WalError::Other("the disk is full".into()));
        }
        self.0.write(record, time_ms)
    }
    fn read(&self, handle: &WalHandle) -> Result<Vec<u8>, WalError> {
        self.0.read(handle)
    }
    fn read_all(&self) -> Result<Records, WalError> {
        self.0.read_all()
    }
    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError> {
        self.0.clean(threshold_ms, wait)
    }
    fn close(&self) {
        self.0.close();
    }
    fn describe(&self) -> String {
        "Failing".into()
    }
}

fn failing_log() -> Outcome {
    let driver = Driver::new(false)?;
    let files = FileBasedWriteAheadLog::new(driver.folder.path(), FileWalOptions::default());
    let log = Arc::new(Failing(files.map_err(text)?, AtomicBool::new(false)));
    let tracker = ReceivedBlockTracker::new([1], driver.clock.clone(), Some(log.clone()), true);
    let tracker = tracker.map_err(text)?;
    add(&tracker, 1..=5)?;
    log.1.store(true, Ordering::Relaxed);
    same("allocation fails", tracker.allocate_blocks_to_batch(1).is_err(), true)?;
    same("addition fails", tracker.add_block(block(6)).is_err(), true)?;
    same("unallocated", ids(&tracker.unallocated_blocks(1)), vec![1, 2, 3, 4, 5])?;
    same("batch 1", tracker.blocks_of_batch(1), BTreeMap::new())?;
    log.1.store(false, Ordering::Relaxed);
    tracker.allocate_blocks_to_batch(2).map_err(text)?;
    same("unallocated", tracker.has_unallocated_received_blocks(), false)?;
    same("batch 2", ids(&tracker.blocks_of_batch_and_stream(2, 1)), vec![1, 2, 3, 4, 5])?;
    tracker.stop();
    let tracker = driver.tracker(true)?;
    same("unallocated", tracker.has_unallocated_received_blocks(), false)?;
    same("batch 2", ids(&tracker.blocks_of_batch_and_stream(2, 1)), vec![1, 2, 3, 4, 5])
}

fn recovery() -> Outcome {
    let driver = Driver::new(false)?;
    let (a, b): (Vec<u64>, Vec<u64>) = ((1..=5).collect(), (6..=10).collect());
    let tracker = driver.tracker(true)?;
    add(&tracker, 1..=5)?;
    same("files", driver.files()?.len(), 1)?;
    tracker.stop();
    driver.later(2_000);
    same("unallocated", driver.tracker(false)?.has_unallocated_received_blocks(), false)?;
    let tracker = driver.tracker(true)?;
    same("unallocated", ids(&tracker.unallocated_blocks(1)), a.clone())?;
    let valid = tracker.unallocated_blocks(1).iter().any(|block| block.is_block_id_valid);
    same("block id valid", valid, false)?;
    let t1 = driver.later(0);
    tracker.allocate_blocks_to_batch(t1).map_err(text)?;
    let t2 = driver.later(2_000);
    add(&tracker, 6..=10)?;
    tracker.allocate_blocks_to_batch(t2).map_err(text)?;
    let adds = |blocks: &[u64]| blocks.iter().map(|n| format!("add {n}")).collect::<Vec<_>>();
    let (first, second) =
        (format!("alloc {t1} {:?}", Some(&a)), format!("alloc {t2} {:?}", Some(&b)));
    let expected = [adds(&a), vec![first], adds(&b), vec![second]].concat();
    same("events", driver.events()?, expected)?;
    tracker.stop();
    driver.later(2_000);
    let tracker = driver.tracker(true)?;
    same("t1", ids(&tracker.blocks_of_batch_and_stream(t1, 1)), a)?;
    same("t2", ids(&tracker.blocks_of_batch_and_stream(t2, 1)), b.clone())?;
    same("unallocated", tracker.has_unallocated_received_blocks(), false)?;
    let oldest = driver.files()?.remove(0);
    driver.later(2_000);
    tracker.cleanup_old_batches(t2, true).map_err(text)?;
    same("t1", tracker.blocks_of_batch(t1), BTreeMap::new())?;
    same("last event", driver.events()?.pop(), Some(format!("cleanup [{t1}]")))?;
    same("oldest file", oldest.path.exists(), false)?;
    tracker.stop();
    driver.later(2_000);
    let tracker = driver.tracker(true)?;
    same("t1", tracker.blocks_of_batch(t1), BTreeMap::new())?;
    same("t2", ids(&tracker.blocks_of_batch_and_stream(t2, 1)), b)?;
    same("unallocated", tracker.has_unallocated_received_blocks(), false)
}

fn left_over_files() -> Outcome {
    let driver = Driver::new(false)?;
    let write = |start: u64, events: &[LogEvent]| -> Outcome {
        let options = FileWalOptions { rolling_interval_ms: 1_000, ..Default::default() };
        let log = FileBasedWriteAheadLog::new(driver.folder.path(), options).map_err(text)?;
        events.iter().try_for_each(|event| {
            log.write(&event.to_bytes().map_err(text)?, start).map(drop).map_err(text)
        })
    };
    let alloc = |batch_ms, blocks: &[u64]| LogEvent::BatchAllocation {
        batch_ms,
        blocks: BTreeMap::from([(1, blocks.iter().map(|n| block(*n)).collect())]),
    };
    let added = |n| LogEvent::BlockAddition(block(n));
    let cleanup = |batch_ms| LogEvent::BatchCleanup { batches_ms: vec![batch_ms] };
    let old = [(0, vec![cleanup(0)]), (1_000, vec![added(1), alloc(1_000, &[1])])];
    for (start, events) in &old {
        write(*start, events)?;
    }
    write(2_000, &[cleanup(1_000)])?;
    write(3_000, &[added(2), added(3), alloc(3_000, &[2, 3])])?;
    write(4_000, &[added(4), added(5)])?;
    driver.later(4_000);
    let check = |tracker: &ReceivedBlockTracker| -> Outcome {
        same("3000", ids(&tracker.blocks_of_batch_and_stream(3_000, 1)), vec![2, 3])?;
        same("1000", tracker.blocks_of_batch(1_000), BTreeMap::new())?;
        same("0", tracker.blocks_of_batch(0), BTreeMap::new())?;
        same("unallocated", ids(&tracker.unallocated_blocks(1)), vec![4, 5])
    };
    let tracker = driver.tracker(true)?;
    check(&tracker)?;
    tracker.cleanup_old_batches(3_000, true).map_err(text)?;
    same("files", driver.files()?.len(), 3)?;
    tracker.stop();
    for left_over in [&old[..1], &old[1..], &old[..]] {
        for (start, _) in &old {
            // Not there, unless the round before made it.
            let _ = std::fs::remove_file(
                LogFile::new(driver.folder.path(), *start, start + 1_000).path,
            );
        }
        for (start, events) in left_over {
            write(*start, events)?;
        }
        check(&driver.tracker(true)?)?;
    }
    Ok(())
}

fn cleanup_in_the_past() -> Outcome {
    let driver = Driver::new(true)?;
    let now_ms = driver.later(1_000);
    let tracker = driver.tracker(true)?;
    for threshold_ms in [now_ms, now_ms + 1] {
        let error = tracker.cleanup_old_batches(threshold_ms, true).err().ok_or("no error")?;
        same(&error, error.to_string().starts_with("requirement failed"), true)?;
    }
    tracker.cleanup_old_batches(now_ms - 1, true).map_err(text)
}
