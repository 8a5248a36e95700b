//! Write-ahead logs.
//!
//! The fields of a case say how a log is set up; what it expects is prose, of which each clause is
//! tried on logs of its own.

use super::{Case, Outcome, batched, int, same, text};
use crate::phrases::{clauses, holes, is, number, range, unknown};
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use weir_dataflow::{Clock, SystemClock};
use weir_microbatch::wal::{
    BatchedWriteAheadLog, FileBasedWriteAheadLog, FileWalOptions, FrameReader, FrameWriter,
    LogFile, ParallelIter, WalError, WalHandle, WriteAheadLog, read_at,
};

/// How a log is made and what is written to it; where a case says nothing, as Spark's suite does it.
struct Setup {
    batched: bool,
    close_file_after_write: bool,
    rolling_ms: u64,
    start_ms: u64,
    advance_ms: u64,
    records: Vec<String>,
    files: Option<Files>,
    clean_threshold_ms: Option<u64>,
    threads: Option<u64>,
    items: Option<u64>,
}

/// Files that are there already: `log-i-i`, each with the same records.
struct Files {
    times: std::ops::RangeInclusive<u64>,
    records: Vec<String>,
}

fn numbered(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// Records from `"1".."100"`, or that many of them.
fn records(value: &serde_json::Value) -> Result<Vec<String>, String> {
    match value.as_str() {
        None => Ok(numbered(1..=int(value)?)),
        Some(text) => range(&text.replace('"', "")).map(numbered).map_or_else(|| unknown(text), Ok),
    }
}

/// A time, or a text that ends with one: `half of 60000 -> 30000`.
fn threshold(value: &serde_json::Value) -> Result<u64, String> {
    match value.as_str() {
        None => int(value),
        Some(text) => number(text.rsplit("->").next().unwrap_or(text)),
    }
}

impl Setup {
    fn of(case: &Case<'_>) -> Result<Self, String> {
        let params = case.part("params");
        // Where it is not a parameter, the kind of log may stand before the colon of the name, and
        // whether files are closed behind it.
        let [before, what] = holes(case.name(), "{*}: {*}").unwrap_or(["", case.name()]);
        let (kind, close) = if params.get("variant").is_some() {
            match params.text("variant")?.strip_suffix("+closeFileAfterWrite") {
                Some(kind) => (kind, true),
                None => (params.text("variant")?, false),
            }
        } else {
            let kind = if before == "Batched" { before } else { "FileBased" };
            (kind, what.starts_with("close after write"))
        };
        if !["FileBased", "Batched"].contains(&kind) {
            return unknown(kind);
        }
        let files = match params.get("files") {
            None => None,
            Some(_) => {
                let text = params.text("files")?;
                let known = "log-i-i for i in {n}..{n}, each with records {*}";
                let Some([from, to, each]) = holes(text, known) else { return unknown(text) };
                let times = number(from)?..=number(to)?;
                Some(Files { times, records: records(&each.into())? })
            }
        };
        let advance_ms =
            params.int_or("advance_ms", params.int_or("advance_per_write_ms", 500)?)?;
        let optional = |name: &str| params.get(name).map(int).transpose();
        let setup = Self {
            batched: kind == "Batched",
            close_file_after_write: close,
            rolling_ms: 1_000 * params.int_or("rolling_interval_s", 1)?,
            start_ms: params.int_or("clock_start_ms", 10_000)?,
            advance_ms,
            records: params.get("records").map_or_else(|| Ok(numbered(1..=100)), records)?,
            files,
            clean_threshold_ms: params.get("clean_threshold").map(threshold).transpose()?,
            threads: optional("threads")?,
            items: optional("items")?,
        };
        params.finished()?;
        Ok(setup)
    }

    fn open(&self, folder: &Path) -> Result<Arc<dyn WriteAheadLog>, String> {
        let options = FileWalOptions {
            rolling_interval_ms: self.rolling_ms,
            close_file_after_write: self.close_file_after_write,
            ..Default::default()
        };
        let files: Arc<dyn WriteAheadLog> =
            Arc::new(FileBasedWriteAheadLog::new(folder, options).map_err(text)?);
        if !self.batched {
            return Ok(files);
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Ok(Arc::new(BatchedWriteAheadLog::new(files, clock, 5_000).map_err(text)?))
    }

    /// Writes records one behind the other, from `first_ms` on; when the last one was written.
    fn write(
        &self,
        log: &dyn WriteAheadLog,
        records: &[String],
        first_ms: u64,
    ) -> Result<u64, String> {
        let mut now_ms = first_ms;
        for record in records {
            log.write(record.as_bytes(), now_ms).map_err(text)?;
            now_ms += self.advance_ms;
        }
        Ok(now_ms)
    }

    /// A log with the records of the case in it.
    fn written(&self) -> Result<(TempDir, Arc<dyn WriteAheadLog>), String> {
        let dir = folder()?;
        let log = self.open(dir.path())?;
        self.write(&*log, &self.records, self.start_ms)?;
        Ok((dir, log))
    }
}

fn folder() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(text)
}

fn all(log: &dyn WriteAheadLog) -> Result<Vec<String>, String> {
    let records = log.read_all().map_err(text)?;
    records.map(|one| String::from_utf8(one.map_err(text)?).map_err(text)).collect()
}

fn log_files(dir: &TempDir) -> Result<Vec<LogFile>, String> {
    LogFile::list(dir.path()).map_err(text)
}

pub(super) fn wal(case: &Case<'_>) -> Outcome {
    let setup = Setup::of(case)?;
    let expected = case.text("expected")?;
    let tried = clauses(expected, ';').into_iter().try_fold(0, |tried, clause| {
        let outcome = match of_logs(&setup, clause) {
            Some(outcome) => outcome,
            None => match of_files(&setup, clause).or_else(|| batched::clause(clause)) {
                Some(outcome) => outcome,
                None => unknown(clause),
            },
        };
        outcome.map(|()| tried + 1).map_err(|why| format!("{clause}: {why}"))
    })?;
    if tried == 0 { Err("the case expects nothing".into()) } else { Ok(()) }
}

/// Clauses about logs that are written, closed and read.
fn of_logs(setup: &Setup, clause: &str) -> Option<Outcome> {
    if let Some([count]) =
        holes(clause, "readAll returns all {n} records in file start-time order then record order")
    {
        return Some(number(count).and_then(|count| read_all(setup, count)));
    }
    if let Some([count, ..]) = holes::<2>(clause, "more than {n} log file{*}") {
        return Some(number(count).and_then(|count| more_files(setup, count as usize)));
    }
    if is(clause, "concatenation of files == written data")
        || is(clause, "new manager readAll == written data")
    {
        return Some(read_again(setup));
    }
    if is(clause, "number of files decreases{*}") {
        return Some(clean(setup));
    }
    if is(clause, "close is idempotent") {
        return Some(close_twice(setup));
    }
    let truncated = "after truncating each file of the first set to {n} byte{*}, \
                     readAll returns exactly the second set";
    if let Some([length, _]) = holes(clause, truncated) {
        return Some(number(length).and_then(|length| truncate(setup, length)));
    }
    if is(clause, "constructing or reading does not create anything") {
        return Some(lazy(setup));
    }
    if is(clause, "read(handle) on Batched -> UnsupportedOperationException") {
        return Some(read_handle(setup));
    }
    if is(clause, "closeFileAfterWrite -> parallel recovery, materialising after close fails{*}") {
        return Some(if setup.close_file_after_write { read_after_close(setup) } else { Ok(()) });
    }
    if is(clause, "otherwise the iterator still returns all data") {
        return Some(if setup.close_file_after_write { Ok(()) } else { read_after_close(setup) });
    }
    if let Some([files, records]) = holes(clause, "{n} files for {n} records") {
        return Some(count_files(setup, files, records));
    }
    None
}

fn read_all(setup: &Setup, count: u64) -> Outcome {
    let files = setup.files.as_ref().ok_or("which files?")?;
    let (dir, mut expected) = (folder()?, Vec::new());
    for file in files.times.clone() {
        // Made by the log itself, in its own format, then given the name of the case.
        let own = folder()?;
        let maker =
            Setup { close_file_after_write: false, files: None, records: Vec::new(), ..*setup };
        let log = maker.open(own.path())?;
        for record in &files.records {
            log.write(record.as_bytes(), file).map_err(text)?;
            expected.push(record.clone());
        }
        log.close();
        let made = log_files(&own)?.pop().ok_or("no file")?;
        std::fs::copy(made.path, LogFile::new(dir.path(), file, file).path).map_err(text)?;
    }
    same("count", expected.len() as u64, count)?;
    same("records", all(&*setup.open(dir.path())?)?, expected)
}

fn more_files(setup: &Setup, count: usize) -> Outcome {
    let (dir, log) = setup.written()?;
    log.close();
    let files = log_files(&dir)?.len();
    if files > count { Ok(()) } else { Err(format!("{files} files")) }
}

fn read_again(setup: &Setup) -> Outcome {
    let (dir, log) = setup.written()?;
    log.close();
    same("records", all(&*setup.open(dir.path())?)?, setup.records.clone())
}

/// Cleans and waits for it, or cleans and closes.
fn clean(setup: &Setup) -> Outcome {
    let threshold = setup.clean_threshold_ms.ok_or("clean_threshold is missing")?;
    for wait in [true, false] {
        let (dir, log) = setup.written()?;
        let before = log_files(&dir)?;
        log.clean(threshold, wait).map_err(text)?;
        if wait {
            let last = before.len().saturating_sub(1);
            let stays = |(n, file): &(usize, &LogFile)| *n == last || file.stop_ms >= threshold;
            let expected: Vec<_> = before.iter().enumerate().filter(stays).collect();
            same("fewer", expected.len() < before.len(), true)?;
            let left = log_files(&dir)?;
            let expected: Vec<_> = expected.into_iter().map(|(_, file)| file).collect();
            same("left", left.iter().collect::<Vec<_>>(), expected)?;
        }
        log.close();
        let left = log_files(&dir)?;
        same("fewer", left.len() < before.len(), true)?;
    }
    Ok(())
}

fn close_twice(setup: &Setup) -> Outcome {
    let (dir, log) = setup.written()?;
    log.close();
    let before = log_files(&dir)?;
    log.close();
    same("files", log_files(&dir)?, before)
}

fn truncate(setup: &Setup, length: u64) -> Outcome {
    let (dir, log) = setup.written()?;
    log.close();
    let later = log_files(&dir)?.iter().map(|file| file.stop_ms).max().unwrap_or(0);
    for file in log_files(&dir)? {
        let file = std::fs::File::options().write(true).open(file.path).map_err(text)?;
        file.set_len(length).map_err(text)?;
    }
    let log = setup.open(dir.path())?;
    let second: Vec<_> = setup.records.iter().map(|record| format!("second {record}")).collect();
    setup.write(&*log, &second, later + setup.rolling_ms)?;
    same("the open log", all(&*log)?, second.clone())?;
    log.close();
    same("records", all(&*setup.open(dir.path())?)?, second)
}

fn lazy(setup: &Setup) -> Outcome {
    let dir = folder()?;
    let place = dir.path().join("a/b");
    let log = setup.open(&place)?;
    same("records", all(&*log)?, vec![])?;
    log.close();
    same("folder", place.exists(), false)
}

/// A clause about batched logs: others can be read by handle.
fn read_handle(setup: &Setup) -> Outcome {
    let dir = folder()?;
    let log = setup.open(dir.path())?;
    let handle = log.write(b"record", setup.start_ms).map_err(text)?;
    match log.read(&handle) {
        Err(WalError::Unsupported { .. }) if setup.batched => Ok(()),
        Ok(record) if !setup.batched => same("record", record.as_slice(), &b"record"[..]),
        other => Err(format!("{other:?}")),
    }
}

fn read_after_close(setup: &Setup) -> Outcome {
    let (_dir, log) = setup.written()?;
    let mut records = log.read_all().map_err(text)?;
    log.close();
    if setup.close_file_after_write {
        let closed = matches!(records.next(), Some(Err(WalError::Closed { .. })));
        return same("reading fails", closed, true);
    }
    let records: Result<Vec<_>, _> = records.collect();
    let expected: Vec<_> = setup.records.iter().map(|record| record.as_bytes().to_vec()).collect();
    same("records", records.map_err(text)?, expected)
}

fn count_files(setup: &Setup, files: &str, records: &str) -> Outcome {
    let (dir, log) = setup.written()?;
    log.close();
    same("records", setup.records.len() as u64, number(records)?)?;
    same("files", log_files(&dir)?.len() as u64, number(files)?)
}

/// Clauses about the files' writer and readers, and about reading in parallel.
fn of_files(setup: &Setup, clause: &str) -> Option<Outcome> {
    let records: Vec<_> = setup.records.iter().map(|record| record.as_bytes().to_vec()).collect();
    let known: &[(&str, fn(&[Vec<u8>]) -> Outcome)] = &[
        ("every write is flushed", readable_at_once),
        ("reading the returned segment right after gives the record", readable_at_once),
        (
            "IllegalStateException next called without calling hasNext or after hasNext returned \
             false",
            sequential,
        ),
        ("garbage appended after the last record: all complete records are returned", garbage),
        ("hasNext == false, no exception, empty", missing_file),
        ("records read by segment in any permutation match", any_order),
    ];
    if let Some((_, check)) = known.iter().find(|(pattern, _)| is(clause, pattern)) {
        return Some(check(&records));
    }
    let cut = "truncating {n} byte{*} of the last record: all but the last are returned{*}";
    if let Some([bytes, ..]) = holes::<3>(clause, cut) {
        return Some(number(bytes).and_then(|bytes| cut_off(&records, bytes as usize)));
    }
    if let Some([most]) = holes(clause, "order preserved, >1 and <= {n} open at a time") {
        return Some(number(most).and_then(|most| parallel(setup, most)));
    }
    None
}

/// The records of a file; behind the last there is nothing, however often one asks.
fn read(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let mut reader = FrameReader::open(path).map_err(text)?;
    let mut records = Vec::new();
    while let Some((_, record)) = reader.next_frame().map_err(text)? {
        records.push(record);
    }
    same("after the end", reader.next_frame().map_err(text)?, None)?;
    Ok(records)
}

struct Written {
    dir: TempDir,
    handles: Vec<WalHandle>,
}

impl Written {
    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("log")
    }
}

