//! Logs whose files were damaged, torn or swapped.

use proptest::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::{BlockId, ReceivedBlockInfo, ReceivedBlockTracker};
use weir_microbatch::wal::{
    BatchedWriteAheadLog, FileBasedWriteAheadLog, FileWalOptions, Flaw, LogFile, RecordReader,
    Records, TimedWriteAheadLog, WalError, WalHandle, WalRole, WriteAheadLog,
};

/// The bytes of a frame that are no record: length, mark, two checksums.
const HEAD: usize = 16;

fn open(folder: &Path) -> FileBasedWriteAheadLog {
    FileBasedWriteAheadLog::new(folder, FileWalOptions::default()).expect("a log")
}

fn read(log: &dyn WriteAheadLog) -> Vec<Vec<u8>> {
    log.read_all().expect("a list").map(|one| one.expect("readable")).collect()
}

/// A log of one file.
struct Written {
    folder: tempfile::TempDir,
    file: LogFile,
    bytes: Vec<u8>,
    handles: Vec<WalHandle>,
}

impl Written {
    fn new<R: AsRef<[u8]>>(records: &[R]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        let write = |record: &R| log.write(record.as_ref(), 5).expect("written");
        let handles = records.iter().map(write).collect();
        log.close();
        let file = LogFile::list(folder.path()).expect("files").remove(0);
        let bytes = std::fs::read(&file.path).expect("bytes");
        Self { folder, file, bytes, handles }
    }

    /// What is read once the file holds `bytes`, and what after one more record was written.
    fn with(&self, bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        std::fs::write(&self.file.path, bytes).expect("written");
        let before = read(&open(self.folder.path()));
        let log = open(self.folder.path());
        log.write(b"more", 5).expect("written");
        (before, read(&log))
    }

    /// The gaps of the file as it is.
    fn gaps(&self) -> Vec<(u64, u64, Flaw)> {
        let mut reader = RecordReader::open(&self.file.path).expect("a file");
        while reader.next_record().expect("readable").is_some() {}
        reader.gaps().iter().map(|gap| (gap.from, gap.until, gap.flaw)).collect()
    }
}

fn and_more(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    records.iter().cloned().chain([b"more".to_vec()]).collect()
}

#[test]
fn a_file_may_end_anywhere() {
    let records = [&b"one"[..], b"two", b"", b"three"];
    let log = Written::new(&records);
    let mut ends = Vec::new();
    for record in records {
        ends.push(ends.last().unwrap_or(&0) + HEAD + record.len());
    }
    assert_eq!(ends.last(), Some(&log.bytes.len()));
    for length in 0..=log.bytes.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let (before, after) = log.with(&log.bytes[..length]);
        assert_eq!(before, records[..whole], "of {length} bytes");
        assert_eq!(after, and_more(&before), "of {length} bytes");
        assert_eq!(log.gaps(), [], "what was torn was written over");
    }
}

#[test]
fn a_flipped_bit_costs_the_record_that_it_is_in() {
    let records = [&b"one"[..], b"two", b"three"];
    let log = Written::new(&records);
    for byte in 0..log.bytes.len() {
        let hit = [19, 38, 59].iter().filter(|end| **end <= byte).count();
        let intact: Vec<_> = (0..3).filter(|n| *n != hit).map(|n| records[n].to_vec()).collect();
        for bit in 0..8 {
            let mut bytes = log.bytes.clone();
            bytes[byte] ^= 1 << bit;
            let (before, after) = log.with(&bytes);
            assert_eq!(before, intact, "bit {bit} of byte {byte}");
            assert_eq!(after, and_more(&intact), "bit {bit} of byte {byte}");
            // Each handle finds its record, or says that it is damaged.
            for (n, handle) in log.handles.iter().enumerate() {
                match open(log.folder.path()).read(handle) {
                    Ok(record) => assert!(n != hit && record == records[n]),
                    Err(error) => assert!(n == hit && matches!(error, WalError::Damaged { .. })),
                }
            }
        }
    }
}

