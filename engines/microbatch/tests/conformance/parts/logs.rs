//! Write-ahead logs.

use super::{Outcome, int, list, same, text};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use weir_dataflow::{Clock, ManualClock, SystemClock};
use weir_microbatch::settings::Settings;
use weir_microbatch::wal::{
    BatchedWriteAheadLog, FileBasedWriteAheadLog, FileWalOptions, FrameReader, FrameWriter,
    LogFile, ParallelIter, Records, WalError, WalHandle, WalRegistry, WalRole, WriteAheadLog,
    aggregate, deaggregate, read_at,
};

fn options(close_file_after_write: bool) -> FileWalOptions {
    FileWalOptions { rolling_interval_ms: 1_000, close_file_after_write, ..Default::default() }
}

fn open(folder: &Path, variant: &str) -> Result<Arc<dyn WriteAheadLog>, String> {
    let close = variant.ends_with("+closeFileAfterWrite");
    let files: Arc<dyn WriteAheadLog> =
        Arc::new(FileBasedWriteAheadLog::new(folder, options(close)).map_err(text)?);
    if !variant.starts_with("Batched") {
        return Ok(files);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Ok(Arc::new(BatchedWriteAheadLog::new(files, clock, 5_000).map_err(text)?))
}

fn all(log: &dyn WriteAheadLog) -> Result<Vec<String>, String> {
    let records = log.read_all().map_err(text)?;
    records.map(|one| String::from_utf8(one.map_err(text)?).map_err(text)).collect()
}

fn numbers(to: u64) -> Vec<String> {
    (1..=to).map(|n| n.to_string()).collect()
}

/// Writes `records`, one each 500 ms from 10 s on.
fn write_all(log: &dyn WriteAheadLog, records: &[String]) -> Outcome {
    for (n, record) in records.iter().enumerate() {
        log.write(record.as_bytes(), 10_000 + 500 * n as u64).map_err(text)?;
    }
    Ok(())
}

pub(super) fn wal(case: &Value) -> Outcome {
    let name = case["name"].as_str().unwrap_or_default();
    let dir = tempfile::tempdir().map_err(text)?;
    let (variant, what) = name.split_once(": ").unwrap_or(("", name));
    match (variant, what) {
        (_, "close after write flag") => close_after_write(&dir, variant, case),
        ("writer" | "reader" | "random reader", _) => frames(&dir, what),
        ("batched", what) => batched(what),
        ("", "seqToParIterator bounded parallelism") => parallel(&case["params"]),
        (_, "read all logs") => read_all(&dir, variant),
        (_, "write logs with rotation" | "read all logs after write") => rotation(&dir, variant),
        (_, "clean old logs (async and sync)") => clean(variant),
        (_, "corrupted old files are skipped") => corrupted(&dir, variant),
        (_, "do not create directories or files unless write") => lazy(&dir, variant),
        (_, "lazily read after close") => read_after_close(&dir, variant),
        _ => Err(format!("{name} is not known")),
    }
}

fn read_all(dir: &TempDir, variant: &str) -> Outcome {
    let mut expected = Vec::new();
    for file in 1..=10 {
        // Made by the log itself, in its own format, then given the name of the case.
        let own = tempfile::tempdir().map_err(text)?;
        let log = open(own.path(), variant.trim_end_matches("+closeFileAfterWrite"))?;
        for record in numbers(100) {
            log.write(record.as_bytes(), file).map_err(text)?;
            expected.push(record);
        }
        log.close();
        let made = LogFile::list(own.path()).map_err(text)?.pop().ok_or("no file")?;
        std::fs::copy(made.path, LogFile::new(dir.path(), file, file).path).map_err(text)?;
    }
    same("records", all(&*open(dir.path(), variant)?)?, expected)
}

fn rotation(dir: &TempDir, variant: &str) -> Outcome {
    let records = numbers(100);
    let log = open(dir.path(), variant)?;
    write_all(&*log, &records)?;
    log.close();
    same("several files", LogFile::list(dir.path()).map_err(text)?.len() > 1, true)?;
    same("records", all(&*open(dir.path(), variant)?)?, records)
}

fn clean(variant: &str) -> Outcome {
    for wait in [true, false] {
        let dir = tempfile::tempdir().map_err(text)?;
        let log = open(dir.path(), variant)?;
        write_all(&*log, &numbers(100))?;
        let before = LogFile::list(dir.path()).map_err(text)?;
        log.clean(30_000, wait).map_err(text)?;
        if wait {
            let expected: Vec<_> = before.iter().filter(|file| file.stop_ms >= 30_000).collect();
            same("fewer", expected.len() < before.len(), true)?;
            let left = LogFile::list(dir.path()).map_err(text)?;
            same("left", left.iter().collect::<Vec<_>>(), expected)?;
        }
        log.close();
        let left = LogFile::list(dir.path()).map_err(text)?;
        same("old ones", left.iter().any(|file| file.stop_ms < 30_000), false)?;
        log.close();
    }
    Ok(())
}

fn corrupted(dir: &TempDir, variant: &str) -> Outcome {
    let log = open(dir.path(), variant)?;
    write_all(&*log, &numbers(20))?;
    log.close();
    for file in LogFile::list(dir.path()).map_err(text)? {
        let file = std::fs::File::options().write(true).open(file.path).map_err(text)?;
        file.set_len(1).map_err(text)?;
    }
    let log = open(dir.path(), variant)?;
    let second: Vec<_> = (100..120).map(|n| n.to_string()).collect();
    for (n, record) in second.iter().enumerate() {
        log.write(record.as_bytes(), 90_000 + 500 * n as u64).map_err(text)?;
    }
    same("the open log", all(&*log)?, second.clone())?;
    log.close();
    same("records", all(&*open(dir.path(), variant)?)?, second)
}

fn lazy(dir: &TempDir, variant: &str) -> Outcome {
    let folder = dir.path().join("a/b");
    let log = open(&folder, variant)?;
    same("records", all(&*log)?, vec![])?;
    same("folder", folder.exists(), false)?;
    if variant.starts_with("Batched") {
        let handle = WalHandle { path: folder, offset: 0, length: 1 };
        let refused = log.read(&handle);
        same("read", matches!(refused, Err(WalError::Unsupported { .. })), true)?;
    }
    Ok(())
}

fn read_after_close(dir: &TempDir, variant: &str) -> Outcome {
    let log = open(dir.path(), variant)?;
    write_all(&*log, &numbers(20))?;
    let mut records = log.read_all().map_err(text)?;
    log.close();
    if variant.ends_with("+closeFileAfterWrite") {
        let closed = matches!(records.next(), Some(Err(WalError::Closed { .. })));
        return same("reading fails", closed, true);
    }
    let records: Result<Vec<_>, _> = records.collect();
    let expected: Vec<_> = numbers(20).into_iter().map(String::into_bytes).collect();
    same("records", records.map_err(text)?, expected)
}

fn close_after_write(dir: &TempDir, variant: &str, case: &Value) -> Outcome {
    let log = open(dir.path(), &format!("{variant}+closeFileAfterWrite"))?;
    let (records, step) = (int(&case["params"]["records"])?, int(&case["params"]["advance_ms"])?);
    for n in 0..records {
        log.write(b"x", 10_000 + step * n).map_err(text)?;
    }
    let files = LogFile::list(dir.path()).map_err(text)?.len();
    same(
        "files",
        format!("{files} files for {records} records"),
        text(case["expected"].as_str().unwrap_or("")),
    )
}

fn frames(dir: &TempDir, what: &str) -> Outcome {
    let path = dir.path().join("log");
    let read = |path: &Path| -> Result<Vec<Vec<u8>>, String> {
        let mut reader = FrameReader::open(path).map_err(text)?;
        let mut records = Vec::new();
        while let Some((_, record)) = reader.next_frame().map_err(text)? {
            records.push(record);
        }
        same("after the end", reader.next_frame().map_err(text)?, None)?;
        Ok(records)
    };
    if what == "file does not exist" {
        return same("records", read(&path)?, vec![]);
    }
    let records: Vec<_> = numbers(100).into_iter().map(String::into_bytes).collect();
    let mut writer = FrameWriter::open(&path).map_err(text)?;
    let mut handles = Vec::new();
    for record in &records {
        let handle = writer.write(record).map_err(text)?;
        same("at once", &read_at(&handle).map_err(text)?, record)?;
        handles.push(handle);
    }
    same("in sequence", read(&path)?, records.clone())?;
    for n in (0..100).map(|n| n * 37 % 100) {
        same("in any order", &read_at(&handles[n]).map_err(text)?, &records[n])?;
    }
    let bytes = std::fs::read(&path).map_err(text)?;
    std::fs::write(&path, [&bytes[..], b"garbage"].concat()).map_err(text)?;
    same("garbage behind", read(&path)?, records.clone())?;
    std::fs::write(&path, &bytes[..bytes.len() - 1]).map_err(text)?;
    same("a byte missing", read(&path)?, records[..99].to_vec())?;
    let known = ["data written", "sequential", "corrupted tail", "any order"];
    same(what, known.iter().any(|known| what.starts_with(known)), true)
}

fn parallel(params: &Value) -> Outcome {
    let (threads, items) = (int(&params["threads"])? as usize, int(&params["items"])?);
    let (busy, most) = (Mutex::new(0), Mutex::new(0));
    let meet = std::sync::Barrier::new(2);
    let work = |n: u64| {
        let mut now = busy.lock().expect("a count");
        *now += 1;
        let mut highest = most.lock().expect("a count");
        *highest = (*highest).max(*now);
        drop((now, highest));
        // Two of a group meet: more than one is worked on at a time.
        if n < 2 {
            meet.wait();
        }
        *busy.lock().expect("a count") -= 1;
        n
    };
    let got: Vec<u64> = ParallelIter::new(0..items, threads, work).collect();
    same("order", got, (0..items).collect())?;
    let most = *most.lock().expect("a count");
    same("at a time", (2..=threads).contains(&most), true)
}

/// A log that notes what is written, once it may.
#[derive(Debug)]
struct Gated {
    gate: crossbeam_channel::Receiver<()>,
    entered: crossbeam_channel::Sender<()>,
    written: Mutex<Vec<(u64, Vec<String>)>>,
    closed: Mutex<usize>,
    fails: bool,
}

impl WriteAheadLog for Gated {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        self.entered.send(()).expect("somebody waits");
        // A gate that is gone is open.
        let _ = self.gate.recv();
        if self.fails {
            return Err(WalError::Other("the disk is full".into()));
        }
        let records = deaggregate(record.to_owned()).into_iter();
        let records = records.map(|one| String::from_utf8(one).expect("UTF-8")).collect();
        self.written.lock().expect("records").push((time_ms, records));
        Ok(WalHandle { path: "nowhere".into(), offset: 0, length: 0 })
    }
    fn read(&self, _: &WalHandle) -> Result<Vec<u8>, WalError> {
        Err(WalError::Other("nothing is kept".into()))
    }
    fn read_all(&self) -> Result<Records, WalError> {
        Ok(Box::new(std::iter::empty()))
    }
    fn clean(&self, _: u64, _: bool) -> Result<(), WalError> {
        Ok(())
    }
    fn close(&self) {
        *self.closed.lock().expect("a count") += 1;
    }
    fn describe(&self) -> String {
        "custom".into()
    }
}