fn write_frames(records: &[Vec<u8>]) -> Result<Written, String> {
    let dir = folder()?;
    let mut writer = FrameWriter::open(&dir.path().join("log")).map_err(text)?;
    let mut handles = Vec::new();
    for record in records {
        let handle = writer.write(record).map_err(text)?;
        // The writer is still open.
        same("at once", &read_at(&handle).map_err(text)?, record)?;
        handles.push(handle);
    }
    Ok(Written { dir, handles })
}

fn readable_at_once(records: &[Vec<u8>]) -> Outcome {
    write_frames(records).map(drop)
}

fn sequential(records: &[Vec<u8>]) -> Outcome {
    let written = write_frames(records)?;
    same("in sequence", read(&written.path())?, records.to_vec())
}

fn garbage(records: &[Vec<u8>]) -> Outcome {
    let written = write_frames(records)?;
    let bytes = std::fs::read(written.path()).map_err(text)?;
    std::fs::write(written.path(), [&bytes[..], b"garbage"].concat()).map_err(text)?;
    same("garbage behind", read(&written.path())?, records.to_vec())
}

fn cut_off(records: &[Vec<u8>], count: usize) -> Outcome {
    let written = write_frames(records)?;
    let bytes = std::fs::read(written.path()).map_err(text)?;
    let length = bytes.len().checked_sub(count).ok_or("so much is not there")?;
    std::fs::write(written.path(), &bytes[..length]).map_err(text)?;
    same("cut off", read(&written.path())?, records[..records.len() - 1].to_vec())
}