#[test]
fn files_that_are_no_logs_hold_nothing() {
    let log = Written::new(&["one"]);
    let long = vec![b'x'; 200_000];
    let table: [(&str, &[u8], Option<Flaw>); 7] = [
        ("empty", b"", None),
        ("one byte", b"x", Some(Flaw::Torn)),
        ("zeros", &[0; 1_000], Some(Flaw::Damaged("no record begins there"))),
        ("a text", &long, Some(Flaw::Damaged("no record begins there"))),
        // A length of 2 GiB, and what looks like a mark.
        ("a head", b"\x7f\xff\xff\xffWALR12345678", Some(Flaw::Damaged("no record begins there"))),
        ("marks", &b"WALR".repeat(50_000), Some(Flaw::Damaged("no record begins there"))),
        ("ones", &[0xff; 1_000], Some(Flaw::Damaged("no record begins there"))),
    ];
    for (name, bytes, flaw) in table {
        let none: Vec<Vec<u8>> = Vec::new();
        assert_eq!(log.with(bytes), (none.clone(), and_more(&none)), "{name}");
        std::fs::write(&log.file.path, bytes).expect("written");
        let gap = flaw.map(|flaw| (0, bytes.len() as u64, flaw));
        assert_eq!(log.gaps(), gap.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_record_that_holds_a_log_is_one_record() {
    let inner = Written::new(&["a", "b"]);
    let log = Written::new(&[b"first".to_vec(), inner.bytes, b"last".to_vec()]);
    let mut bytes = log.bytes.clone();
    // The length of the record that holds the log.
    bytes[HEAD + 5] ^= 1;
    let intact = [b"first".to_vec(), b"last".to_vec()];
    assert_eq!(log.with(&bytes), (intact.to_vec(), and_more(&intact)));
}

#[test]
fn a_folder_may_hold_other_things() {
    let log = Written::new(&["one"]);
    for name in ["log-1", "log-a-b", "log-1-2-3", "other", "log-1-99999999999999999999"] {
        std::fs::write(log.folder.path().join(name), "not a log").expect("written");
    }
    std::fs::create_dir(log.folder.path().join("log-1-2")).expect("a folder");
    assert_eq!(read(&open(log.folder.path())), [b"one"]);
}

#[test]
fn handles_that_lead_nowhere_are_refused() {
    let log = Written::new(&["one"]);
    let good = &log.handles[0];
    for offset in [1, 18, 19, 1 << 40, u64::MAX - 4, u64::MAX] {
        let wrong = WalHandle { offset, ..good.clone() };
        assert!(open(log.folder.path()).read(&wrong).is_err(), "at {offset}");
    }
    for length in [0, 12, u32::MAX] {
        let wrong = WalHandle { length, ..good.clone() };
        assert!(open(log.folder.path()).read(&wrong).is_err(), "of {length} bytes");
    }
    assert_eq!(open(log.folder.path()).read(good).expect("the record"), b"one");
}

#[test]
fn a_driver_goes_on_with_the_decisions_that_are_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let tracker = || {
        let log = BatchedWriteAheadLog::new(Arc::new(open(folder.path())), clock.clone(), 5_000);
        let log = Arc::new(log.expect("a thread")) as Arc<dyn WriteAheadLog>;
        ReceivedBlockTracker::new([0], clock.clone(), Some(log), true).expect("readable")
    };
    let first = tracker();
    for id in 0..5 {
        let block = ReceivedBlockInfo::new(BlockId::new(0, id), Some(1));
        first.add_block(block).expect("added");
    }
    first.stop();
    let path = LogFile::list(folder.path()).expect("files").remove(0).path;
    let mut bytes = std::fs::read(&path).expect("bytes");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&path, &bytes).expect("written");
    let waiting = tracker().unallocated_blocks(0);
    let ids: Vec<u64> = waiting.iter().map(|block| block.block_id.unique_id).collect();
    assert_eq!(ids, [0, 1, 3, 4]);
}

#[test]
fn the_disk_is_waited_for_where_the_settings_say_so() {
    for (role, name) in [(WalRole::Driver, "driver"), (WalRole::Receiver, "receiver")] {
        let key = format!("weir.streaming.{name}.writeAheadLog.sync");
        assert!(!role.options(&Settings::default()).expect("defaults").sync);
        let on = Settings::default().set(&key, "true");
        assert!(role.options(&on).expect("a flag").sync);
        role.options(&Settings::default().set(&key, "often")).expect_err("no flag");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("made/by/the/log");
    let options = FileWalOptions { sync: true, ..FileWalOptions::default() };
    let log = FileBasedWriteAheadLog::new(&inner, options).expect("a log");
    log.write(b"one", 5).expect("written");
    log.write(b"two", 100_000).expect("written");
    assert_eq!(read(&open(&inner)), [b"one", b"two"]);
}

/// Writes a record once it may, and has no luck with some.
#[derive(Debug)]
struct Gated(crossbeam_channel::Receiver<()>, Mutex<Vec<Vec<u8>>>);

impl WriteAheadLog for Gated {
    fn write(&self, record: &[u8], _: u64) -> Result<WalHandle, WalError> {
        // A gate that is gone is open.
        let _ = self.0.recv();
        assert_ne!(record, b"13", "bad luck");
        self.1.lock().expect("records").push(record.to_owned());
        Ok(WalHandle { path: "nowhere".into(), offset: 0, length: 0 })
    }
    fn read(&self, _: &WalHandle) -> Result<Vec<u8>, WalError> {
        Ok(b"read".to_vec())
    }
    fn read_all(&self) -> Result<Records, WalError> {
        Ok(Box::new(self.1.lock().expect("records").clone().into_iter().map(Ok)))
    }
    fn clean(&self, _: u64, _: bool) -> Result<(), WalError> {
        Ok(())
    }
    fn close(&self) {}
    fn describe(&self) -> String {
        "Gated".into()
    }
}

#[test]
fn nobody_waits_for_a_disk_for_ever() {
    let (open, gate) = crossbeam_channel::bounded(0);
    let clock = Arc::new(ManualClock::new());
    let behind = Arc::new(Gated(gate, Mutex::default()));
    let timed = TimedWriteAheadLog::new(behind, clock.clone(), 30_000, "the.timeout");
    let timed = Arc::new(timed.expect("a thread"));
    let writing = Arc::clone(&timed);
    let named = std::thread::Builder::new().name("writing".into());
    let writer = named.spawn(move || writing.write(b"late", 1)).expect("a thread");
    while clock.next_alarm_ns().is_none() {
        std::thread::yield_now();
    }
    clock.advance(Duration::from_secs(30));
    let late = writer.join().expect("no panic").expect_err("it takes too long").to_string();
    assert!(late.contains("more than 30000 ms; raise the.timeout"), "{late}");
    drop(open);
    let unlucky = timed.write(b"13", 2).expect_err("a panic").to_string();
    assert!(unlucky.contains("Gated panicked") && unlucky.contains("bad luck"), "{unlucky}");
    let handle = timed.write(b"good", 3).expect("it goes on");
    assert_eq!(timed.read(&handle).expect("as behind it"), b"read");
    timed.close();
    // The late one was written all the same.
    assert_eq!(read(&*timed), [&b"late"[..], b"good"]);
    let closed = timed.write(b"more", 4).expect_err("closed");
    assert!(matches!(closed, WalError::Closed { .. }));
}

/// Keeps what is logged by any test of this file.
struct Warnings;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Warnings {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().expect("lines").push(format!("{} {}", record.level(), record.args()));
    }
    fn flush(&self) {}
}

fn warnings(path: &Path) -> Vec<String> {
    let lines = LINES.lock().expect("lines");
    let path = path.display().to_string();
    lines.iter().filter(|line| line.contains(&path)).cloned().collect()
}

#[test]
fn what_is_left_out_is_named_in_a_warning() {
    log::set_logger(&Warnings).expect("no other logger");
    log::set_max_level(log::LevelFilter::Warn);
    let log = Written::new(&["one", "two", "three"]);
    let mut damaged = log.bytes.clone();
    damaged[HEAD + 3 + HEAD] = b'T';
    let torn = &log.bytes[..log.bytes.len() - 1];
    let table = [
        (
            &*damaged,
            "19 bytes from byte 19 on are left out (the checksum of the record is wrong); records go on \
             behind them",
        ),
        (
            torn,
            "20 bytes from byte 38 on are left out (the file ends within a record); no record follows",
        ),
    ];
    for (bytes, expected) in table {
        std::fs::write(&log.file.path, bytes).expect("written");
        read(&open(log.folder.path()));
        let expected = format!("WARN write-ahead log {}: {expected}", log.file.path.display());
        assert_eq!(warnings(&log.file.path).last(), Some(&expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes are written over and the end is cut off: every record that was not touched is read, and no
    /// other; and what is written afterwards is found.
    #[test]
    fn untouched_records_survive_any_damage(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..12),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..40)), 0..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let log = Written::new(&records);
        let mut bytes = log.bytes.clone();
        for (at, with) in &damage {
            let at = at.index(bytes.len());
            for (byte, new) in bytes[at..].iter_mut().zip(with) {
                *byte = *new;
            }
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut end = 0;
        let mut intact = Vec::new();
        for record in &records {
            let place = end..end + HEAD + record.len();
            end = place.end;
            if bytes.get(place.clone()) == Some(&log.bytes[place]) {
                intact.push(record.clone());
            }
        }
        let (before, after) = log.with(&bytes);
        prop_assert_eq!(&before, &intact);
        prop_assert_eq!(after, and_more(&intact));
    }
}