struct Setup {
    behind: Arc<Gated>,
    log: Arc<BatchedWriteAheadLog>,
    open: crossbeam_channel::Sender<()>,
    entered: crossbeam_channel::Receiver<()>,
}

fn setup(fails: bool) -> Result<Setup, String> {
    let (open, gate) = crossbeam_channel::bounded(0);
    let (enter, entered) = crossbeam_channel::bounded(16);
    let (written, closed) = (Mutex::default(), Mutex::default());
    let behind = Arc::new(Gated { gate, entered: enter, written, closed, fails });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let log = BatchedWriteAheadLog::new(behind.clone(), clock, 5_000).map_err(text)?;
    Ok(Setup { behind, log: Arc::new(log), open, entered })
}

type Writing = std::thread::JoinHandle<Result<WalHandle, WalError>>;

/// Writes from threads: the first is in progress, and the others are queued, when this returns.
fn write_from_threads(setup: &Setup, records: &[(String, u64)]) -> Result<Vec<Writing>, String> {
    let mut threads = Vec::new();
    for (n, (record, time_ms)) in records.iter().cloned().enumerate() {
        let log = Arc::clone(&setup.log);
        let body = move || log.write(record.as_bytes(), time_ms);
        threads.push(std::thread::Builder::new().spawn(body).map_err(text)?);
        if n == 0 {
            setup.entered.recv_timeout(Duration::from_secs(10)).map_err(text)?;
        }
        while setup.log.queue_len() < n {
            std::thread::yield_now();
        }
    }
    Ok(threads)
}