fn missing_file(_: &[Vec<u8>]) -> Outcome {
    same("records", read(&folder()?.path().join("nothing"))?, vec![])
}

fn any_order(records: &[Vec<u8>]) -> Outcome {
    let written = write_frames(records)?;
    // Forwards, backwards, and in steps that come by every record.
    let count = records.len();
    let step = (count / 2..count).find(|step| gcd(*step, count) == 1).unwrap_or(1);
    let orders = (0..count).chain((0..count).rev()).chain((0..count).map(|n| n * step % count));
    for n in orders {
        let record = read_at(&written.handles[n]).map_err(text)?;
        same("in any order", &record, &records[n])?;
    }
    Ok(())
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Works in a group of threads, and looks at how many worked at a time.
fn parallel(setup: &Setup, most_open: u64) -> Outcome {
    let threads = setup.threads.ok_or("threads is missing")? as usize;
    let items = setup.items.ok_or("items is missing")?;
    let (busy, most) = (Mutex::new(0_usize), Mutex::new(0_usize));
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
    same("more than one at a time", most > 1, true)?;
    same("no more than so many at a time", most as u64 <= most_open, true)
}

pub(super) fn wal_files(case: &Case<'_>) -> Outcome {
    let dir = tempfile::tempdir().map_err(text)?;
    let params = case.part("params");
    let rolling_interval_ms = 1_000 * params.int("rolling_interval_s")?;
    let options = FileWalOptions { rolling_interval_ms, ..Default::default() };
    let log = FileBasedWriteAheadLog::new(dir.path(), options).map_err(text)?;
    for time in params.list("write_times_ms")? {
        log.write(b"x", int(time)?).map_err(text)?;
    }
    params.finished()?;
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

/// The format of a file, clause by clause.
pub(super) fn wal_format(case: &Case<'_>) -> Outcome {
    let dir = folder()?;
    let options = FileWalOptions { checksums: false, ..Default::default() };
    let log = FileBasedWriteAheadLog::new(dir.path(), options).map_err(text)?;
    let first = log.write(b"ab", 5).map_err(text)?;
    let handle = log.write(b"cde", 6).map_err(text)?;
    let bytes = std::fs::read(&handle.path).map_err(text)?;
    for clause in clauses(case.text("expected")?, ';') {
        if let Some([size, order]) = holes(clause, "{n}-byte {w}-endian length followed by payload")
        {
            let head = |length: u64| {
                let size = number(size)? as usize;
                let bytes = length.to_be_bytes();
                let mut head = bytes[bytes.len().checked_sub(size).ok_or("too long")?..].to_vec();
                match order {
                    "big" => {}
                    "little" => head.reverse(),
                    _ => return unknown(clause),
                }
                Ok(head)
            };
            let expected = [head(2)?, b"ab".to_vec(), head(3)?, b"cde".to_vec()].concat();
            same("bytes", bytes.as_slice(), expected.as_slice())?;
        } else if is(clause, "segment handle = (path, offset of the length field, payload length)")
        {
            same("handle", (first.offset, first.length), (0, 2))?;
            // Two heads of the same length, and five bytes.
            let head = (bytes.len() as u64 - 5) / 2;
            let offset = head + 2;
            same("handle", (handle.offset, handle.length), (offset, 3))?;
            same("path", handle.path == LogFile::list(dir.path()).map_err(text)?[0].path, true)?;
        } else if is(clause, "random reader checks stored length == handle length") {
            let other = WalHandle { length: handle.length - 1, ..handle.clone() };
            same(clause, matches!(log.read(&other), Err(WalError::Damaged { .. })), true)?;
            same(clause, log.read(&handle).map_err(text)?.as_slice(), &b"cde"[..])?;
        } else {
            return unknown(clause);
        }
    }
    Ok(())
}