pub(super) fn wal_batched(case: &Value) -> Outcome {
    let writes = list(&case["writes_event_time"])?.iter();
    let writes: Vec<_> = writes
        .map(|one| (one[0].as_str().unwrap_or_default().to_owned(), one[1].as_u64().unwrap_or(0)))
        .collect();
    let setup = setup(false)?;
    let threads = write_from_threads(&setup, &writes)?;
    same("queue length", setup.log.queue_len(), writes.len() - 1)?;
    drop(setup.open);
    for thread in threads {
        thread.join().map_err(|_| "a writer panicked")?.map_err(text)?;
    }
    let written = setup.behind.written.lock().expect("records").clone();
    let shown: Vec<_> = written
        .into_iter()
        .map(|(time, records)| json!({ "time": time, "records": records }))
        .collect();
    // Records of one batch are in the order of their times.
    same("writes", json!(shown), case["expected_wrapped_writes"].clone())
}

fn batched(what: &str) -> Outcome {
    match what {
        "aggregate/deaggregate round trip" => {
            let records = [&b"a"[..], b"", b"ccc"];
            let together = aggregate(records).map_err(text)?;
            same("records", deaggregate(together), records.map(<[u8]>::to_vec).to_vec())?;
            same("an old record", deaggregate(b"old".to_vec()), vec![b"old".to_vec()])
        }
        "failures bubble up" => {
            let setup = setup(true)?;
            drop(setup.open);
            let error = setup.log.write(b"x", 1).err().ok_or("no error")?;
            let cause = std::error::Error::source(&error).ok_or("no cause")?.to_string();
            same("cause", cause.as_str(), "the disk is full")
        }
        "shutdown" => {
            let setup = setup(false)?;
            setup.log.close();
            setup.log.close();
            same("closed", *setup.behind.closed.lock().expect("a count"), 1)?;
            let refused = setup.log.write(b"x", 1);
            same("write", matches!(refused, Err(WalError::Closed { .. })), true)
        }
        "fail everything in queue during shutdown" => {
            let setup = setup(false)?;
            let writes = [("a".into(), 1), ("b".into(), 2), ("c".into(), 3)];
            let threads = write_from_threads(&setup, &writes)?;
            let log = Arc::clone(&setup.log);
            let close = std::thread::Builder::new().spawn(move || log.close()).map_err(text)?;
            let mut threads = threads.into_iter();
            let first = threads.next().ok_or("no writer")?;
            let first = first.join().map_err(|_| "a writer panicked")?;
            same("in progress", matches!(first, Err(WalError::Closed { .. })), true)?;
            drop(setup.open);
            close.join().map_err(|_| "close panicked")?;
            for thread in threads {
                let queued = thread.join().map_err(|_| "a writer panicked")?;
                same("queued", matches!(queued, Err(WalError::Closed { .. })), true)?;
            }
            Ok(())
        }
        _ => Err(format!("batched: {what} is not known")),
    }
}

pub(super) fn wal_files(case: &Value) -> Outcome {
    let dir = tempfile::tempdir().map_err(text)?;
    let rolling_interval_ms = 1_000 * int(&case["params"]["rolling_interval_s"])?;
    let options = FileWalOptions { rolling_interval_ms, ..Default::default() };
    let log = FileBasedWriteAheadLog::new(dir.path(), options).map_err(text)?;
    for time in list(&case["params"]["write_times_ms"])? {
        log.write(b"x", int(time)?).map_err(text)?;
    }
    log.close();
    let (mut names, mut counts) = (Vec::new(), Vec::new());
    for file in LogFile::list(dir.path()).map_err(text)? {
        names.push(format!("log-{}-{}", file.start_ms, file.stop_ms));
        let mut reader = FrameReader::open(&file.path).map_err(text)?;
        let mut count = 0;
        while reader.next_frame().map_err(text)?.is_some() {
            count += 1;
        }
        counts.push(count);
    }
    same("files", json!(names), case["expected_files"].clone())?;
    same("records", json!(counts), case["expected_records_per_file"].clone())
}

pub(super) fn wal_format(_: &Value) -> Outcome {
    let dir = tempfile::tempdir().map_err(text)?;
    let options = FileWalOptions { checksums: false, ..Default::default() };
    let log = FileBasedWriteAheadLog::new(dir.path(), options).map_err(text)?;
    log.write(b"ab", 5).map_err(text)?;
    let handle = log.write(b"cde", 6).map_err(text)?;
    let bytes = std::fs::read(&handle.path).map_err(text)?;
    same("bytes", bytes.as_slice(), &b"\0\0\0\x02ab\0\0\0\x03cde"[..])?;
    same("handle", (handle.offset, handle.length), (6, 3))?;
    let other = WalHandle { length: 2, ..handle };
    same("another length", matches!(log.read(&other), Err(WalError::Damaged { .. })), true)
}

pub(super) fn config(case: &Value) -> Outcome {
    let name = case["name"].as_str().unwrap_or_default();
    let Some(what) = name.strip_prefix("WAL selection: ") else {
        return super::rates::estimator_config(case);
    };
    let mut registry = WalRegistry::new();
    registry.register("mine", |_, _| {
        let (gate, entered) = (crossbeam_channel::never(), crossbeam_channel::bounded(1).0);
        let (written, closed) = (Mutex::default(), Mutex::default());
        Ok(Arc::new(Gated { gate, entered, written, closed, fails: false }))
    });
    let class = |role: &str, class: &str| {
        Settings::default().set(&format!("spark.streaming.{role}.writeAheadLog.class"), class)
    };
    let (settings, driver, receiver) = match what {
        "no config" => (Settings::default(), "Batched(FileBased)", "FileBased"),
        "driver class set" => (class("driver", "mine"), "Batched(custom)", "FileBased"),
        what if what.contains("2-arg constructor") => {
            (class("receiver", "other"), "Batched(FileBased)", "error")
        }
        what if what.starts_with("receiver class") => {
            (class("receiver", "mine"), "Batched(FileBased)", "custom")
        }
        "allowBatching default" | "closeFileAfterWrite default" => {
            (Settings::default(), "Batched(FileBased)", "FileBased")
        }
        _ => return Err(format!("{what} is not known")),
    };
    let dir = tempfile::tempdir().map_err(text)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    for (role, expected) in [(WalRole::Driver, driver), (WalRole::Receiver, receiver)] {
        let log = registry.create(role, &settings, dir.path(), &clock);
        match log {
            Ok(log) => same(what, log.describe().as_str(), expected)?,
            Err(error) => {
                let gist = "Could not create a write ahead log of class";
                same(&error, expected == "error" && error.to_string().contains(gist), true)?;
            }
        }
        let batched = role.is_batched(&settings).map_err(text)?;
        same("batching", batched, role == WalRole::Driver)?;
        let options = role.options(&settings).map_err(text)?;
        same("closeFileAfterWrite", options.close_file_after_write, false)?;
    }
    Ok(())
}
